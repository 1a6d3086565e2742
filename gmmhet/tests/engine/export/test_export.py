"""Selections: the rows that are asked for, as they stand in the original file; clear lines where nothing fits."""

import contextlib
import io
import tempfile
import unittest
from pathlib import Path

import numpy as np

from gmmhet.engine.commands.main import main
from gmmhet.engine.conventions import euler_to_matrix
from gmmhet.engine.errors import InputError
from gmmhet.engine.export import Criteria, Original, export, read_ids
from gmmhet.engine.io import read_particles, read_star, table_from, write_particles, write_stack, write_star
from gmmhet.tests.support.conformance import conformance_file

N = 12


class ExportCase(unittest.TestCase):
    """Twelve particles of two stacks, and an analysis of them with known coordinates."""

    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)
        self.original = self.folder / "project" / "run_data.star"
        (self.folder / "project" / "images").mkdir(parents=True)
        for name in ("a", "b"):
            path = self.folder / "project" / "images" / f"{name}.mrcs"
            write_stack(path, (6, 8, 8), 3.0, [np.random.default_rng(1).normal(size=(6, 8, 8))])
        rng = np.random.default_rng(0)
        optics = {"rlnOpticsGroupName": ["one"], "rlnOpticsGroup": [1], "rlnVoltage": [300.0],
                  "rlnSphericalAberration": [2.7], "rlnAmplitudeContrast": [0.1], "rlnImagePixelSize": [3.0],
                  "rlnImageSize": [8]}
        self.columns = {
            "rlnImageName": [f"{i % 6 + 1}@images/{'ab'[i // 6]}.mrcs" for i in range(N)],
            "rlnAngleRot": [f"{v:.7e}" for v in rng.uniform(-180, 180, N)], "rlnAngleTilt": ["1.50"] * N,
            "rlnAnglePsi": [f"{v:+.2f}" for v in rng.uniform(-180, 180, N)],
            "rlnOriginXAngst": [f"{v:.4f}" for v in rng.normal(0, 3, N)], "rlnOriginYAngst": ["0"] * N,
            "rlnDefocusU": ["15000.25"] * N, "rlnRandomSubset": [str(1 + i % 2) for i in range(N)],
            "rlnOpticsGroup": ["1"] * N, "rlnOdd": [f"word {i}" for i in range(N)]}
        write_star(self.original, [table_from("optics", optics), table_from("particles", self.columns)])
        self.analysed()

    def analysed(self, rows: list[int] | None = None, refined: bool = False) -> None:
        """The results of an analysis: coordinate of row i is i, deviation i / 10, likelihood (7 i) modulo 12."""
        rows = list(range(N)) if rows is None else rows
        table = read_particles(self.original)
        extra = {"gmmhetLatent1": [f"{i:.6f}" for i in range(N)], "gmmhetLatent2": [f"{-2 * i:.6f}" for i in range(N)],
                 "gmmhetLatentSd1": [f"{i / 10:.6f}" for i in range(N)], "gmmhetLatentSd2": ["0.500000"] * N,
                 "gmmhetContrast": ["1.0"] * N, "gmmhetLogLikelihood": [f"{-(7 * i) % 12:.4f}" for i in range(N)],
                 "rlnClassNumber": [str(i % 3) for i in range(N)]}
        if refined:
            values = {"Rot": 10.0, "Tilt": 20.0, "Psi": 30.0, "OriginXAngst": 1.5, "OriginYAngst": -2.5}
            extra |= {f"gmmhetRefined{k}": [f"{v + i:.6f}" for i in range(N)] for k, v in values.items()}
        self.results = self.folder / "run" / "analysis" / "latents.star"
        self.results.parent.mkdir(parents=True, exist_ok=True)
        write_particles(self.results, table, extra)
        tables = read_star(self.results)
        star = tables["particles"]
        star.columns = {k: [v[i] for i in rows] for k, v in star.columns.items()}
        write_star(self.results, list(tables.values()))

    def export(self, criteria: Criteria, name: str = "out.star", **options: object) -> Path:
        output = self.original.parent / name
        export(self.results, output, criteria, Original(self.original), **options)
        return output

    def chosen(self, criteria: Criteria, **options: object) -> list[int]:
        """Rows (from 0) of the original that were written, by the column that no one understands."""
        texts = read_star(self.export(criteria, **options))["particles"].texts("rlnOdd")
        return [int(text.split()[1]) for text in texts]


