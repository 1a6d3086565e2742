"""What may be wrong with poses, map or pixel size: other readings of the same numbers, each with its words.

The central slice of the map that a particle shows lies at A^T (kx, ky, 0). A mirrored map v(D x) has the slice at
(A D)^T (kx, ky, 0); mirrored images are compared with that at (E A)^T (kx, ky, 0), their origins mirrored too; a map
drawn s times too large has the transform F(s k). So every reading is a matrix and an origin for each particle.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.conventions import euler_to_matrix, matrix_to_euler
from gmmhet.engine.wording import check as wording

__all__ = ["Alternative", "alternatives", "scaled"]

Array = NDArray[np.float64]

_AXES = {"x": (-1.0, 1.0, 1.0), "y": (1.0, -1.0, 1.0), "z": (1.0, 1.0, -1.0)}


@dataclass(frozen=True)
class Alternative:
    """Another reading of the metadata.

    Attributes:
        name: short, for the JSON. words: what it means, as the end of "the particles fit better if ...".
        matrices: [n, 3, 3], slices lie at matrices^T (kx, ky, 0). origins: [n, 2] Angstrom.
        scale: size of the map, 1 as it is. flipped: whether phases are taken as flipped already (CTF |C|).
        nanometre: whether the defocus is taken as nanometre.
        control: no mistake of any program, but what errors of the numbers themselves make look better.
    """

    name: str
    words: str
    matrices: Array
    origins: Array
    scale: float = 1.0
    flipped: bool = False
    nanometre: bool = False
    control: bool = False


def alternatives(rotations: Array, origins: Array, pixel_size: float, voxel: float, *, small_defocus: bool = False,
                 ) -> Iterator[Alternative]:
    """Every other reading that is tried.

    Args:
        rotations: [n, 3, 3] A. origins: [n, 2] Angstrom. pixel_size: of the particles, Angstrom.
        voxel: Angstrom, by which a map whose voxels were put in reverse order is off its origin; 0 for odd boxes.
        small_defocus: whether it may be in nanometre.
    """
    yield _reading("inverse_rotation", np.swapaxes(rotations, 1, 2), origins)
    yield from _angles(rotations, origins)
    yield from _hands(rotations, origins, voxel)
    for axis in "xy":
        signs = np.array(_AXES[axis])
        yield _reading(f"mirrored_images_{axis}", rotations * signs[:, None], origins * signs[:2])
    yield from _shifts(rotations, origins, pixel_size)
    yield _reading("flipped_phases", rotations, origins, flipped=True)
    if small_defocus:
        name = "defocus_in_nanometre"
        yield Alternative(name, wording.READINGS[name], rotations, origins, nanometre=True)


def _reading(name: str, matrices: Array, origins: Array, flipped: bool = False) -> Alternative:
    return Alternative(name, wording.READINGS[name], matrices, origins, flipped=flipped)


def _angles(rotations: Array, origins: Array) -> Iterator[Alternative]:
    """Angles of other conventions."""
    rot, tilt, psi = matrix_to_euler(rotations).T
    for name, angles in (
        ("negated_psi", (rot, tilt, -psi)),
        ("negated_rot", (-rot, tilt, psi)),
        ("exchanged_angles", (psi, tilt, rot)),
        ("psi_plus_90", (rot, tilt, psi + 90)),
        ("psi_minus_90", (rot, tilt, psi - 90)),
        ("rot_plus_90", (rot + 90, tilt, psi)),
        ("rot_minus_90", (rot - 90, tilt, psi)),
    ):
        yield _reading(name, euler_to_matrix(np.stack(angles, axis=-1)), origins)


def _hands(rotations: Array, origins: Array, voxel: float) -> Iterator[Alternative]:
    """The mirrored maps: about the origin voxel, and (even boxes) by putting the voxels in reverse order.

    A map whose voxels along an axis are in reverse order is w(x) = v(D x + t), t one voxel: its points are seen from
    A D and appear at an origin that is larger by (A D t)_xy.
    """
    for axis, signs in {**{axis: np.array(s) for axis, s in _AXES.items()}, "centre": -np.ones(3)}.items():
        words, mirrored = wording.mirrored_map(axis), rotations * signs
        yield Alternative(f"mirrored_map_{axis}", words, mirrored, origins)
        if voxel > 0:
            moved = np.where(signs < 0, -voxel, 0.0)
            yield Alternative(f"mirrored_map_{axis}_reversed", words, mirrored,
                              origins + np.einsum("nij,j->ni", mirrored, moved)[:, :2])


def _shifts(rotations: Array, origins: Array, pixel_size: float) -> Iterator[Alternative]:
    """Other signs and units; and shorter shifts, which fit better where shifts have errors as large as they are."""
    if not np.any(np.abs(origins) > 1e-3 * pixel_size):
        return
    yield _reading("negated_shifts", rotations, -origins)
    yield _reading("no_shifts", rotations, np.zeros_like(origins))
    factors = {0.5}
    if abs(np.log(pixel_size)) > np.log(1.1):
        yield _reading("shifts_in_pixels", rotations, origins * pixel_size)
        yield _reading("shifts_multiplied", rotations, origins / pixel_size)
        factors |= {pixel_size**0.5, pixel_size**-0.5}
    for factor in sorted(factors):
        yield Alternative(f"shifts_times_{factor:.2f}", wording.shift_factor(factor), rotations, origins * factor,
                          control=True)


def scaled(rotations: Array, origins: Array, scale: float) -> Alternative:
    """The map ``scale`` times as large."""
    return Alternative(f"map_size_{scale:.3f}", wording.map_size(scale), rotations, origins, scale=scale)
