"""Particle files that cannot be meant as they are: refused in one line, or read with a word about it."""

import os
import tempfile
import unittest
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import read_particles, read_star, table_from, write_particles, write_selection, write_star
from gmmhet.tests.support.star_files import BOX, PIXEL, particle_columns, write_images, write_particle_star


class BroughtCase(unittest.TestCase):
    n = 12

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.images = write_images(self.folder / "stack.mrcs", self.n)
        self.columns = particle_columns(self.n)
        self.star = self.folder / "p.star"

    def write(self, columns: dict[str, object] | None = None, **optics: object) -> Path:
        return write_particle_star(self.star, self.columns | (columns or {}), **optics)

    def refused(self, words: str, columns: dict[str, object] | None = None, **optics: object) -> None:
        self.write(columns, **optics)
        with self.assertRaisesRegex(InputError, words) as caught:
            read_particles(self.star)
        self.assertNotIn("\n", str(caught.exception))
        self.assertIn("p.star", str(caught.exception))


class TestNotSingleImages(BroughtCase):
    def test_columns_of_tomography(self) -> None:
        words = "the particles are .*; expected single images"
        for name, value in (("rlnTomoVisibleFrames", "[1,1,0]"), ("rlnTomoParticleName", "TS_01/1"),
                            ("rlnTomoName", "TS_01"), ("rlnCtfImage", "ctf_1.mrc"), ("rlnOriginZAngst", 3.5),
                            ("rlnCoordinateZ", 120.0)):
            with self.subTest(name):
                self.refused(f"{name} in data_particles: {words}", {name: [value] * self.n})

    def test_tables_of_tomography(self) -> None:
        self.refused("rlnImageDimensionality in data_optics: .* 3D volumes", rlnImageDimensionality=3)
        self.refused("rlnTomoTiltSeriesPixelSize in data_optics", rlnTomoTiltSeriesPixelSize=1.35)
        tables = list(read_star(self.write()).values())
        write_star(self.star, [table_from("general", {"rlnTomoSubTomosAre2DStacks": [1]}), *tables])
        with self.assertRaisesRegex(InputError, "rlnTomoSubTomosAre2DStacks in data_general: .*stacks of tilt images"):
            read_particles(self.star)

    def test_what_single_particles_have_of_it(self) -> None:
        self.write({"rlnOriginZAngst": [0.0] * self.n, "rlnCoordinateZ": ["nan"] * self.n}, rlnImageDimensionality=2)
        self.assertEqual(len(read_particles(self.star)), self.n)

    def test_names_without_numbers(self) -> None:
        self.refused("row 1 names .*stack.mrcs without the number of an image, and it holds 12; expected number@stack",
                     {"rlnImageName": ["stack.mrcs"] * self.n})
        mixed = [*self.columns["rlnImageName"][:-1], "stack.mrcs"]
        self.refused("without the number of an image", {"rlnImageName": mixed})

    def test_volumes(self) -> None:
        for i in range(self.n):
            write_images(self.folder / f"sub/{i}.mrc", BOX)
        self.refused("row 1 names .*sub/0.mrc without .* and it holds 8 .a 3D volume, such as a subtomogram",
                     {"rlnImageName": [f"sub/{i}.mrc" for i in range(self.n)]})
        self.refused("every row names the first image of a stack of several",
                     {"rlnImageName": [f"1@sub/{i}.mrc" for i in range(self.n)]})

    def test_one_image_a_file(self) -> None:
        for i in range(self.n):
            write_images(self.folder / f"one/{i}.mrc", 1, seed=i)
        for number in ("", "1@", "000001@"):
            self.write({"rlnImageName": [f"{number}one/{i}.mrc" for i in range(self.n)]})
            table = read_particles(self.star)
            self.assertEqual((len(table.stacks), table.slice_index.max()), (self.n, 0))


