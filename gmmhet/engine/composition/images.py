"""The particles of an analysis, and how they are compared with Gaussians."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.composition.inputs import Analysed
from gmmhet.engine.composition.particle_equations import ParticleEquations, Pictured, particle_equations
from gmmhet.engine.composition.presence import BlockModel, presence
from gmmhet.engine.composition.settings import OUTPUT, PARCELS
from gmmhet.engine.config import CompositionConfig
from gmmhet.engine.imaging.half_plane import HalfPlane
from gmmhet.engine.imaging.image_model import POSE, Observer
from gmmhet.engine.imaging.particle_cache import ParticleCache, build_cache
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.runtime.batching import batch_size, free_gpu_memory

__all__ = ["CACHE", "Images"]

#: folder of the cropped images, within that of the composition
CACHE = "cache"


@dataclass(frozen=True)
class Images:
    """The particles, and how they are compared with Gaussians."""

    analysed: Analysed
    cache: ParticleCache
    observer: Observer
    noise: NDArray[np.float64]
    batch: int

    @classmethod
    def of(cls, analysed: Analysed, config: CompositionConfig, folder: Path) -> "Images":
        table, model = analysed.table, analysed.model
        grid = HalfPlane(table.box, table.pixel_size, max(config.resolution or model.resolution, 2 * table.pixel_size))
        cache = build_cache(table, grid, folder / CACHE)
        noise = np.array([np.interp(grid.frequencies, analysed.noise_frequency, one) for one in analysed.noise])
        columns = PARCELS.most + len(analysed.at.position) + POSE
        batch = batch_size(len(table), len(model), grid.size, columns, free_gpu_memory())
        return cls(analysed, cache, Observer(grid, model.sigmas, table.pixel_size**3), noise, batch)

    def of_gaussians(self, model: GaussianModel) -> "Images":
        """The same, with further Gaussians after those of the analysis, which do not move."""
        at, extra = self.analysed.at, len(model) - len(self.analysed.model)
        position = np.pad(at.position, ((0, 0), (0, extra), (0, 0)))
        analysed = replace(self.analysed, model=model, at=replace(at, position=position))
        observer = Observer(self.observer.grid, model.sigmas, model.pixel_size**3)
        return replace(self, analysed=analysed, observer=observer)

    @property
    def resolution(self) -> float:
        return self.observer.grid.resolution

    def equations(self, parcel: NDArray[np.int64], rows: NDArray[np.int64] | None = None,
                  mixing: NDArray[np.float64] | None = None) -> ParticleEquations:
        """Of all particles, or some rows of them, for parcels [N] or (mixing) for wholes made of them."""
        model, cache, at = self.analysed.model, self.cache, self.analysed.at
        if rows is not None:
            chosen = rows if cache.chosen is None else cache.chosen[rows]
            cache = replace(cache, table=cache.table.some(rows), chosen=chosen)
            at = replace(at, coordinates=at.coordinates[rows], pose=at.pose[rows])
        return particle_equations(
            Pictured(cache, self.observer, model.centers, model.weights, parcel, self.noise, self.analysed.contrast,
                     mixing), at, self.batch)

    def noise_scale(self, equations: ParticleEquations, model: BlockModel) -> float:
        """Power of what a model leaves of the images over that of the noise."""
        found = presence(equations, model)
        amplitudes = found.amplitudes(model)
        explained = 2 * np.einsum("np,np->n", equations.vector, amplitudes) - np.einsum(
            "np,npq,nq->n", amplitudes, equations.matrix, amplitudes, optimize=True)
        pixels = 4 * float(self.observer.grid.weight.sum())
        used = ~self.analysed.junk
        return float(np.clip(np.mean(equations.power[used] - explained[used]) / pixels, *OUTPUT.noise_range))
