"""The folder of gmmhet reconstruct: whose files it removes, what its tables say of maps that tell little."""

import json
import unittest
from unittest import mock

import numpy as np

from gmmhet.engine.errors import InputError
from gmmhet.engine.reconstruction import stage
from gmmhet.tests.engine.test_reconstruction import Workspace


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


if __name__ == "__main__":
    unittest.main()
