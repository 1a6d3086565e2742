"""The live page in a real browser: what a person does, and what comes of it."""

import re
import tempfile
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from gmmhet.engine.io import read_map, read_star
from gmmhet.tests.support.browser import WHY_NOT, launch
from gmmhet.tests.support.live_page import LivePage
from gmmhet.tests.support.viewed_result import write_result

PARTICLES = 150
LONGEST = 180_000  # milliseconds, of a reconstruction on a busy machine


@unittest.skipIf(WHY_NOT, WHY_NOT)
class TestInChromium(unittest.TestCase):

    @classmethod
    def setUpClass(cls) -> None:
        from playwright.sync_api import sync_playwright
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = write_result(Path(temporary.name) / "run", particles=PARTICLES)
        cls.server = LivePage(cls.folder)
        cls.addClassCleanup(cls.server.close)
        driver = sync_playwright().start()
        cls.addClassCleanup(driver.stop)
        cls.browser = launch(driver)
        cls.addClassCleanup(cls.browser.close)

    def setUp(self) -> None:
        self.page = self.browser.new_page(viewport={"width": 1280, "height": 900})
        self.addCleanup(self.page.close)
        self.page.set_default_timeout(LONGEST)
        self.wrong: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", lambda said: self.wrong.append(said.text) if said.type == "error" else None)
        self.asked: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(self.server.address)
        self.page.wait_for_selector("body[data-ready]")
        self.table = read_star(self.folder / "analysis" / "latents.star")["particles"]
        self.z = np.stack([self.table.floats(f"gmmhetLatent{k}") for k in (1, 2)], axis=1)

    def tearDown(self) -> None:
        self.assertEqual(self.wrong, [])
        own = (f"http://127.0.0.1:{self.server.port}/", "blob:", "data:")
        self.assertEqual([url for url in self.asked if not url.startswith(own)], [])

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where on the page coordinates are, read off the axes as the script draws them."""
        box = self.page.locator("#landscape").bounding_box()
        assert box is not None
        spans = [(float(v.min()), float(v.max())) for v in self.z.astype(np.float32).T]
        margins = [max(0.06 * (high - low), 0.25) for low, high in spans]
        (x0, x1), (y0, y1) = ((low - m, high + m) for (low, high), m in zip(spans, margins, strict=True))
        wide, high = box["width"] - 56, box["height"] - 42
        return box["x"] + 46 + (x - x0) / (x1 - x0) * wide, box["y"] + 8 + (y1 - y) / (y1 - y0) * high

    def looking(self, act: Callable[[], Any], *point: float) -> np.ndarray:
        """The picture of the molecule at a point, when all that an act asked for has come."""
        act()
        self.page.wait_for_function("""point => {
            const shown = document.querySelector("#panes canvas").dataset, at = (shown.at || "").split(",").map(Number);
            return shown.busy === "no" && shown.fine === "yes" && point.every((v, k) => Math.abs(v - at[k]) < 0.03);
        }""", arg=list(point))
        self.drawn()
        return self.picture("#panes canvas")

    def drawn(self) -> None:
        """Wait until what was to be drawn is drawn."""
        self.page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def after(self, act: Callable[[], Any], pane: int = 1) -> np.ndarray:
        """The picture of a surface after what changes it."""
        canvas = f"#panes figure:nth-child({pane}) canvas"
        before = self.page.get_attribute(canvas, "data-shown")
        act()
        self.page.wait_for_function("([c, b]) => document.querySelector(c).dataset.shown !== b", arg=[canvas, before])
        self.drawn()
        return self.picture(canvas)

    def picture(self, canvas: str) -> np.ndarray:
        """[height, width] where the surface is drawn."""
        path = self.folder.parent / "shot.png"
        self.page.locator(canvas).screenshot(path=path)
        with Image.open(path) as image:
            return np.asarray(image.convert("L")) < 250

    def ended(self, button: str) -> str:
        """Text of the job that a button starts, when it is done."""
        numbers = [int(n) for n in self.page.eval_on_selector_all(
            "#jobs li[data-number]", "all => all.map(li => li.dataset.number)")]
        self.page.click(button)
        entry = f"#jobs li[data-number='{max(numbers, default=0) + 1}']"
        self.page.wait_for_selector(f"{entry}:is([data-state=done], [data-state=failed])")
        self.assertEqual(self.page.get_attribute(entry, "data-state"), "done", self.page.inner_text(entry))
        return self.page.inner_text(entry)

    def test_the_surface_follows_the_pointer_and_is_held_by_a_click(self) -> None:
        mouse = self.page.mouse
        left = self.looking(lambda: mouse.click(*self.place(-1.4, 1.1)), -1.4, 1.1)
        right = self.looking(lambda: mouse.click(*self.place(1.4, 1.1)), 1.4, 1.1)
        self.assertGreater((left != right).sum(), 0.05 * left.sum())  # the arm is elsewhere
        self.assertIn("model at 1.", self.page.inner_text("#panes figcaption"))
        shown = self.page.get_attribute("#panes canvas", "data-shown")
        mouse.move(*self.place(0, -1.1))
        self.page.wait_for_timeout(300)
        self.assertEqual(self.page.get_attribute("#panes canvas", "data-shown"), shown)  # held
        self.page.keyboard.press("Escape")
        self.looking(lambda: mouse.move(*self.place(-0.3, -1.0)), -0.3, -1.0)
        self.looking(lambda: mouse.click(*self.place(0, 2.0)), 0, 2.0)
        self.assertIn("no particles here", self.page.inner_text("#panes figcaption .warning"))
        self.assertIn("gmmhet map", self.page.inner_text("#now"))

    def test_turning_and_keys(self) -> None:
        canvas = "#panes canvas"
        before = self.picture(canvas)
        self.page.focus(canvas)
        for _ in range(6):
            self.page.keyboard.press("ArrowDown")
        self.drawn()
        self.assertGreater((self.picture(canvas) != before).sum(), 0.02 * before.sum())
        self.page.focus("#landscape")
        self.after(lambda: self.page.keyboard.press("ArrowRight"))

    def test_range_and_lasso_are_exported(self) -> None:
        mouse, page = self.page.mouse, self.page
        page.click("[data-tool=range]")
        mouse.move(*self.place(-1.0, 0.0))
        mouse.down()
        mouse.move(*self.place(0.2, 0.5), steps=3)
        mouse.up()
        told = self.ended("#export-star")
        low, high = (float(v) for v in re.findall(r"--(?:from|to)=(-?[\d.]+)", told))
        self.assertAlmostEqual(low, -1.0, delta=0.02)
        self.assertAlmostEqual(high, 0.2, delta=0.02)
        expected = np.flatnonzero((self.z[:, 0] >= low) & (self.z[:, 0] <= high)) + 1
        self.assertEqual(self.written(told), expected.tolist())
        self.assertIn(f"{len(expected)} of {PARTICLES}", page.inner_text("#count"))
        page.click("#clear")
        page.click("[data-tool=lasso]")
        corners = [(-0.6, 0.5), (0.9, 0.5), (0.9, -2.2), (-0.6, -2.2)]
        mouse.move(*self.place(*corners[0]))
        mouse.down()
        for corner in (*corners[1:], corners[0]):
            mouse.move(*self.place(*corner))
        mouse.up()
        page.click("#look-at")
        page.wait_for_selector("#pictures figure")
        told = self.ended("#export-star")
        inside = (np.abs(self.z[:, 0] - 0.15) < 0.75) & (np.abs(self.z[:, 1] + 0.85) < 1.35)
        near = (np.abs(np.abs(self.z[:, 0] - 0.15) - 0.75) < 0.02) | (np.abs(np.abs(self.z[:, 1] + 0.85) - 1.35) < 0.02)
        got = np.zeros(PARTICLES, bool)
        got[np.array(self.written(told)) - 1] = True
        np.testing.assert_array_equal(got[~near], inside[~near])  # but for those on the line itself
        self.assertGreater(inside.sum(), 10)

    def written(self, told: str) -> list[int]:
        """Rows of the STAR file that an entry of the commands names."""
        name = re.findall(r"-o (\S+\.star)", told)[-1]
        table = read_star(self.folder / "view" / Path(name).parent.name / Path(name).name)["particles"]
        self.assertEqual(set(table.texts("rlnComment")), {"kept as it is"})
        return [int(text.split("@")[0]) for text in table.texts("rlnImageName")]

    def test_map_from_the_particles_is_shown_beside_the_model(self) -> None:
        self.looking(lambda: self.page.mouse.click(*self.place(1.2, 0.5)), 1.2, 0.5)
        self.page.click("#from-particles")
        self.page.wait_for_selector("#panes figure:nth-child(2) canvas[data-shown]")
        name = self.page.inner_text("#panes figure:nth-child(2) figcaption b")
        self.assertEqual(read_map(self.folder / name).box, 32)
        self.page.select_option("#paint", "difference")
        self.page.select_option("#beside", "0")
        self.page.wait_for_selector("#panes figure:nth-child(3) canvas[data-shown]")
        self.assertGreater(self.picture("#panes figure:nth-child(2) canvas").sum(), 500)

    def test_path_and_movies(self) -> None:
        self.page.fill("#steps", "5")
        self.page.click("#trace")
        self.page.wait_for_selector("#play:not([disabled])")
        self.after(lambda: self.page.click("#play"))
        self.page.wait_for_function("() => document.querySelector('#at').textContent.startsWith('point 3')")
        self.page.click("#play")
        with self.page.expect_download() as download:
            self.page.click("#webm")
        webm = self.folder.parent / "movie.webm"
        download.value.save_as(webm)
        self.assertEqual(webm.read_bytes()[:4], b"\x1aE\xdf\xa3")
        told = self.ended("[data-movie=gif]")
        gif = self.folder / "view" / Path(re.findall(r"--movie (\S+)", told)[0]).parent.name / "movie.gif"
        with Image.open(gif) as movie:
            self.assertGreaterEqual(getattr(movie, "n_frames", 1), 5)


if __name__ == "__main__":
    unittest.main()
