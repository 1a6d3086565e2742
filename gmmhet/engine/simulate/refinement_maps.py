"""Maps that a refinement and its post-processing leave, from two half maps: filtered, sharpened, masked."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from gmmhet.engine.simulate.settings import REFINED_MAP

__all__ = ["RefinementMaps", "refinement_maps", "shell_correlation"]

_GOLD_STANDARD = 0.143


@dataclass(frozen=True)
class RefinementMaps:
    """Attributes: [box, box, box] maps.

    half1, half2: unfiltered. refined: their mean, filtered by its FSC. mask: soft. sharpened: the mean with the
    envelope taken off, up to the resolution. masked: the same times the mask. resolution: Angstrom, FSC 0.143.
    """

    half1: NDArray[np.float64]
    half2: NDArray[np.float64]
    refined: NDArray[np.float64]
    mask: NDArray[np.float64]
    sharpened: NDArray[np.float64]
    masked: NDArray[np.float64]
    resolution: float


def refinement_maps(half1: NDArray[np.float64], half2: NDArray[np.float64], pixel_size: float, b_factor: float,
                    ) -> RefinementMaps:
    """Filter by sqrt(2 FSC / (1 + FSC)) (Rosenthal & Henderson 2003); sharpen by exp(+B k^2 / 4), B square Angstrom."""
    box = len(half1)
    fsc = shell_correlation(half1, half2)
    last = _last_shell(fsc)
    kept = np.where(np.arange(len(fsc)) <= last + 1, np.clip(fsc, 0, 1), 0)
    merit = np.sqrt(2 * kept / (1 + kept))
    mean = (half1 + half2) / 2
    refined = _filtered(mean, merit)
    shell = np.arange(len(fsc)) / (box * pixel_size)
    sharpened = _filtered(mean, merit * np.exp(b_factor * shell**2 / 4) * (np.arange(len(fsc)) <= last))
    mask = _mask(refined)
    return RefinementMaps(half1, half2, refined, mask, sharpened, sharpened * mask, box * pixel_size / max(last, 1))


def shell_correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fourier shell correlation of shells 0 .. box // 2."""
    a, b = np.fft.fftn(one), np.fft.fftn(other)
    shell = _shells(len(one))
    cross, left, right = (np.bincount(shell.ravel(), v.ravel()) for v in
                          ((a * b.conj()).real, np.abs(a)**2, np.abs(b)**2))
    return np.asarray((cross / np.sqrt(np.maximum(left * right, 1e-300)))[:len(one) // 2 + 1])


def _shells(box: int) -> NDArray[np.int64]:
    k = np.fft.fftfreq(box, 1 / box)
    return np.asarray(np.rint(np.sqrt(k[:, None, None]**2 + k[:, None]**2 + k**2)), np.int64)


def _last_shell(fsc: NDArray[np.float64]) -> int:
    """The last before the FSC first falls below 0.143."""
    below = np.flatnonzero(fsc[1:] < _GOLD_STANDARD)
    return int(below[0]) if len(below) else len(fsc) - 1


def _filtered(density: NDArray[np.float64], factor: NDArray[np.float64]) -> NDArray[np.float64]:
    shell = _shells(len(density))
    return np.asarray(np.fft.ifftn(np.fft.fftn(density) * np.append(factor, 0)[np.minimum(shell, len(factor))]).real)


def _mask(density: NDArray[np.float64]) -> NDArray[np.float64]:
    """Density above a share of its highest percentile within the sphere, largest piece, with a soft edge."""
    axis = np.arange(len(density)) - len(density) // 2
    radius = np.sqrt(axis[:, None, None]**2 + axis[:, None]**2 + axis**2)
    smooth = ndimage.gaussian_filter(density, 1.0)
    inside = radius < len(density) / 2 - 2
    level = np.median(smooth[inside])
    solid = inside & (smooth - level > REFINED_MAP.mask_level * (np.percentile(smooth[inside], 99.5) - level))
    labels, count = ndimage.label(solid)
    if count > 1:
        solid = labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
    distance = ndimage.distance_transform_edt(~solid)
    edge = np.clip((distance - 1) / REFINED_MAP.mask_edge, 0, 1)
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * edge))
