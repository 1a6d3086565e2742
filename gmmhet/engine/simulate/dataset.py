"""A simulated data set: particles drawn, imaged and written with their truth."""

import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.config import SimulateConfig
from gmmhet.engine.config.realism import Realism
from gmmhet.engine.errors import InputError
from gmmhet.engine.io import output_folder, write_map, write_stack
from gmmhet.engine.progress import progress
from gmmhet.engine.simulate.consensus import refined_map
from gmmhet.engine.simulate.molecules import Molecule
from gmmhet.engine.simulate.particles import Particles, clean_slices, draw_particles
from gmmhet.engine.simulate.pose_errors import with_pose_errors
from gmmhet.engine.simulate.presets import Preset, preset
from gmmhet.engine.simulate.projection import density_map, images_from_slices
from gmmhet.engine.simulate.real_noise import RealNoise
from gmmhet.engine.simulate.realistic_dataset import draw_realistic_set
from gmmhet.engine.simulate.tables import write_particles_star, write_truth

__all__ = ["simulate"]

_LOG = logging.getLogger("gmmhet")

_PIXELS_AT_ONCE = 1 << 20


def simulate(config: SimulateConfig, output: Path, what: Preset | None = None, realism: Realism | None = None,
             noise: RealNoise | None = None) -> None:
    """Write a preset's particles.mrcs, particles.star, consensus.mrc, truth.csv, truth/{particles.star, state_NN.mrc}.

    Images and maps share one greyscale, chosen so that the noise has variance 1. The molecule is the same for every
    seed; the seed draws the particles and the noise, and the errors of the poses apart from them.

    Args:
        what: a planted truth of the caller's own, instead of the preset that the configuration names.
        realism: effects of microscopes, for images that are not ideal; there are then also truth/images.csv,
            truth/as_real.json and refinement/*.mrc, and consensus.mrc is made of the images (see RealisticSet).
        noise: real images that the signals are planted in, in place of simulated noise; they set box, pixel size,
            optics and half-sets (see RealNoise).
    Raises:
        InputError: the molecule does not fit the box, or the folder cannot be written.
    """
    name = config.preset if what is None else "the given molecule"
    what = what or preset(config.preset)
    n = config.particles or what.particles
    size = _Size(config.box or what.box, config.pixel_size or what.pixel_size, config.snr or what.snr)
    if noise is not None:
        n, size = min(n, len(noise.table)), size._replace(box=noise.table.box, pixel_size=noise.table.pixel_size)
    if not np.isfinite(size.snr):
        raise InputError(f"--snr is {size.snr}; expected a finite number")
    rng = np.random.default_rng(config.seed)
    particles = draw_particles(what, n, size.pixel_size, rng)
    _check_fit(name, what.molecule, np.concatenate([what.states[what.mapped], particles.coordinates]), size)
    folder = output_folder(output)
    output_folder(folder / "truth")
    if noise is not None:
        given = with_pose_errors(particles, config.angle_error, config.shift_error, config.seed)
        noise.plant(what, particles, given, size.snr, folder)
    elif realism is None:
        _write_ideal_set(folder, what, particles, config, size, rng)
    else:
        drawn = draw_realistic_set(what, particles, config, realism, **size._asdict())
        drawn.write(folder)
        _write_stars(folder, drawn.particles, drawn.given, size, drawn.found.place)
    write_truth(folder / "truth.csv", what.columns, particles)
    _LOG.info("%s: %d particles of %s, %d px of %g Å, SNR %g", folder, n, name, *size)


class _Size(NamedTuple):
    """Of the images: box in pixels, pixel size in Angstrom; snr: signal over noise variance."""

    box: int
    pixel_size: float
    snr: float


def _write_ideal_set(folder: Path, what: Preset, particles: Particles, config: SimulateConfig, size: _Size,
                     rng: np.random.Generator) -> None:
    """Images, tables and maps of particles without effects of microscopes."""
    box, pixel_size, snr = size
    given = with_pose_errors(particles, config.angle_error, config.shift_error, config.seed)
    scale = _write_images(folder, what.molecule, particles, snr, rng, box, pixel_size)
    consensus = refined_map(what.molecule, particles, given, config.shift_error, box=box, pixel_size=pixel_size)
    write_map(folder / "consensus.mrc", scale * consensus, pixel_size)
    _write_true_maps(folder / "truth", what, scale, box, pixel_size)
    _write_stars(folder, particles, given, size)


def _write_stars(folder: Path, true: Particles, given: Particles, size: _Size,
                 places: NDArray[np.float64] | None = None) -> None:
    """The particles with true and with given poses; places: [n, 2] in the micrographs."""
    write_particles_star(folder / "truth" / "particles.star", "../particles.mrcs", true, size.box, size.pixel_size,
                         places)
    write_particles_star(folder / "particles.star", "particles.mrcs", given, size.box, size.pixel_size, places)


def _check_fit(name: str, molecule: Molecule, coordinates: NDArray[np.float64], size: _Size) -> None:
    diameter = 2 * max(molecule.radius(coordinates[i:i + 100]) for i in range(0, len(coordinates), 100))
    if diameter > size.box * size.pixel_size:
        raise InputError(f"--box {size.box} --pixel-size {size.pixel_size:g} make {size.box * size.pixel_size:g} Å; "
                         f"expected at least {diameter:.0f} Å, the size of {name}")


def _write_images(folder: Path, molecule: Molecule, particles: Particles, snr: float, rng: np.random.Generator,
                  box: int, pixel_size: float) -> float:
    """Write the stack; returns the factor from the molecule's density to the greyscale of unit noise variance.

    The noise-free images wait in an unnamed file, since the signal's variance over all of them sets the scale.
    """
    n = len(particles)
    size = max(1, _PIXELS_AT_ONCE // box**2)
    batches = [np.arange(start, min(start + size, n)) for start in range(0, n, size)]
    with tempfile.TemporaryFile(dir=folder) as file:
        os.posix_fallocate(file.fileno(), 0, 4 * n * box**2)  # a full disk is an error here, not later
        clean = np.memmap(file, np.float32, "r+", shape=(n, box, box))
        total = squares = 0.0
        for rows in progress(batches, "project", len(batches)):
            images = images_from_slices(clean_slices(molecule, particles, rows, box=box, pixel_size=pixel_size), box)
            clean[rows] = images
            total += float(images.sum(dtype=np.float64))
            squares += float(np.square(images, dtype=np.float64).sum())
        variance = squares / clean.size - (total / clean.size) ** 2
        scale = float(np.sqrt(snr / variance))

        def noisy() -> Iterator[NDArray[np.float32]]:
            for rows in progress(batches, "write images", len(batches)):
                noise = rng.standard_normal((len(rows), box, box), dtype=np.float32)
                yield np.float32(scale) * clean[rows] + noise

        write_stack(folder / "particles.mrcs", (n, box, box), pixel_size, noisy())
    return scale


def _write_true_maps(folder: Path, what: Preset, scale: float, box: int, pixel_size: float) -> None:
    """state_NN.mrc of the states that have a map; those of an earlier simulation go."""
    for old in folder.glob("state_*.mrc"):
        old.unlink()
    digits = max(2, len(str(len(what.states) - 1)))
    for number in progress(what.mapped.tolist(), "true maps", len(what.mapped)):
        centers, weights = what.molecule.place(what.states[number:number + 1])
        state = density_map(centers[0], weights[0], what.molecule.sigma, box=box, pixel_size=pixel_size)
        write_map(folder / f"state_{number:0{digits}d}.mrc", scale * state, pixel_size)
