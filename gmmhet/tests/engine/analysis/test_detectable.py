"""Planted motions against images of the simulator, which has its own code; choice of parts, motions and sizes."""

import json
import math
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import numpy as np
import tensorflow as tf

from gmmhet.engine.analysis import analyze
from gmmhet.engine.analysis.detectable import detectable_motion, next_size
from gmmhet.engine.analysis.expected_gain import ExpectedGain, SearchSize
from gmmhet.engine.analysis.result import PlantedTrial
from gmmhet.engine.analysis.settings import DETECTABLE
from gmmhet.engine.config import AnalyzeConfig, FitConfig, SimulateConfig
from gmmhet.engine.conventions import euler_to_matrix
from gmmhet.engine.fitting import fit
from gmmhet.engine.imaging.half_plane import HalfPlane, images_to_planes
from gmmhet.engine.imaging.image_model import Batch, Observer
from gmmhet.engine.molecule.part_motions import Moves, PartMotion, compact_parts, motions_of_part
from gmmhet.engine.molecule.rigid_fields import rigid_fields, rigid_part
from gmmhet.engine.molecule.symmetry import rotation_matrices
from gmmhet.engine.optics.ctf import ctf_coefficients
from gmmhet.engine.runtime.checkpoint import NO_JOURNAL
from gmmhet.engine.simulate import preset, simulate
from gmmhet.engine.simulate.particles import clean_slices, draw_particles
from gmmhet.engine.simulate.projection import images_from_slices
from gmmhet.engine.simulate.settings import IMAGING
from gmmhet.engine.subspace.planted_motion import PlantedMotion, RestingMolecule, TrueParticles

_BOX, _PIXEL, _RESOLUTION = 40, 4.5, 14.0
_STILL = Moves(np.zeros(3), np.zeros(3), np.zeros(3))


class TestPlantedImages(unittest.TestCase):
    """What is added to images is the difference of two images that the simulator makes, scale and all."""

    def setUp(self) -> None:
        self.what = preset("hinge11")
        self.particles = draw_particles(self.what, 8, _PIXEL, np.random.default_rng(3))
        self.grid = HalfPlane(_BOX, _PIXEL, _RESOLUTION)

    def simulated(self, coordinates: np.ndarray) -> np.ndarray:
        slices = clean_slices(self.what.molecule, self.particles, np.arange(8), box=_BOX, pixel_size=_PIXEL,
                              coordinates=coordinates)
        return images_to_planes(images_from_slices(slices, _BOX), self.grid, self.particles.origins)

    def planted(self, motion: PartMotion, z: np.ndarray, pose: np.ndarray, contrast: np.ndarray) -> np.ndarray:
        molecule, n = self.what.molecule, len(z)
        u, v, angle = self.particles.defocus.T
        coefficients = ctf_coefficients(u, v, angle, 0.0, IMAGING.voltage, IMAGING.spherical_aberration,
                                        IMAGING.amplitude_contrast)
        batch = Batch(*(tf.constant(a, tf.float32) for a in (
            np.zeros((n, 2, 2, self.grid.size, self.grid.size)), euler_to_matrix(self.particles.angles), coefficients)),
            tf.zeros(n, tf.int32), tf.ones(n))
        sigmas = np.full(len(molecule), molecule.sigma)
        rest = RestingMolecule(molecule.centers, molecule.weights, sigmas**2, np.eye(3)[None])
        true = TrueParticles(np.arange(n), z, pose, contrast)
        transform = PlantedMotion(Observer(self.grid, sigmas, _PIXEL**3), rest, motion, true)
        return transform(np.arange(n), batch).planes.numpy()

    def test_a_turning_arm_has_the_size_and_sign_of_the_simulator(self) -> None:
        """float32 sums over 880 atoms: a thousandth."""
        molecule, angle, rng = self.what.molecule, 7.0, np.random.default_rng(4)
        z, contrast = rng.standard_normal((8, 1)), rng.normal(1.0, 0.2, 8)
        moves = Moves(molecule.pivots[0], np.deg2rad(angle) * molecule.axes[0], np.zeros(3))
        got = self.planted(PartMotion(molecule.turned_by == 0, moves, _STILL), z, np.zeros((8, 5)), contrast)
        wanted = contrast[:, None, None, None, None] * (self.simulated(angle * z) - self.simulated(0 * z))
        self.assertLess(np.linalg.norm(got - wanted), 1e-3 * np.linalg.norm(wanted))

    def test_what_the_alignment_takes_off_moves_everything(self) -> None:
        """The arm's turn and minus the same turn of the whole leave a body that turns the other way."""
        molecule, turn = self.what.molecule, np.deg2rad(5.0) * self.what.molecule.axes[0]
        z = np.ones((8, 1))
        whole = Moves(molecule.pivots[0], -turn, np.zeros(3))
        arm, body = molecule.turned_by == 0, molecule.turned_by != 0
        both = self.planted(PartMotion(arm, Moves(molecule.pivots[0], turn, np.zeros(3)), whole), z, np.zeros((8, 5)),
                            np.ones(8))
        opposite = self.planted(PartMotion(body, whole, _STILL), z, np.zeros((8, 5)), np.ones(8))
        self.assertLess(np.linalg.norm(both - opposite), 1e-3 * np.linalg.norm(opposite))

    def test_a_pose_error_moves_what_is_planted(self) -> None:
        """A shift of the particle by minus o: the planes are multiplied by exp(2 pi i k.o)."""
        molecule, z, pose = self.what.molecule, np.ones((8, 1)), np.zeros((8, 5))
        pose[:, :2] = [1.5, -0.7]
        motion = PartMotion(molecule.turned_by == 0, Moves(molecule.pivots[0], 0.1 * molecule.axes[0], np.zeros(3)),
                            _STILL)
        there, here = (self.planted(motion, z, p, np.ones(8)) for p in (pose, 0 * pose))
        phase = np.exp(2j * np.pi * (1.5 * self.grid.kx - 0.7 * self.grid.ky))
        wanted = (here[:, 0] + 1j * here[:, 1]) * phase
        self.assertLess(np.abs(there[:, 0] + 1j * there[:, 1] - wanted).max(), 1e-4 * np.abs(wanted).max())


