"""Conformations followed from place to place: planted circles and turns."""

import json
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from gmmhet.engine.analysis import analyze
from gmmhet.engine.analysis.large_motions import is_large, may_follow
from gmmhet.engine.config import AnalyzeConfig, FitConfig, SimulateConfig
from gmmhet.engine.errors import InputError
from gmmhet.engine.fitting import fit
from gmmhet.engine.io import read_star
from gmmhet.engine.latent_space.movie_points import along_axis, through_particles, typical_place
from gmmhet.engine.latent_space.saved_analysis import read_analysis
from gmmhet.engine.molecule.gaussian_map import gaussian_density
from gmmhet.engine.simulate import density_map, preset, simulate
from gmmhet.engine.subspace.estimator_spec import EstimatorSpec
from gmmhet.engine.subspace.passes import SubspaceEstimator
from gmmhet.engine.subspace.path_following import Track, conformation, follow, modes_along, stations_along
from gmmhet.engine.subspace.smooth_fields import FieldBasis, smooth_basis
from gmmhet.engine.subspace.state import Posteriors, SubspaceModel
from gmmhet.tests.support.scene import Scene


def circle(n: int, noise: float = 0.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """n angles around the circle and points [n, 2] of unit variance near it."""
    rng = np.random.default_rng(seed)
    angles = rng.uniform(0, 2 * np.pi, n)
    points = np.sqrt(2) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return angles, points + noise * rng.normal(size=(n, 2))


def model_of(centers: np.ndarray, weights: np.ndarray, modes: int = 1) -> SubspaceModel:
    return SubspaceModel(centers, weights, np.full(len(centers), 9.0), np.zeros((modes, 5)), np.ones((1, 8)), 1.0, 0.1)


class TestStations(unittest.TestCase):

    def test_they_go_around_a_circle(self) -> None:
        angles, points = circle(2400, 0.1)
        stations = stations_along(points, np.eye(2))
        self.assertEqual(len(stations.coordinates), 16)  # 150 particles each
        middle = np.angle([np.exp(1j * angles[stations.of == s]).mean() for s in range(16)])
        rank = np.argsort(np.argsort(middle))
        steps = [abs(int(rank[s] - rank[stations.before[s]])) for s in stations.order[1:]]
        self.assertTrue(all(step in (1, 15) for step in steps))  # from neighbour to neighbour
        lengths = np.zeros(16)
        for s in stations.order[1:]:
            lengths[s] = lengths[stations.before[s]] + 1
        self.assertLessEqual(lengths.max(), 9)  # half of the way around at most, not all of it
        np.testing.assert_array_equal(stations.before[stations.order[0]], -1)

    def test_the_metric_decides_what_is_far(self) -> None:
        rng = np.random.default_rng(1)
        points = np.column_stack([rng.uniform(-1, 1, 1800), rng.normal(size=1800)])
        stations = stations_along(points, np.diag([1.0, 0.0]))
        spread = [np.ptp(points[stations.of == s, 0]) for s in range(len(stations.coordinates))]
        self.assertLess(max(spread), 0.5)

    def test_few_particles_make_few_stations(self) -> None:
        self.assertEqual(len(stations_along(circle(100)[1], np.eye(2)).coordinates), 3)
        self.assertEqual(len(stations_along(circle(7)[1], np.eye(2)).coordinates), 1)


class TestConformation(unittest.TestCase):

    def test_gaussians_that_are_not_there_help_the_heaviest(self) -> None:
        centers = np.array([[0.0, 0, 0], [10, 0, 0], [50, 0, 0], [60, 0, 0]])
        model = model_of(centers, np.array([1.0, 4.0, 1.0, 1.0]))
        fields = np.zeros((1, 4, 5))
        fields[0, 2, 3], fields[0, 3, 0] = -1.0, 5.0  # the third fades, the fourth moves
        found, source = conformation(model, fields, np.array([1.0]))
        np.testing.assert_array_equal(source, [0, 1, 1, 3])
        self.assertAlmostEqual(found.weights.sum(), 6.0)
        np.testing.assert_allclose(found.weights, [1, 2, 2, 1])
        np.testing.assert_allclose(found.centers[[1, 2]].mean(0), [10, 0, 0])
        self.assertAlmostEqual(float(np.linalg.norm(found.centers[1] - found.centers[2])), 3.0)
        np.testing.assert_allclose(found.centers[3], [65, 0, 0])

    def test_nothing_changes_where_all_are_there(self) -> None:
        model = model_of(np.random.default_rng(0).normal(size=(5, 3)), np.ones(5))
        found, source = conformation(model, np.zeros((2, 5, 5)), np.array([1.0, -1.0]))
        np.testing.assert_array_equal(found.centers, model.centers)
        np.testing.assert_array_equal(source, np.arange(5))


class TestLarge(unittest.TestCase):
    """400 Gaussians, of which few move: by how much, in how many modes."""

    def large(self, moving: int, distance: float, significant: int = 2, weights: float = 0.0) -> bool:
        fields = np.zeros((2, 400, 5))
        fields[0, :moving, 0] = fields[1, :moving, 1] = distance / np.sqrt(2)
        fields[:, :moving, 3] = weights
        spec = SimpleNamespace(basis=SimpleNamespace(fields=lambda of: fields[:len(of)]),
                               observer=SimpleNamespace(grid=SimpleNamespace(resolution=15.0)))
        final = SimpleNamespace(model=SimpleNamespace(coefficients=np.zeros((2, 1))))
        found: Any = SimpleNamespace(estimator=SimpleNamespace(spec=spec), final=final,
                                     evidence=SimpleNamespace(significant=significant))
        return is_large(found)

    def test_a_small_part_that_moves_far_is(self) -> None:
        self.assertTrue(self.large(12, 24.0))
        self.assertTrue(self.large(400, 16.0))

    def test_what_moves_less_than_the_resolution_fades_or_has_one_mode_is_not(self) -> None:
        self.assertFalse(self.large(200, 14.0))
        self.assertFalse(self.large(200, 0.0, weights=1.0))
        self.assertFalse(self.large(200, 40.0, significant=1))
        self.assertFalse(self.large(200, 40.0, significant=0))


class TestModes(unittest.TestCase):

    def test_stations_without_particles_have_places_too(self) -> None:
        """Of a half-set: the conformation before it."""
        centers = np.random.default_rng(3).normal(size=(4, 6, 3))
        centers[3] = centers[2]
        estimator: Any = SimpleNamespace(spec=SimpleNamespace(
            basis=FieldBasis.of(np.eye(6), position=1.0, amplitude=1.0)))
        _, places, _ = modes_along(estimator, model_of(centers[0], np.ones(6)), Track(centers, np.ones((4, 6))),
                                   np.array([5.0, 9.0, 7.0, 0.0]), 2)
        np.testing.assert_allclose(places[3], places[2])
        np.testing.assert_allclose(np.average(places**2, axis=0, weights=[5, 9, 7, 0]), 1.0)

    def test_a_full_turn_is_two_modes(self) -> None:
        rng = np.random.default_rng(2)
        still, arm, along = rng.normal(size=(6, 3)), rng.normal(size=(4, 3)) * 20, np.array([0.6, 0.0, 0.8])
        angles = np.arange(12) * np.pi / 6
        turned = np.stack([Rotation.from_rotvec(a * along).apply(arm) for a in angles])
        centers = np.concatenate([np.tile(still, (12, 1, 1)), turned], axis=1)
        track = Track(centers, np.ones((12, 10)))
        basis = FieldBasis.of(np.eye(10), position=1.0, amplitude=1.0)
        estimator: Any = SimpleNamespace(spec=SimpleNamespace(basis=basis))
        model, places, shares = modes_along(estimator, model_of(centers[0], np.ones(10)), track, np.ones(12), 2)
        self.assertAlmostEqual(shares[:2].sum(), 1.0)
        np.testing.assert_allclose(np.linalg.norm(places, axis=1), np.sqrt(2), rtol=1e-6)
        fields = basis.fields(model.coefficients)
        again = model.centers + np.tensordot(places, fields[..., :3], 1)
        np.testing.assert_allclose(again, centers, atol=1e-3)


class TestFollow(unittest.TestCase):

    def test_a_turn_far_beyond_the_size_of_the_gaussians(self) -> None:
        """Four of eight Gaussians of 3 A turn by 90 degrees, 25 A away from the axis, over 7 stations."""
        n, count = 210, 7
        scene = Scene(n=n, gaussians=8, modes=1, box=32, seed=4)
        rng = np.random.default_rng(5)
        scene.centers = np.concatenate([rng.normal(size=(4, 3)) * 6, rng.normal(size=(4, 3)) * 4 + [25, 0, 0]])
        scene.weights, scene.sigmas = np.full(8, 2e3), np.full(8, 3.0)
        of = np.arange(n) % count
        noise = 50.0 * np.ones((1, scene.grid.n_shells))
        conformations = []
        for a in np.arange(count) * np.deg2rad(90) / (count - 1):
            moved = scene.centers.copy()
            moved[4:] = Rotation.from_rotvec([0, 0, a]).apply(moved[4:])
            conformations.append(moved)
        for i in range(n):
            decoder = scene.own._replace(centers=conformations[of[i]])
            deviation = np.sqrt(noise[0][scene.grid.clipped_shell])
            scene.planes[i] = scene.image(i, np.zeros(1), decoder=decoder) + rng.normal(
                size=scene.planes[i].shape) * deviation
        basis = FieldBasis.of(smooth_basis(scene.centers, 12.0), position=4.0, amplitude=0.3)
        estimator = SubspaceEstimator(EstimatorSpec(scene.cache, scene.observer, basis, basis, batch_size=30))
        root = replace(model_of(scene.centers, scene.weights), noise=noise).without_modes(basis)
        stations: Any = SimpleNamespace(coordinates=np.zeros((count, 1)), of=of, order=np.arange(count),
                                        before=np.arange(count) - 1)
        track = follow(estimator, root, stations, Posteriors.blank(np.arange(n), root))
        errors = np.linalg.norm(track.centers - np.stack(conformations), axis=2)
        self.assertLess(errors.max(), 5.0)  # of a way of 39 A
        self.assertLess(np.sqrt(np.mean(errors**2)), 2.0)


class TestAnalysis(unittest.TestCase):
    """A domain of an elongated molecule that turns by any angle: 400 particles of 32 px of 12 A."""

    folder: ClassVar[Path]
    summary: ClassVar[dict[str, Any]]

    @classmethod
    def setUpClass(cls) -> None:
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.folder = Path(holder.name)
        simulate(SimulateConfig("turning", 400, 32, 12.0, 0.5, seed=4), cls.folder)
        fit(cls.folder / "consensus.mrc", FitConfig(resolution=36.0), cls.folder / "model.npz")
        analyze(cls.folder / "particles.star", cls.folder / "model.npz",
                AnalyzeConfig(modes=2, poses="exact", follow="yes"), cls.folder / "out")
        cls.summary = json.loads((cls.folder / "out" / "summary.json").read_text())

    def test_held_out_particles_are_explained_as_well_as_by_modes_about_the_average(self) -> None:
        """At this resolution these find the whole turn, too: following, from another side, ends at the same."""
        told, modes = self.summary["followed"], self.summary["modes"]
        self.assertEqual(told["stations"], 12)
        self.assertLess(abs(told["heldout_gain"]), 0.05 * sum(mode["heldout_gain"] for mode in modes))
        self.assertEqual(told["better"], told["heldout_gain"] > max(4 * told["heldout_gain_error"], 0.02))
        self.assertIn("linearised again along a path of 12 conformations", self.summary["verdict"])
        self.assertEqual(self.summary["n_significant_modes"], 2)

    def test_gaussians_are_where_the_domain_is(self) -> None:
        """Around the whole circle, at the particles' own coordinates: much nearer to the true map than to that of the
        domain a quarter turn away, but for single images from which the angle cannot be read (1 to 5 of 200 over two
        seeds and two models)."""
        found = read_analysis(self.folder / "out")
        angles = np.loadtxt(self.folder / "truth.csv", delimiter=",", skiprows=1)[:, 2]
        molecule, correlations = preset("turning").molecule, []
        for row in range(0, 400, 10):
            ours = gaussian_density(found.gaussians_at(found.coordinates[row])).data
            placed = molecule.place([[angles[row]], [angles[row] + 90]])
            true = [density_map(c, w, 12.0, box=32, pixel_size=12.0) for c, w in zip(*placed, strict=True)]
            correlations.append([float(np.corrcoef(ours.ravel(), t.ravel())[0, 1]) for t in true])
        here, there = np.array(correlations).T
        self.assertGreater(np.median(here), 0.88)
        self.assertGreaterEqual(float(np.mean(here > there + 0.05)), 0.95)

    def test_frames_go_where_particles_are(self) -> None:
        found = read_analysis(self.folder / "out")
        for mode in self.summary["modes"]:
            places = np.array([frame["place"] for frame in mode["frames"]])
            self.assertLess(cKDTree(found.coordinates).query(places)[0].max(), 0.6)
        self.assertLess(cKDTree(found.coordinates).query(np.zeros(2))[0], 0.3)

    def test_particles_of_a_ring_are_no_normal_distribution(self) -> None:
        """Under their own population they lie closer to the ring; both kinds of coordinates count from one place."""
        self.assertTrue(self.summary["population"]["better"])
        self.assertIn("The coordinates are not normally distributed", self.summary["verdict"])
        rows = read_star(self.folder / "out" / "latents.star")["particles"]
        normal, placed = (np.stack([rows.floats(f"gmmhet{name}{k}") for k in (1, 2)], axis=1)
                          for name in ("Latent", "Coordinate"))
        self.assertLess(np.abs(normal.mean(0) - placed.mean(0)).max(), 0.1)
        middle = np.median(normal, axis=0)
        away = [np.linalg.norm(z - middle, axis=1) for z in (normal, placed)]
        self.assertLess(away[1].std() / away[1].mean(), away[0].std() / away[0].mean())
        self.assertTrue((rows.floats("gmmhetCoordinateSd1") > 0).all())

    def test_where_movements_are_not_followed(self) -> None:
        self.assertTrue(may_follow(AnalyzeConfig()))
        for options in ({"follow": "no"}, {"motion": False}, {"symmetry": "D7"},
                        {"focus": Path("m.mrc"), "local_pose": True}):
            self.assertFalse(may_follow(AnalyzeConfig(**options)), options)

    def test_what_cannot_be_followed_is_said(self) -> None:
        for other, name in (({"motion": False}, "--no-motion"), ({"symmetry": "D7"}, "--symmetry D7"),
                            ({"focus": Path("m.mrc"), "local_pose": True}, "--local-pose"),
                            ({"method": "gradient-pca"}, "--method gradient-pca")):
            with self.assertRaisesRegex(InputError, f"{name} .*expected one"):
                AnalyzeConfig(follow="yes", **other)
        with self.assertRaisesRegex(InputError, "--follow is 'often'; expected one of auto, yes, no"):
            AnalyzeConfig(follow="often")


class TestFrames(unittest.TestCase):

    def test_frames_go_along_a_circle(self) -> None:
        _, points = circle(4000, 0.05)
        places = through_particles(points, 0, 9)
        np.testing.assert_allclose(np.linalg.norm(places, axis=1), np.sqrt(2), atol=0.15)
        self.assertEqual(len(set(np.sign(places[2:7, 1]))), 1)  # one side, all the way
        np.testing.assert_allclose(places[:, 0], along_axis(points, 0, 9)[:, 0])

    def test_frames_of_a_cloud_stay_near_the_axis(self) -> None:
        points = np.random.default_rng(0).normal(size=(4000, 3))
        self.assertLess(np.abs(np.delete(through_particles(points, 1, 9), 1, axis=1)).max(), 0.5)

    def test_a_typical_place_has_particles(self) -> None:
        """And not the middle of the circle, where blank images are, whose posterior is the prior."""
        _, points = circle(3000, 0.05)
        known = np.tile(0.01 * np.eye(2), (3000, 1, 1))
        points[:150], known[:150] = 0.001 * points[:150], np.eye(2)
        self.assertAlmostEqual(float(np.linalg.norm(typical_place(points, known))), np.sqrt(2), delta=0.15)
        self.assertEqual(typical_place(points[:1], known[:1]).shape, (2,))


if __name__ == "__main__":
    unittest.main()
