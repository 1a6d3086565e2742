"""The M step's gradient at the truth: zero in the mean, poses unknown or not."""

import unittest

import numpy as np

from gmmhet.engine.subspace.em import infer
from gmmhet.engine.subspace.estimator_spec import EstimatorSpec
from gmmhet.engine.subspace.passes import SubspaceEstimator
from gmmhet.engine.subspace.pose_spread import PoseSpread
from gmmhet.engine.subspace.smooth_fields import FieldBasis, smooth_basis
from gmmhet.engine.subspace.state import SubspaceModel
from gmmhet.tests.support.scene import Scene

_PARTICLES = 800
_SPREAD = PoseSpread(2.0, np.deg2rad(4.0), np.deg2rad(4.0))


class TestScoreAtTheTruth(unittest.TestCase):
    def test_widths_are_right_where_poses_are_hardly_known(self) -> None:
        """Images of poses that are off by 2 A and 4 degrees: what the posterior does not know of them must not be taken
        for width of the Gaussians, nor too much of it taken off. One Gauss-Newton step of the logarithm of all squared
        widths from the truth: 0.01 by chance, and 0.1 either way where the blur is left out or counted twice."""
        scene = Scene(n=_PARTICLES, gaussians=30, modes=1, seed=3, motion=0.0)
        scene.centers *= 1.3
        rng = np.random.default_rng(0)
        noise = np.full((1, scene.grid.n_shells), 120.0**2)
        errors = rng.normal(size=(_PARTICLES, 5)) * _SPREAD.precision ** -0.5
        for i in range(_PARTICLES):
            image = rng.normal(1, 0.1) * scene.image(i, np.zeros(1), errors[i])
            scene.planes[i] = image + rng.normal(size=image.shape) * 120.0
        scalar = smooth_basis(scene.centers, 40.0)
        widths = FieldBasis.of(scalar, width=0.1)
        estimator = SubspaceEstimator(EstimatorSpec(scene.cache, scene.observer, FieldBasis.of(scalar, position=1.0),
                                                    widths, batch_size=100))
        model = SubspaceModel(scene.centers, scene.weights, scene.sigmas**2, np.zeros((1, estimator.spec.basis.size)),
                              noise, 1.0, 0.1, _SPREAD)
        posteriors = infer(estimator, model, np.arange(_PARTICLES), steps=4)
        unknown = np.sqrt(posteriors.pose_variance.mean(0) * _SPREAD.precision)
        self.assertGreater(unknown.min(), 0.2)
        _, sums = estimator.pass_over(model, posteriors, gradient=True, label="score")
        curvature = estimator.curvature(model, posteriors)[-widths.size:, -widths.size:]
        field = np.zeros((scene.gaussians, 5))
        field[:, 4] = 1.0
        along = widths.coefficients_of(field, scene.weights)
        information = _PARTICLES * along @ curvature @ along
        step = along @ widths.adjoint(sums.gradient[-1]) / information
        self.assertLess(information**-0.5, 0.015)
        self.assertLess(abs(step), 0.05)


if __name__ == "__main__":
    unittest.main()
