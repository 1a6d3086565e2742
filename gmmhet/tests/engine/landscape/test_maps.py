"""Maps of the model at points of latent space, movies and scripts, through the command line."""

import importlib.util
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import gemmi
import mrcfile
import numpy as np
import pytest
from PIL import Image

from gmmhet.engine.commands.main import main
from gmmhet.engine.errors import InputError
from gmmhet.engine.io import write_map
from gmmhet.engine.io.points import read_points
from gmmhet.engine.landscape.points import given_points, looks_closed
from gmmhet.engine.landscape.series import read_series
from gmmhet.engine.landscape.stage import PathChoice, map_points, movie_of, write_path
from gmmhet.engine.landscape.surface import VIEWS, surface_picture
from gmmhet.engine.latent_space.saved_analysis import read_analysis
from gmmhet.tests.support.planted_landscape import ring, with_posteriors, write_analysis

POINT = (0.7, -1.1)


def naive_density(arrays: dict[str, np.ndarray], point: tuple[float, ...]) -> np.ndarray:
    """Every Gaussian at every voxel (z, y, x), one after the other; no grid artefact at 5 A widths and 4 A pixels."""
    box, pixel = int(arrays["box"]), float(arrays["pixel_size"])
    axis = (np.arange(box) - box // 2) * pixel
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    total = np.zeros((box, box, box))
    for j in range(len(arrays["weights"])):
        c = arrays["centers"][j] + sum(p * v[j] for p, v in zip(point, arrays["modes_position"], strict=True))
        w = arrays["weights"][j] * (1 + sum(p * u[j] for p, u in zip(point, arrays["modes_amplitude"], strict=True)))
        s = arrays["sigmas"][j]
        square = (x - c[0]) ** 2 + (y - c[1]) ** 2 + (z - c[2]) ** 2
        total += w * np.exp(-square / (2 * s**2)) / (2 * np.pi * s**2) ** 1.5
    return total


class Folder(unittest.TestCase):

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)

    def plant(self, name: str = "analysis", modes: int = 2, n: int = 400) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(3)
        return write_analysis(self.root / name, *with_posteriors(rng.normal(size=(n, modes)), rng))

    def summary(self, name: str) -> dict:
        return json.loads((self.root / name / "summary.json").read_text())


