"""Simulated data sets: file contents, signal-to-noise ratio, determinism, the planted truth of each preset."""

import tempfile
import unittest
from pathlib import Path

import numpy as np
import pytest

from gmmhet.engine.config import SimulateConfig
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
    simulate,
)


def _truth(folder: Path) -> np.ndarray:
    return np.genfromtxt(folder / "truth.csv", delimiter=",", names=True)


class TestFiles(unittest.TestCase):
    """One small data set in an odd box of another pixel size."""

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = Path(cls.temporary.name)
        simulate(SimulateConfig("hinge11", particles=220, box=39, pixel_size=5.0, snr=0.25, seed=3), cls.folder)
        cls.table = read_particles(cls.folder / "particles.star")
        cls.truth = _truth(cls.folder)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def _clean(self):
        """Noise-free images from what the STAR file says, in the greyscale of the files."""
        what = preset("hinge11")
        t = self.table
        particles = Particles(self.truth["state"].astype(int), self.truth["coordinate"][:, None], t.angles, t.origins,
                              t.defocus[:, :3], t.half_set, t.micrograph)
        slices = clean_slices(what.molecule, particles, np.arange(len(t)), box=39, pixel_size=5.0)
        plain = density_map(*(a[0] for a in what.molecule.place(what.states[4:5])), 2.5, box=39, pixel_size=5.0)
        given = read_map(self.folder / "truth" / "state_04.mrc").data
        scale = given.max() / plain.max()
        np.testing.assert_allclose(given, scale * plain, atol=1e-5 * given.max())
        return scale * images_from_slices(slices, 39)

    def test_images_are_the_model_plus_white_noise_of_variance_one_at_the_asked_snr(self):
        clean = self._clean()
        noise = open_stack(self.folder / "particles.mrcs") - clean
        np.testing.assert_allclose(clean.var(dtype=np.float64), 0.25, rtol=1e-5)
        # 334,620 independent pixels: the variance is known to 0.0025 (one standard deviation)
        assert abs(noise.var(dtype=np.float64) - 1) < 0.01
        assert abs(np.corrcoef(noise.ravel(), clean.ravel())[0, 1]) < 0.01
        neighbours = np.mean(noise[:, :, 1:] * noise[:, :, :-1], dtype=np.float64)
        assert abs(neighbours) < 0.01

    def test_consensus_is_the_mean_of_the_true_maps_by_population(self):
        states = np.stack([read_map(p).data for p in sorted((self.folder / "truth").glob("state_*.mrc"))])
        share = np.bincount(self.truth["state"].astype(int), minlength=11) / len(self.truth)
        consensus = read_map(self.folder / "consensus.mrc")
        np.testing.assert_allclose(consensus.data, np.tensordot(share, states, 1), atol=2e-6 * states.max())
        np.testing.assert_allclose(consensus.pixel_size, 5.0, rtol=1e-6)

    def test_star_says_what_was_simulated(self):
        t = self.table
        assert (len(t), t.box, t.pixel_size) == (220, 39, 5.0)
        optics = t.optics[0]
        assert (optics.voltage, optics.spherical_aberration, optics.amplitude_contrast) == (300.0, 2.7, 0.1)
        assert np.bincount(t.half_set).tolist() == [0, 110, 110]
        assert t.defocus[:, :2].min() >= 20000
        assert t.defocus[:, :2].max() <= 35000
        assert np.abs(t.origins).max() <= 3 * 5.0
        assert len(np.unique(t.micrograph)) > 3

    def test_truth_names_every_particle(self):
        assert self.truth.dtype.names == ("id", "state", "coordinate")
        np.testing.assert_array_equal(self.truth["id"], np.arange(1, 221))
        assert np.bincount(self.truth["state"].astype(int)).tolist() == [20] * 11
        np.testing.assert_allclose(self.truth["coordinate"], -25 + 5 * self.truth["state"])

    def test_a_seed_gives_identical_files_and_another_seed_others(self):
        def contents(seed):
            with tempfile.TemporaryDirectory() as name:
                simulate(SimulateConfig("twostate", particles=24, box=40, seed=seed), Path(name))
                stack = open_stack(Path(name) / "particles.mrcs").tobytes()
                texts = [(Path(name) / f).read_bytes() for f in ("particles.star", "truth.csv")]
                return [stack, *texts, read_map(Path(name) / "consensus.mrc").data.tobytes()]
        first, again, other = contents(7), contents(7), contents(8)
        assert first == again
        for a, b in zip(first[:2], other[:2], strict=True):
            assert a != b

    def test_true_maps_of_an_earlier_preset_do_not_stay(self):
        with tempfile.TemporaryDirectory() as name:
            for what in ("twostate", "null"):
                simulate(SimulateConfig(what, particles=4, box=40), Path(name))
            assert [p.name for p in (Path(name) / "truth").glob("*.mrc")] == ["state_00.mrc"]

    def test_refuses_a_box_that_the_molecule_does_not_fit(self):
        with tempfile.TemporaryDirectory() as name:
            with pytest.raises(InputError, match=r"--box 32 .*128 Å; expected at least 1\d\d Å"):
                simulate(SimulateConfig("hinge11", box=32), Path(name) / "out")
            assert not (Path(name) / "out").exists()

    def test_refuses_an_infinite_snr_and_an_unwritable_folder(self):
        with tempfile.TemporaryDirectory() as name:
            with pytest.raises(InputError, match="--snr is inf"):
                simulate(SimulateConfig(snr=float("inf")), Path(name))
            (Path(name) / "file").write_text("")
            with pytest.raises(InputError, match="file"):
                simulate(SimulateConfig(particles=2), Path(name) / "file")


