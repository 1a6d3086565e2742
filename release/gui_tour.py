"""Open every form and every viewer of a Scipion project on a screen, and take pictures of them.

    xvfb-run -s '-screen 0 1400x900x24' python release/gui_tour.py PROJECT_FOLDER PICTURES

PROJECT_FOLDER is a project in which protocols of gmmhet have run (those of ``make demo`` are in demo/scipion). Exit
status 1 if a viewer shows an error, or nothing. Pictures are taken with scrot. A map is saved from a viewer, and found
again as a volume of the project.
"""

import argparse
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from gmmhet.headless import prepare  # noqa: E402

WAIT = 1500  # milliseconds for a window to be drawn


class Tour:
    """Goes through the windows, one step at a time, within Tk's own loop."""

    def __init__(self, window: Any, pictures: Path) -> None:
        self.window, self.root, self.project = window, window.root, window.project
        self.pictures, self.number, self.failures = pictures, 0, []
        self.steps = self._all()

    def begin(self) -> None:
        """Schedule the first step; each schedules the next."""
        self.root.after(WAIT, self._next)

    def _next(self) -> None:
        try:
            next(self.steps)
        except StopIteration:
            self.end()
        except Exception:
            self.failures.append(traceback.format_exc())
            self.end()
        else:
            self.root.after(WAIT, self._next)

    def end(self) -> None:
        """Leave at once: windows may still be open."""
        print("\n".join(self.failures) or "every form and viewer opened", flush=True)
        os._exit(1 if self.failures else 0)

    def picture(self, name: str) -> None:
        """The whole screen."""
        self.root.update()
        self.number += 1
        path = self.pictures / f"{self.number:02d}_{name}.png"
        subprocess.run(["scrot", "-o", str(path)], check=True)
        print(path, flush=True)

    def _all(self) -> Iterator[None]:
        yield
        self.picture("project")
        runs = [p for p in self.project.getRuns() if p.getClassName().startswith("ProtGmmHet")]
        for protocol in runs:
            yield from self._form(protocol)
        for protocol in runs:
            if protocol.isFinished():
                yield from self._viewers(protocol)

    def _form(self, protocol: Any) -> Iterator[None]:
        self.root.after(2 * WAIT, self._close_newest)  # the form waits for its window
        self.form = protocol.getClassName()
        self.window.getViewWidget()._openProtocolForm(protocol)
        yield

    def _close_newest(self) -> None:
        windows = [w for w in self.root.winfo_children() if w.winfo_class() == "Toplevel"]
        if not windows:
            self.failures.append(f"{self.form}: no form")
            return
        windows[-1].lift()
        self.picture(f"form_{self.form}")
        windows[-1].destroy()

    def _viewers(self, protocol: Any) -> Iterator[None]:
        from matplotlib import pyplot as plt
        from pyworkflow import Config
        from pyworkflow.protocol.params import LabelParam
        kind = next(v for v in Config.getDomain().findViewers(protocol, "tkinter") if v.__module__.startswith("gmmhet"))
        viewer = kind(project=self.project, protocol=protocol, parent=self.window)
        viewer.setProtocol(protocol)
        viewer.errorMessage = self._said
        for name, param in viewer._definition.iterAllParams():
            outside = name in ("showParticles", "showReport", "showPage") or "Chimera" in name
            if not isinstance(param, LabelParam) or outside or not self._offered(param):
                continue
            views = viewer._getVisualizeDict()[name](name)
            if not views:
                self.failures.append(f"{protocol.getClassName()}.{name}: shows nothing")
                continue
            for view in views:
                view.show()
            yield
            self.picture(f"{protocol.getClassName()}_{name}")
            if name == "showSurface":
                self._save(protocol, views[0])
            plt.close("all")

    @staticmethod
    def _offered(param: Any) -> bool:
        return str(param.condition.get()) not in ("False", "false") if param.condition.hasValue() else True

    def _said(self, message: str, *_: Any) -> Any:
        raise AssertionError(f"a viewer says: {message}")

    def _save(self, protocol: Any, view: Any) -> None:
        """Save a map from the window, and find it in the project as it is on disk."""
        player = view.getFigure().gmmhet_player
        if player._save is None:
            return
        player._saved(None)
        self.picture(f"{protocol.getClassName()}_saved")
        again = self.project.getProtocol(protocol.getObjId(), fromRuns=False)
        if not any(name.startswith("savedMap") and output.getClassName() == "Volume"
                   for name, output in again.iterOutputAttributes()):
            self.failures.append(f"{protocol.getClassName()}: the saved map is no volume of the project")


def main() -> None:
    """Open the project."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", type=Path)
    parser.add_argument("pictures", type=Path)
    options = parser.parse_args()
    project, pictures = options.project.resolve(), options.pictures.resolve()
    pictures.mkdir(parents=True, exist_ok=True)
    os.environ["MPLBACKEND"] = "TkAgg"
    prepare(project.parents[1])
    import pwem  # noqa: F401
    from pyworkflow.gui.project import ProjectWindow
    window = ProjectWindow(str(project))
    Tour(window, pictures).begin()
    window.show()


if __name__ == "__main__":
    main()
