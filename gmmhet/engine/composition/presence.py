"""Which blocks are in which particle: likelihoods of combinations of blocks, and the amplitudes that go with them.

Parcel p has the amplitude g_p where its block is present and 0 where it is absent; parcels of no block are always
there. With o the combination (o_0 = 1 for what is always there) and D the parcels of each block times their g, a
particle of contrast 1 + c, c ~ N(0, tau^2), has

    l = (D o) . b,    q = (D o)^T A (D o),
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

__all__ = ["BlockModel", "Presence", "fitted", "log_evidence", "presence", "with_reassigned_parcels"]

Array = NDArray[np.float64]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class BlockModel:
    """B blocks of P parcels, and C combinations.

    Attributes:
        block: [P] number of each parcel's block, from 1; 0: always there. amplitude: [P] g, over the consensus.
        combinations: [C, B] 1 where a block is present. shares: [C] of the particles.
        contrast: standard deviation of the contrast over its mean.
    """

    block: NDArray[np.int64]
    amplitude: Array
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
    def members(self) -> Array:
        """[P, B + 1] amplitude of each parcel in its block."""
        out = np.zeros((len(self.block), self.blocks + 1))
        out[np.arange(len(self.block)), self.block] = self.amplitude
        return out

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


def _contracted(equations: ParticleEquations, model: BlockModel) -> tuple[Floats, Floats]:
    """[n, B + 1, B + 1] and [n, B + 1]: A and b of the blocks as wholes."""
    members = model.members.astype(np.float32)
    return members.T @ (equations.matrix @ members), equations.vector @ members


def log_evidence(equations: ParticleEquations, model: BlockModel) -> tuple[Floats, Floats, Floats]:
    """[n, C] each: log-likelihood of the combinations, and mean and mean square of the contrast under each."""
    matrix, vector = _contracted(equations, model)
    rows = model.with_rest.astype(np.float32)
    pairs = (rows[:, :, None] * rows[:, None]).reshape(len(rows), -1)
    inner = np.maximum(matrix.reshape(len(matrix), -1) @ pairs.T, 0)
    inverse = np.float32(model.contrast**-2)
    precision, right = inner + inverse, vector @ rows.T + inverse
    mean = right / precision
    evidence = 0.5 * mean * right - 0.5 * np.log(precision / inverse) - 0.5 * inverse
    return evidence, mean, mean**2 + 1 / precision


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
    pairs = (rows[:, :, None] * rows[:, None]).reshape(len(rows), -1)
    second = (found.probability * found.square) @ pairs
    return first, second.reshape(len(first), rows.shape[1], rows.shape[1])


def _amplitudes(equations: ParticleEquations, model: BlockModel, found: Presence) -> Array:
    """[P] M step of the amplitudes, with a weak prior about what they were."""
    first, second = _moments(found, model)
    own = model.block
    matrix = np.einsum("npq,npq->pq", equations.matrix, second[:, own][:, :, own], optimize=True).astype(np.float64)
    vector = np.einsum("np,np->p", equations.vector, first[:, own]).astype(np.float64)
    prior = np.full(len(own), PRESENCE.amplitude_spread**-2) / np.maximum(model.amplitude, 1e-3) ** 2
    solved = np.linalg.solve(matrix + np.diag(prior), vector + prior * model.amplitude)
    return np.maximum(solved, PRESENCE.least_amplitude)


def fitted(equations: ParticleEquations, model: BlockModel, rounds: int, *, amplitudes: bool = True) -> BlockModel:
    """EM from a model: shares, contrasts and, unless they are to stay, amplitudes."""
    for _ in range(rounds):
        found = presence(equations, model)
        shares = found.probability.sum(0, dtype=np.float64) + PRESENCE.pseudo_particles / len(model.shares)
        spread = float(np.sqrt(np.mean(((found.square - 2 * found.contrast + 1) * found.probability).sum(1))))
        model = replace(model, shares=shares / shares.sum(),
                        contrast=float(np.clip(spread, PRESENCE.least_contrast, PRESENCE.most_contrast)),
                        amplitude=_amplitudes(equations, model, found) if amplitudes else model.amplitude)
    return model


def with_reassigned_parcels(equations: ParticleEquations, model: BlockModel) -> BlockModel:
    """Every parcel in the block (or in none) under which the images are likeliest, others and posterior as they are.

    With r the image without the parcel, a parcel that follows the pattern e (1, or o of a block) with the best g raises
    the log-likelihood by (sum e s r)^2 / (2 sum e^2 s^2 A_pp).
    """
    found = presence(equations, model)
    first, second = _moments(found, model)
    own, count = model.block, model.blocks + 1
    weighted = equations.matrix * model.amplitude.astype(np.float32)  # [n, P, Q] A_pq g_q
    diagonal = np.einsum("npp->np", equations.matrix)
    numerator, power = np.zeros((len(own), count)), np.zeros((len(own), count))
    for e in range(count):
        others = np.einsum("npq,nq->np", weighted, second[:, e][:, own], optimize=True)
        others -= diagonal * model.amplitude.astype(np.float32) * second[:, e][:, own]
        numerator[:, e] = np.einsum("np,n->p", equations.vector, first[:, e]) - others.sum(0, dtype=np.float64)
        power[:, e] = second[:, e, e] @ diagonal
    gain = np.where(numerator > 0, numerator**2 / np.maximum(2 * power, 1e-12), 0.0)
    best = gain.argmax(1)
    moved = gain[np.arange(len(own)), best] > gain[np.arange(len(own)), own] + PRESENCE.reassigned
    block = np.where(moved, best, own)
    fit = np.maximum(numerator, 0) / np.maximum(power, 1e-12)
    amplitude = np.where(moved, np.maximum(fit[np.arange(len(own)), block], PRESENCE.least_amplitude), model.amplitude)
    return replace(model, block=block, amplitude=amplitude)
