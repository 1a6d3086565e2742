"""What is done to density maps: other grids, spectra, masks.

Frequencies k are in 1/Angstrom; shell s of a map of L = box x pixel Angstrom holds the coefficients whose distance
from the centre rounds to s, that is frequencies around s / L.
"""

import math
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy import ndimage

from gmmhet.engine.conventions import voxel_origin
from gmmhet.engine.io.mrc import DensityMap
from gmmhet.engine.molecule.settings import MOLECULE

__all__ = [
    "coarser_map", "dense_region", "face_level", "field_of_view", "fourier_shell_correlation", "low_pass",
    "radial_power", "resample_map", "resolution_at", "soft_edge", "soft_mask", "solvent_level",
]

_GAUSSIAN_PER_RESOLUTION = 0.225  # sigma / d of the blur that is usual for showing a molecule at d


def field_of_view(density: DensityMap) -> float:
    """Edge of the box, Angstrom."""
    return density.box * density.pixel_size


def resample_map(density: DensityMap, box: int, pixel_size: float) -> DensityMap:
    """The same density on another grid, by physical size about the origin voxel box // 2.

    Trigonometric interpolation, one axis after the other: exact where the map holds nothing beyond the Nyquist
    frequency of either grid; what lies beyond the new one is cut. Where the new field of view is the larger one, it is
    filled with the level of the map's faces. Values stay densities: they are not scaled by the voxel's volume.

    Args:
        box: new number of voxels along an edge. pixel_size: new one, Angstrom.
    """
    level = face_level(density)
    matrix = _interpolation(density.box, density.pixel_size, box, pixel_size)
    data = density.data - np.float32(level)
    for axis in range(3):
        data = np.moveaxis(np.tensordot(matrix, data, axes=(1, axis)), 0, axis)
    return DensityMap(np.ascontiguousarray(data) + np.float32(level), float(pixel_size))


def face_level(density: DensityMap) -> float:
    """Density of the surroundings: the median over the faces of the box."""
    return float(np.median(_faces(density.data)))


def coarser_map(density: DensityMap, pixel_size: float) -> DensityMap:
    """The map on an even grid of about a pixel size (Angstrom) over the same field; itself if that is not coarser."""
    box = 2 * math.ceil(0.5 * field_of_view(density) / pixel_size)
    return resample_map(density, box, field_of_view(density) / box) if box < density.box else density


