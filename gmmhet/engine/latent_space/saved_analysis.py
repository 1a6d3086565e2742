"""analysis.npz and subunits.npz: what they hold, and what an analysis knows of latent space, without TensorFlow."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.io.array_schema import ArrayField, ArraySchema
from gmmhet.engine.latent_space.particle_density import Population
from gmmhet.engine.molecule.curves import Curves
from gmmhet.engine.molecule.deformation import Deformation
from gmmhet.engine.molecule.gaussians import GaussianModel

__all__ = ["ANALYSIS_FILE", "CURVE_ARRAYS", "SUBUNITS_FILE", "Analysis", "deformation_in", "read_analysis"]

Array = NDArray[np.float64]
_OF_LATENT_SPACE = ("coordinates", "covariance", "centers", "weights", "sigmas", "box", "pixel_size", "resolution",
                    "modes_position", "modes_amplitude")
CURVE_ARRAYS = ("curve_position", "curve_amplitude", "curve_periodic")

ANALYSIS_FILE = ArraySchema("the results of gmmhet analyze", (
    ArrayField("ids", "n", "int64", "", "row of the particle in the analysed file, from 1"),
    ArrayField("coordinates", "nK", "float64", "standard deviations of the particles", "posterior means", finite=True),
    ArrayField("covariance", "nKK", "float32", "", "posterior (float64 in gradient PCA)"),
    ArrayField("contrast", "n", "float64", "", "s, of the images"),
    ArrayField("log_likelihood", "n", "float64", "", "NaN in gradient PCA"),
    ArrayField("score", "n", "float64", "", "mean Fourier ring correlation with the model at the given pose"),
    ArrayField("half", "n", "int64", "", "half-set, 1 or 2"),
    ArrayField("centers", "N3", "float64", "Å", "of the Gaussians where all coordinates are 0", finite=True),
    ArrayField("weights", "N", "float64", "map value x Å³", "integrated density there", finite=True),
    ArrayField("sigmas", "N", "float64", "Å", "standard deviations", finite=True),
    ArrayField("box", "", "int64", "pixels", "of the images", finite=True),
    ArrayField("pixel_size", "", "float64", "Å", "of the images", finite=True),
    ArrayField("resolution", "", "float64", "Å", "of the analysis", finite=True),
    ArrayField("modes_position", "KN3", "float64", "Å per unit of coordinate", "displacements, seen from the part of "
               "the molecule that moves least or, where large motions were linearised again, in the frame of the given "
               "poses", finite=True),
    ArrayField("modes_amplitude", "KN", "float64", "per unit of coordinate", "relative changes of the weights",
               finite=True),
    ArrayField("flexibility", "N", "float64", "", "mean length of the position gradient at the fitted model, where "
               "large motions were linearised again of the Gaussian that each was a part of"),
    ArrayField("occupancy", "N", "float64", "", "spread of the amplitude gradient, alike"),
    ArrayField("noise_frequency", "S", "float64", "1/Å", "of the shells of noise_variance"),
    ArrayField("noise_variance", "S", "float64", "", "of the real part of the noise, the mean over the optics groups"),
    ArrayField("spectrum", "E", "float64", "", "variance explained by each eigenvector, longest first; E is K or more"),
    ArrayField("followed", "", "bool", "", "whether large motions were linearised again (summary.json, followed)"),
    ArrayField("junk", "n", "float64", "", "probability to show next to nothing of the molecule at the given pose",
               "where junk was left out"),
    ArrayField("cross_coordinates", "2nK", "float32", "standard deviations of the particles", "posterior means from "
               "either half of the Fourier pixels, under the modes of the other half-set",
               "with --cross-coordinates yes", finite=True),
    ArrayField("cross_deviations", "2nK", "float32", "standard deviations of the particles", "their posterior standard "
               "deviations", "with --cross-coordinates yes", finite=True),
    ArrayField("noise_by_group", "GS", "float64", "", "of each optics group", "likelihood method"),
    ArrayField("pose", "n5", "float32", "Å, Å, radians", "corrections of rlnOriginX/YAngst, and a rotation vector in "
               "the frame of the view, whose third component is in the plane", "where poses are not taken as exact"),
    ArrayField("pose_deviations", "n5", "float32", "Å, Å, radians", "posterior standard deviations of pose",
               "where pose is"),
    ArrayField("modes_given", "KN3", "float64", "Å per unit of coordinate", "modes_position in the frame of the given "
               "poses", "where that is another one"),
    ArrayField("curve_position", "MN3", "float64", "Å", "displacements of the functions along the coordinates "
               "(gmmhet.engine.molecule.curves), those of each in turn; modes_position has the first of each",
               "where coordinates are along curves", finite=True),
    ArrayField("curve_amplitude", "MN", "float64", "", "relative changes of the weights, alike",
               "where curve_position is", finite=True),
    ArrayField("curve_given", "MN3", "float64", "Å", "curve_position in the frame of the given poses",
               "where that is another one"),
    ArrayField("curve_periodic", "K", "bool", "", "whether a coordinate is on a circle", "where curve_position is"),
    ArrayField("local_pose", "n6", "float64", "Å, radians", "shift x, y, z and rotation vector of the part in focus, "
               "axes of the model", "with --local-pose"),
    ArrayField("local_pose_deviations", "n6", "float64", "Å, radians", "posterior standard deviations of local_pose",
               "with --local-pose"),
    ArrayField("local_pose_center", "3", "float64", "Å", "about which the part turns", "with --local-pose"),
    ArrayField("in_focus", "N", "bool", "", "Gaussians of the part", "with --local-pose"),
))

SUBUNITS_FILE = ArraySchema("the subunits of gmmhet analyze --symmetry", (
    ArrayField("ids", "n", "int64", "", "row of the particle in the analysed file, from 1"),
    ArrayField("coordinates", "nGK", "float64", "standard deviations", "posterior means of each subunit", finite=True),
    ArrayField("deviations", "nGK", "float32", "standard deviations", "posterior standard deviations", finite=True),
    ArrayField("rotations", "G33", "float64", "", "x of subunit g = rotations[g] x of the first, which is the "
               "asymmetric unit of model.npz"),
    ArrayField("correlation", "KGG", "float64", "", "of the true coordinates of the subunits of one particle, "
               "estimated with the posterior's part taken off; the same for pairs that the group takes to each other"),
))


@dataclass(frozen=True)
class Analysis:
    """Particles in latent space, and the Gaussians that belong to a point of it.

    Attributes:
        folder: of the analysis. coordinates: [n, K]; covariance: [n, K, K], in the precision of the file: of the
            particles or, where subunits were analysed, of every subunit of every particle, and then the variances
            [n, K] alone. subunits: G, 1 without.
        model: at the origin of latent space, on the grid of the particles (C1: the whole molecule).
        deformation: of these Gaussians with the coordinates.
        halves: [n] 1 or 2, of the rows of coordinates; None: not known. prior_mean: [K] of the coordinates, where it
            is not 0.
    """

    folder: Path
    coordinates: Array
    covariance: NDArray[np.floating[Any]]
    subunits: int
    model: GaussianModel
    deformation: Deformation
    halves: NDArray[np.int64] | None = None
    prior_mean: Array | None = None

    @property
    def modes(self) -> int:
        return self.deformation.coordinates

    @cached_property
    def population(self) -> Population:
        """Density of the particles (or subunits)."""
        return Population(self.coordinates, self.covariance, self.halves,
                          0.0 if self.prior_mean is None else self.prior_mean)

    def gaussians_at(self, point: Array) -> GaussianModel:
        """The Gaussians at z = point [K]."""
        model = self.model
        return GaussianModel(self.deformation.centers(model.centers, point),
                             self.deformation.weights(model.weights, point), model.sigmas, model.box, model.pixel_size,
                             model.resolution)


def read_analysis(folder: Path) -> Analysis:
    """Read the folder of gmmhet analyze, or of gmmhet run.

    Raises:
        InputError: no analysis there, files that are damaged or disagree, or no mode in it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; expected one made by gmmhet analyze or gmmhet run")
    inside = folder / "analysis" if (folder / "analysis" / "analysis.npz").is_file() else folder
    path = inside / "analysis.npz"
    arrays = ANALYSIS_FILE.read(path, _OF_LATENT_SPACE, ("half", "followed", *CURVE_ARRAYS))
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
    if (inside / "subunits.npz").is_file():
        coordinates, covariance, subunits = _subunits(inside / "subunits.npz", len(arrays["modes_position"]))
    halves = np.repeat(arrays["half"], subunits).astype(np.int64) if "half" in arrays else None
    mean = coordinates.mean(axis=0) if arrays.get("followed", False) else None
    return Analysis(inside, coordinates, covariance, subunits, model, deformation_in(arrays, path), halves, mean)


