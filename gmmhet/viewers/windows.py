"""Figures in windows of the framework, pages in the browser, maps in ChimeraX."""

import atexit
import os
import shlex
import shutil
import signal
import subprocess
import webbrowser
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from matplotlib.image import imread
from numpy.typing import NDArray
from pwem.viewers import Chimera, ChimeraView, EmPlotter
from pyworkflow.viewer import View

from gmmhet.engine.io import read_map
from gmmhet.engine.landscape import inside_molecule, thumbnails
from gmmhet.viewers.figures import Shades, draw_slices
from gmmhet.viewers.surface_player import SurfacePlayer

__all__ = ["BrowserView", "LivePageView", "chimera_coloured", "chimera_series", "has_chimera", "picture_window",
           "plotter", "slices_plotter", "surface_window"]

_PALETTE = ("blue", "cyan", "green", "yellow", "red")


class BrowserView(View):
    """An HTML page in the user's browser."""

    def __init__(self, path: str):
        self._path = Path(path).resolve()

    def show(self) -> None:
        webbrowser.open(self._path.as_uri())


class LivePageView(View):
    """The engine's live page of a result, in the user's browser; its server ends with this program.

    Args:
        program: shell text that starts the engine. folder: of the analysis. environ: of the engine.
        watch: called when the page is shown, with what says whether its server still runs.
    """

    def __init__(self, program: str, folder: str, environ: Mapping[str, str],
                 watch: Callable[[Callable[[], bool]], None] | None = None):
        self._watch = watch
        self._command = f"{program} view {shlex.quote(os.path.relpath(folder))}"
        self._environ = {**os.environ, **environ}
        self.process: subprocess.Popen[bytes] | None = None

    def show(self) -> None:
        self.process = subprocess.Popen(self._command, shell=True, env=self._environ, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, start_new_session=True)
        atexit.register(self.close)
        if self._watch is not None:
            self._watch(self._runs)

    def _runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def close(self) -> None:
        """End the server, and what it runs."""
        if self.process is not None and self._runs():
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait()


def plotter(title: str, size: tuple[float, float] = (8, 5)) -> EmPlotter:
    """An empty figure in a window."""
    return EmPlotter(windowTitle=title, figsize=size)


def slices_plotter(title: str, files: Sequence[str], labels: Sequence[str], pixel_size: float,
                   values: tuple[str, Sequence[str], float, float] | None = None) -> EmPlotter:
    """Sections through maps in a window, with sliders.

    Args:
        values: what to show in colours below the maps, within the molecule: title, files, and the limits of the
            colours.
    """
    maps = [_read(f, pixel_size) for f in files]
    shades = values and Shades(values[0], [np.where(inside_molecule(m, pixel_size), _read(f, pixel_size), np.nan)
                                           for m, f in zip(maps, values[1], strict=True)], *values[2:])
    window = EmPlotter(windowTitle=title, figsize=(10, 7.2 if len(maps) > 1 or shades else 4.4))
    window.tightLayoutOn = False
    # matplotlib keeps no reference to a slider: without one it stops answering.
    window.getFigure().gmmhet_slices = draw_slices(window.getFigure(), maps, labels, pixel_size, shades)
    return window


def surface_window(title: str, files: Sequence[str], labels: Sequence[str], pixel_size: float,
                   save: Callable[[int], str] | None = None) -> EmPlotter:
    """Surfaces of maps in a window, to be turned and played.

    Args:
        save: as of :class:`SurfacePlayer`.
    """
    shown = thumbnails([_read(f, pixel_size) for f in files], pixel_size)
    window = EmPlotter(windowTitle=title, figsize=(7, 7.4))
    window.tightLayoutOn = False
    window.getFigure().gmmhet_player = SurfacePlayer(window.getFigure(), shown, labels, save)
    return window


def _read(name: str, pixel_size: float) -> NDArray[np.float32]:
    return read_map(name.partition(":mrc")[0], pixel_size=pixel_size).data


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


def chimera_series(files: Sequence[str], script: str) -> ChimeraView:
    """ChimeraX playing maps one after the other."""
    names = " ".join(f'"{os.path.abspath(f)}"' for f in files)
    Path(script).write_text(f"open {names} vseries true\nvolume #1 step 1 style surface\nvseries play #1 direction "
                            "oscillate loop true maxFrameRate 8\n", encoding="utf-8")
    return ChimeraView(os.path.abspath(script))


def chimera_coloured(files: Sequence[str], values: Sequence[str], low: float, high: float, script: str) -> ChimeraView:
    """ChimeraX with maps whose surfaces are coloured by other maps' values, from blue (low) to red (high); all but the
    first are hidden."""
    lines = [f'open "{os.path.abspath(f)}"' for f in (*files, *values)]
    lines += [f"volume #1-{len(files)} step 1 style surface", f"hide #{len(files) + 1}-{2 * len(files)} models"]
    steps = [f"{low + (high - low) * i / (len(_PALETTE) - 1):.2f}" for i in range(len(_PALETTE))]
    palette = ":".join(f"{step},{colour}" for step, colour in zip(steps, _PALETTE, strict=True))
    lines += [f"color sample #{i} map #{len(files) + i} palette {palette}" for i in range(1, len(files) + 1)]
    lines += [f"hide #{i} models" for i in range(2, len(files) + 1)]
    lines += ["key " + " ".join(f"{colour}:{step}" for step, colour in zip(steps, _PALETTE, strict=True)), "view"]
    Path(script).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return ChimeraView(os.path.abspath(script))
