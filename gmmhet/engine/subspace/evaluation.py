"""The image model of a batch of particles at one state: whitened projections, and what is left of the images."""

from typing import NamedTuple

import tensorflow as tf

from gmmhet.engine.imaging.image_model import Batch, Observer
from gmmhet.engine.runtime.tensors import Tensor
from gmmhet.engine.subspace.decoder import Decoder, View

__all__ = ["ModelTensors", "Point", "Prior", "State", "at_state", "flat", "misfit"]


class Prior(NamedTuple):
    """precision: [D, D] of z. pose: [P] precisions of the corrections of the pose, P = 5 or 0. mean, deviation: of the
    contrast (scalars). pull: [D] 1, or 0 where the prior of a coordinate is flat: then its precision is that of a
    normal prior of the same density, and it is one about wherever the coordinate is."""

    precision: Tensor
    pose: Tensor
    mean: Tensor
    deviation: Tensor
    pull: Tensor


class ModelTensors(NamedTuple):
    """A model as tensors: its decoder, the whitening [G, h + 1, h + 1] of imaging.image_model, and the prior."""

    decoder: Decoder
    white: Tensor
    prior: Prior


class State(NamedTuple):
    """z: [n, D]. pose: [n, P] corrections (imaging.image_model.POSE), P = 0 when poses are exact. contrast: [n]."""

    z: Tensor
    pose: Tensor
    contrast: Tensor

    @property
    def scale(self) -> Tensor:
        """[n, 1, 1, 1, 1] the contrast, to multiply images by."""
        return self.contrast[:, None, None, None, None]


class Point(NamedTuple):
    """The model at one state.

    Attributes:
        state: z, pose and contrast. view: posed batch and Gaussians. transfer: CTF over noise, T.
        base: [n, 2, 2, h + 1, h + 1] T times the projection. residual: [n, pixels] whitened image minus the model.
    """

    state: State
    view: View
    transfer: Tensor
    base: Tensor
    residual: Tensor


def flat(x: Tensor, leading: int) -> Tensor:
    """All axes after some leading ones as one."""
    shape = tf.shape(x)
    return tf.reshape(x, tf.concat([shape[:leading], [-1]], 0))


def at_state(observer: Observer, batch: Batch, tensors: ModelTensors, state: State) -> Point:
    """The model of a batch at a state."""
    posed = observer.posed(batch, state.pose)
    view = View.of(tensors.decoder, observer, posed, state.z)
    transfer = observer.transfer(posed, tensors.white)
    base = transfer * observer.projector.project(view.factors, view.weights)
    data = posed.planes * observer.whitening_of(posed, tensors.white)
    residual = flat(data - state.scale * base, 1)
    return Point(state, view, transfer, base, residual)


def misfit(observer: Observer, batch: Batch, tensors: ModelTensors, state: State) -> Tensor:
    """[n] squared length of the whitened residual at a state."""
    return tf.reduce_sum(at_state(observer, batch, tensors, state).residual**2, 1)
