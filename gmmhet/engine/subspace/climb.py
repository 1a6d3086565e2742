"""Steps of a fit that never go down: damping, and what becomes of a pass that lost."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.subspace.m_step import update_contrast, update_modes, update_noise, update_spread
from gmmhet.engine.subspace.passes import SubspaceEstimator
from gmmhet.engine.subspace.settings import PASSES
from gmmhet.engine.subspace.state import Posteriors, SubspaceModel, Sums

__all__ = ["BestPass", "Climb", "KnownCurvature"]


@dataclass(frozen=True)
class BestPass:
    """The best pass of a fit so far: log-likelihood per particle, model, particles and sums."""

    log_likelihood: float
    model: SubspaceModel
    posteriors: Posteriors
    sums: Sums


@dataclass(frozen=True)
class KnownCurvature:
    """The mean curvature by the unknowns of a model, and where it was found.

    Attributes:
        mean: [K R + R', K R + R'], see SubspaceEstimator.curvature. z: [n, D] of the particles in the pass that it is
        of. age: steps that were made with it.
    """

    mean: NDArray[np.float64]
    z: NDArray[np.float64]
    age: int = 0

    def seen_from(self, best: BestPass) -> NDArray[np.float64]:
        """The same in the coordinates of a later pass, whose axes are turned: with t' = A t, A (x) 1 on both sides.

        A is found from the coordinates of the particles by least squares; their mean is zero in both passes.
        """
        turn, *_ = np.linalg.lstsq(self.z, best.posteriors.z, rcond=None)
        size = best.model.coefficients.size
        every = np.eye(len(self.mean))
        every[:size, :size] = np.kron(turn.T, np.eye(best.model.coefficients.shape[1]))
        return np.asarray(every @ self.mean @ every.T)


@dataclass
class Climb:
    """Passes that never go down: a pass that lost likelihood, times prior, is undone, and its step tried again shorter.

    Attributes:
        best: the best pass. damping: of the next step. promised: what the last step was to gain, with the prior;
        prior: what it gained of that. known: the curvature of the last step.
    """

    best: BestPass | None = None
    damping: float = PASSES.first_damping
    promised: float = 0.0
    prior: float = 0.0
    known: KnownCurvature | None = None

    @property
    def reached(self) -> BestPass:
        """The best pass, of which there is one."""
        assert self.best is not None
        return self.best

    def after(self, done: BestPass) -> float:
        """Take note of a pass; returns what it gained over the best, with the prior of the modes.

        Damping falls after a step that kept its promise, and rises after one that did not (Nielsen 1999); after one
        that lost, to where the parabola through both values and the slope before, twice the promise, is highest.
        """
        if self.best is None:
            self.best = done
            return np.inf
        gain = done.log_likelihood - self.best.log_likelihood + self.prior
        kept = gain / max(self.promised, PASSES.noise)
        if gain > -PASSES.noise:
            if self.promised > PASSES.noise:
                changed = self.damping * max(PASSES.fall, 1 - (2 * kept - 1) ** 3)
                self.damping = float(np.clip(changed, PASSES.least_damping, max(PASSES.kept_damping, self.damping)))
            self.best = done
        else:
            slope = 2 * max(self.promised, PASSES.noise)
            shorter = (1 + self.damping) * min(2 * (slope - gain) / slope, PASSES.shortest)
            self.damping = min(shorter - 1, PASSES.most_damping)
        return gain

    def step(self, estimator: SubspaceEstimator, *, modes: bool) -> tuple[SubspaceModel, float]:
        """The next model, and the length of the gradient; it starts from the particles of the best pass."""
        best, grid = self.reached, estimator.spec.observer.grid
        step = update_modes(estimator.spec, best.model, len(best.posteriors.rows), best.sums,
                            self._curvature(estimator), damping=self.damping, modes=modes)
        self.promised, self.prior = step.promised, step.of_prior
        new = update_contrast(update_noise(step.model, best.sums, grid), best.posteriors)
        new = new.with_nuisances_of(best.posteriors, self.damping)
        return update_spread(new, best.posteriors, damping=self.damping), step.gradient

    def _curvature(self, estimator: SubspaceEstimator) -> NDArray[np.float64]:
        """Of the best pass. It is kept where the step from that was undone and, where the fields are the axes of z,
        which tell how they turned, or the coordinates stay as they are, for one more step after one that kept its
        promise."""
        best, known = self.reached, self.known
        if known is not None and np.array_equal(known.z, best.posteriors.z):
            return known.mean
        free = best.model.coordinates_are_free
        linear = free and best.posteriors.z.shape[1] == best.model.n_fields
        kept = known is not None and known.age < PASSES.curvature_kept and self.damping < PASSES.first_damping
        if known is not None and kept and (linear or not free):
            mean = known.seen_from(best) if free else known.mean
            self.known = KnownCurvature(mean, best.posteriors.z, known.age + 1)
        else:
            self.known = KnownCurvature(estimator.curvature(best.model, best.posteriors), best.posteriors.z)
        return self.known.mean
