"""Drawings of viewers and wizards, without a screen: what clicks and drags do."""

import unittest

import numpy as np
from matplotlib.backend_bases import KeyEvent, MouseButton, MouseEvent
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gmmhet.engine.landscape import Thumbnails, surface_picture, turned
from gmmhet.tests.engine.landscape.test_turned import blob
from gmmhet.viewers.spheres import draw_spheres
from gmmhet.viewers.surface_player import SurfacePlayer
from gmmhet.wizards.pickers import ModePicker, ResolutionPicker, StretchPicker, draw_mask

MAPS = tuple(blob((x, 0, 0), 3.0) for x in (-4, 0, 4))


def figure() -> Figure:
    made = Figure(figsize=(6, 6))
    FigureCanvasAgg(made)
    return made


def mouse(on: Figure, kind: str, at: tuple[float, float]) -> None:
    """An event of the left button at a place of the canvas, pixels."""
    on.canvas.callbacks.process(kind, MouseEvent(kind, on.canvas, *at, button=MouseButton.LEFT))


class TestSurfacePlayer(unittest.TestCase):

    def setUp(self) -> None:
        mean = np.asarray(np.mean(MAPS, axis=0), np.float32)
        self.shown, self.saved, self.figure = Thumbnails(MAPS, mean, 0.3, 4.0), [], figure()
        self.player = SurfacePlayer(self.figure, self.shown, ["one", "two", "three"], self.save)

    def save(self, number: int) -> str:
        self.saved.append(number)
        return f"saved {number}"

    def picture(self) -> np.ndarray:
        return np.asarray(self.figure.axes[0].images[0].get_array())

    def expected(self, number: int, rotation: np.ndarray) -> np.ndarray:
        volume, mean = turned(MAPS[number], rotation), turned(self.shown.mean, rotation)
        return surface_picture(volume, self.shown.level, mean, "along z")

    def test_a_drag_turns_what_is_seen(self) -> None:
        before = self.player.rotation
        mouse(self.figure, "button_press_event", (300, 300))
        mouse(self.figure, "motion_notify_event", (360, 300))
        mouse(self.figure, "button_release_event", (360, 300))
        after = self.player.rotation
        self.assertFalse(np.allclose(before, after))
        np.testing.assert_allclose(after @ after.T, np.eye(3), atol=1e-12)
        np.testing.assert_array_equal(self.picture(), self.expected(0, after))
        mouse(self.figure, "motion_notify_event", (200, 200))  # the button is up
        np.testing.assert_array_equal(self.player.rotation, after)

    def test_a_quarter_turn_to_the_side_shows_what_was_in_front(self) -> None:
        """The blob that was at the left comes to the front or the back; the picture's mass is in the middle."""
        self.player.turn(np.pi / 2, 0.0)
        columns = self.picture()[..., 3].sum(axis=0)
        self.assertAlmostEqual(float((columns * np.arange(len(columns))).sum() / columns.sum()), len(columns) / 2,
                               delta=1.0)

    def test_it_plays_forth_and_back_and_stops(self) -> None:
        self.player.play(True)
        self.assertTrue(self.player.playing)
        seen = []
        for _ in range(6):
            self.player._next()
            seen.append(self.player.number)
        self.assertEqual(seen, [1, 2, 1, 0, 1, 2])
        np.testing.assert_array_equal(self.picture(), self.expected(2, np.eye(3)))
        self.figure.canvas.callbacks.process("key_press_event", KeyEvent("key_press_event", self.figure.canvas, " "))
        self.assertFalse(self.player.playing)

    def test_arrow_keys_turn(self) -> None:
        for key in ("left", "right", "up", "down"):
            pressed = KeyEvent("key_press_event", self.figure.canvas, key)
            self.figure.canvas.callbacks.process("key_press_event", pressed)
        np.testing.assert_allclose(self.player.rotation, np.eye(3), atol=1e-3)  # small turns there and back

    def test_the_map_that_is_shown_is_saved(self) -> None:
        self.player.show(3)
        self.player._saved(None)
        self.assertEqual(self.saved, [2])
        self.assertIn("saved 2", [t.get_text() for t in self.figure.texts])

    def test_one_map_has_nothing_to_play(self) -> None:
        alone = SurfacePlayer(figure(), Thumbnails(MAPS[:1], MAPS[0], 0.3, 4.0), ["one"])
        self.assertEqual(len(alone._buttons), 0)
        alone.turn(0.1, 0.2)


class TestSpheres(unittest.TestCase):

    def test_every_gaussian_is_drawn_with_its_value(self) -> None:
        made, rng = figure(), np.random.default_rng(0)
        draw_spheres(made, rng.normal(0, 40, (30, 3)), np.full(30, 10.0), np.arange(30.0), "Spheres", "Å")
        drawn = made.axes[0].collections[0]
        self.assertEqual(len(drawn.get_offsets()), 30)
        self.assertEqual(set(np.asarray(drawn.get_array())), set(range(30)))

    def test_rounding_is_no_flexibility(self) -> None:
        """Displacements of 1e-12 Å: one colour, at the end of a scale that reaches further."""
        made, rng = figure(), np.random.default_rng(0)
        draw_spheres(made, rng.normal(0, 40, (30, 3)), np.full(30, 10.0), rng.uniform(0, 1e-12, 30), "Spheres", "Å")
        low, high = made.axes[0].collections[0].get_clim()
        self.assertGreaterEqual(high - low, 0.1)


class TestPickers(unittest.TestCase):

    def test_a_click_on_the_curve_is_a_resolution(self) -> None:
        made = figure()
        frequency = np.arange(1, 33) / 256
        picker = ResolutionPicker(made, frequency, np.linspace(1, 0, 32), 12.0)
        self.assertEqual(picker.value, 12.0)
        axes = made.axes[0]
        mouse(made, "button_press_event", tuple(axes.transData.transform((1 / 16, 0.5))))
        self.assertAlmostEqual(picker.value, 16.0, delta=0.05)
        picker.choose(99.0)
        self.assertEqual(picker.value, 8.0)  # the end of the curve

    def test_a_stretch_counts_its_particles(self) -> None:
        made, z = figure(), np.linspace(-2, 2, 401)
        picker = StretchPicker(made, z, 2, None)
        self.assertEqual(picker.value, (-2.0, 2.0))
        picker.choose(0.5, 1.0)
        self.assertEqual(picker.value, (0.5, 1.0))
        self.assertIn(": 51 particles", made.axes[0].get_title())

    def test_a_click_on_a_panel_is_its_mode(self) -> None:
        made = figure()
        picker = ModePicker(made, np.random.default_rng(0).normal(size=(200, 3)), ["a", "b", "c"], 1)
        box = made.axes[2].bbox
        mouse(made, "button_press_event", ((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2))
        self.assertEqual(picker.value, 3)

    def test_the_mask_is_outlined_where_it_is(self) -> None:
        made, mask = figure(), np.zeros((32,) * 3, np.float32)
        mask[20:26, 10:20, 8:16] = 1
        draw_mask(made, blob((0, 0, 0)), mask, 4.0)
        self.assertEqual([a.get_title() for a in made.axes], ["across z, +24 Å", "across y, -8 Å", "across x, -16 Å"])
        self.assertTrue(all(a.collections for a in made.axes))
        self.assertIn("1.5 % of the box", made._suptitle.get_text())


if __name__ == "__main__":
    unittest.main()
