"""States: which combinations of blocks the particles are in, how many are told apart, and in which order they come."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from gmmhet.engine.composition.particle_equations import ParticleEquations
from gmmhet.engine.composition.presence import BlockModel, log_evidence
from gmmhet.engine.composition.settings import STATES

__all__ = ["States", "errors_of_shares", "order_of_blocks", "states_of"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class States:
    """S states of n particles and B blocks, the most frequent first.

    Attributes:
        combinations: [S, B] 1 where a block is present. shares, errors: [S] of the particles, and standard errors.
        probability: [n, S]. presence: [n, B]. log_likelihood: [n].
        frequency, frequency_error: [B] share of the particles that have a block.
        independent_gain, independent_error: of the held-out log-likelihood per particle by states, over blocks that
            come and go independently, and its standard error; NaN for one block.
    """

    combinations: Array
    shares: Array
    errors: Array
    probability: Array
    presence: Array
    log_likelihood: Array
    frequency: Array
    frequency_error: Array
    independent_gain: float
    independent_error: float

    @property
    def independent(self) -> bool:
        """Whether states explain particles no better than blocks that are independent of each other."""
        return bool(self.independent_gain <= STATES.deviations * self.independent_error)


def _with_shares(evidence: Array, rounds: int = 60) -> Array:
    """[C] shares of largest likelihood, of log-likelihoods [n, C]."""
    shares = np.full(evidence.shape[1], 1 / evidence.shape[1])
    likelihood = np.exp(evidence - evidence.max(1, keepdims=True))
    for _ in range(rounds):
        joint = likelihood * shares
        shares = (joint / joint.sum(1, keepdims=True)).mean(0)
    return shares


def _under(evidence: Array, shares: Array) -> Array:
    """[n] marginal log-likelihood."""
    return np.asarray(logsumexp(evidence + np.log(np.maximum(shares, 1e-12)), axis=1))


def _independent(evidence: Array, table: Array, rounds: int = 30) -> Array:
    """[C] shares of combinations of independent blocks, of largest likelihood."""
    rate = np.full(table.shape[1], 0.5)
    likelihood = np.exp(evidence - evidence.max(1, keepdims=True))
    shares = np.full(len(table), 1 / len(table))
    for _ in range(rounds):
        shares = np.exp(table @ np.log(rate) + (1 - table) @ np.log(1 - rate))
        joint = likelihood * shares
        rate = np.clip((joint / joint.sum(1, keepdims=True)).mean(0) @ table, 1e-3, 1 - 1e-3)
    return shares


def states_of(equations: ParticleEquations, model: BlockModel, halves: NDArray[np.int64]) -> States:
    """The states of a model's blocks.

    Their number: the most frequent combinations, as few as lose no held-out log-likelihood beyond chance; shares are
    estimated in one half-set, and judged in the other.

    Args:
        halves: [n] 1 or 2.
    """
    evidence = log_evidence(equations, model)[0].astype(np.float64)
    table = model.combinations
    order = np.argsort(-_with_shares(evidence))[:STATES.most]
    counts = range(1, len(order) + 1)
    held_out = np.zeros((len(counts), len(evidence)))
    for half in (1, 2):
        learnt, judged = evidence[halves == half], evidence[halves != half]
        ranked = order[np.argsort(-_with_shares(learnt[:, order]))]
        for i, count in enumerate(counts):
            some = ranked[:count]
            held_out[i, halves != half] = _under(judged[:, some], _floored(_with_shares(learnt[:, some], 25)))
    best = int(held_out.mean(1).argmax())
    loss = held_out[best] - held_out
    worse = loss.mean(1) > STATES.deviations * loss.std(1) / np.sqrt(len(evidence))
    count = int(np.flatnonzero(~worse)[0]) + 1
    chosen = order[:count]
    shares = _with_shares(evidence[:, chosen])
    rank = np.argsort(-shares, kind="stable")
    chosen, shares = chosen[rank], shares[rank]
    gain, error = _over_independent(evidence, table, halves, held_out[count - 1])
    joint = evidence[:, chosen] + np.log(np.maximum(shares, 1e-12))
    held = np.unique(joint.argmax(1))  # a state that is no particle's likeliest is not told
    if len(held) < len(chosen):
        chosen, shares = chosen[held], _with_shares(evidence[:, chosen[held]])
        joint = evidence[:, chosen] + np.log(np.maximum(shares, 1e-12))
    total = logsumexp(joint, axis=1)
    probability = np.exp(joint - total[:, None])
    own = table[chosen]
    present = probability @ own
    if table.shape[1] > 1 and gain <= STATES.deviations * error:  # independent blocks: all combinations are possible
        free = evidence + np.log(np.maximum(_independent(evidence, table), 1e-300))
        present = np.exp(free - logsumexp(free, axis=1)[:, None]) @ table
    return States(own, shares, errors_of_shares(probability, shares), probability, present, total, present.mean(0),
                  errors_of_shares(np.clip(present, 1e-9, 1), present.mean(0)), gain, error)


def _floored(shares: Array) -> Array:
    """Shares of which none is 0, so that a particle of the other half in such a state costs little."""
    raised = shares + STATES.floor
    return np.asarray(raised / raised.sum())


def _over_independent(evidence: Array, table: Array, halves: NDArray[np.int64], of_states: Array,
                      ) -> tuple[float, float]:
    if table.shape[1] < 2:
        return float("nan"), float("nan")
    rise = np.empty(len(evidence))
    for half in (1, 2):
        shares = _independent(evidence[halves == half], table)
        rise[halves != half] = of_states[halves != half] - _under(evidence[halves != half], shares)
    return float(rise.mean()), float(rise.std(ddof=1) / np.sqrt(len(rise)))


def errors_of_shares(probability: Array, shares: Array) -> Array:
    """[S] standard errors, from the curvature of the log-likelihood by each share against all others.

    d log L / d s of a particle of posterior p is p / s - (1 - p) / (1 - s); its squares sum to the information.
    """
    rest = np.maximum(1 - shares, 1e-9)
    slope = probability / np.maximum(shares, 1e-9) - (1 - probability) / rest
    information = (slope**2).sum(0)
    bound = np.sqrt(np.maximum(shares, 1 / len(probability)) * rest / len(probability))
    return np.asarray(np.maximum(1 / np.sqrt(np.maximum(information, 1e-12)), bound) * (shares < 1))


def order_of_blocks(combinations: Array) -> list[tuple[int, int]]:
    """(b, a) where, in the states told, block b is never there without a; both from 0, steps between left out.

    Blocks that are always together, or always there, are in no order.
    """
    count = combinations.shape[1]
    present = combinations > 0.5
    needs = np.zeros((count, count), bool)
    for b in range(count):
        for a in range(count):
            if a != b and not present[:, a].all() and present[:, b].any():
                alone, without = present[:, a] & ~present[:, b], present[:, b] & ~present[:, a]
                needs[b, a] = bool(alone.any()) and not without.any()
    through = (needs.astype(int) @ needs.astype(int)) > 0
    return [(int(b), int(a)) for b, a in np.argwhere(needs & ~through)]


