"""Images of selected particles."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import ParticleTable
from gmmhet.engine.sampling import evenly_spread
from gmmhet.engine.view.settings import VIEW

__all__ = ["selected_images"]

Images = NDArray[np.float32]


def selected_images(table: ParticleTable, ids: Sequence[int]) -> tuple[dict[str, Any], NDArray[np.uint8]]:
    """The average of some selected images, and a few of them.

    Images are moved by their origins to the nearest pixel, so that the particle is in the middle; they are not turned.

    Args:
        ids: rows from 1.
    Returns:
        count, averaged (number of images in the average), side (pixels), pixel (Angstrom); [1 + shown, side, side] of
        8 bit, the average first, each from its 1st to its 99th percentile.
    Raises:
        InputError: no row, one beyond the table, or images that cannot be read.
    """
    rows = np.unique(np.asarray(ids, np.int64)) - 1
    if len(rows) == 0 or rows[0] < 0 or rows[-1] >= len(table):
        raise InputError(f"expected row numbers from 1 to {len(table)}")
    some = rows[evenly_spread(len(rows), VIEW.averaged)]
    factor = -(-table.box // VIEW.image_side)
    opened: dict[Any, Any] = {}
    total = np.zeros((table.box // factor,) * 2, np.float32)
    shown: list[Images] = []
    few = set(some[evenly_spread(len(some), VIEW.shown)].tolist())
    for row in some.tolist():
        image = _binned(_centred(table, row, table.images(np.array([row]), opened)[0]), factor)
        total += image
        if row in few:
            shown.append(image)
    pictures = np.stack([_eight_bit(image) for image in [total, *shown]])
    return {"count": len(rows), "averaged": len(some), "side": pictures.shape[1],
            "pixel": table.pixel_size * factor}, pictures


def _centred(table: ParticleTable, row: int, image: Images) -> Images:
    shift = np.rint(table.origins[row] / table.pixel_size).astype(int)
    return np.roll(image, (shift[1], shift[0]), axis=(0, 1))


def _binned(image: Images, factor: int) -> Images:
    side = image.shape[0] // factor
    cut = image[:side * factor, :side * factor]
    return np.asarray(cut.reshape(side, factor, side, factor).mean(axis=(1, 3)), np.float32)


def _eight_bit(image: NDArray[Any]) -> NDArray[np.uint8]:
    low, high = np.percentile(image, (1, 99))
    return np.asarray(np.clip((image - low) / max(float(high - low), 1e-30), 0, 1) * 255, np.uint8)
