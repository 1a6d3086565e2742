"""Do the images support their poses in a band of resolution that the refinement did not use?

Poses that were fitted to noise, or to a wrong map, agree with each other within the band to which they were refined:
half maps correlate there. Beyond that band nothing was fitted, and half maps agree only where poses are right. Each
image is compared with the slice of a map made from the other half-set, and with one at the pose of another particle.
What is to be expected beyond is extrapolated from the outer rings of the band, as an exponential of the frequency;
where that would not stand out from noise, the images cannot decide.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.check.agreement import spectra
from gmmhet.engine.check.settings import UNUSED_BAND
from gmmhet.engine.errors import InputError
from gmmhet.engine.imaging.half_plane import HalfPlane
from gmmhet.engine.io import ParticleTable, read_star
from gmmhet.engine.optics.ctf import ctf

__all__ = ["UnusedBand", "refined_to", "unused_band"]

Array = NDArray[np.float64]
Complex = NDArray[np.complex64]


@dataclass(frozen=True)
class UnusedBand:
    """Attributes:
        refined_to: Angstrom, the end of the band that was used. resolution: Angstrom, coarsest and finest of the band
            beyond it that was compared. n_particles: compared.
        share: signal beyond, over what is expected; error: its standard error. None where the band has no rings, or the
            used one no signal to extrapolate from.
    """

    refined_to: float
    resolution: tuple[float, float]
    n_particles: int
    share: float | None
    error: float | None

    @property
    def deviations(self) -> float:
        """Signal beyond, over its error."""
        return 0.0 if self.share is None or not self.error else self.share / self.error

    @property
    def supported(self) -> bool | None:
        """Whether the images support the poses beyond; None where they cannot tell."""
        if self.share is None or not self.error:
            return None
        if self.deviations > UNUSED_BAND.deviations:
            return True
        visible = 1 / self.error > UNUSED_BAND.expected
        return False if visible and self.share + 3 * self.error < UNUSED_BAND.absent else None


def refined_to(particles: Path) -> float | None:
    """Resolution (Angstrom) of a RELION refinement by the model file beside its particles; None where there is none."""
    path = particles.with_name(particles.name.replace("_data.star", "_model.star"))
    if path == particles or not path.is_file():
        return None
    try:
        value = float(read_star(path)["model_general"].floats("rlnCurrentResolution")[0])
    except (InputError, KeyError, IndexError):
        return None
    return value if 0 < value < UNUSED_BAND.coarsest else None


def unused_band(table: ParticleTable, used: float, *, seed: int = 0) -> UnusedBand:
    """Compare images with maps of the other half-set beyond the resolution (Angstrom) that was used.

    Raises:
        InputError: an image holds NaN or infinite pixels.
    """
    length = table.box * table.pixel_size
    last = int(np.ceil(length / used - 1e-6))
    grid = HalfPlane(table.box, table.pixel_size, length / (UNUSED_BAND.reach * last + UNUSED_BAND.gap))
    beyond = np.arange(last + UNUSED_BAND.gap, grid.h + 1)
    rng = np.random.default_rng(seed)
    most = max(UNUSED_BAND.fewest, round(UNUSED_BAND.points / (np.pi / 2 * grid.h**2)))
    rows = np.sort(rng.permutation(len(table))[:most])
    halves = [rows[table.halves[rows] == half] for half in (1, 2)]
    edges = (length / max(last + UNUSED_BAND.gap, 1), length / grid.h)
    if len(beyond) < UNUSED_BAND.fewest_rings or min(map(len, halves)) < UNUSED_BAND.fewest // 2:
        return UnusedBand(used, edges, len(rows), None, None)
    signal, error = _signal(table, halves, grid, rng)
    expected = _extrapolated(signal, error, last)
    if expected is None:
        return UnusedBand(used, edges, len(rows), None, None)
    weight = (expected / error**2)[beyond]
    information = float(weight @ expected[beyond])
    return UnusedBand(used, edges, len(rows), float(weight @ signal[beyond]) / information, information**-0.5)


def _extrapolated(signal: Array, error: Array, last: int) -> Array | None:
    """[rings] signal by a line through its logarithm over rings, from the outer part of the used band."""
    ring = np.arange(len(signal))
    outer = ring[max(2, round((1 - UNUSED_BAND.outer) * last)):last]
    outer = outer[signal[outer] > 3 * error[outer]]
    if len(outer) < UNUSED_BAND.fewest_rings:
        return None
    slope, level = np.polyfit(outer.astype(float), np.log(signal[outer]), 1,
                              w=np.minimum(signal[outer] / error[outer], UNUSED_BAND.most_weight))
    return np.asarray(np.exp(level + min(slope, 0.0) * ring))


def _signal(table: ParticleTable, halves: list[NDArray[np.int64]], grid: HalfPlane, rng: np.random.Generator,
            ) -> tuple[Array, Array]:
    """[rings] signal over noise in each ring and its standard error: images times slices of the other half."""
    used = np.broadcast_to(grid.weight > 0, grid.kx.shape)
    seen = [_seen(table, rows, grid, used) for rows in halves]
    points = [_points(table.views[rows], grid, used) for rows in halves]
    volumes = [_Volume.of(p, images * transfer, transfer**2, grid.h)
               for p, (images, transfer) in zip(points, seen, strict=True)]
    ring = np.broadcast_to(grid.shell, used.shape)[used]
    onto = np.zeros((len(ring), grid.n_shells), np.float32)
    onto[np.arange(len(ring)), ring] = np.broadcast_to(grid.weight, used.shape)[used]
    products, squares = [], []
    for place, (images, transfer), other in zip(points, seen, volumes[::-1], strict=True):
        own, strange = other.at(place), other.at(place[rng.permutation(len(place))])
        products.append(((images.conj() * (own - strange)).real * transfer) @ onto)
        squares.append((transfer**2) @ onto)
    product, square = np.concatenate(products).astype(np.float64), np.concatenate(squares).sum(axis=0, dtype=np.float64)
    square = np.maximum(square, 1e-30)
    return product.sum(axis=0) / square, np.sqrt(len(product)) * product.std(axis=0) / square + 1e-30


def _seen(table: ParticleTable, rows: NDArray[np.int64], grid: HalfPlane, used: NDArray[np.bool_],
          ) -> tuple[Complex, NDArray[np.float32]]:
    """[n, m] images over the root mean square of each ring, and CTF."""
    images = spectra(table, rows, grid, used)
    ring = np.broadcast_to(grid.shell, used.shape)[used]
    power = np.bincount(ring, (np.abs(images) ** 2).mean(axis=0)) / np.maximum(np.bincount(ring), 1)
    images /= np.sqrt(np.where(power > 1e-12 * power.max(), power, np.inf))[ring].astype(np.float32)
    return images, ctf(table.ctf_coefficients[rows], grid.kx[used], grid.ky[used]).astype(np.float32)


def _points(views: Array, grid: HalfPlane, used: NDArray[np.bool_]) -> NDArray[np.float32]:
    """[n, m, 3] where the frequencies of the images lie in Fourier space, in rings; x, y, z."""
    scale = grid.box * grid.pixel_size
    plane = np.stack([grid.kx[used], grid.ky[used]], axis=1) * scale
    return np.asarray(np.einsum("ma,nai->nmi", plane, views[:, :2]), np.float32)


@dataclass(frozen=True)
class _Volume:
    """values: [2 reach + 1] * 3 Fourier coefficients (z, y, x), the origin in the middle."""

    values: Complex

    @classmethod
    def of(cls, points: NDArray[np.float32], images: Complex, squares: NDArray[np.float32], h: int) -> "_Volume":
        """Images times their CTF over squared CTF, each spread over eight neighbours."""
        edge = 2 * (h + 2) + 1
        sums = [np.zeros(edge**3) for _ in range(3)]
        parts = (images.real.ravel(), images.imag.ravel(), squares.ravel())
        for index, share in _neighbours(points, edge):
            for total, part in zip(sums, parts, strict=True):
                total += np.bincount(index, share * part, edge**3)
        value, weight = (sums[0] + 1j * sums[1]), sums[2]
        value, weight = value + value[::-1].conj(), weight + weight[::-1]  # Friedel's mates
        floor = UNUSED_BAND.least_weight * float(weight[weight > 0].mean())
        return cls((value / (weight + floor)).astype(np.complex64))

    def at(self, points: NDArray[np.float32]) -> Complex:
        """[n, m] by linear interpolation."""
        edge = round(len(self.values) ** (1 / 3))
        total = np.zeros(points.shape[0] * points.shape[1], np.complex64)
        for index, share in _neighbours(points, edge):
            total += share * self.values[index]
        return total.reshape(points.shape[:2])


def _neighbours(points: NDArray[np.float32], edge: int) -> list[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Flat indices and shares of the eight voxels around every point."""
    flat = points.reshape(-1, 3)[:, ::-1] + np.float32(edge // 2)
    low = np.floor(flat).astype(np.int64)
    rest = flat - low
    out = []
    for corner in np.ndindex(2, 2, 2):
        place = low + np.array(corner)
        share = np.prod(np.where(np.array(corner, bool), rest, 1 - rest), axis=1, dtype=np.float32)
        out.append(((place[:, 0] * edge + place[:, 1]) * edge + place[:, 2], share))
    return out
