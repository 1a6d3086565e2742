"""Particles with their coordinates: latents.star joined to particles.star by the image, not by position."""

import json
import logging
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import ParticleTable, StarTable, file_beside, read_particles
from gmmhet.engine.io.result_columns import JUNK, MORE_PROBABLY, STATE
from gmmhet.engine.latent_space.saved_analysis import ANALYSIS_FILE, read_analysis
from gmmhet.engine.molecule.deformation import Deformation
from gmmhet.engine.molecule.rigid_parts import rigid_parts
from gmmhet.engine.reconstruction.deformed_backprojection import Deforming
from gmmhet.engine.reconstruction.settings import MOTION_CORRECTION
from gmmhet.engine.sampling import evenly_spread
from gmmhet.engine.wording import reconstruction as wording
from gmmhet.engine.wording.junk import junk_left_out

__all__ = ["Placed", "analysis_of", "cross_fitted", "read_deforming", "read_placed", "states_in"]

_LOG = logging.getLogger("gmmhet")


@dataclass(frozen=True)
class Placed:
    """n particles and where they are on the motions.

    Attributes:
        particles: the rows of particles.star. latents: those of latents.star; row: [n] the particle's row in it.
        contrast: [n] s; 1 where latents.star tells none.
        coordinates: [n, K]; K may be 0. deviations: [n, K] their posterior standard deviations, or 0.
        pixels: [n] the half of the Fourier pixels, 0 or 1, that each row stands for; None: rows are whole images.
    """

    particles: ParticleTable
    latents: ParticleTable
    row: NDArray[np.int64]
    contrast: NDArray[np.float64]
    coordinates: NDArray[np.float64]
    deviations: NDArray[np.float64]
    pixels: NDArray[np.int8] | None = None

    @property
    def images(self) -> int:
        """Number of images."""
        return len(self.row) if self.pixels is None else len(self.row) // 2


def cross_fitted(placed: Placed, latents: Path) -> Placed:
    """Every image twice: each half of its Fourier pixels at the coordinates that the other half gives.

    Args:
        latents: analysis.npz beside it holds these coordinates.
    Raises:
        InputError: it does not, or not of the same particles.
    """
    path = file_beside(latents, "analysis.npz")
    found = ANALYSIS_FILE.read_some(path, ("cross_coordinates", "cross_deviations"))
    if len(found) < 2:
        raise InputError(f"{path}: no coordinates from halves of the pixels; --cross-fit yes expects an analysis with "
                         "--cross-coordinates yes, of whole particles along linear modes")
    coordinates, deviations = found["cross_coordinates"], found["cross_deviations"]
    expected = (2, len(placed.latents), placed.coordinates.shape[1])
    if coordinates.shape != expected or deviations.shape != expected:
        raise InputError(f"{path}: cross_coordinates is {coordinates.shape}; expected {expected}, for all particles "
                         f"and modes of {latents}")
    n = len(placed.row)
    twice = np.tile(np.arange(n), 2)
    table = replace(placed.particles.some(twice), half_set=placed.particles.halves[twice])
    # the first half of the pixels is at the coordinates of the second one
    other, of_each = (a[::-1][:, placed.row].reshape(2 * n, -1).astype(np.float64) for a in (coordinates, deviations))
    return Placed(table, placed.latents, placed.row[twice], placed.contrast[twice], other, of_each,
                  np.repeat(np.array([0, 1], np.int8), n))


def read_placed(particles: Path, latents: Path, root: Path | None) -> Placed:
    """Read and join both files. Rows of latents.star that particles.star does not have are left out; poses that the
    analysis refined (gmmhetRefined... in latents.star) take the place of those of particles.star. Particles that the
    analysis took for junk are left out.

    Raises:
        InputError: a particle has no row in latents.star, or what the files themselves lack.
    """
    table = read_particles(particles, root=root)
    placed = read_particles(latents, root=root)
    position = {key: row for row, key in enumerate(_identities(placed))}
    if len(placed) != len(table) and any(key[2] for key in position):
        raise InputError(f"{latents}: {len(placed)} rows, some of one image, and {particles} has {len(table)}; "
                         "expected the same rows in both, since rows of one image cannot be told apart")
    rows = np.empty(len(table), np.int64)
    for i, key in enumerate(_identities(table)):
        if key not in position:
            name = table.tables[table.particle_block].texts("rlnImageName")[i]
            raise InputError(f"{latents}: no row for {name} (row {table.ids[i]} of {particles}); expected all its "
                             f"{len(table)} particles, found {len(placed)} rows")
        rows[i] = position[key]
    star = placed.tables[placed.particle_block]
    modes = 0
    while f"gmmhetLatent{modes + 1}" in star:
        modes += 1
    coordinates, deviations = np.zeros((2, len(table), modes))
    for k in range(modes):
        coordinates[:, k] = star.floats(f"gmmhetLatent{k + 1}")[rows]
        if f"gmmhetLatentSd{k + 1}" in star:
            deviations[:, k] = star.floats(f"gmmhetLatentSd{k + 1}")[rows]
    contrast = star.floats("gmmhetContrast")[rows] if "gmmhetContrast" in star else np.ones(len(table))
    if not np.any(contrast != 0):
        raise InputError(f"{latents}: gmmhetContrast is 0 for every particle; expected the contrast of the images")
    every = Placed(_with_refined_poses(table, star, rows), placed, rows, contrast, coordinates, deviations)
    return _without_junk(every, star.floats(JUNK)[rows]) if JUNK in star else every