class TestPresets(unittest.TestCase):
    def test_hinge_turns_the_arm_in_the_plane_and_nothing_else(self):
        molecule = preset("hinge11").molecule
        (rest, turned), _ = molecule.place([[0.0], [25.0]])
        arm = molecule.turned_by == 0
        np.testing.assert_array_equal(rest[~arm], turned[~arm])
        np.testing.assert_allclose(rest[arm, 2], turned[arm, 2], atol=1e-9)
        pivot = molecule.pivots[0, :2]
        before = (rest[arm, :2] - pivot) @ [1, 1j]
        after = (turned[arm, :2] - pivot) @ [1, 1j]
        np.testing.assert_allclose(after, before * np.exp(1j * np.deg2rad(25)), atol=1e-9)

    def test_null_is_the_hinge_molecule_in_one_state(self):
        null, hinge = preset("null"), preset("hinge11")
        np.testing.assert_array_equal(null.molecule.centers, hinge.molecule.centers)
        drawn = draw_particles(null, 50, 4.0, np.random.default_rng(0))
        assert not (drawn.coordinates.any())
        assert not (drawn.state.any())

    def test_twostate_takes_a_domain_away(self):
        what = preset("twostate")
        _, (absent, present) = what.molecule.place(what.states)
        assert np.unique(present).tolist() == [1.0]
        assert int((absent == 0).sum()) == 60
        assert draw_particles(what, 100, 4.0, np.random.default_rng(0)).coordinates.sum() == 50

    def test_molecules_are_self_avoiding(self):
        for name in ("hinge11", "twostate", "ring14"):
            centers = preset(name).molecule.centers
            distance = np.linalg.norm(centers[:, None] - centers[None], axis=2)
            np.fill_diagonal(distance, np.inf)
            # within a domain 3.6 A by construction; between domains a few atoms of the random surfaces may be nearer
            assert (distance.min(axis=1) < 3.0).mean() < 0.03, name

    def test_orientations_are_uniform(self):
        drawn = draw_particles(preset("null"), 20000, 4.0, np.random.default_rng(1))
        cosine = np.cos(np.deg2rad(drawn.angles[:, 1]))
        # mean square of a uniform variable on (-1, 1) is 1/3, its mean 0; standard errors 0.002 and 0.004
        assert abs((cosine**2).mean() - 1 / 3) < 0.01
        assert abs(cosine.mean()) < 0.02
        for column in (0, 2):
            assert abs(np.exp(1j * np.deg2rad(drawn.angles[:, column])).mean()) < 0.03

    def test_ring_neighbours_move_together_and_rings_apart(self):
        _, angles = preset("ring14").draw(np.random.default_rng(5), 4000)
        correlation = np.corrcoef(angles.T)
        ring = np.arange(7)
        for start in (0, 7):
            assert (correlation[start + ring, start + (ring + 1) % 7] > 0.5).all()
        assert (correlation[:7, 7:] < -0.2).all()

    def test_ring_is_d7_when_all_angles_are_equal(self):
        what = preset("ring14")
        centers, _ = what.molecule.place(np.full((1, 14), 6.0))
        angle = 2 * np.pi / 7
        sevenfold = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
        for operation in (sevenfold, np.diag([1.0, -1.0, -1.0])):
            image = centers[0] @ operation.T
            distance = np.linalg.norm(image[:, None] - centers[0][None], axis=2).min(axis=1)
            assert distance.max() < 1e-09

    def test_ring_angle_tips_its_own_subunit_outwards(self):
        molecule = preset("ring14").molecule
        rest, _ = molecule.place(np.zeros((1, 14)))
        for d in (0, 3, 9):
            angles = np.zeros((1, 14))
            angles[0, d] = 10
            tipped, _ = molecule.place(angles)
            moved = np.linalg.norm(tipped[0] - rest[0], axis=1) > 1e-9
            np.testing.assert_array_equal(moved, molecule.turned_by == d)
            outward = np.hypot(*tipped[0, moved, :2].T).mean() - np.hypot(*rest[0, moved, :2].T).mean()
            assert outward > 2.0

    def test_ring_consensus_is_the_mean_over_the_particles(self):
        what = preset("ring14")
        _, angles = what.draw(np.random.default_rng(5), 150)
        centers, weights = what.molecule.place(angles)
        grid = {"box": 20, "pixel_size": 12.0}
        mean = sum(density_map(c, w, what.molecule.sigma, **grid) for c, w in zip(centers, weights, strict=True)) / 150
        # angles interpolated on a grid of 0.6 degrees: a wiggle of 0.1 A against details of 24 A
        np.testing.assert_allclose(consensus_map(what.molecule, angles, **grid), mean, atol=2e-4 * mean.max())


if __name__ == "__main__":
    unittest.main()
