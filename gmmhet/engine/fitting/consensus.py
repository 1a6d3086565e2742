"""A map or an atomic model on the grid and in the frame of a set of particles."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.config import FitConfig
from gmmhet.engine.conventions import voxel_origin
from gmmhet.engine.errors import InputError
from gmmhet.engine.fitting.atoms import Atoms, atomic_density, read_atoms
from gmmhet.engine.fitting.halves import half_maps_of
from gmmhet.engine.fitting.molecule import MapToFit
from gmmhet.engine.fitting.settings import CHOICES
from gmmhet.engine.io.atomic_models import is_atomic
from gmmhet.engine.io.mrc import DensityMap
from gmmhet.engine.molecule.field import on_particle_grid, read_density
from gmmhet.engine.molecule.masks import read_mask
from gmmhet.engine.molecule.signal import HalfMaps

__all__ = ["Consensus", "consensus_for"]

_LOG = logging.getLogger("gmmhet")



@dataclass(frozen=True)
class Consensus:
    """What the Gaussians are fitted to.

    Attributes:
        density: on the particles' grid. mask: [box] * 3 on it, when the user gave one.
        finest: Angstrom; an automatic resolution is no finer: 16 A, or what the source and the particles hold.
        notes: how it was made. halves: half maps on the particles' grid, where there are some.
    """

    density: DensityMap
    mask: NDArray[np.float32] | None
    finest: float
    notes: dict[str, Any]
    halves: HalfMaps | None = None

    def to_fit(self, source: Path) -> MapToFit:
        """What the fit takes; source: named in messages and in the model."""
        return MapToFit(self.density, str(source), self.mask, self.halves, self.finest)


def consensus_for(source: Path, box: int, pixel_size: float, config: FitConfig) -> Consensus:
    """Read a map or an atomic model for particles of a box and pixel size (Angstrom).

    A map of another box, voxel size or field of view is resampled by physical size, padded or cropped. An atomic model
    is taken to be centred on its origin, or on the middle of the particles' box seen from its corner (the frame of an
    MRC map), whichever holds it.

    Raises:
        InputError: unreadable; a map whose voxel size makes no sense beside the particles'; a resolution finer than the
            map or the particles hold; a molecule that fits into neither frame.
    """
    if is_atomic(source):
        return _from_atoms(source, box, pixel_size, config)
    density = read_density(source)
    coarsest = max(density.pixel_size, pixel_size)
    if config.resolution is not None and config.resolution < 2 * coarsest * (1 - 1e-6):
        whose = "the particles" if pixel_size >= density.pixel_size else source
        raise InputError(f"--resolution is {config.resolution:g} Å; expected at least {2 * coarsest:.4g} Å, twice the "
                         f"pixel size of {whose}")
    mask = read_mask(config.mask, box, pixel_size) if config.mask is not None else None
    halves = half_maps_of(source, density, config.half_maps)
    notes: dict[str, Any] = {"source_kind": "map"}
    given, density = density, on_particle_grid(density, box, pixel_size, source)
    if density.data is not given.data:
        notes["resampled_from"] = {"box": given.box, "pixel_size": given.pixel_size}
        halves = halves and HalfMaps(*(on_particle_grid(half, box, pixel_size, source)
                                       for half in (halves.first, halves.second)))
    return Consensus(density, mask, max(CHOICES.finest_with_particles, CHOICES.pixels_per_resolution * coarsest), notes,
                     halves)


def _from_atoms(source: Path, box: int, pixel_size: float, config: FitConfig) -> Consensus:
    atoms = read_atoms(source)
    half, corner = 0.5 * box * pixel_size, voxel_origin(box) * pixel_size
    frames = {"its own": atoms.positions, "corner of the box": atoms.positions - corner}
    fitting = {name: float(np.linalg.norm(p.mean(axis=0))) for name, p in frames.items() if np.abs(p).max() < half}
    if not fitting:
        low, high = atoms.positions.min(axis=0), atoms.positions.max(axis=0)
        raise InputError(f"{source}: atoms from {np.round(low).tolist()} to {np.round(high).tolist()} Å fit into the "
                         f"particles' box of {2 * half:.4g} Å neither around the origin nor from its corner; expected "
                         "a model in the frame of the map that the poses belong to")
    frame = min(fitting, key=lambda name: fitting[name])
    finest = max(CHOICES.finest_with_particles, CHOICES.pixels_per_resolution * pixel_size)
    blur = finest if config.resolution is None else config.resolution
    _LOG.info("%s: %d atoms as a map at %.3g Å; the centre of the particles is taken to be at %s", source,
              len(atoms.electrons), blur, "its origin" if frame == "its own" else f"({corner:.4g}) * 3 Å")
    density = atomic_density(Atoms(frames[frame], atoms.electrons), blur, box=box, pixel_size=pixel_size)
    mask = read_mask(config.mask, box, pixel_size) if config.mask is not None else None
    return Consensus(density, mask, finest, {"source_kind": "atoms", "n_atoms": len(atoms.electrons), "origin": frame})
