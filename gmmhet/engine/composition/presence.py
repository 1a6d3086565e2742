"""Which blocks are in which particle: likelihoods of combinations of blocks, and the amplitudes that go with them.

Parcel p has the amplitude e_p = sum_b h_pb o_b, where o_b is 1 if block b is present and 0 if it is absent, and o_0 = 1
stands for what is always there; h is not negative, and a parcel on a border has parts in two blocks. A particle of
contrast 1 + c, c ~ N(0, tau^2), has

    l = e . b,    q = e^T A e,
    log L(o) = (l + 1/tau^2)^2 / (2 (q + 1/tau^2)) - log(tau^2 q + 1) / 2 - 1 / (2 tau^2),

the contrast integrated out, up to a constant of the image (A, b: composition.particle_equations). Amplitudes, contrasts
and the shares of the combinations are those of largest likelihood (EM).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from gmmhet.engine.composition.particle_equations import ParticleEquations
from gmmhet.engine.composition.settings import PRESENCE

__all__ = ["BlockModel", "Presence", "fitted", "log_evidence", "of_wholes", "presence", "with_memberships",
           "with_shapes"]

Array = NDArray[np.float64]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class BlockModel:
    """B blocks of P parcels, and C combinations.

    Attributes:
        members: [P, B + 1] h: amplitude of each parcel, over the model's, in what is always there and in each block.
        combinations: [C, B] 1 where a block is present. shares: [C] of the particles.
        contrast: standard deviation of the contrast over its mean.
    """

    members: Array
    combinations: Array
    shares: Array
    contrast: float

    @property
    def blocks(self) -> int:
        """B."""
        return int(self.combinations.shape[1])

    @property
    def with_rest(self) -> Array:
        """[C, B + 1] combinations; the first column, of what is always there, is 1."""
        return np.column_stack([np.ones(len(self.combinations)), self.combinations])

    @property
    def block(self) -> NDArray[np.int64]:
        """[P] number of the block that most of each parcel is of, from 1; 0: always there."""
        return np.asarray(self.members.argmax(1), np.int64)

    def frequency(self) -> Array:
        """[B] share of the particles that have each block."""
        return np.asarray(self.shares @ self.combinations)


@dataclass(frozen=True)
class Presence:
    """Posterior of n particles.

    Attributes:
        probability: [n, C] of each combination. contrast, square: [n, C] means of 1 + c and of its square.
        log_likelihood: [n] marginal, up to a constant of the image.
    """

    probability: Floats
    contrast: Floats
    square: Floats
    log_likelihood: Array

    def of_blocks(self, model: BlockModel) -> Array:
        """[n, B] probability that a block is present."""
        return np.asarray(self.probability @ model.combinations)

    def amplitudes(self, model: BlockModel) -> Floats:
        """[n, P] mean amplitude of each parcel, times the contrast."""
        shown = (self.probability * self.contrast) @ model.with_rest.astype(np.float32)
        return np.asarray(shown @ model.members.T.astype(np.float32))


def _pairs(rows: Floats) -> Floats:
    """[C, (B + 1)^2] products of the entries of combinations."""
    return np.asarray((rows[:, :, None] * rows[:, None]).reshape(len(rows), -1))


def log_evidence(equations: ParticleEquations, model: BlockModel) -> tuple[Floats, Floats, Floats]:
    """[n, C] each: log-likelihood of the combinations, and mean and mean square of the contrast under each."""
    members, rows = model.members.astype(np.float32), model.with_rest.astype(np.float32)
    matrix, vector = members.T @ (equations.matrix @ members), equations.vector @ members
    inner = np.maximum(matrix.reshape(len(matrix), -1) @ _pairs(rows).T, 0)
    inverse = np.float32(model.contrast**-2)
    precision, right = inner + inverse, vector @ rows.T + inverse
    mean = right / precision
    evidence = 0.5 * mean * right - 0.5 * np.log(precision / inverse) - 0.5 * inverse
    return evidence, mean, mean**2 + 1 / precision


def of_wholes(equations: ParticleEquations, members: Array) -> ParticleEquations:
    """The equations of the amplitudes of wholes, made of parcels as members [P, W] says: small, for what is tried with
    the extent of blocks as it is."""
    parts = members.astype(np.float32)
    return replace(equations, matrix=parts.T @ (equations.matrix @ parts), vector=equations.vector @ parts)


def presence(equations: ParticleEquations, model: BlockModel) -> Presence:
    """E step: the posterior over the combinations of every particle."""
    evidence, contrast, square = log_evidence(equations, model)
    joint = evidence.astype(np.float64) + np.log(np.maximum(model.shares, 1e-300))
    total = logsumexp(joint, axis=1)
    return Presence(np.exp(joint - total[:, None]).astype(np.float32), contrast, square, total)


def _moments(found: Presence, model: BlockModel) -> tuple[Floats, Floats]:
    """[n, B + 1] and [n, B + 1, B + 1]: means of s o and of s^2 o o^T."""
    rows = model.with_rest.astype(np.float32)
    first = (found.probability * found.contrast) @ rows
    second = (found.probability * found.square) @ _pairs(rows)
    return first, second.reshape(len(first), rows.shape[1], rows.shape[1])


def _scaled(equations: ParticleEquations, model: BlockModel, found: Presence) -> BlockModel:
    """M step of every parcel's density, its division over blocks as it is, with a weak prior about what it was."""
    first, second = _moments(found, model)
    members = model.members.astype(np.float32)
    matrix, vector = np.zeros((len(members),) * 2), np.zeros(len(members))
    for start in range(0, len(first), PRESENCE.at_once):
        some = slice(start, start + PRESENCE.at_once)
        weight = members @ second[some] @ members.T
        matrix += np.einsum("npq,npq->pq", equations.matrix[some], weight)
        vector += np.einsum("np,np->p", equations.vector[some], first[some] @ members.T)
    prior = PRESENCE.amplitude_spread**-2
    scale = np.linalg.solve(matrix + prior * np.eye(len(matrix)), vector + prior)
    return replace(model, members=model.members * np.maximum(scale, 0)[:, None])


