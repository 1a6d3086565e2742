"""The folder of gmmhet reconstruct: whose files it removes, what its tables say of maps that tell little."""

import argparse
import json
import unittest
from unittest import mock

import numpy as np

from gmmhet.engine.commands.arguments import add_options
from gmmhet.engine.commands.main import main
from gmmhet.engine.commands.stages import ReconstructCommand
from gmmhet.engine.errors import InputError
from gmmhet.engine.landscape import map_points, movie_of
from gmmhet.engine.reconstruction import half_equations, series, spreading, stage
from gmmhet.tests.engine.reconstruction.test_reconstruction import Workspace
from gmmhet.tests.support.planted_landscape import NOISE, arc, with_posteriors, write_analysis


def read_summary(folder):
    return json.loads((folder / "summary.json").read_text())


class TestFolders(Workspace):
    def test_results_of_another_command_are_refused_before_any_work(self):
        """The folder of an analysis, of a fit, and of gmmhet map; nothing in them is touched, and no particle read."""
        for summary in ('{"n_modes": 2, "modes": []}', '{"parameters": {}}', '{"command": "map", "maps": []}', "{"):
            files = {"summary.json": summary, "fsc.csv": "frequency,resolution,fsc\n", "map_01.mrc": "a map"}
            for name, text in files.items():
                (self.folder / name).write_text(text)
            data = self.folder / "nothing.star"
            with mock.patch.object(stage, "read_placed") as read:
                with self.assertRaisesRegex(InputError, "holds the results of another command; expected a folder"):
                    stage.reconstruct(data, data, stage.ReconstructConfig(), self.folder)
                self.assertEqual(read.call_count, 0)
            self.assertEqual({n: (self.folder / n).read_text() for n in files}, files)

    def test_an_earlier_reconstruction_is_replaced_and_other_files_stay(self):
        """Also one whose summary did not yet name its command; the script of gmmhet movie goes with the maps."""
        data = self.particles(n=20, noise=0.5)
        extra = {"gmmhetLatent1": np.arange(20.0)}
        output = self.run_stage(data, extra=extra, n=2)
        self.assertEqual(read_summary(output)["command"], "reconstruct")
        summary = read_summary(output)
        del summary["command"]
        (output / "summary.json").write_text(json.dumps(summary))
        for name in ("series.cxc", "notes.txt", "map_3.txt"):
            (output / name).write_text("")
        self.run_stage(data, extra=extra, n=1)
        names = {p.name for p in output.iterdir()}
        self.assertFalse(names & {"map_02.mrc", "map_02_half1.mrc", "series.cxc"})
        self.assertTrue({"map_01.mrc", "notes.txt", "map_3.txt"} <= names)

    def test_the_script_of_a_movie_stays_where_the_maps_stay(self):
        data = self.particles(n=20, noise=0.5)
        latents = data.write_star("latents.star")
        output = self.run_stage(data, latents=latents)
        (output / "series.cxc").write_text("")
        self.run_stage(data, latents=latents, resume=True)
        self.assertTrue((output / "series.cxc").is_file())

    def test_files_of_a_folder_without_results_are_not_removed(self):
        output = self.folder / "out"
        output.mkdir()
        for name in ("map_07.mrc", "series.cxc"):
            (output / name).write_text("mine")
        self.run_stage(self.particles(n=20, noise=0.5))
        self.assertEqual([(output / n).read_text() for n in ("map_07.mrc", "series.cxc")], ["mine"] * 2)


