"""What the pages of an analysis by a likelihood subspace hold (gmmhet.engine.runtime.checkpoint)."""

from gmmhet.engine.subspace import em
from gmmhet.engine.subspace.curved_modes import CurvedModel
from gmmhet.engine.subspace.local_pose import Body, LocalPoseModel
from gmmhet.engine.subspace.mode_selection import HeldOutGains
from gmmhet.engine.subspace.subunits import SubunitModel

__all__ = ["PIECES"]

#: dataclasses; a model of another decoder is added here
PIECES: tuple[type, ...] = (*em.PIECES, HeldOutGains, LocalPoseModel, Body, SubunitModel, CurvedModel)
