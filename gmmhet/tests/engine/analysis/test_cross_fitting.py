"""Coordinates from half of the pixels: on planted movements of Gaussians, and where nothing moves."""

import unittest
from types import SimpleNamespace
from typing import Any

import numpy as np

from gmmhet.engine.analysis.cross_fitting import cross_fitted
from gmmhet.engine.analysis.result import CrossFit
from gmmhet.engine.sampling import half_of_pixels
from gmmhet.engine.subspace.estimator_spec import EstimatorSpec
from gmmhet.engine.subspace.passes import SubspaceEstimator
from gmmhet.engine.subspace.smooth_fields import FieldBasis, smooth_basis
from gmmhet.engine.subspace.state import SubspaceModel
from gmmhet.tests.support.scene import Scene

_PARTICLES = 300
_NOISE = 800.0


class TestHalves(unittest.TestCase):
    def test_a_larger_image_has_the_same_pixels_and_more(self) -> None:
        large = half_of_pixels(65)
        for size in (1, 2, 17, 64):
            np.testing.assert_array_equal(half_of_pixels(size), large[:size, :size])

    def test_about_half_of_every_ring(self) -> None:
        size = 129
        index = np.arange(size)
        ring = np.rint(np.hypot(index[:, None], index)).astype(int)
        chosen = half_of_pixels(size)
        for r in range(8, size, 10):
            n = np.count_nonzero(ring == r)
            self.assertLess(abs(chosen[ring == r].mean() - 0.5), 4 * 0.5 / np.sqrt(n))
        self.assertLess(abs(np.mean(chosen[:, :-1] == chosen[:, 1:]) - 0.5), 0.02)  # neighbours are independent


class TestCrossFitting(unittest.TestCase):
    """Two modes of 1.5 and 1 A. The models of the half-sets have them in another order, sign and scale."""

    def setUp(self) -> None:
        self.scene = scene = Scene(n=_PARTICLES, gaussians=16, modes=2, seed=8)
        self.rng = np.random.default_rng(1)
        self.basis = FieldBasis.of(smooth_basis(scene.centers, 14.0), position=4.0, amplitude=0.3)
        planted = self.rng.normal(size=(2, self.basis.size))
        size = np.sqrt((self.basis.fields(planted)[..., :3] ** 2).sum(2).mean(1))
        self.planted = planted * (np.array([1.5, 1.0]) / size)[:, None]
        fields = self.basis.fields(self.planted)
        scene.position, scene.amplitude = fields[..., :3], fields[..., 3]
        self.noise = np.full((1, scene.grid.n_shells), _NOISE)
        self.halves = np.arange(_PARTICLES) % 2 + 1

    def model(self, coefficients: np.ndarray) -> SubspaceModel:
        scene = self.scene
        return SubspaceModel(scene.centers, scene.weights, scene.sigmas**2, coefficients, self.noise, 1.0, 0.1)

    def images(self, z: np.ndarray) -> None:
        for i in range(_PARTICLES):
            noise = self.rng.normal(size=self.scene.planes[i].shape) * np.sqrt(_NOISE)
            self.scene.planes[i] = self.scene.image(i, z[i]) + noise

    def found(self) -> CrossFit:
        estimator = SubspaceEstimator(EstimatorSpec(self.scene.cache, self.scene.observer, self.basis, self.basis,
                                                    batch_size=60))
        first, second = self.planted
        models = (self.model(np.stack([second, -first])), self.model(np.stack([first, second])))
        found: Any = SimpleNamespace(estimator=estimator, final=SimpleNamespace(model=self.model(self.planted)),
                                     evidence=SimpleNamespace(models=models))
        return cross_fitted(found, self.halves)

    def test_movements_that_are_there_are_confirmed(self) -> None:
        z = self.rng.normal(size=(_PARTICLES, 2))
        self.images(z)
        found = self.found()
        for half in (0, 1):
            for k in (0, 1):
                error = found.coordinates[half, :, k] - z[:, k]
                self.assertGreater(np.corrcoef(found.coordinates[half, :, k], z[:, k])[0, 1], 0.6)
                self.assertAlmostEqual(np.mean(np.square(error / found.deviations[half, :, k])), 1.0, delta=0.25)
        for slope, error in zip(found.slope, found.slope_error, strict=True):
            self.assertLess(error, 0.1)
            self.assertLess(abs(slope - 1), 4 * error + 0.05)  # and what of the images is not linear

    def test_errors_of_both_halves_are_independent(self) -> None:
        """Given the true coordinate; from all pixels they would be the same error twice."""
        z = self.rng.normal(size=(_PARTICLES, 2))
        self.images(z)
        left = [np.column_stack([z, np.ones(len(z))]) for _ in range(2)]
        found = self.found()
        for k in (0, 1):
            rest = [c[:, k] - a @ np.linalg.lstsq(a, c[:, k], rcond=None)[0]
                    for a, c in zip(left, found.coordinates, strict=True)]
            self.assertLess(abs(np.corrcoef(*rest)[0, 1]), 4 / np.sqrt(_PARTICLES))

    def test_movements_that_are_not_there_are_not(self) -> None:
        self.images(np.zeros((_PARTICLES, 2)))
        found = self.found()
        self.assertGreater(found.coordinates.std(), 0.2)  # the noise does make some
        for slope, error in zip(found.slope, found.slope_error, strict=True):
            self.assertLess(abs(slope), 4 * error)
            self.assertLess(error, 0.2)


if __name__ == "__main__":
    unittest.main()
