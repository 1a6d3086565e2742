"""How many particles are near a point of latent space, with the uncertainty of every particle taken out."""

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmhet.engine.config import FEWEST_PARTICLES
from gmmhet.engine.latent_space.deconvolution import Deconvolved, deconvolved
from gmmhet.engine.latent_space.settings import PARTICLE_DENSITY
from gmmhet.engine.sampling import evenly_spread

__all__ = ["Population", "listed"]

Array = NDArray[np.float64]
_LISTED = 12  # points in a message


class Population:
    """The density f of particles with posteriors N(z_i, M_i).

    Over one or two coordinates, of 50 particles or more, f is the density with the uncertainty of each particle taken
    out (:mod:`~gmmhet.engine.latent_space.deconvolution`), as sharp as both half-sets agree on; a particle counts as
    near by exp(-d^2 / 2), d its distance in units of 0.15 standard deviations, or of the width of f's parts where that
    is more. Else f is the smeared density, mean_i N(p; z_i, M_i + h^2): the mean of the posteriors alone is what the
    images say of it; the kernel's width h stands for the particles that were not imaged. h is a share of the spread
    along every coordinate, the one under which particles left out of f are most likely (Habbema, Hermans and van den
    Broek 1974). Particles near then count as exp(-(p - z_i)^T (M_i + h^2)^-1 (p - z_i) / 2). What is uphill, and which
    other coordinates are expected, always follows from it.

    A point is populated where f is at least what 99 % of the particles have at their own places (a highest-density
    region, Hyndman 1996; the smeared f without the particle itself), and at least 3 particles are near. Over many modes
    particles are far from each other: where fewer than 99 % of 50 or more have 3 near, what 99 % have is enough. Over
    three coordinates and more a point has to be populated along each single one too: an empty gap is empty.

    Attributes:
        coordinates: [n, K] z. width: [K] h. halves: [n] 1 or 2. prior_mean: [K] that the posteriors were made with.
    """

    def __init__(self, coordinates: ArrayLike, covariance: ArrayLike, halves: NDArray[np.int64] | None = None,
                 prior_mean: ArrayLike = 0.0) -> None:
        """covariance: M [n, K, K] of any precision, or the variances [n, K] where it is diagonal; of at most 10,000
        particles a copy is kept. halves: default: every other particle."""
        self.prior_mean = np.asarray(prior_mean, np.float64)
        self.halves = 1 + np.arange(len(np.asarray(coordinates))) % 2 if halves is None else halves
        self.coordinates = np.asarray(coordinates, np.float64)
        self._given = np.asarray(covariance)
        self._rows = evenly_spread(len(self.coordinates), PARTICLE_DENSITY.most)
        self._places, self._covariance = self.coordinates[self._rows], _of_rows(self._given, self._rows)

    @property
    def modes(self) -> int:
        return int(self.coordinates.shape[1])

    def along(self, modes: list[int]) -> "Population":
        """The density over some of the coordinates (from 0), whatever the others are."""
        kept = np.asarray(modes)
        covariance = self._given[:, kept] if self._given.ndim == 2 else self._given[:, kept[:, None], kept]
        mean = self.prior_mean[kept] if self.prior_mean.ndim else self.prior_mean
        return Population(self.coordinates[:, kept], covariance, self.halves, mean)

    def judge(self, points: ArrayLike) -> tuple[Array, Array, NDArray[np.bool_]]:
        """[P] each of points [P, K]: f relative to its highest; number of particles near; whether it is populated."""
        table = _points(points, self.modes)
        if self.sharp:
            density, near = self.deconvolved.broad(table - self.prior_mean) / self._highest, self.deconvolved.near(
                table - self.prior_mean)
            return density, near, (density >= self.level) & (near >= self.fewest)
        density, near = self._kernels.sums(table)
        density, near = density / self._highest, near * (len(self.coordinates) / len(self._rows))
        populated = (density >= self.level) & (near >= self.fewest)
        for k, single in enumerate(self._singles):
            populated &= single.populated(table[:, [k]])
        return density, near, populated

    @cached_property
    def uncertainty(self) -> Array:
        """[n] root of the summed posterior variances of each particle."""
        known = np.nan_to_num(self._given.astype(np.float64))
        variances = known if known.ndim == 2 else np.einsum("nkk->nk", known)
        return np.asarray(np.sqrt(variances.sum(axis=1)))

    @property
    def sharp(self) -> bool:
        """Whether the uncertainty of the particles is taken out."""
        return self.modes <= 2 and len(self.coordinates) >= FEWEST_PARTICLES

    @cached_property
    def _singles(self) -> list["Population"]:
        """Along each coordinate, where that says more."""
        some = self.modes > 2 and len(self.coordinates) >= FEWEST_PARTICLES
        return [self.along([k]) for k in range(self.modes)] if some else []

    @cached_property
    def deconvolved(self) -> Deconvolved:
        """f, of coordinates less the mean of the prior."""
        return deconvolved(self.coordinates - self.prior_mean, self._given, self.halves)

    def density(self, points: ArrayLike) -> Array:
        """[P] f at points [P, K], relative to its highest."""
        return self.judge(points)[0]

    def near(self, points: ArrayLike) -> Array:
        """[P] number of particles near points [P, K]."""
        return self.judge(points)[1]

    def populated(self, points: ArrayLike) -> NDArray[np.bool_]:
        """[P] whether points [P, K] are where particles are."""
        return self.judge(points)[2]

    def uphill(self, points: Array) -> Array:
        """[P, K] one step of the mean shift from points [P, K]: towards more density.

        (sum_i w_i A_i)^-1 sum_i w_i A_i z_i, w_i = N(p; z_i, M_i + h^2) and A_i = (M_i + h^2)^-1: it stays where the
        density has a summit (Comaniciu 2003, variable bandwidths). Where hardly any particle is near, what there is
        says little about the way up: the step is shortened by near / (near + 3).
        """
        return self._leading.uphill(points)

    def expected(self, points: Array, given: list[int]) -> Array:
        """[P, K] points whose coordinates beyond ``given`` (from 0) are the mean of those of the particles near.

        Args:
            points: [P, K], of which the given coordinates count.
        """
        rest = [k for k in range(self.modes) if k not in given]
        out = points.copy()
        if not rest or not given:
            return out
        kernels = _Kernels(self._places[:, given], self._covariance[:, given][:, :, given], self.width[given])
        # the posterior of a particle ties its coordinates: its other coordinates change with those given
        slope = self._covariance[:, rest][:, :, given] @ kernels.inverse  # [m, R, G]
        base = self._places[:, rest] - np.einsum("irg,ig->ir", slope, kernels.places)
        weights = kernels.shares(points[:, given])
        out[:, rest] = weights @ base + np.einsum("prg,pg->pr", np.tensordot(weights, slope, 1), points[:, given])
        return out

    @cached_property
    def width(self) -> Array:
        """[K] h."""
        return self._best_width(np.maximum(self._places.std(axis=0), PARTICLE_DENSITY.smallest_spread))

    @cached_property
    def _leading(self) -> "_Kernels":
        some = evenly_spread(len(self._rows), PARTICLE_DENSITY.leading)
        return _Kernels(self._places[some], self._covariance[some], self.width)

    @cached_property
    def _kernels(self) -> "_Kernels":
        return _Kernels(self._places, self._covariance, self.width)

    @cached_property
    def _judged(self) -> NDArray[np.int64]:
        return evenly_spread(len(self._rows), PARTICLE_DENSITY.judged)

    @cached_property
    def _highest(self) -> float:
        if self.sharp:
            return float(self.deconvolved.broad(self.deconvolved.centers).max())
        return float(np.exp(self._kernels.log_density(self._kernels.places[self._judged]).max()))

    @cached_property
    def level(self) -> float:
        """Relative density below which a point is not populated."""
        if self.sharp:
            own = self.deconvolved.broad(self.deconvolved.drawn(PARTICLE_DENSITY.judged))
            return float(np.quantile(own, PARTICLE_DENSITY.outside)) / self._highest
        if len(self._rows) < 2:
            return 0.0
        own = self._kernels.log_density(self._kernels.places[self._judged], without=self._judged)
        return float(np.exp(np.quantile(own, PARTICLE_DENSITY.outside)) / self._highest)

    @cached_property
    def fewest(self) -> float:
        """Particles that have to be near a populated point."""
        if len(self.coordinates) < FEWEST_PARTICLES:
            return PARTICLE_DENSITY.fewest_near
        if self.sharp:
            near = self.deconvolved.near(self.deconvolved.drawn(PARTICLE_DENSITY.judged))
        else:
            near = self._kernels.sums(self._kernels.places[self._judged])[1] * len(self.coordinates) / len(self._rows)
        return min(PARTICLE_DENSITY.fewest_near, float(np.quantile(near, PARTICLE_DENSITY.outside)))

    def _best_width(self, spread: Array) -> Array:
        """h under which particles that are left out are most likely."""
        widths = PARTICLE_DENSITY.widths
        rows = evenly_spread(len(self.coordinates), PARTICLE_DENSITY.tried_against)
        if len(rows) < 2:
            return np.asarray(widths[-1] * spread)
        out = evenly_spread(len(rows), PARTICLE_DENSITY.tried)
        z, m = self.coordinates[rows], _of_rows(self._given, rows)
        found = [_Kernels(z, m, share * spread).log_density(z[out], without=out).mean() for share in widths]
        return np.asarray(widths[int(np.argmax(found))] * spread)


