"""Blocks found in the particles: parcels that come and go together.

The amplitudes of all parcels are first taken as normal, N(m, S); m and S are those of largest likelihood (EM, the noise
of every particle taken out), so correlations are those of the molecules, not of the images. Parcels that are correlated
start as one block. Blocks that do not raise the likelihood of particles they were not found in are given up, and pairs
that need not be two are put together.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from gmmhet.engine.composition.particle_equations import ParticleEquations
from gmmhet.engine.composition.presence import BlockModel, fitted, of_wholes, presence, with_memberships
from gmmhet.engine.composition.settings import BLOCKS, PRESENCE
from gmmhet.engine.sampling import evenly_spread

__all__ = ["Covariance", "amplitude_covariance", "found_blocks", "likely_combinations", "model_of", "support"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Covariance:
    """mean: [P] and matrix: [P, P] of the parcels' amplitudes. information: [P] mean of A_pp."""

    mean: Array
    matrix: Array
    information: Array

    @property
    def correlation(self) -> Array:
        deviation = np.sqrt(np.diag(self.matrix))
        return np.asarray(self.matrix / np.outer(deviation, deviation))


def amplitude_covariance(equations: ParticleEquations, start: Array | None = None, mean: Array | None = None,
                         ) -> Covariance:
    """Of largest likelihood, by EM.

    Args:
        start: [P, P] to start from; or [P] deviations, which take more rounds; None: all alike. mean: [P] to start
            from; None: 1.
    """
    some = equations.some(evenly_spread(len(equations), BLOCKS.sample))
    middle = np.ones(some.parcels) if mean is None else mean
    if start is None:
        start = np.full(some.parcels, BLOCKS.first_spread)
    covariance = np.diag(start**2) if start.ndim == 1 else start
    for _ in range(BLOCKS.rounds if start.ndim == 1 else BLOCKS.more_rounds):
        residual = some.vector - some.matrix @ middle.astype(np.float32)
        posterior = np.linalg.inv(some.matrix + np.linalg.inv(covariance).astype(np.float32))
        change = np.einsum("npq,nq->np", posterior, residual).astype(np.float64)
        middle = middle + change.mean(0)
        change -= change.mean(0)
        covariance = posterior.mean(0, dtype=np.float64) + change.T @ change / len(change)
    return Covariance(middle, covariance, np.einsum("npp->p", some.matrix) / len(some))


def _first_blocks(found: Covariance) -> NDArray[np.int64]:
    """[P] blocks to start from: clusters by correlation, of those whose amplitudes vary most in units of the noise."""
    distance = np.clip(1 - found.correlation, 0, 2)
    np.fill_diagonal(distance, 0)
    label = fcluster(linkage(squareform(distance, checks=False), "average"), BLOCKS.cut, "distance")
    strength = {g: float(np.sum(np.diag(found.matrix)[label == g] * found.information[label == g]))
                for g in np.unique(label)}
    chosen = sorted(strength, key=lambda g: -strength[g])[:BLOCKS.most]
    block = np.zeros(len(label), np.int64)
    for number, g in enumerate(chosen, 1):
        block[label == g] = number
    return block


def model_of(block: NDArray[np.int64], frequency: Array, equations: ParticleEquations, mean: Array | None = None,
             ) -> BlockModel:
    """A model to start from.

    Args:
        block: [P] from 1, 0 for none. frequency: [B] guess of the share of the particles that have each block. mean:
            [P] of the amplitudes, 1 by default; those of present blocks are the mean over the frequency.
    """
    middle = np.ones(len(block)) if mean is None else np.maximum(mean, 0)
    members = np.zeros((len(block), len(frequency) + 1))
    members[np.arange(len(block)), block] = middle * np.concatenate([[1.0], 1 / frequency])[block]
    start = BlockModel(members, np.ones((1, len(frequency))), np.ones(1), PRESENCE.least_contrast)
    return with_combinations(start, equations, frequency)


def with_combinations(model: BlockModel, equations: ParticleEquations, frequency: Array) -> BlockModel:
    """The model with the combinations that particles may be in, and independent shares."""
    table = likely_combinations(model, equations, frequency)
    rate = np.clip(frequency, 0.01, 0.99)
    shares = np.exp(table @ np.log(rate) + (1 - table) @ np.log(1 - rate))
    return replace(model, combinations=table, shares=shares / shares.sum())


def likely_combinations(model: BlockModel, equations: ParticleEquations, frequency: Array) -> Array:
    """[C, B] all combinations of few blocks; of many those of the particles, and what is one block from them.

    A particle's own is sought by switching one block after the other, from the likelier state of each alone.
    """
    count = len(frequency)
    if count <= BLOCKS.enumerated:
        return np.asarray((np.arange(2**count)[:, None] >> np.arange(count)) & 1, np.float64)
    members = model.members.astype(np.float32)
    matrix, vector = members.T @ (equations.matrix @ members), equations.vector @ members
    odds = np.log(np.clip(frequency, 0.01, 0.99) / (1 - np.clip(frequency, 0.01, 0.99)))
    state = np.tile(np.concatenate([[1.0], frequency]).astype(np.float32), (len(vector), 1))
    for _ in range(6):
        for b in range(1, count + 1):
            others = np.einsum("nc,nc->n", matrix[:, b], state) - matrix[:, b, b] * state[:, b]
            state[:, b] = vector[:, b] - others - 0.5 * matrix[:, b, b] + odds[b - 1] > 0
    seen, number = np.unique(state[:, 1:] > 0.5, axis=0, return_counts=True)
    seen = seen[np.argsort(-number, kind="stable")]
    near = [seen]
    for row in seen:
        if sum(map(len, near)) > 4 * BLOCKS.combinations:
            break
        near.append(row ^ np.eye(count, dtype=bool))
    _, first = np.unique(np.concatenate(near), axis=0, return_index=True)
    return np.asarray(np.concatenate(near)[np.sort(first)][:BLOCKS.combinations], np.float64)