def fitted(equations: ParticleEquations, model: BlockModel, rounds: int, *, amplitudes: bool = True) -> BlockModel:
    """EM from a model: shares, contrasts and, unless they are to stay, amplitudes."""
    for _ in range(rounds):
        found = presence(equations, model)
        model = _with_shares(_scaled(equations, model, found) if amplitudes else model, found)
    return model


def _with_shares(model: BlockModel, found: Presence) -> BlockModel:
    """M step of shares and contrasts."""
    shares = found.probability.sum(0, dtype=np.float64) + PRESENCE.pseudo_particles / len(model.shares)
    spread = float(np.sqrt(np.mean(((found.square - 2 * found.contrast + 1) * found.probability).sum(1))))
    return replace(model, shares=shares / shares.sum(),
                   contrast=float(np.clip(spread, PRESENCE.least_contrast, PRESENCE.most_contrast)))


def with_shapes(equations: ParticleEquations, model: BlockModel) -> BlockModel:
    """EM in which all amplitudes are free, also below 0: all that the images change by where a block is present.

    Gaussians are wider than the edge of a block, and those of the consensus beside it change with it; coordinates of
    motion that follow a block (composition.motion) do, too. The prior of an amplitude is normal, about what it was.
    """
    prior = PRESENCE.amplitude_spread**-2
    start = model.members.ravel()
    for _ in range(PRESENCE.shapes):
        found = presence(equations, model)
        matrix, right = _normal_equations(equations, found, model)
        members = np.linalg.solve(matrix + prior * np.eye(len(matrix)), right + prior * start)
        model = _with_shares(replace(model, members=members.reshape(model.members.shape)), found)
    return model


def with_memberships(equations: ParticleEquations, model: BlockModel) -> BlockModel:
    """Every parcel divided over blocks (and what is always there) as the images are likeliest, posteriors as they are.

    Least squares with h >= 0, by coordinates; parts that raise the log-likelihood by little are left out.
    """
    parcels, count = model.members.shape
    size = parcels * count
    matrix, right = _normal_equations(equations, presence(equations, model), model)
    diagonal = np.maximum(np.diag(matrix), 1e-9)
    members = _not_negative(matrix, right, model.members.ravel(), diagonal, np.ones(size, bool))
    kept = 0.5 * members**2 * diagonal > PRESENCE.least_gain
    kept |= members.reshape(parcels, count).argmax(1)[:, None].repeat(count, 1).ravel() == np.tile(
        np.arange(count), parcels)
    members = _not_negative(matrix, right, members * kept, diagonal, kept)
    return replace(model, members=members.reshape(parcels, count))


def _normal_equations(equations: ParticleEquations, found: Presence, model: BlockModel) -> tuple[Array, Array]:
    """[D, D] and [D] of the expected log-likelihood by all parts of parcels in blocks, D = P (B + 1)."""
    first, second = _moments(found, model)
    parcels, count = model.members.shape
    size = parcels * count
    curvature = np.zeros((parcels * parcels, count * count))
    for start in range(0, len(first), PRESENCE.at_once):
        some = slice(start, start + PRESENCE.at_once)
        flat = second[some].reshape(-1, count * count)
        curvature += equations.matrix[some].reshape(-1, parcels * parcels).T @ flat
    matrix = curvature.reshape(parcels, parcels, count, count).transpose(0, 2, 1, 3).reshape(size, size)
    return matrix, (equations.vector.T @ first).astype(np.float64).ravel()


def _not_negative(matrix: Array, right: Array, start: Array, diagonal: Array, free: NDArray[np.bool_]) -> Array:
    """Least squares with values >= 0, and 0 where they are not free, by coordinate descent."""
    values = start.copy()
    slope = right - matrix @ values
    order = np.flatnonzero(free)
    for _ in range(PRESENCE.sweeps):
        for j in order:
            new = max(0.0, values[j] + slope[j] / diagonal[j])
            if new != values[j]:
                slope -= (new - values[j]) * matrix[j]
                values[j] = new
    return values