class TestCriteria(ExportCase):
    def test_each_alone(self) -> None:
        for expected, criteria in (
            ([3, 4, 5], Criteria(mode=1, low=3, high=5)),
            ([0, 1, 2], Criteria(mode=2, low=-4.5)),
            ([10, 11], Criteria(mode=1, low=9.5)),
            ([0, 3, 6, 9], Criteria(classes=(0,))),
            ([1, 2, 4, 5, 7, 8, 10, 11], Criteria(classes=(1, 2))),
            ([1, 5, 11], Criteria(ids=np.array([2, 6, 12]))),
            ([0, 1, 2, 3], Criteria(mode=1, confidence=0.3)),
            ([0, 1, 2, 3, 4, 5], Criteria(confidence=0.5)),  # of every mode; that of mode 2 is 0.5
            ([0, 2, 4, 6, 8, 10], Criteria(half=1)),
        ):
            self.assertEqual(self.chosen(criteria), expected, criteria)

    def test_best_and_worst(self) -> None:
        values = np.array([-(7 * i) % 12 for i in range(N)])
        self.assertEqual(self.chosen(Criteria(keep="best", fraction=0.25)), sorted(np.argsort(-values)[:3].tolist()))
        self.assertEqual(self.chosen(Criteria(keep="worst", fraction=0.5)), sorted(np.argsort(values)[:6].tolist()))

    def test_all_have_to_hold(self) -> None:
        self.assertEqual(self.chosen(Criteria(mode=1, low=2, high=9, half=2, classes=(1, 2), confidence=0.8)), [5, 7])

    def test_empty_selections_say_what_each_condition_left(self) -> None:
        with self.assertRaisesRegex(InputError, r"no particle of 12 meets all conditions \(mode 1 from 11 \(the "
                                                r"particles' are 0 to 11\): 1; half-set 1: 6\)"):
            self.export(Criteria(mode=1, low=11, half=1))
        self.assertFalse((self.original.parent / "out.star").exists())

    def test_conditions_that_make_no_sense(self) -> None:
        for message, values in (
            ("--mode is 0; expected 1 to", {"mode": 0, "low": 1.0}), ("belong to a mode", {"low": 1.0}),
            ("--mode 2 alone chooses nothing", {"mode": 2}),
            ("from low to high", {"mode": 1, "low": 2.0, "high": 1.0}),
            ("positive standard deviation", {"confidence": 0.0}), ("best or worst", {"keep": "some", "fraction": 0.5}),
            ("at most 1", {"keep": "best", "fraction": 50.0}), ("--half is 3", {"half": 3}),
        ):
            with self.subTest(message), self.assertRaisesRegex(InputError, message):
                Criteria(**values)

    def test_what_the_results_do_not_have(self) -> None:
        for message, criteria in (
            (r"--mode is 3; .*latents\.star has 2 mode\(s\)", Criteria(mode=3, low=0)),
            ("no particle in class 7; there are 0, 1, 2", Criteria(classes=(1, 7))),
            ("12 rows, and --ids has 40", Criteria(ids=np.array([1, 40]))),
        ):
            with self.subTest(message), self.assertRaisesRegex(InputError, message):
                self.export(criteria)
        with self.assertRaisesRegex(InputError, "no column gmmhetRefinedRot"):
            self.export(Criteria(), refined=True)

    def test_ids_of_a_text(self) -> None:
        path = self.folder / "ids.txt"
        path.write_text("# lasso\n3, 1\n\n12 3\n")
        self.assertEqual(read_ids(path).tolist(), [1, 3, 12])
        for text, message in (("1\n2.5\n", "line 2: '2.5'"), ("0", "line 1: '0'"), ("# none\n", "holds no row number"),
                              ("9" * 30, "line 1"), ("-4", "'-4'")):
            path.write_text(text)
            with self.subTest(text), self.assertRaisesRegex(InputError, message):
                read_ids(path)
        with self.assertRaisesRegex(InputError, "no such file"):
            read_ids(self.folder / "none.txt")


