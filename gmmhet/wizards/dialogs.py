"""A drawing in a dialog with OK and Cancel."""

from collections.abc import Callable
from typing import Any

from matplotlib.backends.backend_tkagg import FigureCanvasTkAgg
from matplotlib.figure import Figure
from pyworkflow.gui.dialog import Dialog

__all__ = ["FigureDialog"]


class FigureDialog(Dialog):
    """What is drawn stays as ``drawn`` when the dialog is closed; ``resultYes()`` tells whether by OK.

    Args:
        draw: makes the drawing on a figure, which has its canvas already. size: inches.
    """

    def __init__(self, parent: Any, title: str, draw: Callable[[Figure], Any],
                 size: tuple[float, float] = (7, 4.5)) -> None:
        self._draw, self._size = draw, size
        self.drawn: Any = None
        super().__init__(parent, title)

    def body(self, master: Any) -> None:
        figure = Figure(figsize=self._size, layout="constrained")
        canvas = FigureCanvasTkAgg(figure, master=master)
        self.drawn = self._draw(figure)
        canvas.draw()
        canvas.get_tk_widget().grid(row=0, column=0)
