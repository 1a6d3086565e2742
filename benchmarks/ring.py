"""The ring of fourteen subunits: coordinates of every subunit, and how subunits move together."""

from typing import NamedTuple

import numpy as np
from figures import Figure, Range, at_least, at_most
from numpy.typing import NDArray
from oracle import joint_estimates
from scipy.stats import spearmanr
from stages import Analysis, Bench, DataSet, StageError

from gmmhet.engine.molecule.symmetry import rotation_about
from gmmhet.engine.simulate import ring_covariance

__all__ = ["ring"]

Array = NDArray[np.float64]

_COPIES = 14
_D7 = ("--symmetry", "D7")


class Matched(NamedTuple):
    """Subunits in the truth's order: coordinates [n, 14] of mode 1, correlation [14, 14] as the engine reports it."""

    coordinates: Array
    correlation: Array


def true_rotations() -> Array:
    """[14, 3, 3] that take subunit 01 to every subunit: seven about z, then those followed by the half turn about x."""
    seven = np.stack([rotation_about((0, 0, 1), i / 7) for i in range(7)])
    return np.concatenate([seven, np.diag([1.0, -1.0, -1.0]) @ seven])


def matched(found: Analysis, truth: Array) -> Matched:
    """The engine's subunits in the truth's order.

    Its first asymmetric unit is some subunit p of the truth; copy g of it is then the one that rotations[g] takes p
    to. Of the 14 possible p that one is taken with which the coordinates follow the truth [n, 14] best.

    Raises:
        StageError: the engine wrote no subunits, or rotations that are not D7.
    """
    path = found.folder / "subunits.npz"
    if not path.is_file():
        raise StageError(f"no {path}")
    with np.load(path) as file:
        coordinates, rotations, correlation = (np.asarray(file[k]) for k in ("coordinates", "rotations", "correlation"))
    operations = true_rotations()
    best: tuple[float, Matched] | None = None
    for first in operations:
        distance = np.abs((rotations @ first)[:, None] - operations[None]).max(axis=(2, 3))
        subunit = distance.argmin(axis=1)
        if distance.min(axis=1).max() > 1e-3 or len(set(subunit)) != _COPIES:
            raise StageError(f"rotations of {path} are not those of D7 about z and x")
        place = np.argsort(subunit)
        ours = Matched(coordinates[:, place, 0], correlation[0][np.ix_(place, place)])
        score = abs(float(np.mean(_signed(ours.coordinates, truth))))
        if best is None or score > best[0]:
            best = score, ours
    assert best is not None
    return best[1]


def _signed(coordinates: Array, truth: Array) -> Array:
    """[14] rank correlation of each subunit with its true angle."""
    return np.array([spearmanr(a, b).statistic for a, b in zip(coordinates.T, truth.T, strict=True)])


def _oracle(data: DataSet) -> Array:
    kept = data.folder / "joint.npy"
    if not kept.is_file():
        np.save(kept, joint_estimates(data.folder, data.what, ring_covariance()))
    return np.asarray(np.load(kept))


def ring(work: Bench, seed: int) -> list[Figure]:
    """The oracle: posterior means of the 14 angles of a particle together, the true covariance as prior."""
    data = work.simulate("ring14", 0.1, seed)
    truth = data.truth().coordinates
    ours = matched(work.analyze(data, "likelihood", *_D7, fit=_D7), truth)
    rank, best = abs(float(np.mean(_signed(ours.coordinates, truth)))), float(np.mean(_signed(_oracle(data), truth)))
    deviation = np.sqrt(np.diag(ring_covariance()))
    planted = ring_covariance() / np.outer(deviation, deviation)
    pairs = ~np.eye(_COPIES, dtype=bool)
    error = float(np.abs(ours.correlation - planted)[pairs].max())
    drawn = float(np.abs(np.corrcoef(truth.T) - planted)[pairs].max())
    signs = float((np.sign(ours.correlation) == np.sign(planted))[pairs].mean())
    return [
        Figure("ring14, SNR 0.1: rank correlation, mean over subunits / oracle's", f"{rank:.3f}", f"{best:.3f}",
               rank / best, at_least(0.8), at_least(0.95)),
        Figure("same: pairs of subunits whose correlation has the right sign", f"{signs:.3f}", "1.000", signs,
               at_least(0.95), Range(1, 1)),
        Figure("same: largest error of a correlation (of the drawn angles beside)", f"{error:.3f}", f"{drawn:.3f}",
               error, at_most(0.2), at_most(0.1))]
