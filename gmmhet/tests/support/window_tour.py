"""Open every form and every viewer of a Scipion project on a screen, and take pictures of them.

    xvfb-run -s '-screen 0 1400x900x24' python -m gmmhet.tests.support.window_tour PROJECT_FOLDER PICTURES

PROJECT_FOLDER is a project in which protocols of gmmhet have run (that of ``make demo`` is in demo/scipion/projects).
What a user presses is pressed: *Analyze results*, the eye beside each entry, the button that saves a map. Exit status 1
where a viewer shows an error, or nothing. The browser is replaced by a script that keeps the addresses.
"""

import argparse
import json
import os
import sys
import time
import tkinter
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
from PIL import Image, ImageGrab

from gmmhet.headless import prepare

__all__ = ["Tour", "main"]

_LOOK = 40  # milliseconds between two looks at what is waited for
_PATIENCE = 180.0  # seconds for a window to come, on a machine that has much to do
_SHOWN = 0.01  # of the pixels of a window have another colour than its ground, where it shows something
_PROJECT = (1300, 860)  # size of the project's window, pixels
_GROUND = (40, 40)  # a corner of a figure without a drawing, pixels
_OUTSIDE = ("showMapChimera", "showLocalChimera", "showChimera", "showParticles")  # open other programs

Condition = Callable[[], bool]