def _refined(equations: ParticleEquations, model: BlockModel) -> BlockModel:
    """EM, and parcels divided over the blocks that they fit."""
    model = fitted(equations, model, BLOCKS.fit)
    for _ in range(BLOCKS.memberships):
        model = _without_empty(with_memberships(equations, model))
        if not model.blocks:
            return model
        model = fitted(equations, model, 2)
    model = with_combinations(model, equations, model.frequency())
    return fitted(equations, model, BLOCKS.fit)


def _without_empty(model: BlockModel) -> BlockModel:
    """Without blocks that no parcel is mostly of."""
    for b in range(model.blocks - 1, -1, -1):
        if not (model.block == b + 1).any():
            model = _without(model, b)
    return model


def _merged_equal(model: BlockModel) -> BlockModel:
    """Combinations that have become equal are one."""
    table, index = np.unique(model.combinations, axis=0, return_inverse=True)
    shares = np.asarray(np.bincount(index.ravel(), model.shares, len(table)), np.float64)
    return replace(model, combinations=table, shares=shares)


def _without(model: BlockModel, b: int) -> BlockModel:
    """Block b (from 0) as something that is always there, by its mean amount."""
    members = np.delete(model.members, b + 1, axis=1)
    members[:, 0] += float(model.frequency()[b]) * model.members[:, b + 1]
    return _merged_equal(replace(model, members=members, combinations=np.delete(model.combinations, b, axis=1)))


def _joined(model: BlockModel, a: int, b: int) -> BlockModel:
    """Blocks a and b (from 0) as one: combinations in which they differ count half for each."""
    table, half = np.concatenate([model.combinations] * 2), len(model.combinations)
    table[:half, a] = table[:half, b]
    members = np.delete(model.members, b + 1, axis=1)
    members[:, a + 1 - (a > b)] += model.members[:, b + 1]
    return _merged_equal(replace(model, members=members, combinations=np.delete(table, b, axis=1),
                                 shares=np.tile(model.shares, 2) / 2))


def support(of: BlockModel, over: BlockModel, held_out: ParticleEquations) -> float:
    """How far held-out particles support a model over another, in units of what is needed: above 1, they do.

    By the mean gain of log-likelihood over its standard error, or by the sum of the gains, of which a particle has a
    part that is limited: the standard error of a rare gain is large however sure it is.
    """
    rise = presence(held_out, of).log_likelihood - presence(held_out, over).log_likelihood
    error = float(rise.std(ddof=1)) / np.sqrt(len(rise))
    total = float(np.minimum(rise, BLOCKS.most_of_one).sum())
    return float(max(rise.mean() / max(BLOCKS.deviations * error, 1e-12), total / BLOCKS.total))


def found_blocks(training: ParticleEquations, held_out: ParticleEquations, start: Array | None = None,
                 mean: Array | None = None) -> BlockModel | None:
    """Blocks of some particles, as many as raise the likelihood of others; None where there are none.

    Args:
        start: [P, P] covariance of the amplitudes to start from. mean: [P] of the amplitudes, alike.
    """
    found = amplitude_covariance(training, start, mean)
    block = _first_blocks(found)
    frequency = np.empty(int(block.max()))
    for b in range(1, len(frequency) + 1):
        own, weight = block == b, found.information[block == b]
        middle = np.average(np.maximum(found.mean[own], 0), weights=weight)
        square = np.average(np.diag(found.matrix)[own], weights=weight)
        frequency[b - 1] = np.clip(middle**2 / (middle**2 + square), *BLOCKS.frequencies)
    model = fitted(training, model_of(block, frequency, training, found.mean), BLOCKS.first_fit)
    model = _supported(model, held_out)  # before what takes long
    model = _refined(training, model) if model.blocks else model
    while model.blocks:
        less = _supported(model, held_out)
        if less is model:
            less = _with_fewest_pairs(model, held_out)
        if less is model:
            return model
        model = _refined(training, less) if less.blocks else less
    return None


def _supported(model: BlockModel, held_out: ParticleEquations) -> BlockModel:
    """The model without the blocks that do not raise the held-out likelihood by themselves, or leave much density where
    they are absent; itself where none is left out."""
    doubtful, small, whole = [], of_wholes(held_out, model.members), _wholes(model)
    for b in range(model.blocks):
        if _left(model, b) > BLOCKS.most_left:
            doubtful.append(b)
            continue
        if support(whole, _without(whole, b), small) <= 1:
            doubtful.append(b)
    for b in reversed(doubtful):
        model = _without(model, b)
    return model


def _left(model: BlockModel, b: int) -> float:
    """Amplitude, over that of particles with all blocks, that the parcels of block b (from 0) have without it."""
    own = model.members[model.block == b + 1]
    return float(1 - own[:, b + 1].sum() / max(own.sum(), 1e-12)) if len(own) else 1.0


def _with_fewest_pairs(model: BlockModel, held_out: ParticleEquations) -> BlockModel:
    """The model with the two blocks that most nearly always occur together as one, where nothing speaks against it."""
    least, chosen = 1.0, None
    small, whole = of_wholes(held_out, model.members), _wholes(model)
    for a in range(model.blocks):
        for b in range(a):
            supported = support(whole, _joined(whole, b, a), small)
            if supported < least:
                least, chosen = supported, (b, a)
    return model if chosen is None else _joined(model, *chosen)


def _wholes(model: BlockModel) -> BlockModel:
    """The model of the amplitudes of its blocks, for presence.of_wholes."""
    return replace(model, members=np.eye(model.blocks + 1))
