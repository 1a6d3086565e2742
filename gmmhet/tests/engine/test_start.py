"""First modes and fitted modes of particles simulated by the definition, with a planted motion of high signal."""

import unittest
from typing import ClassVar

import numpy as np

from gmmhet.engine.basis import FieldBasis, smooth_basis
from gmmhet.engine.ensemble import Ensemble, SubspaceModel
from gmmhet.engine.likelihood import fit_subspace, infer, log_likelihood_total
from gmmhet.engine.start import first_modes
from gmmhet.engine.subspace import SubspaceEstimator
from gmmhet.tests.engine.scene import Scene

_PARTICLES = 240


class TestPlantedMotion(unittest.TestCase):
    """One smooth motion of about 1 A, z ~ N(0, 1), information of the images on z about 80."""

    scene: ClassVar[Scene]
    estimator: ClassVar[SubspaceEstimator]
    model: ClassVar[SubspaceModel]
    still: ClassVar[Ensemble]
    planted: ClassVar[np.ndarray]
    z: ClassVar[np.ndarray]

    @classmethod
    def setUpClass(cls) -> None:
        scene = Scene(n=_PARTICLES, gaussians=16, modes=1, groups=2, seed=8)
        rng = np.random.default_rng(1)
        basis = FieldBasis.of(smooth_basis(scene.centers, 14.0), position=4.0, amplitude=0.3)
        cls.planted = rng.normal(size=basis.size)
        cls.planted *= 1.0 / np.sqrt((basis.fields(cls.planted)[:, :3] ** 2).sum(1).mean())
        field = basis.fields(cls.planted[None])
        scene.position, scene.amplitude = field[..., :3], field[..., 3]
        cls.z = rng.normal(size=(_PARTICLES, 1))
        noise = np.array([[60.0], [90.0]]) * np.ones(scene.grid.n_shells)
        for i in range(_PARTICLES):
            deviation = np.sqrt(noise[scene.group[i]][scene.grid.clipped_shell])
            scene.planes[i] = scene.image(i, cls.z[i]) + rng.normal(size=scene.planes[i].shape) * deviation
        cls.scene = scene
        cls.estimator = SubspaceEstimator(scene.cache, scene.observer, basis, basis, batch_size=48)
        cls.model = SubspaceModel(scene.centers, scene.weights, scene.sigmas**2, np.zeros((1, basis.size)), noise, 1.0,
                                  0.1)
        blank = Ensemble.blank(np.arange(_PARTICLES), cls.model)
        cls.still = infer(cls.estimator, cls.model, np.arange(_PARTICLES), steps=2, start=blank)

    def _angle(self, coefficients: np.ndarray) -> float:
        """Degrees between two motions, in the metric of what the images show of them."""
        metric = self.estimator.still_curvature(self.model, self.still, sample=64)
        product = coefficients @ metric @ self.planted
        sizes = (coefficients @ metric @ coefficients) * (self.planted @ metric @ self.planted)
        return float(np.rad2deg(np.arccos(min(1.0, abs(product) / np.sqrt(sizes)))))

    def test_first_mode_is_the_planted_direction(self) -> None:
        found, values = first_modes(self.estimator, self.model, self.still, 1)
        self.assertLess(self._angle(found.coefficients[0]), 14.0)
        self.assertGreater(values[0], 4 * values[1])
        metric = self.estimator.still_curvature(self.model, self.still, sample=64)
        self.assertAlmostEqual(values[0] / (self.planted @ metric @ self.planted), 1.0, delta=0.4)

    def test_noise_alone_has_no_first_mode(self) -> None:
        """The debiased covariance of gradients is about zero: no eigenvalue near that of the motion."""
        scene, rng = self.scene, np.random.default_rng(5)
        moving = scene.planes.copy()
        try:
            for i in range(_PARTICLES):
                deviation = np.sqrt(self.model.noise[scene.group[i]][scene.grid.clipped_shell])
                scene.planes[i] = scene.image(i, np.zeros(1)) + rng.normal(size=moving[i].shape) * deviation
            still = infer(self.estimator, self.model, np.arange(_PARTICLES), steps=2)
            _, values = first_modes(self.estimator, self.model, still, 1)
        finally:
            scene.planes[:] = moving
        self.assertLess(values[0], 2.0)

    def test_passes_end_where_watched_particles_gain_nothing_more(self) -> None:
        """Six modes of few particles: what they learn after the first passes is noise."""
        rows = np.arange(_PARTICLES)
        fitted, watched = self.still.at(rows[::8]), self.still.at(rows[1::2])
        reference = log_likelihood_total(self.estimator, self.model, self.still)
        alone, seen = (fit_subspace(self.estimator, self.model, fitted, 6, reference=reference, passes=8, tolerance=0.0,
                                    watched=those) for those in (None, watched))
        self.assertEqual(len(alone.history), 8)
        self.assertGreater(alone.history[-1]["log_likelihood"], alone.history[4]["log_likelihood"] + 0.1)
        self.assertLess(len(seen.history), 6)

    def test_fit_climbs_to_the_planted_mode_and_coordinates(self) -> None:
        reference = log_likelihood_total(self.estimator, self.model, self.still)
        fit = fit_subspace(self.estimator, self.model, self.still, 1, reference=reference, passes=5)
        totals = [h["log_likelihood"] for h in fit.history]
        self.assertGreater(totals[0], reference + 1.0)
        self.assertTrue(np.all(np.diff(totals) > -0.02), totals)
        self.assertLess(self._angle(fit.model.coefficients[0]), 6.0)
        correlation = np.corrcoef(fit.ensemble.z[:, 0], self.z[:, 0])[0, 1]
        self.assertGreater(abs(correlation), 0.97)


if __name__ == "__main__":
    unittest.main()
