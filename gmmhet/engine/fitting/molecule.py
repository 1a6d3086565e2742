"""From a map in memory to Gaussians."""

import logging
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.config import FitConfig
from gmmhet.engine.conventions import voxel_origin
from gmmhet.engine.errors import InputError
from gmmhet.engine.fitting.choices import FINEST, choose_number, choose_resolution, resolution_of_number
from gmmhet.engine.fitting.fourier import fourier_target
from gmmhet.engine.fitting.optimise import Gaussians, refine
from gmmhet.engine.fitting.seeding import seed_points
from gmmhet.engine.io.mrc import DensityMap
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.molecule.maps import (
    coarser_map,
    dense_region,
    field_of_view,
    low_pass,
    molecular_volume,
    soft_edge,
    solvent_level,
)
from gmmhet.engine.molecule.symmetry import asymmetric_unit, compact_direction, rotation_matrices

__all__ = ["fit_map"]

_LOG = logging.getLogger("gmmhet")

_WORKING_PIXELS = 3.0  # per resolution element: finer sampling adds nothing to what is fitted
_SEED_VOXELS = 8  # of the dense region for a Gaussian, at least
_SIGMA_RANGE = (0.22, 0.6)  # of the resolution: narrower, they alias; wider, they span what moves apart
_OVERVIEW = 12.0  # Angstrom; blur at which a molecule's volume is measured when no resolution is asked for
_ITERATIONS = 200
_POOR = 0.2  # unexplained share of whitened power: to be said


@dataclass(frozen=True)
class _Piece:
    """The part of a map that holds the molecule.

    Attributes:
        density: low-passed, solvent at zero, on the working grid; inside: where the molecule is.
        target: what is fitted, cut to the molecule and its soft surroundings.
        middle: [3] xyz, Angstrom: the target's middle voxel n // 2 in the frame of the map's origin.
    """

    density: DensityMap
    inside: NDArray[np.bool_]
    target: NDArray[np.float32]
    middle: NDArray[np.float64]


def fit_map(density: DensityMap, config: FitConfig, mask: NDArray[np.float32] | None = None, name: str = "map",
            finest: float = FINEST) -> GaussianModel:
    """Fit Gaussians to a map.

    Args:
        mask: [box, box, box] 0..1; the molecule is where it exceeds one half. Default: found by density.
        name: of the map, for messages. finest: Angstrom; an automatic resolution is no finer.
    Returns:
        The model; of one asymmetric unit when config.symmetry is not C1.
    Raises:
        InputError: no density above the surroundings, or a resolution beyond Nyquist.
    """
    resolution, number = _scale(density, config, mask, name, finest)
    piece = _piece(density, resolution, mask, name)
    rotations = rotation_matrices(config.symmetry)
    start = _seeds(piece, max(1, round(number / len(rotations))), config)
    target = fourier_target(piece.target, piece.density.pixel_size, resolution)
    low, high = (share * resolution for share in _SIGMA_RANGE)
    found, unexplained = refine(start, target, resolution=resolution, sigma_range=(low, high), rotations=rotations,
                                offset=piece.middle, iterations=_ITERATIONS)
    if unexplained > _POOR:
        _LOG.warning("%s: the Gaussians leave %.0f%% of its (whitened) power unexplained; expected below %.0f%%: too "
                     "few of them, a map of noise, or not of symmetry %s in RELION's setting", name, 100 * unexplained,
                     100 * _POOR, config.symmetry)
    about = {"unexplained_whitened_power": unexplained, "n_gaussians_whole": len(found.weights) * len(rotations)}
    return GaussianModel(found.centers, found.weights * piece.density.pixel_size**3, found.sigmas, density.box,
                         density.pixel_size, resolution, config.symmetry, about)