def deformation_in(arrays: dict[str, NDArray[Any]], path: Path) -> Deformation:
    """From arrays of analysis.npz: along its curves, where it has some.

    Raises:
        InputError: the curves do not fit together.
    """
    if "curve_position" not in arrays:
        return Deformation(arrays["modes_position"], arrays["modes_amplitude"])
    try:
        curves = Curves(tuple(bool(p) for p in arrays["curve_periodic"]))
        found = Deformation(arrays["curve_position"], arrays["curve_amplitude"], curves)
    except KeyError as error:
        raise InputError(f"{path}: no array {error.args[0]}, which goes with curve_position") from None
    if len(found.position) != curves.size:
        raise InputError(f"{path}: curve_position has {len(found.position)} fields; expected {curves.size}, as many as "
                         f"{', '.join(curves.kinds)} have functions")
    return found


def _subunits(path: Path, modes: int) -> tuple[Array, NDArray[np.floating[Any]], int]:
    """Coordinates and variances of all subunits, and their number in a particle."""
    arrays = SUBUNITS_FILE.read(path, ("coordinates", "deviations"))
    n, subunits, k = arrays["coordinates"].shape
    if k != modes:
        raise InputError(f"{path}: {k} coordinates a subunit; expected {modes}, as analysis.npz has modes")
    deviations = arrays["deviations"].reshape(n * subunits, k)
    return arrays["coordinates"].reshape(n * subunits, k), np.square(deviations, out=deviations), subunits
