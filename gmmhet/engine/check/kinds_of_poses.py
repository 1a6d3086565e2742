"""Shares of right, fitted and unrelated orientations, from what posteriors say of the given ones; see wrong_poses."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.check.settings import WRONG_POSES

__all__ = ["TINY", "Evidence", "by_kinds", "by_mass", "likely_shares", "share_of_empty", "told_of_kinds"]

Array = NDArray[np.float64]
TINY = 1e-12
_STEPS = 300  # of expectation maximisation of three shares
_RIGHT, _FITTED, _UNRELATED = range(3)


@dataclass(frozen=True)
class Evidence:
    """Of n particles: within: [n, powers] probability of the given orientation within 10 degrees; chance: [n] that of
    any orientation; top: [n] whether it is at the maximum."""

    within: Array
    chance: Array
    top: NDArray[np.bool_]

    def densities(self, power: int) -> Array:
        """[n, 3] of the given orientation, if right, fitted, unrelated."""
        return np.stack([self.within[:, power] + TINY, self.top + TINY, self.chance], axis=1)


def by_mass(evidence: Evidence, shown: Array, resampled: Array) -> tuple[float, list[float], Array]:
    """Share by the mean posterior probability of being off, where images determine their orientations.

    Args:
        shown: [n] probability of each image to show a molecule. resampled: [b, n] weights of resamples.
    Returns:
        power of the likelihood; share of all particles and of the resamples; probability [n] of each.
    """
    wrong = 1 - evidence.within[:, 0]
    return 1.0, [float(np.average(wrong, weights=w)) for w in (shown, *(resampled * shown))], wrong


def by_kinds(evidence: Evidence, shown: Array, resampled: Array) -> tuple[float, list[float], Array]:
    """The same by the shares of the kinds of orientations, where many images do not determine theirs."""
    power, densities = _densities(evidence, shown, len(WRONG_POSES.powers))
    right = evidence.within[:, power]
    shares = likely_shares(densities, np.concatenate([shown[None], resampled * shown]))
    told = [_told(densities, right, s, w) for s, w in zip(shares, [shown, *(resampled * shown)], strict=True)]
    return WRONG_POSES.powers[power], told, _probability_wrong(densities, right, shares[0])


def told_of_kinds(evidence: Evidence) -> float:
    """Share of wrong orientations of particles that all show a molecule, at the plain likelihood."""
    every = np.ones(len(evidence.chance))
    densities = _densities(evidence, every, 1)[1]
    return _told(densities, evidence.within[:, 0], likely_shares(densities, every[None])[0], every)


def likely_shares(densities: Array, weights: Array) -> Array:
    """[b, k] most likely shares of kinds of densities [n, k], particles weighted by [b, n] (EM)."""
    shares = np.full((len(weights), densities.shape[1]), 1 / densities.shape[1])
    total = weights.sum(axis=1, keepdims=True)
    for _ in range(_STEPS):
        parts = shares[:, None] * densities
        shares = np.einsum("bn,bnk->bk", weights, parts / parts.sum(axis=2, keepdims=True)) / total
    return shares


def share_of_empty(presence: Array, weights: Array) -> list[float]:
    """[b] most likely share of images without molecule.

    Args:
        presence: [n] likelihood of a molecule over that of none. weights: [b, n].
    """
    shares = likely_shares(np.stack([np.ones_like(presence), presence], axis=1), weights)
    return [float(share) for share in shares[:, 0]]


def _densities(evidence: Evidence, weights: Array, powers: int) -> tuple[int, Array]:
    """Index of the power of the likelihood under which the given orientations are the likeliest, and [n, 3] densities.

    That of fitted ones is 0 unless they explain the orientations surely better: where the posterior is wide, the
    difference between right and fitted ones is small.

    Args:
        weights: [n] of the particles. powers: that are tried, of the first.
    """
    found = []
    for power in range(powers):
        full = evidence.densities(power)
        plain = full * (np.arange(full.shape[1]) != _FITTED)
        found += [(float(weights @ np.log(d @ likely_shares(d, weights[None])[0])) - cost, power, d)
                  for d, cost in ((plain, 0.0), (full, WRONG_POSES.fitted))]
    _, power, densities = max(found, key=lambda item: item[0])
    return power, densities


def _probability_wrong(densities: Array, right: Array, shares: Array) -> Array:
    """[n] of each particle: unrelated, or fitted to its own image and yet not right [n]."""
    kinds = shares * densities
    kinds /= kinds.sum(axis=1, keepdims=True)
    return np.asarray(kinds[:, _FITTED] * (1 - right) + kinds[:, _UNRELATED])


def _told(densities: Array, right: Array, shares: Array, weights: Array) -> float:
    """Share of wrong orientations of particles weighted by [n]."""
    return float(np.average(_probability_wrong(densities, right, shares), weights=weights))
