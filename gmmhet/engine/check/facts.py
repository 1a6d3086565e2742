"""What the metadata say, counted."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.check.settings import LIKELY
from gmmhet.engine.config import FEWEST_PARTICLES
from gmmhet.engine.io import ParticleTable
from gmmhet.engine.io.mrc import header_pixel_size
from gmmhet.engine.wording import check_input as wording
from gmmhet.engine.wording.check import optics_group

__all__ = ["Facts", "facts_of"]

_FEWEST_ANGLES = 10  # of so many particles, some angle is larger than 6.3 degrees

@dataclass(frozen=True)
class Facts:
    """Counts and ranges over n particles.

    Attributes:
        source: the file. n_images: different images (fewer than particles after symmetry expansion).
        optics: of each optics group that has particles: its name, values and number of particles.
        defocus: lowest, median and highest mean defocus, Angstrom; None without CTF. astigmatism: median difference of
            the two axes, Angstrom. phase_shift: lowest and highest, degrees.
        shift: median and largest length of the origins, Angstrom.
        halves: particles of half-set 1 and 2; (0, 0) where the file tells none. n_micrographs: 0 where it tells none.
        half_set_notes: sentences on half-sets that are not used as they are in the file.
        largest_angle: of all Euler angles, degrees. spherical_aberration: smallest above 0, mm; 0: none.
        header_pixel_size: of the first stack, Angstrom; None where it has none.
        inverted: images that the file says to be of inverted contrast where others are not.
        repeated: rows with the image and the pose of another row.
        amplitude_contrast: lowest.
    """

    source: str
    n_particles: int
    n_images: int
    n_stacks: int
    box: int
    pixel_size: float
    optics: tuple[str, ...]
    defocus: tuple[float, float, float] | None
    astigmatism: float
    phase_shift: tuple[float, float]
    shift: tuple[float, float]
    halves: tuple[int, int]
    n_micrographs: int
    half_set_notes: tuple[str, ...] = ()
    largest_angle: float = 180.0
    spherical_aberration: float = 0.0
    header_pixel_size: float | None = None
    inverted: int = 0
    repeated: int = 0
    amplitude_contrast: float = 0.1

    @property
    def warnings(self) -> list[str]:
        """Values that are possible, but seldom meant."""
        found = self.unlikely_units
        if self.shift[1] > self.box * self.pixel_size / 4:
            found.append(wording.large_shifts(self.shift[1]))
        if self.repeated:
            found.append(wording.repeated_rows(self.repeated))
        found += self.half_set_notes
        if not any(self.halves):
            found.append(wording.NO_HALVES)
        elif not self.half_set_notes and sum(self.halves) >= FEWEST_PARTICLES and (
                min(self.halves) < 0.4 * sum(self.halves)):
            found.append(wording.unequal_halves(*self.halves))
        return found

    @property
    def unlikely_units(self) -> list[str]:
        """Values that are rather in another unit."""
        found = []
        if self.defocus is None:
            found.append(wording.NO_CTF)
        elif not (LIKELY.defocus[0] <= self.defocus[0] and self.defocus[2] <= LIKELY.defocus[1]):
            found.append(wording.unlikely_defocus(self.defocus[0], self.defocus[2], LIKELY.defocus))
        elif self.defocus[1] < LIKELY.median_defocus:
            found.append(wording.small_defocus(self.defocus[1]))
        if self.defocus is not None and 0 < max(map(abs, self.phase_shift)) < LIKELY.radians:
            found.append(wording.small_phase_shifts(*self.phase_shift))
        if self.defocus is not None and self.amplitude_contrast < 0:
            found.append(wording.negative_amplitude_contrast(self.amplitude_contrast))
        if self.n_particles >= _FEWEST_ANGLES and 0 < self.largest_angle < LIKELY.radians:
            found.append(wording.small_angles(self.largest_angle))
        if self.defocus is not None and (
                LIKELY.spherical_aberration[0] < self.spherical_aberration < LIKELY.spherical_aberration[1]):
            found.append(wording.small_aberration(self.spherical_aberration))
        header = self.header_pixel_size
        if header is not None and header != 1 and (
                abs(header / self.pixel_size - 1) > LIKELY.header_pixel_size):
            found.append(wording.other_pixel_size(self.pixel_size, header))
        return found


def facts_of(table: ParticleTable) -> Facts:
    """Count what a table of particles tells."""
    used = [table.optics[i] for i in np.unique(table.optics_index)]
    mean = table.defocus[:, :2].mean(axis=1)
    defocus = (float(mean.min()), float(np.median(mean)), float(mean.max())) if table.has_ctf else None
    lengths = np.hypot(*table.origins.T)
    known = table.micrograph[table.micrograph >= 0]
    return Facts(
        source=str(table.source), n_particles=len(table), n_images=table.half_sets.n_images, n_stacks=len(table.stacks),
        box=table.box, pixel_size=table.pixel_size, optics=_optics(table), defocus=defocus,
        astigmatism=float(np.median(np.abs(table.defocus[:, 0] - table.defocus[:, 1]))),
        phase_shift=_range(table.defocus[:, 3]), shift=(float(np.median(lengths)), float(lengths.max())),
        halves=(int((table.half_set == 1).sum()), int((table.half_set == 2).sum())),
        n_micrographs=len(np.unique(known)), half_set_notes=tuple(table.half_sets.notes),
        largest_angle=float(np.abs(table.angles).max()),
        spherical_aberration=min((o.spherical_aberration for o in used if o.spherical_aberration > 0), default=0.0),
        header_pixel_size=header_pixel_size(table.stacks[int(table.stack_index[0])]) if table.located else None,
        inverted=0 if table.signs is None else int((table.signs < 0).sum()), repeated=_repeated(table),
        amplitude_contrast=min(o.amplitude_contrast for o in used),
    )


def _repeated(table: ParticleTable) -> int:
    """Rows with image and pose of an earlier row; those of a symmetry expansion have poses of their own."""
    image = table.image_index
    several = np.flatnonzero(np.bincount(image)[image] > 1)
    keys = np.column_stack([image[several], np.round(table.angles[several], 3), np.round(table.origins[several], 3)])
    return len(several) - len(np.unique(keys, axis=0))


def _range(values: NDArray[np.float64]) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _optics(table: ParticleTable) -> tuple[str, ...]:
    counts = np.bincount(table.optics_index, minlength=len(table.optics))
    return tuple(optics_group(o.name, o.voltage, o.spherical_aberration, o.amplitude_contrast, int(n))
                 for o, n in zip(table.optics, counts, strict=True) if n)
