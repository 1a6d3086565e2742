"""Surfaces of maps in a window: drag to turn them, play them one after the other; no other program is needed."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.backend_bases import Event, MouseEvent
from matplotlib.figure import Figure
from matplotlib.widgets import Button, Slider
from numpy.typing import NDArray

from gmmhet.engine.landscape import Thumbnails, surface_picture, turned

__all__ = ["SurfacePlayer"]

_BLUE, _GREY = "#1f5fa8", "#777777"
_DEGREES_PER_PIXEL = 0.7
_MILLISECONDS = 130  # between two maps
_SPIN = np.deg2rad(4.0)  # a turn about the vertical axis, with the arrow keys


class SurfacePlayer:
    """Drawing only: maps in, clicks and drags answered.

    Args:
        labels: one for each map. save: what "Save this map" does with the number of a map (from 0); it returns a line
            to show. None: there is no such button.
    """

    def __init__(self, figure: Figure, shown: Thumbnails, labels: Sequence[str],
                 save: Callable[[int], str] | None = None) -> None:
        self._figure, self._shown, self._labels, self._save = figure, shown, labels, save
        self.rotation: NDArray[np.float64] = np.eye(3)
        self.number, self._step, self.playing = 0, 1, False
        self._pictures: dict[int, NDArray[np.uint8]] = {}
        self._held: tuple[float, float] | None = None
        self._axes = figure.add_axes((0.02, 0.16, 0.96, 0.76))
        self._axes.set_axis_off()
        self._image = self._axes.imshow(self._picture(0), interpolation="bilinear")
        self._title = figure.suptitle(labels[0], fontsize=11)
        figure.text(0.5, 0.135, "drag to turn · arrow keys turn, space plays · orange: density that the mean map lacks",
                    ha="center", fontsize=8, color=_GREY)
        self._note = figure.text(0.02, 0.02, "", fontsize=8, color=_GREY)
        self._buttons = self._add_buttons()
        self._slider = self._add_slider()
        self._timer = figure.canvas.new_timer(interval=_MILLISECONDS)
        self._timer.add_callback(self._next)
        for event, answer in (("button_press_event", self._pressed), ("motion_notify_event", self._dragged),
                              ("button_release_event", self._released), ("key_press_event", self._key),
                              ("close_event", lambda _: self.play(False))):
            figure.canvas.mpl_connect(event, answer)

    def _add_buttons(self) -> list[Button]:
        found = []
        if len(self._labels) > 1:
            found.append(Button(self._figure.add_axes((0.02, 0.06, 0.12, 0.055)), "Play"))
            found[-1].on_clicked(lambda _: self.play(not self.playing))
        if self._save is not None:
            found.append(Button(self._figure.add_axes((0.8, 0.06, 0.18, 0.055)), "Save this map"))
            found[-1].on_clicked(self._saved)
        return found

    def _add_slider(self) -> Slider | None:
        if len(self._labels) < 2:
            return None
        slider = Slider(self._figure.add_axes((0.22, 0.07, 0.5, 0.03)), "map", 1, len(self._labels), valinit=1,
                        valstep=1, color=_BLUE)
        slider.on_changed(lambda value: self._go(int(value) - 1))
        return slider

    def _picture(self, number: int) -> NDArray[np.uint8]:
        """The map as it is seen now."""
        if number not in self._pictures:
            volume, mean = (turned(m, self.rotation) for m in (self._shown.maps[number], self._shown.mean))
            self._pictures[number] = surface_picture(volume, self._shown.level, mean, "along z")
        return self._pictures[number]

    def _draw(self) -> None:
        self._image.set_data(self._picture(self.number))
        self._title.set_text(self._labels[self.number])
        self._figure.canvas.draw_idle()

    def _go(self, number: int) -> None:
        self.number = number
        self._note.set_text("")
        self._draw()

    def show(self, number: int) -> None:
        """Go to a map, from 1."""
        if self._slider is not None:
            self._slider.set_val(number)

    def turn(self, across: float, up: float) -> None:
        """Turn what is seen about the vertical and the horizontal axis of the window, radians."""
        (c, s), (d, t) = ((np.cos(a), np.sin(a)) for a in (across, up))
        about_y = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
        about_x = np.array([[1, 0, 0], [0, d, -t], [0, t, d]])
        self.rotation = about_x @ about_y @ self.rotation
        self._pictures.clear()
        self._draw()

    def play(self, on: bool) -> None:
        """Play the maps forth and back, or stop."""
        self.playing = on
        (self._timer.start if on else self._timer.stop)()
        if self._buttons and len(self._labels) > 1:
            self._buttons[0].label.set_text("Stop" if on else "Play")
            self._figure.canvas.draw_idle()

    def _next(self) -> None:
        if not 0 <= self.number + self._step < len(self._labels):
            self._step = -self._step
        self.show(self.number + self._step + 1)

    def _pressed(self, event: Event) -> None:
        if isinstance(event, MouseEvent) and event.inaxes is self._axes and event.button == 1:
            self._held = event.x, event.y

    def _dragged(self, event: Event) -> None:
        if self._held is None or not isinstance(event, MouseEvent):
            return
        across, up = (np.deg2rad(_DEGREES_PER_PIXEL * (now - before))
                      for now, before in zip((event.x, event.y), self._held, strict=True))
        self._held = event.x, event.y
        self.turn(-across, -up)

    def _released(self, _event: Event) -> None:
        self._held = None

    def _key(self, event: Event) -> None:
        key = getattr(event, "key", None)
        turns = {"left": (_SPIN, 0), "right": (-_SPIN, 0), "up": (0, -_SPIN), "down": (0, _SPIN)}
        if key in turns:
            self.turn(*turns[key])
        elif key == " " and len(self._labels) > 1:
            self.play(not self.playing)

    def _saved(self, _event: Event) -> None:
        assert self._save is not None
        self._note.set_text(self._save(self.number))
        self._figure.canvas.draw_idle()
