"""The parts of the report: maps made small, charts, numbers in words, and the script that draws surfaces."""

import json
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock
from xml.etree import ElementTree

import numpy as np

from gmmhet.engine.browser import script
from gmmhet.engine.io import write_map
from gmmhet.engine.molecule.first_view import first_view
from gmmhet.engine.report import scene as scene_module
from gmmhet.engine.report.results import read_results
from gmmhet.engine.report.scene import scene
from gmmhet.engine.report.svg import Axis, Plot, round_ticks, shade
from gmmhet.engine.report.volumes import Grid, molecule_grid, pack_series, resample, typical_density
from gmmhet.engine.wording.numbers import number
from gmmhet.tests.support.report_data import unpacked, write_run

NODE = shutil.which("node")


class TestResample(unittest.TestCase):
    def test_exact_for_waves_below_both_nyquist_frequencies(self) -> None:
        """A product of waves with 2, 3 and 1 periods in the box is interpolated to single precision."""
        for box in (20, 21):
            pixel, grid = 3.0, Grid((9, 11, 8), (-14.2, -20.1, 3.3), 2.9)
            turn = 2 * np.pi / (box * pixel)

            def wave(x, y, z, turn=turn):
                return np.cos(2 * turn * x + 1) * np.sin(3 * turn * y) * np.cos(turn * z)

            axis = (np.arange(box) - box // 2) * pixel
            data = wave(axis, axis[:, None], axis[:, None, None]).astype(np.float32)
            x, y, z = (grid.origin[i] + grid.pixel * np.arange(grid.shape[2 - i]) for i in range(3))
            expected = wave(x, y[:, None], z[:, None, None])
            np.testing.assert_allclose(resample(data, pixel, grid), expected, atol=2e-6)

    def test_frequencies_beyond_the_grid_are_left_out(self) -> None:
        """A wave of 8 periods in 60 A (7.5 A each) cannot be sampled every 5 A: only the mean stays."""
        axis = (np.arange(20) - 10) * 3.0
        data = np.broadcast_to(7 + np.cos(16 * np.pi * axis / 60), (20, 20, 20)).astype(np.float32)
        found = resample(data, 3.0, Grid((4, 4, 4), (-10.0, -10.0, -10.0), 5.0))
        np.testing.assert_allclose(found, 7, atol=1e-5)

    def test_grid_covers_the_molecule_within_the_box(self) -> None:
        grid = molecule_grid(np.array([-50.0, -5, -500]), np.array([49.0, 5, 500]), box_length=200, finest=2.0,
                             largest_side=41)
        self.assertEqual(grid.pixel, 5.0)  # 200 A in 40 steps
        self.assertEqual(grid.shape, (41, 3, 20))
        self.assertEqual(grid.origin, (-50.0, -5.0, -100.0))

    def test_typical_density_is_read_at_the_centres(self) -> None:
        volume = np.arange(27, dtype=np.float32).reshape(3, 3, 3)
        grid = Grid((3, 3, 3), (-2.0, -2.0, -2.0), 2.0)
        self.assertEqual(typical_density(volume, grid, np.array([[2.0, 0, -2], [1.9, 0.1, -2.2], [9, 9, 9]])), 5.0)


class TestSeries(unittest.TestCase):
    def test_one_scale_for_all_maps(self) -> None:
        """The second map is twice the first: so are its grey values, and the threshold lies between."""
        with tempfile.TemporaryDirectory() as folder:
            axis = (np.arange(24) - 12) * 4.0
            blob = np.exp(-(axis**2 + axis[:, None] ** 2 + axis[:, None, None] ** 2) / (2 * 15.0**2))
            paths = [Path(folder) / f"{i}.mrc" for i in (1, 2)]
            for i, path in enumerate(paths, 1):
                write_map(path, blob * i, 4.0)
            grid = Grid((13, 13, 13), (-24.0, -24.0, -24.0), 4.0)
            series = pack_series(paths, grid, np.zeros((1, 3)))
        first, second = (series["low"] + unpacked(v, "u1") / 255 * (series["high"] - series["low"])
                         for v in series["volumes"])
        np.testing.assert_allclose(second, np.minimum(2 * first, series["high"]), atol=2.5 / 255 * series["high"])
        self.assertAlmostEqual(series["level"], 0.4 * 1.5, places=2)  # 0.4 of the mean height at the centre

    def test_many_maps_share_a_bounded_number_of_voxels(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            write_run(Path(folder) / "run")
            results = read_results(Path(folder) / "run")
            with mock.patch.object(scene_module, "MOST_VOXELS", 40_000):
                series = scene(results)["series"]
        sizes = [len(unpacked(v, "u1")) for s in series.values() for v in s["volumes"]]
        self.assertEqual(len(sizes), 1 + 7 + 7 + 5)
        self.assertLessEqual(sum(sizes), 40_000)
        self.assertGreater(min(sizes), 100)

    def test_long_movies_keep_their_ends(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            write_run(Path(folder) / "run", modes=1, significant=1, maps=False)
            results = read_results(Path(folder) / "run")
            with mock.patch.object(scene_module, "MOST_FRAMES", 3):
                coordinates = scene(results)["series"]["mode1"]["coordinates"]
        self.assertEqual(coordinates, [-2.0, 0.0, 2.0])


class TestFirstView(unittest.TestCase):
    def test_looks_across_the_plane_of_motion(self) -> None:
        rng = np.random.default_rng(1)
        points = rng.normal(size=(200, 3)) * [30, 10, 12]
        moved = np.zeros((1, 200, 3))
        moved[0, :, 2] = rng.normal(size=200)  # moves along z: the eye must not look along z
        view = first_view(points, moved)
        self.assertAlmostEqual(np.linalg.det(view), 1.0)
        self.assertGreater(abs(view[2, 1]), 0.95)
        self.assertGreater(view[0, 0], 0.95)

    def test_one_gaussian_without_modes(self) -> None:
        view = first_view(np.zeros((1, 3)), np.zeros((0, 1, 3)))
        np.testing.assert_allclose(view @ view.T, np.eye(3), atol=1e-12)


class TestCharts(unittest.TestCase):
    def test_round_ticks(self) -> None:
        self.assertEqual(round_ticks(0, 1), [0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0])
        self.assertEqual(round_ticks(-3, 7), [-2, 0, 2, 4, 6])
        for low, high in ((0.013, 0.0171), (-1e-6, 3e-6), (5, 123456)):
            ticks = round_ticks(low, high)
            self.assertTrue(3 <= len(ticks) <= 6, ticks)
            self.assertTrue(low <= min(ticks) and max(ticks) <= high)

    def test_small_numbers_share_a_power_of_ten(self) -> None:
        axis = Axis("contrast", -0.0003, 0)
        self.assertEqual(axis.label, "contrast \N{MULTIPLICATION SIGN} 10\N{SUPERSCRIPT MINUS}\N{SUPERSCRIPT FOUR}")
        self.assertEqual([text for _, text in axis.ticks], [f"\N{MINUS SIGN}{v}" for v in (3, 2, 1)] + ["0"])

    def test_shades(self) -> None:
        ramp = ("#000000", "#ffffff", "#ff0000")
        self.assertEqual([shade(s, ramp) for s in (-1, 0, 0.25, 0.5, 1, 2)],
                         ["#000000", "#000000", "#808080", "#ffffff", "#ff0000", "#ff0000"])

    def test_marks_stand_where_the_axes_say(self) -> None:
        """Bars of heights 1 and 2 on the same axis: the second is twice as high and ends as far down."""
        plot = Plot("<title>", Axis("x (Å)", 0, 2), Axis("y", 0, 4))
        plot.bars([0, 1], [1, 2], [1, 2], "#123456", tips=["a < b", "c"])
        figure = plot.figure("caption")
        self.assertIn("&lt;title&gt;", figure)
        bars = [e for e in ElementTree.fromstring(figure).iter("rect") if e.get("fill") == "#123456"]
        (x0, y0, w0, h0), (x1, y1, w1, h1) = ([float(b.get(k)) for k in ("x", "y", "width", "height")] for b in bars)
        self.assertAlmostEqual(h1, 2 * h0, delta=0.2)
        self.assertAlmostEqual(y0 + h0, y1 + h1, delta=0.2)
        self.assertAlmostEqual(x0 + w0, x1, delta=0.2)
        self.assertAlmostEqual(w0, w1, delta=0.2)
        self.assertEqual(bars[0].find("title").text, "a < b")

    def test_lines_break_at_missing_values(self) -> None:
        plot = Plot("t", Axis("x", 0, 3), Axis("y", 0, 1))
        plot.line([0, 1, 2, 3], [0, np.nan, 1, 1], "#123456")
        line = next(e for e in ElementTree.fromstring(plot.figure("")).iter("path") if e.get("stroke") == "#123456")
        self.assertEqual([c for c in line.get("d") if c.isalpha()], ["M", "M", "L"])

    def test_density_shows_every_filled_cell_once(self) -> None:
        counts = np.array([[0, 1.0], [4, 100], [0, 0]])
        plot = Plot("t", Axis("x", 0, 3), Axis("y", 0, 2))
        plot.density(np.arange(4.0), np.arange(3.0), counts)
        paths = [e for e in ElementTree.fromstring(plot.figure("")).iter("path") if e.get("stroke-width") == ".4"]
        self.assertEqual(sum(p.get("d").count("z") for p in paths), 3)
        self.assertEqual(len({p.get("fill") for p in paths}), 3)


class TestNumbers(unittest.TestCase):
    def test_three_digits_as_people_write_them(self) -> None:
        minus, dash = "\N{MINUS SIGN}", "\N{EN DASH}"
        cases = {
            0.098765: "0.0988", 15.98765: "16.0", -0.0123: f"{minus}0.0123", 0.0: "0", 273.0: "273",
            18182.4: "18,182", 7.0: "7",
            1.5e-5: "1.50e-05", None: dash, float("nan"): dash}
        for value, text in cases.items():
            self.assertEqual(number(value), text)


@unittest.skipIf(NODE is None, "node is not installed: the page's script is checked by eye only")
class TestSurfaces(unittest.TestCase):
    """surface.js on a ball of radius 9 A about (3, -2, 1), sampled every 1.5 A."""

    @classmethod
    def setUpClass(cls) -> None:
        code = script("surface.js") + """
        const shape = [20, 22, 24], pixel = 1.5, origin = [-15, -18, -13], centre = [3, -2, 1];
        const data = new Uint8Array(20 * 22 * 24);
        for (let z = 0; z < 20; z++) for (let y = 0; y < 22; y++) for (let x = 0; x < 24; x++) {
          const p = [x, y, z].map((v, i) => origin[i] + pixel * v - centre[i]);
          data[(z * 22 + y) * 24 + x] = Math.max(0, Math.min(255, Math.round(128 + 12 * (9 - Math.hypot(...p)))));
        }
        const ball = isoSurface({data, shape, origin, pixel}, 128);
        const full = isoSurface({data: data.fill(255), shape, origin, pixel}, 128);
        const values = spreadOver(ball, Float32Array.from([12, -2, 1, -6, -2, 1]), Float32Array.from([5, 1]), 3);
        const arrow = arrowMesh(Float32Array.from([1, 2, 3]), Float32Array.from([1, 2, 13]), 0.5, [1, 2, 3]);
        const plain = m => ({position: [...m.position], normal: [...m.normal], triangles: [...m.triangles]});
        console.log(JSON.stringify({ball: plain(ball), full: plain(full), arrow: plain(arrow), values: [...values]}));
        """
        found = subprocess.run([str(NODE), "-e", code], capture_output=True, text=True, check=True, timeout=60)
        cls.found = json.loads(found.stdout)

    def mesh(self, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        parts = self.found[name]
        return tuple(np.array(parts[k]).reshape(-1, 3) for k in ("position", "normal", "triangles"))

    @staticmethod
    def volume(position: np.ndarray, triangles: np.ndarray) -> float:
        """Enclosed volume by the divergence theorem; positive where faces are counter-clockwise from outside."""
        a, b, c = (position[triangles[:, i]] for i in range(3))
        return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)

    def test_surface_lies_at_the_level(self) -> None:
        """Linear interpolation between voxels 1.5 A apart: within a tenth of a voxel of the ball."""
        position, normal, _ = self.mesh("ball")
        radial = position - [3, -2, 1]
        np.testing.assert_allclose(np.linalg.norm(radial, axis=-1), 9, atol=0.15)
        self.assertGreater(np.einsum("ij,ij->i", normal, radial / 9).min(), 0.95)

    def test_surface_is_closed_and_faces_outwards(self) -> None:
        for name, volume in (("ball", 4 / 3 * np.pi * 9**3), ("full", 20 * 22 * 24 * 1.5**3)):
            position, _, triangles = self.mesh(name)
            edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
            there, counts = np.unique(edges, axis=0, return_counts=True)
            back = {(b, a) for a, b in there.tolist()}
            self.assertTrue((counts == 1).all() and back == set(map(tuple, there.tolist())), name)
            self.assertAlmostEqual(self.volume(position - position.mean(0), triangles) / volume, 1, delta=0.06)

    def test_colours_follow_the_nearest_gaussian(self) -> None:
        """Two Gaussians at the ends of the ball, 18 A apart, widths 3 A: at one end the other weighs exp(-18)."""
        position = self.mesh("ball")[0]
        values = np.array(self.found["values"])
        self.assertAlmostEqual(values[np.argmax(position[:, 0])], 5, places=3)
        self.assertAlmostEqual(values[np.argmin(position[:, 0])], 1, places=3)

    def test_arrows_reach_from_start_to_end(self) -> None:
        position, _, triangles = self.mesh("arrow")
        np.testing.assert_allclose([position[:, 2].min(), position[:, 2].max()], [3, 13], atol=1e-6)
        np.testing.assert_allclose(np.linalg.norm(position[:, :2] - [1, 2], axis=-1).max(), 1.2, atol=1e-6)
        self.assertGreater(self.volume(position - [1, 2, 3], triangles), 0)
