"""gmmhet composition."""

import json
import logging
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet import __version__
from gmmhet.engine.composition.beyond import candidates, excess_variance, with_added
from gmmhet.engine.composition.blocks import amplitude_covariance, found_blocks, model_of, support, with_combinations
from gmmhet.engine.composition.given import given_blocks
from gmmhet.engine.composition.images import CACHE, Images
from gmmhet.engine.composition.inputs import Analysed, read_analysed
from gmmhet.engine.composition.motion import updated_variances, with_coordinates, without_motion
from gmmhet.engine.composition.output import COMMAND, Composition, write_composition
from gmmhet.engine.composition.parcels import clusters, faintness, finer_parcels, parcels_of, parcels_within, places
from gmmhet.engine.composition.particle_equations import ParticleEquations
from gmmhet.engine.composition.presence import BlockModel, fitted, with_shapes
from gmmhet.engine.composition.refinement import refined_blocks
from gmmhet.engine.composition.settings import BEYOND, BLOCKS, MOTION, PARCELS, PRESENCE, REFINEMENT
from gmmhet.engine.composition.states import states_of
from gmmhet.engine.config import CompositionConfig, result_options
from gmmhet.engine.errors import InputError
from gmmhet.engine.io import made_by, output_folder
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.runtime.checkpoint import Journal
from gmmhet.engine.sampling import evenly_spread
from gmmhet.engine.wording.composition import around_the_molecule, few_of_half, few_particles

__all__ = ["compose"]

_LOG = logging.getLogger("gmmhet")
_CHECKPOINT = "checkpoint"
_KINDS = (BlockModel,)


def compose(latents: Path, config: CompositionConfig, output: Path, *, root: Path | None = None,
            required: bool = True) -> None:
    """Find the blocks that come and go in analysed particles, and which particle has which.

    Writes particles.star, composition.npz, block_NN.mrc and summary.json (CONVENTIONS.rst) into ``output``.

    Args:
        latents: latents.star of gmmhet analyze; analysis.npz and summary.json are beside it.
        required: too few particles are an error; else that is what is written.
    Raises:
        InputError: unreadable input, or too few particles.
    """
    started = time.monotonic()
    made_by(output, COMMAND)
    analysed = read_analysed(latents, root)
    parameters = _parameters(analysed, latents, config)
    if config.resume and _finished(output, parameters):
        _LOG.info("%s: complete, kept", output)
        return
    lacking = _lacking(analysed)
    if lacking and required:
        raise InputError(f"{latents}: {lacking}")
    given = given_blocks(config.blocks, analysed.model) if config.blocks else None
    folder = output_folder(output)
    if lacking:
        nothing = Composition(np.zeros(len(analysed.model), np.int64), None, None, (), np.zeros(0), 1.0, lacking)
        write_composition(folder, analysed, nothing, {"parameters": parameters, "timing": {}, "resolution": None})
        return
    journal = Journal(folder / _CHECKPOINT, parameters, _KINDS, resume=config.resume)
    images = Images.of(analysed, config, folder)
    images, found = (_found(images, config, journal) if given is None else
                     (images, _of_given(images, config, given)))
    timing = {"all": round(time.monotonic() - started, 2)}
    write_composition(folder, images.analysed, found, {"parameters": parameters, "timing": timing,
                                                "resolution": images.observer.grid.resolution})
    journal.remove()
    shutil.rmtree(folder / CACHE, ignore_errors=True)


