"""What a run will take, from a short measurement on this machine with its own images, box and number of Gaussians."""

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gmmhet.engine.analysis.search_sample import expected_share
from gmmhet.engine.commands.command import RUN_STAGES
from gmmhet.engine.commands.settings import FORECAST
from gmmhet.engine.composition.settings import BLOCKS
from gmmhet.engine.config import AnalyzeConfig, CompositionConfig, FitConfig
from gmmhet.engine.fitting.choices import choose_number
from gmmhet.engine.fitting.consensus import Consensus
from gmmhet.engine.fitting.settings import CHOICES
from gmmhet.engine.gradient.frc import frc_gradient
from gmmhet.engine.imaging.half_plane import HalfPlane, images_to_planes
from gmmhet.engine.imaging.image_model import Batch, Observer
from gmmhet.engine.io import ParticleTable
from gmmhet.engine.molecule.map_content import find_molecule
from gmmhet.engine.progress import Course
from gmmhet.engine.reconstruction.series import half_equations
from gmmhet.engine.reconstruction.slices import SliceReader
from gmmhet.engine.reconstruction.solver import half_map
from gmmhet.engine.runtime.batching import batch_size, free_gpu_memory
from gmmhet.engine.sampling import evenly_spread

__all__ = ["Rates", "RunForecast", "Work", "expect", "forecast", "measured"]

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Work:
    """The size of a run: particles, box (pixels), largest frequency index of the images, Gaussians, maps."""

    particles: int
    box: int
    half_plane: HalfPlane
    gaussians: int
    maps: int

    @classmethod
    def of(cls, table: ParticleTable, consensus: Consensus, fit: FitConfig, maps: int) -> "Work":
        """With the number of Gaussians and the resolution that the fit would choose for a map without noise; it takes
        fewer, and coarser ones, for others."""
        resolution = fit.resolution or consensus.finest
        blur = max(resolution, CHOICES.pixels_per_blur * table.pixel_size)
        content = find_molecule(consensus.density, blur, consensus.mask)
        number = fit.n_gaussians or choose_number(content.extent if content.found else 0.0, resolution)
        return cls(len(table), table.box, HalfPlane(table.box, table.pixel_size, resolution), number, maps)


@dataclass(frozen=True)
class Rates:
    """Of this machine, seconds: to trace and compute the first scores; and to crop an image, to score a particle with
    its gradient, to back-project it, and to make a half map."""

    first: float
    crop: float
    score: float
    project: float
    half_map: float


@dataclass(frozen=True)
class RunForecast:
    """What a run takes: seconds of its stages, of the motion least and most; bytes of memory and disk."""

    motion: tuple[float, float]
    composition: float
    maps: float
    memory: float
    disk: float

    @property
    def seconds(self) -> tuple[float, float]:
        """Of all stages."""
        rest = self.composition + self.maps
        return self.motion[0] + rest, self.motion[1] + rest


def measured(table: ParticleTable, work: Work) -> Rates:
    """Crop, score and back-project a few particles.

    Raises:
        InputError: images that cannot be read.
    """
    rows = evenly_spread(len(table), min(len(table), FORECAST.particles))
    started = time.perf_counter()
    planes = images_to_planes(table.images(rows, as_stored=True), work.half_plane, table.origins[rows])
    crop = (time.perf_counter() - started) / len(rows)
    first, score = _score_rate(table, work, planes, rows)
    project, solved = _map_rates(table, rows)
    return Rates(first, crop, score, project, solved)


