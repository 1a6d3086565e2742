"""Maps that RELION makes of our exports, against the maps that we give of the same particles."""

import tempfile
import unittest
from pathlib import Path

import numpy as np

from gmmhet.engine.commands.main import main
from gmmhet.engine.config import SimulateConfig
from gmmhet.engine.io import read_map, read_particles, write_particles
from gmmhet.engine.simulate import simulate
from gmmhet.engine.simulate.refinement_maps import shell_correlation
from gmmhet.tests.support.relion import need_relion, relion

BOX, PIXEL, N = 32, 8.0, 400


class TestReconstruction(unittest.TestCase):
    """The stretch of hinge angles above zero, exported, reconstructed by both programs."""

    @classmethod
    def setUpClass(cls):
        need_relion("relion_reconstruct")
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = Path(cls.temporary.name)
        simulate(SimulateConfig("hinge11", particles=N, box=BOX, pixel_size=PIXEL, snr=1.0), cls.folder)
        angle = np.genfromtxt(cls.folder / "truth.csv", delimiter=",", names=True)["coordinate"]
        latents, particles = cls.folder / "latents.star", cls.folder / "particles.star"
        write_particles(latents, read_particles(particles), {
            "gmmhetLatent1": [f"{v / 10:.6f}" for v in angle], "gmmhetLatentSd1": ["0.100000"] * N,
            "gmmhetContrast": ["1.000000"] * N})
        cls.stretch = cls.folder / "stretch.star"
        for words in (["export", latents, "--particles", particles, "--mode", 1, "--from=0", "-o", cls.stretch],
                      ["reconstruct", cls.stretch, "--latents", latents, "--n", 1, "--threads", 1, "-o",
                       cls.folder / "maps"]):
            assert main([str(w) for w in words]) == 0, words

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def correlation(self, ours: str, *words: object) -> np.ndarray:
        """FSC by shell between a map of ours and RELION's of the same particles."""
        relion("relion_reconstruct", "--i", "stretch.star", "--o", "relion.mrc", "--ctf", *words, folder=self.folder)
        theirs = read_map(self.folder / "relion.mrc")
        self.assertAlmostEqual(theirs.pixel_size, PIXEL, places=4)
        return shell_correlation(read_map(self.folder / "maps" / ours).data.astype(float), theirs.data.astype(float))

    def test_map_of_all_to_32_angstrom_and_beyond_it_ours_is_the_nearer_to_the_truth(self):
        """RELION's program has no regularisation: where views are few its map is noise, beyond shell 8 of 16."""
        self.assertGreater(self.correlation("map_01.mrc")[:9].min(), 0.98)
        truth = sum(read_map(self.folder / "truth" / f"state_{i:02d}.mrc").data.astype(float) for i in range(5, 11))
        ours, theirs = (shell_correlation(read_map(self.folder / name).data.astype(float), truth)
                        for name in ("maps/map_01.mrc", "relion.mrc"))
        self.assertGreater((ours - theirs)[9:14].min(), 0.0)
        self.assertGreater(ours[1:14].min(), 0.95)

    def test_half_sets_are_relions(self):
        """Noise of the same images agrees, noise of the others does not."""
        same = self.correlation("map_01_half1.mrc", "--subset", 1)
        crossed = self.correlation("map_01_half1.mrc", "--subset", 2)
        self.assertGreater(same[:8].min(), 0.97)
        self.assertGreater((same - crossed)[9:15].min(), 0.08)
        self.assertGreater(self.correlation("map_01_half2.mrc", "--subset", 2)[:8].min(), 0.97)


if __name__ == "__main__":
    unittest.main()
