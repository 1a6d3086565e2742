"""First modes and fitted modes of particles simulated by the definition, with a planted motion of high signal."""

import unittest
from typing import ClassVar
from unittest import mock

import numpy as np

from gmmhet.engine.subspace import em, m_step
from gmmhet.engine.subspace.climb import BestPass, Climb
from gmmhet.engine.subspace.em import Fit, FitOptions, fit_subspace, infer
from gmmhet.engine.subspace.estimator_spec import EstimatorSpec
from gmmhet.engine.subspace.first_modes import first_modes
from gmmhet.engine.subspace.likelihoods import log_likelihood_total
from gmmhet.engine.subspace.passes import SubspaceEstimator
from gmmhet.engine.subspace.smooth_fields import FieldBasis, smooth_basis
from gmmhet.engine.subspace.state import Posteriors, SubspaceModel, Sums
from gmmhet.tests.support.scene import Scene

_PARTICLES = 240


class TestPlantedMotion(unittest.TestCase):
    """One smooth motion of about 1 A, z ~ N(0, 1), information of the images on z about 80."""

    scene: ClassVar[Scene]
    estimator: ClassVar[SubspaceEstimator]
    model: ClassVar[SubspaceModel]
    still: ClassVar[Posteriors]
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
        cls.estimator = SubspaceEstimator(EstimatorSpec(scene.cache, scene.observer, basis, basis, batch_size=48))
        cls.model = SubspaceModel(scene.centers, scene.weights, scene.sigmas**2, np.zeros((1, basis.size)), noise, 1.0,
                                  0.1)
        blank = Posteriors.blank(np.arange(_PARTICLES), cls.model)
        cls.still = infer(cls.estimator, cls.model, np.arange(_PARTICLES), steps=2, start=blank)

    @property
    def metric(self) -> np.ndarray:
        """[R, R] of what the images show of two motions."""
        return self.estimator.still_curvature(self.model, self.still, sample=64)

    def _angle(self, coefficients: np.ndarray) -> float:
        """Degrees between two motions, in the metric of what the images show of them."""
        metric = self.metric
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

    def test_modes_that_are_noise_fade(self) -> None:
        """Six modes of few particles: those beside the planted one lose their relevance, to the good of others."""
        rows, reference = np.arange(_PARTICLES), log_likelihood_total(self.estimator, self.model, self.still)

        def fit() -> Fit:
            return fit_subspace(self.estimator, self.model, self.still.at(rows[::8]), 6,
                                FitOptions(reference, passes=10, tolerance=0.0))

        fitted = fit()
        with mock.patch.object(m_step, "updated_relevance", lambda relevance, *_: relevance):
            unit = fit()
        with_it, without = (infer(self.estimator, f.model, rows[1::2]).log_likelihood.mean() for f in (fitted, unit))
        self.assertGreater(with_it, without + 0.2)
        self.assertGreater(np.diag(unit.posteriors.information)[1:].max(), 2.0)
        relevance, information = fitted.model.relevance, np.diag(fitted.posteriors.information)
        self.assertGreater(information[0], 50.0)
        self.assertLess(information[1:].max(), 2.0)
        self.assertGreater(relevance[0].min(), 5 * relevance[1:].max())
        self.assertLess(self._angle(fitted.model.coefficients[0]), 25.0)

    def test_what_the_prior_gains_counts(self) -> None:
        """A pass that gives up likelihood for more of the prior is kept; the same without that is undone."""
        nothing = (self.model, self.still, Sums(*[np.zeros(1)] * 3))
        for prior, kept in ((0.5, True), (0.1, False)):
            climb = Climb()
            climb.after(BestPass(-10.0, *nothing))
            climb.promised, climb.prior = 0.2, prior
            self.assertAlmostEqual(climb.after(BestPass(-10.3, *nothing)), prior - 0.3)
            self.assertEqual(climb.reached.log_likelihood == -10.3, kept)

    def test_passes_end_where_watched_particles_gain_nothing_more(self) -> None:
        """With what they gain given: rest, then pass by pass; a hundredth of what was gained over rest is little."""
        told, seen = [-10.0, 0.0, 5.0, 4.9, 6.0, 6.02, 5.99], []

        def held_out(_: object, model: SubspaceModel, start: Posteriors, __: int) -> tuple[Posteriors, float]:
            seen.append(model)
            return start, told[len(seen) - 1]

        reference = log_likelihood_total(self.estimator, self.model, self.still)
        with mock.patch.object(em, "_held_out", held_out):
            fit = fit_subspace(self.estimator, self.model, self.still, 1,
                               FitOptions(reference, passes=20, watched=self.still.at(slice(0, 8))))
        self.assertEqual(len(fit.history), 6)
        self.assertIs(fit.model, seen[5])  # the best of them, after the one at rest

    def test_random_directions_lead_to_the_same_place(self) -> None:
        """Passes reach the optimum: where they begin decides only how many they are."""
        reference = log_likelihood_total(self.estimator, self.model, self.still)
        first = fit_subspace(self.estimator, self.model, self.still, 1,
                             FitOptions(reference, passes=14, tolerance=0.0))
        for seed in (11, 12):
            random = np.random.default_rng(seed).normal(size=(1, self.estimator.spec.basis.size))
            begun = self.model.with_coefficients(0.3 * random)
            other = fit_subspace(self.estimator, begun, self.still, 1,
                                 FitOptions(reference, passes=14, tolerance=0.0, warm=self.still.with_modes_of(begun)))
            self.assertGreater(self._angle(random[0]), 45.0)
            self.assertAlmostEqual(other.history[-1]["log_likelihood"], first.history[-1]["log_likelihood"], delta=0.05)
            modes = np.concatenate([first.model.coefficients, other.model.coefficients])
            size = np.sqrt(np.einsum("kr,rs,ks->k", modes, self.metric, modes))
            self.assertGreater(abs(modes[0] @ self.metric @ modes[1]) / np.prod(size), 0.999)

    def test_fit_climbs_to_the_planted_mode_and_coordinates(self) -> None:
        reference = log_likelihood_total(self.estimator, self.model, self.still)
        fit = fit_subspace(self.estimator, self.model, self.still, 1, FitOptions(reference, passes=5))
        totals = [h["log_likelihood"] for h in fit.history]
        self.assertGreater(totals[0], reference + 1.0)
        self.assertTrue(np.all(np.diff(totals) > -0.02), totals)
        self.assertLess(self._angle(fit.model.coefficients[0]), 6.0)
        correlation = np.corrcoef(fit.posteriors.z[:, 0], self.z[:, 0])[0, 1]
        self.assertGreater(abs(correlation), 0.97)


if __name__ == "__main__":
    unittest.main()
