"""STAR files and particle tables: nothing lost in a round trip; real files of RELION; clear refusals."""

import tempfile
import unittest
from pathlib import Path

import numpy as np

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import (
    StarTable,
    read_particles,
    read_star,
    write_particles,
    write_selection,
    write_stack,
    write_star,
)
from gmmhet.engine.io.texts import TextColumn
from gmmhet.tests.support.conformance import conformance_file

_OPTICS = """
data_optics

loop_
_rlnOpticsGroupName #1
_rlnOpticsGroup #2
_rlnVoltage #3
_rlnSphericalAberration #4
_rlnAmplitudeContrast #5
_rlnImagePixelSize #6
_rlnImageSize #7
second 7 200 1.4 0.07 2.5 12
first 3 300 2.7 0.1 2.5 12
"""
_PARTICLES = """
data_particles

loop_
_rlnImageName #1
_rlnAngleRot #2
_rlnAngleTilt #3
_rlnAnglePsi #4
_rlnOriginXAngst #5
_rlnOriginYAngst #6
_rlnDefocusU #7
_rlnDefocusV #8
_rlnDefocusAngle #9
_rlnPhaseShift #10
_rlnOpticsGroup #11
_rlnRandomSubset #12
_rlnSomethingOdd #13
000003@stack.mrcs 10.50 20 30 1.25 -2.5 15000.125 14000 45 90 3 2 "two words"
1@stack.mrcs -170 95.000 0 0 0 15001 14001 -45 0 7 1 1.50e+01
"""


class StarCase(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        images = np.arange(3 * 144, dtype=np.float32).reshape(3, 12, 12)
        write_stack(self.folder / "stack.mrcs", images.shape, 2.5, [images[:2], images[2:]])
        self.star = self.folder / "particles.star"
        self.write()

    def write(self, optics: str = _OPTICS, particles: str = _PARTICLES) -> None:
        self.star.write_text(optics + particles)


class TestReading(StarCase):
    def test_every_particle_has_its_own_values(self) -> None:
        for order in ((_OPTICS, _PARTICLES), (_PARTICLES, _OPTICS)):
            self.write(*order)
            table = read_particles(self.star)
            self.assertEqual([table.optics[i].name for i in table.optics_index], ["first", "second"])
            self.assertEqual([table.optics[i].voltage for i in table.optics_index], [300, 200])
            np.testing.assert_array_equal(table.ids, [1, 2])
            np.testing.assert_array_equal(table.angles, [[10.5, 20, 30], [-170, 95, 0]])
            np.testing.assert_array_equal(table.origins, [[1.25, -2.5], [0, 0]])
            np.testing.assert_array_equal(table.defocus, [[15000.125, 14000, 45, 90], [15001, 14001, -45, 0]])
            np.testing.assert_array_equal(table.half_set, [2, 1])
            images = table.images(np.array([0, 1]))
            np.testing.assert_array_equal(images[:, 0, 0], [288, 0])  # third and first image

    def test_round_trip_keeps_every_text(self) -> None:
        table = read_particles(self.star)
        again = self.folder / "again.star"
        write_particles(again, table, {"gmmhetLatent1": ["0.5", "-0.5"]})
        before, after = read_star(self.star), read_star(again)
        self.assertEqual(after["optics"].columns, before["optics"].columns)
        expected = before["particles"].columns | {"gmmhetLatent1": ["0.5", "-0.5"]}
        self.assertEqual(after["particles"].columns, expected)
        self.assertEqual(list(after["particles"].columns), list(expected))

    def test_stacks_are_found_from_another_folder(self) -> None:
        other = self.folder / "deep" / "down"
        other.mkdir(parents=True)
        write_particles(other / "moved.star", read_particles(self.star))
        moved = read_particles(other / "moved.star")
        np.testing.assert_array_equal(moved.images(np.array([0])), read_particles(self.star).images(np.array([0])))

    def test_origins_in_pixels_are_not_lost(self) -> None:
        self.write(particles=_PARTICLES.replace("XAngst", "X").replace("YAngst", "Y"))
        np.testing.assert_array_equal(read_particles(self.star).origins[0], [1.25 * 2.5, -2.5 * 2.5])

    def test_groups_without_particles_do_not_matter(self) -> None:
        self.write(optics=_OPTICS.replace("second 7", "unused 1 200 1.4 0.07 9.9 48\nsecond 7"))
        table = read_particles(self.star)
        self.assertEqual((table.box, table.pixel_size), (12, 2.5))

    def test_rows_of_one_image_stay_in_one_half(self) -> None:
        rows = _PARTICLES.replace("_rlnRandomSubset #12", "_rlnOther #12").rstrip().splitlines()
        self.write(particles="\n".join([*rows[:-2], rows[-2], rows[-2], rows[-1], rows[-2]]) + "\n")
        halves = read_particles(self.star).halves
        self.assertEqual(len({halves[0], halves[1], halves[3]}), 1)
        self.assertNotEqual(halves[0], halves[2])

    def test_imported_names_resolve_from_where_they_are_written(self) -> None:
        """A STAR relative to a project root, imported beside itself, is found without the root."""
        job = self.folder / "job"
        job.mkdir()
        (job / "run_data.star").write_text(self.star.read_text())
        deeper = self.folder / "images"
        deeper.mkdir()
        (self.folder / "stack.mrcs").rename(deeper / "stack.mrcs")
        table = read_particles(job / "run_data.star", root=deeper)
        write_particles(job / "particles.star", table)
        again = read_particles(job / "particles.star")
        np.testing.assert_array_equal(again.images(np.array([0])), table.images(np.array([0])))

    def test_names_not_looked_for_stay_as_they_are(self) -> None:
        table = read_particles(self.star, images=False)
        other = self.folder / "elsewhere"
        other.mkdir()
        write_particles(other / "particles.star", table)
        names = read_star(other / "particles.star")["particles"].columns["rlnImageName"]
        self.assertEqual(names, ["000003@stack.mrcs", "1@stack.mrcs"])

    def test_failed_writing_leaves_the_old_file(self) -> None:
        table = read_star(self.star)["particles"]
        table.columns["rlnAngleRot"] = ["1"]  # too short
        before = self.star.read_bytes()
        with self.assertRaises(ValueError):
            write_star(self.star, [table])
        self.assertEqual(self.star.read_bytes(), before)
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ["particles.star", "stack.mrcs"])


