"""Symmetric molecules analysed by asymmetric unit: every subunit of a particle has coordinates of its own."""

import dataclasses
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.analysis.detectable import detectable_motion
from gmmhet.engine.analysis.estimators import bases, first_model, first_spread, prior_sizes
from gmmhet.engine.analysis.preparation import Prepared
from gmmhet.engine.analysis.refined import refined_columns, refined_poses
from gmmhet.engine.analysis.result import AnalysisResult, MeanModel, Modes
from gmmhet.engine.analysis.sampled_search import Sought, on_as_many_as_needed
from gmmhet.engine.analysis.subspace_method import (
    evidence_for,
    pose_errors_of,
    search,
    searched_on,
    settings_found,
)
from gmmhet.engine.analysis.symmetry_breaking import Asymmetry, asymmetry, places_follow_views
from gmmhet.engine.config import AnalyzeConfig
from gmmhet.engine.conventions import matrix_to_euler
from gmmhet.engine.errors import InputError
from gmmhet.engine.io import ParticleTable, number_texts, without_results, write_selection
from gmmhet.engine.latent_space.saved_analysis import SUBUNITS_FILE
from gmmhet.engine.molecule.rigid_fields import rigid_fields, scaling_field
from gmmhet.engine.molecule.symmetry import rotation_matrices
from gmmhet.engine.runtime.checkpoint import Journal
from gmmhet.engine.subspace.estimator_spec import EstimatorSpec
from gmmhet.engine.subspace.mode_selection import FoundModes
from gmmhet.engine.subspace.passes import SubspaceEstimator
from gmmhet.engine.subspace.state import Posteriors
from gmmhet.engine.subspace.subunits import SubunitModel, symmetric_fields
from gmmhet.engine.wording import subunits as wording

__all__ = ["Subunits", "by_subunits", "write_subunits"]

_LOG = logging.getLogger("gmmhet")
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Subunits:
    """What is known of the G subunits of n particles.

    Attributes:
        group: of symmetry. rotations: [G, 3, 3], x of subunit g = rotations[g] x of the first.
        coordinates, deviations: [n, G, K] posterior means and standard deviations.
        correlation: [K, G, G] of the true coordinates of the subunits of a particle (the posterior's part taken off).
        contrast: [n]. broken: whether the subunits differ, along the modes that are significant.
    """

    group: str
    rotations: Array
    coordinates: Array
    deviations: Array
    correlation: Array
    contrast: Array
    broken: Asymmetry

    def entry(self) -> dict[str, Any]:
        """summary.json's ``symmetry``."""
        pairs = ~np.eye(len(self.rotations), dtype=bool)
        first = self.correlation[0][pairs].tolist() if self.broken.n_modes else []
        words = wording.subunit_correlation(self.group, len(self.rotations), first)
        return {"group": self.group, "subunits": len(self.rotations), "correlation": self.correlation.tolist(),
                "broken": self.broken.entry(), "words": f"{words} {self.broken.words()}"}


