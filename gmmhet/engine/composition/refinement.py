"""The extent of blocks that are known: smaller parcels, and places around the molecule, divided over them.

Once it is known which particles have a block, its density is that by which their images differ: much fewer of them
tell this than are needed to find that anything comes and goes.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gmmhet.engine.composition.beyond import candidates, with_added
from gmmhet.engine.composition.images import Images
from gmmhet.engine.composition.motion import without_motion
from gmmhet.engine.composition.parcels import clusters
from gmmhet.engine.composition.particle_equations import ParticleEquations
from gmmhet.engine.composition.presence import BlockModel, fitted, with_memberships
from gmmhet.engine.composition.settings import BLOCKS, REFINEMENT
from gmmhet.engine.molecule.gaussians import GaussianModel

__all__ = ["finer_within", "refined_blocks"]

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]


def refined_blocks(images: Images, parcel: Numbers, model: BlockModel, of: tuple[Numbers, Array], seed: int,
                   ) -> tuple[Images, Numbers, ParticleEquations, BlockModel]:
    """Blocks of smaller parcels.

    Args:
        parcel: [N] of each Gaussian, from 0. model: of these parcels. of: rows of the particles that tell the extent
            of blocks, and the variances of the coordinates.
    Returns:
        images with the Gaussians that were added; their parcels; the equations, with the coordinates; and the model.
    """
    rows, variances = of
    gaussians = images.analysed.model
    finer, parent = finer_within(gaussians.centers, parcel, model.block, images.resolution, seed)
    around = _around(images, np.flatnonzero(model.block[parcel] > 0), seed)
    members = model.members[parent]
    if around is not None:
        whole, owner = around
        images = images.of_gaussians(whole)
        finer = np.concatenate([finer, owner + len(parent)])
        members = np.pad(members, ((0, int(owner.max()) + 1), (0, 0)))
    equations = images.equations(finer, rows)
    some = without_motion(equations, variances)
    model = fitted(some, BlockModel(members, model.combinations, model.shares, model.contrast), 2)
    for _ in range(BLOCKS.memberships):
        model = fitted(some, with_memberships(some, model), 2)
    return images, finer, equations, model


def finer_within(centers: Array, parcel: Numbers, block: Numbers, resolution: float, seed: int,
                 ) -> tuple[Numbers, Numbers]:
    """Parcels in blocks or beside them, divided down to single Gaussians where there is room for so many.

    Args:
        centers: [N, 3] Angstrom. parcel: [N] from 0. block: [P] of each parcel, from 1; 0: always there.
    Returns:
        [N] number of the smaller parcel, from 0; [Q] the parcel that each was a part of.
    """
    inside = block[parcel] > 0
    near = cKDTree(centers[inside]).query(centers)[0] < REFINEMENT.reach * resolution
    open_to = np.bincount(parcel, near, len(block)) > 0
    room = max(REFINEMENT.parcels - len(block), 0)
    pieces = np.where(open_to, np.bincount(parcel, minlength=len(block)), 1)
    if (pieces - 1).sum() > room:
        pieces = 1 + ((pieces - 1) * room / (pieces - 1).sum()).astype(int)
    out = np.zeros(len(parcel), np.int64)
    parent: list[int] = []
    for p, number in enumerate(pieces):
        own = np.flatnonzero(parcel == p)
        label = clusters(centers[own], int(number), seed)
        out[own] = label + len(parent)
        parent += [p] * (int(label.max()) + 1)
    return out, np.array(parent, np.int64)


def _around(images: Images, inside: Numbers, seed: int) -> tuple[GaussianModel, Numbers] | None:
    """The Gaussians with those of places around the molecule that are beside a block, and the parcels of these, from 0.

    Args:
        inside: Gaussians of blocks.
    """
    gaussians = images.analysed.model
    found = candidates(gaussians, images.resolution, seed)
    if found is None:
        return None
    added, owner = found
    near = cKDTree(gaussians.centers[inside]).query(added.centers)[0] < REFINEMENT.reach * images.resolution
    chosen = np.unique(owner[near])
    order = np.argsort(-np.bincount(owner[near], minlength=int(owner.max()) + 1)[chosen], kind="stable")
    some = np.isin(owner, chosen[order][:REFINEMENT.around])
    if not some.any():
        return None
    return with_added(gaussians, added, some), np.unique(owner[some], return_inverse=True)[1].ravel()
