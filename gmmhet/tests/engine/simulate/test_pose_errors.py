"""Planted pose errors: their size, what they leave alone, and the consensus map they blur, against closed forms."""

import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gmmhet.engine.config import SimulateConfig
from gmmhet.engine.conventions import euler_to_matrix
from gmmhet.engine.errors import InputError
from gmmhet.engine.io import open_stack, read_map, read_particles
from gmmhet.engine.simulate import (
    Particles,
    clean_slices,
    consensus_map,
    density_map,
    draw_particles,
    images_from_slices,
    preset,
    projection_slices,
    refined_map,
    simulate,
    with_pose_errors,
)


class TestErrors(unittest.TestCase):
    def test_are_independent_and_normal_with_the_asked_deviation_per_angle_and_axis(self):
        true = draw_particles(preset("null"), 20000, 4.0, np.random.default_rng(1))
        given = with_pose_errors(true, 2.0, 4.0, 1)
        errors = np.concatenate([(given.angles - true.angles) / 2.0, (given.origins - true.origins) / 4.0], axis=1)
        # standard errors: 0.007 of a mean and of a correlation, 0.005 of a deviation, 0.035 of the fourth moment
        np.testing.assert_allclose(errors.mean(axis=0), 0, atol=0.03)
        np.testing.assert_allclose(np.cov(errors.T), np.eye(5), atol=0.04)
        np.testing.assert_allclose((errors**4).mean(axis=0), 3, atol=0.2)
        others = np.concatenate([true.angles, true.origins], axis=1)
        assert np.abs(np.corrcoef(errors.T, others.T)[:5, 5:]).max() < 0.03

    def test_grow_with_the_deviation_and_change_poses_alone(self):
        true = draw_particles(preset("hinge11"), 60, 4.0, np.random.default_rng(1))
        small, large = with_pose_errors(true, 1.0, 2.0, 5), with_pose_errors(true, 3.0, 2.0, 5)
        np.testing.assert_allclose(large.angles - true.angles, 3 * (small.angles - true.angles), atol=1e-5)
        np.testing.assert_array_equal(large.origins, small.origins)
        for name in ("state", "coordinates", "defocus", "half_set", "micrograph"):
            np.testing.assert_array_equal(getattr(large, name), getattr(true, name))
        assert not np.allclose(with_pose_errors(true, 1.0, 2.0, 6).angles, small.angles)

    def test_none_leave_every_number_as_it_was(self):
        true = draw_particles(preset("hinge11"), 60, 4.0, np.random.default_rng(1))
        given = with_pose_errors(true, 0.0, 0.0, 1)
        np.testing.assert_array_equal(given.angles, true.angles)
        np.testing.assert_array_equal(given.origins, true.origins)

    def test_refuses_negative_and_endless_errors(self):
        with pytest.raises(InputError, match=r"--angle-error is -1; expected 0 or a positive number"):
            SimulateConfig(angle_error=-1)
        with pytest.raises(InputError, match=r"--shift-error is nan"):
            SimulateConfig(shift_error=float("nan"))


