"""A map at a point of latent space from nested windows of particles around it: wide where the molecule is still, narrow
where it moves, decided for each band of frequencies and each place by what the half-sets agree on.

The widest window makes the first map. Each narrower one says what has to be added: the increment that the narrower
window's images ask for, given the map so far. An increment is believed band by band and place by place as far as the
two half-sets' increments agree there (a Wiener filter with signal and noise measured on the spot). A rigid domain asks
for no increment beyond noise, and keeps the particles of the widest window; one that moves gets as few as it needs.
Noise of an increment is not correlated with that of the wider window, as in Haar's wavelets.

Kernel regression of RECOVAR (Gilles and Singer 2025) chooses one of several windows by cross-validation instead.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from gmmhet.engine.messages import Replicated
from gmmhet.engine.reconstruction.equations import NormalEquations
from gmmhet.engine.reconstruction.solver import ball, convolved, solve
from gmmhet.engine.reconstruction.spreading import even_size

__all__ = ["Bandwidth", "Combined", "Window", "combine"]

_FIRST, _RATIO = 3.0, 1.35  # shell of the first band, and of a band over that before, about
_WINDOW = 1.0  # wavelengths of a band, standard deviation of the neighbourhood in which increments are compared
_SOFTENING = 0.5  # of that, blur of what is believed
_LEAST_DEVIATIONS = 3.0  # of chance, that agreement has to exceed
_WEAK_PRIOR = 0.05  # over the mean weight of a shell
_ITERATIONS = 3  # of the solver
_GRID_PER_SHELL = 4  # voxels of a band's grid over its shell: products of the band do not wrap onto its low end
_BELIEVED = 0.5  # share of an increment that counts as using its window

Wave = NDArray[np.complex64]


@dataclass(frozen=True)
class Window(Replicated):
    """Particles around a point: how many, and the equations of each half-set, None where it has no particle there."""

    n: int
    halves: tuple[NormalEquations | None, NormalEquations | None]

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


@dataclass(frozen=True)
class Bandwidth:
    """How many particles a band of frequencies is made of, over the places where it holds signal.

    Attributes:
        shell: the band's middle. fewest, median: particles of the narrowest window believed: 10th percentile, median.
    """

    shell: float
    fewest: float
    median: float


@dataclass(frozen=True)
class Combined:
    """A map.

    Attributes:
        density: [box] * 3 (z, y, x). halves: of the half-sets, in which the widest window's map is whole, as noisy as
            it is: filters that both have in common would make noise agree where there is none. bandwidths: by band.
    """

    density: NDArray[np.float32]
    halves: tuple[NDArray[np.float32], NDArray[np.float32]]
    bandwidths: list[Bandwidth]


def combine(windows: Iterable[Window], box: int, workers: int = 1) -> Combined:
    """The map of nested windows around a point.

    Args:
        windows: widest first. box: of the map. workers: threads of the transforms.
    """
    bands = _bands(box)
    maps = [np.zeros((box,) * 3, np.float32) for _ in range(2)]
    left_out = [np.zeros((box,) * 3, np.float32) for _ in range(2)]  # of the widest window's maps
    narrowest = [_Narrowest(band) for band in bands]
    for number, window in enumerate(windows):
        if None in window.halves:
            continue  # nothing to compare
        asked = [_increment(e, m, workers) for e, m in zip(window.halves, maps, strict=True) if e is not None]
        believed: list[Wave] = [np.zeros((box, box, box // 2 + 1), np.complex64) for _ in range(2)]
        for band, told in zip(bands, narrowest, strict=True):
            share, parts = band.believed(asked[0], asked[1], workers)
            told.note(window.n, share)
            for wave, part in zip(believed, parts, strict=True):
                band.add(wave, part)
        for density, wave in zip(maps, believed, strict=True):
            density += _density(wave, box, workers)
        if number == 0:
            left_out = [_density(wave, box, workers) - density for wave, density in zip(asked, maps, strict=True)]
    first, second = maps
    return Combined((first + second) / 2, (first + left_out[0], second + left_out[1]),
                    [n.bandwidth() for n in narrowest if n.signal is not None])


def _density(wave: Wave, box: int, workers: int) -> NDArray[np.float32]:
    return np.asarray(ball(box) * scipy.fft.irfftn(wave, s=(box,) * 3, norm="forward", workers=workers), np.float32)


def _increment(equations: NormalEquations, density: NDArray[np.float32], workers: int) -> Wave:
    """What a window's particles add to a map, v that solves T v = b - T (map), 0 where no view looked; transformed."""
    missing = equations.data
    if density.any():
        missing = missing - convolved(equations.transfer, density, workers)
    found = solve(equations, _WEAK_PRIOR * equations.shell_weights(), data=missing, iterations=_ITERATIONS,
                  workers=workers)
    return np.asarray(scipy.fft.rfftn(found, norm="forward", workers=workers))


