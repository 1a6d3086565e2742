"""Presets of a full turn and of several motions: what moves, how it is spread over the particles, how well it shows."""

import tempfile
import unittest
from pathlib import Path

import numpy as np

from gmmhet.engine.config import PRESETS, SimulateConfig
from gmmhet.engine.conventions import euler_to_matrix
from gmmhet.engine.io import open_stack, read_map, read_particles
from gmmhet.engine.simulate import (
    Molecule,
    Particles,
    clean_slices,
    density_map,
    draw_particles,
    images_from_slices,
    preset,
    projection_slices,
    simulate,
)

INDEPENDENT = [name for name in PRESETS if name != "ring14"]


def _visibility(molecule: Molecule, coordinate: int, count: int) -> float:
    """Mean squared change of the image between the ends (-25 and 25 degrees) of one hinge, over 40 views."""
    rng = np.random.default_rng(0)
    angles = np.stack([rng.uniform(-180, 180, 40), np.rad2deg(np.arccos(rng.uniform(-1, 1, 40))), np.zeros(40)], axis=1)
    ends = np.zeros((2, count))
    ends[:, coordinate] = -25, 25
    centers, weights = molecule.place(ends)
    low, high = (projection_slices(np.repeat(c[None], 40, 0), np.repeat(w[None], 40, 0), molecule.sigma,
                                   euler_to_matrix(angles), np.zeros((40, 2)), box=32, pixel_size=6.0)
                 for c, w in zip(centers, weights, strict=True))
    return float((abs(high - low) ** 2).mean())


class TestIndependentCoordinates(unittest.TestCase):
    def test_states_are_all_combinations_and_particles_are_in_their_state(self):
        for name in INDEPENDENT:
            what = preset(name)
            assert len(what.states) == np.prod([len(level) for level in what.levels]), name
            assert len(np.unique(what.states, axis=0)) == len(what.states), name
            for d, level in enumerate(what.levels):
                np.testing.assert_array_equal(np.unique(what.states[:, d]), level)
            drawn = draw_particles(what, 230, 4.0, np.random.default_rng(0))
            np.testing.assert_allclose(drawn.coordinates, what.states[drawn.state], atol=1e-6)

    def test_every_value_of_a_coordinate_is_equally_frequent(self):
        for name in INDEPENDENT:
            what = preset(name)
            drawn = draw_particles(what, 1100, 4.0, np.random.default_rng(0))
            for d, level in enumerate(what.levels):
                counts = np.unique(drawn.coordinates[:, d], return_counts=True)[1]
                assert len(counts) == len(level)
                assert np.ptp(counts) <= 1, name

    def test_coordinates_know_nothing_of_each_other(self):
        for name in ("twomotions", "hingedomain", "fourmotions"):
            drawn = draw_particles(preset(name), 12100, 4.0, np.random.default_rng(3)).coordinates
            for one in range(drawn.shape[1]):
                for other in range(one):
                    _, a = np.unique(drawn[:, one], return_inverse=True)
                    _, b = np.unique(drawn[:, other], return_inverse=True)
                    table = np.histogram2d(a, b, bins=(a.max() + 1, b.max() + 1))[0]
                    expected = table.sum() / table.size
                    freedom = (len(table) - 1) * (table.shape[1] - 1)
                    chi2 = ((table - expected) ** 2 / expected).sum()
                    # mean freedom, deviation sqrt(2 freedom); six standard deviations
                    assert abs(chi2 - freedom) < 6 * np.sqrt(2 * freedom), (name, one, other)

    def test_every_coordinate_moves_or_scales_atoms_of_its_own(self):
        for name in ("twomotions", "hingedomain", "fourmotions"):
            what = preset(name)
            rest, full = what.molecule.place(what.states[:1])
            changed = np.zeros(len(what.molecule), int)
            for d, level in enumerate(what.levels):
                other = what.states[:1].copy()
                other[0, d] = level[-1]
                centers, weights = what.molecule.place(other)
                changed += (np.abs(centers - rest)[0].max(axis=1) > 1e-6) | (weights != full)[0]
            assert changed.max() == 1, name
            np.testing.assert_array_equal(changed == 0, what.molecule.is_static)


