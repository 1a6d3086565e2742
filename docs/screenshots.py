"""Pictures of what a user sees: the pages in a browser, and Scipion's windows on a screen without a monitor."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from PIL import Image

from gmmhet.tests.support.browser import launch
from gmmhet.tests.support.live_page import LivePage
from gmmhet.tests.support.screen import screen

__all__ = ["of_pages", "of_scipion"]

_WIDTH = 900  # pixels, of the pictures
#: picture of the tutorial: what the tour of the windows calls it
_WINDOWS = {
    "scipion_project": "project", "scipion_import": "form_ProtGmmHetImport",
    "scipion_views": "ProtGmmHetImport_showViews",
    "scipion_motion_box": "form_ProtGmmHetMotion", "scipion_model": "ProtGmmHetModel_showSpheres",
    "scipion_analyze": "form_ProtGmmHetAnalyze", "scipion_surface": "ProtGmmHetAnalyze_showSurface_saved",
    "scipion_point": "ProtGmmHetAnalyze_showPoint", "scipion_maps": "ProtGmmHetReconstruct_showMaps",
    "scipion_local": "ProtGmmHetReconstruct_showLocal", "scipion_export": "form_ProtGmmHetExport",
    "scipion_chosen": "ProtGmmHetExport_showChosen",
}


def of_pages(result: Path, report: Path, view: Path) -> None:
    """The first screen of the report, and the live page with a point and a range that are chosen."""
    from playwright.sync_api import sync_playwright
    with sync_playwright() as driver, contextlib.closing(launch(driver)) as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
        page.goto((result / "report.html").as_uri())
        page.wait_for_selector(".first canvas.stage")
        page.locator(".first .player input[type=range]").first.fill("0")
        page.screenshot(path=report)
        with contextlib.closing(LivePage(result)) as server:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(server.address)
            page.wait_for_selector("body[data-ready]")
            page.click("[data-tool=range]")
            _drag(page, 0.55, 0.8)
            page.click("[data-tool=look]")
            _click(page, 0.3)
            page.wait_for_selector("#panes canvas[data-fine=yes][data-busy=no]")
            page.click("#look-at")
            page.wait_for_selector("#pictures figure")
            page.screenshot(path=view)
    for path in (report, view):
        _smaller(path, path)


def _drag(page: Any, start: float, end: float) -> None:
    """Over the landscape, between two shares of its width."""
    box = page.locator("#landscape").bounding_box()
    across = [box["x"] + share * box["width"] for share in (start, end)]
    page.mouse.move(across[0], box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(across[1], box["y"] + box["height"] / 2, steps=3)
    page.mouse.up()


def _click(page: Any, share: float) -> None:
    box = page.locator("#landscape").bounding_box()
    page.mouse.click(box["x"] + share * box["width"], box["y"] + box["height"] / 2)


def of_scipion(work: Path, threads: int, output: Path) -> None:
    """The project of the demonstration, with a selection and the one-box protocol beside it; every form and viewer.

    Args:
        work: folder of the project, which is used again. output: folder of the pictures.
    """
    if not (work / "demo" / "report.html").is_file():
        subprocess.run([sys.executable, "-m", "gmmhet.demo", "--folder", str(work / "demo"), "--threads",
                        str(threads)], check=True)
    project, pictures = work / "demo" / "scipion" / "projects" / "GmmHetDemo", work / "windows"
    subprocess.run([sys.executable, str(Path(__file__)), str(project), str(work / "demo" / "data")], check=True)
    for old in pictures.glob("*.png"):
        old.unlink()
    with screen() as display:
        subprocess.run([sys.executable, "-m", "gmmhet.tests.support.window_tour", str(project), str(pictures)],
                       check=True, env={**os.environ, "DISPLAY": display})
    for name, window in _WINDOWS.items():
        _smaller(next(pictures.glob(f"[0-9][0-9]_{window}.png")), output / f"{name}.png")


def _smaller(source: Path, output: Path) -> None:
    """At most as wide as a page, with a palette."""
    with Image.open(source) as picture:
        made = picture.convert("RGB")
    if made.width > _WIDTH:
        made = made.resize((_WIDTH, round(made.height * _WIDTH / made.width)), Image.Resampling.LANCZOS)
    made.quantize(96, method=Image.Quantize.MEDIANCUT).save(output, optimize=True)


def _add_boxes(project: Path, data: Path) -> None:
    """A selection, run, and the protocol that does everything, filled in."""
    from gmmhet.headless import launch as launch_protocol
    from gmmhet.headless import point, prepare
    prepare(project.parents[1])
    from pyworkflow.project import Manager

    from gmmhet.protocols import ProtGmmHetExport, ProtGmmHetMotion
    opened = Manager().loadProject(project.name)
    os.chdir(opened.path)
    there = {protocol.getClassName(): protocol for protocol in opened.getRuns()}
    if "ProtGmmHetExport" in there:
        return
    export = opened.newProtocol(ProtGmmHetExport, mode=1, low=0.5, originalFile=str(data / "particles.star"))
    point(opened, export, {"inputParticles": (there["ProtGmmHetAnalyze"], "outputParticles")})
    launch_protocol(opened, export)
    motion = opened.newProtocol(ProtGmmHetMotion)
    point(opened, motion, {"inputParticles": (there["ProtGmmHetImport"], "outputParticles"),
                           "inputVolume": (there["ProtGmmHetImport"], "outputVolume")})


if __name__ == "__main__":
    _add_boxes(Path(sys.argv[1]), Path(sys.argv[2]))