@dataclass(frozen=True)
class _Band:
    """Shells around one, with weights that sum to 1 over the bands; on a grid that is fine enough for it.

    Attributes:
        box: of the map. shell: the middle. below, above: shells of the neighbouring bands' middles; 0 and the end of
            the grid for the outermost.
    """

    box: int
    shell: float
    below: float
    above: float

    @cached_property
    def grid(self) -> int:
        """Edge of the grid of the band."""
        size = 2 * int(np.ceil(_GRID_PER_SHELL * self.shell / 2))
        return int(min(self.box, even_size(size)))

    @cached_property
    def _place(self) -> Any:
        """Where the band's grid stands in the Fourier grid of the box."""
        half = self.grid // 2
        rows = np.concatenate([np.arange(half), np.arange(self.box - (self.grid - half), self.box)])
        return np.ix_(rows, rows, np.arange(half + 1))

    @cached_property
    def weight(self) -> NDArray[np.float32]:
        """[grid, grid, grid // 2 + 1], raised cosines in the logarithm of the frequency; 0 beyond Nyquist."""
        axis = np.square(np.fft.fftfreq(self.grid, 1 / self.grid))
        radius = np.sqrt(axis[:, None, None] + axis[:, None] + np.square(np.arange(self.grid // 2 + 1)))
        position = np.log(np.maximum(radius, 0.5) / self.shell)
        lower, upper = (np.log(x / self.shell) if x else np.inf for x in (self.below, self.above))
        share = np.where(position < 0, position / lower, position / upper)
        weight = np.square(np.cos(0.5 * np.pi * np.clip(share, 0, 1)))
        return np.asarray(np.where(radius > self.box / 2, 0, weight), np.float32)

    @cached_property
    def _sigma(self) -> float:
        """Of the neighbourhood, in shares of the box."""
        return _WINDOW / self.shell

    def _falls(self, sigma: float) -> list[NDArray[np.float32]]:
        """Along the axes, what a Gaussian blur (sigma in shares of the box) multiplies waves with."""
        frequency = np.fft.fftfreq(self.grid, 1 / self.grid)
        fall = np.exp(-2 * np.square(np.pi * sigma * frequency)).astype(np.float32)
        return [fall[:, None, None], fall[:, None], fall[:self.grid // 2 + 1]]

    @cached_property
    def _smoothing(self) -> list[NDArray[np.float32]]:
        return self._falls(self._sigma)

    @cached_property
    def _softening(self) -> list[NDArray[np.float32]]:
        return self._falls(_SOFTENING * self._sigma)

    @cached_property
    def chance(self) -> float:
        """Correlation that noise alone hardly reaches anywhere in the box, at most 0.9: of n neighbourhoods with m
        independent values each, sqrt(2 log n / m) (Donoho and Johnstone 1994), and no less than 3 / sqrt(m)."""
        square = np.square(self.weight.astype(np.float64))
        pairs = np.full(self.grid // 2 + 1, 2.0)
        pairs[0] = 1.0
        values = (square * pairs).sum() ** 2 / (np.square(square) * pairs).sum()
        share = min(1.0, (2 * np.sqrt(np.pi) * self._sigma) ** 3)
        deviations = max(_LEAST_DEVIATIONS, np.sqrt(-2 * np.log(share)))
        return float(min(0.9, deviations / np.sqrt(values * share)))

    @staticmethod
    def _smooth(values: NDArray[np.float32], falls: Sequence[NDArray[np.float32]], workers: int) -> NDArray[np.float32]:
        wave = scipy.fft.rfftn(values.astype(np.float32), workers=workers)
        for fall in falls:
            wave *= fall
        return np.asarray(scipy.fft.irfftn(wave, s=values.shape, workers=workers))

    def believed(self, first: Wave, second: Wave, workers: int) -> tuple[NDArray[np.float32], list[Wave]]:
        """Share [grid] * 3 of the mean increment that is signal, and both increments times it, on the band's grid."""
        a, b = (scipy.fft.irfftn(w[self._place] * self.weight, s=(self.grid,) * 3, norm="forward", workers=workers)
                for w in (first, second))
        common = self._smooth(a * b, self._smoothing, workers)
        power = self._smooth((np.square(a) + np.square(b)) / 2, self._smoothing, workers)
        correlation = common / np.maximum(power, 1e-6 * power.max() or 1.0)
        sure = min(self.chance, (1 - self.chance) / 2)  # beyond chance
        correlation = np.clip(correlation, 0, 1) * np.clip((correlation - self.chance) / sure, 0, 1)
        # smooth again: an edge would carry the band's waves into others, alike in both half maps
        share = self._smooth(2 * correlation / (1 + correlation), self._softening, workers)
        return share, [np.asarray(scipy.fft.rfftn(share * x, norm="forward", workers=workers)) for x in (a, b)]

    def add(self, wave: Wave, part: Wave) -> None:
        """Add a wave on the band's grid to one on that of the box."""
        if self.grid == self.box:
            wave += part
        else:
            wave[self._place] += part


@lru_cache(maxsize=2)
def _bands(box: int) -> list[_Band]:
    """From one wave per third of the box to Nyquist."""
    last = box / 2
    number = max(1, round(np.log(last / _FIRST) / np.log(_RATIO)))
    shells = [float(s) for s in np.geomspace(min(_FIRST, last), last, number + 1)]
    around = [0.0, *shells, 0.0]
    return [_Band(box, shell, around[i], around[i + 2]) for i, shell in enumerate(shells)]


class _Narrowest:
    """The narrowest window that was believed, place by place, for one band."""

    def __init__(self, band: _Band) -> None:
        self._band = band
        self.signal: NDArray[np.bool_] | None = None
        self._n = np.zeros(0)

    def note(self, n: int, share: NDArray[np.float32]) -> None:
        inside = share > _BELIEVED
        if self.signal is None:
            if inside.any():
                self.signal, self._n = inside, np.full(int(inside.sum()), float(n))
        else:
            self._n[inside[self.signal]] = n

    def bandwidth(self) -> Bandwidth:
        fewest, median = np.quantile(self._n, [0.1, 0.5], method="nearest")
        return Bandwidth(self._band.shell, float(fewest), float(median))
