"""Measures and oracle of the quality table, against closed forms and a naive likelihood of every combination."""

import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
import pytest

from gmmhet.engine.config import SimulateConfig
from gmmhet.engine.conventions import euler_to_matrix, matrix_to_euler
from gmmhet.engine.io import open_stack, read_particles
from gmmhet.engine.molecule.symmetry import rotation_matrices
from gmmhet.engine.simulate import (
    Particles,
    clean_slices,
    draw_particles,
    images_from_slices,
    preset,
    ring_covariance,
    simulate,
    with_pose_errors,
)

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"

pytestmark = pytest.mark.skipif(not BENCHMARKS.is_dir(), reason=f"no {BENCHMARKS}: not run from the source tree")

measures = oracle = figures = ring = stages = None


def setUpModule():
    """Programs beside the package find each other by their folder."""
    global measures, oracle, figures, ring, stages
    sys.path.insert(0, str(BENCHMARKS))
    try:
        import figures
        import measures
        import oracle
        import ring
        import stages
    finally:
        sys.path.remove(str(BENCHMARKS))


class TestMeasures(unittest.TestCase):
    def test_turn_read_out_of_a_noisy_circle_and_of_noise(self):
        rng = np.random.default_rng(0)
        angles = rng.integers(0, 100, 6000) * 3.6
        seen = np.deg2rad(angles + rng.normal(0, 3, 6000))
        circle = np.stack([np.cos(seen), np.sin(seen)], axis=1)
        error, neighbours = measures.turn_read_out(circle, angles)
        # the median of |normal(0, 3)| is 2.02; 50 of 3,000 neighbours add little
        assert abs(error - 3 * 0.6745) < 0.2
        assert neighbours >= 20
        assert abs(measures.turn_read_out(rng.normal(size=(2000, 2)), angles[:2000])[0] - 90) < 10

    def test_neighbour_read_out_of_a_bent_coordinate_and_of_noise(self):
        rng = np.random.default_rng(4)
        truth = rng.uniform(0, 1, 3000)
        bent = np.column_stack([np.cos(5 * truth), np.sin(5 * truth), rng.normal(0, 0.02, 3000)])  # neither axis ranks
        assert max(measures.rank_correlation(c, truth) for c in bent.T) < 0.9
        assert measures.neighbour_read_out(bent, truth) > 0.99
        # of 1,500 pairs that know nothing of each other: standard deviation 1 / sqrt(1499) = 0.026
        assert abs(measures.neighbour_read_out(rng.normal(size=(3000, 3)), truth)) < 0.11

    def test_canonical_correlations_are_of_the_span(self):
        rng = np.random.default_rng(1)
        truth = rng.normal(size=(4000, 2))
        mixed = truth @ np.array([[2.0, 0.3], [-1.0, 1.0]]) + 5
        np.testing.assert_allclose(measures.canonical_correlations(mixed, truth), 1, atol=1e-9)
        np.testing.assert_allclose(measures.canonical_correlations(truth[:, 1:], truth), [1, 0], atol=1e-9)
        np.testing.assert_allclose(measures.canonical_correlations(np.zeros((4000, 1)), truth), 0)
        noisy = truth + 0.5 * rng.normal(size=truth.shape)
        # 1 / sqrt(1 + 0.25), standard error 0.003
        np.testing.assert_allclose(measures.canonical_correlations(noisy, truth), 0.894, atol=0.015)
        assert abs(measures.multiple_correlation(noisy, truth[:, 0]) - 0.894) < 0.015

    def test_coverage_of_calibrated_posteriors_is_that_of_two_deviations(self):
        rng = np.random.default_rng(2)
        levels = np.linspace(-1, 1, 11)
        truth = rng.choice(levels, 20000) / levels.std()
        for information in (20.0, 3.0):
            mean = information * (truth + rng.normal(size=20000) / np.sqrt(information)) / (1 + information)
            deviation = np.full(20000, 1 / np.sqrt(1 + information))
            for given in (truth, -(truth**3)):  # any monotone scale of the truth, either sign
                assert abs(measures.coverage(mean, deviation, given) - 0.954) < 0.006
            assert measures.coverage(mean, deviation / 2, truth) < 0.8

    def test_pose_errors_are_rotation_vectors_in_the_view(self):
        rng = np.random.default_rng(3)
        given = rng.uniform(-180, 180, (5, 3))
        turn = np.deg2rad(3.0)
        in_plane = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
        out_of_plane = in_plane[np.ix_([2, 0, 1], [2, 0, 1])]
        for matrix, expected in ((in_plane, (3.0, 0.0)), (out_of_plane, (0.0, 3 / np.sqrt(2)))):
            true = matrix_to_euler(matrix @ euler_to_matrix(given))
            found = measures.pose_errors(true, given, np.zeros((5, 2)), np.full((5, 2), 2.0))
            np.testing.assert_allclose([found["in_plane_degrees"], found["out_of_plane_degrees"]], expected, atol=1e-5)
            assert found["shift_angstrom"] == 2.0

    def test_euler_errors_as_rotations(self):
        """Views from everywhere: psi is a turn in the plane, and rot by the cosine of the tilt: variance 1 + 1/3."""
        true = draw_particles(preset("null"), 20000, 4.0, np.random.default_rng(4))
        given = with_pose_errors(true, 2.0, 0.0, 4)
        found = measures.pose_errors(true.angles, given.angles, true.origins, given.origins)
        np.testing.assert_allclose(found["in_plane_degrees"], 2 * np.sqrt(4 / 3), rtol=0.02)
        np.testing.assert_allclose(found["out_of_plane_degrees"], 2 * np.sqrt(5 / 6), rtol=0.02)

    def test_peak_of_a_wrapped_normal_is_found_between_the_steps(self):
        steps = np.arange(100) * 3.6
        for angle in (31.0, 359.0, 0.7):
            apart = (steps - angle + 180) % 360 - 180
            found = measures.peak_angle(np.exp(-0.5 * (apart / 3) ** 2)[None], 3.6)[0]
            assert abs((found - angle + 180) % 360 - 180) < 1e-6

    def test_marks(self):
        floor, goal = figures.Range(0.9, 0.98), figures.Range(0.94, 0.96)
        marks = [figures.Figure("", "", "", value, floor, goal).mark for value in (0.95, 0.91, 0.99, np.nan)]
        assert marks == ["goal", "pass", "SHORT", "SHORT"]
        assert figures.Figure("", "", "", 0.5).mark == ""
        assert figures.Figure("", "", "", 2.0, figures.at_most(3), figures.at_most(1.5)).mark == "pass"


