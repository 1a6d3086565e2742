"""Passes over the particles: the posterior of every one, and the sums that the M step needs."""

from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gmmhet.engine.imaging.image_model import Batch, batches
from gmmhet.engine.runtime.batching import smaller_batches
from gmmhet.engine.runtime.pool import Replicated, in_tree, pool, shares_of
from gmmhet.engine.runtime.settings import SHARES
from gmmhet.engine.runtime.tensors import Floats, Tensor
from gmmhet.engine.sampling import evenly_spread
from gmmhet.engine.subspace.estimator_spec import EstimatorSpec
from gmmhet.engine.subspace.evaluation import ModelTensors, State
from gmmhet.engine.subspace.settings import CURVATURE
from gmmhet.engine.subspace.sign_flips import SignFlips
from gmmhet.engine.subspace.state import Posteriors, SubspaceModel, Sums

__all__ = ["BatchTransform", "SubspaceEstimator"]

Array = NDArray[np.float64]
#: from the rows of a batch, without those that fill it up, and the batch, to another batch
BatchTransform = Callable[[NDArray[np.int64], Batch], Batch]


class SubspaceEstimator(Replicated):
    """Runs passes over particles of one cache with one basis; in fixed shares, which the workers of the run do.

    Args:
        spec: images, bases and functions; estimators that share one share its traced functions.
        transform: what is done to the images of a batch first, if anything.
        pixels: [h + 1, h + 1] of the images that are used, by |ky|, |kx|; None: all.

    Attributes:
        batch_size: particles at once; it falls where a GPU runs out of memory.
    """

    def __init__(self, spec: EstimatorSpec, transform: BatchTransform | None = None,
                 pixels: NDArray[np.bool_] | None = None) -> None:
        self.spec = spec
        self.transform = transform
        self.pixels = pixels
        self.batch_size = spec.batch_size

    def with_flips(self, seed: int, model: SubspaceModel, posteriors: Posteriors) -> "SubspaceEstimator":
        """The same estimator, with random signs of the residuals of particles without motion: see sign_flips."""
        return self.with_transform(SignFlips(self.spec, seed, model, posteriors))

    def with_transform(self, transform: BatchTransform) -> "SubspaceEstimator":
        """The same estimator, of images that are changed."""
        return self._other(transform, self.pixels)

    def with_pixels(self, pixels: NDArray[np.bool_]) -> "SubspaceEstimator":
        """The same estimator, of some Fourier pixels [h + 1, h + 1] of the images, by |ky|, |kx|."""
        return self._other(self.transform, pixels)

    def _other(self, transform: BatchTransform | None, pixels: NDArray[np.bool_] | None) -> "SubspaceEstimator":
        other = SubspaceEstimator(self.spec, transform, pixels)
        other.batch_size = self.batch_size
        return other

    def _tensors(self, model: SubspaceModel) -> ModelTensors:
        return self.spec.tensors(model, self.pixels)

    # -- one pass -------------------------------------------------------------------------------------------

    def pass_over(self, model: SubspaceModel, posteriors: Posteriors, *, gradient: bool, label: str, number: int = 0,
                  ) -> tuple[Posteriors, Sums]:
        """E step for every particle, from what is known of it, and the sums that the M step needs.

        Args:
            label: of the progress that is shown; empty: none. number: of the pass; each draws other poses from their
                posterior.
        """
        n = len(posteriors.rows)
        signs = np.array([-1, 1], np.int8)
        draws = np.random.default_rng([self.spec.seed, number]).choice(signs, (n, model.n_pose))
        shares = [(posteriors.at(part), draws[part]) for part in self._shares(n)]
        found = pool().map(self._pass_over_some, (model, gradient), shares, label)
        return Posteriors.joined([part for part, _ in found]), in_tree(sums for _, sums in found)

    def _shares(self, n: int) -> list[slice]:
        return shares_of(n, self.spec.batch_size)

    @smaller_batches
    def _pass_over_some(self, model: SubspaceModel, gradient: bool, posteriors: Posteriors, draws: NDArray[np.int8],
                        ) -> tuple[Posteriors, Sums]:
        """The pass over a share of the particles."""
        tensors = self._tensors(model)
        n, out = len(posteriors.rows), Posteriors.unfilled(posteriors.rows, model)
        sums = Sums(np.zeros((model.n_fields + 1, len(model.weights), 5)), np.zeros(model.noise.shape),
                    self._counts(posteriors.rows))
        for span, batch in self._batches(posteriors.rows):
            count = span.stop - span.start
            result = self.spec.compiled.step(batch, tensors, self._state(posteriors, span), self._filled(draws[span]),
                                             gradient)
            for name in ("z", "pose", "contrast"):
                getattr(out, name)[span] = getattr(result.state, name).numpy()[:count]
            for name in ("pose_variance", "log_likelihood"):
                getattr(out, name)[span] = getattr(result, name).numpy()[:count]
            covariance = result.covariance.numpy()[:count]
            out.covariance[span] = model.kept(covariance)
            out.mean_covariance += covariance.sum(0, dtype=np.float64)
            out.contrast_variance += float(np.sum(result.contrast_variance.numpy()[:count]))
            out.information += np.einsum("nkl,n->kl", result.information, batch.is_particle)
            sums.gradient += result.gradient.numpy()
            sums.power += result.residual_power.numpy()
        out.information /= max(n, 1)
        out.mean_covariance /= max(n, 1)
        out.contrast_variance /= max(n, 1)
        return out, sums

    def best_coordinates(self, model: SubspaceModel, posteriors: Posteriors, tried: Array) -> NDArray[np.int64]:
        """[n] which of some coordinates [S, D] explain each particle best, at its pose and contrast."""
        shares = [(posteriors.at(part),) for part in self._shares(len(posteriors.rows))]
        return np.concatenate(pool().map(self._best_coordinates_of_some, (model, tried), shares, "places"))

    @smaller_batches
    def _best_coordinates_of_some(self, model: SubspaceModel, tried: Array, posteriors: Posteriors,
                                  ) -> NDArray[np.int64]:
        tensors = self._tensors(model)
        inner, pulled = tensors.prior.precision.numpy().astype(np.float64), tried * model.prior_pull
        penalty = np.einsum("sk,kl,sl->s", pulled, inner, pulled)
        found = np.zeros(len(posteriors.rows), np.int64)
        for span, batch in self._batches(posteriors.rows):
            state = self._state(posteriors, span)
            misfits = [self.spec.compiled.misfit(batch, tensors, state._replace(z=self._filled(z[np.newaxis]))).numpy()
                       for z in tried]
            found[span] = np.argmin(np.array(misfits) + penalty[:, np.newaxis], axis=0)[:span.stop - span.start]
        return found

    def least_squares_contrast(self, model: SubspaceModel, posteriors: Posteriors) -> tuple[Array, Array]:
        """[n] contrast of every image by least squares at its place and pose, [n] its standard error; both in units of
        the mean contrast."""
        shares = [(posteriors.at(part),) for part in self._shares(len(posteriors.rows))]
        nothing, once, twice = np.concatenate(pool().map(self._contrast_of_some, (model,), shares, "contrast"), axis=1)
        power = np.maximum((twice - 2 * once + nothing) / 2, np.finfo(np.float32).tiny)  # of the projection
        return (nothing - once + power) / (2 * power), 1 / np.sqrt(power)

    @smaller_batches
    def _contrast_of_some(self, model: SubspaceModel, posteriors: Posteriors) -> Array:
        """[3, n] misfits at contrasts of 0, 1 and 2 times the mean one, which are a parabola; in units of that mean."""
        tensors, found = self._tensors(model), np.zeros((3, len(posteriors.rows)))
        for span, batch in self._batches(posteriors.rows):
            state, count = self._state(posteriors, span), span.stop - span.start
            for times in range(3):
                scale = self._filled(np.full(count, times * model.contrast_mean))
                found[times, span] = self.spec.compiled.misfit(batch, tensors, state._replace(contrast=scale)
                                                               ).numpy()[:count]
        return found

    def changes(self, model: SubspaceModel, posteriors: Posteriors, places: Array) -> Array:
        """[2, S, n] of the change m that every image makes from other coordinates [S, n, D] to its own: <r, m>, r the
        whitened residual at the others, and <m, m>."""
        shares = [(posteriors.at(part), places[:, part]) for part in self._shares(len(posteriors.rows))]
        return np.concatenate(pool().map(self._changes_of_some, (model,), shares, "changes"), axis=2)

    @smaller_batches
    def _changes_of_some(self, model: SubspaceModel, posteriors: Posteriors, places: Array) -> Array:
        tensors, found = self._tensors(model), np.zeros((2, *places.shape[:2]))
        for span, batch in self._batches(posteriors.rows):
            state, count = self._state(posteriors, span), span.stop - span.start
            for number, z in enumerate(places):
                change = self.spec.compiled.change(batch, tensors, state, self._filled(z[span]))
                found[:, number, span] = change.numpy()[:, :count]
        return found

    def _counts(self, rows: NDArray[np.int64]) -> Array:
        return np.bincount(self.spec.cache.table.optics_index[rows], minlength=self.spec.n_groups).astype(np.float64)

    def _batches(self, rows: NDArray[np.int64]) -> Iterator[tuple[slice, Batch]]:
        done = 0
        for chosen, batch in batches(self.spec.cache, rows, self.batch_size):
            yield (slice(done, done + len(chosen)),
                   batch if self.transform is None else self.transform(chosen, batch))
            done += len(chosen)

    def _state(self, posteriors: Posteriors, span: slice) -> State:
        return State(*(self._filled(a[span]) for a in (posteriors.z, posteriors.pose, posteriors.contrast)))

    def _filled(self, values: Floats | NDArray[np.int8], size: int | None = None) -> Tensor:
        out = np.zeros((size or self.batch_size, *values.shape[1:]), np.float32)
        out[:len(values)] = values
        out[len(values):] = values[-1:]
        return tf.constant(out)

    # -- sums over particles ------------------------------------------------------------------------------------

    def curvature(self, model: SubspaceModel, posteriors: Posteriors, *, sample: int | None = None) -> Array:
        """Mean over a sample of particles of the Gauss-Newton curvature by (fields, change of the consensus).

        Args:
            sample: particles at most; None: so many that they tell of all unknowns.
        Returns:
            [M R + R', M R + R'], in the coefficients of the two bases.
        """
        basis, consensus, rule = self.spec.basis, self.spec.consensus_basis, model.curvature_rule
        most = sample or rule.particles(model.n_fields * basis.size + consensus.size)
        chosen = evenly_spread(len(posteriors.rows), most)
        some, covariance = posteriors.at(chosen), posteriors.covariance
        shares = rule.shares(some.z, covariance[chosen] if len(covariance) else covariance, self.spec.seed)
        return rule.assembled(self._mean_curvature(model, some, shares, CURVATURE.following), basis, consensus)

    def still_curvature(self, model: SubspaceModel, posteriors: Posteriors, *, sample: int) -> Array:
        """[R, R] mean curvature by a displacement along the modes' basis that is the same for all particles (where they
        have copies of a unit, of one copy), pose and contrast integrated out."""
        some, rule = posteriors.at(evenly_spread(len(posteriors.rows), sample)), model.curvature_rule
        mean = self._mean_curvature(model, some, rule.still_shares(len(some.rows)), following=1.0)
        return rule.assembled_still(mean, self.spec.basis)

    def _mean_curvature(self, model: SubspaceModel, some: Posteriors, weights: Array, following: float) -> Array:
        """Mean over particles of the rule's sums."""
        parts = shares_of(len(weights), self._few, SHARES.few)
        total = pool().total(self._curvature_of_some, (model, following), [(some.at(p), weights[p]) for p in parts])
        return np.asarray(total / len(weights))

    @smaller_batches
    def _curvature_of_some(self, model: SubspaceModel, following: float, some: Posteriors, weights: Array) -> Array:
        tensors, sums = self._tensors(model), self.spec.compiled.curvature(model.curvature_rule)
        total: Array | float = 0.0
        for batch, state, shares in self._few_at_once(some, weights):
            total = total + sums(batch, tensors, state, self.spec.scalar, shares, tf.constant(following)).numpy()
        return np.asarray(total, np.float64)

    @property
    def _few(self) -> int:
        """Particles at once where every one has an image of every field and component."""
        images = 6 * self.spec.basis.scalar.shape[1] * 4 * self.spec.observer.grid.size**2 * 4  # bytes
        return min(CURVATURE.at_once, max(1, self.batch_size // 4), max(1, CURVATURE.bytes_at_once // images))

    def _few_at_once(self, some: Posteriors, values: Array) -> Iterator[tuple[Batch, State, Tensor]]:
        """Small batches, with the states and the values [n, ...] of their particles."""
        for start, (rows, batch) in enumerate(batches(self.spec.cache, some.rows, self._few)):
            span = slice(start * self._few, start * self._few + len(rows))
            state = State(*(self._filled(a[span], self._few) for a in (some.z, some.pose, some.contrast)))
            yield batch, state, self._filled(values[span], self._few)

    def gradient_covariance(self, model: SubspaceModel, posteriors: Posteriors) -> Array:
        """[R, R] covariance over the particles of the gradient of the log-likelihood by a displacement of the modes.

        At the best coordinates, pose and contrast of a particle this is the gradient with all of them integrated out.
        """
        shares = [(posteriors.at(part),) for part in self._shares(len(posteriors.rows))]
        second, mean, count = pool().total(self._gradient_sums, (model,), shares, "gradients")
        mean = mean / count
        return np.asarray(second / count - np.outer(mean, mean))

    @smaller_batches
    def _gradient_sums(self, model: SubspaceModel, posteriors: Posteriors) -> tuple[Array, Array, int]:
        """Sums of g g^T and g over a share of the particles, and their number."""
        tensors, basis = self._tensors(model), self.spec.basis
        second = np.zeros((basis.size, basis.size))
        mean, count = np.zeros(basis.size), 0
        for span, batch in self._batches(posteriors.rows):
            gradients = self.spec.compiled.statistics(batch, tensors, self._state(posteriors, span))
            g = basis.adjoint(gradients.numpy().astype(np.float64))
            second += g.T @ g
            mean += g.sum(0)
            count += (span.stop - span.start) * (len(g) // self.batch_size)  # of every copy, where there are some
        return second, mean, count
