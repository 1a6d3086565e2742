"""A simulated data set: particles drawn, imaged and written with their truth."""

import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.config import SimulateConfig
from gmmhet.engine.conventions import euler_to_matrix
from gmmhet.engine.ctf import ctf, ctf_coefficients
from gmmhet.engine.errors import InputError
from gmmhet.engine.io import output_folder, replacing, table_from, write_map, write_stack, write_star
from gmmhet.engine.progress import progress
from gmmhet.engine.simulate.molecules import Molecule
from gmmhet.engine.simulate.presets import Preset, preset
from gmmhet.engine.simulate.projection import density_map, frequency_grid, images_from_slices, projection_slices

__all__ = ["Particles", "clean_slices", "consensus_map", "draw_particles", "simulate"]

_LOG = logging.getLogger("gmmhet")

VOLTAGE, SPHERICAL_ABERRATION, AMPLITUDE_CONTRAST = 300.0, 2.7, 0.1  # kV, mm, fraction
_DEFOCUS_RANGE = (20000.0, 35000.0)  # Angstrom, of both axes
_ASTIGMATISM = 500.0  # largest difference of the two defoci, Angstrom
_SHIFT = 3.0  # largest, pixels
_PER_MICROGRAPH = 50
_PIXELS_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Particles:
    """n drawn particles.

    Attributes:
        state: [n] from 0. coordinates: [n, D] true coordinates of the molecule.
        angles: [n, 3] rot, tilt, psi, degrees. origins: [n, 2] rlnOriginX/YAngst.
        defocus: [n, 3] U, V (Angstrom), angle (degrees). half_set: [n] 1 or 2. micrograph: [n] from 0.
    """

    state: NDArray[np.int64]
    coordinates: NDArray[np.float64]
    angles: NDArray[np.float64]
    origins: NDArray[np.float64]
    defocus: NDArray[np.float64]
    half_set: NDArray[np.int64]
    micrograph: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.state)


def draw_particles(what: Preset, n: int, pixel_size: float, rng: np.random.Generator) -> Particles:
    """Draw n particles: states of the preset, uniform orientations, shifts up to 3 pixels, defocus per micrograph.

    All numbers are rounded to the digits that the STAR file keeps, so the file holds them exactly.
    """
    state, coordinates = what.draw(rng, n)
    tilt = np.rad2deg(np.arccos(rng.uniform(-1, 1, n)))
    angles = np.stack([rng.uniform(-180, 180, n), tilt, rng.uniform(-180, 180, n)], axis=1)
    micrograph = np.arange(n) // _PER_MICROGRAPH
    count = n // _PER_MICROGRAPH + 1
    mean = rng.uniform(_DEFOCUS_RANGE[0] + _ASTIGMATISM / 2, _DEFOCUS_RANGE[1] - _ASTIGMATISM / 2, count)
    half = rng.uniform(0, _ASTIGMATISM / 2, count)
    defocus = np.stack([mean + half, mean - half, rng.uniform(0, 180, count)], axis=1)[micrograph]
    return Particles(
        state, np.round(coordinates, 6), np.round(angles, 6),
        np.round(rng.uniform(-_SHIFT, _SHIFT, (n, 2)) * pixel_size, 6), np.round(defocus, 6),
        rng.permutation(np.arange(n) % 2 + 1), micrograph)


def clean_slices(
    molecule: Molecule, particles: Particles, rows: NDArray[np.int64], *, box: int, pixel_size: float,
    coordinates: NDArray[np.float64] | None = None,
) -> NDArray[np.complex64]:
    """Fourier transforms of the noise-free, CTF-modulated images of some particles.

    Args:
        rows: [b] from 0. coordinates: [b, D] instead of the particles' true ones.
    Returns:
        [b, box, box // 2 + 1], frequencies as of numpy.fft.rfft2, origin at pixel box // 2.
    """
    centers, weights = molecule.place(particles.coordinates[rows] if coordinates is None else coordinates)
    slices = projection_slices(centers, weights, molecule.sigma, euler_to_matrix(particles.angles[rows]),
                               particles.origins[rows], box=box, pixel_size=pixel_size)
    u, v, angle = particles.defocus[rows].T
    coefficients = ctf_coefficients(u, v, angle, 0.0, VOLTAGE, SPHERICAL_ABERRATION, AMPLITUDE_CONTRAST)
    slices *= ctf(coefficients, *frequency_grid(box, pixel_size)).astype(np.float32)
    return slices


def consensus_map(molecule: Molecule, coordinates: NDArray[np.float64], *, box: int, pixel_size: float,
                  ) -> NDArray[np.float32]:
    """The mean of the maps of all particles' conformations [n, D]: what a refinement without errors would give.

    A coordinate of many values is put on a grid of 64 values by linear interpolation, since a map of n times N
    Gaussians would take long.
    """
    static = molecule.take(molecule.is_static)
    centers, weights = [static.centers], [static.weights]
    for d in range(coordinates.shape[1]):
        moving = molecule.take((molecule.turned_by == d) | (molecule.scaled_by == d))
        values, share = _distribution(coordinates[:, d])
        table = np.zeros((len(values), coordinates.shape[1]))
        table[:, d] = values
        some_centers, some_weights = moving.place(table)
        centers.append(some_centers.reshape(-1, 3))
        weights.append((some_weights * share[:, None]).ravel())
    return density_map(np.concatenate(centers), np.concatenate(weights), molecule.sigma, box=box, pixel_size=pixel_size)


