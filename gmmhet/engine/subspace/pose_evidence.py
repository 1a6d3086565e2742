"""Whether the given poses were fitted to the images that are analysed, and how much an image tells of its own pose.

A refinement has already climbed the likelihood of the image, so that the image pulls its pose less than its own noise
would pull an independent one. Let H be the information of an image on its pose, t the step from the given pose to the
likeliest one, and rho = <t^2 H>, estimated by the median. Exact poses have rho = 1, poses with independent errors of
variance s^2 have rho = 1 + s^2 H. A pose that is the likeliest under information H' > H, of which the frequencies of
the analysis are a part, has rho = 1 - H / H' and an error of variance 1 / H' = (1 - rho) / H. The prior of variance s^2
around the given pose with which the posterior has that variance is

    1 / s^2 + H = H / (1 - rho),    s^2 = (1 - rho) / (rho H):

none at all (rho = 0) where the analysis uses what the refinement used, and a narrow one (rho near 1) where the poses
rest on finer frequencies. A variance estimated from the evidence would be zero for all of them.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from gmmhet.engine.runtime.tensors import Floats
from gmmhet.engine.sampling import evenly_spread
from gmmhet.engine.subspace.passes import SubspaceEstimator
from gmmhet.engine.subspace.pose_spread import POSE_AXES, PoseEvidence, PoseSpread
from gmmhet.engine.subspace.settings import POSE_EVIDENCE
from gmmhet.engine.subspace.state import Posteriors, SubspaceModel

__all__ = ["pull_on_poses", "with_pose_evidence"]

Array = NDArray[np.float64]
_MEDIAN = float(chi2.median(1))  # of the square of a normal variable; particles off by far, and junk, do not move it


def with_pose_evidence(estimator: SubspaceEstimator, model: SubspaceModel, posteriors: Posteriors) -> SubspaceModel:
    """The model with what the images say of their given poses, and with a prior of the errors no narrower than that.

    Args:
        model: without modes, noise and contrast calibrated. posteriors: of particles under it.
    """
    if model.spread is None:
        return model
    some = posteriors.at(evenly_spread(len(posteriors.rows), POSE_EVIDENCE.particles))
    evidence = _measured(estimator, model, some)
    wide = _measured(estimator, replace(model, spread=PoseSpread.of(POSE_EVIDENCE.wide * evidence.deviation)), some)
    return replace(model, pose_evidence=wide, spread=wide.at_least(model.spread))


def _measured(estimator: SubspaceEstimator, model: SubspaceModel, posteriors: Posteriors) -> PoseEvidence:
    """From the step of each image to its likeliest pose, and its variance, under the prior of the model."""
    assert model.spread is not None
    for _ in range(POSE_EVIDENCE.steps):
        posteriors, _ = estimator.pass_over(model, posteriors, gradient=False, label="calibrating")
    return pull_on_poses(posteriors.pose, posteriors.pose_variance, 1 / model.spread.precision)


def pull_on_poses(steps: Floats, variances: Floats, prior: Array) -> PoseEvidence:
    """From posterior means of the errors and their variances under a prior of variance ``prior``.

    Args:
        steps, variances: [n, 5] in the order of imaging.image_model.POSE. prior: [5].
    """
    variance = np.minimum(variances.astype(np.float64), prior * (1 - POSE_EVIDENCE.least))
    free = 1 - variance / prior
    squares = steps.astype(np.float64) ** 2 / (variance * free)
    pull = [float(np.median(squares[:, a])) / _MEDIAN for a in POSE_AXES]
    alone = [1 / np.sqrt((free / variance)[:, a].mean()) for a in POSE_AXES]
    return PoseEvidence(np.array(pull), np.array(alone), len(steps))