class TestRing(unittest.TestCase):
    def test_subunits_are_matched_by_the_rotations_whichever_comes_first(self):
        """An engine whose unit is subunit 05 and whose copies come in an order of their own."""
        rng = np.random.default_rng(5)
        truth = rng.normal(size=(300, 14)) @ np.linalg.cholesky(ring_covariance()).T
        subunits = ring.true_rotations()
        rotations = rotation_matrices("D7")[rng.permutation(14)]
        place = [int(np.abs(g @ subunits[4] - subunits).max(axis=(1, 2)).argmin()) for g in rotations]
        with tempfile.TemporaryDirectory() as name:
            found = stages.Analysis(Path(name))
            with pytest.raises(stages.StageError, match=r"no .*subunits\.npz"):
                ring.matched(found, truth)
            ours = -truth[:, place, None]
            np.savez(Path(name) / "subunits.npz", coordinates=ours, rotations=rotations,
                     correlation=np.corrcoef(ours[..., 0].T)[None])
            result = ring.matched(found, truth)
        np.testing.assert_array_equal(result.coordinates, -truth)
        np.testing.assert_allclose(result.correlation, np.corrcoef(truth.T), atol=1e-9)

    def test_true_rotations_make_the_molecule_of_its_first_subunit(self):
        centers = preset("ring14").molecule.centers.reshape(14, -1, 3)
        np.testing.assert_allclose(centers, centers[0] @ ring.true_rotations().transpose(0, 2, 1), atol=1e-9)


