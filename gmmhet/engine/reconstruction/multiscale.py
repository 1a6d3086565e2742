"""A map at a point of latent space from nested windows of particles around it: wide where the molecule is still, narrow
where it moves, decided for each band of frequencies and each place by what the half-sets agree on.

The widest window makes the first map. Each narrower one says what has to be added: the increment that the narrower
window's images ask for, given the map so far. An increment is believed band by band and place by place as far as the
two half-sets' increments agree there (a Wiener filter with signal and noise measured on the spot). A rigid domain asks
for no increment beyond noise, and keeps the particles of the widest window; one that moves gets as few as it needs.
Noise of an increment is not correlated with that of the wider window, as in Haar's wavelets.

Maps at other points tell where the molecule moves at all. Where increments agree over the maps of a series, those of
one map need to agree less to be believed: see :class:`Evidence`.

Kernel regression of RECOVAR (Gilles and Singer 2025) chooses one of several windows by cross-validation instead.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from gmmhet.engine.reconstruction.bands import Agreement, Band, Wave, bands_of
from gmmhet.engine.reconstruction.settings import SERIES_EVIDENCE
from gmmhet.engine.reconstruction.solver import ball
from gmmhet.engine.reconstruction.windows import Window, increments
from gmmhet.engine.runtime.pool import Replicated

__all__ = ["Bandwidth", "Combined", "Estimate", "Evidence", "combine", "compose", "decompose",
           "maps_apart"]


Field = NDArray[np.float32]


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


@dataclass(frozen=True)
class Estimate:
    """A window's own say: the map so far with its increment, all of it believed.

    Attributes:
        number: of the window, from 0, the widest. n: particles. halves: [box] * 3 of each half-set.
    """

    number: int
    n: int
    halves: tuple[Field, Field]

    def write(self, stem: Path) -> None:
        """To files of that name and endings."""
        for path, data in zip(self._paths(stem, self.number), self.halves, strict=True):
            data.tofile(path)

    @classmethod
    def read(cls, stem: Path, number: int, n: int, box: int) -> "Estimate":
        """What was written; the arrays stay in the files."""
        first, second = (np.memmap(path, np.float32, "r", shape=(box,) * 3) for path in cls._paths(stem, number))
        return cls(number, n, (first, second))

    @staticmethod
    def _paths(stem: Path, number: int) -> list[Path]:
        return [stem.with_name(f"{stem.name}_{number}_{half}.raw") for half in (1, 2)]


@dataclass(frozen=True)
class Evidence(Replicated):
    """How the half-sets' increments agree over several maps of a series; evidence of different maps adds up.

    Where a molecule moves is much the same at all points of its motion, so increments that do not stand out
    of the noise of a single map show it together.

    Attributes:
        agreements: of each window but the widest (by number), by band.
        apart: as how many maps of particles of their own those of each window count; missing: none.
    """

    agreements: dict[int, list[Agreement]]
    apart: dict[int, float] = field(default_factory=dict)

    def __add__(self, other: "Evidence") -> "Evidence":
        return Evidence({k: [a + b for a, b in zip(self.agreements[k], other.agreements[k], strict=True)]
                         if k in self.agreements and k in other.agreements else (self.agreements | other.agreements)[k]
                         for k in sorted(self.agreements | other.agreements)})

    def needed(self, number: int, band: Band, index: int) -> Field | float:
        """Correlation of a single map's increments up to which nothing is believed, [coarse] * 3; of a band (from 0).

        No map is evidence of itself alone.
        """
        apart = self.apart.get(number, 0.0)
        if apart < SERIES_EVIDENCE.fewest_apart or number not in self.agreements:
            return band.anywhere
        least = band.chance(SERIES_EVIDENCE.deviations, apart)
        beyond = (self.agreements[number][index].correlation - least) / min(least, (1 - least) / 2)
        return np.asarray(band.anywhere * (1 - (1 - SERIES_EVIDENCE.still_needed) * np.clip(beyond, 0, 1)), np.float32)


def maps_apart(shared: NDArray[np.float64], part: float) -> float:
    """As how many maps of particles of their own windows of equal size count.

    Agreement over M windows varies as over M^2 / sum_ij s_ij^2 independent ones (s: shares of particles in common), and
    of windows that together are all particles one follows from the others, since changes are those from the mean.

    Args:
        shared: [M, M] s. part: of all particles, that is in a window.
    """
    return float(min(len(shared) ** 2 / np.square(shared).sum(), 1 / part - 1))


def combine(windows: Iterable[Window], box: int, workers: int = 1, whole: Field | None = None) -> Combined:
    """The map of nested windows around a point, without regard to others.

    Args:
        windows: widest first. box: of the map. workers: threads of the transforms. whole: [box] * 3 a better map of
            the widest window, which takes its place in the map (not in the half maps) in bands without change.
    """
    sum_ = _Sum(box, workers)
    for _ in _estimates(windows, sum_):
        pass
    return sum_.combined(whole)


def decompose(windows: Iterable[Window], box: int, workers: int = 1, *, keep: Callable[[Estimate], object]) -> Evidence:
    """What the half-sets of the windows agree on; see :func:`combine` for the arguments.

    Args:
        keep: called with what every window says, for :func:`compose`.
    """
    agreements: dict[int, list[Agreement]] = {}
    for estimate, agreement in _estimates(windows, _Sum(box, workers)):
        keep(estimate)
        if estimate.number:
            agreements[estimate.number] = agreement
    return Evidence(agreements)


def compose(estimates: Iterable[Estimate], evidence: Evidence, box: int, workers: int = 1,
            whole: Field | None = None) -> Combined:
    """The map at a point of a series; see :func:`combine` for the other arguments.

    Args:
        estimates: of :func:`decompose`. evidence: of all maps of the series, or enough of them.
    """
    sum_ = _Sum(box, workers, evidence)
    for estimate in estimates:
        waves = [scipy.fft.rfftn(own - so_far, norm="forward", workers=workers)
                 for own, so_far in zip(estimate.halves, sum_.maps, strict=True)]
        sum_.add(estimate.number, estimate.n, waves)
    return sum_.combined(whole)


def _estimates(windows: Iterable[Window], so_far: "_Sum",
               ) -> Iterator[tuple[Estimate, list[Agreement]]]:
    """Of windows whose increments are added one after the other, and how these agree."""
    for number, window in enumerate(windows):
        if None in window.halves:
            continue  # nothing to compare
        if any(density.any() for density in so_far.maps):
            waves = increments(window, so_far.maps, so_far.workers)
        else:
            waves = [scipy.fft.rfftn(m, norm="forward", workers=so_far.workers) for m in window.maps]
        first, second = (m + _unmasked(w, so_far.box, so_far.workers) for m, w in zip(so_far.maps, waves, strict=True))
        yield Estimate(number, window.n, (first, second)), so_far.add(number, window.n, waves)


class _Sum:
    """Increments added one after the other, each as far as it is believed.

    Attributes:
        maps: of the half-sets.
    """

    def __init__(self, box: int, workers: int, evidence: Evidence | None = None) -> None:
        self.box, self.workers, self._evidence = box, workers, evidence
        self._bands = bands_of(box)
        self.maps = [np.zeros((box,) * 3, np.float32) for _ in range(2)]
        self._left_out = [np.zeros((box,) * 3, np.float32) for _ in range(2)]  # of the widest window's maps
        self._changed = [False] * len(self._bands)  # whether narrower windows were believed
        self._widest = np.zeros((box,) * 3, np.float32)
        self._narrowest = [_Narrowest(band) for band in self._bands]

    def add(self, number: int, n: int, asked: list[Wave]) -> list[Agreement]:
        """Add what is believed of a window's increments (their transforms); how they agree, by band."""
        believed: list[Wave] = [np.zeros((self.box, self.box, self.box // 2 + 1), np.complex64) for _ in range(2)]
        agreements: list[Agreement] = []
        for index, (band, narrowest) in enumerate(zip(self._bands, self._narrowest, strict=True)):
            parts = band.parts(asked, self.workers)
            agreements.append(band.agreement(parts, self.workers))
            needed = self._evidence.needed(number, band, index) if self._evidence and number else band.anywhere
            share = band.accepted(agreements[-1], needed, self.workers)
            narrowest.note(n, share)
            self._changed[index] |= bool(number and (share > SERIES_EVIDENCE.accepted).any())
            for wave, part in zip(believed, parts, strict=True):
                band.add(wave, share * part, self.workers)
        for density, wave in zip(self.maps, believed, strict=True):
            density += ball(self.box) * _unmasked(wave, self.box, self.workers)
        if number == 0:
            self._widest = (self.maps[0] + self.maps[1]) / 2
            self._left_out = [ball(self.box) * _unmasked(wave, self.box, self.workers) - density
                              for wave, density in zip(asked, self.maps, strict=True)]
        return agreements

    def _unchanged(self, density: Field) -> Field:
        """What of a map is in bands for which no narrower window was believed anywhere."""
        given = scipy.fft.rfftn(density, norm="forward", workers=self.workers)
        kept = np.zeros_like(given)
        for band, changed in zip(self._bands, self._changed, strict=True):
            if not changed:
                band.add(kept, band.parts([given], self.workers)[0], self.workers)
        return ball(self.box) * _unmasked(kept, self.box, self.workers)

    def combined(self, whole: Field | None) -> Combined:
        first, second = self.maps
        halves = (first + self._left_out[0], second + self._left_out[1])
        density = (first + second) / 2
        if whole is not None:
            density += self._unchanged(whole - self._widest)
        return Combined(density, halves,
                        [n.bandwidth() for n in self._narrowest if n.signal is not None])


def _unmasked(wave: Wave, box: int, workers: int) -> Field:
    return np.asarray(scipy.fft.irfftn(wave, s=(box,) * 3, norm="forward", workers=workers), np.float32)


class _Narrowest:
    """The narrowest window that was believed, place by place, for one band."""

    def __init__(self, band: Band) -> None:
        self._band = band
        self.signal: NDArray[np.bool_] | None = None
        self._n = np.zeros(0)

    def note(self, n: int, share: NDArray[np.float32]) -> None:
        inside = share > SERIES_EVIDENCE.accepted
        if self.signal is None:
            if inside.any():
                self.signal, self._n = inside, np.full(int(inside.sum()), float(n))
        else:
            self._n[inside[self.signal]] = n

    def bandwidth(self) -> Bandwidth:
        fewest, median = np.quantile(self._n, [0.1, 0.5], method="nearest")
        return Bandwidth(self._band.shell, float(fewest), float(median))
