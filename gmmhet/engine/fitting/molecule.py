"""From a map in memory to Gaussians."""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.config import FitConfig
from gmmhet.engine.conventions import voxel_origin
from gmmhet.engine.errors import InputError
from gmmhet.engine.fitting.choices import choose_number, choose_resolution, resolution_of_number
from gmmhet.engine.fitting.fourier import fourier_target
from gmmhet.engine.fitting.misfit import Gaussians
from gmmhet.engine.fitting.optimise import refine
from gmmhet.engine.fitting.seeding import seed_points
from gmmhet.engine.fitting.settings import CHOICES, FIT, QUALITY
from gmmhet.engine.fitting.spectrum import Spectrum
from gmmhet.engine.io.mrc import DensityMap
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.molecule.map_content import MapContent, find_molecule
from gmmhet.engine.molecule.maps import coarser_map, field_of_view, low_pass
from gmmhet.engine.molecule.settings import SIGNAL
from gmmhet.engine.molecule.signal import HalfMaps, signal_of_map, tells_its_signal
from gmmhet.engine.molecule.symmetry import asymmetric_unit, compact_direction, rotation_matrices

__all__ = ["MapToFit", "fit_molecule"]

_LOG = logging.getLogger("gmmhet")


@dataclass(frozen=True)
class MapToFit:
    """A map and what is known about it.

    Attributes:
        density: the map. name: of it, for messages. mask: [box] * 3, 0 to 1, see :func:`find_molecule`; or None.
        halves: its half maps, or None. finest: Angstrom; an automatic resolution is no finer.
        make_halves: makes half maps, where there are none and the map alone does not tell where its signal ends; may
            give None.
    """

    density: DensityMap
    name: str = "map"
    mask: NDArray[np.float32] | None = None
    halves: HalfMaps | None = None
    finest: float = CHOICES.finest
    make_halves: Callable[[], HalfMaps | None] | None = None


@dataclass(frozen=True)
class _Scale:
    """Resolution (Angstrom), number of Gaussians of the whole, and where the molecule is at that resolution."""

    resolution: float
    number: int
    signal: float
    content: MapContent


@dataclass(frozen=True)
class _Piece:
    """The part of a map that holds the molecule.

    Attributes:
        density: low-passed, solvent at zero, on the working grid; inside: where the molecule is.
        target: what is fitted, divided by its spectrum, cut to the molecule and its soft surroundings.
        spectrum: that it was divided by.
        middle: [3] xyz, Angstrom: the target's middle voxel n // 2 in the frame of the map's origin.
    """

    density: DensityMap
    inside: NDArray[np.bool_]
    target: NDArray[np.float32]
    spectrum: Spectrum
    middle: NDArray[np.float64]


def fit_molecule(given: MapToFit, config: FitConfig) -> tuple[GaussianModel, MapContent]:
    """Fit Gaussians to the molecule of a map.

    Returns:
        The model, of one asymmetric unit when config.symmetry is not C1; and the molecule as it was found.
    Raises:
        InputError: no density above the surroundings, or a resolution beyond Nyquist.
    """
    scale = _scale(given, config)
    resolution = scale.resolution
    piece = _piece(given.density, resolution, scale.content)
    rotations = rotation_matrices(config.symmetry)
    start = _seeds(piece, max(1, round(scale.number / len(rotations))), config)
    pixel = piece.density.pixel_size
    limit = 1 / (1 / resolution + FIT.shells_beyond / (max(piece.target.shape) * pixel))
    target = fourier_target(piece.target, pixel, limit, piece.spectrum)
    found, unexplained = refine(start, target, resolution=resolution,
                                sigma_range=(FIT.narrowest * resolution, FIT.widest * resolution),
                                rotations=rotations, offset=piece.middle)
    if unexplained > QUALITY.unexplained:
        _LOG.warning("%s: the Gaussians leave %.0f%% of its (whitened) power unexplained; expected below %.0f%%: too "
                     "few of them, a map of noise, or not of symmetry %s in RELION's setting", given.name,
                     100 * unexplained, 100 * QUALITY.unexplained, config.symmetry)
    about = {"unexplained_whitened_power": unexplained, "n_gaussians_whole": len(found.weights) * len(rotations),
             "signal_resolution": scale.signal, "molecule_volume": scale.content.volume,
             "density_volume": scale.content.extent, "solvent_level": scale.content.level}
    model = GaussianModel(found.centers, found.weights * pixel**3, found.sigmas, given.density.box,
                          given.density.pixel_size, resolution, config.symmetry, about)
    return model, scale.content


