"""The window of latent space answers clicks; what it shows is the model at that place."""

import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace

import mrcfile
import numpy as np
from matplotlib.backend_bases import MouseButton, MouseEvent
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gmmhet.engine.landscape import Chart, read_analysis
from gmmhet.engine.molecule.gaussian_map import gaussian_density
from gmmhet.tests.support.planted_landscape import ring, with_posteriors, write_analysis
from gmmhet.viewers.point_picker import PointPicker
from gmmhet.viewers.saved_maps import SavesMaps
from gmmhet.viewers.viewer_analyze import GmmHetAnalyzeViewer


class TestPicker(unittest.TestCase):

    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        rng = np.random.default_rng(0)
        write_analysis(self.folder, *with_posteriors(ring(900, rng), rng))
        self.analysis = read_analysis(self.folder)

    def window(self, modes):
        figure = Figure(figsize=(10, 6))
        FigureCanvasAgg(figure)
        said = []
        picker = PointPicker(figure, Chart(self.analysis, modes), lambda place: said.append(place) or "saved")
        return figure, picker, said

    def click(self, figure, axes, x, y):
        at = axes.transData.transform((x, y))
        for name in ("button_press_event", "button_release_event"):
            figure.canvas.callbacks.process(name, MouseEvent(name, figure.canvas, *at, MouseButton.LEFT))

    def test_a_click_on_the_ring_shows_the_model_there(self):
        figure, picker, _ = self.window([0, 1])
        self.click(figure, picker._axes, 0.0, 1.4)
        point = picker.place.point
        np.testing.assert_allclose(point, [0, 1.4, -1, 0], atol=0.12)  # the double angle follows the particles
        self.assertTrue(picker.place.populated)
        grid = picker.place.density
        expected = gaussian_density(self.analysis.gaussians_at(point), grid.box, grid.pixel_size).data
        np.testing.assert_array_equal(picker._sections[0].get_array(), expected[grid.box // 2])
        self.assertRegex(figure._suptitle.get_text(), r"model at \([+-]0\.00, \+1\.40, .*particles nearby")

    def test_the_middle_of_the_ring_is_hatched_and_told(self):
        figure, picker, _ = self.window([0, 1])
        chart = picker._chart
        cell = tuple(int(np.searchsorted(e, 0.0)) - 1 for e in chart.edges)
        self.assertFalse(chart.populated[cell])
        self.click(figure, picker._axes, 0.0, 0.0)
        self.assertFalse(picker.place.populated)
        self.assertIn("no particles here: the model is extrapolated", figure._suptitle.get_text())

    def test_clicks_elsewhere_and_while_zooming_do_nothing(self):
        figure, picker, _ = self.window([0, 1])
        before = picker.place
        figure.canvas.callbacks.process("button_press_event", MouseEvent(
            "button_press_event", figure.canvas, 2, 2, MouseButton.LEFT))
        figure.canvas.widgetlock(picker)
        self.click(figure, picker._axes, 0.0, 1.4)
        self.assertIs(picker.place, before)

    def test_one_mode_is_a_curve(self):
        figure, picker, _ = self.window([2])
        self.click(figure, picker._axes, 0.5, 0.2)
        self.assertAlmostEqual(picker.place.point[2], 0.5, places=6)
        self.assertAlmostEqual(float(picker._chart.density.max()), 1.0, delta=0.05)

    def test_the_button_saves_the_map_on_the_particles_grid(self):
        figure, picker, said = self.window([0, 1])
        self.click(figure, picker._button.ax, 0.5, 0.5)
        self.assertEqual(said, [picker.place])
        self.assertEqual(picker._note.get_text(), "saved")

    def test_maps_that_the_viewer_saves_are_volumes_with_names_of_their_own(self):
        chart, outputs = Chart(self.analysis, [0]), {}
        viewer = SavesMaps()
        viewer.protocol = SimpleNamespace(
            _getExtraPath=lambda *names: str(self.folder.joinpath(*names)), inputParticles=None,
            _defineSourceRelation=lambda *both: None)
        viewer.protocol._defineOutputs = lambda **new: (outputs.update(new), vars(viewer.protocol).update(new))
        viewer.getProject = lambda: None
        save = GmmHetAnalyzeViewer._savePoint(viewer, chart)
        places = [chart.place([z]) for z in (-1.0, 1.0)]
        for number, place in enumerate(places, 1):
            path = self.folder / f"points/model_{number:02d}.mrc"
            self.assertEqual(save(place), f"saved as savedMap{number} of the project ({path})")
            self.assertEqual(outputs[f"savedMap{number}"].getFileName(), str(path))
            with mrcfile.open(path) as found:
                expected = gaussian_density(self.analysis.gaussians_at(place.point)).data
                np.testing.assert_array_equal(found.data, expected)
                self.assertEqual(found.data.shape, (20, 20, 20))


if __name__ == "__main__":
    unittest.main()
