"""Movies of a series of maps: two views of the contour surface, as an animated GIF."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import replacing
from gmmhet.engine.landscape.series import MapSeries
from gmmhet.engine.landscape.settings import SERIES
from gmmhet.engine.landscape.surface import VIEWS, surface_picture
from gmmhet.engine.progress import progress
from gmmhet.engine.wording import landscape as wording

__all__ = ["check_movie", "write_movie"]

_SIDE = 150  # voxels of what is drawn, along the longest edge
_FINEST = 4.0  # voxels drawn for one of the map
_PANEL = 320  # pixels
_CAPTION = 30
_SECONDS_OF_END = 0.6  # a movie that turns back rests there
_INK, _WARNING = (32, 38, 46), (180, 40, 20)


@dataclass(frozen=True)
class _Crop:
    """The part of the box that is drawn, and how finely."""

    window: tuple[slice, slice, slice]
    zoom: float

    def apply(self, data: NDArray[np.float32]) -> NDArray[np.float32]:
        part = data[self.window]
        return part if self.zoom == 1 else np.asarray(ndimage.zoom(part, self.zoom, order=3), np.float32)


def check_movie(path: Path | None) -> None:
    """Raises InputError unless the name is that of a GIF (or None)."""
    if path is not None and path.suffix.lower() != ".gif":
        raise InputError(f"{path}: movies are animated GIFs; expected a name that ends with .gif")


def write_movie(path: Path, series: MapSeries, labels: Sequence[str], empty: Sequence[bool], *, rate: float = 8.0,
                ) -> None:
    """Write the series as a GIF: forth and back, or round where it is closed.

    Args:
        labels: of the maps. empty: which of them have no particles, as captions then say.
        rate: maps a second.
    """
    crop, views = _crop(series), _views(series)
    mean = crop.apply(series.mean.data)
    pictures = []
    for index in progress(range(len(series.files)), "Movie", len(series.files)):
        volume = _without_dust(crop.apply(series.read(index)), series.level)
        panels = [surface_picture(volume, series.level, mean, view) for view in views]
        pictures.append(_compose(panels, views, labels[index], empty[index]))
    order = list(range(len(pictures)))
    pause = [1000.0 / rate] * len(order)
    if not series.closed and len(order) > 2:
        pause[0] += 1000 * _SECONDS_OF_END / 2
        pause[-1] += 1000 * _SECONDS_OF_END / 2
        order += order[-2:0:-1]
        pause += pause[-2:0:-1]
    frames = [pictures[i].convert("P", palette=Image.Palette.ADAPTIVE, colors=160) for i in order]
    with replacing(path) as temporary:
        frames[0].save(temporary, format="GIF", save_all=True, append_images=frames[1:], duration=pause, loop=0,
                       disposal=1)


def _crop(series: MapSeries) -> _Crop:
    """All that any of the maps shows, and a margin."""
    box = series.mean.box
    held = np.zeros((3, box), bool)
    for index in range(len(series.files)):
        dense = _without_dust(series.read(index), series.level) > series.level
        for axis in range(3):
            held[axis] |= dense.any(axis=tuple(a for a in range(3) if a != axis))
    margin = max(1, box // 40)
    spans = [(int(h.argmax()), box - int(h[::-1].argmax())) if h.any() else (0, box) for h in held]
    window = [slice(max(a - margin, 0), min(b + margin, box)) for a, b in spans]
    longest = max(s.stop - s.start for s in window)
    return _Crop((window[0], window[1], window[2]), min(_SIDE / longest, _FINEST))


def _views(series: MapSeries) -> list[str]:
    """The two views in which most changes."""
    change = dict.fromkeys(VIEWS, 0.0)
    for index in range(len(series.files)):
        difference = series.read(index) - series.mean.data
        for name, (axes, _) in VIEWS.items():
            change[name] += float((difference.sum(axis=axes[0]) ** 2).sum())
    return sorted(sorted(VIEWS, key=lambda name: -change[name])[:2], key=list(VIEWS).index)


def _without_dust(volume: NDArray[np.float32], level: float) -> NDArray[np.float32]:
    """The map without small pieces above the level, which are noise."""
    labels, count = ndimage.label(volume > level)
    if count < 2:
        return volume
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    dust = sizes < SERIES.smallest_piece * sizes.max()
    dust[0] = False
    return np.asarray(np.where(dust[labels], np.minimum(volume, level), volume), np.float32)


def _compose(panels: Sequence[NDArray[np.uint8]], views: Sequence[str], label: str, empty: bool) -> Image.Image:
    """Panels side by side, their views and the label below."""
    font, small = ImageFont.load_default(15), ImageFont.load_default(11)
    whole = Image.new("RGB", (_PANEL * len(panels), _PANEL + _CAPTION), "white")
    draw = ImageDraw.Draw(whole)
    for number, (panel, view) in enumerate(zip(panels, views, strict=True)):
        scale = (_PANEL - 24) / max(panel.shape[:2])
        size = (round(panel.shape[1] * scale), round(panel.shape[0] * scale))
        picture = Image.fromarray(panel).resize(size, Image.Resampling.BICUBIC)
        whole.paste(picture, (number * _PANEL + (_PANEL - size[0]) // 2, (_PANEL - size[1]) // 2), picture)
        draw.text((number * _PANEL + 8, 6), view, fill=(120, 128, 138), font=small)
    text = wording.unpopulated_label(label) if empty else label
    draw.text((whole.width // 2, _PANEL + _CAPTION // 2), text, fill=_WARNING if empty else _INK, font=font,
              anchor="mm")
    return whole