def by_subunits(prepared: Prepared, config: AnalyzeConfig, journal: Journal) -> tuple[AnalysisResult, Subunits]:
    """Likelihood subspace of one asymmetric unit, with the copies of a particle correlated as the data tell."""
    def seek(some: Prepared, pages: Journal, _: float) -> Sought:
        return Sought(some, pages, search(*_estimator(some, config), some.cache.table.halves, config, pages))

    estimator, start = _estimator(prepared, config)
    directions = -(-estimator.spec.directions.shape[1] // start.copies)
    sought, found = on_as_many_as_needed(prepared, config, journal, directions, seek)
    model = found.final.model
    assert isinstance(model, SubunitModel)
    planted = detectable_motion(sought.prepared, config, sought.journal, sought.found)
    result = searched_on(dataclasses.replace(_result(found, model, config), detectable=planted), sought)
    subunits = _subunits(model, found.final.posteriors, config.symmetry, result.significant)
    views = prepared.cache.table.rotations[:, 2]
    if places_follow_views(views, subunits.rotations):
        subunits = dataclasses.replace(subunits, broken=subunits.broken.not_comparable())
    return result, subunits


def _estimator(prepared: Prepared, config: AnalyzeConfig) -> tuple[SubspaceEstimator, SubunitModel]:
    """Estimator and first model of one unit: the first of the copies that the prepared model holds."""
    rotations = rotation_matrices(config.symmetry)
    whole, resolution = prepared.model, prepared.observer.grid.resolution
    size = len(whole) // len(rotations)
    unit = dataclasses.replace(whole, centers=whole.centers[:size], weights=whole.weights[:size],
                               sigmas=whole.sigmas[:size])
    inside = prepared.in_focus.reshape(len(rotations), size).any(0)  # in one copy or more
    basis, consensus, length = bases(unit.centers, inside, config, resolution)
    mass, spread = np.abs(unit.weights), None
    fixed = scaling_field(size)  # this is the contrast's
    if config.poses != "exact":  # a unit may turn in the whole, but the whole only with the poses
        spread = first_spread(resolution)
        fixed = np.concatenate([fixed, symmetric_fields(rigid_fields(whole.centers, np.abs(whole.weights)), rotations)])
    consensus = consensus.mixed(consensus.complement(fixed, mass))
    if config.modes and config.modes > basis.size:
        raise InputError(f"--modes is {config.modes}; the smooth fields of the {size} Gaussians of a unit have "
                         f"{basis.size} degrees of freedom; expected no more")
    estimator = SubspaceEstimator(EstimatorSpec(prepared.cache, prepared.observer, basis, consensus,
                                                prepared.batch_size, config.seed, length=length))
    plain = dataclasses.replace(first_model(prepared, estimator, spread), centers=unit.centers, weights=unit.weights,
                                variances=unit.sigmas**2)
    return estimator, SubunitModel.of(plain, rotations)


def _subunits(model: SubunitModel, found: Posteriors, group: str, significant: int) -> Subunits:
    copies, k = model.copies, model.n_modes
    coordinates = found.z.reshape(-1, copies, k)
    deviations = np.sqrt(np.einsum("ngkk->ngk", found.covariance[:, :-1]))
    prior = np.einsum("gkhk->kgh", model.prior.reshape(copies, k, copies, k))
    size = np.sqrt(np.einsum("kgg->kg", prior))
    return Subunits(group, model.rotations, coordinates, deviations,
                    prior / (size[:, :, None] * size[:, None]), found.contrast,
                    asymmetry(coordinates[..., :significant], deviations[..., :significant]))


def _result(modes: FoundModes, model: SubunitModel, config: AnalyzeConfig) -> AnalysisResult:
    """The whole molecule: all subunits move together along a mode, by the mean of their coordinates."""
    spec, final, evidence = modes.estimator.spec, modes.final, modes.evidence
    found, rotations = final.posteriors, model.rotations
    copies, k, n = len(rotations), model.n_modes, len(found.rows)
    centers = model.decoder(spec.basis).centers
    fields = spec.basis.fields(model.coefficients)
    position = np.einsum("gab,kjb->kgja", rotations, fields[..., :3]).reshape(k, -1, 3)
    groups = np.bincount(spec.cache.table.optics_index, minlength=spec.n_groups)
    information = np.diag(found.information).reshape(copies, k).mean(0)
    return AnalysisResult(
        coordinates=found.z.reshape(n, copies, k).mean(1), covariance=found.covariance[:, -1],
        contrast=found.contrast, log_likelihood=found.log_likelihood, history=final.history,
        model=MeanModel(centers=np.asarray(centers, np.float64), weights=np.tile(model.weights, copies),
                        sigmas=np.tile(np.sqrt(model.variances), copies),
                        noise=np.average(model.noise, axis=0, weights=groups), noise_by_group=model.noise),
        modes=Modes(position=position, amplitude=np.tile(fields[..., 3], (1, copies)), spectrum=information,
                    prior_sizes=prior_sizes(model, config)),
        settings=settings_found(modes), evidence=evidence_for(evidence, k), pose_errors=pose_errors_of(final),
        span=found.z.reshape(-1, k))


def write_subunits(folder: Path, table: ParticleTable, subunits: Subunits, pose: Array | None = None) -> None:
    """subunits.npz and subunits.star (CONVENTIONS.rst).

    Args:
        pose: [n, 5] corrections of the poses to be written too.
    """
    SUBUNITS_FILE.write(folder / "subunits.npz", {
        "ids": table.ids, "coordinates": subunits.coordinates, "deviations": subunits.deviations,
        "rotations": subunits.rotations, "correlation": subunits.correlation})
    n, copies, k = subunits.coordinates.shape
    rows = np.repeat(np.arange(n), copies)
    columns: dict[str, Sequence[str]] = {}
    for name, values in (("gmmhetLatent", subunits.coordinates), ("gmmhetLatentSd", subunits.deviations)):
        for i in range(k):
            columns[f"{name}{i + 1}"] = number_texts(values.reshape(-1, k)[:, i], "%.6f")
    columns["gmmhetContrast"] = number_texts(np.repeat(subunits.contrast, copies), "%.6g")
    columns["gmmhetSubunit"] = number_texts(np.tile(np.arange(1, copies + 1), n), "%d")
    if pose is not None:
        refined, origins = refined_poses(table, pose)
        columns |= refined_columns(_expanded(refined, subunits.rotations), origins[rows])
    write_selection(folder / "subunits.star", without_results(table), rows, columns=columns,
                    poses=(matrix_to_euler(_expanded(table.rotations, subunits.rotations)), table.origins[rows]))
    _LOG.info("%s: %d rows, one for every subunit of every particle", folder / "subunits.star", len(rows))


def _expanded(views: Array, rotations: Array) -> Array:
    """[n G, 3, 3]: seen from A R_g the first subunit is where subunit g is from A."""
    return np.asarray(np.einsum("nab,gbc->ngac", views, rotations).reshape(-1, 3, 3))
