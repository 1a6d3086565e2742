"""A simulated set that checks are tried on."""

import dataclasses
import tempfile
import unittest
from pathlib import Path

import numpy as np

from gmmhet.engine.check import check_poses
from gmmhet.engine.config import SimulateConfig
from gmmhet.engine.io import (
    DensityMap,
    ParticleTable,
    read_map,
    read_particles,
)
from gmmhet.engine.simulate import simulate

__all__ = ["BOX", "PIXEL", "CheckedSet"]

BOX, PIXEL = 32, 8.0


class CheckedSet(unittest.TestCase):
    """One hinge, noisy, on a grid of 32 px of 8 A."""

    @classmethod
    def setUpClass(cls) -> None:
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.folder = Path(holder.name)
        simulate(SimulateConfig("hinge11", 150, BOX, PIXEL, 0.2), cls.folder)
        cls.table = read_particles(cls.folder / "particles.star")
        cls.map = read_map(cls.folder / "consensus.mrc")

    def named(self, table: ParticleTable | None = None, density: DensityMap | None = None) -> str | None:
        """The name of the reading that the check finds to be better."""
        found = check_poses(table or self.table, density or self.map)
        return found.better and found.better[0].name

    def changed(self, **values: np.ndarray) -> ParticleTable:
        return dataclasses.replace(self.table, **values)