class Tour:
    """Goes through the windows within Tk's own loop: each step opens something and yields what it waits for.

    Forms block in a loop of their own until the program ends, so they are opened from Tk's queue.
    """

    def __init__(self, window: Any, pictures: Path, opened: Path) -> None:
        self.window, self.root, self.project = window, window.root, window.project
        self.pictures, self.opened, self.failures = pictures, opened, list[str]()
        self._steps, self._awaited, self._since, self._number = self._all(), self._at_once, time.monotonic(), 0

    @staticmethod
    def _at_once() -> bool:
        return True

    def begin(self) -> None:
        """Start when the loop does."""
        self.root.after(_LOOK, self._look)

    def _look(self) -> None:
        try:
            self._go_on()
        except StopIteration:
            self._end()
        except Exception:
            self.failures.append(traceback.format_exc())
            self._end()
        self.root.after(_LOOK, self._look)

    def _go_on(self) -> None:
        if self._awaited():
            self._awaited, self._since = next(self._steps), time.monotonic()
        elif time.monotonic() - self._since > _PATIENCE:
            raise TimeoutError(f"nothing came in {_PATIENCE:.0f} s, after picture {self._number}")

    def _end(self) -> None:
        print("\n".join(self.failures) or "every form and viewer opened", flush=True)
        sys.exit(1 if self.failures else 0)

    def fail(self, message: str) -> None:
        """Keep what went wrong, and go on."""
        self.failures.append(message)

    def _all(self) -> Iterator[Condition]:
        yield lambda: bool(self.root.winfo_viewable())
        self.root.geometry("{}x{}+0+0".format(*_PROJECT))  # without a window manager it may reach out of the screen
        yield lambda: (self.root.winfo_width(), self.root.winfo_height()) == _PROJECT
        self._picture(self.root, "project")
        for protocol in self._protocols():
            yield from self._form(protocol)
            if protocol.isFinished():
                yield from self._viewer(protocol)

    def _protocols(self) -> list[Any]:
        """Of each of ours the last that has finished, or one that has not run where none has."""
        found: dict[str, Any] = {}
        for protocol in self.project.getRuns():
            if protocol.isFinished() or (protocol.isSaved() and protocol.getClassName() not in found):
                found[protocol.getClassName()] = protocol
        return [protocol for name, protocol in found.items() if name.startswith("ProtGmmHet")]

    def _windows(self) -> list[Any]:
        return [w for w in self.root.winfo_children() if isinstance(w, tkinter.Toplevel) and w.winfo_viewable()]

    def _form(self, protocol: Any) -> Iterator[Condition]:
        self.root.after(1, lambda: self.window.getViewWidget()._openProtocolForm(protocol))
        yield lambda: bool(self._windows())
        form = self._windows()[-1]
        self._picture(form, f"form_{protocol.getClassName()}")
        form.destroy()

    def _viewer(self, protocol: Any) -> Iterator[Condition]:
        """What *Analyze results* opens, and all that it offers."""
        from pyworkflow import Config
        kind = Config.getDomain().findViewers(protocol, "tkinter")[0]
        if not kind.__module__.startswith("gmmhet"):
            return self.fail(f"{protocol.getClassName()}: Analyze results opens {kind.__name__}")
        viewer = kind(project=self.project, protocol=protocol, parent=self.window)
        self.root.after(1, lambda: viewer.visualize(protocol, windows=self.window))
        yield lambda: bool(self._windows()) and viewer.formWindow.root.winfo_viewable()
        form = viewer.formWindow
        self._picture(form.root, f"viewer_{protocol.getClassName()}")
        for name in viewer._getVisualizeDict():
            if name not in _OUTSIDE and name in form.widgetDict:
                yield from self._shown(protocol, form.widgetDict[name], name)
        form.root.destroy()

    def _shown(self, protocol: Any, widget: Any, name: str) -> Iterator[Condition]:
        """Press the eye of an entry: a figure, or a page in the browser."""
        from matplotlib import pyplot as plt
        addresses, failures, about = self._addresses(), len(self.failures), f"{protocol.getClassName()}_{name}"
        widget._visualizeVar()
        yield lambda: bool(plt.get_fignums() or self._addresses() > addresses or len(self.failures) > failures)
        for number in plt.get_fignums():
            figure = plt.figure(number)
            yield from self._figure(figure, about)
            if hasattr(figure, "gmmhet_player"):
                yield from self._turn_and_play(figure, about)
                yield from self._save(protocol, figure, about)
        if self._addresses() > addresses:
            yield from self._select(protocol, self.opened.read_text(encoding="utf-8").splitlines()[-1], about)
        plt.close("all")

    def _figure(self, figure: Any, about: str) -> Iterator[Condition]:
        window = figure.canvas.manager.window
        yield lambda: bool(window.winfo_viewable())
        seen = np.asarray(self._picture(window, about).convert("L"), float)
        if (np.abs(seen - seen[_GROUND]) > 24).mean() < _SHOWN:
            self.fail(f"{about}: its window is empty")

    def _turn_and_play(self, figure: Any, about: str) -> Iterator[Condition]:
        """Drag the surface, and press Play where there is more than one map."""
        player, canvas = figure.gmmhet_player, figure.canvas.get_tk_widget()
        before = player.rotation
        x, y = canvas.winfo_width() // 2, canvas.winfo_height() // 2
        canvas.event_generate("<ButtonPress-1>", x=x, y=y)
        canvas.event_generate("<B1-Motion>", x=x + 40, y=y + 25)
        canvas.event_generate("<ButtonRelease-1>", x=x + 40, y=y + 25)
        yield lambda: not np.allclose(player.rotation, before)
        self._picture(figure.canvas.manager.window, f"{about}_turned")
        if len(player._labels) > 1:
            player.play(True)
            yield lambda: player.number > 0
            player.play(False)

    def _save(self, protocol: Any, figure: Any, about: str) -> Iterator[Condition]:
        """Press *Save this map*; it is a volume of the project as that is on disk."""
        button = next((b for b in figure.gmmhet_player._buttons if b.label.get_text() == "Save this map"), None)
        if button is None:
            return
        canvas, box = figure.canvas.get_tk_widget(), button.ax.bbox
        at = {"x": int((box.x0 + box.x1) / 2), "y": int(canvas.winfo_height() - (box.y0 + box.y1) / 2)}
        canvas.event_generate("<ButtonPress-1>", **at)
        canvas.event_generate("<ButtonRelease-1>", **at)
        yield lambda: "saved as" in figure.gmmhet_player._note.get_text()
        self._picture(figure.canvas.manager.window, f"{about}_saved")
        kept = _as_on_disk(self.project).getProtocol(protocol.getObjId())
        kinds = [o.getClassName() for name, o in kept.iterOutputAttributes() if name.startswith("savedMap")]
        if not kinds or set(kinds) != {"Volume"}:
            self.fail(f"{about}: saved maps are {kinds}; expected volumes of the project")

    def _addresses(self) -> int:
        """How many pages the browser was given."""
        return len(self.opened.read_text(encoding="utf-8").splitlines()) if self.opened.exists() else 0

    def _select(self, protocol: Any, address: str, about: str) -> Iterator[Condition]:
        """Of a live page: that it answers; of one in which particles are chosen, that a choice is a set of the project,
        with the particles that it came from."""
        with urlopen(address, timeout=_PATIENCE) as answer:
            text = answer.read()
        if b"</html>" not in text:
            self.fail(f"{about}: {address} is no page")
        if "/?token=" not in address:
            return
        page, token = address.split("/?token=")
        asked = Request(f"{page}/api/job", json.dumps({"action": "export", "mode": 1, "from": 0}).encode(),
                        {"Authorization": f"Bearer {token}"})
        before = {box.getObjId() for box in self.project.getRuns(refresh=True)}
        with urlopen(asked, timeout=_PATIENCE):
            yield lambda: any(box.isFinished() for box in self._new(before))
        from pwem.objects import SetOfParticles
        (box,) = self._new(before)
        kept = _as_on_disk(self.project).getProtocol(box.getObjId())
        source, chosen = kept.inputParticles.get(), getattr(kept, "outputParticles", None)
        expected = {p.getObjId() for p in source.iterItems() if p.getZFlex()[0] >= 0}
        if (not isinstance(chosen, SetOfParticles) or set(chosen.getIdSet()) != expected
                or source.getObjParentId() != protocol.getObjId()):
            self.fail(f"{about}: a selection on the page is {chosen} of {source}; expected a set of particles")
        print(f"{about}: {chosen.getSize()} of {source.getSize()} particles chosen on the page", flush=True)

    def _new(self, before: set[int]) -> list[Any]:
        """Boxes that were not there."""
        boxes = [box for box in self.project.getRuns(refresh=True) if box.getObjId() not in before]
        for box in boxes:
            self.project._updateProtocol(box)
        return boxes

    def _picture(self, window: Any, name: str) -> Image.Image:
        """Of one window, as it is on the screen."""
        window.lift()
        window.update()
        x, y = window.winfo_rootx(), window.winfo_rooty()
        seen = ImageGrab.grab((x, y, x + window.winfo_width(), y + window.winfo_height()),
                              xdisplay=os.environ["DISPLAY"])
        self._number += 1
        path = self.pictures / f"{self._number:02d}_{name}.png"
        seen.save(path)
        print(path, flush=True)
        return seen


