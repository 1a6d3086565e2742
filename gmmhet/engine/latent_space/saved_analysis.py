"""What an analysis knows of latent space, read from its files without TensorFlow."""

import zipfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.latent_space.particle_density import Population
from gmmhet.engine.molecule.gaussians import GaussianModel

__all__ = ["Analysis", "read_analysis"]

Array = NDArray[np.float64]
_SHAPES = {"coordinates": "nK", "covariance": "nKK", "centers": "N3", "weights": "N", "sigmas": "N",
           "modes_position": "KN3", "modes_amplitude": "KN"}
_BIG = ("covariance", "deviations")  # of all particles, though few are looked at: not made larger


@dataclass(frozen=True)
class Analysis:
    """Particles in latent space, and the Gaussians that belong to a point of it.

    Attributes:
        folder: of the analysis. coordinates: [n, K]; covariance: [n, K, K], in the precision of the file: of the
            particles or, where subunits were analysed, of every subunit of every particle, and then the variances
            [n, K] alone. subunits: G, 1 without.
        model: at the origin of latent space, on the grid of the particles (C1: the whole molecule).
        position: [K, N, 3] Angstrom. amplitude: [K, N] relative. Both per unit of a coordinate.
    """

    folder: Path
    coordinates: Array
    covariance: NDArray[np.floating[Any]]
    subunits: int
    model: GaussianModel
    position: Array
    amplitude: Array

    @property
    def modes(self) -> int:
        return int(self.position.shape[0])

    @cached_property
    def population(self) -> Population:
        """Density of the particles (or subunits)."""
        return Population(self.coordinates, self.covariance)

    def gaussians_at(self, point: Array) -> GaussianModel:
        """c_i = c + sum_m z_m V_m and w_i = w (1 + sum_m z_m U_m) at z = point [K]."""
        return GaussianModel(
            self.model.centers + np.tensordot(point, self.position, 1),
            self.model.weights * (1 + point @ self.amplitude), self.model.sigmas, self.model.box, self.model.pixel_size,
            self.model.resolution)


def read_analysis(folder: Path) -> Analysis:
    """Read the folder of gmmhet analyze, or of gmmhet run.

    Raises:
        InputError: no analysis there, files that are damaged or disagree, or no mode in it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; expected one made by gmmhet analyze or gmmhet run")
    place = folder / "analysis" if (folder / "analysis" / "analysis.npz").is_file() else folder
    path = place / "analysis.npz"
    arrays = _arrays(path, _SHAPES, ("box", "pixel_size", "resolution"))
    if len(arrays["modes_position"]) == 0:
        raise InputError(f"{path}: the analysis has no mode; there is one map only, and no latent space")
    if len(arrays["coordinates"]) == 0:
        raise InputError(f"{path}: holds no particle; expected the results of gmmhet analyze")
    try:
        model = GaussianModel(arrays["centers"], arrays["weights"], arrays["sigmas"], int(arrays["box"]),
                              float(arrays["pixel_size"]), float(arrays["resolution"]))
    except ValueError as error:
        raise InputError(f"{path}: not the results of gmmhet analyze ({error})") from None
    coordinates, covariance, subunits = arrays["coordinates"], arrays["covariance"], 1
    if (place / "subunits.npz").is_file():
        coordinates, covariance, subunits = _subunits(place / "subunits.npz", len(arrays["modes_position"]))
    return Analysis(place, coordinates, covariance, subunits, model, arrays["modes_position"],
                    arrays["modes_amplitude"])


def _subunits(path: Path, modes: int) -> tuple[Array, NDArray[np.floating[Any]], int]:
    """Coordinates and variances of all subunits, and their number in a particle."""
    arrays = _arrays(path, {"coordinates": "nGK", "deviations": "nGK"}, ())
    n, subunits, k = arrays["coordinates"].shape
    if k != modes:
        raise InputError(f"{path}: {k} coordinates a subunit; expected {modes}, as analysis.npz has modes")
    deviations = arrays["deviations"].reshape(n * subunits, k)
    return arrays["coordinates"].reshape(n * subunits, k), np.square(deviations, out=deviations), subunits


def _numbers(array: NDArray[Any], *, keep: bool) -> NDArray[np.floating[Any]]:
    """In double precision, or in the precision it has."""
    return np.asarray(array, array.dtype if keep and array.dtype.kind == "f" else np.float64)


def _arrays(path: Path, shapes: dict[str, str], scalars: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Arrays of a file whose shapes agree: one letter an axis, the same letter the same length."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected the results of gmmhet analyze")
    try:
        with np.load(path, allow_pickle=False) as data:
            arrays = {key: _numbers(data[key], keep=key in _BIG) for key in (*shapes, *scalars)}
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not the results of gmmhet analyze ({str(error).splitlines()[0]})") from None
    sizes: dict[str, int] = {}
    for key, letters in {**shapes, **dict.fromkeys(scalars, "")}.items():
        shape = arrays[key].shape
        expected = [3 if c == "3" else sizes.get(c) for c in letters]
        if len(shape) != len(letters) or any(e not in (None, s) for e, s in zip(expected, shape, strict=True)):
            raise InputError(f"{path}: {key} has shape {shape}; expected [{', '.join(letters)}] with {sizes}")
        sizes |= {c: s for c, s in zip(letters, shape, strict=True) if c != "3"}
        if key != "covariance" and not np.isfinite(arrays[key]).all():
            raise InputError(f"{path}: {key} holds NaN or infinity; expected finite numbers")
    return arrays
