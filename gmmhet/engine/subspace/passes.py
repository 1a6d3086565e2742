"""Passes over the particles: the posterior of every one, and the sums that the M step needs."""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gmmhet.engine.imaging.image_model import Batch, Observer, batches, whitening
from gmmhet.engine.imaging.particle_cache import ParticleCache
from gmmhet.engine.progress import progress
from gmmhet.engine.runtime.batching import smaller_batches
from gmmhet.engine.runtime.rank_messages import Replicated
from gmmhet.engine.runtime.ranks import communicator
from gmmhet.engine.subspace.curvature import FOLLOWING, curvature_sums
from gmmhet.engine.subspace.decoder import LinearModes
from gmmhet.engine.subspace.e_step import Posterior, Prior, State, misfit, posterior_step, sign_flips
from gmmhet.engine.subspace.smooth_fields import FieldBasis
from gmmhet.engine.subspace.state import Ensemble, SubspaceModel, Sums

__all__ = ["SubspaceEstimator"]

Array = NDArray[np.float64]
_LARGEST_FEW, _BYTES_OF_IMAGES = 64, 1 << 29
_UNKNOWNS_PER_PARTICLE, _CURVATURE_SAMPLE = 3, (128, 768)


class SubspaceEstimator(Replicated):
    """Runs passes over particles of one cache with one basis; every rank of the run does a share of each.

    Attributes:
        basis: of the modes. consensus_basis: of the changes of the consensus; both on the same scalar fields.
        seek: [R, R'] directions among which the first modes are sought.
        rigid: [6, N, 5] movements that a mode must do more than, when the poses may be in error.
        length: correlation length of the fields, Angstrom.
    """

    def __init__(self, cache: ParticleCache, observer: Observer, basis: FieldBasis, consensus_basis: FieldBasis, *,
                 batch_size: int, seed: int = 0, seek: Array | None = None, rigid: Array | None = None,
                 length: float = math.nan) -> None:
        self.cache = cache
        self.observer = observer
        self.basis = basis
        self.consensus_basis = consensus_basis
        self.batch_size = batch_size
        self.seed = seed
        self.seek = np.eye(basis.size) if seek is None else seek
        self.rigid = rigid
        self.length = length
        self.n_groups = int(cache.table.optics_index.max()) + 1
        self._flips: tuple[SubspaceEstimator, int, SubspaceModel, Ensemble] | None = None
        self._compile()

    def _compile(self) -> None:
        self._step = tf.function(self._posterior, autograph=False)
        self._misfit = tf.function(self._misfit_of, autograph=False)
        self._flip = tf.function(self._flipped, autograph=False)
        self._statistics = tf.function(self._gradient_statistics, autograph=False)
        self._curvature = tf.function(self._curvature_of, autograph=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """For other ranks, which trace their own functions, and once for an estimator and those made of it."""
        if self._flips is not None:
            origin, *flips = self._flips
            return _with_flips, (origin, *flips)
        traced = ("_step", "_misfit", "_flip", "_statistics", "_curvature", "_tied")
        return _revived, (type(self), {k: v for k, v in self.__dict__.items() if k not in traced})

    def with_flips(self, seed: int, model: SubspaceModel, ensemble: Ensemble) -> "SubspaceEstimator":
        """The same estimator, with random signs of the residuals of an ensemble without motion, pixel by pixel.

        Noise keeps its spectrum and misfit its size, but nothing concerted is left: the null of the significance test.
        """
        other = type(self).__new__(type(self))
        other.__dict__.update(self.__dict__)  # its traced functions too: they know nothing of signs
        other._flips = self, seed, model, ensemble
        return other

    # -- one pass -------------------------------------------------------------------------------------------

    def pass_over(self, model: SubspaceModel, ensemble: Ensemble, *, gradient: bool, label: str, number: int = 0,
                  ) -> tuple[Ensemble, Sums]:
        """E step for every particle of the ensemble, and the sums that the M step needs.

        Args:
            label: of the progress that is shown; empty: none. number: of the pass; each draws other poses from their
                posterior.
        """
        n, ranks = len(ensemble.rows), communicator()
        signs = np.array([-1, 1], np.int8)
        draws = np.random.default_rng([self.seed, number]).choice(signs, (n, model.n_pose))
        shares = [(ensemble.at(part), draws[part]) for part in ranks.parts(n, self.batch_size)]
        found = ranks.spread(self._pass_over_some, (model, gradient, label), shares)
        sums = found[0][1]
        for _, others in found[1:]:
            sums = sums + others
        return Ensemble.joined([part for part, _ in found]), sums

    @smaller_batches
    def _pass_over_some(self, model: SubspaceModel, gradient: bool, label: str, ensemble: Ensemble,
                        draws: NDArray[np.int8]) -> tuple[Ensemble, Sums]:
        """The pass over a rank's particles."""
        modes, white, prior = self.constants(model)
        n, out = len(ensemble.rows), Ensemble.unfilled(ensemble.rows, model)
        sums = Sums(np.zeros((model.n_modes + 1, len(model.weights), 5)), np.zeros(model.noise.shape),
                    self._counts(ensemble.rows))
        for span, batch in self._batches(ensemble.rows, label):
            count = span.stop - span.start
            result = self._step(batch, modes, white, self._state(ensemble, span), prior,
                                self._filled(draws[span]), gradient)
            for name in ("z", "pose", "contrast"):
                getattr(out, name)[span] = getattr(result.state, name).numpy()[:count]
            for name in ("pose_variance", "log_likelihood"):
                getattr(out, name)[span] = getattr(result, name).numpy()[:count]
            covariance = result.covariance.numpy()[:count]
            out.covariance[span] = model.kept(covariance)
            out.mean_covariance += covariance.sum(0, dtype=np.float64)
            out.contrast_variance += float(np.sum(result.contrast_variance.numpy()[:count]))
            out.information += np.einsum("nkl,n->kl", result.information, batch.real)
            sums.gradient += result.gradient.numpy()
            sums.power += result.residual_power.numpy()
        out.information /= max(n, 1)
        out.mean_covariance /= max(n, 1)
        out.contrast_variance /= max(n, 1)
        return out, sums

    def best_places(self, model: SubspaceModel, ensemble: Ensemble, places: Array) -> NDArray[np.int64]:
        """[n] which of some coordinates [S, D] explain each particle best, at its pose and contrast."""
        ranks = communicator()
        shares = [(ensemble.at(part),) for part in ranks.parts(len(ensemble.rows), self.batch_size)]
        return np.concatenate(ranks.spread(self._best_places_of_some, (model, places), shares))

    @smaller_batches
    def _best_places_of_some(self, model: SubspaceModel, places: Array, ensemble: Ensemble) -> NDArray[np.int64]:
        modes, white, prior = self.constants(model)
        inner = prior.precision.numpy().astype(np.float64)
        penalty = np.einsum("sk,kl,sl->s", places, inner, places)
        found = np.zeros(len(ensemble.rows), np.int64)
        for span, batch in self._batches(ensemble.rows, "places"):
            state = self._state(ensemble, span)
            misfits = [self._misfit(batch, modes, white, state._replace(z=self._filled(place[np.newaxis]))).numpy()
                       for place in places]
            found[span] = np.argmin(np.array(misfits) + penalty[:, np.newaxis], axis=0)[:span.stop - span.start]
        return found

    def _misfit_of(self, batch: Batch, modes: LinearModes, white: Any, state: State) -> Any:
        return misfit(self.observer, batch, modes, white, state)

    def _posterior(self, batch: Batch, modes: LinearModes, white: Any, state: State, prior: Prior, draws: Any,
                   gradient: bool) -> Posterior:
        return posterior_step(self.observer, batch, modes, white, state, prior, gradient=gradient, draws=draws)

    def _counts(self, rows: NDArray[np.int64]) -> Array:
        return np.bincount(self.cache.table.optics_index[rows], minlength=self.n_groups).astype(np.float64)

    def _batches(self, rows: NDArray[np.int64], label: str) -> Iterator[tuple[slice, Batch]]:
        total = -(-len(rows) // self.batch_size)
        done, every = 0, batches(self.cache, rows, self.batch_size)
        for chosen, batch in progress(every, label, total) if label else every:
            if self._flips is not None:
                _, seed, model, still = self._flips
                place = np.searchsorted(still.rows, np.resize(chosen, self.batch_size))
                blank = self.without_modes(model)
                modes, white, _ = self.constants(blank)
                signs = sign_flips(seed, still.rows[place], self.observer.grid.size)
                state = self._state(still.with_modes_of(blank).at(place), slice(None))
                batch = self._flip(batch, modes, white, state, signs)
            yield slice(done, done + len(chosen)), batch
            done += len(chosen)

    def _flipped(self, batch: Batch, modes: LinearModes, white: Any, state: State, signs: Any) -> Batch:
        """Images with their residuals' signs changed; poses stay as given, since the shift is undone afterwards."""
        posed = self.observer.posed(batch, state.pose)
        centers, weights = modes.gaussians(state.z)
        projection = self.observer.projector.project(self.observer.factors(posed, centers, modes.variances), weights)
        transfer = self.observer.transfer(posed, tf.ones([]))
        image = state.contrast[:, None, None, None, None] * transfer * projection
        changed = posed._replace(planes=image + signs * (posed.planes - image))
        back = self.observer.posed(changed, -state.pose) if state.pose.shape[1] else changed
        return batch._replace(planes=back.planes)

    def constants(self, model: SubspaceModel) -> tuple[Any, Any, Prior]:
        """The model as tensors: decoder, whitening, prior."""
        fields = self.basis.fields(model.coefficients)
        modes = LinearModes(*(tf.constant(a, tf.float32) for a in (
            model.centers, model.weights, model.variances, fields[..., :3], fields[..., 3])))
        pose = np.zeros(0) if model.spread is None else model.spread.precision
        prior = Prior(*(tf.constant(a, tf.float32) for a in (
            np.eye(model.n_modes), pose, model.contrast_mean, model.contrast_deviation)))
        return modes, whitening(self.observer.grid, model.noise), prior

    def without_modes(self, model: SubspaceModel) -> SubspaceModel:
        """The same consensus, noise and contrast with one mode of size zero."""
        return replace(self.with_coefficients(model, np.zeros((1, self.basis.size))), relevance=None)

    def with_coefficients(self, model: SubspaceModel, coefficients: Array) -> SubspaceModel:
        """The model with other modes [K', R]; what was known of leading modes is kept."""
        return replace(model, coefficients=coefficients, relevance=model.relevance_of(len(coefficients)))

    def with_prior_of(self, model: SubspaceModel, ensemble: Ensemble) -> SubspaceModel:
        """The model with the prior of the coordinates that the ensemble, of unit variance, tells; here always 1."""
        return model

    def _state(self, ensemble: Ensemble, span: slice) -> State:
        return State(*(self._filled(a[span]) for a in (ensemble.z, ensemble.pose, ensemble.contrast)))

    def _filled(self, values: NDArray[Any], size: int | None = None) -> Any:
        out = np.zeros((size or self.batch_size, *values.shape[1:]), np.float32)
        out[:len(values)] = values
        out[len(values):] = values[-1:]
        return tf.constant(out)

    # -- sums over particles ------------------------------------------------------------------------------------

    def curvature(self, model: SubspaceModel, ensemble: Ensemble, *, sample: int | None = None) -> Array:
        """Mean over a sample of particles of the Gauss-Newton curvature by (modes, change of the consensus).

        Args:
            sample: particles at most; None: so many that they tell of all unknowns: of too few, some direction looks
                far flatter than it is, and steps along it go too far.
        Returns:
            [K R + R', K R + R'], in the coefficients of the two bases.
        """
        k = model.n_modes
        if sample is None:
            unknowns = k * self.basis.size + self.consensus_basis.size
            sample = int(np.clip(unknowns // _UNKNOWNS_PER_PARTICLE, *_CURVATURE_SAMPLE))
        chosen = _sample(ensemble, sample)
        t = np.concatenate([model.coordinates(ensemble.z[chosen]), np.ones((len(chosen), 1))], axis=1)
        moments = np.einsum("nk,nl->nkl", t, t)
        if len(ensemble.covariance):
            moments[:, :k, :k] += ensemble.covariance[chosen][:, :k, :k]
        upper = np.triu_indices(k + 1)
        raw = self._raw_curvature(model, ensemble.at(chosen), moments[:, upper[0], upper[1]])
        bases = [_of_modes(self.basis)] * k + [_of_consensus(self.consensus_basis)]
        blocks: list[list[Any]] = [[None] * (k + 1) for _ in range(k + 1)]
        for i, j, block in zip(*upper, raw, strict=True):
            blocks[i][j] = bases[i].T @ block @ bases[j]
            blocks[j][i] = blocks[i][j].T
        return np.block(blocks)

    def still_curvature(self, model: SubspaceModel, ensemble: Ensemble, *, sample: int) -> Array:
        """[R, R] mean curvature by a displacement along the modes' basis that is the same for all particles, pose and
        contrast integrated out."""
        some = ensemble.at(_sample(ensemble, sample))
        raw = self._raw_curvature(model, some, np.ones((len(some.rows), 1)), following=1.0)[0]
        mixing = _of_modes(self.basis)
        return np.asarray(mixing.T @ raw @ mixing)

    def _raw_curvature(self, model: SubspaceModel, some: Ensemble, moments: Array, following: float = FOLLOWING,
                       ) -> Array:
        """[M, 6 A, 6 A] means of curvature_sums."""
        shares = [(some.at(part), moments[part]) for part in communicator().parts(len(moments), self._few)]
        total = communicator().total(self._curvature_of_some, (model, following), shares)
        return np.asarray(total / len(moments))

    @smaller_batches
    def _curvature_of_some(self, model: SubspaceModel, following: float, some: Ensemble, moments: Array) -> Array:
        modes, white, prior = self.constants(model)
        raw = 6 * self.basis.scalar.shape[1]
        total = np.zeros((moments.shape[1], raw, raw))
        for batch, state, weights in self._few_at_once(some, moments):
            total += self._curvature(batch, modes, white, state, prior, weights, following).numpy()
        return total

    @property
    def _few(self) -> int:
        """Particles at once where every one has an image of every field and component."""
        images = 6 * self.basis.scalar.shape[1] * 4 * self.observer.grid.size**2 * 4  # bytes
        return min(_LARGEST_FEW, max(1, self.batch_size // 4), max(1, _BYTES_OF_IMAGES // images))

    def _few_at_once(self, some: Ensemble, values: Array) -> Iterator[tuple[Batch, State, Any]]:
        """Small batches, with the states and the values [n, ...] of their particles."""
        for start, (rows, batch) in enumerate(batches(self.cache, some.rows, self._few)):
            span = slice(start * self._few, start * self._few + len(rows))
            state = State(*(self._filled(a[span], self._few) for a in (some.z, some.pose, some.contrast)))
            yield batch, state, self._filled(values[span], self._few)

    def _curvature_of(self, batch: Batch, modes: LinearModes, white: Any, state: State, prior: Prior, moments: Any,
                      following: float) -> Any:
        return curvature_sums(self.observer, self.basis.scalar, batch, modes, white, state, prior, moments, following)

    def gradient_covariance(self, model: SubspaceModel, ensemble: Ensemble) -> Array:
        """[R, R] covariance over the particles of the gradient of the log-likelihood by a displacement of the modes.

        At the best coordinates, pose and contrast of a particle this is the gradient with all of them integrated out.
        """
        shares = [(ensemble.at(part),) for part in communicator().parts(len(ensemble.rows), self.batch_size)]
        second, mean, count = communicator().total(self._gradient_sums, (model,), shares)
        mean = mean / count
        return np.asarray(second / count - np.outer(mean, mean))

    @smaller_batches
    def _gradient_sums(self, model: SubspaceModel, ensemble: Ensemble) -> tuple[Array, Array, int]:
        """Sums of g g^T and g over a rank's particles, and their number."""
        modes, white, _ = self.constants(model)
        second = np.zeros((self.basis.size, self.basis.size))
        mean, count = np.zeros(self.basis.size), 0
        for span, batch in self._batches(ensemble.rows, "gradients"):
            gradients = self._statistics(batch, modes, white, self._state(ensemble, span))
            g = self.basis.adjoint(gradients.numpy().astype(np.float64))
            second += g.T @ g
            mean += g.sum(0)
            count += (span.stop - span.start) * (len(g) // self.batch_size)  # of every copy, where there are some
        return second, mean, count

    def _gradient_statistics(self, batch: Batch, modes: LinearModes, white: Any, state: State) -> Any:
        """Gradient of every particle's log-likelihood by its Gaussians, [n, N, 5] (relative amplitude)."""
        posed = self.observer.posed(batch, state.pose)
        centers, weights = modes.gaussians(state.z)
        factors = self.observer.factors(posed, centers, modes.variances)
        transfer = self.observer.transfer(posed, white)
        s = state.contrast[:, None, None, None, None]
        base = transfer * self.observer.projector.project(factors, weights)
        residual = posed.planes * self.observer.whitening_of(posed, white) - s * base
        pulled = self.observer.pullback(posed, factors, weights, (s * transfer * residual)[:, tf.newaxis])[:, 0]
        relative = tf.concat([pulled[..., :3], pulled[..., 3:] * modes.weights[:, tf.newaxis],
                              tf.zeros_like(pulled[..., 3:])], -1)
        return relative * batch.real[:, tf.newaxis, tf.newaxis]


def _of_modes(basis: FieldBasis) -> Array:
    """[6 A, R] from coefficients to the components of curvature_sums."""
    return np.pad(basis.mixing, [(0, basis.scalar.shape[1]), (0, 0)])


def _of_consensus(basis: FieldBasis) -> Array:
    """The same where changes of weights are relative to those of the conformation."""
    x, y, z, weight, width = np.split(basis.mixing, 5)
    return np.concatenate([x, y, z, np.zeros_like(weight), width, weight])


def _sample(ensemble: Ensemble, size: int) -> NDArray[np.int64]:
    """Places of at most ``size`` particles, evenly spread."""
    return np.unique(np.linspace(0, len(ensemble.rows) - 1, size).astype(np.int64))


def _revived(kind: type[SubspaceEstimator], attributes: dict[str, Any]) -> SubspaceEstimator:
    """An estimator of another rank, with functions of this one."""
    estimator = kind.__new__(kind)
    estimator.__dict__.update(attributes)
    estimator._compile()
    return estimator


def _with_flips(estimator: SubspaceEstimator, seed: int, model: SubspaceModel, ensemble: Ensemble) -> SubspaceEstimator:
    return estimator.with_flips(seed, model, ensemble)