def _without_junk(placed: Placed, probability: NDArray[np.float64]) -> Placed:
    """The particles that are more probably particles than junk; all, where none is."""
    kept = np.flatnonzero(probability <= MORE_PROBABLY)
    table = placed.particles
    if len(kept) in (0, len(table)):
        return placed
    _LOG.warning("%s", junk_left_out(len(table) - len(kept), len(table)))
    some = replace(table.some(kept), half_set=table.halves[kept])
    return Placed(some, placed.latents, placed.row[kept], placed.contrast[kept], placed.coordinates[kept],
                  placed.deviations[kept])


def analysis_of(latents: Path) -> Path:
    """analysis.npz of the analysis that latents.star, or particles.star of gmmhet composition, is from; the file may be
    missing."""
    beside = file_beside(latents, "analysis.npz")
    if beside.is_file():
        return beside
    try:
        summary = json.loads(file_beside(latents, "summary.json").read_text(encoding="utf-8"))
        analysed = Path(summary["parameters"]["particles"]) if summary["command"] == "composition" else None
    except (OSError, ValueError, LookupError, TypeError):
        analysed = None
    return beside if analysed is None else analysed.with_name("analysis.npz")


def states_in(placed: Placed, latents: Path) -> NDArray[np.int64]:
    """[n] state of every particle, from 1.

    Raises:
        InputError: latents.star has none.
    """
    star = placed.latents.tables[placed.latents.particle_block]
    if STATE not in star:
        raise InputError(f"{latents}: no column {STATE}; --by states expects particles.star of gmmhet composition as "
                         "--latents")
    return np.asarray(star.floats(STATE)[placed.row], np.int64)


def read_deforming(placed: Placed, latents: Path) -> tuple[Deforming, Deformation]:
    """How the particles move, by the analysis beside latents.star.

    Returns:
        the Gaussians and their rigid parts; the deformation as maps are to show it.
    Raises:
        InputError: no analysis there; one of subunits, or of a part with a pose of its own, or without modes.
    """
    found = read_analysis(file_beside(latents, "analysis.npz").parent)
    path = found.folder / "analysis.npz"
    data = ANALYSIS_FILE.read_some(path, ("modes_given", "curve_given", "local_pose", "followed"))
    shown = found.deformation
    name = "modes_given" if shown.curves is None else "curve_given"
    given = data.get(name, shown.position)
    has_body, followed = "local_pose" in data, bool(data.get("followed", False))
    if found.subunits > 1 or has_body:
        raise InputError(f"{path}: an analysis of "
                         f"{'subunits' if found.subunits > 1 else 'a part with a pose of its own'}; --by motion "
                         "expects one of whole particles along modes")
    if given.shape != shown.position.shape or not np.isfinite(given).all():
        raise InputError(f"{path}: {name} is {given.shape}; expected finite numbers, {shown.position.shape}")
    if found.modes != placed.coordinates.shape[1]:
        raise InputError(f"{path}: {found.modes} modes; expected the {placed.coordinates.shape[1]} of {latents}")
    moving = replace(shown, position=given)
    if not followed and shown.curves is None:
        _LOG.warning("%s", wording.modes_about_the_average(str(path)))
    some = evenly_spread(len(placed.coordinates), MOTION_CORRECTION.conformations)
    conformations = moving.centers(found.model.centers, placed.coordinates[some])
    parts = rigid_parts(conformations, found.model.centers, found.model.weights,
                        MOTION_CORRECTION.largest_misfit * found.model.resolution)
    misfit = parts.misfit(conformations)
    _LOG.info("%s", wording.rigid_parts(float(np.sqrt(np.average(misfit**2, weights=parts.weights))),
                                        np.bincount(parts.part).tolist()))
    return Deforming(found.model, moving, placed.coordinates, parts), shown


def _with_refined_poses(table: ParticleTable, star: StarTable, rows: NDArray[np.int64]) -> ParticleTable:
    """The particles at the poses that the analysis corrected, where latents.star has them."""
    if "gmmhetRefinedRot" not in star:
        return table
    _LOG.info("%s", wording.REFINED_POSES)
    angles = np.stack([star.floats(f"gmmhetRefined{name}")[rows] for name in ("Rot", "Tilt", "Psi")], axis=1)
    origins = np.stack([star.floats(f"gmmhetRefinedOrigin{name}Angst")[rows] for name in "XY"], axis=1)
    return replace(table, angles=angles, origins=origins)


def _identities(table: ParticleTable) -> Iterator[tuple[str, int, int]]:
    """Stack, image in it, and a count for images that stand in several rows (as in symmetry-expanded sets)."""
    names = [os.path.realpath(p) for p in table.stacks]
    seen: Counter[tuple[str, int]] = Counter()
    for stack, image in zip(table.stack_index.tolist(), table.slice_index.tolist(), strict=True):
        key = (names[stack], image)
        yield (*key, seen[key])
        seen[key] += 1
