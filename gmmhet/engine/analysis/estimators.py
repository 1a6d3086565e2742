"""Estimators of the likelihood subspace, and the first model, from prepared input."""

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.analysis.preparation import Prepared, first_noise
from gmmhet.engine.analysis.settings import FINER_FIELDS, FIRST_MODEL
from gmmhet.engine.config import AnalyzeConfig
from gmmhet.engine.errors import InputError
from gmmhet.engine.molecule.rigid_fields import rigid_fields, scaling_field
from gmmhet.engine.subspace.estimator_spec import EstimatorSpec
from gmmhet.engine.subspace.local_pose import Body, LocalPoseModel
from gmmhet.engine.subspace.passes import SubspaceEstimator
from gmmhet.engine.subspace.pose_spread import PoseSpread
from gmmhet.engine.subspace.smooth_fields import FieldBasis, smooth_basis
from gmmhet.engine.subspace.state import SubspaceModel

__all__ = ["bases", "finer_length", "first_model", "first_spread", "prior_sizes", "whole_estimator", "with_first_model"]

_LOG = logging.getLogger("gmmhet")


def whole_estimator(prepared: Prepared, config: AnalyzeConfig, lengths: Sequence[float] | None = None,
                    ) -> SubspaceEstimator:
    """For the whole molecule, or its part in focus.

    Args:
        lengths: see bases.
    Raises:
        InputError: fewer degrees of freedom than modes are asked for.
    """
    model, inside, resolution = prepared.model, prepared.in_focus, prepared.observer.grid.resolution
    basis, consensus, length = bases(model.centers, inside, config, resolution, lengths)
    size = np.abs(model.weights)
    consensus = consensus.mixed(consensus.complement(scaling_field(len(model)), size))  # this is the contrast's
    seek, rigid = None, None
    if config.poses != "exact":
        whole = rigid_fields(model.centers, size)  # these are the poses'
        consensus = consensus.mixed(consensus.complement(whole, size))
        if inside.all():  # a part that moves alone does not move the whole
            rigid, seek = whole, basis.complement(whole, size)
    if config.local_pose:
        rigid = Body.of(model.centers, model.weights, inside).fields(model.centers)
        seek = basis.complement(rigid, size)
    free = basis.size if seek is None else seek.shape[1]
    if (config.modes or 1) > free:
        raise InputError(f"--modes is {config.modes or 'auto'}; the smooth fields of {inside.sum()} Gaussians have "
                         f"{free} degrees of freedom beside the poses'; expected no more modes than that, at least one")
    return SubspaceEstimator(EstimatorSpec(prepared.cache, prepared.observer, basis, consensus, prepared.batch_size,
                                           config.seed, seek, rigid, length))


def with_first_model(prepared: Prepared, config: AnalyzeConfig) -> tuple[SubspaceEstimator, SubspaceModel]:
    """Estimator, and the first model."""
    estimator, gaussians = whole_estimator(prepared, config), prepared.model
    resolution = prepared.observer.grid.resolution
    first = first_model(prepared, estimator, None if config.poses == "exact" else first_spread(resolution))
    if config.local_pose:
        body = Body.of(gaussians.centers, gaussians.weights, prepared.in_focus)
        return estimator, LocalPoseModel.of(first, body, FIRST_MODEL.local_pose * resolution)
    return estimator, first


def bases(centers: NDArray[np.float64], inside: NDArray[np.bool_], config: AnalyzeConfig, resolution: float,
          lengths: Sequence[float] | None = None) -> tuple[FieldBasis, FieldBasis, float]:
    """Smooth fields of the modes, over the Gaussians inside alone, and of the changes of the consensus, over all; and
    their correlation length, Angstrom.

    Args:
        lengths: correlation lengths, Angstrom, the one to be preferred first; None: the usual ones.
    """
    over = centers if inside.all() else centers[inside]
    length, fields = _fields(over, lengths or config.correlation_lengths(resolution), config.seed)
    scalar = fields if inside.all() else smooth_basis(centers, length, seed=config.seed)
    sizes = dict(zip(("position", "amplitude"), _sizes(config), strict=True))
    consensus = FieldBasis.of(scalar, position=FIRST_MODEL.position, amplitude=FIRST_MODEL.amplitude,
                              width=FIRST_MODEL.width)
    if inside.all():
        return FieldBasis.of(scalar, **sizes), consensus, length
    local = np.zeros((len(centers), fields.shape[1]))
    local[inside] = fields
    consensus, basis = FieldBasis.side_by_side(consensus, FieldBasis.of(local, **sizes))
    return basis, consensus, length


def finer_length(centers: NDArray[np.float64], inside: NDArray[np.bool_], config: AnalyzeConfig, resolution: float,
                 length: float) -> float | None:
    """The next shorter correlation length than one, Angstrom, that as many smooth fields as are kept do for; None where
    there is none, the length is the user's, or Gaussians that near are not told apart."""
    finer = FINER_FIELDS.finer * length
    if config.smoothness is not None or finer < FINER_FIELDS.shortest * resolution:
        return None
    kept = _kept(smooth_basis(centers[inside], finer, seed=config.seed)).mean()
    return finer if kept >= FIRST_MODEL.least_kept else None


def _sizes(config: AnalyzeConfig) -> NDArray[np.float64]:
    """[2] prior root mean square of displacements (per axis, Angstrom) and relative changes of weights; 0: there are
    none."""
    return np.array([FIRST_MODEL.position * config.motion, FIRST_MODEL.amplitude * config.occupancy])


def prior_sizes(model: SubspaceModel, config: AnalyzeConfig) -> NDArray[np.float64]:
    """[K, 2] root mean squares of a displacement and of a relative change of weight along each mode under its prior."""
    return np.asarray(np.sqrt(model.relevances * np.array([3, 1])) * _sizes(config))


def _kept(scalar: NDArray[np.float64]) -> NDArray[np.float64]:
    """[N] share of the prior variance that fields hold."""
    return np.asarray((scalar**2).sum(1))


def _fields(centers: NDArray[np.float64], lengths: Sequence[float], seed: int) -> tuple[float, NDArray[np.float64]]:
    """The first correlation length that as many smooth fields as are kept do for, and the fields.

    Where none is, the last, with a warning: fields of unit prior variance were cut to so few that much is missing.
    """
    for length in lengths:
        scalar = smooth_basis(centers, length, seed=seed)
        kept = _kept(scalar)
        if kept.mean() >= FIRST_MODEL.least_kept:
            return length, scalar
    _LOG.warning("the %d smooth fields over %d Gaussians hold %.0f %% of what a correlation length of %.0f Å asks for "
                 "(%.0f %% at the worst place), and small motions are looked for less; expected a coarser "
                 "--resolution, a longer --smoothness, or --focus on a part", scalar.shape[1], len(scalar),
                 100 * kept.mean(), length, 100 * kept.min())
    return length, scalar


def first_model(prepared: Prepared, estimator: SubspaceEstimator, spread: PoseSpread | None) -> SubspaceModel:
    """The Gaussians as fitted, with noise and contrast by regression, and no modes."""
    model = prepared.model
    noise, contrast = first_noise(prepared)
    return SubspaceModel(model.centers, model.weights, model.sigmas**2, np.zeros((1, estimator.spec.basis.size)),
                         np.tile(noise, (estimator.spec.n_groups, 1)), contrast, FIRST_MODEL.contrast * abs(contrast),
                         spread)


def first_spread(resolution: float) -> PoseSpread:
    """Errors of the poses to start from."""
    return PoseSpread(FIRST_MODEL.shift * resolution, *np.deg2rad([FIRST_MODEL.angle] * 2))