class TestUnits(BroughtCase):
    def test_values_of_the_microscope(self) -> None:
        for name, values, word in (
                ("rlnVoltage", (3e5, 2e5, 0.3), "kV"), ("rlnSphericalAberration", (2.7e7, 2700.0, -2700.0), "mm"),
                ("rlnImagePixelSize", (0.04, 400.0, 4e-10), "Angstrom"), ("rlnAmplitudeContrast", (10.0,), "fraction")):
            for value in values:
                with self.subTest(name, value=value):
                    self.refused(f"data_optics row 1: {name} is .*expected .*{word}", **{name: value})

    def test_values_that_some_microscopes_have(self) -> None:
        for name, values in (("rlnVoltage", (80.0, 1000.0)), ("rlnSphericalAberration", (0.0, 0.001, -0.05, 9.0))):
            for value in values:
                self.write(**{name: value})
                read_particles(self.star)

    def test_defocus(self) -> None:
        plain = np.asarray(self.columns["rlnDefocusU"])
        for factor in (1e-4, 1e-7, 1e-10, 1e2):
            self.refused("rlnDefocusU has a median of .*expected Angstrom", {"rlnDefocusU": [
                f"{v:.6g}" for v in plain * factor]})
        for sane in (-plain, 0 * plain, 0.05 * plain):
            self.write({"rlnDefocusU": sane})
            read_particles(self.star)

    def test_before_relion_3_1(self) -> None:
        columns = {k: v for k, v in self.columns.items() if k != "rlnOpticsGroup"}
        more = {"rlnVoltage": 300.0, "rlnSphericalAberration": 2.7, "rlnAmplitudeContrast": 0.1,
                "rlnMagnification": 12500.0, "rlnDetectorPixelSize": 5.0}
        for name, value in (("rlnVoltage", 3e5), ("rlnSphericalAberration", 2.7e6), ("rlnDetectorPixelSize", 5e4)):
            values = {k: [v] * self.n for k, v in (more | {name: value}).items()}
            write_star(self.star, [table_from("", columns | values)])
            with self.assertRaisesRegex(InputError, "p.star: row 1: rln.* another unit"):
                read_particles(self.star)

    def test_pixel_size_and_header(self) -> None:
        """In nanometre it is a tenth of what the images' header has."""
        self.refused("pixel size 0.4 Å, and 4 Å in the header of .*stack.mrcs", rlnImagePixelSize=PIXEL / 10)
        for header in (1.0, 2 * PIXEL):
            write_images(self.folder / "stack.mrcs", self.n, pixel_size=header)
            self.write(rlnImagePixelSize=PIXEL)
            self.assertEqual(read_particles(self.star).pixel_size, PIXEL)


class TestOptics(BroughtCase):
    def table(self, *rows: tuple[object, ...]) -> None:
        names = ("rlnOpticsGroup", "rlnOpticsGroupName", "rlnVoltage", "rlnSphericalAberration",
                 "rlnAmplitudeContrast", "rlnImagePixelSize", "rlnImageSize")
        optics = {name: [row[i] for row in rows] for i, name in enumerate(names)}
        write_star(self.star, [table_from("optics", optics), table_from("particles", self.columns)])

    def test_groups_that_are_there_twice(self) -> None:
        row = (1, "a", 300.0, 2.7, 0.1, PIXEL, BOX)
        self.table(row, (2, "b", *row[2:]), (1, "c", 300, "2.70", *row[4:]))
        self.assertEqual([o.name for o in read_particles(self.star).optics], ["a"])
        for other in ((1, "a", 200.0, *row[3:]), (1, "a", 300.0, 0.01, *row[4:])):
            self.table(row, other)
            with self.assertRaisesRegex(InputError, "p.star: optics group 1 is in data_optics twice, with rln"):
                read_particles(self.star)

    def test_groups_without_particles_may_hold_anything(self) -> None:
        self.table((7, "none", "nan", "None", "nan", "-", 0), (1, "a", 300.0, 2.7, 0.1, PIXEL, BOX))
        table = read_particles(self.star)
        self.assertEqual((table.optics[0].voltage, set(table.optics_index.tolist())), (300.0, {0}))


class TestUnusedColumns(BroughtCase):
    def test_they_may_hold_anything(self) -> None:
        for name in ("rlnCtfBfactor", "rlnCtfMaxResolution", "rlnCoordinateX", "rlnLogLikeliContribution",
                     "rlnAutopickFigureOfMerit", "rlnVoltage", "rlnCtfScalefactor", "rlnOriginZAngst"):
            for value in ("-nan", "None", "inf", "n/a", "'two words'"):
                with self.subTest(name, value=value):
                    values = ["0.0"] * (self.n - 1) + [value.strip("'")]
                    self.write({name: values, "rlnCoordinateY": values})
                    table = read_particles(self.star)
                    self.assertEqual(len(table), self.n)
                    write_particles(self.folder / "out.star", table)
                    again = read_star(self.folder / "out.star")["particles"]
                    self.assertEqual(list(again.texts(name)), values)

    def test_those_that_are_used_may_not(self) -> None:
        for name in ("rlnAngleRot", "rlnOriginXAngst", "rlnDefocusU", "rlnRandomSubset"):
            self.refused(f"row 12: {name} is 'nan'", {name: [*list(self.columns[name])[:-1], "nan"]})

    def test_b_factors_are_named(self) -> None:
        self.write({"rlnCtfBfactor": ["5"] * (self.n - 2) + ["nan", "None"]})
        with self.assertLogs("gmmhet", "WARNING") as log:
            read_particles(self.star)
        self.assertIn("is no number in 2 row(s), the first of them row 11 (nan)", log.output[0])
        self.assertIn("up to 5 Å², is not used", log.output[1])


