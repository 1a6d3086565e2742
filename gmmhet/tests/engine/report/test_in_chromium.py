"""The report in a real browser: the first screen, the marker beside the movie, and what goes to paper."""

import tempfile
import unittest
from pathlib import Path

from gmmhet.engine.report import write_report
from gmmhet.tests.support.browser import NO_AXE, WHY_NOT, launch
from gmmhet.tests.support.report_data import write_run


@unittest.skipIf(WHY_NOT, WHY_NOT)
class TestInChromium(unittest.TestCase):

    @classmethod
    def setUpClass(cls) -> None:
        from playwright.sync_api import sync_playwright
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        write_run(Path(temporary.name) / "run", modes=2, particles=300)
        cls.report = Path(temporary.name) / "report.html"
        write_report(Path(temporary.name) / "run", cls.report)
        driver = sync_playwright().start()
        cls.addClassCleanup(driver.stop)
        cls.browser = launch(driver)
        cls.addClassCleanup(cls.browser.close)

    def setUp(self) -> None:
        self.page = self.browser.new_page(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
        self.addCleanup(self.page.close)
        self.page.set_default_timeout(60_000)
        self.wrong: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.goto(self.report.as_uri())
        self.page.wait_for_selector(".first canvas.stage")
        self.page.wait_for_selector("#maps canvas.stage")

    def tearDown(self) -> None:
        self.assertEqual(self.wrong, [])

    def bottom(self, selector: str) -> float:
        box = self.page.locator(selector).first.bounding_box()
        assert box is not None
        return float(box["y"] + box["height"])

    def test_verdict_molecule_and_particles_are_on_the_first_screen(self) -> None:
        for selector in ("h1", ".first canvas.stage", ".first .player", ".first figure.chart svg"):
            self.assertLess(self.bottom(selector), 800, selector)

    def test_a_marker_follows_the_movie(self) -> None:
        slider, marker = ".first .player input[type=range]", "figure[data-follows='1'] .marker"
        places = []
        for frame in (2, 4):  # at coordinates -0.67 and 0.67
            self.page.locator(slider).fill(str(frame))
            box = self.page.locator(marker).bounding_box()
            assert box is not None
            places.append(box["x"])
        figure = self.page.locator("figure[data-follows='1']")
        low, high = (float(figure.get_attribute(f"data-{end}") or "nan") for end in ("low", "high"))
        axis = self.page.locator("figure[data-follows='1'] .axis").bounding_box()
        assert axis is not None
        expected = axis["width"] * (4 / 3) / (high - low)
        self.assertAlmostEqual(places[1] - places[0], expected, delta=0.02 * expected)
        self.assertFalse(self.page.is_visible("figure[data-follows='2']"))
        self.page.click(".first .tabs button:nth-child(2)")
        self.assertTrue(self.page.is_visible("figure[data-follows='2']"))

    def test_on_paper_both_ends_of_the_movie_stand_side_by_side(self) -> None:
        pdf = self.page.pdf(format="A4", print_background=True)
        self.assertTrue(pdf.startswith(b"%PDF"))
        pictures = self.page.locator(".first .paper img")
        self.assertEqual(pictures.count(), 2)
        self.page.emulate_media(media="print")
        boxes = [pictures.nth(k).bounding_box() for k in (0, 1)]
        assert boxes[0] is not None
        assert boxes[1] is not None
        self.assertEqual(boxes[0]["y"], boxes[1]["y"])
        self.assertGreater(boxes[1]["x"], boxes[0]["x"] + boxes[0]["width"] - 1)
        shape = pictures.nth(0).evaluate("image => image.naturalWidth / image.naturalHeight")
        stage = self.page.locator(".first canvas.stage").evaluate("canvas => canvas.width / canvas.height")
        self.assertAlmostEqual(shape, stage, delta=0.02 * stage)  # balls stay balls

    def test_nothing_is_cut_on_a4_and_on_letter(self) -> None:
        """At the width between the margins of 14 mm: nothing reaches beyond it, tables neither."""
        self.page.emulate_media(media="print")
        for paper, millimetres in (("A4", 210), ("Letter", 215.9)):
            width = int((millimetres - 28) / 25.4 * 96)
            self.page.set_viewport_size({"width": width, "height": 1000})
            cut = self.page.evaluate("""width => [...document.querySelectorAll("main *, header *, footer *")]
                .filter(e => !e.closest(".unseen") && e.getBoundingClientRect().right > width + 1)
                .map(e => e.tagName + "." + e.getAttribute("class"))""", width)
            self.assertEqual(cut, [], paper)
            overlaps = self.page.evaluate("""() => [...document.querySelectorAll(".card, .chart")]
                .filter(e => e.getBoundingClientRect().height && e.scrollHeight > e.clientHeight + 2)
                .map(e => e.querySelector("h3")?.textContent)""")
            self.assertEqual(overlaps, [], paper)
        self.assertFalse(self.page.is_visible(".chooser"))

    @unittest.skipIf(NO_AXE, NO_AXE)
    def test_axe_finds_nothing(self) -> None:
        """Accessibility by axe-core, at the widths of a telephone, a laptop and a large screen."""
        from axe_playwright_python.sync_playwright import Axe
        for width in (390, 1280, 1920):
            self.page.set_viewport_size({"width": width, "height": 800})
            found = Axe().run(self.page).response
            self.assertGreater(len(found["passes"]), 20)  # it did look
            self.assertEqual([f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found["violations"]], [], width)

    def test_nothing_is_wider_than_the_window(self) -> None:
        for width in (390, 1280, 1920):
            self.page.set_viewport_size({"width": width, "height": 800})
            self.assertLessEqual(self.page.evaluate("document.documentElement.scrollWidth"), width)


if __name__ == "__main__":
    unittest.main()
