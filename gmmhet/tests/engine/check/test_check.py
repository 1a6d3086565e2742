"""The preflight: planted faults are named rightly, sane data pass, real images are told for what they are."""

import contextlib
import dataclasses
import io
import json
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from gmmhet.engine.check import check, check_poses, require_sane_poses
from gmmhet.engine.check.findings import pose_problem, pose_warnings, unsure
from gmmhet.engine.commands.main import main
from gmmhet.engine.config import SimulateConfig
from gmmhet.engine.conventions import matrix_to_euler
from gmmhet.engine.errors import InputError
from gmmhet.engine.io import (
    DensityMap,
    read_map,
    read_particles,
    read_star,
    write_map,
    write_stack,
    write_star,
)
from gmmhet.engine.simulate import simulate
from gmmhet.tests.support.checked_set import BOX, PIXEL, CheckedSet
from gmmhet.tests.support.conformance import conformance_file


class TestPlantedFaults(CheckedSet):
    def test_sane_data_pass(self) -> None:
        found = check_poses(self.table, self.map)
        self.assertTrue(found.fit)
        self.assertIsNone(found.better)
        self.assertIsNone(found.scale)
        self.assertEqual(found.sign, 1)
        self.assertGreater(found.rank, 0.95)
        self.assertIsNone(pose_problem(found, "p.star", "m.mrc"))
        self.assertEqual(pose_warnings(found), [])

    def test_shifts(self) -> None:
        self.assertEqual(self.named(self.changed(origins=-self.table.origins)), "negated_shifts")
        self.assertEqual(self.named(self.changed(origins=self.table.origins / PIXEL)), "shifts_in_pixels")
        self.assertEqual(self.named(self.changed(origins=self.table.origins * PIXEL)), "shifts_multiplied")

    def test_poor_shifts_are_no_other_reading(self) -> None:
        """Errors a little larger than the shifts: shorter ones fit better, but no program wrote them so."""
        simulate(SimulateConfig("hinge11", 500, BOX, PIXEL, 1.0), self.folder / "many")
        table, density = (read(self.folder / "many" / n) for read, n in (
            (read_particles, "particles.star"), (read_map, "consensus.mrc")))
        noise = np.random.default_rng(4).normal(0, 1.2 * table.origins.std(), table.origins.shape)
        found = check_poses(dataclasses.replace(table, origins=table.origins + noise), density)
        self.assertIsNone(pose_problem(found, "p.star", "m.mrc"))
        self.assertTrue(found.better[0].control)
        self.assertIn("the errors of the shifts seem to be about as large as the shifts", pose_warnings(found)[0])

    def test_rotations(self) -> None:
        inverse = np.swapaxes(self.table.rotations, 1, 2)
        self.assertEqual(self.named(self.changed(angles=matrix_to_euler(inverse))), "inverse_rotation")
        rot, tilt, psi = self.table.angles.T
        for name, angles in (("negated_psi", (rot, tilt, -psi)), ("exchanged_angles", (psi, tilt, rot)),
                             ("psi_minus_90", (rot, tilt, psi + 90)), ("rot_plus_90", (rot - 90, tilt, psi))):
            self.assertEqual(self.named(self.changed(angles=np.stack(angles, axis=1))), name)

    def test_mirrored_maps(self) -> None:
        """About the origin voxel (index i to -i, modulo the box), and by reversing the order of the voxels."""
        for axis, name in enumerate("zyx"):
            flipped = np.flip(self.map.data, axis)
            centred = np.roll(flipped, 1, axis)
            self.assertEqual(self.named(density=DensityMap(centred, PIXEL)), f"mirrored_map_{name}")
            self.assertEqual(self.named(density=DensityMap(flipped, PIXEL)), f"mirrored_map_{name}_reversed")
        inverted = np.roll(self.map.data[::-1, ::-1, ::-1], (1, 1, 1), (0, 1, 2))
        self.assertEqual(self.named(density=DensityMap(inverted, PIXEL)), "mirrored_map_centre")

    def test_mirrored_images(self) -> None:
        """Rows from bottom to top; the origin pixel stays."""
        raw = self.table.images(np.arange(len(self.table)))
        for axis, name in ((1, "mirrored_images_y"), (2, "mirrored_images_x")):
            path = self.folder / f"{name}.mrcs"
            write_stack(path, raw.shape, PIXEL, [np.roll(np.flip(raw, axis), 1, axis)])
            self.assertEqual(self.named(self.changed(stacks=(path,))), name)

    def test_phases_flipped_already(self) -> None:
        """Multiplied by the sign of the CTF, which is written out here from its definition."""
        raw = self.table.images(np.arange(len(self.table))).astype(np.float64)
        k = np.fft.fftfreq(BOX, PIXEL)
        ky, kx = k[:, None], k[:BOX // 2 + 1].copy()
        kx[-1] = abs(kx[-1])
        volt = 3e5
        wavelength = 12.2643247 / np.sqrt(volt * (1 + 0.978466e-6 * volt))
        u, v, angle = (self.table.defocus[:, i, None, None] for i in range(3))
        defocus = (u + v) / 2 + (u - v) / 2 * np.cos(2 * (np.arctan2(ky, kx) - np.deg2rad(angle)))
        k2 = kx**2 + ky**2
        phase = np.pi * wavelength * defocus * k2 - np.pi / 2 * 2.7e7 * wavelength**3 * k2**2 + np.arcsin(0.1)
        flipped = np.fft.irfft2(np.fft.rfft2(raw) * np.sign(np.sin(phase)), s=(BOX, BOX))
        path = self.folder / "flipped.mrcs"
        write_stack(path, raw.shape, PIXEL, [flipped.astype(np.float32)])
        self.assertEqual(self.named(self.changed(stacks=(path,))), "flipped_phases")

    def test_pixel_size(self) -> None:
        for wrong in (1.1, 0.85):
            found = check_poses(self.table, DensityMap(self.map.data, PIXEL * wrong))
            self.assertAlmostEqual(found.scale, 1 / wrong, delta=0.02)
            told = (pose_problem(found, "p.star", "m.mrc") or "") + "".join(pose_warnings(found))
            self.assertIn("pixel size", told)
            self.assertIn("larger" if wrong < 1 else "smaller", told)

    def test_inverted_contrast(self) -> None:
        found = check_poses(self.table, DensityMap(-self.map.data, PIXEL))
        self.assertEqual(found.sign, -1)
        self.assertTrue(found.fit)
        self.assertIsNone(found.better)

    def test_poses_of_other_particles(self) -> None:
        order = np.random.default_rng(5).permutation(len(self.table))
        found = check_poses(self.changed(angles=self.table.angles[order]), self.map)
        self.assertFalse(found.fit)
        self.assertIsNone(found.better)
        self.assertRegex(pose_problem(found, "p.star", "m.mrc"), "^p.star: the given poses fit m.mrc no better than")


    def test_a_map_that_was_moved_and_turned(self) -> None:
        """By phases of its transform, and by interpolation about the origin voxel; found to 1 A and 1 degree."""
        k = np.fft.fftfreq(BOX, PIXEL)
        wave = np.exp(-2j * np.pi * (-2.5 * k[:, None, None] + 1.5 * k[:, None] + 4.0 * k))  # z, y, x
        moved = np.fft.ifftn(np.fft.fftn(self.map.data) * wave).real.astype(np.float32)
        found = check_poses(self.table, DensityMap(moved, PIXEL))
        np.testing.assert_allclose(found.frame.move, [-4.0, -1.5, 2.5], atol=1.0)
        self.assertTrue(found.frame.moved and not found.frame.turned)
        self.assertIn("the map fits best moved by (", pose_warnings(found)[0])
        turn = Rotation.from_rotvec([3.0, 0.0, -5.0], degrees=True).as_matrix()[::-1, ::-1]  # of z, y, x
        middle = np.full(3, BOX // 2)
        turned = ndimage.affine_transform(self.map.data, turn.T, offset=middle - turn.T @ middle, order=3)
        found = check_poses(self.table, DensityMap(turned, PIXEL))
        np.testing.assert_allclose(found.frame.turn, [-3.0, 0.0, 5.0], atol=1.0)
        self.assertTrue(found.frame.turned and not found.frame.moved)
        sane = check_poses(self.table, self.map).frame
        self.assertFalse(sane.moved or sane.turned)
        self.assertTrue(np.all(np.abs(sane.move) < 4 * sane.move_error + 0.1))

    def test_a_map_of_noise_has_no_better_reading(self) -> None:
        """What agrees by chance in one of many readings does not count."""
        for seed in range(3):
            noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(BOX,) * 3), 1.5)
            found = check_poses(self.table, DensityMap(noise.astype(np.float32), PIXEL))
            self.assertIsNone(found.better)
            self.assertTrue(unsure(found) or not found.fit)  # what fits it by chance is not said to fit


