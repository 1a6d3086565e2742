"""The oracle: places particles with everything known but their coordinates. No estimate can do better on average.

It knows the true poses, CTF, population and noise, and computes the exact likelihood of the true states from their
noise-free images. Where each of D coordinates changes atoms of its own, the image is a_0 + a_1(c_1) + .. + a_D(c_D),
and the likelihood of every combination follows from the inner products of the images of single values,

    log L = sum_d ( <y - a_0, a_d> - |a_d|^2 / 2 ) - sum_(d < e) <a_d, a_e>

in units of the noise. Particles whose coordinates are continuous and correlated (the ring) get the joint Gaussian
posterior, linearised at the truth.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.io import open_stack, read_map, read_particles
from gmmhet.engine.simulate import Molecule, Particles, Preset, clean_slices, density_map

__all__ = ["Truth", "coordinate_posteriors", "joint_estimates", "read_truth", "share_right",
           "state_posteriors"]

_BYTES_AT_ONCE = 1 << 27
_SMALL_ANGLE = 1.0  # degrees, of the difference quotients


@dataclass(frozen=True)
class Truth:
    """state [n] from 0 and coordinates [n, D] of truth.csv."""

    state: NDArray[np.int64]
    coordinates: NDArray[np.float64]


def read_truth(folder: Path) -> Truth:
    """truth.csv of a simulated folder."""
    rows = np.loadtxt(folder / "truth.csv", delimiter=",", skiprows=1, ndmin=2)
    return Truth(rows[:, 1].astype(np.int64), rows[:, 2:])


def coordinate_posteriors(folder: Path, what: Preset, rows: NDArray[np.int64] | None = None, *, finest: float = 0.0,
                          ) -> list[NDArray[np.float64]]:
    """Posterior probabilities of the values of each coordinate, for a preset of independent coordinates.

    Args:
        what: the preset that the folder was made with.
        rows: particles from 0 (default: all).
        finest: Angstrom; frequencies beyond it are left out, to save time.
    Returns:
        for each coordinate [rows, values], in the order of what.levels.
    """
    data = _Data(folder, what, finest)
    rows = np.arange(len(data.particles)) if rows is None else rows
    prior = [np.log(np.mean(np.abs(data.particles.coordinates[:, d, None] - level) < 1e-4, axis=0) + 1e-300)
             for d, level in enumerate(what.levels)]
    found: list[list[NDArray[np.float64]]] = [[] for _ in prior]
    for some in data.batches(rows, sum(len(level) for level in what.levels)):
        logs = _log_likelihood(data, what, some)
        for d, values in enumerate(prior):
            logs = logs + _along(values, d, len(prior))
        flat = logs.reshape(len(some), -1)
        joint = np.exp(flat - flat.max(axis=1, keepdims=True)).reshape(logs.shape)
        for d in range(len(prior)):
            marginal = joint.sum(axis=tuple(a + 1 for a in range(len(prior)) if a != d))
            found[d].append(marginal / marginal.sum(axis=1, keepdims=True))
    return [np.concatenate(parts) for parts in found]


def joint_estimates(folder: Path, what: Preset, covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Posterior means [n, D] of correlated coordinates with normal prior N(0, covariance), jointly.

    The image is linear in the coordinates around the true ones: with J its derivative there and r the noise,
    (J^T J + covariance^-1)^-1 J^T (J truth + r).
    """
    data = _Data(folder, what, 0.0)
    count = len(covariance)
    means = []
    for some in data.batches(np.arange(len(data.particles)), count):
        truth = data.particles.coordinates[some]
        noise = data.images(some) - data.vectors(what.molecule, some, truth)
        columns = []
        for d in range(count):
            step = _SMALL_ANGLE * np.eye(count)[d]
            part = _part(what.molecule, d)
            ends = [data.vectors(part, some, truth + side * step) for side in (1, -1)]
            columns.append((ends[0] - ends[1]) / (2 * _SMALL_ANGLE))
        jacobian = np.stack(columns, axis=1)  # [b, D, F]
        information = (jacobian @ jacobian.transpose(0, 2, 1)).astype(np.float64)
        right = information @ truth[..., None] + jacobian @ noise[..., None]
        means.append(np.linalg.solve(information + np.linalg.inv(covariance), right)[..., 0])
    return np.concatenate(means)


def state_posteriors(folder: Path, what: Preset, shares: NDArray[np.float64], *, finest: float = 0.0,
                     ) -> NDArray[np.float64]:
    """[n, S] posterior probabilities of the states of a preset whose coordinates scale parts (present or absent).

    Args:
        shares: [S] of the particles.
    """
    data, found = _Data(folder, what, finest), []
    count = what.states.shape[1]
    pairs = np.einsum("sa,sb->sab", what.states, what.states).reshape(len(what.states), -1)
    for some in data.batches(np.arange(len(data.particles)), count):
        rest = data.images(some) - data.vectors(what.molecule.take(what.molecule.is_static), some, what.states[:1])
        whole = np.ones((1, count))
        parts = np.stack([data.vectors(_part(what.molecule, d), some, whole) for d in range(count)], axis=1)
        single = (parts @ rest[..., None])[..., 0].astype(np.float64)
        double = (parts @ parts.transpose(0, 2, 1)).astype(np.float64).reshape(len(some), -1)
        logs = single @ what.states.T - 0.5 * double @ pairs.T + np.log(shares)
        joint = np.exp(logs - logs.max(axis=1, keepdims=True))
        found.append(joint / joint.sum(axis=1, keepdims=True))
    return np.concatenate(found)