class TestCopies(unittest.TestCase):

    def test_every_copy_moves_by_its_own_coordinate(self) -> None:
        """A copy of a pair at coordinates (0, z) is the first copy at z, turned by the group's element."""
        rng, turns = np.random.default_rng(0), rotation_matrices("C2")
        unit = rng.normal([20.0, 0.0, 0.0], 8, (12, 3))
        sigmas = np.full(24, 4.0)
        centers = np.einsum("gab,jb->gja", turns, unit).reshape(-1, 3)
        molecule = RestingMolecule(centers, rng.uniform(1, 2, 12).repeat(2).reshape(12, 2).T.ravel(), sigmas**2, turns)
        motion = motions_of_part(unit[:, 0] > 20.0, unit, molecule.weights[:12], centers)[0].times(6.0)
        grid = HalfPlane(32, 4.0, 12.0)
        pose = euler_to_matrix(rng.uniform(-90, 90, (1, 3)))
        defocus, still = np.array([15e3]), np.zeros(1)
        optics = ctf_coefficients(defocus, defocus, still, 0.0, 300.0, 2.7, 0.1)
        seen = []
        for view, z in ((pose, [[0.0, 0.8]]), (pose @ turns[1], [[0.8, 0.0]])):
            batch = Batch(tf.zeros([1, 2, 2, grid.size, grid.size]), tf.constant(view, tf.float32),
                          tf.constant(optics, tf.float32),
                          tf.zeros(1, tf.int32), tf.ones(1))
            true = TrueParticles(np.arange(1), np.array(z), np.zeros((1, 0)), np.ones(1))
            seen.append(PlantedMotion(Observer(grid, sigmas, 64.0), molecule, motion, true)(np.arange(1), batch).planes)
        self.assertGreater(np.abs(seen[0]).max(), 0.01)
        np.testing.assert_allclose(seen[0], seen[1], atol=1e-4 * np.abs(seen[0]).max())


class TestParts(unittest.TestCase):

    def setUp(self) -> None:
        self.centers = np.random.default_rng(1).normal(0, [30, 15, 15], (300, 3))
        self.weights = np.random.default_rng(2).uniform(0.5, 1.5, 300)

    def test_parts_have_the_mass_and_lie_within_the_focus(self) -> None:
        allowed = self.centers[:, 0] > 0
        parts = compact_parts(self.centers, self.weights, 0.1 * self.weights.sum(), allowed)
        self.assertGreater(len(parts), 3)
        for part in parts:
            self.assertTrue(allowed[part].all())
            self.assertAlmostEqual(self.weights[part].sum() / self.weights.sum(), 0.1, delta=0.01)

    def test_motions_move_the_part_by_one_angstrom_and_the_whole_not_at_all(self) -> None:
        part = compact_parts(self.centers, self.weights, 0.2 * self.weights.sum(), np.ones(300, bool))[0]
        rigid = rigid_fields(self.centers, self.weights)
        motions = motions_of_part(part, self.centers, self.weights, self.centers)
        self.assertEqual(len(motions), DETECTABLE.at_once)
        for motion in motions:
            relative = motion.field(self.centers) - motion.whole.field(self.centers)
            self.assertEqual(np.abs(relative[~part]).max(), 0)
            size = np.sqrt(np.average((relative[part] ** 2).sum(1), weights=self.weights[part]))
            self.assertAlmostEqual(size, 1.0, places=6)
            self.assertLess(rigid_part(motion.field(self.centers), rigid, self.weights)[1], 1e-9)


