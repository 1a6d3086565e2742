"""Maps as refinements leave them, of molecules on a voxel grid whose truth is known."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from gmmhet.engine.io import DensityMap
from gmmhet.engine.molecule.signal import HalfMaps

__all__ = ["SHAPES", "Refined", "filtered", "post_processed", "refined", "shape_of"]

Array = NDArray[np.float64]
SHAPES = ("lobes", "helices", "shell")


@dataclass(frozen=True)
class Refined:
    """A refinement's maps and its truth: where the molecule is ([box] * 3), and the end of the signal (Angstrom)."""

    density: DensityMap
    halves: HalfMaps
    inside: NDArray[np.bool_]
    signal: float


def grid(box: int, pixel: float) -> tuple[Array, Array, Array]:
    axis = (np.arange(box) - box // 2) * pixel
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    return z, y, x


def shape_of(name: str, box: int, pixel: float, seed: int) -> NDArray[np.bool_]:
    """Where a molecule of about half of the box's width is: lobes, a bundle of helices, or a hollow shell."""
    rng = np.random.default_rng(seed)
    z, y, x = grid(box, pixel)
    size = 0.25 * box * pixel
    inside = np.zeros((box,) * 3, bool)
    if name == "shell":
        distance = np.sqrt(x**2 + y**2 + z**2)
        return (distance < size) & (distance > 0.6 * size)
    if name == "lobes":
        for _ in range(4):
            centre, radii = rng.uniform(-0.6, 0.6, 3) * size, rng.uniform(0.35, 0.6, 3) * size
            inside |= sum(((a - c) / r) ** 2 for a, c, r in zip((z, y, x), centre, radii, strict=True)) < 1
        return inside
    for _ in range(6):
        place, phase = rng.uniform(-0.7, 0.7, 2) * size, rng.uniform(0, 2 * np.pi)
        turn = 2 * np.pi * z / (0.8 * size) + phase
        inside |= (np.hypot(x - place[0] - 0.15 * size * np.cos(turn), y - place[1] - 0.15 * size * np.sin(turn))
                   < 0.17 * size) & (np.abs(z) < size)
    return inside


def filtered(data: Array, pixel: float, gain: object) -> Array:
    """A map times gain(k) in Fourier space, k in 1/Angstrom."""
    full, half = np.fft.fftfreq(len(data), pixel), np.fft.rfftfreq(len(data), pixel)
    k = np.sqrt(full[:, None, None] ** 2 + full[:, None] ** 2 + half**2)
    return np.fft.irfftn(np.fft.rfftn(data) * gain(k), s=data.shape, axes=(0, 1, 2))  # type: ignore[operator]


def refined(inside: NDArray[np.bool_], pixel: float, *, signal: float, seed: int, offset: float = 0.15,
            padded: bool = False, dark: float = 0.0) -> Refined:
    """Half maps and the map of a refinement.

    Args:
        signal: Angstrom, where the half maps correlate to 0.143. offset: level of the solvent, of the molecule's
            density; without padding it and the noise are divided by sinc^2 of the radius, as gridding does.
        dark: depth of a surround that is darker than the solvent, of the molecule's density.
    """
    rng = np.random.default_rng(seed)
    box = len(inside)
    grain = 1 + 0.8 * ndimage.gaussian_filter(rng.normal(size=inside.shape), 1.0) * 5
    truth = filtered(inside * grain, pixel, lambda k: np.exp(-2 * np.pi**2 * (0.35 * signal) ** 2 * k**2))
    if dark > 0:
        wide = filtered(truth, pixel, lambda k: np.exp(-2 * np.pi**2 * (0.1 * box * pixel) ** 2 * k**2))
        truth = truth - dark * wide / wide.max()
    level = float(np.median(truth[inside]))
    z, y, x = grid(box, pixel)
    distance = np.sqrt(x**2 + y**2 + z**2)
    ball = 0.5 - 0.5 * np.tanh((distance - 0.44 * box * pixel) / (2 * pixel))
    noises = [filtered(rng.normal(size=inside.shape), pixel, lambda k: 0.1 + 40 * k / (1 + 40 * k)) for _ in "12"]
    shell = round(box * pixel / signal)  # there, within the molecule, noise has six times the power: 1 / (1 + 6)
    size = float(np.sqrt(6 * _power(truth, shell) / (_power(noises[0], shell) * inside.mean())))
    corner = 1.0 if padded else 1 / np.sinc(np.minimum(distance / (box * pixel), 0.87)) ** 2
    first, second = ((truth + size * noise * ball + offset * level * rng.uniform(0.5, 1.5)) * corner
                     for noise in noises)
    edge = 2 / (box * pixel)
    mean = filtered(0.5 * (first + second), pixel, lambda k: 0.5 - 0.5 * np.tanh((k - 1 / signal) / edge))
    maps = [DensityMap(m.astype(np.float32), pixel) for m in (mean, first, second)]
    return Refined(maps[0], HalfMaps(maps[1], maps[2]), inside, signal)


def _power(data: Array, shell: int) -> float:
    """Mean power of a map in a shell."""
    index = np.fft.fftfreq(len(data), 1 / len(data))
    radius = np.rint(np.sqrt(index[:, None, None] ** 2 + index[:, None] ** 2 + index**2))
    return float((np.abs(np.fft.fftn(data)) ** 2)[radius == shell].mean())


def post_processed(given: Refined, sharpening: float = -200.0) -> DensityMap:
    """The map sharpened by a B factor (square Angstrom), cut where its signal ends, within a soft mask."""
    pixel = given.density.pixel_size
    mean = 0.5 * (given.halves.first.data + given.halves.second.data).astype(np.float64)
    edge = 1 / (len(mean) * pixel)
    sharp = filtered(mean, pixel, lambda k: np.exp(-sharpening * k**2 / 4) * (
        0.5 - 0.5 * np.tanh((k - 1 / given.signal) / edge)))
    gap = ndimage.distance_transform_edt(~given.inside) * pixel
    mask = 0.5 + 0.5 * np.cos(np.pi * np.clip((gap - 6) / 8, 0, 1))
    return DensityMap((sharp * mask).astype(np.float32), pixel)