def _lacking(analysed: Analysed) -> str:
    """Of what there is too little; "" where there is enough."""
    if len(analysed.table) < MOTION.fewest:
        return few_particles(len(analysed.table), MOTION.fewest)
    counts = [int((analysed.halves[~analysed.junk] == half).sum()) for half in (1, 2)]
    return few_of_half(1 + counts.index(min(counts)), MOTION.fewest // 4) if min(counts) < MOTION.fewest // 4 else ""


def _parameters(analysed: Analysed, latents: Path, config: CompositionConfig) -> dict[str, object]:
    files = {str(path): path.stat().st_mtime_ns for path in (latents, latents.parent / "analysis.npz", *config.blocks)
             if path.is_file()}
    return {"version": __version__, "particles": str(latents), "images": analysed.table.fingerprint, "files": files,
            **json.loads(json.dumps(result_options(config), default=str))}


def _finished(folder: Path, parameters: dict[str, object]) -> bool:
    try:
        return bool(json.loads((folder / "summary.json").read_text(encoding="utf-8"))["parameters"] == parameters)
    except (OSError, ValueError, KeyError, TypeError):
        return False


@dataclass(frozen=True)
class _Parcels:
    """Gaussians and parcels that blocks are sought in.

    Attributes:
        images: with the Gaussians that were added. parcel: [N]. mean: [P] and start: [P, P] of the amplitudes.
    """

    images: Images
    parcel: NDArray[np.int64]
    mean: NDArray[np.float64]
    start: NDArray[np.float64]


def _parcels(images: Images, config: CompositionConfig, journal: Journal) -> _Parcels:
    """Large parcels first; smaller ones where amplitudes vary, and others around the molecule where anything does."""
    model, used = images.analysed.model, np.flatnonzero(~images.analysed.junk)
    points = places(model.centers, model.weights, images.resolution)
    parcel = parcels_of(points, images.resolution, config.seed)
    faint = faintness(points, parcel, images.resolution)
    variances = np.ones(len(images.analysed.at.position))
    rows = used[evenly_spread(len(used), BLOCKS.sample)]
    first = journal.page("covariance").once(
        lambda: amplitude_covariance(without_motion(images.equations(parcel, rows), variances),
                                     BLOCKS.first_spread / faint).matrix)
    extra = _extra(images, config, journal, parcel, first)
    number = 0 if extra is None else int(extra[1].max()) + 1
    finer = finer_parcels(points, parcel, np.sqrt(np.diag(first)), config.seed, PARCELS.most - number)
    of = np.array([parcel[np.flatnonzero(finer == q)[0]] for q in range(int(finer.max()) + 1)])
    ratio = faint[of] / faintness(points, finer, images.resolution)
    start = (first[of][:, of] + BLOCKS.own_share * np.diag(np.diag(first)[of])) * np.outer(ratio, ratio)
    mean, count = np.ones(len(of)), len(of)
    if extra is None:
        return _Parcels(images, finer, mean, start)
    whole, pieces = extra
    start = np.block([[start, np.zeros((count, number))],
                      [np.zeros((number, count)), BEYOND.first_spread**2 * np.eye(number)]])
    return _Parcels(images.of_gaussians(whole), np.concatenate([finer, pieces + count]),
                    np.concatenate([mean, np.zeros(number)]), start)


def _extra(images: Images, config: CompositionConfig, journal: Journal, parcel: NDArray[np.int64],
           covariance: NDArray[np.float64]) -> tuple[GaussianModel, NDArray[np.int64]] | None:
    """The Gaussians with those that are added around them, and the parcels of these, from 0; None where there are
    none."""
    found = candidates(images.analysed.model, images.resolution, config.seed)
    if found is None:
        return None
    added, owner = found
    used = np.flatnonzero(~images.analysed.junk)
    score = journal.page("around").once(lambda: _tried(images, parcel, covariance, found, used))
    chosen = [q for q in np.argsort(-score)[:BEYOND.most] if score[q] > BEYOND.deviations]
    _LOG.info("%s", around_the_molecule(len(chosen), len(score)))
    some = np.isin(owner, chosen)
    if not some.any():
        return None
    pieces = clusters(added.centers[some], min(BEYOND.pieces * len(chosen), int(some.sum())), config.seed)
    return with_added(images.analysed.model, added, some), pieces


def _tried(images: Images, parcel: NDArray[np.int64], covariance: NDArray[np.float64],
           around: tuple[GaussianModel, NDArray[np.int64]], used: NDArray[np.int64]) -> NDArray[np.float64]:
    """[Q] excess variance of the parcels around the molecule."""
    added, owner = around
    rows, count = used[evenly_spread(len(used), BEYOND.sample)], len(covariance)
    scores: list[NDArray[np.float64]] = []
    for begin in range(0, int(owner.max()) + 1, BEYOND.at_once):
        some = (owner >= begin) & (owner < begin + BEYOND.at_once)
        both = np.concatenate([parcel, owner[some] - begin + count])
        with_some = images.of_gaussians(with_added(images.analysed.model, added, some))
        equations = without_motion(with_some.equations(both, rows), np.ones(len(images.analysed.at.position)))
        scores.append(excess_variance(equations, covariance))
    return np.concatenate(scores)


def _found(images: Images, config: CompositionConfig, journal: Journal) -> tuple[Images, Composition]:
    """Blocks that are sought; with the Gaussians that they are of."""
    parcels = _parcels(images, config, journal)
    images, used, halves = parcels.images, ~images.analysed.junk, images.analysed.halves
    variances = np.ones(len(images.analysed.at.position))
    rows = _searched(used)
    first = halves[rows] == 1
    whole = images.equations(parcels.parcel, rows)
    model: BlockModel | None = None
    for _ in range(MOTION.rounds):
        some = without_motion(whole, variances)
        model = found_blocks(some.some(first), some.some(~first), parcels.start, parcels.mean)
        if model is None:
            return images, Composition(parcels.parcel, None, None, (), variances, 1.0)
        model = fitted(some, model, BLOCKS.fit)
        before = variances
        for _ in range(MOTION.steps if len(variances) else 0):
            variances = updated_variances(whole, variances, model)
        if not len(variances) or np.all(np.abs(np.log(variances / before)) < MOTION.settled):
            break
    assert model is not None
    rows = rows[evenly_spread(len(rows), REFINEMENT.particles)]
    images, parcel, whole, model = refined_blocks(images, parcels.parcel, model, (rows, variances), config.seed)
    shape = _shaped(with_coordinates(whole, variances), model, halves[rows] == 1)
    return images, _finished_model(images, parcel, (model, shape), variances, ())


def _shaped(equations: ParticleEquations, model: BlockModel, first: NDArray[np.bool_]) -> NDArray[np.float64]:
    """[P + K, B + 1] what changes where a block is present: its own parcels; all else as well, and the means of the
    coordinates, where this raises the likelihood of the other half-set.

    Args:
        equations: of motion.with_coordinates. first: [n] particles of the first half-set.
    """
    alone = np.pad(model.members, ((0, equations.parcels - len(model.members)), (0, 0)))
    start = replace(model, members=alone)
    training = equations.some(first)
    other = with_shapes(training, start)
    if support(other, fitted(training, start, PRESENCE.shapes), equations.some(~first)) <= 1:
        return alone
    return with_shapes(equations, start).members


def _searched(used: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Rows that blocks are sought in: all that are used [n], or so many of them."""
    rows = np.flatnonzero(used)
    return np.asarray(rows[evenly_spread(len(rows), BLOCKS.searched)], np.int64)


def _finished_model(images: Images, parcel: NDArray[np.int64], found: tuple[BlockModel, NDArray[np.float64]],
                    variances: NDArray[np.float64], names: tuple[str, ...]) -> Composition:
    """All particles, by the blocks as wholes: the noise's scale, the last fit, and the states.

    Args:
        found: the blocks, and [P + K, B + 1] what changes with them.
    """
    used = ~images.analysed.junk
    model, shape = found
    parcels = len(model.members)
    wholes = replace(model, members=np.concatenate([np.eye(model.blocks + 1), shape[parcels:]]))
    some = with_coordinates(images.equations(parcel, mixing=shape[:parcels]), variances)
    scale = images.noise_scale(some, wholes)
    scaled = replace(some, matrix=some.matrix / np.float32(scale), vector=some.vector / np.float32(scale))
    wholes = fitted(scaled.some(used), wholes, BLOCKS.fit)
    states = states_of(scaled, wholes, images.analysed.halves)
    model = replace(wholes, members=model.members * np.diag(wholes.members))
    return Composition(parcel, model, states, names, variances, scale)


def _of_given(images: Images, config: CompositionConfig, given: tuple[NDArray[np.int64], list[str]]) -> Composition:
    """Blocks that are given: which of them each particle has."""
    block, names = given
    parcel, owner = parcels_within(images.analysed.model.centers, block, images.resolution, config.seed)
    variances = np.ones(len(images.analysed.at.position))
    whole = images.equations(parcel, _searched(~images.analysed.junk))
    model = None
    for _ in range(2):
        some = without_motion(whole, variances)
        model = model or model_of(owner, np.full(len(names), 0.5), some)
        model = fitted(some, model, BLOCKS.fit)
        model = fitted(some, with_combinations(model, some, model.frequency()), BLOCKS.fit)
        for _ in range(MOTION.steps if len(variances) else 0):
            variances = updated_variances(whole, variances, model)
    assert model is not None
    alone = np.pad(model.members, ((0, len(variances)), (0, 0)))
    return _finished_model(images, parcel, (model, alone), variances, tuple(names))
