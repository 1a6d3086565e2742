"""What passes over the particles need beside the model: images, bases, and functions traced for them."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gmmhet.engine.imaging.image_model import Batch, Observer, whitening
from gmmhet.engine.imaging.particle_cache import ParticleCache
from gmmhet.engine.runtime.pool import Replicated
from gmmhet.engine.runtime.tensors import Tensor
from gmmhet.engine.subspace.curvature import CurvatureRule
from gmmhet.engine.subspace.decoder import View
from gmmhet.engine.subspace.e_step import PosteriorStep, posterior_step
from gmmhet.engine.subspace.evaluation import ModelTensors, Prior, State, at_state, misfit
from gmmhet.engine.subspace.smooth_fields import FieldBasis
from gmmhet.engine.subspace.state import SubspaceModel

__all__ = ["CompiledFunctions", "EstimatorSpec"]

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class EstimatorSpec(Replicated):
    """What an estimator is made of; never changed.

    Attributes:
        cache: images of the particles. observer: projects Gaussians to such images.
        basis: of the modes. consensus_basis: of the changes of the consensus; both on the same scalar fields.
        batch_size: particles at once, to begin with. seed: of random draws.
        seek: [R, R'] directions among which the first modes are sought; None: all.
        rigid: [6, N, 5] movements that a mode must do more than, when the poses may be in error.
        length: correlation length of the fields, Angstrom.
    """

    cache: ParticleCache
    observer: Observer
    basis: FieldBasis
    consensus_basis: FieldBasis
    batch_size: int
    seed: int = 0
    seek: Array | None = None
    rigid: Array | None = None
    length: float = math.nan

    @property
    def compiled(self) -> "CompiledFunctions":
        """Traced once for all specifications of one observer, whatever their fields and particles; each worker traces
        its own."""
        return self.observer.once(CompiledFunctions)

    @cached_property
    def scalar(self) -> Tensor:
        """[N, A] the scalar fields of both bases."""
        return tf.constant(self.basis.scalar, tf.float32)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "scalar"}

    @property
    def directions(self) -> Array:
        """[R, R'] seek, in figures."""
        return np.eye(self.basis.size) if self.seek is None else self.seek

    @property
    def n_groups(self) -> int:
        """Optics groups."""
        return int(self.cache.table.optics_index.max()) + 1

    def tensors(self, model: SubspaceModel, pixels: NDArray[np.bool_] | None = None) -> ModelTensors:
        """The model as tensors: decoder, whitening, prior.

        Args:
            pixels: [h + 1, h + 1] that are used, by |ky|, |kx|; None: all.
        """
        pose = np.zeros(0) if model.spread is None else model.spread.precision
        prior = Prior(*(tf.constant(a, tf.float32) for a in (
            model.prior_precision, pose, model.contrast_mean, model.contrast_deviation, model.prior_pull)))
        white = whitening(self.observer.grid, model.noise)
        white = white if pixels is None else white * tf.constant(pixels, tf.float32)
        return ModelTensors(model.decoder(self.basis), white, prior)


class CompiledFunctions:
    """A cache of functions of batches, traced by TensorFlow when they are first called.

    Args:
        observer: of the particles.
    """

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._curvatures: dict[CurvatureRule, Any] = {}
        self.step = tf.function(self._step, autograph=False)
        self.misfit = tf.function(self._misfit, autograph=False)
        self.change = tf.function(self._change, autograph=False)
        self.flip = tf.function(self._flip, autograph=False)
        self.statistics = tf.function(self._statistics, autograph=False)

    def curvature(self, rule: CurvatureRule) -> Any:
        """The function (batch, tensors, state, scalar, shares, following) that sums the curvature of a batch; scalar:
        [N, A] scalar fields of the bases, following: a scalar."""
        if rule not in self._curvatures:
            def sums(batch: Batch, tensors: ModelTensors, state: State, scalar: Tensor, shares: Tensor,
                     following: Tensor) -> Tensor:
                point = at_state(self._observer, batch, tensors, state)
                return rule.sums(point, tensors, scalar, shares, following)

            self._curvatures[rule] = tf.function(sums, autograph=False)
        return self._curvatures[rule]

    def _step(self, batch: Batch, tensors: ModelTensors, state: State, draws: Tensor, gradient: bool) -> PosteriorStep:
        return posterior_step(self._observer, batch, tensors, state, gradient=gradient, draws=draws)

    def _misfit(self, batch: Batch, tensors: ModelTensors, state: State) -> Tensor:
        return misfit(self._observer, batch, tensors, state)

    def _change(self, batch: Batch, tensors: ModelTensors, state: State, z: Tensor) -> Tensor:
        """[2, n] of the change m of the whitened image from coordinates z to those of a state: <r, m>, r the residual
        at z, and <m, m>."""
        there, before = (at_state(self._observer, batch, tensors, at).residual for at in (state, state._replace(z=z)))
        change = before - there
        return tf.stack([tf.reduce_sum(before * change, 1), tf.reduce_sum(change**2, 1)])

    def _flip(self, batch: Batch, tensors: ModelTensors, state: State, signs: Tensor) -> Batch:
        """Images with their residuals' signs changed; poses stay as given, since the shift is taken back."""
        observer, decoder = self._observer, tensors.decoder
        posed = observer.posed(batch, state.pose)
        view = View.of(decoder, observer, posed, state.z)
        projection = observer.projector.project(view.factors, view.weights)
        image = state.scale * observer.transfer(posed, tf.ones([])) * projection
        changed = posed._replace(planes=image + signs * (posed.planes - image))
        back = observer.posed(changed, -state.pose) if state.pose.shape[1] else changed
        return batch._replace(planes=back.planes)

    def _statistics(self, batch: Batch, tensors: ModelTensors, state: State) -> Tensor:
        """[n, N, 5] gradient of every particle's log-likelihood by a displacement along a field (relative amplitude);
        of copies of a unit [n G, N_a, 5]."""
        point, decoder = at_state(self._observer, batch, tensors, state), tensors.decoder
        view = point.view
        residual = tf.reshape(point.residual, tf.shape(batch.planes))
        cotangent = (state.scale * point.transfer * residual)[:, tf.newaxis]
        pulled = self._observer.pullback(view.batch, view.factors, view.weights, cotangent)[:, 0]
        relative = tf.concat([pulled[..., :3], pulled[..., 3:] * decoder.weights[:, tf.newaxis],
                              tf.zeros_like(pulled[..., 3:])], -1)
        return decoder.field_gradient(state.z, relative * batch.is_particle[:, tf.newaxis, tf.newaxis])
