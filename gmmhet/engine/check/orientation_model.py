"""Scale of a map, noise and contrast of its images, estimated with their orientations unknown.

Expectation maximisation in which the posterior of each image is represented by a few orientations drawn from it, so
that wrong given poses spoil no estimate.
"""

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.check.orientation_posterior import (
    ImageModel,
    LowResolution,
    OrientationPosterior,
    Slices,
    posterior_of,
    shift_waves,
)
from gmmhet.engine.check.settings import ORIENTATION

__all__ = ["estimate_model", "overlaps", "scale_at"]

Array = NDArray[np.float64]
Complex = NDArray[np.complex64]
_TINY = 1e-30


def overlaps(data: LowResolution, slices: Complex, images: Complex | None = None) -> tuple[Array, Array]:
    """[n, rings] products of images with C S, and squares of C S, summed over rings.

    Args:
        slices: [n, m] S, one an image. images: [n, m] instead of those of the data.
    """
    seen = data.transfer * slices
    product = np.real((data.images if images is None else images).conj() * seen)
    return data.by_ring(np.asarray(product, np.float32)), data.by_ring(np.asarray(np.abs(seen) ** 2, np.float32))


def scale_at(data: LowResolution, slices: Complex, weights: Array) -> Array:
    """[rings] scale of the map by least squares, images of one slice each [n, m] weighted [n]."""
    product, square = overlaps(data, slices)
    return np.asarray(np.maximum(weights @ product, 0) / np.maximum(weights @ square, _TINY))


def estimate_model(data: LowResolution, slices: Slices, given: Complex, rng: np.random.Generator) -> ImageModel:
    """Estimate scale, noise and contrast.

    Args:
        given: [n, m] slices at the given poses, where the estimate starts.
    """
    product, square = overlaps(data, given)
    start = max(float(product.sum()), 0.0) / max(float(square.sum()), _TINY)
    power = data.by_ring(np.asarray(np.abs(data.images) ** 2, np.float32))
    rest = np.maximum(power - start * (2 * product - start * square), 0.1 * power)
    model = ImageModel(np.full(data.grid.n_shells, start), _noise(data, rest), ORIENTATION.spread[2])
    for _ in range(ORIENTATION.rounds):
        model = _improved(data, slices, model, power, rng)
    return model


def _improved(data: LowResolution, slices: Slices, model: ImageModel, power: Array, rng: np.random.Generator,
              ) -> ImageModel:
    """One round: contrast of every image, then scale, its spread, and noise."""
    posterior = posterior_of(data, slices, model)
    product, square = _expected(data, slices, posterior, rng)
    weight = 2 / model.noise[data.group]
    precision = (square * model.gain**2 * weight).sum(axis=1) + model.spread**-2
    contrast = np.maximum((product * model.gain * weight).sum(axis=1) + model.spread**-2, 0) / precision
    shown = posterior.evidence > 0
    if not shown.any():
        return model
    mean = float(contrast[shown].mean())
    second = contrast**2 + 1 / precision
    gain = np.maximum(contrast[shown] @ product[shown], 0) / np.maximum(second[shown] @ square[shown], _TINY)
    least, most, _ = ORIENTATION.spread
    spread = float(np.sqrt(max(np.mean(second[shown]) / mean**2 - 1, 0)))
    rest = power - 2 * gain * contrast[:, None] * product + gain**2 * second[:, None] * square
    return ImageModel(gain * mean, _noise(data, np.maximum(rest, 0.05 * power)), float(np.clip(spread, least, most)))


def _expected(data: LowResolution, slices: Slices, posterior: OrientationPosterior, rng: np.random.Generator,
              ) -> tuple[Array, Array]:
    """Means of :func:`overlaps` over orientations drawn from the posterior, each at its likeliest shift."""
    cumulated = np.cumsum(posterior.probabilities(), axis=1, dtype=np.float64)
    waves, every = shift_waves(data), np.arange(len(data.images))
    drawn = []
    for _ in range(ORIENTATION.draws):
        level = rng.uniform(size=(len(every), 1)) * cumulated[:, -1:]
        index = np.minimum((cumulated < level).sum(axis=1), cumulated.shape[1] - 1)
        moved = data.images * waves[posterior.best_shift[every, index]]
        drawn.append(overlaps(data, slices.grid.slices(slices.values, index), moved))
    product, square = (np.mean(values, axis=0) for values in zip(*drawn, strict=True))
    return product, square


def _noise(data: LowResolution, rest: Array) -> Array:
    """[groups, rings] mean square modulus; groups of few images are given that of all."""
    points = np.maximum(data.by_ring(np.ones((1, len(data.ring)), np.float32)), 1e-9)
    together = rest.mean(axis=0) / points[0]
    out = np.tile(together, (data.n_groups, 1))
    for group in np.unique(data.group):
        own = data.group == group
        if own.sum() >= ORIENTATION.fewest_of_group:
            out[group] = rest[own].mean(axis=0) / points[0]
    floor = 1e-6 * max(float(out.max()), _TINY)
    return np.asarray(np.maximum(out, floor))