class TestMaps(Folder):

    def test_a_map_is_the_sum_of_the_moved_gaussians_over_voxels(self):
        arrays = self.plant()
        map_points(self.root / "analysis", self.root / "maps", at=["0.7,-1.1"], cif=True)
        with mrcfile.open(self.root / "maps/model_01.mrc") as found:
            expected = naive_density(arrays, POINT)
            np.testing.assert_allclose(found.data, expected, atol=1e-3 * expected.max())
            self.assertEqual(float(found.voxel_size.x), 4.0)
        atoms = gemmi.read_structure(str(self.root / "maps/model_01.cif"))[0].get_all_residue_names()
        self.assertEqual(len(atoms), 1)
        first = gemmi.read_structure(str(self.root / "maps/model_01.cif"))[0][0][0][0].pos.tolist()
        moved = arrays["centers"][0] + 0.7 * arrays["modes_position"][0][0] - 1.1 * arrays["modes_position"][1][0]
        np.testing.assert_allclose(first, moved + 40, atol=1e-3)  # from the corner, as programs show it

    def test_what_is_known_of_each_point_stands_in_the_tables(self):
        self.plant()
        with self.assertLogs("gmmhet", "WARNING") as told:
            map_points(self.root / "analysis", self.root / "maps", at=["0,0", "9", "-0.5,0.5"])
        self.assertRegex("\n".join(told.output), r"1 of 3 points have no particles \(2\): their maps extrapolate")
        records = self.summary("maps")["maps"]
        self.assertEqual([r["populated"] for r in records], [True, False, True])
        self.assertEqual([r["coordinates"] for r in records], [[0, 0], [9, 0], [-0.5, 0.5]])
        self.assertLess(records[1]["density"], 1e-6)
        population = read_analysis(self.root / "analysis").population
        np.testing.assert_allclose([r["near"] for r in records], population.near(np.array([[0, 0], [9, 0], [-.5, .5]])))
        rows = (self.root / "maps/points.csv").read_text().splitlines()
        self.assertEqual(rows[0], "latent1,latent2,density,populated")
        self.assertEqual([r.rsplit(",", 1)[1] for r in rows[1:]], ["yes", "no", "yes"])
        self.assertEqual(self.summary("maps")["population"]["unit"], "particles")

    def test_coordinates_that_are_not_given_are_0_or_those_of_the_particles_near(self):
        rng = np.random.default_rng(5)
        truth = rng.multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], 3000)
        write_analysis(self.root / "a", *with_posteriors(truth, rng, noise=0.01))
        analysis = read_analysis(self.root / "a")
        np.testing.assert_array_equal(given_points(analysis, ["1"], None), [[1, 0]])
        near = given_points(analysis, ["1", "-1,2"], None, rest="near")
        self.assertAlmostEqual(near[0, 1], 0.9, delta=0.1)
        np.testing.assert_array_equal(near[1], [-1, 2])

    def test_points_of_a_table_come_after_those_typed_and_a_second_call_replaces_the_first(self):
        self.plant()
        (self.root / "p.csv").write_text("latent1\n0.1\n0.2\n")
        for table, files in ((self.root / "p.csv", 3), (None, 1)):
            map_points(self.root / "analysis", self.root / "maps", at=["0.5"], table=table)
            self.assertEqual(len(list((self.root / "maps").glob("model_*.mrc"))), files)
            self.assertEqual([r["file"] for r in self.summary("maps")["maps"]],
                             [f"model_{i:02d}.mrc" for i in range(1, files + 1)])
        self.assertEqual(read_points(self.root / "maps/points.csv", 2).tolist(), [[0.5, 0]])

    def test_a_run_s_folder_will_do_and_its_analysis_is_not_overwritten(self):
        self.plant("run/analysis")
        map_points(self.root / "run", self.root / "maps", at=["0"])
        (self.root / "run/analysis/summary.json").write_text('{"n_modes": 2}')
        with self.assertRaisesRegex(InputError, "holds the results of another command"):
            map_points(self.root / "run", self.root / "run/analysis", at=["0"])

    def test_of_subunits_each_counts(self):
        arrays = self.plant(n=100)
        rng = np.random.default_rng(1)
        np.savez(self.root / "analysis/subunits.npz", coordinates=rng.normal(size=(100, 7, 2)) + 3,
                 deviations=np.full((100, 7, 2), 0.1))
        analysis = read_analysis(self.root / "analysis")
        self.assertEqual((analysis.subunits, analysis.coordinates.shape), (7, (700, 2)))
        np.testing.assert_allclose(analysis.covariance, np.full((700, 2), 0.01))
        populated = analysis.population.populated(np.array([[3.0, 3.0], [0, 0]]))
        self.assertEqual(populated.tolist(), [True, False])
        self.assertEqual(arrays["coordinates"].shape, (100, 2))

    def test_covariances_stay_in_single_precision(self):
        arrays = self.plant()
        np.savez(self.root / "analysis/analysis.npz", **arrays | {"covariance": np.float32(arrays["covariance"])})
        analysis = read_analysis(self.root / "analysis")
        self.assertEqual((analysis.covariance.dtype, analysis.coordinates.dtype), (np.float32, np.float64))

    def test_tensorflow_is_not_needed(self):
        code = "import sys, gmmhet.engine.landscape.stage; print('tensorflow' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                              cwd=Path(__file__).resolve().parents[4])
        self.assertEqual(done.stdout.strip(), "False")