def _scale(density: DensityMap, config: FitConfig, mask: NDArray[np.float32] | None, name: str,
           finest: float) -> tuple[float, int]:
    """Resolution and number of Gaussians of the whole molecule, as asked for or chosen."""
    asked = config.resolution
    if asked is not None and asked < 2 * density.pixel_size * (1 - 1e-6):
        raise InputError(f"--resolution is {asked:g} A; expected at least {2 * density.pixel_size:.4g} A, twice the "
                         f"pixel size of {name}")
    coarsest = field_of_view(density) / 4
    if asked is not None and asked > coarsest:
        raise InputError(f"--resolution is {asked:g} A; expected at most {coarsest:.4g} A, a quarter of the field of "
                         f"view of {name}")
    piece = _piece(density, max(asked or _OVERVIEW, 2.5 * density.pixel_size), mask, name)
    volume = molecular_volume(piece.density, piece.inside)
    resolution = asked or min(coarsest, choose_resolution(
        coarser_map(density, finest / _WORKING_PIXELS), density.pixel_size, volume, finest))
    if config.n_gaussians is None:
        number = choose_number(volume, resolution)
        _LOG.info("%d Gaussians: one per (0.7 x %.3g A)^3 of a molecule of %.3g A^3", number, resolution, volume)
        return resolution, number
    carried = resolution_of_number(config.n_gaussians, volume)
    if asked is None and carried > resolution:
        resolution = min(float(f"{carried:.3g}"), coarsest)
        _LOG.info("resolution %.3g A instead: what %d Gaussians can carry", resolution, config.n_gaussians)
    return resolution, config.n_gaussians


def _piece(density: DensityMap, resolution: float, mask: NDArray[np.float32] | None, name: str) -> _Piece:
    """Find the molecule on a grid no finer than the resolution needs, and cut it out."""
    work = coarser_map(density, resolution / _WORKING_PIXELS)
    if mask is None:
        inside = dense_region(work, resolution)
    else:
        inside = coarser_map(DensityMap(mask, density.pixel_size), resolution / _WORKING_PIXELS).data > 0.5
    if not inside.any():
        raise InputError(f"{name}: no density above its surroundings" + ("" if mask is None else " inside the mask") +
                         "; expected a molecule, white on black")
    level = np.float32(solvent_level(work))
    smooth = low_pass(work, resolution)
    soft = soft_edge(inside, 1.5 * resolution / work.pixel_size, resolution / work.pixel_size)
    spans = [slice(int(held[0]), int(held[-1]) + 1) for held in (
        np.flatnonzero(soft.any(axis=other)) for other in ((1, 2), (0, 2), (0, 1)))]
    window = (spans[0], spans[1], spans[2])
    middle = [(s.start + (s.stop - s.start) // 2 - voxel_origin(work.box)) * work.pixel_size for s in reversed(spans)]
    return _Piece(DensityMap(smooth.data - level, work.pixel_size), inside, ((work.data - level) * soft)[window],
                  np.array(middle))


def _seeds(piece: _Piece, number: int, config: FitConfig) -> Gaussians:
    """Gaussians spread over (one asymmetric unit of) the molecule; weights as sums over the target's voxels."""
    pixel = piece.density.pixel_size
    order = len(rotation_matrices(config.symmetry))
    finer = max(1, math.ceil((_SEED_VOXELS * number * order / piece.inside.sum()) ** (1 / 3)))
    points, masses = _cloud(piece, finer)
    unit = asymmetric_unit(points, config.symmetry, compact_direction(points, config.symmetry, masses))
    points, masses = points[unit], masses[unit]
    centers, nearest = seed_points(points, masses, min(number, len(points)), config.seed)
    spacing = (len(points) * (pixel / finer) ** 3 / len(centers)) ** (1 / 3)
    return Gaussians(centers, nearest, np.full(len(centers), 0.5 * spacing))


def _cloud(piece: _Piece, finer: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Voxels of the molecule, each cut into finer**3: points [m, 3] xyz (Angstrom) and masses [m] > 0."""
    pixel, box = piece.density.pixel_size, piece.density.box
    index = np.argwhere(piece.inside)
    values = np.maximum(piece.density.data[piece.inside].astype(np.float64), 0)
    values = np.maximum(values, 1e-3 * values.max())
    offsets = (np.arange(finer) + 0.5) / finer - 0.5
    grid = np.stack(np.meshgrid(offsets, offsets, offsets, indexing="ij"), axis=-1).reshape(-1, 3)
    points = ((index - voxel_origin(box))[:, None, ::-1] + grid) * pixel
    return points.reshape(-1, 3), np.repeat(values / finer**3, finer**3)