class TestMolecules(unittest.TestCase):
    def test_atoms_keep_their_distance_in_every_true_map(self):
        for name in ("turning", "twomotions", "hingedomain", "fourmotions"):
            what = preset(name)
            for number in what.mapped:
                centers, _ = what.molecule.place(what.states[number:number + 1])
                square = (centers[0] ** 2).sum(axis=1)
                distance2 = square[:, None] + square[None] - 2 * centers[0] @ centers[0].T
                np.fill_diagonal(distance2, np.inf)
                assert (distance2.min(axis=1) < 3.0**2).mean() < 0.03, (name, number)

    def test_turning_domain_goes_all_the_way_around_in_equal_steps(self):
        what = preset("turning")
        assert len(what.states) == 100
        start, second, end = what.molecule.place([[0.0], [3.6], [360.0]])[0]
        np.testing.assert_allclose(start, end, atol=1e-9)
        moving = what.molecule.turned_by == 0
        np.testing.assert_array_equal(np.abs(second - start).max(axis=1) > 1e-9, moving)
        axis, pivot = what.molecule.axes[0], what.molecule.pivots[0]
        np.testing.assert_allclose((start - pivot) @ axis, (second - pivot) @ axis, atol=1e-9)
        np.testing.assert_allclose(what.states[-1] + 3.6, 360, atol=1e-9)
        # the domain's centre is well off the axis: the turn shows
        arm = start[moving].mean(axis=0) - pivot
        assert np.linalg.norm(arm - (arm @ axis) * axis) > 20

    def test_belt_lies_around_the_bundle_clear_of_the_domain_at_half_its_density(self):
        what = preset("membrane")
        molecule = what.molecule
        belt = molecule.weights == 0.5
        radius, height = np.hypot(*molecule.centers[belt, :2].T), molecule.centers[belt, 2]
        assert radius.min() >= 20
        assert radius.max() <= 38
        volume = np.pi * (38**2 - 20**2) * 34
        np.testing.assert_allclose(belt.sum() * 0.5 / volume, 0.5 / 133, rtol=0.01)
        fixed = molecule.centers[molecule.is_static & ~belt]
        assert np.hypot(*fixed[:, :2].T).max() < 21  # the bundle within the ring
        for state in what.states:
            centers, _ = molecule.place(state[None])
            assert centers[0, molecule.turned_by == 0, 2].min() > height.max()

    def test_turning_molecule_has_three_domains_of_an_antibody(self):
        centers = preset("turning").molecule.centers.reshape(3, 440, 3)
        for domain in centers:
            spread = np.sqrt(np.linalg.eigvalsh(np.cov(domain.T))[::-1])
            assert spread[0] > 1.3 * spread[1]
            assert 14 < spread[0] < 20  # a solid ellipsoid's semi-axis is sqrt(5) deviations: 31 to 45 A
        distances = np.linalg.norm(centers.mean(axis=1) - centers.mean(axis=1)[[1, 2, 0]], axis=1)
        assert distances.min() > 45  # twice their half-width: they lie beside each other

    def test_two_motions_are_about_equally_visible_and_four_are_not(self):
        two, four = preset("twomotions").molecule, preset("fourmotions").molecule
        ratio = _visibility(two, 0, 2) / _visibility(two, 1, 2)
        assert 0.8 < ratio < 1.25
        seen = np.array([_visibility(four, d, 4) for d in range(4)])
        assert (seen[:-1] / seen[1:] > 1.1).all(), seen

    def test_motion_with_composition_is_the_hinge_and_the_missing_domain(self):
        both, hinge, twostate = (preset(name).molecule for name in ("hingedomain", "hinge11", "twostate"))
        (turned, _), (absent, present) = both.place([[20.0, 0.0], [0.0, 1.0]])
        np.testing.assert_array_equal(turned[:len(hinge)], hinge.place([[20.0]])[0][0])
        assert not absent[len(hinge):].any()
        expected = twostate.place([[1.0]])
        np.testing.assert_allclose(both.place([[0.0, 1.0]])[0], expected[0], atol=1e-12)
        np.testing.assert_array_equal(present, expected[1][0])


class TestFiles(unittest.TestCase):
    def test_states_reproduce_the_images(self):
        what = preset("hingedomain")
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            simulate(SimulateConfig("hingedomain", particles=44, box=48, snr=0.3, seed=2), folder)
            t = read_particles(folder / "particles.star")
            truth = np.genfromtxt(folder / "truth.csv", delimiter=",", names=True)
            assert truth.dtype.names == ("id", "state", "coordinate_01", "coordinate_02")
            state = truth["state"].astype(int)
            plain = density_map(*(a[0] for a in what.molecule.place(what.states[10:11])), 2.5, box=48, pixel_size=4.0)
            scale = read_map(folder / "truth" / "state_10.mrc").data.max() / plain.max()
            particles = Particles(state, what.states[state], t.angles, t.origins, t.defocus[:, :3], t.half_set,
                                  t.micrograph)
            slices = clean_slices(what.molecule, particles, np.arange(44), box=48, pixel_size=4.0)
            noise = open_stack(folder / "particles.mrcs") - scale * images_from_slices(slices, 48)
        assert abs(noise.var(dtype=np.float64) - 1) < 0.02  # 101,376 pixels: known to 0.0044

    def test_true_maps_are_named_by_their_state(self):
        names = {"hingedomain": ["00", "01", "10", "11", "20", "21"],
                 "twomotions": ["000", "005", "010", "055", "060", "065", "110", "115", "120"]}
        for preset_name, numbers in names.items():
            with tempfile.TemporaryDirectory() as name:
                simulate(SimulateConfig(preset_name, particles=4, box=48), Path(name))
                found = sorted(p.name for p in (Path(name) / "truth").glob("*.mrc"))
            assert found == [f"state_{n}.mrc" for n in numbers]


if __name__ == "__main__":
    unittest.main()
