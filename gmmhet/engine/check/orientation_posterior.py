"""The posterior of the orientation of single images under a map, over all orientations.

The image of a particle is X = a g C S + noise: S the central slice of the map, C the CTF, g the scale of the map in
each ring, a the contrast of the image, normal about 1. Likelihoods are over that of an image without molecule, and
integrated over the contrast (in closed form) and over shifts around the given origin. As in Scheres 2012 (J. Struct.
Biol. 180, 519), with the contrast in addition.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.check.agreement import SlicedMap, spectra
from gmmhet.engine.check.orientation_grid import OrientationGrid
from gmmhet.engine.check.settings import ORIENTATION
from gmmhet.engine.imaging.half_plane import HalfPlane, images_to_planes
from gmmhet.engine.io import ParticleTable
from gmmhet.engine.optics.ctf import ctf
from gmmhet.engine.runtime.pool import Replicated, pool, shares_of
from gmmhet.engine.runtime.settings import SHARES

__all__ = ["ImageModel", "LowResolution", "OrientationPosterior", "Slices", "posterior_of",
           "shift_waves", "shifts_tried"]

Array = NDArray[np.float64]
Complex = NDArray[np.complex64]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class LowResolution:
    """Transforms of n images at m low frequencies, the second half of which is the first with ky negated.

    Attributes:
        images: [n, m], centred by their origins. transfer: [n, m] CTF. grid: where they are.
        group: [n] optics group, of n_groups. used: which frequencies of the grid.
    """

    images: Complex
    transfer: Floats
    group: NDArray[np.int64]
    n_groups: int
    grid: HalfPlane
    used: NDArray[np.bool_]

    @classmethod
    def of(cls, table: ParticleTable, rows: NDArray[np.int64], resolution: float) -> "LowResolution":
        """Read the images of some rows (from 0).

        Raises:
            InputError: an image holds NaN or infinite pixels.
        """
        grid = HalfPlane(table.box, table.pixel_size, resolution)
        used = np.broadcast_to((grid.weight > 0) & (grid.shell >= min(ORIENTATION.first_ring, grid.h)), grid.kx.shape)
        transfer = ctf(table.ctf_coefficients[rows], grid.kx[used], grid.ky[used]).astype(np.float32)
        return cls(spectra(table, rows, grid, used), transfer, table.optics_index[rows], len(table.optics), grid, used)

    def of_rows(self, rows: NDArray[np.int64]) -> "LowResolution":
        """The same of some of the images (from 0)."""
        return replace(self, images=self.images[rows], transfer=self.transfer[rows], group=self.group[rows])

    @cached_property
    def frequencies(self) -> tuple[Array, Array]:
        """kx, ky: [m] 1/Angstrom."""
        return self.grid.kx[self.used], self.grid.ky[self.used]

    @cached_property
    def ring(self) -> NDArray[np.int64]:
        """[m]."""
        return np.asarray(np.broadcast_to(self.grid.shell, self.used.shape)[self.used])

    @cached_property
    def pairs(self) -> Floats:
        """[m] weights with which each pair of Friedel mates counts once."""
        return np.asarray(np.broadcast_to(self.grid.weight, self.used.shape)[self.used], np.float32)

    def by_ring(self, values: Floats | Array) -> Array:
        """[n, rings] sums of values [n, m] over pairs of mates."""
        onto = np.zeros((len(self.ring), self.grid.n_shells), np.float32)
        onto[np.arange(len(self.ring)), self.ring] = self.pairs
        return np.asarray(values @ onto, np.float64)

    def noise(self, power: Array, rng: np.random.Generator) -> Complex:
        """[n, m] transforms of normal noise of a power [n, rings]."""
        box = self.grid.box
        white = images_to_planes(rng.standard_normal((len(power), box, box), np.float32), self.grid)
        plane = (white[:, 0] + 1j * white[:, 1])[:, self.used] / box
        return np.asarray(plane * np.sqrt(power)[:, self.ring], np.complex64)


@dataclass(frozen=True)
class ImageModel:
    """gain: [rings] scale of the map. noise: [groups, rings] mean square modulus of the noise. spread: deviation of the
    contrast, over its mean."""

    gain: Array
    noise: Array
    spread: float


@dataclass(frozen=True)
class Slices(Replicated):
    """Slices of a map at the quarter of a grid: values [q, m]."""

    grid: OrientationGrid
    values: Complex

    @classmethod
    def of(cls, density: SlicedMap, grid: OrientationGrid, data: LowResolution) -> "Slices":
        return cls(grid, density.at(grid.quarter, *data.frequencies))

    def __getstate__(self) -> dict[str, Any]:
        return {"grid": self.grid, "values": self.values}

    @cached_property
    def parts(self) -> tuple[Floats, Floats, Floats]:
        """[m, q] real and imaginary part, and squared modulus."""
        real, imaginary = (np.ascontiguousarray(p.T) for p in (self.values.real, self.values.imag))
        return real, imaginary, real**2 + imaginary**2


@dataclass(frozen=True)
class OrientationPosterior:
    """log_likelihood: [n, r] of orientations over that of no molecule. best_shift: [n, r] index of the likeliest."""

    log_likelihood: Floats
    best_shift: NDArray[np.uint8]

    def probabilities(self, power: float = 1.0) -> Floats:
        """[n, r] of the orientations, from a power of the likelihood."""
        values = np.exp(power * (self.log_likelihood - self.log_likelihood.max(axis=1, keepdims=True)))
        return np.asarray(values / values.sum(axis=1, keepdims=True), np.float32)

    @property
    def evidence(self) -> Array:
        """[n] log of the mean likelihood over all orientations and shifts: for a molecule against none."""
        top = self.log_likelihood.max(axis=1)
        rest = np.exp(self.log_likelihood - top[:, None]).mean(axis=1, dtype=np.float64)
        return np.asarray(top + np.log(rest), np.float64)


def shifts_tried(data: LowResolution) -> Array:
    """[t, 2] Angstrom, by which images are moved."""
    axis = np.arange(-int(ORIENTATION.shifts), int(ORIENTATION.shifts) + 1)
    steps = np.stack([v.ravel() for v in np.meshgrid(axis, axis)], axis=1)
    within = np.hypot(*steps.T) <= ORIENTATION.shifts
    return np.asarray(data.grid.resolution * ORIENTATION.shift_step * steps[within])


def shift_waves(data: LowResolution) -> Complex:
    """[t, m] factors that move an image by the shifts that are tried."""
    return np.asarray(np.exp(-2j * np.pi * shifts_tried(data) @ np.stack(data.frequencies)), np.complex64)


def posterior_of(data: LowResolution, slices: Slices, model: ImageModel) -> OrientationPosterior:
    """Likelihood of all orientations for every image."""
    parts = shares_of(len(data.images), ORIENTATION.batch, SHARES.few)
    found = pool().map(_some, (slices, model, shift_waves(data)), [(data.of_rows(np.r_[part]),) for part in parts])
    return OrientationPosterior(*(np.concatenate(values) for values in zip(*found, strict=True)))


def _some(slices: Slices, model: ImageModel, waves: Complex, data: LowResolution) -> tuple[Floats, NDArray[np.uint8]]:
    """[n, r] log-likelihood and likeliest shift of some images."""
    likelihood = np.empty((len(data.images), 4, len(slices.values)), np.float32)
    best_shift = np.empty(likelihood.shape, np.uint8)
    gain = model.gain[data.ring].astype(np.float32)
    for start in range(0, len(likelihood), ORIENTATION.batch):
        some = slice(start, start + ORIENTATION.batch)
        weight = (2 * data.pairs / model.noise[data.group[some]][:, data.ring]).astype(np.float32)
        transfer = data.transfer[some] * gain
        images = (data.images[some] * transfer * weight)[:, None] * waves
        power = transfer**2 * weight
        for mirrored in (0, 1):  # the two that share an arrangement of the frequencies
            turn = mirrored * (power.shape[1] // 2)
            pair = _two_of_four(np.roll(images, turn, axis=2), np.roll(power, turn, axis=1), slices, model.spread)
            for place, (values, best) in enumerate(pair, 2 * mirrored):
                likelihood[some, place], best_shift[some, place] = values, best
    return likelihood.reshape(len(likelihood), -1), best_shift.reshape(len(likelihood), -1)


def _two_of_four(images: Complex, power: Floats, slices: Slices, spread: float,
                 ) -> list[tuple[Floats, NDArray[np.int64]]]:
    """Log-likelihood and likeliest shift [b, q] of a quarter of the orientations and of those turned by 180 degrees.

    With b = <X, C g S> and p = |C g S|^2, both over the noise, the integral over a contrast of N(1, s^2) of
    exp(a b - a^2 p / 2) is exp((b + 1/s^2)^2 / (2 (p + 1/s^2)) - 1/(2 s^2)) / sqrt(1 + p s^2).

    Args:
        images: [b, t, m] weighted. power: [b, m].
    """
    real, imaginary, squared = slices.parts
    b, t, m = images.shape
    flat = images.reshape(-1, m)
    even = (np.ascontiguousarray(flat.real) @ real).reshape(b, t, -1)
    odd = (np.ascontiguousarray(flat.imag) @ imaginary).reshape(b, t, -1)
    p, precision = power @ squared, np.float32(1 / spread**2)
    fixed = -0.5 * precision - 0.5 * np.log1p(p * np.float32(spread**2)) - np.float32(np.log(t))
    out = []
    for values in (even + odd, even - odd):
        values += precision
        np.maximum(values, 0, out=values)
        values *= values
        values *= (0.5 / (p + precision))[:, None]
        best = values.argmax(axis=1)
        top = values.max(axis=1)
        values -= top[:, None]
        np.exp(values, out=values)
        out.append((np.asarray(top + np.log(values.sum(axis=1)) + fixed, np.float32), best))
    return out