class TestGreyValues(BroughtCase):
    def test_one_pixel_beyond_all_others(self) -> None:
        path = self.folder / "stack.mrcs"
        for value in (1e20, -3e6):
            self.images[6, 2, 5] = value
            content = bytearray(path.read_bytes())
            content[1024:] = self.images.tobytes()
            path.write_bytes(content)
            table = read_particles(self.write())
            with self.assertRaisesRegex(InputError, "row 7: image 7 of .*stack.mrcs has a pixel of .*x 5, y 2"):
                table.images(np.arange(self.n))
            np.testing.assert_array_equal(table.images(np.arange(6)), self.images[:6])

    def test_hot_pixels_are_images(self) -> None:
        self.images[3, 1, 1] = 300.0
        path = self.folder / "stack.mrcs"
        path.write_bytes(path.read_bytes()[:1024] + self.images.tobytes())
        np.testing.assert_array_equal(read_particles(self.write()).images(np.array([3])), self.images[3:4])


class TestLinks(BroughtCase):
    def setUp(self) -> None:
        super().setUp()
        self.project = self.folder / "project"
        write_images(self.project / "Extract/job1/a.mrcs", self.n)
        self.columns["rlnImageName"] = [f"{i}@Extract/job1/a.mrcs" for i in range(1, self.n + 1)]
        (self.project / "Refine3D/job2").mkdir(parents=True)
        self.link = self.project / "Refine3D/job2/run_data.star"

    def found(self, path: Path) -> Path:
        return read_particles(path).stacks[0].resolve()

    def test_a_file_that_is_a_link(self) -> None:
        target = write_particle_star(self.folder / "archive/run_data.star", self.columns)
        os.symlink(os.path.relpath(target, self.link.parent), self.link)
        self.assertEqual(self.found(self.link), (self.project / "Extract/job1/a.mrcs").resolve())

    def test_a_link_into_the_project(self) -> None:
        target = write_particle_star(self.link, self.columns)
        link = self.folder / "desk/p.star"
        link.parent.mkdir()
        os.symlink(target, link)
        self.assertEqual(self.found(link), (self.project / "Extract/job1/a.mrcs").resolve())

    def test_a_folder_that_is_a_link(self) -> None:
        target = self.folder / "disk/job2/run_data.star"
        write_particle_star(target, self.columns)
        os.rmdir(self.link.parent)
        os.symlink(target.parent, self.link.parent)
        self.assertEqual(self.found(self.link), (self.project / "Extract/job1/a.mrcs").resolve())

    def test_names_of_other_systems(self) -> None:
        """The format that RELION and Scipion put after a name, and the backslashes of Windows; what is written of it
        is found as well."""
        write_images(self.project / "Extract/job1/b.st", self.n)
        for name in ("Extract/job1/a.mrcs:mrcs", "Extract/job1/a.mrcs:mrc", "Extract\\job1\\a.mrcs",
                     "Extract/job1/b.st:mrcs"):
            self.columns["rlnImageName"] = [f"{i}@{name}" for i in range(1, self.n + 1)]
            with self.subTest(name):
                expected = self.project / "Extract/job1" / ("b.st" if "b.st" in name else "a.mrcs")
                self.assertEqual(self.found(write_particle_star(self.link, self.columns)), expected.resolve())
                out = self.folder / "out.star"
                write_particles(out, read_particles(self.link))
                self.assertEqual(self.found(out), expected.resolve())

    def test_what_is_written_is_found_from_where_it_is(self) -> None:
        target = write_particle_star(self.folder / "archive/run_data.star", self.columns)
        os.symlink(target, self.link)
        out = self.folder / "else/where/out.star"
        out.parent.mkdir(parents=True)
        write_particles(out, read_particles(self.link))
        self.assertEqual(self.found(out), (self.project / "Extract/job1/a.mrcs").resolve())