def _faces(data: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([np.take(data, index, axis).ravel() for axis in range(3) for index in (0, -1)])


def _interpolation(box: int, pixel: float, new_box: int, new_pixel: float) -> NDArray[np.float32]:
    """[new_box, box] trigonometric interpolation along an axis; rows outside the old field of view are zero."""
    old = (np.arange(box) - voxel_origin(box)) * pixel
    new = (np.arange(new_box) - voxel_origin(new_box)) * new_pixel
    index = np.arange(box // 2 + 1)
    reach = 0.5 * box * pixel / new_pixel * (1 + 1e-9)  # index of the new Nyquist frequency
    index = index[index <= reach]
    pairs = np.where(index == 0, 1.0, 2.0)
    nyquist = (2 * index == box) | (np.abs(index - 0.5 * box * pixel / new_pixel) < 1e-6)
    pairs[nyquist] = 1.0  # of either grid: one wave, not two
    turns = 2 * np.pi * index / (box * pixel)
    wave, other = np.outer(new, turns), np.outer(old, turns)
    matrix = (np.cos(wave) * pairs) @ np.cos(other).T + (np.sin(wave) * pairs) @ np.sin(other).T
    inside = np.abs(new) <= 0.5 * box * pixel * (1 + 1e-9)
    return np.asarray(matrix * inside[:, None] / box, np.float32)


def _shell_sums(first: NDArray[Any], second: NDArray[Any]) -> NDArray[np.float64]:
    """[4, box // 2 + 1] sums over shells 0 .. box // 2 of two half transforms (Friedel mates counted).

    Of |first|^2, |second|^2, the real part of first conj(second), and 1. Plane by plane: large boxes fit into memory.
    """
    box = len(first)
    full, last = np.fft.fftfreq(box, 1 / box) ** 2, box // 2
    plane = full[:, None] + np.arange(last + 1) ** 2
    pairs = np.where((np.arange(last + 1) == 0) | (2 * np.arange(last + 1) == box), 1.0, 2.0)
    sums = np.zeros((4, last + 1))
    for height, a, b in zip(full, first, second, strict=True):
        shell = np.rint(np.sqrt(height + plane)).astype(np.int64).ravel()
        for row, value in enumerate((np.abs(a) ** 2, np.abs(b) ** 2, (a * b.conj()).real, 1.0)):
            sums[row] += np.bincount(shell, (value * np.broadcast_to(pairs, plane.shape)).ravel(), last + 1)[:last + 1]
    return sums


def radial_power(data: NDArray[Any]) -> NDArray[np.float64]:
    """Mean square modulus of the plain DFT of a map [box] * 3 in shells 0 .. box // 2."""
    transform = scipy.fft.rfftn(data)
    power, _, _, number = _shell_sums(transform, transform)
    return np.asarray(power / number)


def fourier_shell_correlation(
    first: NDArray[Any], second: NDArray[Any], pixel_size: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Correlation of two maps shell by shell (Harauz and van Heel 1986).

    Args:
        first, second: [box, box, box]. pixel_size: Angstrom.
    Returns:
        frequency [box // 2] of shells 1 .. box // 2, 1/Angstrom, and their correlation, 0 in a shell where a map is 0.
    """
    if first.shape != second.shape:
        raise ValueError(f"maps of {first.shape} and {second.shape} voxels; expected one shape")
    box = len(first)
    power_a, power_b, cross, _ = _shell_sums(scipy.fft.rfftn(first), scipy.fft.rfftn(second))
    norm = np.sqrt(power_a * power_b)
    curve = np.divide(cross, norm, out=np.zeros_like(cross), where=norm > 0)
    return np.arange(1, box // 2 + 1) / (box * pixel_size), curve[1:]


def resolution_at(frequency: NDArray[np.float64], curve: NDArray[np.float64], threshold: float) -> float:
    """Resolution (Angstrom) where a correlation curve first falls below a threshold, by linear interpolation.

    Returns:
        The last frequency's resolution when it never falls; infinity when it starts below.
    """
    below = np.flatnonzero(curve < threshold)
    if len(below) == 0:
        return float(1 / frequency[-1])
    last = below[0]
    if last == 0:
        return float("inf")
    share = (curve[last - 1] - threshold) / (curve[last - 1] - curve[last])
    return float(1 / (frequency[last - 1] + share * (frequency[last] - frequency[last - 1])))


def low_pass(density: DensityMap, resolution: float) -> DensityMap:
    """A map blurred by a Gaussian of sigma 0.225 x resolution (Angstrom): no rings, unlike a sharp cut."""
    sigma = _GAUSSIAN_PER_RESOLUTION * resolution / density.pixel_size
    return DensityMap(ndimage.gaussian_filter(density.data, sigma, mode="nearest", truncate=5), density.pixel_size)


def solvent_level(density: DensityMap) -> float:
    """Density of the surroundings: the median outside the largest sphere that fits into the box."""
    axis = (np.arange(density.box) - voxel_origin(density.box)) ** 2
    outside = axis[:, None, None] + axis[:, None] + axis > (density.box // 2) ** 2
    return float(np.median(density.data[outside])) if outside.any() else float(np.median(density.data))


def dense_region(density: DensityMap, resolution: float) -> NDArray[np.bool_]:
    """Where the molecule is, found without a threshold from the user.

    The map is blurred to the resolution. Voxels count as molecule above 0.3 of the way from the solvent's density to
    the mean density of the molecule (iterated until it agrees with itself) and above three standard deviations of what
    remains as solvent; pieces smaller than 2% of the largest are dropped.

    Returns:
        [box, box, box] True inside; all False when the map has no density above its surroundings, or twice as much
        below them (inverted contrast).
    """
    smooth = low_pass(density, resolution).data
    level = solvent_level(DensityMap(smooth, density.pixel_size))
    smooth = smooth - np.float32(level)
    top = float(smooth.max())
    if not top > max(1e-6 * abs(level), 0.5 * -float(smooth.min())):
        return np.zeros(smooth.shape, bool)
    threshold = MOLECULE.start_fraction * top
    for _ in range(50):
        inside = smooth > threshold
        spread = 1.4826 * float(np.median(np.abs(smooth[~inside]))) if not inside.all() else 0.0
        found = min(max(MOLECULE.dense_fraction * float(smooth[inside].mean()), MOLECULE.deviations * spread),
                    MOLECULE.highest_fraction * top)
        if abs(found - threshold) < 1e-3 * top:
            break
        threshold = found
    return _large_pieces(smooth > threshold)


def _large_pieces(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    labels, _ = ndimage.label(inside)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    keep = sizes >= max(1.0, MOLECULE.smallest_piece * sizes.max())
    return np.asarray(keep[labels])


def soft_edge(inside: NDArray[np.bool_], grow: float, width: float) -> NDArray[np.float32]:
    """A mask grown by some voxels, then falling from 1 to 0 as a raised cosine over ``width`` voxels."""
    distance = ndimage.distance_transform_edt(~inside)
    fall = np.clip((distance - grow) / width, 0, 1)
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * fall), np.float32)


def soft_mask(density: DensityMap, resolution: float | None = None) -> NDArray[np.float32]:
    """A mask around the molecule, 1 inside, falling softly to 0; for FSC curves and for fitting.

    Args:
        resolution: Angstrom; of the blur that finds the molecule, and width of the growth and of the edge. Default:
            1/12 of the field of view, no finer than 3 voxels.
    Returns:
        [box, box, box]; all 1 when no molecule stands out.
    """
    blur = max(field_of_view(density) / 12 if resolution is None else resolution, 3 * density.pixel_size)
    coarse = coarser_map(density, blur / 4)
    inside = dense_region(coarse, blur)
    if not inside.any():
        return np.ones(density.data.shape, np.float32)
    mask = DensityMap(soft_edge(inside, blur / coarse.pixel_size, blur / coarse.pixel_size), coarse.pixel_size)
    if coarse is not density:
        mask = resample_map(mask, density.box, density.pixel_size)
    return np.clip(mask.data, 0, 1)
