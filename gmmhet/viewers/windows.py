"""Figures in windows of the framework, pages in the browser, maps in ChimeraX."""

import os
import shutil
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.image import imread
from pwem.viewers import Chimera, ChimeraView, EmPlotter
from pyworkflow.viewer import View

from gmmhet.engine.io import read_map
from gmmhet.viewers.figures import draw_slices

__all__ = ["BrowserView", "chimera_series", "has_chimera", "picture_window", "plotter", "slices_plotter"]


class BrowserView(View):
    """An HTML page in the user's browser."""

    def __init__(self, path: str):
        self._path = Path(path).resolve()

    def show(self) -> None:
        webbrowser.open(self._path.as_uri())


def plotter(title: str, size: tuple[float, float] = (8, 5)) -> EmPlotter:
    """An empty figure in a window."""
    return EmPlotter(windowTitle=title, figsize=size)


def slices_plotter(title: str, files: Sequence[str], labels: Sequence[str], pixel_size: float) -> EmPlotter:
    """Sections through maps in a window, with sliders."""
    maps = [read_map(f.partition(":mrc")[0], pixel_size=pixel_size).data for f in files]
    window = EmPlotter(windowTitle=title, figsize=(10, 7.2 if len(maps) > 1 else 4.4))
    window.tightLayoutOn = False
    # matplotlib keeps no reference to a slider: without one it stops answering.
    window.getFigure().gmmhet_slices = draw_slices(window.getFigure(), maps, labels, pixel_size)
    return window


def picture_window(title: str, path: Path) -> EmPlotter:
    """A picture file in a window."""
    pixels = imread(path)
    window = plotter(title, (pixels.shape[1] / 120, pixels.shape[0] / 120))
    window.tightLayoutOn = False
    axes = window.getFigure().add_axes((0, 0, 1, 1))
    axes.imshow(pixels)
    axes.set_axis_off()
    return window


def has_chimera() -> bool:
    program = Chimera.getProgram()
    return program is not None and shutil.which(program) is not None


def chimera_series(files: Sequence[str], script: str) -> Any:
    """ChimeraX playing maps one after the other."""
    names = " ".join(f'"{os.path.abspath(f)}"' for f in files)
    Path(script).write_text(f"open {names} vseries true\nvolume #1 step 1 style surface\nvseries play #1 direction "
                            "oscillate loop true maxFrameRate 8\n", encoding="utf-8")
    return ChimeraView(os.path.abspath(script))
