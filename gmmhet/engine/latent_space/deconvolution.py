"""Density of the particles over coordinates with the uncertainty of every particle taken out, as far as both half-sets
agree on it.

The density is a mixture of narrow normal distributions of one width, sum_a p_a N(c_a, h^2). Its shares grow in
likelihood by expectation-maximisation from those of the smeared density (Kiefer and Wolfowitz 1956; Richardson 1972,
Lucy 1974). More passes make it sharper, and at last sharpen noise; so do narrower distributions. Width and passes are
the widest and the fewest of which the held-out half-set is explained no worse than one standard error below the best,
and no more passes are made than leave the densities of both half-sets alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.latent_space.likelihoods import Likelihoods
from gmmhet.engine.latent_space.settings import DECONVOLUTION
from gmmhet.engine.sampling import evenly_spread

__all__ = ["Deconvolved", "deconvolved"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Deconvolved:
    """sum_a shares_a N(centers_a, width^2).

    Attributes:
        centers: [A, K]. width: [K]. shares: [A]. halves: [2, A] from each half-set alone. passes: that were made.
        count: particles that it stands for. rows: of them that it was estimated from.
    """

    centers: Array
    width: Array
    shares: Array
    halves: Array
    passes: int
    count: int
    rows: NDArray[np.int64]
    _likelihoods: Likelihoods

    def density(self, points: Array) -> Array:
        """[P] at points [P, K]: particles per unit volume, over all particles."""
        return self._at(points, self.shares)

    def of_halves(self, points: Array) -> Array:
        """[2, P] the same from each half-set."""
        return np.stack([self._at(points, shares) for shares in self.halves])

    def band(self, points: Array) -> Array:
        """[P] standard error of the density at points: what the half-sets differ by, averaged over the surroundings of
        each point, and what the number of particles near leaves open."""
        one, other = self.of_halves(self.centers)
        square = np.square(one - other) / 4
        width = np.maximum(self.width, DECONVOLUTION.surroundings)
        weight = self._kernel(points, width)
        differ = weight @ square / np.maximum(weight.sum(1), 1e-300)
        volume = float(np.prod(np.sqrt(4 * np.pi) * width))
        return np.asarray(np.sqrt(differ + self.density(points) / (len(self.rows) * volume)))

    def broad(self, points: Array) -> Array:
        """[P] density averaged over what is called near."""
        width = self._broad
        return self._sums(points, self.shares, width) / float(np.prod(np.sqrt(2 * np.pi) * width))

    def near(self, points: Array) -> Array:
        """[P] particles near points, each counted as exp(-d^2 / 2), d in units of the distance that is called near."""
        return self.count * self._sums(points, self.shares, self._broad)

    def drawn(self, count: int) -> Array:
        """[count, K] points drawn from the density averaged over what is called near; the same ones every time."""
        rng = np.random.default_rng(0)
        chosen = rng.choice(len(self.centers), count, p=self.shares / self.shares.sum())
        return np.asarray(self.centers[chosen] + self._broad * rng.normal(size=(count, self.centers.shape[1])))

    @property
    def _broad(self) -> Array:
        return np.maximum(self.width, DECONVOLUTION.near)

    def within(self, inside: Array) -> tuple[float, float]:
        """Particles in a region, and its standard error.

        The error is that of the share of one component of the mixture (its Fisher information), or what the half-sets
        differ by where that is more.

        Args:
            inside: [A] 0..1, how much of each center is in the region.
        """
        own = inside * self.shares
        total = float(own.sum())
        if not inside.any():
            return 0.0, 0.0
        shape = own / total if total > 1 / self.count else inside / inside.sum()
        heights = _heights(self._likelihoods, self.centers, self.width)[0].astype(np.float64)
        ratio = heights @ shape / np.maximum(heights @ self.shares, 1e-300)
        fisher = 1 / np.sqrt(max(float(np.sum((ratio - 1) ** 2)), 1e-12)) * np.sqrt(len(self.rows) / self.count)
        differ = float(np.abs(np.diff(self.halves @ inside)[0])) / 2
        return self.count * total, self.count * min(max(fisher, differ), 1.0)

    def _at(self, points: Array, shares: Array) -> Array:
        volume = float(np.prod(np.sqrt(2 * np.pi) * self.width))
        return self._sums(points, shares, self.width) / volume

    def _sums(self, points: Array, shares: Array, width: Array) -> Array:
        out = np.empty(len(points))
        step = max(1, DECONVOLUTION.at_once // len(self.centers))
        for start in range(0, len(points), step):
            out[start:start + step] = self._kernel(points[start:start + step], width) @ shares
        return out

    def _kernel(self, points: Array, width: Array) -> Array:
        """[P, A] exp(-(p - c)^2 / 2 width^2)."""
        some, scaled = points / width, self.centers / width
        apart = (some**2).sum(1)[:, None] + (scaled**2).sum(1) - 2 * some @ scaled.T
        return np.asarray(np.exp(-0.5 * np.maximum(apart, 0)))


def deconvolved(coordinates: Array, covariance: NDArray[Any], halves: NDArray[np.int64]) -> Deconvolved:
    """The density of particles over one or two coordinates.

    Args:
        coordinates, covariance: posteriors N(z [n, K], M [n, K, K]) under the prior N(0, 1); or variances [n, K]. What
            is not known (NaN) counts as 0. halves: [n] 1 or 2.
    """
    several = coordinates.shape[1] > 1
    rows = evenly_spread(len(coordinates), DECONVOLUTION.most_of_several if several else DECONVOLUTION.most)
    z, m, half = coordinates[rows], _matrices(covariance[rows]), halves[rows]
    spread = np.maximum(np.sqrt(z.var(axis=0) + np.einsum("nkk->nk", m).mean(axis=0)), DECONVOLUTION.smallest_spread)
    centers = _centers(z, m, spread)
    likelihoods = Likelihoods.of(z, m)
    smeared = _Trial.smeared(likelihoods, centers, DECONVOLUTION.widths[-1] * spread, spread)
    centers = centers[smeared > DECONVOLUTION.negligible * smeared.mean()]
    sets = [np.flatnonzero(half == number) for number in (1, 2)]
    if min(map(len, sets)) == 0:
        sets = [np.arange(len(z)), np.arange(len(z))]
    widths = [np.asarray(share * spread) for share in DECONVOLUTION.widths]
    widths = [w for w in widths if _fine_enough(centers, w)] or widths[-1:]
    trials = [_Trial.of(likelihoods, centers, width, sets, spread) for width in widths]
    trial, mark = _simplest(trials)
    every = _climbed(trial.heights, trial.start, trial.marks[mark])
    return Deconvolved(centers, trial.width, every, np.stack([track[mark] for track in trial.tracks]),
                       trial.marks[mark], len(coordinates), rows, likelihoods)


@dataclass(frozen=True)
class _Trial:
    """Densities of one width.

    Attributes:
        heights: [n, A] likelihoods of the centers. start: [A] shares. marks: numbers of passes that were looked at.
        tracks: of each half-set, [A] shares at each mark. held_out: [marks, n] log-likelihood of each particle under
            the density of the other half-set.
        agree: [marks] correlation of both half-sets' densities.
    """

    width: Array
    heights: NDArray[np.float32]
    start: Array
    marks: tuple[int, ...]
    tracks: tuple[list[Array], list[Array]]
    held_out: Array
    agree: Array

    @classmethod
    def of(cls, likelihoods: Likelihoods, centers: Array, width: Array, sets: list[NDArray[np.int64]], spread: Array,
           ) -> "_Trial":
        heights, top = _heights(likelihoods, centers, width)
        start = _posterior_shares(heights, centers, spread)
        own = [heights[rows] for rows in sets]
        tracks: tuple[list[Array], list[Array]] = [start], [start]
        marks, held_out = DECONVOLUTION.marks, []
        for i, mark in enumerate(marks):
            if i:
                for some, track in zip(own, tracks, strict=True):
                    track.append(_climbed(some, track[-1], mark - marks[i - 1]))
            logs = np.empty(len(heights))
            for rows, some, other in zip(sets, own, tracks[::-1], strict=True):
                logs[rows] = np.log(np.maximum(some @ other[-1].astype(np.float32), 1e-30)) + top[rows]
            held_out.append(logs)
            if i - int(np.argmax([values.mean() for values in held_out])) >= DECONVOLUTION.patience:
                break
        agree = np.array([_agreement(centers, width, one, other) for one, other in zip(*tracks, strict=True)])
        return cls(width, heights, start, marks[:len(held_out)], tracks, np.stack(held_out), agree)

    @staticmethod
    def smeared(likelihoods: Likelihoods, centers: Array, width: Array, spread: Array) -> Array:
        """[A] shares of the mean of all posteriors."""
        return _posterior_shares(_heights(likelihoods, centers, width)[0], centers, spread)


def _simplest(trials: Sequence[_Trial]) -> tuple[_Trial, int]:
    """The widest trial and the fewest passes (as the index of a mark) that the held-out half-set allows."""
    best = max((t.held_out[i] for t in trials for i in range(len(t.marks))), key=lambda logs: float(logs.mean()))

    def allowed(logs: Array) -> bool:
        behind = best - logs
        return bool(behind.mean() <= DECONVOLUTION.behind * behind.std() / np.sqrt(len(behind)) + 1e-12)

    for trial in sorted(trials, key=lambda t: -float(t.width[0])):
        enough = [i for i, logs in enumerate(trial.held_out) if allowed(logs)]
        if enough:
            mark = enough[0]
            while mark and trial.agree[mark] < DECONVOLUTION.agreement:
                mark -= 1
            return trial, mark
    raise AssertionError("the best of all trials is allowed")


def _climbed(heights: NDArray[np.float32], start: Array, passes: int) -> Array:
    """[A] shares after some passes of expectation-maximisation."""
    shares = start
    for _ in range(passes):
        evidence = np.maximum(heights @ shares.astype(np.float32), np.float32(1e-30))
        shares = shares * (np.reciprocal(evidence) @ heights).astype(np.float64) ** DECONVOLUTION.power
        shares = shares / shares.sum()
        shares[shares < DECONVOLUTION.nothing] = 0
    return shares


def _heights(likelihoods: Likelihoods, centers: Array, width: Array) -> tuple[NDArray[np.float32], Array]:
    """[n, A] likelihoods over the largest of a particle, and [n] the logarithm of that."""
    logs = _logs(likelihoods, centers, width)
    top = logs.max(axis=1)
    heights = np.exp(logs - top[:, None])
    heights[heights < DECONVOLUTION.nothing] = 0  # numbers that are nearly none are slow to compute with
    return heights.astype(np.float32), top


def _posterior_shares(heights: NDArray[np.float32], centers: Array, spread: Array) -> Array:
    """[A] mean over the particles of the posterior over the centers: the smeared density."""
    prior = np.exp(-0.5 * ((centers / spread) ** 2).sum(1))
    prior = prior / prior.sum()
    evidence = np.maximum(heights @ prior.astype(np.float32), np.float32(1e-30))
    shares = prior * (np.reciprocal(evidence) @ heights)
    shares = shares + DECONVOLUTION.everywhere * shares.mean()
    return np.asarray(shares / shares.sum())


def _agreement(centers: Array, width: Array, one: Array, other: Array) -> float:
    """Least correlation of two densities along a coordinate, each blurred to the width."""
    found = []
    for k in range(centers.shape[1]):
        axis = np.linspace(centers[:, k].min(), centers[:, k].max(), DECONVOLUTION.cells)
        kernel = np.exp(-0.5 * ((axis[:, None] - centers[None, :, k]) / width[k]) ** 2)
        found.append(float(np.corrcoef(kernel @ one, kernel @ other)[0, 1]))
    return min(found)


def _logs(likelihoods: Likelihoods, centers: Array, width: Array) -> Array:
    """[n, A] log of the mean likelihood under N(centers_a, width^2)."""
    scaled = Likelihoods(likelihoods.pull * width, likelihoods.precision * np.multiply.outer(width, width))
    blurred, constant = scaled.blurred(1.0)
    return np.asarray(blurred.logs(centers / width) + constant[:, None])


def _centers(z: Array, m: Array, spread: Array) -> Array:
    """[A, K] a grid over one or two coordinates."""
    modes = z.shape[1]
    cells = DECONVOLUTION.cells if modes == 1 else DECONVOLUTION.cells_of_two
    margin = DECONVOLUTION.margin * spread
    reach = DECONVOLUTION.reach * np.sqrt(np.maximum(np.einsum("nkk->nk", m), 0))
    ends = zip((z - reach).min(0) - margin, (z + reach).max(0) + margin, strict=True)
    axes = [np.linspace(low, high, cells) for low, high in ends]
    return np.asarray(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, modes))


def _matrices(covariance: NDArray[Any]) -> Array:
    """[n, K, K] covariances, of which variances are the diagonal."""
    known = np.nan_to_num(covariance.astype(np.float64))
    return np.asarray(known if known.ndim == 3 else known[:, :, None] * np.eye(known.shape[1]))


def _fine_enough(centers: Array, width: Array) -> bool:
    """Whether a grid has no gaps that a width would show."""
    steps = [float(np.diff(np.unique(centers[:, k])).max(initial=0.0)) for k in range(centers.shape[1])]
    return all(step <= DECONVOLUTION.coarsest * w for step, w in zip(steps, width, strict=True))
