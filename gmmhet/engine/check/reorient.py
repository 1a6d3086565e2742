"""gmmhet reorient: a search over all orientations for particles whose given one is off by more than 10 degrees."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.check.findings import pose_problem
from gmmhet.engine.check.kinds_of_poses import Evidence
from gmmhet.engine.check.local_search import local_search
from gmmhet.engine.check.orientation_grid import near
from gmmhet.engine.check.orientation_posterior import posterior_of, shifts_tried
from gmmhet.engine.check.poses import check_poses, sample_of
from gmmhet.engine.check.settings import LOCAL_SEARCH, ORIENTATION, WRONG_POSES
from gmmhet.engine.check.unit import asymmetric_unit_of
from gmmhet.engine.check.wrong_poses import Comparison, probably_wrong
from gmmhet.engine.conventions import matrix_to_euler
from gmmhet.engine.errors import InputError
from gmmhet.engine.io import DensityMap, ParticleTable, read_particles, write_selection
from gmmhet.engine.molecule.field import on_particle_grid, read_density
from gmmhet.engine.progress import progress
from gmmhet.engine.runtime.pool import pool
from gmmhet.engine.wording import reorient as wording

__all__ = ["Found", "find_orientations", "reorient"]

_LOG = logging.getLogger("gmmhet")
Array = NDArray[np.float64]
#: columns that are added
WRONG_POSE, REORIENTED = "gmmhetWrongPose", "gmmhetReoriented"


@dataclass(frozen=True)
class Found:
    """What a search found of n particles.

    Attributes:
        views: [n, 3, 3] and origins: [n, 2] (Angstrom), found where the given ones are probably wrong, else as given.
        given_wrong: [n] probability of each given orientation to be off by more than 10 degrees; wrong: of that in
            ``views``. found: [n] whether it was found. resolution: Angstrom, of the comparison.
    """

    views: Array
    origins: Array
    given_wrong: Array
    wrong: Array
    found: NDArray[np.bool_]
    resolution: float


@dataclass(frozen=True)
class _Looked:
    """Of n particles: evidence of the given orientation; presence [n] of a molecule, as a log likelihood ratio; the
    likeliest orientation [n, 3, 3] of the grid and its shift [n, 2]; mass [n, powers] of the posterior around it."""

    evidence: Evidence
    presence: Array
    best: Array
    shift: Array
    mass: Array

    @classmethod
    def joined(cls, parts: Sequence["_Looked"]) -> "_Looked":
        evidence = Evidence(*(np.concatenate([getattr(p.evidence, name) for p in parts])
                              for name in ("within", "chance", "top")))
        return cls(evidence, *(np.concatenate([getattr(p, name) for p in parts])
                               for name in ("presence", "best", "shift", "mass")))


def reorient(particles: Path, map_path: Path, output: Path, *, root: Path | None = None,
             passthrough: Sequence[Path] = (), symmetry: str | None = None, sure: float = 0.5, leave_out: bool = False,
             seed: int = 0) -> Found:
    """Write the particles with the orientations that were found for those whose given one is probably wrong.

    Args:
        particles: any particle file that is read. map_path: map (.mrc) in the frame of the poses. output: .star, or .cs
            where the particles came from one.
        symmetry: point group; None: as the views tell. sure: probability that an orientation that is found has to have.
        leave_out: do not write particles whose orientation stays probably wrong.
    Raises:
        InputError: unreadable input; poses that do not fit the map; images that do not determine their orientations.
    """
    table = read_particles(particles, root=root, passthrough=passthrough)
    density = on_particle_grid(read_density(map_path), table.box, table.pixel_size, map_path)
    poses = check_poses(table, density, seed=seed)
    problem = pose_problem(poses, particles, map_path)
    if problem is None and (poses.few or not poses.fit or poses.inverted or poses.scale is not None):
        problem = wording.no_start(particles, map_path)
    if problem is not None:
        raise InputError(problem)
    group = symmetry or asymmetric_unit_of(table.rotations[:, 2]) or "C1"
    found = find_orientations(table, density, sign=poses.sign, symmetry=group, sure=sure, seed=seed)
    kept = np.flatnonzero(found.wrong <= 0.5) if leave_out else np.arange(len(table))
    if not len(kept):
        raise InputError(wording.nothing_left(particles))
    columns = {WRONG_POSE: [f"{p:.4f}" for p in found.wrong[kept]],
               REORIENTED: [str(int(f)) for f in found.found[kept]]}
    angles = np.where(found.found[:, None], matrix_to_euler(found.views), table.angles)
    write_selection(output, table, kept, columns=columns, poses=(angles[kept], found.origins[kept]))
    for line in wording.findings(found.given_wrong, found.wrong, found.found, found.resolution):
        _LOG.info("%s", line)
    _LOG.info("%s: %s", output, wording.written(len(kept), len(table)))
    return found


def find_orientations(table: ParticleTable, density: DensityMap, *, sign: int = 1, symmetry: str = "C1",
                      sure: float = 0.5, seed: int = 0) -> Found:
    """Search the orientations of particles whose given one is probably off by more than 10 degrees.

    The posterior over all orientations of each image says how probable the given one is, and where the likeliest is;
    a local search refines that.

    Args:
        sign: of the contrast. symmetry: point group of the map. sure: see :func:`reorient`.
    Raises:
        InputError: an image holds NaN or infinite pixels; the images do not determine their orientations.
    """
    rng = np.random.default_rng(seed)
    made, _, _ = Comparison.of(table, sample_of(table, WRONG_POSES.particles, seed), density, sign=sign,
                               symmetry=symmetry, rng=rng)
    if not made.trial.sure:
        raise InputError(wording.undetermined(table.source, made.resolution, made.trial.unresolved))
    parts = [np.arange(start, min(start + LOCAL_SEARCH.at_once, len(table)))
             for start in range(0, len(table), LOCAL_SEARCH.at_once)]
    looked = _Looked.joined([_look(made, table, rows) for rows in progress(parts, "orientations", len(parts),
                                                                           pool().note)])
    given_wrong, power = probably_wrong(made.trial, looked.evidence, looked.presence)
    found = (given_wrong > 0.5) & (looked.mass[:, power] > sure)
    views, origins = table.rotations.copy(), table.origins.copy()
    for start in range(0, int(found.sum()), LOCAL_SEARCH.at_once):
        rows = np.flatnonzero(found)[start:start + LOCAL_SEARCH.at_once]
        views[rows], moves = local_search(
            made.images(table, rows), made.sliced, made.model, looked.best[rows], looked.shift[rows],
            step=0.5 * ORIENTATION.step, shift_step=0.5 * ORIENTATION.shift_step * made.resolution)
        origins[rows] += moves
    return Found(views, origins, given_wrong, np.where(found, 1 - looked.mass[:, power], given_wrong), found,
                 made.resolution)


def _look(made: Comparison, table: ParticleTable, rows: NDArray[np.int64]) -> _Looked:
    data = made.images(table, rows)
    posterior = posterior_of(data, made.slices, made.model)
    every, top = np.arange(len(rows)), posterior.log_likelihood.argmax(axis=1)
    matrices = made.slices.grid.matrices
    best = matrices[top]
    close = near(best, matrices, WRONG_POSES.angle, made.symmetry)
    mass = [(posterior.probabilities(power) * close).sum(axis=1, dtype=np.float64) for power in WRONG_POSES.powers]
    return _Looked(made.evidence(posterior, table.views[rows]), posterior.evidence, best,
                   shifts_tried(data)[posterior.best_shift[every, top]], np.stack(mass, axis=1))