def _as_on_disk(project: Any) -> Any:
    """The project as another program would find it."""
    from pyworkflow.project import Project
    again = Project(project.getDomain(), project.path)
    again.load()
    return again


def _browser(folder: Path) -> Path:
    """Replace the browser by a script; returns the file of the addresses that it is given."""
    opened, script = folder / "opened", folder / "browser"
    opened.unlink(missing_ok=True)
    script.write_text(f'#!/bin/sh\necho "$1" >> "{opened}"\n', encoding="utf-8")
    script.chmod(0o755)
    os.environ["BROWSER"] = f"{script} %s"
    return opened


def _report_errors(tour: Tour) -> None:
    """Errors in Tk's callbacks, and dialogs that would wait for a click, are failures."""
    from pyworkflow.gui import dialog

    def raised(_window: Any, kind: Any, value: Any, trace: Any) -> None:
        tour.fail("".join(traceback.format_exception(kind, value, trace)))

    def said(title: str, message: str, *_: Any, **__: Any) -> None:
        tour.fail(f"{title}: {message}")
    tkinter.Tk.report_callback_exception = raised
    dialog.showError = dialog.showWarning = dialog.showInfo = said


def main() -> None:
    """Open the project."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", type=Path)
    parser.add_argument("pictures", type=Path)
    options = parser.parse_args()
    project, pictures = options.project.resolve(), options.pictures.resolve()
    pictures.mkdir(parents=True, exist_ok=True)
    os.environ["MPLBACKEND"] = "TkAgg"
    opened = _browser(pictures)
    prepare(project.parents[1])
    import pwem  # noqa: F401
    from pyworkflow.gui.project import ProjectWindow
    window = ProjectWindow(str(project))
    tour = Tour(window, pictures, opened)
    _report_errors(tour)
    tour.begin()
    window.show()


if __name__ == "__main__":
    main()
