"""Particles planted on curves in latent space, and an analysis folder that holds them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["NOISE", "arc", "clusters", "ring", "with_posteriors", "write_analysis"]

Array = NDArray[np.float64]
NOISE = 0.12


def with_posteriors(truth: Array, rng: np.random.Generator, noise: float = NOISE) -> tuple[Array, Array]:
    """Coordinates [n, K] off the truth by noise, and their covariances [n, K, K]."""
    n, modes = truth.shape
    return truth + noise * rng.normal(size=truth.shape), np.broadcast_to(noise**2 * np.eye(modes), (n, modes, modes))


def ring(n: int, rng: np.random.Generator) -> Array:
    """A circle of radius 1.4 with its double angle in two further coordinates: a whole turn in four modes."""
    a = rng.uniform(0, 2 * np.pi, n)
    return np.stack([1.4 * np.cos(a), 1.4 * np.sin(a), np.cos(2 * a), np.sin(2 * a)], axis=1)


def arc(n: int, rng: np.random.Generator) -> Array:
    """(sin a, cos a), a from -2 to 2 radians: a horseshoe, open downwards, of radius 1.3 about (0, -0.3)."""
    a = rng.uniform(-2, 2, n)
    return np.stack([1.3 * np.sin(a), 1.3 * np.cos(a) - 0.3], axis=1)


def clusters(n: int, rng: np.random.Generator, bridge: float) -> Array:
    """States at (-1.5, 0) and (1.5, 0); a share of the particles on the parabola y = 1.2 (1 - (x / 1.5)^2) between."""
    side = rng.choice([-1.5, 1.5], n)
    points = np.stack([side, np.zeros(n)], axis=1) + 0.25 * rng.normal(size=(n, 2))
    between = rng.random(n) < bridge
    x = rng.uniform(-1.5, 1.5, int(between.sum()))
    points[between] = np.stack([x, 1.2 * (1 - (x / 1.5) ** 2)], axis=1)
    return points


def write_analysis(folder: Path, coordinates: Array, covariance: Array, *, box: int = 20, pixel: float = 4.0,
                   gaussians: int = 5, seed: int = 5) -> dict[str, Array]:
    """Write the entries of analysis.npz that describe latent space and the model; returns them."""
    rng = np.random.default_rng(seed)
    modes = coordinates.shape[1]
    arrays: dict[str, Array] = {
        "coordinates": coordinates, "covariance": covariance, "centers": rng.normal(size=(gaussians, 3)) * 8,
        "weights": rng.uniform(50, 150, gaussians), "sigmas": rng.uniform(5, 7, gaussians), "box": np.array(box),
        "pixel_size": np.array(pixel), "resolution": np.array(16.0),
        "modes_position": rng.normal(size=(modes, gaussians, 3)) * 2,
        "modes_amplitude": rng.normal(size=(modes, gaussians)) * 0.1}
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "analysis.npz", **arrays)
    return arrays
