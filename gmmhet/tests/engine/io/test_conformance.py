"""Files that other programs wrote, each read or refused as it must be."""

import tempfile
import unittest
from pathlib import Path

import numpy as np
from scipy.linalg import expm

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import read_particles, read_star, write_particles, write_selection
from gmmhet.tests.support.conformance import conformance_file

_P12 = "metadata/cryosparc_P12_J24_001_particles.cs"


class TestCryosparc(unittest.TestCase):
    def test_poses_shifts_and_ctf(self) -> None:
        """The rotation vector is exponentiated here; its transpose is A, as pyem and cryoDRGN take it too."""
        path = conformance_file(_P12)
        raw, table = np.load(path), read_particles(path, images=False)
        self.assertEqual((len(table), table.box), (2019, 180))
        self.assertAlmostEqual(table.pixel_size, 2.95, places=6)
        for i in range(0, 2019, 211):
            x, y, z = raw["alignments3D/pose"][i].astype(float)
            turned = expm(np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]))
            np.testing.assert_allclose(table.rotations[i], turned.T, atol=1e-6)
        np.testing.assert_allclose(table.origins, raw["alignments3D/shift"] * np.float32(2.95), rtol=1e-6)
        np.testing.assert_allclose(table.defocus[:, :2], np.stack([raw["ctf/df1_A"], raw["ctf/df2_A"]], axis=1))
        np.testing.assert_allclose(table.defocus[:, 2], raw["ctf/df_angle_rad"] * 180 / np.pi, rtol=1e-6)
        np.testing.assert_array_equal(table.half_set, raw["alignments3D/split"] + 1)
        self.assertEqual({(o.voltage, o.spherical_aberration) for o in table.optics}, {(200.0, 2.0)})

    def test_selection_keeps_every_field(self) -> None:
        path = conformance_file(_P12)
        raw, table = np.load(path), read_particles(path, images=False)
        rows = np.random.default_rng(0).permutation(2019)[:77]
        with tempfile.TemporaryDirectory() as folder:
            write_selection(Path(folder) / "some.cs", table, rows)
            again = np.load(Path(folder) / "some.cs")
        self.assertEqual(again.dtype, raw.dtype)
        self.assertEqual(again.tobytes(), raw[rows].tobytes())

    def test_as_star(self) -> None:
        table = read_particles(conformance_file(_P12), images=False)
        with tempfile.TemporaryDirectory() as folder:
            write_particles(Path(folder) / "all.star", table)
            again = read_particles(Path(folder) / "all.star", images=False)
        np.testing.assert_allclose(again.rotations, table.rotations, atol=1e-7)
        np.testing.assert_allclose(again.origins, table.origins, atol=1e-6)
        np.testing.assert_array_equal(again.half_set, table.half_set)
        uids = np.array([int(t) for t in again.tables["particles"].texts("gmmhetCryosparcUid")], np.uint64)
        np.testing.assert_array_equal(uids, table.records["uid"])

    def test_refusals(self) -> None:
        for name, words in (("cryosparc_J2_particles_exported.cs", "no 3D alignment"),
                            ("cryosparc_zero_rows.cs", "no particles")):
            with self.subTest(name), self.assertRaisesRegex(InputError, words):
                read_particles(conformance_file(f"metadata/{name}"), images=False)


class TestRelion(unittest.TestCase):
    def test_before_3_1(self) -> None:
        """Pixel size of magnification and detector, origins in pixels."""
        path = conformance_file("metadata/FinalRefinement-OriginalParticles-PfCRT.star")
        with self.assertLogs("gmmhet", "WARNING") as logged:
            table = read_particles(path, images=False)
        self.assertIn("no column rlnAmplitudeContrast", logged.output[0])
        raw = read_star(path)["images"]
        pixel = 1e4 * raw.floats("rlnDetectorPixelSize")[0] / raw.floats("rlnMagnification")[0]
        self.assertEqual((len(table), len(table.optics)), (5, 1))
        self.assertAlmostEqual(table.pixel_size, pixel)
        np.testing.assert_allclose(table.origins[:, 1], raw.floats("rlnOriginY") * pixel)

    def test_new_poses_go_into_pixels_there(self) -> None:
        path = conformance_file("metadata/FinalRefinement-OriginalParticles-PfCRT.star")
        table = read_particles(path, images=False)
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "some.star"
            write_selection(target, table, [4, 2], poses=([[1, 2, 3], [4, 5, 6]], [[1.5, 2.5], [-1, -2]]))
            again, before = read_star(target)["images"], read_star(path)["images"]
            np.testing.assert_allclose(read_particles(target, images=False).origins, [[1.5, 2.5], [-1, -2]], atol=1e-5)
        self.assertEqual(list(again.columns), list(before.columns))
        changed = {"rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi", "rlnOriginX", "rlnOriginY"}
        for name in set(before.columns) - changed:
            self.assertEqual(again.texts(name), [before.texts(name)[i] for i in (4, 2)])

    def test_round_trips_keep_every_text(self) -> None:
        for name in ("relion31.star", "relion31.v2.star", "relion5.star", "relion31.6opticsgroups.star",
                     "FinalRefinement-OriginalParticles-PfCRT.star"):
            path = conformance_file(f"metadata/{name}")
            table = read_particles(path, images=False)
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                write_selection(Path(folder) / name, table, np.arange(len(table)))
                before, after = read_star(path), read_star(Path(folder) / name)
            self.assertEqual(before.keys(), after.keys())
            for block in before:
                self.assertEqual(before[block].columns, after[block].columns)
                self.assertEqual(list(before[block].columns), list(after[block].columns))

    def test_without_poses(self) -> None:
        for name in ("empiar_10076_7.star", "empiar_10076_7.cs"):
            with self.assertRaisesRegex(InputError, "orientations|3D alignment"):
                read_particles(conformance_file(f"empiar10076_7/{name}"), images=False)

    def test_poses_of_another_program(self) -> None:
        """EMPIAR-10076: matrices and shifts (fractions of the box) as cryoDRGN keeps them."""
        table = read_particles(conformance_file("empiar10076_7/particles.star"), images=False)
        with np.load(conformance_file("empiar10076_7/poses_ctf.npz")) as known:
            np.testing.assert_allclose(table.rotations, known["rot"], atol=1e-5)
            np.testing.assert_allclose(table.origins, known["trans_frac"] * 320 * 1.31, atol=1e-3)


if __name__ == "__main__":
    unittest.main()