class TestPlainAndQuoted(StarCase):
    """Plain loops are cut by numpy, what is quoted is read by a full parser: both the same."""

    def test_the_same_texts(self) -> None:
        rng = np.random.default_rng(0)
        rows = [[f"{i}@s.mrcs", f"{rng.normal():.6f}", str(10**int(rng.integers(0, 9))), "\u00e4\u00f6.mrc"]
                for i in range(500)]
        head = "data_one\n\nloop_\n_a #1\n_b #2\n_c\n_d #4\n"
        text = "\n".join("  ".join(row) + " \t" for row in rows)
        plain, quoted = self.folder / "plain.star", self.folder / "quoted.star"
        plain.write_text(f"{head}{text}\n\n# version 1\ndata_two\n_p 5 \n_q six\n")
        quoted.write_text(f"{head}{text}\n\ndata_two\n_p 5\n_q 'six'\n")
        first, second = read_star(plain), read_star(quoted)
        self.assertIsInstance(first["one"].columns["a"], TextColumn)
        self.assertNotIsInstance(second["one"].columns["a"], TextColumn)
        for block in ("one", "two"):
            self.assertEqual(first[block].columns, second[block].columns)
        self.assertEqual(first["one"].columns["d"][3], "\u00e4\u00f6.mrc")
        np.testing.assert_array_equal(first["one"].floats("b"), second["one"].floats("b"))
        self.assertEqual(first["one"].columns["c"][5:8], [row[2] for row in rows[5:8]])

    def test_rows_cut_into_many_pieces(self) -> None:
        """A file longer than what is cut at a time, with a value in it that is longer than all others."""
        n = 400_000
        values = np.random.default_rng(1).integers(0, 10**9, n)
        lines = [f"{v} x{v % 7} 0.5" for v in values]
        lines[n // 2] = f"{values[n // 2]} {'y' * 90} 0.5"
        path = self.folder / "long.star"
        path.write_text("data_\n\nloop_\n_a\n_b\n_c\n" + "\n".join(lines) + "\n")
        table = read_star(path)[""]
        np.testing.assert_array_equal(table.integers("a"), values)
        self.assertEqual(table.columns["b"][n // 2], "y" * 90)
        self.assertEqual(table.columns["b"][-1], f"x{values[-1] % 7}")

    def test_texts_that_need_quotes(self) -> None:
        texts = ["", "two words", "#1", "_tag", "data_x", "it's", 'a "b"', "loop_", ";", "plain", "[1,2]", "\u00e4"]
        write_star(self.folder / "t.star", [StarTable("t", {"a": texts, "b": ["1"] * len(texts)})])
        self.assertEqual(read_star(self.folder / "t.star")["t"].columns["a"], texts)

    def test_rows_of_different_length(self) -> None:
        """One value less here and one more there would shift all between them."""
        lines = ["1 2 3", "4 5", "6 7 8 9", "1 2 3"]
        (self.folder / "t.star").write_text("data_p\nloop_\n_a\n_b\n_c\n" + "\n".join(lines) + "\n")
        with self.assertRaisesRegex(InputError, "row 2 of data_p has 2 values; expected 3"):
            read_star(self.folder / "t.star")


class TestSelections(StarCase):
    def test_rows_columns_and_poses(self) -> None:
        table = read_particles(self.star)
        path = self.folder / "sub" / "some.star"
        path.parent.mkdir()
        write_selection(path, table, [1, 0, 1], columns={"gmmhetLatent1": ["1", "2", "3"]},
                        poses=(np.full((3, 3), 5.0), [[1, 2], [3, 4], [5, 6]]))
        again, rows = read_particles(path), read_star(path)["particles"]
        np.testing.assert_array_equal(again.origins, [[1, 2], [3, 4], [5, 6]])
        self.assertEqual(rows.columns["rlnSomethingOdd"], ["1.50e+01", "two words", "1.50e+01"])
        self.assertEqual(rows.columns["gmmhetLatent1"], ["1", "2", "3"])
        np.testing.assert_array_equal(again.images(np.array([0, 1])), table.images(np.array([1, 0])))

    def test_impossible_selections(self) -> None:
        table = read_particles(self.star)
        with self.assertRaisesRegex(InputError, "at least one row"):
            write_selection(self.folder / "none.star", table, [])
        with self.assertRaisesRegex(InputError, r"\.star or \.cs"):
            write_selection(self.folder / "some.txt", table, [0])
        for rows, more in (([2], {}), ([0], {"columns": {"a": ["1", "2"]}}), ([0], {"poses": ([[1, 2, 3]], [[1]])})):
            with self.assertRaises(ValueError):
                write_selection(self.folder / "wrong.star", table, rows, **more)


class TestRefusals(StarCase):
    def refused(self, *words: str) -> None:
        with self.assertRaises(InputError) as caught:
            read_particles(self.star)
        message = str(caught.exception)
        self.assertNotIn("\n", message)
        for word in (str(self.star), *words) if "stack.mrcs:" not in message else words:
            self.assertIn(word, message)

    def test_without_poses(self) -> None:
        self.write(particles=_PARTICLES.replace("rlnAngleTilt", "rlnOther"))
        self.refused("rlnAngleTilt", "refined orientations")

    def test_stack_shorter_than_the_star(self) -> None:
        self.write(particles=_PARTICLES.replace("000003@", "000004@"))
        self.refused("row 1", "image 4", "holds 3")

    def test_missing_stack(self) -> None:
        self.write(particles=_PARTICLES.replace("1@stack", "1@elsewhere"))
        self.refused("elsewhere.mrcs", "--root")

    def test_box_of_the_stack_differs(self) -> None:
        self.write(optics=_OPTICS.replace("2.5 12", "2.5 14"))
        self.refused("12 x 12", "14")

    def test_pixel_sizes_differ(self) -> None:
        self.write(optics=_OPTICS.replace("0.1 2.5", "0.1 2.7"))
        self.refused("2.7 Å", "2.5 Å")

    def test_value_that_is_no_number(self) -> None:
        self.write(particles=_PARTICLES.replace("95.000", "nan"))
        self.refused("row 2", "rlnAngleTilt", "'nan'")

    def test_unknown_optics_group(self) -> None:
        self.write(particles=_PARTICLES.replace(" 3 2 ", " 5 2 "))
        self.refused("row 1", "rlnOpticsGroup is 5", "7, 3")

    def test_images_corrected_in_two_ways(self) -> None:
        columns = _OPTICS.replace("_rlnImageSize #7", "_rlnImageSize #7\n_rlnCtfDataAreCtfPremultiplied #8\n"
                                  "_rlnCtfDataArePhaseFlipped #9")
        self.write(optics=columns.replace("2.5 12\nfirst", "2.5 12 0 0\nfirst")
                   .replace("0.1 2.5 12\n", "0.1 2.5 12 1 1\n"))
        self.refused("data_optics row 2", "Premultiplied", "one of them")

    def test_amplitude_contrast_in_per_cent(self) -> None:
        self.write(optics=_OPTICS.replace("2.7 0.1", "2.7 10"))
        self.refused("row 2", "rlnAmplitudeContrast is 10", "-1 to 1")

    def test_empty_set(self) -> None:
        lines = _PARTICLES.strip().splitlines()
        self.write(particles="\n" + "\n".join(lines[:-2]) + "\n")
        self.refused("particle")

    def test_no_star_at_all(self) -> None:
        self.star.write_text("hello world\n")
        self.refused("STAR")

    def test_truncated_stack(self) -> None:
        stack = self.folder / "stack.mrcs"
        stack.write_bytes(stack.read_bytes()[:-600])
        with self.assertRaises(InputError) as caught:
            read_particles(self.star)
        self.assertIn("stack.mrcs", str(caught.exception))


class TestRealFiles(unittest.TestCase):
    def test_files_of_relion_3_1_and_5(self) -> None:
        for name, rows, groups, box, pixel in (
            ("relion31.star", 5, 1, 256, 2.806), ("relion31.v2.star", 5, 1, 256, 2.806),
            ("relion5.star", 17, 1, 448, 0.89), ("relion31.6opticsgroups.star", 139, 6, 196, 1.25),
        ):
            with self.subTest(name):
                star = conformance_file(f"metadata/{name}")
                table = read_particles(star, images=False)
                self.assertEqual((len(table), len(table.optics), table.box), (rows, groups, box))
                self.assertAlmostEqual(table.pixel_size, pixel, places=3)
                raw = read_star(star)
                texts = raw["particles"].columns["rlnOpticsGroup"]
                names = dict(zip(raw["optics"].columns["rlnOpticsGroup"], raw["optics"].columns["rlnOpticsGroupName"],
                                 strict=True))
                self.assertEqual([table.optics[i].name for i in table.optics_index], [names[t] for t in texts])

    def test_the_two_orders_of_blocks_read_alike(self) -> None:
        first, second = (read_particles(conformance_file(f"metadata/{n}"), images=False)
                         for n in ("relion31.star", "relion31.v2.star"))
        np.testing.assert_array_equal(first.angles, second.angles)
        np.testing.assert_array_equal(first.defocus, second.defocus)

    def test_images_without_machine_stamp_or_voxel_size(self) -> None:
        table = read_particles(conformance_file("empiar10076_7/particles.star"))
        images = table.images(np.arange(len(table)))
        self.assertEqual(images.shape, (7, 320, 320))
        self.assertTrue(np.isfinite(images).all())


if __name__ == "__main__":
    unittest.main()
