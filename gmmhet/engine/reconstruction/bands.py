"""Bands of frequencies of a map, in which increments of two half-sets are compared place by place."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from gmmhet.engine.reconstruction.settings import BANDS
from gmmhet.engine.reconstruction.spreading import even_size

__all__ = ["Agreement", "Band", "Wave", "bands_of"]


Wave = NDArray[np.complex64]
Field = NDArray[np.float32]


@dataclass(frozen=True)
class Agreement:
    """Of two half-sets' increments in a band, over neighbourhoods, on the band's coarse grid; sums over maps add up.

    Attributes:
        common, power: [coarse] * 3, mean product, and mean square of both.
    """

    common: Field
    power: Field

    def __add__(self, other: "Agreement") -> "Agreement":
        return Agreement(self.common + other.common, self.power + other.power)

    @property
    def correlation(self) -> Field:
        return np.asarray(self.common / np.maximum(self.power, 1e-6 * self.power.max() or 1.0))


@dataclass(frozen=True)
class Band:
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
        return self._edge(BANDS.grid_per_shell)

    @cached_property
    def coarse(self) -> int:
        """Edge of the grid of what is compared."""
        return self._edge(BANDS.coarse_per_shell)

    def _edge(self, per_shell: int) -> int:
        return int(min(self.box, even_size(2 * int(np.ceil(per_shell * self.shell / 2)))))

    @cached_property
    def weight(self) -> Field:
        """[grid, grid, grid // 2 + 1], raised cosines in the logarithm of the frequency; 0 beyond Nyquist."""
        axis = np.square(np.fft.fftfreq(self.grid, 1 / self.grid))
        radius = np.sqrt(axis[:, None, None] + axis[:, None] + np.square(np.arange(self.grid // 2 + 1)))
        position = np.log(np.maximum(radius, 0.5) / self.shell)
        lower, upper = (np.log(x / self.shell) if x else np.inf for x in (self.below, self.above))
        share = np.where(position < 0, position / lower, position / upper)
        weight = np.square(np.cos(0.5 * np.pi * np.clip(share, 0, 1)))
        return np.asarray(np.where(radius > self.box / 2, 0, weight), np.float32)

    @cached_property
    def _neighbourhood(self) -> float:
        """Its volume, as a share of the box."""
        return float(min(1.0, (2 * np.sqrt(np.pi) * BANDS.window / self.shell) ** 3))

    @cached_property
    def _values(self) -> float:
        """Independent values in a neighbourhood."""
        square = np.square(self.weight.astype(np.float64))
        pairs = np.full(self.grid // 2 + 1, 2.0)
        pairs[0] = 1.0
        return float((square * pairs).sum() ** 2 / (np.square(square) * pairs).sum() * self._neighbourhood)

    def chance(self, deviations: float, maps: float = 1.0) -> float:
        """So many standard deviations of the correlation of noise, over a neighbourhood in so many maps; at most 0.9.
        """
        return float(min(BANDS.most_chance, deviations / np.sqrt(self._values * maps)))

    @cached_property
    def anywhere(self) -> float:
        """Correlation that noise alone hardly reaches anywhere in the box: of n neighbourhoods with m independent
        values each, sqrt(2 log n / m) (Donoho and Johnstone 1994), and no less than 3 / sqrt(m)."""
        return self.chance(max(BANDS.least_deviations, float(np.sqrt(-2 * np.log(self._neighbourhood)))))

    def parts(self, waves: Sequence[Wave], workers: int) -> list[Field]:
        """[grid] * 3 what of maps is in the band. waves: their transforms, norm "forward"."""
        place = _place(self.grid, self.box)
        return [scipy.fft.irfftn(w[place] * self.weight, s=(self.grid,) * 3, norm="forward", workers=workers)
                for w in waves]

    def agreement(self, parts: Sequence[Field], workers: int) -> Agreement:
        """Of parts [grid] * 3 of two half-sets."""
        first, second = parts
        power = (np.square(first) + np.square(second)) / 2
        common, power = (self._smooth(x, BANDS.window, self.coarse, workers) for x in (first * second, power))
        return Agreement(common, power)

    def accepted(self, agreement: Agreement, needed: Field | float, workers: int) -> Field:
        """[grid] * 3 share of the mean increment of two half-sets that is signal: a Wiener filter.

        Args:
            needed: correlation up to which nothing is accepted; [coarse] * 3, or one for all.
        """
        sure = np.minimum(needed, (1 - np.asarray(needed)) / 2)  # beyond
        correlation = agreement.correlation
        correlation = np.clip(correlation, 0, 1) * np.clip((correlation - needed) / sure, 0, 1)
        # smooth again: an edge would carry the band's waves into others, alike in both half maps
        return self._smooth(2 * correlation / (1 + correlation), BANDS.softening, self.grid, workers)

    def add(self, wave: Wave, part: Field, workers: int) -> None:
        """Add a part [grid] * 3 to the transform of a map."""
        wave[_place(self.grid, self.box)] += scipy.fft.rfftn(part, norm="forward", workers=workers)

    def _smooth(self, values: Field, window: float, grid: int, workers: int) -> Field:
        """Blurred by a Gaussian (standard deviation in wavelengths), on another grid."""
        given = len(values)
        wave = scipy.fft.rfftn(values.astype(np.float32), norm="forward", workers=workers)
        if grid < given:
            wave = wave[_place(grid, given)]
        axis = np.fft.fftfreq(len(wave), 1 / len(wave))
        fall = np.exp(-2 * np.square(np.pi * window / self.shell * axis)).astype(np.float32)
        wave *= fall[:, None, None]
        wave *= fall[:, None]
        wave *= fall[:wave.shape[2]]
        if grid > given:
            wider = np.zeros((grid, grid, grid // 2 + 1), wave.dtype)
            wider[_place(given, grid)] = wave
            wave = wider
        return np.asarray(scipy.fft.irfftn(wave, s=(grid,) * 3, norm="forward", workers=workers))


def _place(grid: int, box: int) -> tuple[NDArray[np.int64], ...]:
    """Where the Fourier grid of a coarser grid stands in that of a box."""
    half = grid // 2
    rows = np.concatenate([np.arange(half), np.arange(box - (grid - half), box)])
    return np.ix_(rows, rows, np.arange(half + 1))


@lru_cache(maxsize=2)
def bands_of(box: int) -> list[Band]:
    """From one wave per third of the box to Nyquist."""
    last = box / 2
    number = max(1, round(np.log(last / BANDS.first_shell) / np.log(BANDS.ratio)))
    shells = [float(s) for s in np.unique(np.geomspace(min(BANDS.first_shell, last), last, number + 1))]
    around = [0.0, *shells, 0.0]
    return [Band(box, shell, around[i], around[i + 2]) for i, shell in enumerate(shells)]