def _score_rate(table: ParticleTable, work: Work, planes: NDArray[np.float32],
                rows: Rows) -> tuple[float, float]:
    """Seconds of the first batch, and of a particle after it."""
    size = batch_size(work.particles, work.gaussians, work.half_plane.size, 1, free_gpu_memory())
    chosen = np.resize(np.arange(len(rows)), size)
    batch = Batch(tf.constant(planes[chosen], tf.float32), tf.constant(table.views[rows[chosen]], tf.float32),
                  tf.constant(table.ctf_coefficients[rows[chosen]], tf.float32), tf.zeros([size], tf.int32),
                  tf.ones([size]))
    rng = np.random.default_rng(0)
    extent = 0.25 * work.box * table.pixel_size
    centers = tf.constant(rng.uniform(-extent, extent, (work.gaussians, 3)), tf.float32)
    weights, sign = tf.ones([work.gaussians]), tf.ones([])
    observer = Observer(work.half_plane, np.full(work.gaussians, 0.35 * work.half_plane.resolution),
                        table.pixel_size**3)
    step = tf.function(lambda b: frc_gradient(observer, b, centers, weights, sign), autograph=False)
    first = _seconds(lambda: step(batch)[0].numpy())
    count, started = 0, time.perf_counter()
    while not count or time.perf_counter() - started < FORECAST.seconds:
        step(batch)[0].numpy()
        count += 1
    return first, (time.perf_counter() - started) / (count * size)


def _map_rates(table: ParticleTable, rows: Rows) -> tuple[float, float]:
    """Seconds to back-project an image, and to make a half map of the whole box."""
    size = min(table.box, FORECAST.measured_box)
    size += (table.box - size) % 2  # the parity of the box
    ones = np.ones((len(table.optics), table.box // 2 + 1))
    reader = SliceReader(table, np.ones(len(table)), ones, size)
    started = time.perf_counter()
    equations = half_equations(reader, rows, np.ones(len(rows), np.float32), np.eye(3)[np.newaxis])
    project = (time.perf_counter() - started) / len(rows)
    assert equations is not None  # there are particles
    solved = _seconds(lambda: half_map(equations))
    return project * (table.box / size) ** 2, solved * (table.box / size) ** 3


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def forecast(work: Work, rates: Rates, analyze: AnalyzeConfig, composition: CompositionConfig | None = None,
             ) -> RunForecast:
    """Time, memory and disk of what follows the check; composition: None: without it."""
    n = work.particles
    maps = n * rates.project + work.maps * FORECAST.half_maps * rates.half_map
    voxels = 4 * work.box**3  # bytes of a map
    image = 2 * 2 * work.half_plane.size**2 * 2 + 2  # bytes of a cropped image, in half precision
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 + 8 * FORECAST.copies * voxels
    disk = n * (image + FORECAST.bytes_of_particle) + work.maps * FORECAST.maps_of_result * voxels
    low, high = (_motion(work, rates, rates.score * n, passes) for passes in _passes(work, analyze))
    of_composition = 0.0 if composition is None else _composition(work, rates)
    return RunForecast((low, high), of_composition, maps, memory + n * FORECAST.bytes_of_particle, disk)


def _passes(work: Work, analyze: AnalyzeConfig) -> tuple[float, float]:
    """Least and most passes over all particles, in passes of scores with gradients."""
    if analyze.method != "likelihood":
        return 2.0, 2.0
    share = expected_share(work.particles, analyze.search_particles, round(FORECAST.directions * work.gaussians))
    rest = FORECAST.finishing if share < 1 else 0.0
    return rest + share * FORECAST.least_passes, rest + share * FORECAST.most_passes


def _motion(work: Work, rates: Rates, score_pass: float, passes: float) -> float:
    """Seconds of the analysis; score_pass: of one pass of scores with gradients."""
    return FORECAST.traces * rates.first + work.particles * rates.crop + (1 + passes) * score_pass


def _composition(work: Work, rates: Rates) -> float:
    """Seconds of the search for what comes and goes, where nothing does."""
    searched = min(work.particles, BLOCKS.searched)
    return FORECAST.composition * searched * rates.score + work.particles * rates.crop


def expect(course: Course, work: Work, rates: Rates, analyze: AnalyzeConfig,
           composition: CompositionConfig | None = None) -> RunForecast:
    """Tell a course what its stages take. The time of the analysis is corrected by its first pass over all particles.

    The model and the report take seconds, which their own loops tell.
    """
    found = forecast(work, rates, analyze, composition)
    for stage, seconds in zip(RUN_STAGES[1:], (0.0, sum(found.motion) / 2, found.composition, found.maps, 0.0),
                              strict=True):
        course.expect(stage, seconds)
    passes = sum(_passes(work, analyze)) / 2
    course.after("scores and gradients",
                 lambda seconds: course.expect(RUN_STAGES[2], _motion(work, rates, seconds, passes)))
    return found
