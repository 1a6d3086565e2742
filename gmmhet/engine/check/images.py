"""Grey values of a sample of images: normalisation, background, sign of the contrast."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.check.settings import IMAGES
from gmmhet.engine.io import DensityMap, ParticleTable
from gmmhet.engine.molecule.map_content import find_molecule, radii
from gmmhet.engine.wording import check_input as wording

__all__ = ["ImageCheck", "check_images_of", "particle_radius"]

_BATCH_PIXELS = 1 << 22


@dataclass(frozen=True)
class ImageCheck:
    """Attributes:
        n_images: looked at. radius: Angstrom, of the disc outside which is background.
        mean, deviation: [3] 5th, 50th and 95th percentile over the images of the background's mean and standard
            deviation.
        contrast: mean of the core minus the background, over its standard error; positive: bright particles.
        flat: images whose background has a single value.
    """

    n_images: int
    radius: float
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]
    contrast: float
    flat: int = 0

    @property
    def normalised(self) -> bool:
        """Whether the background has mean 0 and standard deviation 1, within a tenth."""
        least = IMAGES.normalised
        return max(abs(v) for v in self.mean) < least and all(abs(v - 1) < least for v in self.deviation)

    @property
    def brightness(self) -> int:
        """1: particles brighter than their surroundings, -1: darker, 0: cannot be told."""
        return int(np.sign(self.contrast)) if abs(self.contrast) > IMAGES.deviations else 0

    @property
    def warnings(self) -> list[str]:
        low, _, high = self.deviation
        found = [wording.flat_backgrounds(self.flat, self.n_images)] if self.flat else []
        if low > 0 and high / low >= IMAGES.spread:
            found.append(wording.uneven_greyscale(low, high))
        return found


def particle_radius(density: DensityMap | None, table: ParticleTable) -> float:
    """Radius (Angstrom) of the disc that holds the particle: the map's dense region and a tenth, or half the box."""
    largest = 0.5 * table.box * table.pixel_size
    if density is None:
        return largest
    content = find_molecule(density, max(IMAGES.blur, 3 * density.pixel_size))
    if not content.found:
        return largest
    reach = radii(content.grid.box)[content.inside].max() * content.grid.pixel_size
    return float(min(IMAGES.margin * reach, largest))


def check_images_of(table: ParticleTable, rows: NDArray[np.int64], radius: float) -> ImageCheck:
    """Grey values of the images of some rows (from 0).

    Raises:
        InputError: an image holds NaN or infinite pixels.
    """
    axis = (np.arange(table.box) - table.box // 2) * table.pixel_size
    distance = np.hypot(axis[:, None], axis)
    outside, core = distance > radius, distance < IMAGES.core * radius
    means, deviations, differences = (np.empty(len(rows)) for _ in range(3))
    opened: dict[Path, Any] = {}
    size = max(1, _BATCH_PIXELS // table.box**2)
    for start in range(0, len(rows), size):
        some = slice(start, start + size)
        images = table.images(rows[some], opened)
        background = images[:, outside]
        means[some] = background.mean(axis=1, dtype=np.float64)
        deviations[some] = background.std(axis=1, dtype=np.float64)
        differences[some] = images[:, core].mean(axis=1, dtype=np.float64) - means[some]
    error = float(differences.std()) / np.sqrt(len(rows))
    contrast = float(differences.mean()) / error if error > 0 else 0.0
    return ImageCheck(len(rows), radius, _percentiles(means), _percentiles(deviations), contrast,
                      int((deviations == 0).sum()))


def _percentiles(values: NDArray[np.float64]) -> tuple[float, float, float]:
    low, middle, high = np.percentile(values, (5, 50, 95))
    return float(low), float(middle), float(high)
