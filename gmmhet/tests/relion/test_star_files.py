"""STAR files that we write, as RELION reads them: every row, every column, every value."""

import tempfile
import unittest
from pathlib import Path

import numpy as np

from gmmhet.engine.commands.main import main
from gmmhet.engine.config import SimulateConfig
from gmmhet.engine.io import read_particles, read_star, write_particles
from gmmhet.engine.simulate import Realism, simulate
from gmmhet.tests.support.conformance import conformance_file
from gmmhet.tests.support.relion import need_relion, relion

N = 60


class TestStarFiles(unittest.TestCase):
    """A data set as real, and results of an analysis of it with known coordinates."""

    @classmethod
    def setUpClass(cls):
        need_relion("relion_star_handler")
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = Path(cls.temporary.name)
        simulate(SimulateConfig("hinge11", particles=N, box=32, pixel_size=8.0, snr=0.1), cls.folder / "data",
                 realism=Realism())
        cls.particles = cls.folder / "data" / "particles.star"
        values = {"gmmhetLatent1": np.arange(N) / 10 - 3, "gmmhetLatentSd1": np.full(N, 0.5),
                  "gmmhetContrast": np.linspace(-1, 2, N), "gmmhetLogLikelihood": -1000.0 * np.arange(N)}
        refined = {"Rot": 10.0, "Tilt": 20.0, "Psi": -170.0, "OriginXAngst": 1.5, "OriginYAngst": -2.5}
        values |= {f"gmmhetRefined{k}": v + np.arange(N) / 100 for k, v in refined.items()}
        cls.latents = cls.folder / "latents.star"
        write_particles(cls.latents, read_particles(cls.particles),
                        {k: [f"{v:.6f}" for v in column] for k, column in values.items()})

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def passed_through(self, path: Path, *words: object, ignored: tuple[str, ...] = ()) -> int:
        """RELION's copy of a file has the same tables; returns the number of rows.

        Args:
            ignored: columns that RELION itself changes.
        """
        said = relion("relion_star_handler", "--i", path.name, "--o", "copy.star", *words, folder=path.parent)
        self.assertNotIn("ERROR", said)
        ours, copy = read_star(path), read_star(path.parent / "copy.star")
        self.assertEqual(set(ours), set(copy))
        for name in ours:
            self.assertEqual(set(ours[name].columns), set(copy[name].columns) | set(ignored))
            for column in set(ours[name].columns) - set(ignored):
                a, b = list(ours[name].texts(column)), list(copy[name].texts(column))
                if a != b:  # RELION writes six decimals, or six digits of large numbers, of a float in 12 characters
                    np.testing.assert_allclose([float(v) for v in b], [float(v) for v in a], rtol=2e-6, atol=6e-6,
                                               err_msg=column)
        return len(copy["particles"])

    def test_particles_of_a_simulation(self):
        self.assertEqual(self.passed_through(self.particles), N)
        self.assertEqual(self.passed_through(self.folder / "data" / "truth" / "particles.star"), N)

    def test_latents(self):
        self.assertEqual(self.passed_through(self.latents), N)

    def test_import(self):
        out = self.folder / "imported.star"
        self.assertEqual(main(["import", str(self.particles), "-o", str(out)]), 0)
        self.assertEqual(self.passed_through(out), N)

    def test_import_of_an_older_file_is_converted_by_relion(self):
        """One table, pixel size by magnification, origins in pixels: RELION makes optics groups of it."""
        source = conformance_file("metadata/FinalRefinement-OriginalParticles-PfCRT.star")
        out = self.folder / "older.star"
        self.assertEqual(main(["import", str(source), "--no-images", "-o", str(out)]), 0)
        relion("relion_star_handler", "--i", "older.star", "--o", "converted.star", folder=self.folder)
        ours, converted = read_particles(out, images=False), read_star(self.folder / "converted.star")
        self.assertEqual(converted["optics"].floats("rlnImagePixelSize").round(4).tolist(),
                         [round(o.pixel_size, 4) for o in ours.optics])
        rows = converted["particles"]
        np.testing.assert_allclose(rows.floats("rlnAnglePsi"), ours.angles[:, 2], atol=1e-5)
        for axis, name in enumerate("XY"):
            np.testing.assert_allclose(rows.floats(f"rlnOrigin{name}Angst"), ours.origins[:, axis], atol=1e-5)

    def test_import_of_cryosparc(self):
        source = conformance_file("metadata/cryosparc_P12_J24_001_particles.cs")
        out = self.folder / "cs.star"
        self.assertEqual(main(["import", str(source), "--no-images", "-o", str(out)]), 0)
        self.assertEqual(self.passed_through(out), 2019)

    def test_export_of_a_stretch(self):
        out = self.folder / "data" / "stretch.star"
        self.assertEqual(main(["export", str(self.latents), "--particles", str(self.particles), "--mode", "1",
                               "--from=-1", "--to=1", "-o", str(out)]), 0)
        self.assertEqual(self.passed_through(out), 21)

    def test_export_of_refined_poses_and_coordinates(self):
        out = self.folder / "data" / "refined.star"
        self.assertEqual(main(["export", str(self.latents), "--particles", str(self.particles), "--refined-poses",
                               "--with-coordinates", "-o", str(out)]), 0)
        self.assertEqual(self.passed_through(out), N)
        table = read_star(out.parent / "copy.star")["particles"]
        np.testing.assert_allclose(table.floats("rlnAnglePsi"), -170 + np.arange(N) / 100, atol=1e-5)

    def test_relion_selects_by_our_columns_and_by_half_set(self):
        for column, least, most, expected in (("rlnRandomSubset", 1, 1, N // 2), ("rlnRandomSubset", 2, 2, N // 2)):
            relion("relion_star_handler", "--i", self.latents.name, "--o", "half.star", "--select", column, "--minval",
                   least, "--maxval", most, folder=self.folder)
            self.assertEqual(len(read_star(self.folder / "half.star")["particles"]), expected)

    def test_relion_combines_two_of_our_subsets(self):
        for name, stretch in (("low", "--to=-1.05"), ("high", "--from=-1.05")):
            self.assertEqual(main(["export", str(self.latents), "--particles", str(self.particles), "--mode", "1",
                                   stretch, "-o", str(self.folder / "data" / f"{name}.star")]), 0)
        relion("relion_star_handler", "--combine", "--i", "low.star high.star", "--check_duplicates", "rlnImageName",
               "--o", "both.star", folder=self.folder / "data")
        both = read_star(self.folder / "data" / "both.star")["particles"]
        self.assertEqual(sorted(both.texts("rlnImageName")), list(read_star(self.particles)["particles"].texts(
            "rlnImageName")))


if __name__ == "__main__":
    unittest.main()
