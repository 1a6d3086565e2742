"""Movies of a series of maps: two views of the contour surface, as an animated GIF or as MP4."""

import importlib.util
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
_RATE_OF_MP4 = 24  # pictures a second, as players expect; a map stays for several
_SECONDS_OF_MP4 = 8.0  # it goes round for about so long
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
    """Raises InputError unless the name is that of a GIF or, where imageio-ffmpeg is there, of an MP4 (or None)."""
    if path is None or path.suffix.lower() == ".gif":
        return
    if path.suffix.lower() != ".mp4":
        raise InputError(f"{path}: movies are GIF or MP4; expected a name that ends with .gif or .mp4")
    if importlib.util.find_spec("imageio_ffmpeg") is None:
        raise InputError(f"{path}: MP4 needs the package imageio-ffmpeg (pip install imageio-ffmpeg); expected it, "
                         "or a name that ends with .gif")


def write_movie(path: Path, series: MapSeries, labels: Sequence[str], empty: Sequence[bool], *, rate: float = 8.0,
                ) -> None:
    """Write the series: forth and back, or round where it is closed.

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
    with replacing(path) as temporary:
        if path.suffix.lower() == ".mp4":
            _write_mp4(temporary, [pictures[i] for i in order], pause)
        else:
            _write_gif(temporary, [pictures[i] for i in order], pause)


def _write_gif(path: Path, pictures: Sequence[Image.Image], pause: Sequence[float]) -> None:
    """pause: milliseconds that each picture is shown."""
    frames = [picture.convert("P", palette=Image.Palette.ADAPTIVE, colors=160) for picture in pictures]
    frames[0].save(path, format="GIF", save_all=True, append_images=frames[1:], duration=list(pause), loop=0,
                   disposal=1)


def _write_mp4(path: Path, pictures: Sequence[Image.Image], pause: Sequence[float]) -> None:
    """H.264, which every browser and presentation shows; players repeat it where they are told to."""
    import imageio_ffmpeg

    rounds = max(1, round(_SECONDS_OF_MP4 * 1000 / sum(pause)))
    writer = imageio_ffmpeg.write_frames(
        str(path), pictures[0].size, fps=_RATE_OF_MP4, quality=8, macro_block_size=2, ffmpeg_log_level="error",
        output_params=["-f", "mp4", "-movflags", "+faststart"])
    writer.send(None)
    for picture, milliseconds in list(zip(pictures, pause, strict=True)) * rounds:
        for _ in range(max(1, round(milliseconds * _RATE_OF_MP4 / 1000))):
            writer.send(picture.tobytes())
    writer.close()


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
