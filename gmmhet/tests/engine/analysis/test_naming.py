"""What modes are called, against planted hinges, domains and particles."""

import unittest
from dataclasses import replace

import numpy as np

from gmmhet.engine.analysis.name_entries import kinds, name_entry
from gmmhet.engine.analysis.naming import named_modes, part_mask, volume_in_kilodalton
from gmmhet.engine.analysis.result import AnalysisResult, Evidence, MeanModel, Modes
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.molecule.residues import Residues

HALVES = 1 + np.arange(3000) % 2
HINGE, ANGLE = np.array([15.0, 0.0, 0.0]), 14.0  # Angstrom; degrees of one standard deviation


def molecule(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A body, an arm along x and a domain on top: centres, and whether each is of the arm, of the domain."""
    body = rng.uniform(-1, 1, (80, 3)) * [28, 35, 25] - [18, 0, 0]
    arm = rng.uniform(-1, 1, (24, 3)) * [22, 11, 11] + [38, 0, 0]
    domain = rng.uniform(-1, 1, (10, 3)) * 9 + [-10, -12, 38]
    kind = np.repeat([0, 1, 2], [80, 24, 10])
    return np.concatenate([body, arm, domain]), kind == 1, kind == 2


def analysis(share: float, *, together: bool = False, seed: int = 0) -> AnalysisResult:
    """3,000 particles: even hinge angles, and the domain in a share of them; together: both along one mode."""
    rng = np.random.default_rng(seed)
    centers, arm, domain = molecule(rng)
    n, weights = 3000, np.ones(len(centers))
    weights[domain] = share  # on average
    position, amplitude = np.zeros((2, len(centers), 3)), np.zeros((2, len(centers)))
    axis = np.deg2rad(ANGLE) * np.array([0.0, 0.0, 1.0])
    position[0, arm] = np.cross(axis, centers[arm] - HINGE)
    amplitude[1, domain] = np.sqrt((1 - share) / share)
    present = rng.random(n) < share
    z = np.stack([rng.uniform(-np.sqrt(3), np.sqrt(3), n), (present - share) / np.sqrt(share * (1 - share))], axis=1)
    if together:
        amplitude[0], z[:, 0] = amplitude[1], z[:, 1]
    information = np.array([20.0, 6.0])
    measured = z + rng.normal(size=z.shape) / np.sqrt(information)
    model = MeanModel(centers=centers, weights=weights, sigmas=np.full(len(centers), 5.0), noise=np.ones(3))
    nothing = np.zeros(2)
    return AnalysisResult(
        coordinates=information * measured / (information + 1),
        covariance=np.broadcast_to(np.diag(1 / (information + 1)), (n, 2, 2)).copy(), contrast=np.ones(n),
        log_likelihood=nothing, model=model,
        modes=Modes(position=position, amplitude=amplitude, spectrum=nothing),
        evidence=Evidence(gain=nothing, gain_error=nothing, null=0.0, agreement=nothing, angles=None, significant=2))


class TestNames(unittest.TestCase):

    def test_a_hinge_and_a_domain_are_named_with_their_size(self) -> None:
        for share in (0.3, 0.5, 0.85):
            with self.subTest(share=share):
                result = analysis(share)
                hinge, domain = named_modes(result, HALVES, 16.0, 100.0)
                self.assertEqual((hinge.kind, domain.kind), ("motion", "density"))
                total = result.model.weights.sum()
                assert hinge.motion is not None
                self.assertTrue(hinge.motion.turns)
                self.assertAlmostEqual(hinge.motion.turn, 0.9 * 2 * np.sqrt(3) * ANGLE, delta=2)
                self.assertAlmostEqual(hinge.motion.share, 24 / total, delta=0.02)
                np.testing.assert_allclose(hinge.motion.hinge[:2], HINGE[:2], atol=2)
                known = domain.share
                assert known is not None
                self.assertAlmostEqual(known[0], share, delta=0.03)
                self.assertLess(known[1], 0.02)
                self.assertAlmostEqual(domain.changed, 10 / total, delta=0.12 * 10 / total)
                self.assertLess(domain.left, 0.15)

    def test_an_atomic_model_names_the_parts(self) -> None:
        """Body, arm and domain are chains B, A and D, a residue at each Gaussian."""
        result = analysis(0.5)
        residues = Residues(tuple("B" * 80 + "A" * 24 + "D" * 10), np.r_[1:81, 1:25, 1:11], result.model.centers)
        hinge, domain = named_modes(result, HALVES, 16.0, 100.0, residues)
        self.assertEqual([s.chain for s in hinge.moving], ["A"])
        self.assertEqual([(s.chain, s.whole) for s in domain.changing], [("D", True)])
        self.assertIn(", chain A", hinge.words()[0])
        entry = name_entry(domain, {"density": "mask.mrc"})["density"]
        assert entry is not None
        self.assertEqual(entry["residues"], [{"chain": "D", "first": 1, "last": 10, "whole": True}])

    def test_the_sign_of_a_mode_does_not_matter(self) -> None:
        result = analysis(0.3)
        modes = result.modes
        turned = replace(result, coordinates=-result.coordinates,
                         modes=replace(modes, position=-modes.position, amplitude=-modes.amplitude))
        one, other = (named_modes(r, HALVES, 16.0, None)[1].share for r in (result, turned))
        assert one is not None
        assert other is not None
        self.assertAlmostEqual(one[0], other[0], places=3)

    def test_a_mode_can_do_both(self) -> None:
        named = named_modes(analysis(0.6, together=True), HALVES, 16.0, 100.0)[0]
        self.assertEqual(named.kind, "both")
        entry = name_entry(named, {"motion": "a.mrc"})
        assert entry["motion"] is not None
        assert entry["density"] is not None
        self.assertEqual(entry["motion"]["mask"], "a.mrc")
        self.assertAlmostEqual(entry["density"]["present_share"] or 0, 0.6, delta=0.03)
        self.assertEqual(len(entry["short"]), 2)

    def test_where_states_are_not_seen_no_share_is_said(self) -> None:
        result = analysis(0.5)
        rng = np.random.default_rng(4)
        spread = replace(result, coordinates=rng.normal(size=(3000, 2)) * np.sqrt(result.covariance[0].diagonal() * 5))
        named = named_modes(spread, HALVES, 16.0, 100.0)[1]
        self.assertEqual(named.kind, "density")
        self.assertIsNone(named.share)
        entry = name_entry(named, {})["density"]
        assert entry is not None
        self.assertIsNone(entry["present_share"])
        self.assertIn("is not known", " ".join(named.words()))

    def test_two_states_of_a_hinge_are_groups_with_their_shares(self) -> None:
        result = analysis(0.5)
        rng = np.random.default_rng(8)
        open_ones = rng.random(3000) < 0.25
        measured = np.where(open_ones, 1.73, -0.58) + rng.normal(size=3000) / np.sqrt(20)
        z = result.coordinates.copy()
        z[:, 0] = 20 * measured / 21
        named = named_modes(replace(result, coordinates=z), HALVES, 16.0, 100.0)[0]
        self.assertEqual(len(named.groups), 2)
        self.assertAlmostEqual(named.groups[1].share, float(open_ones.mean()), delta=3 * named.groups[1].error)
        self.assertRegex(named.words()[-1], r"form 2 groups .*: 7[3-7] ± \d.*, 2[3-7] ± \d")

    def test_kinds_are_counted(self) -> None:
        entries = [name_entry(named, {}) for named in named_modes(analysis(0.5), HALVES, 16.0, None)]
        self.assertEqual(kinds(entries), "1 motion, 1 change in the amount of density")

    def test_the_volume_gives_the_mass(self) -> None:
        self.assertAlmostEqual(volume_in_kilodalton({"molecule_volume": 121_000.0}) or 0, 100.0)
        self.assertIsNone(volume_in_kilodalton({}))


class TestMask(unittest.TestCase):

    def test_it_is_one_around_the_part_and_nothing_elsewhere(self) -> None:
        centers, arm, _ = molecule(np.random.default_rng(1))
        model = GaussianModel(centers, np.ones(len(centers)), np.full(len(centers), 5.0), 48, 4.0, 16.0)
        mask = part_mask(model, arm)
        at = np.rint(centers / 4.0).astype(int) + 24
        values = mask.data[at[:, 2], at[:, 1], at[:, 0]]
        self.assertGreater(values[arm].min(), 0.5)
        far = ~arm & (centers[:, 0] < 0)
        self.assertEqual(values[far].max(), 0)
        self.assertEqual((mask.data.min(), mask.data.max()), (0, 1))


if __name__ == "__main__":
    unittest.main()
