"""The noise of the images in rings of Fourier space."""

from pathlib import Path

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import ParticleTable
from gmmhet.engine.latent_space.saved_analysis import ANALYSIS_FILE
from gmmhet.engine.reconstruction.settings import GRIDDING
from gmmhet.engine.sampling import evenly_spread

__all__ = ["image_noise", "with_residual_noise"]

_IMAGES_AT_ONCE = 50


def image_noise(table: ParticleTable) -> NDArray[np.float64]:
    """Variance of the DFT coefficients of the background, from what lies outside the inscribed circle of the images.

    Returns:
        [groups, box // 2 + 1], one row an optics group; a group without particles has the mean of the others.
    Raises:
        InputError: the images that are looked at are all blank.
    """
    found = np.full((len(table.optics), table.box // 2 + 1), np.nan)
    for group in np.unique(table.optics_index):
        rows = np.flatnonzero(table.optics_index == group)
        chosen = rows[evenly_spread(len(rows), GRIDDING.noise_images)]
        found[group] = _background_power(table, chosen)
    return np.where(np.isnan(found), np.nanmean(found, axis=0), found)


def _background_power(table: ParticleTable, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    box = table.box
    axis = np.arange(box) - box // 2
    window = np.clip((np.hypot(axis[:, None], axis) - 0.5 * box) / (0.05 * box) + 0.5, 0, 1).astype(np.float32)
    y, x = np.fft.fftfreq(box, 1 / box)[:, None], np.arange(box // 2 + 1)
    rings = np.rint(np.hypot(x, y)).astype(np.int64)
    power, blank = np.zeros(rings.shape), True
    for start in range(0, len(rows), _IMAGES_AT_ONCE):
        images = table.images(rows[start:start + _IMAGES_AT_ONCE])
        blank = blank and bool((images == images[:, :1, :1]).all())
        level = (images * window).sum(axis=(1, 2), keepdims=True) / window.sum()
        power += np.square(np.abs(scipy.fft.rfft2((images - level) * window))).sum(axis=0, dtype=np.float64)
    if blank:
        name = table.stacks[int(table.stack_index[rows[0]])]
        raise InputError(f"{name}: all pixels of an image have the same value ({len(rows)} images looked at, the first "
                         f"of row {table.ids[rows[0]]} of {table.source}); expected images of particles")
    number = np.bincount(rings.ravel())
    mean = np.bincount(rings.ravel(), power.ravel()) / number / len(rows) * (box**2 / np.square(window).sum())
    mean = mean[:box // 2 + 1]
    mean[:2] = mean[2]  # the level was taken away
    return np.asarray(np.maximum(mean, 1e-6 * mean.max() or 1.0))


def with_residual_noise(noise: NDArray[np.float64], table: ParticleTable, analysis: Path) -> NDArray[np.float64]:
    """Noise with the shape that the analysis found in the residuals, where analysis.npz holds one.

    Residuals tell more than the background, which holds rings of the signal. Beyond the resolution of the analysis the
    background's shape goes on without a step, and the groups keep their ratios.

    Args:
        noise: [groups, rings] as of :func:`image_noise`. analysis: analysis.npz, which may be missing.
    """
    data = ANALYSIS_FILE.read_some(analysis, ("noise_frequency", "noise_variance"))
    if len(data) < 2:
        return noise
    frequency, variance = data["noise_frequency"], 2 * data["noise_variance"]  # of a real part: doubled
    ring = np.arange(noise.shape[1]) / (table.box * table.pixel_size)
    share = np.bincount(table.optics_index, minlength=len(noise)) / len(table)
    covered = ring <= frequency.max() * (1 + 1e-6)
    ratio = np.interp(ring[covered], frequency, variance) / (share @ noise)[covered]
    factor = np.full(len(ring), ratio[-3:].mean())
    factor[covered] = ratio
    return noise * factor if (factor > 0).all() and np.isfinite(factor).all() else noise