class TestCommand(CheckedSet):
    def run_check(self, *arguments: object) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = main(["check", *map(str, arguments)])
        return status, out.getvalue(), err.getvalue()

    def test_sane(self) -> None:
        found, picture = self.folder / "found.json", self.folder / "found.png"
        status, text, _ = self.run_check(self.folder / "particles.star", self.folder / "consensus.mrc",
                                         "--json", found, "--plot", picture)
        self.assertEqual(status, 0)
        self.assertIn("verdict       poses, sign of the contrast and pixel size fit the map as given", text)
        self.assertIn("particles     150 in 1 stack(s), 3 micrograph(s)", text)
        self.assertIn("images        32 pixels of 8 Å: 256 Å", text)
        self.assertLess(len(text.splitlines()), 45)
        told = json.loads(found.read_text())
        self.assertEqual((told["particles"]["n_particles"], told["poses"]["contrast_sign"], told["problem"]),
                         (150, 1, None))
        self.assertEqual(picture.read_bytes()[:8], b"\x89PNG\r\n\x1a\n")

    def test_without_a_map(self) -> None:
        status, text, _ = self.run_check(self.folder / "particles.star")
        self.assertEqual(status, 0)
        self.assertIn("no map was given", text)

    def test_nonsense_is_one_line_and_status_2(self) -> None:
        tables = read_star(self.folder / "particles.star")
        for axis in "XY":
            tables["particles"].columns[f"rlnOrigin{axis}Angst"] = [
                str(-float(v)) for v in tables["particles"].columns[f"rlnOrigin{axis}Angst"]]
        wrong = self.folder / "wrong.star"
        write_star(wrong, list(tables.values()))
        status, text, error = self.run_check(wrong, self.folder / "consensus.mrc")
        self.assertEqual(status, 2)
        self.assertIn("verdict", text)
        (line,) = [words for words in error.splitlines() if words.startswith("gmmhet: error")]
        self.assertIn("the shifts have the opposite sign", line)
        self.assertIn(str(wrong), line)

    def test_picture_of_no_known_kind(self) -> None:
        status, _, error = self.run_check(self.folder / "particles.star", "--plot", self.folder / "found.txt")
        self.assertEqual(status, 2)
        self.assertIn("expected a name ending in .png", error)

    def test_a_run_stops_before_any_work(self) -> None:
        order = np.random.default_rng(5).permutation(len(self.table))
        with self.assertRaisesRegex(InputError, "no better than shuffled"):
            require_sane_poses(self.changed(angles=self.table.angles[order]), self.map, "m.mrc")
        with self.assertLogs("gmmhet", "INFO") as log, \
                mock.patch("gmmhet.engine.check.orientations.gross_errors", return_value=None):
            require_sane_poses(self.table, self.map, "m.mrc")
        self.assertIn("poses checked: mean correlation", log.output[-1])

    def test_run_checks_first_unless_told_not_to(self) -> None:
        order = np.random.default_rng(5).permutation(len(self.table))
        tables = read_star(self.folder / "particles.star")
        star = tables["particles"]
        star.columns |= {c: [star.columns[c][i] for i in order] for c in ("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi")}
        write_star(self.folder / "shuffled.star", list(tables.values()))
        arguments = ["run", str(self.folder / "shuffled.star"), str(self.folder / "consensus.mrc"), "-o",
                     str(self.folder / "job")]
        err = io.StringIO()
        with contextlib.redirect_stderr(err):
            self.assertEqual(main(arguments), 2)
        self.assertIn("no better than shuffled", err.getvalue())
        self.assertFalse((self.folder / "job").exists())
        with mock.patch("gmmhet.engine.commands.run.fit_density", side_effect=InputError("reached the fit")), \
                contextlib.redirect_stderr(err):
            self.assertEqual(main([*arguments, "--no-check"]), 2)
        self.assertIn("reached the fit", err.getvalue())

    def test_few_particles_get_a_warning_only(self) -> None:
        some = np.arange(10)
        order = np.roll(some, 1)
        few = dataclasses.replace(
            self.table, ids=self.table.ids[some], stack_index=self.table.stack_index[some],
            slice_index=self.table.slice_index[some], angles=self.table.angles[order], origins=self.table.origins[some],
            defocus=self.table.defocus[some], optics_index=self.table.optics_index[some],
            half_set=self.table.half_set[some], micrograph=self.table.micrograph[some])
        with self.assertLogs("gmmhet", "WARNING") as log:
            require_sane_poses(few, self.map, "m.mrc")
        self.assertIn("too few particles to be sure (10); their poses do not fit", log.output[0])


