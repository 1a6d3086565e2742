"""Windows of particles: the equations of their half-sets, their maps, and what they would change in other maps."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from gmmhet.engine.reconstruction.bands import Wave
from gmmhet.engine.reconstruction.equations import NormalEquations, shell_of_grid
from gmmhet.engine.reconstruction.settings import INCREMENTS
from gmmhet.engine.reconstruction.solver import ball, convolved, half_map
from gmmhet.engine.runtime.pool import Replicated

__all__ = ["Window", "increments"]


Field = NDArray[np.float32]


@dataclass(frozen=True)
class Window(Replicated):
    """Particles around a point: how many, and the equations of each half-set, None where it has no particle there."""

    n: int
    halves: tuple[NormalEquations | None, NormalEquations | None]

    @cached_property
    def maps(self) -> tuple[Field, ...]:
        """Of each half-set that is there, as the data alone make it: v that solves T v = b, 0 where no view looked."""
        return tuple(half_map(half) for half in self.halves if half is not None)

    def spooled(self, folder: Path) -> "Window":
        """The same, with its largest arrays in files of a folder instead of in memory."""
        halves: list[NormalEquations | None] = []
        for number, half in enumerate(self.halves):
            if half is not None:
                path = folder / f"window_{self.n}_{number}.raw"
                with open(path, "wb") as out:
                    out.write(np.ascontiguousarray(half.transfer).data)
                half = NormalEquations(half.data, np.memmap(path, np.float32, "r", shape=half.transfer.shape))
            halves.append(half)
        return Window(self.n, (halves[0], halves[1]))

    def __add__(self, other: "Window") -> "Window":
        first, second = (a if b is None else b if a is None else a + b
                         for a, b in zip(self.halves, other.halves, strict=True))
        return Window(self.n + other.n, (first, second))


def increments(window: Window, maps: Sequence[Field], workers: int) -> list[Wave]:
    """What a window's half-sets, both there, add to their maps so far: v that solves T v = r.

    r is b - T (map); what is returned is the transform of v, norm "forward".

    Each wave of r is divided by T + R, and by what R leaves of its shell on average. R is the inverse power of the
    signal where there is some, so weak signal is summed over the views as a matched filter does, and strong signal
    is freed of their unevenness.
    """
    halves = [half for half in window.halves if half is not None]
    box = halves[0].box
    missing = [scipy.fft.rfftn(ball(box) * (half.data - convolved(half.transfer, density, workers)), norm="forward",
                               workers=workers) for half, density in zip(halves, maps, strict=True)]
    prior = _prior(missing, box)
    return [wave * _inverse(half, prior) for wave, half in zip(missing, halves, strict=True)]


def _inverse(equations: NormalEquations, prior: NDArray[np.float64]) -> Field:
    """[box, box, box // 2 + 1] 1 / (T + R), times what makes the mean of T / (T + R) 1 in every shell; 0 in corners.

    Args:
        prior: [box // 2 + 1] R over the mean of T.
    """
    shell = shell_of_grid(equations.box, equations.box)
    within = np.minimum(shell, equations.box // 2)
    added = (prior * equations.shell_weights()).astype(np.float32)[within]
    inverse = 1 / (equations.circulant + added)
    left = np.bincount(shell.ravel(), (equations.circulant * inverse).ravel()) / np.bincount(shell.ravel())
    left[0] = left[1]  # a CTF is 0 at the origin
    left = np.where(np.arange(len(left)) > equations.box // 2, np.inf, np.maximum(left, INCREMENTS.least_kept))
    return np.asarray(inverse / left.astype(np.float32)[shell], np.float32)


def _prior(missing: Sequence[Wave], box: int) -> NDArray[np.float64]:
    """[box // 2 + 1] noise over signal in the shells of two half-sets, over the share of the box that signal fills."""
    shells = shell_of_grid(box, box).ravel()
    first, second = (wave.ravel() for wave in missing)
    common, power = (np.bincount(shells, values)[:box // 2 + 1] for values in (
        (first * second.conj()).real, (abs(first) ** 2 + abs(second) ** 2) / 2))
    low, high = (np.rint(np.arange(box // 2 + 1) * (1 + s * INCREMENTS.shell_range) + s).astype(int) for s in (-1, 1))
    common, power = (np.subtract(*np.append(0, np.cumsum(values))[[np.minimum(high, box // 2) + 1, np.maximum(low, 0)]])
                     for values in (common, power))
    signal = np.maximum(common, 1e-3 * power)
    ratio = INCREMENTS.filled * (power - signal) / np.maximum(signal, 1e-30)
    return np.asarray(np.clip(ratio, INCREMENTS.weakest_prior, INCREMENTS.strongest_prior))