def _scale(given: MapToFit, config: FitConfig) -> _Scale:
    """Resolution and number of Gaussians of the whole molecule, as asked for or chosen."""
    asked, pixel, coarsest = config.resolution, given.density.pixel_size, _coarsest(given, config)
    if asked is None:
        given = _with_halves(given)
    signal = _signal(given, SIGNAL.half_map_fsc)
    equal = signal if given.halves is None else _signal(given, SIGNAL.equal_fsc)
    content = _found(given, max(asked or max(CHOICES.finest, min(signal, coarsest)), CHOICES.pixels_per_blur * pixel))
    _LOG.info("%s: a molecule of %.3g Å³ in solvent of density %.3g; signal to %.3g Å (%s)", given.name,
              content.volume, content.level, signal, "half maps" if given.halves is not None else "the map alone")
    resolution = asked or min(coarsest, choose_resolution(equal, pixel, content.extent, given.finest))
    number = config.n_gaussians
    if number is None:
        number = choose_number(content.extent, resolution)
        _LOG.info("%d Gaussians: one per (%g x %.3g Å)^3 of the %.3g Å³ that its density fills, rims included",
                  number, CHOICES.spacing, resolution, content.extent)
    elif asked is None and resolution_of_number(number, content.extent) > resolution:
        resolution = min(float(f"{resolution_of_number(number, content.extent):.3g}"), coarsest)
        _LOG.info("resolution %.3g Å instead: what %d Gaussians can carry", resolution, number)
    if resolution > 1.01 * content.blur:
        content = _found(given, resolution)
    return _Scale(resolution, number, signal, content)


def _with_halves(given: MapToFit) -> MapToFit:
    """The same with half maps, where it has none and they are needed and can be made."""
    if given.halves is not None or given.make_halves is None or tells_its_signal(*_for_signal(given)):
        return given
    return replace(given, halves=given.make_halves())


def _coarsest(given: MapToFit, config: FitConfig) -> float:
    """The coarsest resolution that makes sense (Angstrom).

    Raises:
        InputError: the resolution that was asked for is coarser, or finer than the map.
    """
    asked, finest = config.resolution, 2 * given.density.pixel_size
    coarsest = field_of_view(given.density) / CHOICES.fields_of_view
    if asked is not None and asked < finest * (1 - 1e-6):
        raise InputError(f"--resolution is {asked:g} Å; expected at least {finest:.4g} Å, twice the pixel size of "
                         f"{given.name}")
    if asked is not None and asked > coarsest:
        raise InputError(f"--resolution is {asked:g} Å; expected at most {coarsest:.4g} Å, a quarter of the field of "
                         f"view of {given.name}")
    return coarsest


def _found(given: MapToFit, blur: float) -> MapContent:
    content = find_molecule(given.density, blur, given.mask)
    if not content.found:
        raise InputError(f"{given.name}: no density above its surroundings" +
                         ("" if given.mask is None else " inside the mask") + "; expected a molecule, white on black")
    return content


def _signal(given: MapToFit, fsc: float) -> float:
    """Where the signal ends, or half maps correlate to ``fsc``; on a grid a little finer than the resolution."""
    pixel = given.finest / FIT.pixels_per_resolution
    halves = given.halves and HalfMaps(coarser_map(given.halves.first, pixel), coarser_map(given.halves.second, pixel))
    return signal_of_map(*_for_signal(given), halves, fsc)


def _for_signal(given: MapToFit) -> tuple[DensityMap, MapContent]:
    """The map on a grid a little finer than the resolution, and its molecule, coarsely."""
    density = given.density
    blur = max(field_of_view(density) / CHOICES.coarse_blurs, FIT.pixels_per_resolution * density.pixel_size)
    return coarser_map(density, given.finest / FIT.pixels_per_resolution), _found(given, blur)


def _piece(density: DensityMap, resolution: float, content: MapContent) -> _Piece:
    """Cut the molecule out, on a grid no finer than the resolution needs."""
    work = content.without_solvent(coarser_map(density, resolution / FIT.pixels_per_resolution))
    soft = content.mask(work.box, work.pixel_size, grow=FIT.grow * resolution, width=FIT.fade * resolution)
    inside = content.mask(work.box, work.pixel_size, grow=0.0, width=0.0) > 0.5
    spans = [slice(int(held[0]), int(held[-1]) + 1) for held in (
        np.flatnonzero((soft > 1e-6).any(axis=other)) for other in ((1, 2), (0, 2), (0, 1)))]
    window = (spans[0], spans[1], spans[2])
    middle = [(s.start + (s.stop - s.start) // 2 - voxel_origin(work.box)) * work.pixel_size for s in reversed(spans)]
    spectrum = Spectrum.of(work, resolution)
    target = (spectrum.flattened(work).data * soft)[window]
    return _Piece(low_pass(work, resolution), inside, target, spectrum, np.array(middle))


def _seeds(piece: _Piece, number: int, config: FitConfig) -> Gaussians:
    """Gaussians spread over (one asymmetric unit of) the molecule; weights as sums over the target's voxels."""
    pixel = piece.density.pixel_size
    order = len(rotation_matrices(config.symmetry))
    finer = max(1, math.ceil((FIT.seed_voxels * number * order / piece.inside.sum()) ** (1 / 3)))
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