class TestCommandLine(Folder):

    def run_main(self, *arguments: str) -> int:
        return main([a.replace("ROOT", str(self.root)) for a in arguments])

    def refused(self, words: str, *arguments: str) -> None:
        line = self.root / "error.txt"
        self.assertEqual(self.run_main(*arguments, "--error-file", str(line)), 2)
        text = line.read_text()
        self.assertRegex(text, words)
        self.assertEqual(text.count("\n"), 1)

    def test_negative_points_are_no_options(self):
        self.plant()
        self.assertEqual(self.run_main("map", "ROOT/analysis", "--at", "-0.5,1.2", "--at", "-1", "-o", "ROOT/m"), 0)
        self.assertEqual(read_points(self.root / "m/points.csv", 2).tolist(), [[-0.5, 1.2], [-1, 0]])
        self.assertEqual(self.run_main("path", "ROOT/analysis", "--from", "-1,-.5", "--to", "-.5,1", "--n", "5", "-o",
                                       "ROOT/p.csv"), 0)
        np.testing.assert_allclose(read_points(self.root / "p.csv", 2)[[0, -1]], [[-1, -0.5], [-0.5, 1]])

    def test_a_closed_path_needs_no_end(self):
        rng = np.random.default_rng(4)
        write_analysis(self.root / "a", *with_posteriors(ring(1000, rng), rng))
        self.assertEqual(self.run_main("path", "ROOT/a", "--from", "1.4,0,1,0", "--through", "-1.4,0,1,0", "--closed",
                                       "--n", "12", "-o", "ROOT/p.csv"), 0)
        found = read_points(self.root / "p.csv", 4)
        self.assertTrue(looks_closed(found))
        self.assertLess(np.abs(np.linalg.norm(found[:, :2], axis=1) - 1.4).max(), 0.15)

    def test_bad_requests_are_told_in_one_line(self):
        self.plant()
        (self.root / "bad.csv").write_text("latent1\nx\n")
        (self.root / "empty").mkdir()
        for words, *arguments in (
            ("no point is given", "map", "ROOT/analysis", "-o", "ROOT/m"),
            ("expected coordinates separated by commas", "map", "ROOT/analysis", "--at", "a,b", "-o", "ROOT/m"),
            ("3 coordinates; expected at most 2", "map", "ROOT/analysis", "--at", "1,2,3", "-o", "ROOT/m"),
            ("coordinate 2 is 400; expected standard dev", "map", "ROOT/analysis", "--at", "1,400", "-o", "ROOT/m"),
            ("line 2: latent1 is 'x'", "map", "ROOT/analysis", "--points", "ROOT/bad.csv", "-o", "ROOT/m"),
            ("ends with .gif or .mp4", "map", "ROOT/analysis", "--at", "0", "--movie", "a.avi", "-o", "m"),
            ("no such folder", "map", "ROOT/nothing", "--at", "0", "-o", "ROOT/m"),
            ("analysis.npz: no such file", "map", "ROOT/empty", "--at", "0", "-o", "ROOT/m"),
            ("needs --from and --to", "path", "ROOT/analysis", "--to", "1", "-o", "ROOT/p.csv"),
            ("needs --from and --to", "path", "ROOT/analysis", "--through", "1", "--from", "0", "-o", "ROOT/p.csv"),
            ("expected at least two points", "path", "ROOT/analysis", "--from", "1", "--closed", "-o", "ROOT/p.csv"),
            ("expected one of --from", "path", "ROOT/analysis", "--mode", "1", "--trace", "-o", "ROOT/p.csv"),
            ("--mode is 3; expected 1 to 2", "path", "ROOT/analysis", "--mode", "3", "-o", "ROOT/p.csv"),
            ("--n is 1", "path", "ROOT/analysis", "--n", "1", "-o", "ROOT/p.csv"),
            ("same point", "path", "ROOT/analysis", "--from", "1", "--to", "1", "-o", "ROOT/p.csv"),
            ("exclude each other", "path", "ROOT/analysis", "--mode", "1", "--closed", "-o", "ROOT/p.csv"),
            ("no such file; expected a folder of gmmhet map", "movie", "ROOT/analysis", "-o", "ROOT/m.gif"),
        ):
            with self.subTest(words):
                self.refused(words, *arguments)

    def test_damaged_analyses(self):
        arrays = self.plant()
        for words, change in (
            ("modes_position has shape", {"modes_position": arrays["modes_position"][:, :3]}),
            ("coordinates holds NaN", {"coordinates": arrays["coordinates"] * np.nan}),
            ("the analysis has no mode", {k: arrays[k][:0] for k in ("modes_position", "modes_amplitude")} | {
                "coordinates": np.zeros((4, 0)), "covariance": np.zeros((4, 0, 0))}),
            ("widths must be positive", {"sigmas": -arrays["sigmas"]}),
        ):
            with self.subTest(words):
                np.savez(self.root / "analysis/analysis.npz", **arrays | change)
                self.refused(words, "map", "ROOT/analysis", "--at", "0", "-o", "ROOT/m")
        (self.root / "analysis/analysis.npz").write_bytes(b"PK\3\4 nothing")
        self.refused("not the results of gmmhet analyze", "map", "ROOT/analysis", "--at", "0", "-o", "ROOT/m")