class TestRealImages(unittest.TestCase):
    def test_seven_images_of_empiar_10076(self) -> None:
        """Inverted contrast, and poses that fit better than each of 200 shuffled assignments; too few to be sure."""
        star, density = (conformance_file(f"empiar10076_7/{n}") for n in ("particles.star", "classD_13.1A.mrc"))
        found = check(star, density)
        self.assertEqual(found.poses.sign, -1)
        self.assertTrue(found.poses.fit)
        self.assertEqual(len(found.poses.shuffled), 200)
        self.assertGreater(abs(found.poses.given), 1.5 * np.abs(found.poses.shuffled).max())
        self.assertIsNone(found.problem)
        self.assertEqual(found.images.brightness, -1)
        self.assertIn("too few particles", found.verdict)

    def test_images_of_another_program(self) -> None:
        """A bright voxel projected by relion_project: poses and shifts fit as given, and no other reading does."""
        star = conformance_file("relion_project/relion_proj_batch.star")
        volume = conformance_file("relion_project/pointmass.mrc")
        table = read_particles(star)
        density = read_map(volume, pixel_size=table.pixel_size)
        with tempfile.TemporaryDirectory() as folder:
            write_map(Path(folder) / "map.mrc", density.data, table.pixel_size)
            found = check_poses(table, read_map(Path(folder) / "map.mrc"))
        self.assertTrue(found.fit)
        self.assertGreater(found.given, 0.9)
        self.assertIsNone(found.better)
        for name in ("negated_shifts", "no_shifts", "shifts_in_pixels", "inverse_rotation", "mirrored_map_x"):
            self.assertLess(abs(found.readings[name]), 0.8 * found.given, name)


if __name__ == "__main__":
    unittest.main()
