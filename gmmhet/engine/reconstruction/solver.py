"""Solves the normal equations with a prior, by preconditioned conjugate gradients."""

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from gmmhet.engine.reconstruction.equations import NormalEquations, shell_of_grid
from gmmhet.engine.reconstruction.settings import SOLVER

__all__ = ["ball", "convolved", "half_map", "solve"]



def ball(box: int) -> NDArray[np.float32]:
    """[box] * 3 the largest ball in the box, with a soft edge: slices at steps of 1 / box tell nothing beyond."""
    axis = np.square(np.arange(box) - box // 2).astype(np.float32)
    radius = np.sqrt(axis[:, None, None] + axis[:, None] + axis)
    fall = np.clip((radius - (0.5 * box - SOLVER.ball_edge)) / SOLVER.ball_edge, 0, 1)
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * fall), np.float32)


def solve(equations: NormalEquations, prior: NDArray[np.float64], *, support: NDArray[np.float32] | None = None,
          envelope: NDArray[np.float32] | None = None, tolerance: float = SOLVER.tolerance,
          iterations: int = SOLVER.iterations, workers: int = 1) -> NDArray[np.float32]:
    """The map v that minimises v.T v / 2 - b.v and its prior, with R = ``prior`` in the shells of Fourier space.

    Without an envelope, v = m u and the prior is v.R v / 2. With one, v = e u and the prior is u.R u / 2, that of a
    stationary signal of power 1 / R times e.

    Args:
        prior: [box // 2 + 1] > 0, inverse signal power in units of NormalEquations.shell_weights, constant beyond.
        support: [box] * 3 m, where the map may differ from 0 (default: the ball, in which T is accurate).
        envelope: [box] * 3 e, 0 to 1, instead of a support; 0 outside the ball.
        tolerance: of the residual over its first value, measured with the preconditioner. workers: threads.
        iterations: at most. With a weak prior few are best: the preconditioner already solves a well-sampled map, and
            later ones add noise that the views hardly determine.
    Returns:
        [box] * 3 (z, y, x).
    """
    mask = envelope if envelope is not None else ball(equations.box) if support is None else support
    system = _System(equations, prior, workers, envelope)
    within = np.float32(1) if envelope is not None else mask  # a support's edge counts in the preconditioner too

    def approximate_inverse(density: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(within * system.precondition(within * density))

    residual = mask * equations.data
    result, search = np.zeros_like(residual), approximate_inverse(residual)
    solved = search
    product = first = float(np.vdot(residual, solved))
    for _ in range(iterations):
        if not product > tolerance**2 * first:
            break
        applied = mask * system.apply(mask * search) + system.stationary(search)
        step = product / float(np.vdot(search, applied))
        result += np.float32(step) * search
        residual -= np.float32(step) * applied
        solved = approximate_inverse(residual)
        product, previous = float(np.vdot(residual, solved)), product
        search = solved + np.float32(product / previous) * search
    return np.asarray(mask * result, np.float32)


def half_map(equations: NormalEquations) -> NDArray[np.float32]:
    """[box] * 3 the map of a half-set as the data alone make it, without regard to the other half."""
    return solve(equations, SOLVER.weak_prior * equations.shell_weights(), iterations=SOLVER.half_map_iterations)


def convolved(transfer: NDArray[np.float32], density: NDArray[np.float32], workers: int = 1) -> NDArray[np.float32]:
    """T v without wrap-around, [box] * 3; lines of zeros are not transformed.

    Args:
        transfer: [size, size, size // 2 + 1], see NormalEquations. density: [box] * 3. workers: threads.
    """
    n, size = len(density), len(transfer)
    wave = scipy.fft.rfft(density, size, axis=2, workers=workers)
    wave = scipy.fft.fft(wave, size, axis=1, workers=workers)
    wave = scipy.fft.fft(wave, size, axis=0, workers=workers)
    wave *= transfer
    wave = scipy.fft.ifft(wave, axis=0, overwrite_x=True, workers=workers)[:n]
    wave = scipy.fft.ifft(wave, axis=1, workers=workers)[:, :n]
    return np.asarray(scipy.fft.irfft(wave, size, axis=2, workers=workers)[:, :, :n])


class _System:
    """T and R, and an approximate inverse. Without an envelope R is a part of the convolution, else it stands apart."""

    def __init__(self, equations: NormalEquations, prior: NDArray[np.float64], workers: int,
                 envelope: NDArray[np.float32] | None = None) -> None:
        self.box, self.size, self._workers = equations.box, equations.size, workers
        table = np.asarray(prior, np.float32)
        last = len(table) - 1
        own = np.minimum(shell_of_grid(self.box, self.box), last)
        floor = SOLVER.least_weight * equations.shell_weights().astype(np.float32)
        self._circulant = np.maximum(equations.circulant, floor[np.minimum(own, len(floor) - 1)])
        self._prior = table[own]
        self._levels = None if envelope is None else _levels(envelope)
        self._multiplier = equations.transfer
        if envelope is None:
            self._multiplier = self._multiplier + table[np.minimum(shell_of_grid(self.size, self.box), last)]

    def apply(self, density: NDArray[np.float32]) -> NDArray[np.float32]:
        """T v, with R v where that is a part of it."""
        return convolved(self._multiplier, density, self._workers)

    def stationary(self, density: NDArray[np.float32]) -> NDArray[np.float32] | float:
        """R where it stands apart, on the grid of the box, which wraps around; else 0."""
        return 0.0 if self._levels is None else self._filtered(density, self._prior)

    def precondition(self, density: NDArray[np.float32]) -> NDArray[np.float32]:
        """1 / (T + R) with the periodic T, or the sum over levels l of w_l / (l T + R) w_l."""
        if self._levels is None:
            return self._filtered(density, 1 / (self._circulant + self._prior))
        parts = (weight * self._filtered(weight * density, 1 / (np.float32(level) * self._circulant + self._prior))
                 for level, weight in self._levels)
        return np.asarray(sum(parts, np.zeros_like(density)))

    def _filtered(self, density: NDArray[np.float32], multiplier: NDArray[np.float32]) -> NDArray[np.float32]:
        wave = scipy.fft.rfftn(density, workers=self._workers)
        wave *= multiplier
        return np.asarray(scipy.fft.irfftn(wave, s=(self.box,) * 3, workers=self._workers))


def _levels(envelope: NDArray[np.float32]) -> list[tuple[float, NDArray[np.float32]]]:
    """Values of e^2, and where they stand for it: weights [box] * 3 whose squares add up to 1."""
    height = np.log10(np.maximum(np.square(envelope), SOLVER.levels[-1]))
    near = [np.maximum(0, 1 - np.abs(height - np.log10(level))) for level in SOLVER.levels]
    weights = [np.sqrt(share).astype(np.float32) for share in near]
    return [(level, weight) for level, weight in zip(SOLVER.levels, weights, strict=True) if weight.any()]