class TestRows(ExportCase):
    def test_everything_is_the_original(self) -> None:
        output = self.export(Criteria())
        before, after = read_star(self.original), read_star(output)
        self.assertEqual(list(before), list(after))
        for name, table in before.items():
            self.assertEqual({k: list(v) for k, v in after[name].columns.items()},
                             {k: list(v) for k, v in table.columns.items()})
            self.assertEqual(list(after[name].columns), list(table.columns))

    def test_everything_of_a_real_cryosparc_file_is_the_original(self) -> None:
        """To the last bit; and a part of it has just its rows and uids."""
        source = conformance_file("metadata/cryosparc_P12_J24_001_particles.cs")
        table = read_particles(source, images=False)
        results = self.folder / "latents.star"
        write_particles(results, table, {"gmmhetLatent1": [f"{i}" for i in range(len(table))]})
        everything, part = self.folder / "all.cs", self.folder / "part.cs"
        export(results, everything, Criteria(), Original(source))
        before, after = np.load(source), np.load(everything)
        self.assertEqual(before.dtype, after.dtype)
        self.assertEqual(before.tobytes(), after.tobytes())
        export(results, part, Criteria(mode=1, low=100, high=102), Original(source))
        self.assertEqual(np.load(part).tobytes(), before[100:103].tobytes())

    def test_columns_of_the_analysis_are_added_when_asked_for(self) -> None:
        star = read_star(self.export(Criteria(mode=1, low=9), coordinates=True))["particles"]
        self.assertEqual(list(star.columns)[:len(self.columns)], list(self.columns))
        self.assertEqual(star.floats("gmmhetLatent1").tolist(), [9, 10, 11])
        self.assertNotIn("rlnClassNumber", star)

    def test_columns_of_version_0_3_are_added_under_their_present_names(self) -> None:
        table = read_particles(self.results, images=False)
        star = table.tables[table.particle_block]
        star.columns |= {f"gmmhetPlaced{end}": [f"{i}.5" for i in range(N)] for end in ("1", "Sd1")}
        write_star(self.results, list(table.tables.values()))
        found = read_star(self.export(Criteria(mode=1, low=9), coordinates=True))["particles"]
        for name in ("gmmhetCoordinate1", "gmmhetCoordinateSd1"):
            self.assertEqual(found.floats(name).tolist(), [9.5, 10.5, 11.5])
        self.assertFalse([name for name in found.columns if "Placed" in name])

    def test_refined_poses_take_the_place_of_the_given_ones(self) -> None:
        self.analysed(refined=True)
        output = self.export(Criteria(mode=1, low=4, high=5), refined=True)
        table = read_particles(output)
        np.testing.assert_allclose(table.rotations, euler_to_matrix([[14, 24, 34], [15, 25, 35]]), atol=1e-9)
        np.testing.assert_allclose(table.origins, [[5.5, 1.5], [6.5, 2.5]], atol=1e-9)
        star = read_star(output)["particles"]
        self.assertEqual(list(star.columns), list(self.columns))
        self.assertEqual(list(star.texts("rlnOdd")), ["word 4", "word 5"])

    def test_without_an_original_the_results_are_written(self) -> None:
        output = self.folder / "run" / "analysis" / "part.star"
        export(self.results, output, Criteria(mode=1, high=1))
        self.assertEqual(list(read_star(output)["particles"].texts("gmmhetLatent1")), ["0.000000", "1.000000"])

    def test_rows_of_one_image(self) -> None:
        tables = read_star(self.original)
        names = list(tables["particles"].texts("rlnImageName"))
        tables["particles"].columns["rlnImageName"] = [names[i // 3 * 3] for i in range(N)]  # three rows an image
        write_star(self.original, list(tables.values()))
        self.analysed()
        self.assertEqual(self.chosen(Criteria(mode=1, low=4, high=7)), [4, 5, 6, 7])
        self.assertEqual(self.chosen(Criteria(mode=1, low=4, high=7, one_an_image=True)), [4, 6])


class TestJoining(ExportCase):
    def test_results_of_a_part_of_the_particles(self) -> None:
        self.analysed(rows=[11, 2, 7])
        self.assertEqual(self.chosen(Criteria(mode=1, low=5)), [7, 11])

    def test_stacks_renamed_on_the_way(self) -> None:
        tables = read_star(self.results)
        star = tables["particles"]
        star.columns["rlnImageName"] = [t.replace("images/a", "extra/00001_a").replace("images/b", "extra/00002_b")
                                        for t in star.texts("rlnImageName")]
        write_star(self.results, list(tables.values()))
        self.assertEqual(self.chosen(Criteria(mode=1, low=5, high=6)), [5, 6])

    def test_a_part_with_renamed_stacks_by_the_row_number_it_carries(self) -> None:
        self.analysed(rows=[1, 8, 9])
        tables = read_star(self.results)
        star = tables["particles"]
        star.columns["rlnImageName"] = [f"{t.split('@')[0]}@links/{t.split('/')[-1][0]}_link.mrcs"
                                        for t in star.texts("rlnImageName")]
        star.columns["gmmhetParticleId"] = ["2", "9", "10"]
        write_star(self.results, list(tables.values()))
        self.assertEqual(self.chosen(Criteria(mode=1, low=5)), [8, 9])

    def test_another_file(self) -> None:
        tables = read_star(self.original)
        other = self.original.with_name("other.star")
        star = tables["particles"]
        star.columns = {k: list(v)[:4] for k, v in star.columns.items()}
        write_star(other, list(tables.values()))
        with self.assertRaisesRegex(InputError, r"other\.star: no particle for image 5 of .*expected the"):
            export(self.results, self.folder / "out.star", Criteria(), Original(other))


class TestNames(ExportCase):
    def test_names_stay_where_they_hold(self) -> None:
        star = read_star(self.export(Criteria(ids=np.array([1]))))["particles"]
        self.assertEqual(list(star.texts("rlnImageName")), ["1@images/a.mrcs"])
        deeper = self.original.parent / "Select" / "job001"
        deeper.mkdir(parents=True)
        star = read_star(self.export(Criteria(ids=np.array([8])), name="Select/job001/particles.star"))["particles"]
        self.assertEqual(list(star.texts("rlnImageName")), ["2@images/b.mrcs"])

    def test_names_are_made_to_hold_elsewhere(self) -> None:
        elsewhere = self.folder / "elsewhere"
        elsewhere.mkdir()
        export(self.results, elsewhere / "out.star", Criteria(ids=np.array([8])), Original(self.original))
        table = read_particles(elsewhere / "out.star")
        np.testing.assert_array_equal(table.images(np.array([0])), read_particles(self.original).images(np.array([7])))

    def test_stacks_that_are_nowhere_do_not_matter(self) -> None:
        for name in ("a", "b"):
            (self.original.parent / "images" / f"{name}.mrcs").unlink()
        star = read_star(self.export(Criteria(ids=np.array([8]))))["particles"]
        self.assertEqual(list(star.texts("rlnImageName")), ["2@images/b.mrcs"])


class TestCommand(ExportCase):
    def run_export(self, *arguments: object) -> tuple[int, str]:
        err = io.StringIO()
        with contextlib.redirect_stderr(err):
            status = main(["export", *map(str, arguments)])
        return status, err.getvalue()

    def test_whole_command(self) -> None:
        """The folder of a run is enough; a negative coordinate is a number, not an option."""
        ids, output = self.folder / "ids.txt", self.original.parent / "out.star"
        ids.write_text("1 2 3 4 5 6\n")
        with self.assertLogs("gmmhet", "INFO") as log:
            status, _ = self.run_export(self.folder / "run", "--particles", self.original, "--mode", 2, "--from", "-8",
                                        "--to", "-2", "--ids", ids, "--half", 2, "--keep", "best", "0.9", "-o", output)
        self.assertEqual(status, 0)
        self.assertEqual(list(read_star(output)["particles"].texts("rlnOdd")), ["word 1", "word 3"])
        self.assertIn("2 of 12 particles (mode 2 from -8 to -2, 6 given ids, the best 90% by log-likelihood, "
                      "half-set 2)", log.output[-1])

    def test_classes_of_a_folder(self) -> None:
        maps = self.folder / "run" / "maps"
        maps.mkdir()
        (maps / "classes.star").write_bytes(self.results.read_bytes())
        output = self.original.parent / "out.star"
        self.assertEqual(self.run_export(self.folder / "run", "--class", "2", "--particles", self.original, "-o",
                                         output)[0], 0)
        self.assertEqual(len(read_particles(output)), 4)
        (maps / "classes.star").unlink()
        status, error = self.run_export(self.folder / "run", "--class", "2", "-o", output)
        self.assertEqual(status, 2)
        self.assertIn("no classes.star or maps/classes.star", error)

    def test_refusals_are_one_line(self) -> None:
        output = self.original.parent / "out.star"
        for arguments, message in (
            ((self.folder / "none", "-o", output), "no such file or folder"),
            ((self.results, "--class", "one", "-o", output), "--class is 'one'"),
            ((self.results, "--keep", "best", "half", "-o", output), "--keep has the fraction 'half'"),
            ((self.results, "-o", output.with_suffix(".cs")), "needs particles read from a .cs"),
            ((self.results, "-o", output.with_suffix(".txt")), "ends in .star or .cs"),
        ):
            status, error = self.run_export(*arguments)
            self.assertEqual(status, 2)
            (line,) = [words for words in error.splitlines() if words.startswith("gmmhet: error")]
            self.assertIn(message, line)
        self.assertFalse(output.exists())


if __name__ == "__main__":
    unittest.main()