def _trial(size: float, *, found: bool, gain: float = 0.1) -> PlantedTrial:
    return PlantedTrial(size=size, gain=gain, gain_error=0.02, agreement=0.6, correlation=0.6, found=found)


class TestSizes(unittest.TestCase):
    expected = ExpectedGain(np.full(100, 0.1), SearchSize(2000, 1, 100, 0.0))

    def test_expected_gain_is_that_of_a_known_mode_where_particles_are_many(self) -> None:
        """(I - log(1 + I)) / 2 with I = 0.1 x 3^2."""
        many = ExpectedGain(np.full(100, 0.1), SearchSize(10**9, 1, 100, 0.0))
        gain, error, agreement = many.at(3.0)
        self.assertAlmostEqual(gain, (0.9 - math.log(1.9)) / 2, places=5)
        self.assertLess(error, 1e-4)
        self.assertAlmostEqual(agreement, 1.0, places=4)
        self.assertLess(many.smallest(0.1, 50.0), self.expected.smallest(0.1, 50.0))

    def test_sizes_close_in_on_the_smallest_that_is_found(self) -> None:
        for limit in (0.8, 2.0, 5.0):
            trials: list[PlantedTrial] = []
            size: float | None = 2.5
            while size is not None and len(trials) < DETECTABLE.searches:
                gain = self.expected.at(size * self.expected.smallest(0.1, 50.0) / limit)[0]
                trials.append(_trial(size, found=size > limit, gain=gain))
                size = next_size(trials, self.expected, 50.0)
            told = min(t.size for t in trials if t.found)
            self.assertTrue(1.0 <= told / limit < 1.75, (limit, [t.size for t in trials]))

    def test_a_misleading_gain_costs_less_than_a_factor_of_two(self) -> None:
        """Of a motion that is found late, as with poses that took up part of it, and then at once."""
        for limit in (1.8, 2.6, 3.5, 4.4):
            trials: list[PlantedTrial] = []
            size: float | None = 1.5
            while size is not None and len(trials) < DETECTABLE.searches:
                trials.append(_trial(size, found=size > limit, gain=5.0 if size > limit else 0.0))
                size = next_size(trials, self.expected, 50.0)
            found = min(t.size for t in trials if t.found)
            missed = max(t.size for t in trials if not t.found)
            self.assertLess(found / missed, 1.75, (limit, [t.size for t in trials]))

    def test_nothing_is_sought_beyond_the_reach(self) -> None:
        self.assertIsNone(next_size([_trial(10.0, found=False)], self.expected, 10.0))
        self.assertIsNone(next_size([_trial(4.0, found=True), _trial(3.5, found=False)], self.expected, 10.0))


class TestAnalysis(unittest.TestCase):

    def test_an_analysis_without_motion_says_what_it_would_have_found(self) -> None:
        """160 particles of 28 px at SNR 2, 26 A."""
        with TemporaryDirectory() as name:
            data = Path(name)
            simulate(SimulateConfig("null", 160, 28, 6.4, 2.0, seed=2), data)
            fit(data / "consensus.mrc", FitConfig(resolution=26.0), data / "model.npz")
            analyze(data / "particles.star", data / "model.npz", AnalyzeConfig(poses="exact"), data / "out")
            summary = json.loads((data / "out" / "summary.json").read_text())
        found = summary["detectable"]
        self.assertIn(found["words"], summary["verdict"])
        self.assertIn("of a part of 2", found["words"])
        self.assertTrue(0.5 < found["size_angstrom"] < 15, found)
        self.assertTrue(0.2 < found["part_share"] < 0.35, found)
        self.assertTrue(12 < found["part_kilodalton"] < 36, found)  # of 97
        self.assertEqual(min(t["size_angstrom"] for t in found["planted"] if t["found"]), found["size_angstrom"])

    def test_nothing_is_planted_where_that_would_tell_nothing(self) -> None:
        """The option is off, displacements are not sought, or a mode was found."""
        for config, significant in ((AnalyzeConfig(detectable="no"), 0), (AnalyzeConfig(motion=False), 0),
                                    (AnalyzeConfig(), 1)):
            found: Any = SimpleNamespace(evidence=SimpleNamespace(significant=significant))
            nothing: Any = None
            self.assertIsNone(detectable_motion(nothing, config, NO_JOURNAL, found))


if __name__ == "__main__":
    unittest.main()