class TestFiles(unittest.TestCase):
    """The same seed without errors and with."""

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        folders = [Path(cls.temporary.name) / name for name in ("exact", "off")]
        cls.exact, cls.off = folders
        common = {"preset": "hinge11", "particles": 110, "box": 40, "snr": 0.25, "seed": 3}
        simulate(SimulateConfig(**common), cls.exact)
        simulate(SimulateConfig(**common, angle_error=3.0, shift_error=6.0), cls.off)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def test_images_and_true_coordinates_do_not_depend_on_the_errors(self):
        exact, off = (np.array(open_stack(f / "particles.mrcs")) for f in (self.exact, self.off))
        np.testing.assert_array_equal(exact, off)
        assert (self.exact / "truth.csv").read_bytes() == (self.off / "truth.csv").read_bytes()

    def test_true_poses_stand_in_truth_and_name_the_same_images(self):
        exact = read_particles(self.exact / "particles.star")
        for folder in (self.exact, self.off):
            true = read_particles(folder / "truth" / "particles.star")
            np.testing.assert_array_equal(true.angles, exact.angles)
            np.testing.assert_array_equal(true.origins, exact.origins)
            np.testing.assert_array_equal(true.half_set, exact.half_set)
            assert [p.resolve() for p in true.stacks] == [(folder / "particles.mrcs").resolve()]
            np.testing.assert_array_equal(true.slice_index, np.arange(110))

    def test_given_poses_are_off_by_the_asked_deviation(self):
        true, given = (read_particles(self.off / p) for p in ("truth/particles.star", "particles.star"))
        # 330 and 220 numbers: deviations are known to 4% and 5% (one standard error)
        np.testing.assert_allclose((given.angles - true.angles).std(), 3.0, rtol=0.15)
        np.testing.assert_allclose((given.origins - true.origins).std(), 6.0, rtol=0.17)

    def test_images_are_made_with_the_true_poses(self):
        what = preset("hinge11")
        truth = np.genfromtxt(self.off / "truth.csv", delimiter=",", names=True)
        plain = density_map(*(a[0] for a in what.molecule.place(what.states[4:5])), 2.5, box=40, pixel_size=4.0)
        scale = read_map(self.off / "truth" / "state_04.mrc").data.max() / plain.max()
        variance = {}
        for name in ("truth/particles.star", "particles.star"):
            t = read_particles(self.off / name)
            particles = Particles(truth["state"].astype(int), truth["coordinate"][:, None], t.angles, t.origins,
                                  t.defocus[:, :3], t.half_set, t.micrograph)
            slices = clean_slices(what.molecule, particles, np.arange(len(t)), box=40, pixel_size=4.0)
            noise = open_stack(self.off / "particles.mrcs") - scale * images_from_slices(slices, 40)
            variance[name] = noise.var(dtype=np.float64)
        assert abs(variance["truth/particles.star"] - 1) < 0.015  # 176,000 pixels: known to 0.0034
        assert variance["particles.star"] > 1.03

    def test_consensus_is_blurred(self):
        exact, off = (read_map(f / "consensus.mrc").data for f in (self.exact, self.off))
        assert (off**2).sum() < 0.8 * (exact**2).sum()
        np.testing.assert_allclose(off.sum(), exact.sum(), rtol=1e-3)


class TestRefinedMap(unittest.TestCase):
    def test_shift_errors_multiply_the_transform_by_a_gaussian(self):
        """exp(-2 pi^2 e^2 k^2), wherever the map has signal."""
        what = preset("hinge11")
        true = draw_particles(what, 44, 4.0, np.random.default_rng(2))
        given = with_pose_errors(true, 0.0, 5.0, 2)
        for box in (40, 41):
            grid = {"box": box, "pixel_size": 4.0}
            sharp = np.fft.fftn(consensus_map(what.molecule, true.coordinates, **grid))
            blurred = np.fft.fftn(refined_map(what.molecule, true, given, 5.0, **grid))
            k2 = sum(np.meshgrid(*[np.fft.fftfreq(box, 4.0) ** 2] * 3))
            np.testing.assert_allclose(blurred, sharp * np.exp(-2 * np.pi**2 * 25 * k2), atol=3e-6 * abs(sharp).max())

    def test_one_particle_at_its_given_pose_projects_to_its_image(self):
        """Given the identity, the projection is the sum along z; the image is made at the true orientation."""
        what = preset("hinge11")
        drawn = draw_particles(what, 1, 4.0, np.random.default_rng(3))
        true, given = replace(drawn, angles=np.array([[4.0, 7.0, -9.0]])), replace(drawn, angles=np.zeros((1, 3)))
        for box in (40, 41):
            grid = {"box": box, "pixel_size": 4.0}
            density = refined_map(what.molecule, true, given, 0.0, **grid)
            centers, weights = what.molecule.place(true.coordinates)
            slices = projection_slices(centers, weights, what.molecule.sigma, euler_to_matrix(true.angles),
                                       np.zeros((1, 2)), **grid)
            image = images_from_slices(slices, box)[0]
            np.testing.assert_allclose(density.sum(axis=0), image, atol=3e-5 * image.max())

    def test_is_the_mean_over_the_particles_conformations_and_errors(self):
        for name in ("hinge11", "hingedomain"):
            what = preset(name)
            true = draw_particles(what, 9, 4.0, np.random.default_rng(4))
            given = with_pose_errors(true, 4.0, 3.0, 4)
            grid = {"box": 24, "pixel_size": 8.0}
            expected = 0.0
            for i in range(9):
                turn = euler_to_matrix(given.angles[i]).T @ euler_to_matrix(true.angles[i])
                centers, weights = what.molecule.place(true.coordinates[i:i + 1])
                expected = expected + density_map(centers[0] @ turn.T, weights[0], np.hypot(2.5, 3.0), **grid) / 9
            found = refined_map(what.molecule, true, given, 3.0, **grid)
            np.testing.assert_allclose(found, expected, atol=1e-5 * expected.max())


if __name__ == "__main__":
    unittest.main()
