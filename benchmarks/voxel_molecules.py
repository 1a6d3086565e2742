"""Molecules on a voxel grid whose density is known everywhere, for maps as refinements leave them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

__all__ = ["HELD_BACK", "SEEN", "VoxelMolecule", "distance_from_origin", "filtered", "make_molecule"]

Array = NDArray[np.float64]
Region = NDArray[np.bool_]

SEEN = ("lobes", "helices", "shell", "channel")  # looked at while choosing settings
HELD_BACK = ("ring", "filament", "globule", "linker", "transporter")
_GRAIN, _GRAIN_WIDTH = 0.5, 5.0  # deviation of a protein's density over its mean; Angstrom
_BELT = 0.45  # of the density of protein: detergent or lipid, without structure of its own
_BELT_HALF_HEIGHT, _BELT_WIDTH = 19.0, 24.0  # Angstrom


@dataclass(frozen=True)
class VoxelMolecule:
    """A molecule and its truth.

    Attributes:
        density: [box] * 3 (z, y, x), unfiltered; protein has a mean of 1. inside: where protein is.
        belt: where detergent is around it; nowhere for soluble proteins.
    """

    density: Array
    inside: Region
    belt: Region


def grid(box: int, pixel: float) -> tuple[Array, Array, Array]:
    axis = (np.arange(box) - box // 2) * pixel
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    return z, y, x


def distance_from_origin(box: int, pixel: float) -> Array:
    """[box] * 3 Angstrom."""
    return np.asarray(np.sqrt(sum(a**2 for a in grid(box, pixel))))


def filtered(data: Array, pixel: float, gain: Callable[[Array], Array]) -> Array:
    """A map times gain(k) in Fourier space, k in 1/Angstrom."""
    full, half = np.fft.fftfreq(len(data), pixel), np.fft.rfftfreq(len(data), pixel)
    k = np.sqrt(full[:, None, None] ** 2 + full[:, None] ** 2 + half**2)
    return np.asarray(np.fft.irfftn(np.fft.rfftn(data) * gain(k), s=data.shape, axes=(0, 1, 2)))


def make_molecule(name: str, box: int, pixel: float, seed: int) -> VoxelMolecule:
    """One of SEEN or HELD_BACK, turned and grained by the seed."""
    rng = np.random.default_rng(seed)
    z, y, x = grid(box, pixel)
    inside, belt = _SHAPES[name](z, y, x, rng)
    noise = ndimage.gaussian_filter(rng.normal(size=inside.shape), _GRAIN_WIDTH / pixel)
    grain = np.maximum(1 + _GRAIN * noise / noise.std(), 0)
    belt &= ~inside
    return VoxelMolecule(inside * grain + _BELT * belt, inside, belt)


def _ellipsoid(z: Array, y: Array, x: Array, centre: tuple[float, ...], radii: tuple[float, ...]) -> Region:
    return np.asarray(sum(((a - c) / r) ** 2 for a, c, r in zip((z, y, x), centre, radii, strict=True)) < 1)


def _none(z: Array) -> Region:
    return np.zeros(z.shape, bool)


def _lobes(z: Array, y: Array, x: Array, rng: np.random.Generator) -> tuple[Region, Region]:
    inside = _none(z)
    for _ in range(4):
        inside |= _ellipsoid(z, y, x, tuple(rng.uniform(-32, 32, 3)), tuple(rng.uniform(20, 34, 3)))
    return inside, _none(z)


def _helices(z: Array, y: Array, x: Array, rng: np.random.Generator) -> tuple[Region, Region]:
    inside = _none(z)
    for _ in range(6):
        place, phase = rng.uniform(-40, 40, 2), rng.uniform(0, 2 * np.pi)
        turn = 2 * np.pi * z / 48 + phase
        inside |= (np.hypot(x - place[0] - 9 * np.cos(turn), y - place[1] - 9 * np.sin(turn)) < 10) & (np.abs(z) < 60)
    return inside, _none(z)


def _shell(z: Array, y: Array, x: Array, rng: np.random.Generator) -> tuple[Region, Region]:
    outer = rng.uniform(50, 62)
    distance = np.sqrt(x**2 + y**2 + z**2)
    return (distance < outer) & (distance > outer - 22), _none(z)


def _ring(z: Array, y: Array, x: Array, rng: np.random.Generator) -> tuple[Region, Region]:
    """Seven subunits around a hole."""
    inside = _none(z)
    radius = rng.uniform(36, 44)
    for turn in 2 * np.pi * np.arange(7) / 7:
        inside |= _ellipsoid(z, y, x, (0, radius * np.sin(turn), radius * np.cos(turn)), (28, 17, 17))
    return inside, _none(z)


def _filament(z: Array, y: Array, x: Array, rng: np.random.Generator) -> tuple[Region, Region]:
    phase = rng.uniform(0, 2 * np.pi)
    off = np.hypot(x - 14 * np.sin(2 * np.pi * z / 150 + phase), y - 8 * np.cos(2 * np.pi * z / 110))
    return (off < 15) & (np.abs(z) < 85), _none(z)


def _globule(z: Array, y: Array, x: Array, rng: np.random.Generator) -> tuple[Region, Region]:
    """60 kDa: 73,000 cubic Angstrom."""
    squash = rng.uniform(0.8, 1.2)
    return _ellipsoid(z, y, x, (4, -3, 6), (26 * squash, 26, 26 / squash)), _none(z)


def _linker(z: Array, y: Array, x: Array, rng: np.random.Generator) -> tuple[Region, Region]:
    """Two lobes on a rod of 7 A radius."""
    far = rng.uniform(44, 52)
    inside = _ellipsoid(z, y, x, (far, 0, 0), (26, 34, 30)) | _ellipsoid(z, y, x, (-far, 8, 0), (28, 24, 24))
    return inside | ((np.hypot(x, y - 4) < 7) & (np.abs(z) < far)), _none(z)


def _channel(z: Array, y: Array, x: Array, rng: np.random.Generator) -> tuple[Region, Region]:
    """A bundle through a membrane, with a domain on top."""
    inside = (np.hypot(x, y) < rng.uniform(20, 24)) & (np.abs(z + 20) < 28)
    inside |= _ellipsoid(z, y, x, (34, 0, 6), (28, 34, 40))
    return inside, (np.hypot(x, y) < 22 + _BELT_WIDTH) & (np.abs(z + 20) < _BELT_HALF_HEIGHT)


def _transporter(z: Array, y: Array, x: Array, rng: np.random.Generator) -> tuple[Region, Region]:
    """Little but a bundle within the belt, elliptical, and two small domains outside."""
    wide = rng.uniform(24, 30)
    oval = np.sqrt((x / wide) ** 2 + (y / 18) ** 2)
    inside = (oval < 1) & (np.abs(z) < 26)
    inside |= _ellipsoid(z, y, x, (36, 0, 14), (20, 16, 20)) | _ellipsoid(z, y, x, (-34, 0, -10), (16, 15, 18))
    belt = (np.sqrt((x / (wide + _BELT_WIDTH)) ** 2 + (y / (18 + _BELT_WIDTH)) ** 2) < 1)
    return inside, belt & (np.abs(z) < _BELT_HALF_HEIGHT)


_SHAPES = {"lobes": _lobes, "helices": _helices, "shell": _shell, "ring": _ring, "filament": _filament,
           "globule": _globule, "linker": _linker, "channel": _channel, "transporter": _transporter}
