"""What the metadata say, counted."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.config import FEWEST_PARTICLES
from gmmhet.engine.io import ParticleTable
from gmmhet.engine.wording import check as wording

__all__ = ["Facts", "facts_of"]

_DEFOCUS = (500.0, 80000.0)  # Angstrom; outside this it is another unit, or nonsense


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

    @property
    def warnings(self) -> list[str]:
        """Values that are possible, but seldom meant."""
        found = []
        if self.defocus is None:
            found.append(wording.NO_CTF)
        elif not (_DEFOCUS[0] <= self.defocus[0] and self.defocus[2] <= _DEFOCUS[1]):
            found.append(wording.unlikely_defocus(self.defocus[0], self.defocus[2], _DEFOCUS))
        if self.shift[1] > self.box * self.pixel_size / 4:
            found.append(wording.large_shifts(self.shift[1]))
        if not any(self.halves):
            found.append(wording.NO_HALVES)
        elif sum(self.halves) >= FEWEST_PARTICLES and min(self.halves) < 0.4 * sum(self.halves):
            found.append(wording.unequal_halves(*self.halves))
        return found


def facts_of(table: ParticleTable) -> Facts:
    """Count what a table of particles tells."""
    images = np.unique(np.stack([table.stack_index, table.slice_index], axis=1), axis=0)
    mean = table.defocus[:, :2].mean(axis=1)
    defocus = (float(mean.min()), float(np.median(mean)), float(mean.max())) if table.has_ctf else None
    lengths = np.hypot(*table.origins.T)
    known = table.micrograph[table.micrograph >= 0]
    return Facts(
        source=str(table.source), n_particles=len(table), n_images=len(images), n_stacks=len(table.stacks),
        box=table.box, pixel_size=table.pixel_size, optics=_optics(table), defocus=defocus,
        astigmatism=float(np.median(np.abs(table.defocus[:, 0] - table.defocus[:, 1]))),
        phase_shift=_range(table.defocus[:, 3]), shift=(float(np.median(lengths)), float(lengths.max())),
        halves=(int((table.half_set == 1).sum()), int((table.half_set == 2).sum())),
        n_micrographs=len(np.unique(known)),
    )


def _range(values: NDArray[np.float64]) -> tuple[float, float]:
    return float(values.min()), float(values.max())


def _optics(table: ParticleTable) -> tuple[str, ...]:
    counts = np.bincount(table.optics_index, minlength=len(table.optics))
    return tuple(wording.optics_group(o.name, o.voltage, o.spherical_aberration, o.amplitude_contrast, int(n))
                 for o, n in zip(table.optics, counts, strict=True) if n)
