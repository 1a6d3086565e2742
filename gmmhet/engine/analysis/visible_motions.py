"""How much images tell of motions of parts of a molecule, before any is sought."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gmmhet.engine.analysis.settings import DETECTABLE
from gmmhet.engine.imaging.image_model import batches
from gmmhet.engine.molecule.part_motions import PartMotion
from gmmhet.engine.sampling import evenly_spread
from gmmhet.engine.subspace.decoder import LinearModes
from gmmhet.engine.subspace.evaluation import ModelTensors, State
from gmmhet.engine.subspace.passes import SubspaceEstimator
from gmmhet.engine.subspace.planted_motion import RestingMolecule
from gmmhet.engine.subspace.state import Posteriors, SubspaceModel

__all__ = ["VisibleMotion", "visible_motions"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class VisibleMotion:
    """motion: of 1 Angstrom. information: [m] of some images on its coordinate, poses and contrast integrated out."""

    motion: PartMotion
    information: Array


def visible_motions(estimator: SubspaceEstimator, rest: SubspaceModel, still: Posteriors, molecule: RestingMolecule,
                    motions: list[PartMotion]) -> list[VisibleMotion]:
    """The information of a sample of images on motions of one copy, each alone.

    Args:
        rest: the model without modes. still: the particles under it, with their poses and contrasts.
        motions: a few at a time are looked at, so that all of them have the same shape.
    """
    some = still.at(evenly_spread(len(still.rows), DETECTABLE.sample))
    found: list[VisibleMotion] = []
    for start in range(0, len(motions), DETECTABLE.at_once):
        few = motions[start:start + DETECTABLE.at_once]
        fields = np.stack([motion.field(molecule.centers) for motion in few])
        information = _information(estimator, rest, some, molecule, fields)
        found += [VisibleMotion(motion, values) for motion, values in zip(few, information.T, strict=True)]
    return found


def _information(estimator: SubspaceEstimator, rest: SubspaceModel, some: Posteriors, molecule: RestingMolecule,
                 fields: Array) -> Array:
    """[m, K] information of images on K fields of displacements [K, N, 3], each alone."""
    spec, k = estimator.spec, len(fields)
    usual = spec.tensors(rest)
    decoder = LinearModes(*(tf.constant(a, tf.float32) for a in (
        molecule.centers, molecule.weights, molecule.variances, fields, np.zeros(fields.shape[:2]))))
    tensors = ModelTensors(decoder, usual.white, usual.prior._replace(precision=tf.eye(k)))
    size, parts, done = min(estimator.batch_size, len(some.rows)), [], 0
    for rows, batch in batches(spec.cache, some.rows, size):
        at = np.resize(np.arange(done, done + len(rows)), size)
        state = State(*(tf.constant(a, tf.float32) for a in (
            np.zeros((size, k)), some.pose[at], some.contrast[at])))
        signs = tf.ones([size, rest.n_pose])
        result = spec.compiled.step(batch, tensors, state, signs, False)
        parts.append(np.einsum("nkk->nk", result.information.numpy().astype(np.float64))[:len(rows)])
        done += len(rows)
    return np.asarray(np.maximum(np.concatenate(parts), DETECTABLE.least_information))
