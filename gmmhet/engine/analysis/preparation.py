"""From files to what both methods start from: checked input, cropped images, scale, noise, sign of contrast."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from gmmhet.engine.analysis.focus import gaussians_in_focus
from gmmhet.engine.analysis.settings import INPUT
from gmmhet.engine.config import MOST_TRIED, AnalyzeConfig
from gmmhet.engine.errors import InputError
from gmmhet.engine.gradient.frc_pass import Compared, own_scores, pose_scores
from gmmhet.engine.imaging.half_plane import HalfPlane
from gmmhet.engine.imaging.image_model import POSE, Batch, Observer, batches
from gmmhet.engine.imaging.particle_cache import ParticleCache, build_cache, cache_folder
from gmmhet.engine.io import ParticleTable, output_folder, with_image_signs
from gmmhet.engine.molecule.contrast import contrast_of, mixed_signs
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.molecule.symmetry import symmetric_copies
from gmmhet.engine.runtime.batching import batch_size, free_gpu_memory, in_smaller_batches
from gmmhet.engine.sampling import evenly_spread
from gmmhet.engine.subspace.local_pose import LOCAL_POSE
from gmmhet.engine.wording.analysis import mixed_contrast

__all__ = ["Prepared", "first_noise", "prepare"]

_LOG = logging.getLogger("gmmhet")


@dataclass
class Prepared:
    """Attributes:
        cache: cropped images. model: the whole molecule. in_focus: [N] Gaussians that may move. observer: projections.
        score_given, score_shuffled: mean FRC at the poses, and at shuffled ones. sign: of the contrast.
        poses_fit: whether the given poses score beyond all shuffled ones.
        inverted: images that were multiplied by -1 where the contrast of the set is mixed, else 0; scores are then of
            images that were given one sign.
    """

    cache: ParticleCache
    model: GaussianModel
    in_focus: NDArray[np.bool_]
    observer: Observer
    batch_size: int
    score_given: float
    score_shuffled: list[float]
    sign: float
    poses_fit: bool
    inverted: int = 0

    @property
    def compared(self) -> Compared:
        """Particles and model, to be compared by Fourier ring correlation."""
        return Compared(self.cache, self.observer, self.model.centers, self.model.weights, self.sign)


def prepare(table: ParticleTable, model_path: Path, config: AnalyzeConfig, output: Path) -> Prepared:
    """Check, crop, score; the output folder is made once the input is known to be good.

    Raises:
        InputError: unreadable input; a model of another grid than the particles; images without any content.
    """
    model = GaussianModel.load(model_path)
    if config.symmetry not in ("C1", model.symmetry):
        raise InputError(f"{model_path}: a model of symmetry {model.symmetry}; --symmetry {config.symmetry} expects "
                         f"one that gmmhet fit made with --symmetry {config.symmetry}")
    if model.box != table.box or abs(model.pixel_size / table.pixel_size - 1) > INPUT.same_pixel:
        raise InputError(f"{model_path}: fitted on {model.box} px of {model.pixel_size:g} Å; {table.source} has "
                         f"{table.box} px of {table.pixel_size:g} Å; expected one box and pixel size "
                         "(gmmhet fit with --box and --pixel-size brings the map to the particles' grid)")
    _refuse_blank(table)
    whole = symmetric_copies(model)
    inside = gaussians_in_focus(whole, config.focus, part=config.local_pose)
    folder = output_folder(output)
    resolution = max(config.resolution or model.resolution, 2 * table.pixel_size)
    grid = HalfPlane(table.box, table.pixel_size, resolution)
    _LOG.info("%d particles, %d Gaussians, %.1f Å: %d px after Fourier cropping", len(table), len(whole), resolution,
              2 * grid.h)
    observer = Observer(grid, whole.sigmas, table.pixel_size**3)
    copies = len(whole) // len(model)
    columns = (config.modes or MOST_TRIED) * copies + POSE + 1 + LOCAL_POSE * config.local_pose
    batch = batch_size(len(table), len(whole), grid.size, columns, free_gpu_memory())

    def compared(particles: ParticleTable) -> Compared:
        cache = build_cache(particles, grid, cache_folder(particles, grid, folder, config.scratch))
        return Compared(cache, observer, whole.centers, whole.weights)

    scored = _scored(compared, table, batch, config.seed)
    contrast = contrast_of(scored.given, scored.shuffled)
    sign, fits = float(contrast.sign), contrast.given * contrast.sign > contrast.chance
    _LOG.info("FRC at the given poses %.3f, at shuffled poses %.3f at most%s", contrast.given, contrast.chance,
              ": contrast is inverted, which is taken into account" if sign < 0 else "")
    if scored.inverted:
        _LOG.warning("%s", mixed_contrast(scored.inverted, len(table)))
    if not fits:
        _LOG.warning("particles do not fit the map better at their own poses than at shuffled ones")
    return Prepared(scored.cache, whole, inside, observer, batch, scored.given, scored.shuffled, sign, bool(fits),
                    scored.inverted)


@dataclass(frozen=True)
class _Scored:
    """Images of one sign of contrast, how many of them were multiplied by -1, and mean scores as in Prepared."""

    cache: ParticleCache
    given: float
    shuffled: list[float]
    inverted: int = 0


def _scored(compared: Callable[[ParticleTable], Compared], table: ParticleTable, batch_size: int, seed: int,
            ) -> _Scored:
    """Score the particles; where their contrast is mixed, as :func:`mixed_signs` judges a sample, each gets the sign
    that fits its own pose, and the same is then allowed at other poses."""
    plain = compared(table)
    scores = pose_scores(plain, batch_size=batch_size, seed=seed)
    if mixed_signs(scores.own, scores.shuffled[0]) is None:
        return _Scored(plain.cache, scores.given, scores.chance)
    own = own_scores(plain, batch_size=batch_size)
    signs = np.where(own >= 0, 1, -1).astype(np.int64)
    cache = compared(with_image_signs(table, signs)).cache
    return _Scored(cache, float(np.abs(own).mean()), [float(np.abs(s).mean()) for s in scores.shuffled],
                   int((signs < 0).sum()))


def _refuse_blank(table: ParticleTable) -> None:
    """Stop where every image of a sample is of one value: such images have no noise to weigh anything by."""
    rows = evenly_spread(len(table), INPUT.sample)
    opened: dict[Path, Any] = {}
    for start in range(0, len(rows), INPUT.at_once):
        images = table.images(rows[start:start + INPUT.at_once], opened, as_stored=True)
        if (images != images[:, :1, :1]).any():
            return
    raise InputError(f"{table.stacks[int(table.stack_index[rows[0]])]}: all pixels of an image have the same value "
                     f"({len(rows)} images looked at, the first of row {table.ids[rows[0]]} of {table.source}); "
                     "expected images of particles")


def first_noise(prepared: Prepared) -> tuple[NDArray[np.float64], float]:
    """Noise variance per shell [shells] and contrast, by regression of a sample of images on their projections."""
    cache, observer = prepared.cache, prepared.observer
    rows = evenly_spread(len(cache), INPUT.sample)
    centers, weights = (tf.constant(a, tf.float32) for a in (prepared.model.centers, prepared.model.weights))

    def sums_of(batch: Batch) -> list[Any]:
        projection = observer.projector.project(observer.factors(batch, centers), weights)
        image = observer.transfer(batch, tf.ones([])) * projection
        each = batch.is_particle[:, None, None, None, None]
        return [tf.reduce_sum(each * p, axis=(0, 1, 2)) for p in (batch.planes**2, batch.planes * image, image**2)]

    step = tf.function(sums_of)
    grid = observer.grid

    def summed(size: int) -> NDArray[np.float64]:
        sums = np.zeros((3, grid.n_shells))
        for _, batch in batches(cache, rows, size):
            for i, plane in enumerate(step(batch)):
                sums[i] += np.bincount(grid.clipped_shell.ravel(), (plane.numpy() * grid.weight).ravel(), grid.n_shells)
        return sums

    sums = in_smaller_batches(summed, min(prepared.batch_size, len(rows)))
    count = np.bincount(grid.clipped_shell.ravel(), 4 * grid.weight.ravel(), grid.n_shells) * len(rows)
    data, cross, model = sums
    usable = count > 0
    noise = np.ones(grid.n_shells)
    noise[usable] = data[usable] / count[usable]
    for _ in range(INPUT.noise_rounds):
        contrast = float(np.sum(cross[usable] / noise[usable]) / np.sum(model[usable] / noise[usable]))
        residual = data - 2 * contrast * cross + contrast**2 * model
        noise[usable] = np.maximum(residual[usable], INPUT.least_noise * data[usable]) / count[usable]
    noise[~usable] = noise[usable][0]
    return np.maximum(noise, np.finfo(np.float32).tiny), contrast