def _along(values: NDArray[np.float64], d: int, count: int) -> NDArray[np.float64]:
    """[..., L] of coordinate d laid along its axis of [b, L_1, .., L_D]; [L] or [b, L]."""
    lead = values.shape[0] if values.ndim == 2 else 1
    return values.reshape(lead, *(values.shape[-1] if a == d else 1 for a in range(count)))


def _log_likelihood(data: "_Data", what: Preset, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """[b, L_1, .., L_D] up to a constant per particle."""
    count = len(what.levels)
    rest = data.images(rows) - data.vectors(what.molecule.take(what.molecule.is_static), rows, what.states[:1])
    images = []
    for d, level in enumerate(what.levels):
        part, values = _part(what.molecule, d), np.zeros((len(level), count))
        values[:, d] = level
        images.append(np.stack([data.vectors(part, rows, value[None]) for value in values], axis=1))  # [b, L, F]
    total = np.zeros((len(rows), *(len(level) for level in what.levels)))
    for d, own in enumerate(images):
        single = (own @ rest[..., None])[..., 0] - 0.5 * np.square(own).sum(axis=2)
        total += _along(single.astype(np.float64), d, count)
        for e in range(d):
            shape = [len(rows), *(len(what.levels[a]) if a in (d, e) else 1 for a in range(count))]
            total -= (images[e] @ own.transpose(0, 2, 1)).reshape(shape)
    return total


def _part(molecule: Molecule, d: int) -> Molecule:
    """The atoms that one coordinate changes."""
    return molecule.take((molecule.turned_by == d) | (molecule.scaled_by == d))


class _Data:
    """Images and noise-free images of a simulated folder as real vectors in which the noise has unit variance."""

    def __init__(self, folder: Path, what: Preset, finest: float) -> None:
        table, truth = read_particles(folder / "truth" / "particles.star"), read_truth(folder)
        self.particles = Particles(truth.state, truth.coordinates, table.angles, table.origins, table.defocus[:, :3],
                                   table.half_set, table.micrograph)
        self._stack = open_stack(folder / "particles.mrcs")
        self._scale = _greyscale(folder, what, table.box, table.pixel_size)
        self._box = table.box
        field = table.box * table.pixel_size
        cropped = 2 * int(field / finest) + 1 if finest > 0 else table.box
        self._cropped = min(cropped, table.box)  # odd where anything is left out: both signs of the last frequency
        self._pixel = field / self._cropped
        self._scale *= (self._pixel / table.pixel_size) ** 3  # slices are of voxel sums
        count = np.full(self._cropped // 2 + 1, 2.0, np.float32)  # how often a column of the half plane is in the whole
        count[0] = 1
        if self._cropped % 2 == 0:
            count[-1] = 1
        self._weight = np.sqrt(count) / table.box  # noise of variance 1 a pixel has box^2 a coefficient

    def batches(self, rows: NDArray[np.int64], images: int) -> Iterator[NDArray[np.int64]]:
        """Rows in portions for which so many images a particle fit in memory."""
        size = max(1, _BYTES_AT_ONCE // (4 * images * self._cropped * (self._cropped + 2)))
        return (rows[start:start + size] for start in range(0, len(rows), size))

    def images(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """[b, F] of the particles as they are."""
        whole = np.fft.rfft2(np.fft.ifftshift(self._stack[rows], axes=(1, 2)))
        index = np.rint(np.fft.fftfreq(self._cropped, 1 / self._cropped)).astype(np.int64)
        return self._real(whole[:, index, :self._cropped // 2 + 1].astype(np.complex64))

    def vectors(self, molecule: Molecule, rows: NDArray[np.int64], coordinates: NDArray[np.float64],
                ) -> NDArray[np.float32]:
        """[b, F] without noise, at coordinates [b, D] or [1, D]."""
        values = np.broadcast_to(coordinates, (len(rows), coordinates.shape[1]))
        slices = clean_slices(molecule, self.particles, rows, box=self._cropped, pixel_size=self._pixel,
                              coordinates=values)
        return np.float32(self._scale) * self._real(slices)

    def _real(self, slices: NDArray[np.complex64]) -> NDArray[np.float32]:
        weighted = np.ascontiguousarray(slices * self._weight.astype(np.float32))
        return weighted.view(np.float32).reshape(len(slices), -1)


def _greyscale(folder: Path, what: Preset, box: int, pixel_size: float) -> float:
    """Factor from the molecule's density to the files' greyscale, from the first true map."""
    centers, weights = what.molecule.place(what.states[what.mapped[:1]])
    plain = density_map(centers[0], weights[0], what.molecule.sigma, box=box, pixel_size=pixel_size)
    given = read_map(min((folder / "truth").glob("state_*.mrc"))).data
    return float((plain * given).sum(dtype=np.float64) / np.square(plain, dtype=np.float64).sum())


def share_right(probabilities: NDArray[np.float64], values: NDArray[np.float64], truth: NDArray[np.float64]) -> float:
    """Share of particles whose likeliest value ([n, L] probabilities of values [L]) is the true one [n]."""
    return float(np.isclose(values[probabilities.argmax(axis=1)], truth).mean())