def _distribution(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distinct values and the share of particles at each; at most 64, by linear interpolation."""
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) <= 64:
        return distinct, counts / len(values)
    grid = np.linspace(distinct[0], distinct[-1], 64)
    position = (values - grid[0]) / (grid[1] - grid[0])
    lower = np.minimum(position.astype(np.int64), 62)
    upper_share = position - lower
    share = np.bincount(lower, 1 - upper_share, 64) + np.bincount(lower + 1, upper_share, 64)
    return grid, share / len(values)


def simulate(config: SimulateConfig, output: Path) -> None:
    """Write particles.mrcs, particles.star, consensus.mrc, truth.csv and truth/state_NN.mrc of a preset.

    Images and maps share one greyscale, chosen so that the noise has variance 1. The molecule is the same for every
    seed; the seed draws the particles and the noise.

    Raises:
        InputError: the molecule does not fit the box, or the folder cannot be written.
    """
    what = preset(config.preset)
    n = config.particles or what.particles
    box, pixel_size = config.box or what.box, config.pixel_size or what.pixel_size
    snr = config.snr or what.snr
    if not np.isfinite(snr):
        raise InputError(f"--snr is {snr}; expected a finite number")
    rng = np.random.default_rng(config.seed)
    particles = draw_particles(what, n, pixel_size, rng)
    _check_fit(config.preset, what.molecule, np.concatenate([what.states, particles.coordinates]), box, pixel_size)
    folder = output_folder(output)
    truth = output_folder(folder / "truth")
    scale = _write_images(folder, what.molecule, particles, snr, rng, box, pixel_size)
    write_map(folder / "consensus.mrc",
              scale * consensus_map(what.molecule, particles.coordinates, box=box, pixel_size=pixel_size), pixel_size)
    for old in truth.glob("state_*.mrc"):
        old.unlink()
    placed = zip(*what.molecule.place(what.states), strict=True)
    for i, (centers, weights) in enumerate(progress(placed, "true maps", len(what.states))):
        state = density_map(centers, weights, what.molecule.sigma, box=box, pixel_size=pixel_size)
        write_map(truth / f"state_{i:02d}.mrc", scale * state, pixel_size)
    _write_truth(folder / "truth.csv", what.columns, particles)
    _write_particles_star(folder / "particles.star", particles, box, pixel_size)
    _LOG.info("%s: %d particles of %s, %d px of %g A, SNR %g", folder, n, config.preset, box, pixel_size, snr)


def _check_fit(name: str, molecule: Molecule, coordinates: NDArray[np.float64], box: int, pixel_size: float) -> None:
    diameter = 2 * max(molecule.radius(coordinates[i:i + 100]) for i in range(0, len(coordinates), 100))
    if diameter > box * pixel_size:
        raise InputError(f"--box {box} --pixel-size {pixel_size:g} make {box * pixel_size:g} A; expected at least "
                         f"{diameter:.0f} A, the size of the molecule of {name}")


def _write_images(folder: Path, molecule: Molecule, particles: Particles, snr: float, rng: np.random.Generator,
                  box: int, pixel_size: float) -> float:
    """Write the stack; returns the factor from the molecule's density to the greyscale of unit noise variance.

    The noise-free images wait in an unnamed file, since the signal's variance over all of them sets the scale.
    """
    n = len(particles)
    size = max(1, _PIXELS_AT_ONCE // box**2)
    batches = [np.arange(start, min(start + size, n)) for start in range(0, n, size)]
    with tempfile.TemporaryFile(dir=folder) as file:
        clean = np.memmap(file, np.float32, "w+", shape=(n, box, box))
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


def _write_truth(path: Path, columns: list[str], particles: Particles) -> None:
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8") as out:
        out.write(",".join(["id", "state", *columns]) + "\n")
        for row, (state, values) in enumerate(zip(particles.state, particles.coordinates, strict=True), 1):
            out.write(",".join([str(row), str(state), *(f"{v:.6f}" for v in values)]) + "\n")


def _write_particles_star(path: Path, particles: Particles, box: int, pixel_size: float) -> None:
    optics = table_from("optics", {
        "rlnOpticsGroup": [1], "rlnOpticsGroupName": ["opticsGroup1"], "rlnVoltage": [VOLTAGE],
        "rlnSphericalAberration": [SPHERICAL_ABERRATION], "rlnAmplitudeContrast": [AMPLITUDE_CONTRAST],
        "rlnImagePixelSize": [float(pixel_size)], "rlnImageSize": [box], "rlnImageDimensionality": [2]})
    rows = table_from("particles", {
        "rlnImageName": [f"{i:06d}@particles.mrcs" for i in range(1, len(particles) + 1)],
        "rlnMicrographName": [f"micrographs/mic{i + 1:04d}.mrc" for i in particles.micrograph],
        "rlnOpticsGroup": np.ones(len(particles), int),
        "rlnAngleRot": particles.angles[:, 0], "rlnAngleTilt": particles.angles[:, 1],
        "rlnAnglePsi": particles.angles[:, 2],
        "rlnOriginXAngst": particles.origins[:, 0], "rlnOriginYAngst": particles.origins[:, 1],
        "rlnDefocusU": particles.defocus[:, 0], "rlnDefocusV": particles.defocus[:, 1],
        "rlnDefocusAngle": particles.defocus[:, 2], "rlnPhaseShift": np.zeros(len(particles)),
        "rlnRandomSubset": particles.half_set})
    write_star(path, [optics, rows])