class TestSeriesAndMovies(Folder):

    def test_a_path_s_maps_become_a_movie_that_turns_round_or_back(self):
        rng = np.random.default_rng(2)
        write_analysis(self.root / "a", *with_posteriors(ring(1000, rng), rng))
        write_path(self.root / "a", self.root / "round.csv", PathChoice(trace=True, n=8))
        write_path(self.root / "a", self.root / "line.csv", PathChoice(mode=1, n=5))
        for name, frames, closed in (("round", 8, True), ("line", 8, False)):  # 5 maps forth, 3 back
            folder = self.root / name
            map_points(self.root / "a", folder, table=self.root / f"{name}.csv", movie=folder / "m.gif")
            self.assertEqual(self.summary(name)["closed"], closed)
            with Image.open(folder / "m.gif") as movie:
                self.assertEqual(movie.n_frames, frames)
                self.assertEqual(movie.info["loop"], 0)
                self.assertGreater(np.ptp(np.asarray(movie.convert("L"))), 150)
            script = (folder / "series.cxc").read_text()
            self.assertIn('open "model_01.mrc" "model_02.mrc"', script)
            self.assertIn(f"level {self.summary(name)['level']:.6g}", script)
            self.assertIn("direction forward" if closed else "direction oscillate", script)

    def test_particle_maps_of_a_reconstruction_play_too(self):
        for i, shift in enumerate((-2, 0, 2), 1):
            data = np.zeros((16, 16, 16), np.float32)
            data[5:11, 5:11, 5 + shift:11 + shift] = 1
            write_map(self.root / f"map_{i:02d}.mrc", data, 3.0)
        records = [{"file": f"map_{i:02d}.mrc", "coordinate": i - 2.0} for i in (1, 2, 3)]
        (self.root / "summary.json").write_text(json.dumps({"by": "bins", "maps": records}))
        movie_of(self.root, self.root / "m.gif")
        with Image.open(self.root / "m.gif") as movie:
            self.assertEqual(movie.n_frames, 4)
        script = (self.root / "series.cxc").read_text()
        self.assertIn('open "map_01.mrc" "map_02.mrc" "map_03.mrc" vseries true', script)

    @pytest.mark.skipif(importlib.util.find_spec("imageio_ffmpeg") is None, reason="imageio-ffmpeg is not installed")
    def test_the_same_as_mp4(self):
        import imageio_ffmpeg
        for i, shift in enumerate((-2, 2), 1):
            data = np.zeros((16, 16, 16), np.float32)
            data[5:11, 5:11, 5 + shift:11 + shift] = 1
            write_map(self.root / f"map_{i:02d}.mrc", data, 3.0)
        (self.root / "summary.json").write_text(json.dumps(
            {"by": "bins", "maps": [{"file": f"map_{i:02d}.mrc", "coordinate": i} for i in (1, 2)]}))
        movie_of(self.root, self.root / "m.mp4", rate=2)
        done = subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-i", self.root / "m.mp4", "-f", "rawvideo", "-pix_fmt",
                               "gray", "-"], capture_output=True, check=True)
        self.assertIn(b"Video: h264", done.stderr)
        self.assertIn(b"640x350", done.stderr)
        pictures = np.frombuffer(done.stdout, np.uint8).reshape(-1, 350, 640).astype(float)
        self.assertEqual(len(pictures), 8 * 2 * 12)  # eight times round: two maps of half a second
        self.assertLess(np.abs(pictures[1] - pictures[10]).mean(), 0.5)  # the same map
        self.assertGreater(np.abs(pictures[1] - pictures[13]).mean(), 2)  # the next

    def test_particle_maps_at_points_of_a_ring_go_round_and_other_series_turn_back(self):
        write_map(self.root / "a.mrc", np.pad(np.ones((6, 6, 6), np.float32), 5), 3.0)
        angle = np.linspace(0, 2 * np.pi, 6, endpoint=False)
        round_, line = np.stack([np.cos(angle), np.sin(angle)], axis=1), np.stack([angle, 0 * angle], axis=1)
        for by, points, direction in (("kernel", round_, "forward"), ("kernel", line, "oscillate"),
                                      ("clusters", round_, "oscillate")):
            records = [{"file": "a.mrc", "coordinates": p.tolist()} for p in points]
            (self.root / "summary.json").write_text(json.dumps({"by": by, "maps": records}))
            movie_of(self.root, self.root / "m.gif")
            self.assertIn(f"direction {direction}", (self.root / "series.cxc").read_text(), (by, direction))
        (self.root / "summary.json").write_text(json.dumps({"by": "kernel", "maps": [{"file": "a.mrc"}] * 6}))
        movie_of(self.root, self.root / "m.gif")
        self.assertIn("direction oscillate", (self.root / "series.cxc").read_text())

    def test_the_level_lies_between_solvent_and_molecule(self):
        data = np.full((24, 24, 24), 3.0, np.float32)
        data[8:16, 8:16, 8:16] = 5.0
        data += 0.05 * np.random.default_rng(0).normal(size=data.shape).astype(np.float32)
        write_map(self.root / "a.mrc", data, 3.0)
        self.assertAlmostEqual(read_series([self.root / "a.mrc"]).level, 4.0, delta=0.35)

    def test_a_level_that_shows_nothing_is_refused(self):
        data = np.zeros((8, 8, 8), np.float32)
        write_map(self.root / "a.mrc", data, 3.0)
        data[4, 4, 4] = 2.5
        write_map(self.root / "b.mrc", data, 3.0)
        files = [self.root / "a.mrc", self.root / "b.mrc"]
        for level, words in ((np.nan, "nan; expected a density above 0"), (np.inf, "inf; expected"), (0, "0; expected"),
                             (-1, "-1; expected"), (1e9, r"1e\+09; expected below 2.5, the highest"),
                             (2.5, "2.5; expected below")):
            with self.assertRaisesRegex(InputError, "--level is " + words):
                read_series(files, level=level)
        self.assertEqual(read_series(files, level=2.4).level, 2.4)

    def test_maps_that_do_not_belong_together(self):
        write_map(self.root / "a.mrc", np.ones((8, 8, 8)), 3.0)
        write_map(self.root / "b.mrc", np.ones((8, 8, 8)), 2.0)
        with self.assertRaisesRegex(InputError, "b.mrc: box 8, 2 Å; expected 8, 3 Å"):
            read_series([self.root / "a.mrc", self.root / "b.mrc"])

    def test_a_path_is_closed_where_its_ends_are_neighbours(self):
        angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
        circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        self.assertTrue(looks_closed(circle))
        self.assertFalse(looks_closed(circle[:10]))
        self.assertFalse(looks_closed(circle[:3]))