class TestRefinementMeasures(unittest.TestCase):
    def test_a_common_turn_and_shift_are_no_errors_and_others_are_found(self):
        rng, n = np.random.default_rng(0), 400
        true = np.stack([rng.uniform(-180, 180, n), rng.uniform(0, 180, n), rng.uniform(-180, 180, n)], axis=1)
        turn, shift = euler_to_matrix([20.0, 30.0, -40.0]), np.array([3.0, -4.0, 5.0])
        wrong = np.arange(n) < 60
        extra = euler_to_matrix(np.where(wrong[:, None], [0.0, 60.0, 0.0], [0.0, 2.0, 0.0]))
        given = matrix_to_euler(extra @ euler_to_matrix(true) @ turn)
        origins = rng.normal(size=(n, 2))
        moved = origins + (euler_to_matrix(true) @ shift)[:, :2]
        found = measures.refinement_errors(true, given, origins, moved)
        # two degrees about a fixed axis of the view: of its mean over all views the common turn takes next to nothing
        assert abs(found.median_degrees - 2) < 0.2
        assert found.beyond_10_degrees == 0.15
        assert found.median_angstrom < 1e-6

    def test_held_out_correlation_is_that_of_the_population_and_nothing_for_noise(self):
        rng = np.random.default_rng(1)
        truth = rng.standard_normal(4000)
        latents = np.stack([truth + rng.standard_normal(4000), rng.standard_normal(4000)], axis=1)
        assert abs(measures.held_out_correlation(latents, truth) - np.sqrt(0.5)) < 0.03
        assert abs(measures.held_out_correlation(rng.standard_normal((4000, 8)), truth)) < 0.06

    def test_area_under_the_curve_counts_pairs(self):
        values, positive = np.array([3.0, 1.0, 2.0, 2.0, 0.0]), np.array([True, False, True, False, False])
        pairs = [(a > b) + 0.5 * (a == b) for a in values[positive] for b in values[~positive]]
        assert measures.area_under_curve(values, positive) == np.mean(pairs)


class TestOracle(unittest.TestCase):
    def _particles(self, folder):
        table, truth = read_particles(folder / "truth" / "particles.star"), oracle.read_truth(folder)
        return Particles(truth.state, truth.coordinates, table.angles, table.origins, table.defocus[:, :3],
                         table.half_set, table.micrograph)

    def test_agrees_with_the_likelihood_of_every_combination_pixel_by_pixel(self):
        what, rows = preset("hingedomain"), np.arange(6)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            simulate(SimulateConfig("hingedomain", 44, 40, 4.0, 0.02, seed=2, angle_error=5.0), folder)
            found = oracle.coordinate_posteriors(folder, what, rows)
            particles, images = self._particles(folder), open_stack(folder / "particles.mrcs")[rows].astype(np.float64)
            scale = oracle._greyscale(folder, what, 40, 4.0)
        clean = np.stack([images_from_slices(clean_slices(
            what.molecule, particles, rows, box=40, pixel_size=4.0,
            coordinates=np.repeat(state[None], 6, axis=0)), 40) for state in what.states], axis=1)
        logs = -0.5 * ((images[:, None] - scale * clean) ** 2).sum(axis=(2, 3))
        joint = np.exp(logs - logs.max(axis=1, keepdims=True)).reshape(6, 11, 2)
        joint /= joint.sum(axis=(1, 2), keepdims=True)
        assert joint.max() < 0.95  # the data do not decide alone
        np.testing.assert_allclose(found[0], joint.sum(axis=2), atol=1e-4)
        np.testing.assert_allclose(found[1], joint.sum(axis=1), atol=1e-4)

    def test_is_right_as_often_as_it_claims(self):
        what = preset("twomotions")
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            simulate(SimulateConfig("twomotions", 242, 36, 6.0, 0.05, seed=1), folder)
            found, truth = oracle.coordinate_posteriors(folder, what), oracle.read_truth(folder).coordinates
        for d, level in enumerate(what.levels):
            right, claimed = oracle.share_right(found[d], level, truth[:, d]), found[d].max(axis=1)
            # a sum of 242 coins of these odds
            assert abs(right - claimed.mean()) < 3.5 * np.sqrt((claimed * (1 - claimed)).sum()) / 242

    def test_ring_estimates_follow_the_truth_as_closely_as_their_posterior_says(self):
        what, covariance = preset("ring14"), ring_covariance()
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            simulate(SimulateConfig("ring14", 40, 44, 6.0, 0.1, seed=1), folder)
            found, truth = oracle.joint_estimates(folder, what, covariance), oracle.read_truth(folder).coordinates
        # a posterior mean is uncorrelated with its own error, and its error smaller than the prior's 8 degrees
        error = found - truth
        assert 2.5 < np.sqrt((error**2).mean()) < 6.0
        assert abs((error * found).mean()) < 0.15 * (truth**2).mean()


if __name__ == "__main__":
    unittest.main()