class TestCryosparc(BroughtCase):
    """Poses and signs of .cs files."""

    def records(self, signs: np.ndarray | None = None, group: str = "alignments3D", seed: int = 0) -> np.ndarray:
        n, rng = self.n, np.random.default_rng(seed)
        kinds = [("uid", "<u8"), ("blob/path", "S20"), ("blob/idx", "<u4"), ("blob/shape", "<u4", (2,)),
                 ("blob/psize_A", "<f4"), (f"{group}/pose", "<f4", (3,)), (f"{group}/shift", "<f4", (2,)),
                 (f"{group}/psize_A", "<f4"), (f"{group}/split", "<u4")]
        out = np.zeros(n, [*kinds, ("blob/sign", "<f4")] if signs is not None else kinds)
        out["uid"], out["blob/path"], out["blob/idx"] = 100 + np.arange(n), "stack.mrcs", np.arange(n)
        out["blob/shape"], out["blob/psize_A"], out[f"{group}/psize_A"] = BOX, PIXEL, PIXEL
        out[f"{group}/pose"] = Rotation.random(n, random_state=seed).as_rotvec()
        out[f"{group}/shift"], out[f"{group}/split"] = rng.normal(size=(n, 2)), np.arange(n) % 2
        if signs is not None:
            out["blob/sign"] = signs
        return out

    def saved(self, name: str, records: np.ndarray) -> Path:
        with open(self.folder / name, "wb") as out:
            np.save(out, records)
        return self.folder / name

    def test_signs_that_differ(self) -> None:
        """Images are multiplied by them, through a STAR of the same particles and a part of it, too."""
        signs = np.where(np.arange(self.n) % 3, 1, -1)
        expected = signs[:, None, None] * self.images
        table = read_particles(self.saved("m.cs", self.records(signs)))
        np.testing.assert_array_equal(table.images(np.arange(self.n)), expected)
        np.testing.assert_array_equal(table.images(np.arange(self.n), as_stored=True), expected)
        write_particles(self.folder / "all.star", table, {"gmmhetLatent1": ["0"] * self.n})
        write_selection(self.folder / "some.star", table, [9, 1, 3])
        np.testing.assert_array_equal(read_particles(self.folder / "all.star").images(np.arange(self.n)), expected)
        np.testing.assert_array_equal(read_particles(self.folder / "some.star").images(np.arange(3)),
                                      expected[[9, 1, 3]])
        other = read_particles(self.saved("n.cs", self.records(-signs)))
        self.assertNotEqual(other.fingerprint, table.fingerprint)

    def test_signs_that_are_all_the_same(self) -> None:
        for signs in (np.ones(self.n), -np.ones(self.n), np.full(self.n, np.nan), None):
            table = read_particles(self.saved("m.cs", self.records(signs)))
            self.assertIsNone(table.signs)
            np.testing.assert_array_equal(table.images(np.arange(self.n)), self.images)

    def test_passthrough_files_that_disagree(self) -> None:
        first, second = self.records(), self.records()
        second["alignments3D/pose"][:5] = 0.1
        second["blob/psize_A"] += 1e-6  # rounding is no difference
        main, more = self.saved("m.cs", first), self.saved("more.cs", second)
        with self.assertLogs("gmmhet", "WARNING") as log:
            table = read_particles(main, passthrough=[more])
        self.assertEqual(len(log.output), 1)
        self.assertRegex(log.output[0], "more.cs: alignments3D/pose differs from .*m.cs in 5 of 12 particles; the "
                                        "values of .*m.cs are used")
        np.testing.assert_array_equal(table.angles, read_particles(main).angles)

    def test_the_first_file_with_any_poses_poses(self) -> None:
        """Classes of the file itself come before an older refinement in a further file."""
        main = self.saved("m.cs", self.records(group="alignments_class_0", seed=1))
        older = self.saved("older.cs", self.records(seed=2))
        with self.assertLogs("gmmhet", "INFO") as log:
            table = read_particles(main, passthrough=[older])
        self.assertIn("poses are alignments_class_0 of", "".join(log.output))
        np.testing.assert_array_equal(table.angles, read_particles(main).angles)

    def test_unused_fields_may_hold_anything(self) -> None:
        records = self.records()
        out = np.zeros(self.n, [*records.dtype.descr, ("ctf/shift_A", "<f4", (2,))])
        for name in records.dtype.names:
            out[name] = records[name]
        out["ctf/shift_A"] = np.nan
        self.assertEqual(len(read_particles(self.saved("m.cs", out))), self.n)


if __name__ == "__main__":
    unittest.main()
