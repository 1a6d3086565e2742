"""Density that particles have and their map lacks: cut off by a mask, or never put into a model.

Half maps of the particles are brought to the scale of the map, shell by shell, by what they share within the molecule.
What both then have beyond it, connected to the molecule and surely more than noise, is missing from the map. Gaussians
that do not know of it would explain it by movements of those that are there.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage, stats

from gmmhet.engine.fitting.settings import MISSING
from gmmhet.engine.io.mrc import DensityMap
from gmmhet.engine.molecule.map_content import find_molecule, radii
from gmmhet.engine.molecule.maps import coarser_map, low_pass, resample_map, soft_edge
from gmmhet.engine.molecule.signal import HalfMaps

__all__ = ["MissingDensity", "find_missing_density"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class MissingDensity:
    """What a map lacks.

    Attributes:
        density: [box] * 3 on the grid of the map and in its values, to be added. share: of it, of the molecule in the
            map. volume: Angstrom^3. middle: [3] xyz, Angstrom, from the map's origin. pieces: how many.
    """

    density: NDArray[np.float32]
    share: float
    volume: float
    middle: Array
    pieces: int


def find_missing_density(density: DensityMap, halves: HalfMaps, blur: float) -> MissingDensity | None:
    """Look for density that half maps have beside the molecule of a map.

    Args:
        density: the map. halves: on its grid. blur: Angstrom, to which all are compared.
    Returns:
        None where there is none, or the map and the half maps do not show the same molecule.
    """
    pixel = blur / MISSING.pixels_per_blur
    content = find_molecule(density, blur)
    if not content.found:
        return None
    whole = low_pass(coarser_map(content.without_solvent(density), pixel), blur)
    box, voxel = whole.box, whole.pixel_size
    near = content.mask(box, voxel, grow=blur, width=blur)
    coarse = [low_pass(coarser_map(half, pixel), blur) for half in (halves.first, halves.second)]
    found = [half.data - content.solvent_of(half).on_grid(box, voxel) for half in coarse]
    scale = _scales(whole.data, 0.5 * (found[0] + found[1]), near)
    if scale is None:
        return None
    rest = [_divided(half, scale) - whole.data for half in found]
    inside = content.mask(box, voxel, grow=0.0, width=0.0) > 0.5
    chosen, number = _beside(rest, inside, whole.data, blur / voxel)
    if not number:
        return None
    reach = MISSING.rim * blur / voxel  # the molecule ends with a skirt, under which density is missing, too
    added = (0.5 * (rest[0] + rest[1]) * soft_edge(chosen, reach, reach)).astype(np.float32)
    mass = float(added.sum())
    share = mass / float(np.maximum(whole.data[inside], 0).sum())
    if share < MISSING.least_share:
        return None
    place = np.array(ndimage.center_of_mass(added))[::-1] - box // 2
    onto = DensityMap(added, voxel)
    full = added if box == density.box else resample_map(onto, density.box, density.pixel_size).data
    return MissingDensity(full, share,
                          mass / float(np.quantile(whole.data[inside], 0.75)) * voxel**3, place * voxel, number)


def _scales(whole: NDArray[np.float32], mean: NDArray[np.float32], near: NDArray[np.float32]) -> Array | None:
    """[shells] factor of the half maps over the map within the molecule; None where they do not agree there."""
    box = len(whole)
    first, second = (fft.rfftn(data * near) for data in (mean, whole))
    shell, shells = _shells(box), box // 2 + 1
    weight = np.full(first.shape[2], 2.0)
    weight[0] = 1.0
    product, power, other = (np.bincount(shell.ravel(), (v * weight).ravel(), minlength=shells)[:shells] for v in (
        (first * second.conj()).real, np.abs(second) ** 2, np.abs(first) ** 2))
    held = power > MISSING.least_power * power.max()
    held[:MISSING.first_shell] = False
    correlation = product / np.sqrt(np.maximum(power * other, 1e-300))
    held &= correlation > MISSING.least_correlation
    if held.sum() < MISSING.fewest_shells:
        return None
    at = np.flatnonzero(held)
    smooth = ndimage.median_filter(product[held] / power[held], size=3, mode="nearest")
    return np.asarray(np.interp(np.arange(shells), at, smooth))


def _divided(data: NDArray[np.float32], scale: Array) -> NDArray[np.float32]:
    """A map with every shell divided by a factor."""
    box = len(data)
    shell = np.minimum(_shells(box), len(scale) - 1)
    return np.asarray(fft.irfftn(fft.rfftn(data) / scale[shell], s=data.shape), np.float32)


def _shells(box: int) -> NDArray[np.int64]:
    k = np.fft.fftfreq(box, 1 / box) ** 2
    return np.asarray(np.rint(np.sqrt(k[:, None, None] + k[:, None] + np.arange(box // 2 + 1) ** 2)), np.int64)


def _beside(rest: list[NDArray[np.float32]], inside: NDArray[np.bool_], whole: NDArray[np.float32], blur: float,
            ) -> tuple[NDArray[np.bool_], int]:
    """Voxels of the pieces that are missing beside the molecule, and the number of pieces. blur: voxels."""
    distance = ndimage.distance_transform_edt(~inside)
    ball = radii(len(inside)) <= MISSING.radius * (len(inside) // 2)
    solvent = ball & (distance > MISSING.solvent_from * blur)
    outside = ball & (distance > 0.5)
    mean, noise = 0.5 * (rest[0] + rest[1]), 0.5 * (rest[0] - rest[1])
    if not solvent.any():
        return np.zeros_like(inside), 0
    deviation = max(float(noise[outside].std()), 1.4826 * float(np.median(np.abs(mean[solvent]))))
    interior = float(np.quantile(whole[inside], 0.75))
    elements = outside.sum() / max(blur / 2, 1) ** 3
    surely = float(stats.norm.isf(MISSING.false_pieces / max(elements, 2))) * deviation
    labels, number = ndimage.label(outside & (mean > max(MISSING.deviations * deviation, MISSING.dense * interior)))
    every = np.arange(1, number + 1)
    if not number:
        return np.zeros_like(inside), 0
    peak = ndimage.maximum(np.minimum(mean, np.minimum(*rest) + deviation), labels, every)
    gap = ndimage.minimum(distance, labels, every)
    size = np.bincount(labels.ravel(), minlength=number + 1)[1:]
    good = (peak > surely) & (gap <= MISSING.gap * blur) & (size >= MISSING.smallest * blur**3)
    return np.asarray(np.r_[False, good][labels]), int(good.sum())