def listed(flags: NDArray[np.bool_]) -> str:
    """Numbers, from 1, of the points with a flag, as a person would write them."""
    numbers = np.flatnonzero(flags) + 1
    return ", ".join(map(str, numbers[:_LISTED])) + (" ..." if len(numbers) > _LISTED else "")


class _Kernels:
    """Gaussians N(z_i, M_i + h^2), their logarithms as one product of matrices: -(p - z)^T A (p - z) / 2 is linear in
    the entries of p p^T, p and 1."""

    def __init__(self, places: Array, covariance: Array, width: Array) -> None:
        self.places, modes = places, places.shape[1]
        total = covariance + np.eye(modes) * width**2
        self.inverse = np.linalg.inv(total)
        self._pulls = np.einsum("iab,ib->ia", self.inverse, places)
        self._upper = np.triu_indices(modes)
        twice = np.where(self._upper[0] == self._upper[1], 0.5, 1.0)
        self._factors = np.concatenate([
            -twice * self.inverse[:, self._upper[0], self._upper[1]], self._pulls,
            -0.5 * np.einsum("ia,ia->i", self._pulls, places)[:, None]], axis=1)
        self._log_norm = -0.5 * (np.linalg.slogdet(total)[1] + modes * np.log(2 * np.pi))

    def _exponents(self, points: Array) -> Array:
        """[P, m] -(p - z)^T A (p - z) / 2."""
        squares = points[:, self._upper[0]] * points[:, self._upper[1]]
        features = np.concatenate([squares, points, np.ones((len(points), 1))], axis=1)
        return np.asarray(np.minimum(features @ self._factors.T, 0.0))  # rounding can make them positive

    def _chunks(self, count: int) -> list[slice]:
        step = max(1, PARTICLE_DENSITY.at_once // len(self.places))
        return [slice(start, start + step) for start in range(0, count, step)]

    def log_density(self, points: Array, without: NDArray[np.int64] | None = None) -> Array:
        """[P] log of the mean of the Gaussians; without: [P] the one that each point is to do without."""
        out = np.empty(len(points))
        for part in self._chunks(len(points)):
            logs = self._exponents(points[part]) + self._log_norm
            if without is not None:
                logs[np.arange(len(logs)), without[part]] = -np.inf
            top = logs.max(axis=1, keepdims=True)
            out[part] = top[:, 0] + np.log(np.exp(logs - top).sum(axis=1))
        return np.asarray(out - np.log(len(self.places) - (without is not None)))

    def sums(self, points: Array) -> tuple[Array, Array]:
        """[P] mean of the Gaussians, and sum of exp(-(p - z)^T A (p - z) / 2); 0 far from all."""
        density, near = np.empty(len(points)), np.empty(len(points))
        for part in self._chunks(len(points)):
            heights = np.exp(self._exponents(points[part]))
            density[part] = heights @ np.exp(self._log_norm) / len(self.places)
            near[part] = heights.sum(axis=1)
        return density, near

    def shares(self, points: Array) -> Array:
        """[P, m] share of every Gaussian in the density at a point, however low that is."""
        return self._shares(self._exponents(points))

    def _shares(self, exponents: Array) -> Array:
        logs = exponents + self._log_norm
        weights = np.exp(logs - logs.max(axis=1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    def uphill(self, points: Array) -> Array:
        """[P, K] Population.uphill."""
        exponents = self._exponents(points)
        near = np.asarray(np.exp(exponents).sum(axis=1, keepdims=True))
        weights = self._shares(exponents)
        metric = np.tensordot(weights, self.inverse, 1)
        summit = np.linalg.solve(metric, (weights @ self._pulls)[..., None])[..., 0]
        return np.asarray(points + near / (near + PARTICLE_DENSITY.fewest_near) * (summit - points))


def _of_rows(covariance: NDArray[Any], rows: NDArray[np.int64]) -> Array:
    """[m, K, K] covariances of some rows; what is not known (NaN) counts as 0."""
    some = np.nan_to_num(covariance[rows].astype(np.float64))
    return some if some.ndim == 3 else some[:, :, None] * np.eye(some.shape[1])


def _points(points: ArrayLike, modes: int) -> Array:
    table = np.asarray(points, np.float64)
    if table.ndim != 2 or table.shape[1] != modes:
        raise ValueError(f"points of shape {table.shape}; expected [P, {modes}]")
    return table
