"""Where fits along curves start: coordinates of linear modes, laid along a line or around a circle."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from gmmhet.engine.analysis.settings import CURVED
from gmmhet.engine.molecule.curves import CIRCUMFERENCE, Curves, emptiest, wrapped
from gmmhet.engine.subspace.curved_modes import CurvedModel
from gmmhet.engine.subspace.state import SubspaceModel
from gmmhet.engine.wording import curves as wording

__all__ = ["EVERY_MODE", "ONE_COORDINATE", "CurveKind", "started"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class CurveKind:
    """A way from K linear modes to curves.

    Attributes:
        name: for people. words: line or circle, of each coordinate; empty: a line for every mode.
        unrolled: a line around the plane of the first two modes, from where it is emptiest.
    """

    name: str
    words: tuple[str, ...] = ()
    unrolled: bool = False

    def applies(self, modes: int) -> bool:
        """Whether so many linear modes can be begun with."""
        return modes > len(self.words) if self.words else 1 <= modes <= CURVED.most_straight

    def curves(self, modes: int) -> Curves:
        """The coordinates."""
        return Curves.of(self.words or ("line",) * modes)


ONE_COORDINATE = (CurveKind(wording.ONE_CLOSED_CURVE, ("circle",)), CurveKind(wording.ONE_CURVE, ("line",)),
                  CurveKind(wording.ONE_CURVE_AROUND, ("line",), unrolled=True))
EVERY_MODE = CurveKind(wording.CURVE_FOR_EVERY_MODE)


def started(kind: CurveKind, model: SubspaceModel, z: Array) -> CurvedModel:
    """Curves near the coordinates z [n, K] of particles under linear modes: fields by regression on the functions."""
    curves = kind.curves(z.shape[1])
    if not kind.words:
        coefficients = np.zeros((curves.size, model.coefficients.shape[1]))
        for mode, segment in enumerate(curves.segments):
            coefficients[segment.start] = model.coefficients[mode]
        return CurvedModel.of(model, curves, coefficients)
    place = _along(kind, z)
    t = np.pad(curves.amounts(place[:, None]), [(0, 0), (0, 1)], constant_values=1.0)
    found, *_ = np.linalg.lstsq(t, z, rcond=None)
    return CurvedModel.of(model, curves, found[:-1] @ model.coefficients)


def _along(kind: CurveKind, z: Array) -> Array:
    """[n] the coordinate of every particle."""
    if kind.words == ("line",) and not kind.unrolled:
        return _normal_scores(z[:, 0])
    angle = np.arctan2(*(z[:, :2] - _middle(z[:, :2])).T[::-1])
    place = wrapped(angle / (2 * np.pi) * CIRCUMFERENCE)
    return _normal_scores(wrapped(place - emptiest(place) - CIRCUMFERENCE / 2)) if kind.unrolled else place


def _middle(z: Array) -> Array:
    """[2] of the circle that is nearest to points [n, 2] (Kasa 1976)."""
    columns = np.column_stack([2 * z, np.ones(len(z))])
    found, *_ = np.linalg.lstsq(columns, (z**2).sum(1), rcond=None)
    return np.asarray(found[:2])


def _normal_scores(values: Array) -> Array:
    """[n] quantiles of N(0, 1) by rank."""
    rank = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    return np.asarray(ndtri((rank + 0.5) / len(values)))
