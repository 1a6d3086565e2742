"""Pictures of a map's contour surface, seen along an axis; numpy alone."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["VIEWS", "surface_picture", "turned"]

Picture = NDArray[np.uint8]
Volume = NDArray[np.float32]

#: name of a view: axes of the array (z, y, x) that go away from the eye, down and right, and whether each is reversed
VIEWS = {
    "along z": ((0, 1, 2), (True, True, False)),
    "along y": ((1, 0, 2), (False, True, False)),
    "along x": ((2, 0, 1), (True, True, False)),
}
_SURFACE = np.array([0.62, 0.71, 0.82])
_NEW = np.array([0.93, 0.50, 0.16])
_LIGHT = np.array([-0.71, -0.50, -0.50]) / np.linalg.norm([-0.71, -0.50, -0.50])  # from the eye, above and left
_FAR = 0.35  # how much darker the back is


def surface_picture(volume: Volume, level: float, mean: Volume, view: str) -> Picture:
    """The surface at a level, lit from above and the left; orange where there is density that the mean does not have.

    Args:
        volume, mean: [z, y, x] of one shape. view: one of VIEWS.
    Returns:
        [height, width, 4], one pixel a voxel: red, green, blue, opacity (which smooths the outline).
    """
    axes, reverse = VIEWS[view]
    flip = tuple(slice(None, None, -1 if r else 1) for r in reverse)
    seen, reference = volume.transpose(axes)[flip], mean.transpose(axes)[flip]
    dense = seen > level
    first = dense.argmax(axis=0)
    hit = np.take_along_axis(dense, first[None], axis=0)[0]
    rows, columns = np.nonzero(hit)
    depth = first[rows, columns]
    before = seen[np.maximum(depth - 1, 0), rows, columns]
    here = seen[depth, rows, columns]
    exact = depth - np.where(depth > 0, (here - level) / np.maximum(here - before, 1e-30), 0.0)
    places = np.stack([exact, rows, columns])
    downhill = -np.stack([ndimage.map_coordinates(slope, places, order=1, mode="nearest")
                          for slope in np.gradient(seen)])
    downhill /= np.maximum(np.linalg.norm(downhill, axis=0), 1e-30)
    light = 0.38 + 0.62 * np.clip(_LIGHT @ downhill, 0, 1)
    light *= 1 - _FAR * exact / len(seen)
    gain = 1 - ndimage.map_coordinates(reference, places, order=1, mode="nearest") / level
    share = np.clip(2.5 * gain - 1, 0, 1)[:, None]  # noise and soft edges are no news
    picture = np.zeros((*hit.shape, 4))
    picture[rows, columns, :3] = ((1 - share) * _SURFACE + share * _NEW) * light[:, None]
    if len(rows):
        nearest = ndimage.distance_transform_edt(~hit, return_distances=False, return_indices=True)
        picture[..., :3] = picture[nearest[0], nearest[1], :3]
    picture[..., 3] = _coverage(seen.max(axis=0), level) * ndimage.binary_dilation(hit)
    return np.asarray(np.rint(255 * np.clip(picture, 0, 1)), np.uint8)


def turned(volume: Volume, rotation: NDArray[np.float64]) -> Volume:
    """A volume as seen along z when it is turned about its middle.

    Args:
        volume: [n, n, n] (z, y, x). rotation: [3, 3], x_view = rotation @ x_model, of (x, y, z).
    """
    backward = rotation.T[::-1, ::-1]  # of (z, y, x), from the view to the model
    middle = np.full(3, volume.shape[0] // 2)
    return np.asarray(ndimage.affine_transform(volume, backward, middle - backward @ middle, order=1), np.float32)


def _coverage(highest: Volume, level: float) -> NDArray[np.float64]:
    """Share of every pixel where the highest density on the line of sight exceeds the level, by its slope."""
    slope = np.hypot(*np.gradient(highest.astype(np.float64)))
    return np.asarray(np.clip(0.5 + (highest - level) / np.maximum(slope, 1e-6 * abs(level) + 1e-30), 0, 1))
