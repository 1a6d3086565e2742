"""Images to which a motion was added: what a search finds in them tells what it would have found.

Model of an image with a moving part, y' = y + s C e(o) (F(z) - F(0)): its own noise, CTF, contrast and errors of the
pose stay, and the signal at rest is taken for that of the conformation z.
"""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gmmhet.engine.imaging.image_model import Batch, Observer, rotation_matrix
from gmmhet.engine.molecule.part_motions import Moves, PartMotion
from gmmhet.engine.runtime.pool import Replicated
from gmmhet.engine.runtime.tensors import Tensor

__all__ = ["PlantedMotion", "RestingMolecule", "TrueParticles"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class RestingMolecule:
    """Gaussians of G copies of a unit, copy after copy, without motion.

    Attributes:
        centers: [N, 3] Angstrom. weights: [N]. variances: [N] squared widths. rotations: [G, 3, 3], x of copy g =
            rotations[g] x of the first.
    """

    centers: Array
    weights: Array
    variances: Array
    rotations: Array


@dataclass(frozen=True)
class TrueParticles:
    """What the planted signal of n particles is made with.

    Attributes:
        rows: [n] in the cache, ascending. coordinate: [n, G] of every copy, of unit variance. pose: [n, P] corrections
            of the given pose (imaging.image_model.POSE). contrast: [n].
    """

    rows: NDArray[np.int64]
    coordinate: Array
    pose: Array
    contrast: Array


class PlantedMotion(Replicated):
    """A transform of batches: adds what a motion changes in the images.

    Args:
        motion: of one copy, per unit of its coordinate. molecule: that moves. particles: their coordinates and poses.
    """

    def __init__(self, observer: Observer, molecule: RestingMolecule, motion: PartMotion, particles: TrueParticles,
                 ) -> None:
        self._observer, self._molecule, self._motion, self._particles = observer, molecule, motion, particles
        self._add = tf.function(self._added, autograph=False)

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in vars(self).items() if name != "_add"}

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state)
        self._add = tf.function(self._added, autograph=False)

    def __call__(self, rows: NDArray[np.int64], batch: Batch) -> Batch:
        """The batch of some rows, the last ones of which may only fill it up."""
        true = self._particles
        place = np.searchsorted(true.rows, np.resize(rows, batch.planes.shape[0]))
        planes = self._add(batch, *(tf.constant(a[place], tf.float32) for a in (
            true.coordinate, true.pose, true.contrast)))
        return batch._replace(planes=planes)

    def _added(self, batch: Batch, coordinate: Tensor, pose: Tensor, contrast: Tensor) -> Tensor:
        observer, molecule = self._observer, self._molecule
        weights, variances = (tf.constant(a, tf.float32) for a in (molecule.weights, molecule.variances))
        posed = observer.posed(batch, pose)
        centers = tf.constant(molecule.centers, tf.float32)
        moved, rest = (observer.projector.project(observer.factors(posed, at, variances), weights)
                       for at in (self._moved(coordinate), centers))
        change = contrast[:, None, None, None, None] * observer.transfer(posed, tf.ones([])) * (moved - rest)
        if pose.shape[1]:  # the shift that the image has
            change = observer.posed(posed._replace(planes=change), -pose).planes
        return batch.planes + change

    def _moved(self, coordinate: Tensor) -> Tensor:
        """[n, N, 3] centres at coordinates [n, G]."""
        motion, turns = self._motion, self._molecule.rotations
        copies = tf.constant(self._molecule.centers.reshape(len(turns), -1, 3), tf.float32)
        inside = tf.constant(motion.inside)[:, tf.newaxis]
        parts = []
        for g, turn in enumerate(turns):
            z, part = coordinate[:, g:g + 1], _turned(motion.moves, turn)
            parts.append(tf.where(inside, _displaced(copies[g][tf.newaxis], part, z), copies[g][tf.newaxis]))
        whole = tf.concat(parts, axis=1)
        for g, turn in enumerate(turns):
            whole = _displaced(whole, _turned(motion.whole, turn), coordinate[:, g:g + 1])
        return whole


def _turned(moves: Moves, turn: Array) -> Moves:
    """A movement of the first copy as one of another copy."""
    return Moves(turn @ moves.middle, turn @ moves.turn, turn @ moves.shift)


def _displaced(points: Tensor, moves: Moves, amount: Tensor) -> Tensor:
    """[n, N, 3] points [n or 1, N, 3] after amounts [n, 1] of a rigid movement."""
    middle, turn, shift = (tf.constant(a, tf.float32) for a in (moves.middle, moves.turn, moves.shift))
    rotations = rotation_matrix(amount * turn)
    return (tf.matmul(points - middle, rotations, transpose_b=True) + middle
            + (amount * shift)[:, tf.newaxis])