class TestPictures(unittest.TestCase):

    def test_each_view_shows_where_a_blob_is(self):
        """A ball at x = +4, y = +2, z = -3 voxels: right, up and down as a person would expect, z towards the eye."""
        grid = np.indices((21, 21, 21)) - 10
        ball = np.exp(-((grid[2] - 4) ** 2 + (grid[1] - 2) ** 2 + (grid[0] + 3) ** 2) / 8).astype(np.float32)
        for view, (right, up) in {"along z": (4, 2), "along y": (4, -3), "along x": (2, -3)}.items():
            with self.subTest(view):
                opacity = surface_picture(ball, 0.5, ball, view)[..., 3].astype(float)
                rows, columns = np.indices(opacity.shape)
                self.assertAlmostEqual((opacity * columns).sum() / opacity.sum() - 10, right, delta=0.1)
                self.assertAlmostEqual(10 - (opacity * rows).sum() / opacity.sum(), up, delta=0.1)

    def test_the_nearer_ball_hides_the_farther_and_is_lit_from_the_left_above(self):
        grid = np.indices((31, 31, 31)) - 15
        near, far = (((grid[2]) ** 2 + grid[1] ** 2 + (grid[0] - z) ** 2) for z in (8, -8))
        volume = (np.exp(-near / 18) + np.exp(-far / 18)).astype(np.float32)
        only = np.exp(-far / 18).astype(np.float32)
        picture = surface_picture(volume, 0.5, only, "along z").astype(int)
        self.assertGreater(picture[15, 15, 0], picture[15, 15, 2])  # new, so orange; the farther one would be blue
        self.assertGreater(picture[13, 13, :3].sum(), picture[17, 17, :3].sum())

    def test_nothing_above_the_level_is_an_empty_picture(self):
        for view in VIEWS:
            picture = surface_picture(np.zeros((6, 6, 6), np.float32), 1.0, np.ones((6, 6, 6), np.float32), view)
            self.assertEqual(picture[..., 3].max(), 0)


if __name__ == "__main__":
    unittest.main()