class TestPoints(Workspace):
    """Maps at points: which of them are where particles are, and what the log says."""

    def planted(self, n=120):
        """Particles on an arc, and a table of points: on it, in its hollow, and far away."""
        rng = np.random.default_rng(0)
        z, covariance = (np.round(a, 5) for a in with_posteriors(arc(n, rng), rng))
        (self.folder / "points.csv").write_text("latent1,latent2\n0,1\n0,-0.3\n9,9\n")
        return self.particles(n=n, noise=0.5), z, covariance, {"gmmhetLatent1": z[:, 0], "gmmhetLatent2": z[:, 1]}

    def run_at_points(self, data, extra, **options):
        with self.assertLogs("gmmhet", "INFO") as told:
            output = self.run_stage(data, extra=extra, by="kernel", points=self.folder / "points.csv", **options)
        return read_summary(output)["maps"], [r.getMessage() for r in told.records]

    def test_the_rule_is_that_of_gmmhet_map(self):
        """With analysis.npz beside latents.star, and with the deviations of latents.star alone."""
        data, z, covariance, extra = self.planted()
        write_analysis(self.folder / "a", z, covariance)
        map_points(self.folder / "a", self.folder / "model", table=self.folder / "points.csv")
        expected = [m["populated"] for m in read_summary(self.folder / "model")["maps"]]
        self.assertEqual(expected, [True, False, False])
        deviations = {f"gmmhetLatentSd{k}": [NOISE] * data.n for k in (1, 2)}
        (data.folder / "analysis.npz").write_bytes((self.folder / "a" / "analysis.npz").read_bytes())
        beside, _ = self.run_at_points(data, extra)
        (data.folder / "analysis.npz").unlink()
        alone, _ = self.run_at_points(data, extra | deviations)
        for maps in (beside, alone):
            self.assertEqual([m["populated"] for m in maps], expected)
            self.assertEqual([(m["note"] or "")[:29] for m in maps], ["", *["no particles are at the point"] * 2])

    def test_one_line_names_the_maps_and_the_others_tell_effective_particles(self):
        data, _, _, extra = self.planted()
        maps, told = self.run_at_points(data, extra)
        self.assertEqual(sum("no particles are at the points of maps 2, 3" in line for line in told), 1)
        self.assertEqual(sum("no particles" in line for line in told), 1)
        for record, line in zip(maps, told[-3:], strict=True):
            self.assertIn(f"{record['file']}: effectively {round(record['n_effective'])} particle", line)

    def test_coordinates_without_deviations_make_no_false_alarm(self):
        data, _, _, extra = self.planted()
        output = self.run_stage(data, extra=extra, by="kernel", n=3)
        self.assertEqual([m["note"] for m in read_summary(output)["maps"]], [None] * 3)

    def test_maps_that_are_alike_say_so(self):
        data, _, _, extra = self.planted(n=40)
        maps, told = self.run_at_points(data, extra)
        words = "each is made of all 40 particles; maps that differ need more than 50"
        self.assertTrue(all(words in m["note"] for m in maps))
        self.assertEqual(sum(words in line for line in told), 1)

    def test_the_movie_says_which_maps_are_of_no_particles(self):
        data, _, _, extra = self.planted()
        self.run_at_points(data, extra)
        with mock.patch("gmmhet.engine.landscape.stage.write_movie") as write:
            movie_of(self.folder / "out", self.folder / "m.gif")
        self.assertEqual(write.call_args.args[3], [False, True, True])


class TestTables(Workspace):
    def test_effective_particles_leave_out_those_without_contrast(self):
        data = self.particles(n=40, noise=0.5)
        contrast = np.where(np.arange(40) < 30, 1.0, 0.0)
        record = read_summary(self.run_stage(data, extra={"gmmhetContrast": contrast}))["maps"][0]
        self.assertEqual((record["n_particles"], record["n_effective"]), (30, 30))

    def test_a_half_without_particles_has_no_curve(self):
        data = self.particles(n=40, noise=0.5, subsets=np.where(np.arange(40) < 20, 1, 2))
        output = self.run_stage(data, extra={"gmmhetLatent1": [0.0] * 10 + [1.0] * 20 + [2.0] * 10}, n=2)
        lines = [line.split(",") for line in (output / "fsc.csv").read_text().splitlines()[1:]]
        self.assertEqual({tuple(cells[3:]) for cells in lines}, {("",) * 4})
        self.assertEqual([m["resolution_fsc500"] for m in read_summary(output)["maps"]], [None] * 2)

    @unittest.skipIf(spreading.finufft is None, "without finufft there is one way only")
    def test_maps_by_another_gridding_are_not_gone_on_with(self):
        """The summary tells which it was; without finufft all maps are made again."""
        data = self.particles(n=20, noise=0.5)
        latents = data.write_star("latents.star")
        gridding = []
        for missing in (False, True):
            with mock.patch.object(spreading, "finufft", None if missing else spreading.finufft), \
                    mock.patch.object(series, "half_equations", side_effect=half_equations) as made:
                output = self.run_stage(data, latents=latents, resume=True)
            self.assertEqual(made.call_count, 2)
            gridding.append(read_summary(output)["parameters"]["gridding"])
        self.assertEqual(gridding, ["finufft", "trilinear"])


class TestCommandLine(Workspace):
    def test_points_and_their_number_exclude_each_other(self):
        """A number that the table would override is told, not ignored."""
        line = self.folder / "line.txt"
        self.assertEqual(main(["reconstruct", "p.star", "--latents", "l.star", "--by", "kernel", "--points", "p.csv",
                               "--n", "5", "-o", str(self.folder / "out"), "--error-file", str(line)]), 2)
        self.assertIn("--n is 5 and --points is p.csv; expected one of them", line.read_text())

    def test_five_maps_where_no_number_is_given(self):
        with mock.patch("gmmhet.engine.reconstruction.reconstruct") as called:
            self.assertEqual(main(["reconstruct", "p.star", "--latents", "l.star", "-o", "out"]), 0)
        self.assertEqual(called.call_args.args[2].n, 5)

    def test_every_option_has_help(self):
        parser = argparse.ArgumentParser()
        add_options(parser, ReconstructCommand)
        self.assertEqual([a.dest for a in parser._actions if not a.help], [])
        self.assertIn("number of maps (default: 5)", parser.format_help())


if __name__ == "__main__":
    unittest.main()
