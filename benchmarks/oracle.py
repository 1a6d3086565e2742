"""The oracle: places particles with everything known but the state. No estimate can do better on average.

For each particle it computes the exact likelihood of every true state from the noise-free image of that state at the
particle's true pose and CTF and the true noise variance, and takes the true population as prior.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.io import open_stack, read_map, read_particles
from gmmhet.engine.simulate import Molecule, Particles, Preset, clean_slices, density_map, preset

__all__ = ["Truth", "posterior", "read_truth", "share_right"]

_ROWS_AT_ONCE = 100


@dataclass(frozen=True)
class Truth:
    """state [n] from 0 and coordinates [n, D] of truth.csv."""

    state: NDArray[np.int64]
    coordinates: NDArray[np.float64]


def read_truth(folder: Path) -> Truth:
    """truth.csv of a simulated folder."""
    rows = np.loadtxt(folder / "truth.csv", delimiter=",", skiprows=1, ndmin=2)
    return Truth(rows[:, 1].astype(np.int64), rows[:, 2:])


def posterior(folder: Path, name: str) -> NDArray[np.float64]:
    """Posterior probabilities [n, S] of the S true states for the particles of a simulated folder.

    Args:
        name: preset that the folder was made with.
    """
    what, truth = preset(name), read_truth(folder)
    table = read_particles(folder / "particles.star")
    particles = Particles(truth.state, truth.coordinates, table.angles, table.origins, table.defocus[:, :3],
                          table.half_set, table.micrograph)
    scale = _greyscale(folder, what, table.box, table.pixel_size)
    images = open_stack(folder / "particles.mrcs")
    out = np.empty((len(table), len(what.states)))
    for start in range(0, len(table), _ROWS_AT_ONCE):
        rows = np.arange(start, min(start + _ROWS_AT_ONCE, len(table)))
        data = np.fft.rfft2(np.fft.ifftshift(images[rows], axes=(1, 2))).astype(np.complex64)
        out[rows] = _log_likelihood(data, what, particles, rows, scale, table.pixel_size)
    out += np.log(np.bincount(truth.state, minlength=len(what.states)) / len(table))
    out = np.exp(out - out.max(axis=1, keepdims=True))
    return out / out.sum(axis=1, keepdims=True)


def _log_likelihood(data: NDArray[np.complex64], what: Preset, particles: Particles, rows: NDArray[np.int64],
                    scale: float, pixel_size: float) -> NDArray[np.float64]:
    """[b, S] up to a constant per particle; noise of variance 1 a pixel has variance box^2 a Fourier coefficient."""
    box = data.shape[1]
    count = np.full(box // 2 + 1, 2.0, np.float32)  # how often a column of the half plane stands in the whole
    count[0] = 1
    if box % 2 == 0:
        count[-1] = 1

    def slices(molecule: Molecule, state: NDArray[np.float64]) -> NDArray[np.complex64]:
        return scale * clean_slices(molecule, particles, rows, box=box, pixel_size=pixel_size,
                                    coordinates=np.repeat(state[None], len(rows), axis=0))

    static = what.molecule.is_static
    moving = what.molecule.take(~static)
    rest = data - slices(what.molecule.take(static), what.states[0])
    columns = []
    for state in what.states:
        residual = rest - slices(moving, state)
        power = (residual.real**2 + residual.imag**2) @ count
        columns.append(-power.sum(axis=1, dtype=np.float64) / (2 * box**2))
    return np.stack(columns, axis=1)


def _greyscale(folder: Path, what: Preset, box: int, pixel_size: float) -> float:
    """Factor from the molecule's density to the files' greyscale, from the first true map."""
    centers, weights = what.molecule.place(what.states[:1])
    plain = density_map(centers[0], weights[0], what.molecule.sigma, box=box, pixel_size=pixel_size)
    given = read_map(folder / "truth" / "state_00.mrc").data
    return float((plain * given).sum(dtype=np.float64) / np.square(plain, dtype=np.float64).sum())


def share_right(probabilities: NDArray[np.float64], state: NDArray[np.int64]) -> float:
    """Share of particles whose likeliest state is the true one."""
    return float((probabilities.argmax(axis=1) == state).mean())
