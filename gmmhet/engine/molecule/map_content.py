"""What a map holds: its molecule, the solvent around it, and how fine its signal is.

Check, fit and analysis take these from here, so that they judge a map alike.

The solvent of real maps is not zero: it may have an offset, rise towards the corners of a box that was not padded
(1 / sinc^2 of the radius), be noisy within a sphere and zero beyond it, or lie below zero around the molecule. So its
level is a function of the radius, measured on what is not molecule; the molecule is the connected density that stands
out from it. Both take turns until they agree.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats

from gmmhet.engine.conventions import voxel_origin
from gmmhet.engine.io.mrc import DensityMap
from gmmhet.engine.molecule.maps import coarser_map, field_of_view, low_pass, resample_map, soft_edge
from gmmhet.engine.molecule.settings import MOLECULE

__all__ = ["MapContent", "Solvent", "find_molecule", "radii"]

Array = NDArray[np.float64]
Region = NDArray[np.bool_]
_PIXELS_PER_BLUR = 3.0  # of the grid on which the molecule is sought: finer sampling adds nothing


@dataclass(frozen=True)
class Solvent:
    """Density of the solvent.

    Attributes:
        radius: [s] Angstrom from the origin, increasing. level: [s] density there.
        deviation: standard deviation of what remains around the molecule, at the blur at which it was sought.
    """

    radius: Array
    level: Array
    deviation: float

    def on_grid(self, box: int, pixel_size: float) -> NDArray[np.float32]:
        """[box] * 3 level at every voxel."""
        return np.interp(radii(box) * pixel_size, self.radius, self.level).astype(np.float32)


@dataclass(frozen=True)
class MapContent:
    """The molecule of a map.

    Attributes:
        grid: the map on the grid it was sought on (Angstrom a voxel in it), as it was given.
        inside: [grid.box] * 3, True where the molecule is; nowhere when none stands out.
        solvent: around it. blur: Angstrom, at which it was sought.
        volume: of the molecule, Angstrom^3: all of its density over that in its interior (the 90th percentile).
        extent: volume that its density fills, blurred and mobile rims included, Angstrom^3: of uniform density with the
            same sum and sum of squares.
    """

    grid: DensityMap
    inside: Region
    solvent: Solvent
    blur: float
    volume: float
    extent: float

    @property
    def found(self) -> bool:
        """Whether there is a molecule, brighter than its surroundings."""
        return bool(self.inside.any())

    @property
    def level(self) -> float:
        """Density of the solvent where the molecule ends."""
        if not self.found:
            return float(self.solvent.level[-1])
        reach = radii(self.grid.box)[self.inside].max() * self.grid.pixel_size
        return float(np.interp(reach, self.solvent.radius, self.solvent.level))

    def mask(self, box: int, pixel_size: float, *, grow: float, width: float) -> NDArray[np.float32]:
        """The molecule grown by some Angstrom, falling from 1 to 0 over a width (Angstrom), on a grid of the field."""
        coarse = self.grid.pixel_size
        soft = DensityMap(soft_edge(self.inside, grow / coarse, max(width / coarse, 1e-3)), coarse)
        if (box, pixel_size) != (self.grid.box, coarse):
            soft = resample_map(soft, box, pixel_size)
        return np.clip(soft.data, 0, 1)

    def solvent_of(self, density: DensityMap) -> Solvent:
        """The solvent of another map of the same molecule over the same field, such as a half map."""
        box = self.grid.box
        work = density if density.box == box else resample_map(density, box, field_of_view(density) / box)
        smooth = DensityMap(low_pass(work, self.blur).data, work.pixel_size)
        if not self.found:
            everywhere = np.ones(smooth.data.shape, bool)
            return _solvent_of(smooth, everywhere, everywhere)
        outside, near = _around(self.inside, self.blur / self.grid.pixel_size)
        return _solvent_of(smooth, outside, near)

    def without_solvent(self, density: DensityMap) -> DensityMap:
        """A map of the same field with the level of the solvent taken off."""
        level = self.solvent.on_grid(density.box, density.pixel_size)
        return DensityMap(density.data - level, density.pixel_size)


def radii(box: int) -> Array:
    """[box] * 3 distance from the origin, voxels."""
    axis = (np.arange(box) - voxel_origin(box)) ** 2
    return np.asarray(np.sqrt(axis[:, None, None] + axis[:, None] + axis), np.float64)


def find_molecule(density: DensityMap, blur: float, mask: NDArray[np.float32] | None = None) -> MapContent:
    """Find the molecule without a threshold from the user.

    Args:
        blur: Angstrom; resolution at which it is sought. mask: [box] * 3, 0 to 1: its outline where at least half of it
            is dense, else bounds within which it is sought.
    """
    work = coarser_map(density, blur / _PIXELS_PER_BLUR)
    allowed = np.ones(work.data.shape, bool)
    if mask is not None:
        allowed = coarser_map(DensityMap(mask, density.pixel_size), blur / _PIXELS_PER_BLUR).data > 0.5
    smooth = DensityMap(low_pass(work, blur).data, work.pixel_size)
    inside, solvent = _settle(smooth, blur, allowed, whole=mask is not None)
    if mask is not None and inside.sum() >= MOLECULE.outline_share * allowed.sum():
        inside = allowed
    values = np.maximum((smooth.data - solvent.on_grid(work.box, work.pixel_size))[inside].astype(np.float64), 0)
    if not (values > 0).any():
        return MapContent(work, np.zeros_like(inside), solvent, blur, 0.0, 0.0)
    total, voxel = float(values.sum()), work.pixel_size**3
    interior = float(np.quantile(values, MOLECULE.interior))
    extent = total**2 / float((values**2).sum())
    return MapContent(work, inside, solvent, blur, total / interior * voxel, extent * voxel)


def _settle(smooth: DensityMap, blur: float, allowed: Region, *, whole: bool) -> tuple[Region, Solvent]:
    """Molecule and solvent in turns, from a level measured at the rim of the largest sphere in the box."""
    distance = radii(smooth.box)
    rim = (distance > 0.8 * (smooth.box // 2)) & (distance <= smooth.box // 2)
    solvent = _solvent_of(smooth, rim, rim)
    inside = np.zeros(allowed.shape, bool)
    for _ in range(MOLECULE.rounds):
        before = inside
        clean = smooth.data - solvent.on_grid(smooth.box, smooth.pixel_size)
        inside = _dense(clean, solvent.deviation, allowed, distance)
        if not inside.any():
            break
        if not whole:
            inside = _pieces(clean, inside, distance, solvent.deviation)
        if not inside.any() or not (inside ^ before).any():
            break
        outside, near = _around(inside, blur / smooth.pixel_size)
        if not near.any():
            break
        solvent = _solvent_of(smooth, outside, near)
    return inside, solvent


def _around(inside: Region, blur: float) -> tuple[Region, Region]:
    """What is solvent, and what of it is around the molecule, within the largest sphere in the box; blur in voxels."""
    gap = ndimage.distance_transform_edt(~inside) / blur
    outside = gap > MOLECULE.solvent_from
    return outside, outside & (gap < MOLECULE.solvent_from + 2) & (radii(len(inside)) <= len(inside) // 2)


def _solvent_of(smooth: DensityMap, outside: Region, near: Region) -> Solvent:
    """Median of the solvent in spherical shells; where the molecule fills them, that of the next shell outwards.

    Args:
        outside: voxels of solvent. near: those around the molecule, whose deviation counts.
    """
    distance = radii(smooth.box)
    edges = np.linspace(0, distance.max() * (1 + 1e-9), 1 + round(
        MOLECULE.solvent_shells * float(distance.max()) / (smooth.box / 2)))
    shell = np.digitize(distance, edges) - 1
    total, held = (np.bincount(s.ravel(), minlength=len(edges) - 1) for s in (shell, shell[outside]))
    order = np.argsort(shell[outside], kind="stable")
    parts = np.split(smooth.data[outside][order], np.cumsum(held)[:-1])
    usable = np.flatnonzero((held >= MOLECULE.solvent_shell_share * total) & (held > 0))
    if len(usable) == 0:
        usable = np.array([int(np.argmax(held))])
    level = np.array([float(np.median(parts[i])) for i in usable])
    middle = 0.5 * (edges[1:] + edges[:-1])[usable] * smooth.pixel_size
    rest = smooth.data[near] - np.interp(distance[near] * smooth.pixel_size, middle, level)
    return Solvent(middle, level, 1.4826 * float(np.median(np.abs(rest))))


def _dense(clean: NDArray[np.float32], deviation: float, allowed: Region, distance: Array) -> Region:
    """Voxels above a share of the molecule's own mean density and above the noise; none where dark outweighs bright."""
    ball = allowed & (distance <= len(clean) // 2)
    if not ball.any():
        return np.zeros(clean.shape, bool)
    top, bottom = float(clean[ball].max()), float(clean[ball].min())
    if not (top > 1e-6 * float(np.abs(clean).max()) and MOLECULE.darkest * top > -bottom):
        return np.zeros(clean.shape, bool)
    threshold = MOLECULE.start_fraction * top
    for _ in range(50):
        mean = float(clean[ball & (clean > threshold)].mean())
        found = min(max(MOLECULE.dense_fraction * mean, MOLECULE.deviations * deviation),
                    MOLECULE.highest_fraction * top)
        if abs(found - threshold) < 1e-3 * top:
            break
        threshold = found
    return np.asarray(allowed & (clean > threshold))


def _pieces(clean: NDArray[np.float32], inside: Region, distance: Array, deviation: float) -> Region:
    """Connected pieces that are large, higher than noise would be in any voxel, and mostly within the sphere."""
    labels, number = ndimage.label(inside)
    every = np.arange(1, number + 1)
    peak = ndimage.maximum(clean, labels, every)
    within = ndimage.mean(distance <= len(clean) // 2, labels, every)
    size = np.bincount(labels.ravel(), minlength=number + 1)[1:]
    highest = float(stats.norm.isf(MOLECULE.false_pieces / inside.size)) * deviation
    good = (peak > highest) & (within >= MOLECULE.inside_sphere)
    if not good.any():
        return np.zeros(inside.shape, bool)
    good &= size >= MOLECULE.smallest_piece * size[good].max()
    return np.asarray(np.concatenate([[False], good])[labels])
