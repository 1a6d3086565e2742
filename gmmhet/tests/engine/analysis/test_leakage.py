"""Leakage on coordinates whose dependence is planted, or that depend on nothing."""

import unittest
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.stats import binom, f_oneway, linregress

from gmmhet.engine.analysis.dependence import Coordinate, on_groups, on_terms
from gmmhet.engine.analysis.leakage import Leak, ViewExtreme, leakage
from gmmhet.engine.analysis.summary import leak_entries
from gmmhet.engine.io import Optics, ParticleTable

RESOLUTION = 12.0
ALL = {"view direction", "in-plane angle", "defocus", "origin size", "micrograph", "half-set", "optics group"}


def particles(n: int, seed: int, *, images: int | None = None) -> ParticleTable:
    """Particles of 30 micrographs and three optics groups, seen more from the side than from above.

    images: how many images the rows share, in turns; else every row has its own.
    """
    rng = np.random.default_rng(seed)
    view = rng.normal(size=(n, 3)) * [1, 1, 0.5]
    tilt = np.rad2deg(np.arccos(view[:, 2] / np.linalg.norm(view, axis=1)))
    angles = np.stack([np.rad2deg(np.arctan2(view[:, 1], view[:, 0])), tilt, rng.uniform(-180, 180, n)], axis=1)
    micrograph = rng.integers(0, 30, n)
    defocus = rng.uniform(8000, 30000, n)
    optics = tuple(Optics(name, 300.0, 2.7, 0.1, 3.0, 64) for name in "abc")
    return ParticleTable(
        Path("p.star"), np.arange(1, n + 1), (Path("p.mrcs"),), np.zeros(n, np.int64), np.arange(n) % (images or n),
        angles, rng.normal(size=(n, 2)) * 4, np.stack([defocus, defocus, 0 * defocus, 0 * defocus], axis=1), optics,
        rng.integers(0, 3, n), 1 + np.arange(n) % 2, micrograph, True, {})


def standard(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / values.std()


def posterior(z: np.ndarray, deviation: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Posterior mean of z seen through noise that makes the posterior standard deviation (prior variance 1)."""
    return (1 - deviation**2) * (z + rng.normal(size=z.shape) * deviation / np.sqrt(1 - deviation**2))


def words_of(leak: Leak) -> str:
    return leak_entries([leak])[0]["words"]


class TestDependence(unittest.TestCase):

    def test_one_term_is_a_straight_line(self) -> None:
        """Share: R^2 less what HC3 says noise gives. The smaller F is at most that of the t test squared."""
        rng = np.random.default_rng(0)
        x = rng.normal(size=4000)
        y = 0.3 * x + rng.normal(size=4000)
        found = on_terms(Coordinate.from_posterior(y, np.zeros(4000)), x[:, None])
        line = linregress(x, y)
        self.assertAlmostEqual(found.share, line.rvalue**2 - (1 - line.rvalue**2) / 3998, delta=1e-4)
        np.testing.assert_allclose(found.fitted, line.intercept + line.slope * x, atol=1e-10)
        self.assertEqual(found.degrees, (1, 3998))
        weak = 0.02 * x + rng.normal(size=4000)
        p_value = on_terms(Coordinate.from_posterior(weak, np.zeros(4000)), x[:, None]).p_value
        exact = linregress(x, weak).pvalue
        self.assertGreaterEqual(p_value, exact * (1 - 1e-9))
        self.assertLess(p_value, 1.3 * exact + 0.01)

    def test_groups_are_an_analysis_of_variance(self) -> None:
        rng = np.random.default_rng(1)
        labels = rng.integers(0, 7, 200)
        y = rng.normal(size=200) + 0.2 * labels
        found = on_groups(Coordinate.from_posterior(y, np.zeros(200)), labels)
        self.assertAlmostEqual(found.p_value, f_oneway(*(y[labels == i] for i in range(7))).pvalue, places=12)
        self.assertEqual(found.degrees, (6, 193))
        left_out = on_groups(Coordinate.from_posterior(y, np.zeros(200)), np.where(labels == 3, -1, labels))
        self.assertEqual(left_out.degrees, (5, 199 - (labels == 3).sum() - 5))

    def test_terms_that_repeat_each_other_count_once(self) -> None:
        x = np.random.default_rng(2).normal(size=(300, 2))
        y = Coordinate.from_posterior(x[:, 0] + x[:, 1] ** 2, np.zeros(300))
        once, twice = on_terms(y, x), on_terms(y, np.concatenate([x, x @ [[1.0], [2.0]], np.ones((300, 1))], axis=1))
        self.assertEqual(once.degrees, twice.degrees)
        self.assertAlmostEqual(once.share, twice.share, places=9)
        self.assertIsNone(on_terms(y, np.ones((300, 2))))

    def test_groups_of_one_tell_nothing(self) -> None:
        y = Coordinate.from_posterior(np.random.default_rng(3).normal(size=20), np.zeros(20))
        self.assertIsNone(on_groups(y, np.arange(20)))
        self.assertIsNone(on_groups(y, np.zeros(20, np.int64)))

    def test_a_share_at_the_detectable_limit_has_that_p_value(self) -> None:
        """Of a line, the share whose F equals the critical one."""
        x = np.random.default_rng(4).normal(size=1000)
        e = np.random.default_rng(5).normal(size=1000)
        e = standard(e - x * (e @ x) / (x @ x))
        found = [on_terms(Coordinate.from_posterior(b * x + e, np.zeros(1000)), x[:, None])
                 for b in np.linspace(0, 0.3, 301)]
        at = next(f for f in found if f.p_value < 1e-3)
        self.assertAlmostEqual(at.share, at.detectable(1e-3), delta=0.003)


class TestPlanted(unittest.TestCase):

    def found(self, table: ParticleTable, z: np.ndarray, deviation: np.ndarray | None = None, **options: np.ndarray,
              ) -> dict[str, Leak]:
        deviation = np.zeros(len(z)) if deviation is None else deviation
        halves = options.get("halves", table.halves)
        entries = leakage(table, halves, z[:, None], deviation[:, None], RESOLUTION)
        return {e.variable: e for e in entries}

    def test_each_variable_is_flagged_with_its_share_and_no_other_is(self) -> None:
        n = 6000
        table = particles(n, 0)
        rng = np.random.default_rng(10)
        x, _, w = table.rotations[:, 2].T
        shift = np.linalg.norm(table.origins, axis=1)
        planted = {
            "view direction": x * w, "in-plane angle": np.cos(2 * np.deg2rad(table.angles[:, 2] - 30)),
            "defocus": table.defocus[:, 0], "origin size": shift**2,
            "micrograph": rng.normal(size=30)[table.micrograph], "half-set": table.halves.astype(float),
            "optics group": np.array([0.0, 1.0, 0.3])[table.optics_index]}
        self.assertEqual(set(planted), ALL)
        for share in (0.05, 0.4):
            for name, follows in planted.items():
                z = np.sqrt(share) * standard(follows) + np.sqrt(1 - share) * rng.normal(size=n)
                found = self.found(table, z)
                self.assertEqual(set(found), ALL)
                with self.subTest(name=name, share=share):
                    self.assertEqual([k for k, e in found.items() if e.flagged], [name])
                    # sampling: sd of R^2 is about 2 sqrt(share (1 - share)^2 / n) = 0.006 at 0.4
                    self.assertAlmostEqual(found[name].share, share, delta=0.025)
                    self.assertLess(found[name].p_value, 1e-10)
                    self.assertRegex(words_of(found[name]), r"^[\d.]+ % of the variance of this coordinate depends on ")
                    others = [e for k, e in found.items() if k != name]
                    self.assertTrue(all(e.share < 0.01 for e in others))

    def test_the_share_is_that_of_the_coordinate_not_of_its_smeared_means(self) -> None:
        """20 % of z follows the view; particles are known to 0.3 .. 0.85, least where views are from the side."""
        n = 8000
        table = particles(n, 1)
        rng = np.random.default_rng(11)
        x, _, w = table.rotations[:, 2].T
        z = np.sqrt(0.2) * standard(x) + np.sqrt(0.8) * rng.normal(size=n)
        deviation = 0.85 - 0.55 * np.abs(w)
        found = self.found(table, posterior(z, deviation, rng), deviation)
        self.assertEqual([k for k, e in found.items() if e.flagged], ["view direction"])
        self.assertAlmostEqual(found["view direction"].share, 0.2, delta=0.04)

    def test_shrinkage_by_view_is_no_leak(self) -> None:
        """A skewed coordinate of mean 0.4, independent of the view, known far better from some views."""
        n = 8000
        table = particles(n, 2)
        rng = np.random.default_rng(12)
        deviation = 0.9 - 0.6 * np.abs(table.rotations[:, 2, 2])
        mean = posterior(0.4 + np.sqrt(0.84) * standard(rng.exponential(size=n)), deviation, rng)
        slope = linregress(deviation, mean)
        self.assertLess(slope.pvalue, 1e-10)  # the means do follow the view
        self.assertFalse(any(e.flagged for e in self.found(table, mean, deviation).values()))
        scaled = self.found(table, 0.2 * mean, 0.2 * deviation)  # in another unit, a prior of variance 0.04
        self.assertFalse(any(e.flagged for e in scaled.values()))

    def test_spread_that_follows_the_view_is_no_leak(self) -> None:
        table = particles(5000, 3)
        z = np.random.default_rng(13).normal(size=5000) * (0.3 + 1.5 * np.abs(table.rotations[:, 2, 2]))
        self.assertFalse(any(e.flagged for e in self.found(table, z).values()))

    def test_views_most_off_are_named(self) -> None:
        table = particles(6000, 4)
        towards = table.rotations[:, 2] @ [np.cos(np.deg2rad(40)), np.sin(np.deg2rad(40)), 0]
        z = standard(np.exp(3 * towards)) + 0.5 * np.random.default_rng(14).normal(size=6000)
        found = self.found(table, z)["view direction"]
        self.assertIsInstance(found.where, ViewExtreme)
        self.assertAlmostEqual(found.where.rot, 40, delta=12)
        self.assertAlmostEqual(found.where.tilt, 90, delta=12)
        self.assertIn(f"(most in views near rot {found.where.rot:.0f}, tilt {found.where.tilt:.0f} degrees)",
                      words_of(found))

    def test_nothing_to_ask_of_what_does_not_vary(self) -> None:
        table = particles(1000, 5)
        same = replace(table, origins=0.1 * np.ones((1000, 2)), has_ctf=False, micrograph=np.full(1000, -1),
                       optics_index=np.zeros(1000, np.int64))
        z = np.random.default_rng(15).normal(size=1000)
        self.assertEqual(set(self.found(same, z)), {"view direction", "in-plane angle", "half-set"})
        self.assertEqual(leakage(same, same.halves, np.zeros((1000, 2)), np.ones((1000, 2)), RESOLUTION), [])
        lone = replace(table, micrograph=np.arange(1000))
        self.assertNotIn("micrograph", self.found(lone, z))


class TestChance(unittest.TestCase):

    def test_false_flags_are_as_rare_as_promised(self) -> None:
        """120 tables of 2 modes x 7 variables, two states, posteriors of uneven width; expected: at most 1 in 100."""
        flagged, values = 0, []
        for seed in range(120):
            table = particles(400, 100 + seed)
            rng = np.random.default_rng(seed)
            deviation = 0.9 - 0.6 * np.abs(table.rotations[:, 2, 2:3]) * np.ones(2)
            z = np.where(rng.random((400, 2)) < 0.4, 1.2, -0.8)
            entries = leakage(table, table.halves, posterior(z, deviation, rng), deviation, RESOLUTION)
            self.assertEqual(len(entries), 14)
            flagged += any(e.flagged for e in entries)
            values += [e.p_value for e in entries]
        self.assertLessEqual(flagged, 6)  # of 120 at 1 %: more happen once in 10,000
        for level in (0.01, 0.1):  # p values are what they say, to three standard errors; smaller ones are too rare
            count = int(np.sum(np.array(values) < level))
            self.assertLessEqual(count, binom.ppf(0.999, len(values), level))
        self.assertGreaterEqual(np.sum(np.array(values) < 0.1), binom.ppf(1e-3, len(values), 0.07))

    def test_rows_that_share_an_image_are_not_taken_for_independent(self) -> None:
        """14 rows an image with one value for all: as rows, micrographs and halves would differ beyond doubt."""
        flagged = []
        for seed in range(10):
            table = particles(14 * 150, seed, images=150)
            same = replace(table, micrograph=table.slice_index % 30)
            z = np.random.default_rng(50 + seed).normal(size=150)[table.slice_index][:, None]
            entries = leakage(same, 1 + table.slice_index % 2, z, 0 * z, RESOLUTION)
            flagged += [e for e in entries if e.flagged]
        self.assertEqual(flagged, [])

    def test_few_particles_are_told_to_say_little(self) -> None:
        table = particles(80, 9)
        z = np.random.default_rng(90).normal(size=(80, 1))
        entries = leakage(table, table.halves, z, 0 * z, RESOLUTION)
        self.assertRegex(words_of(entries[0]), r"so few particles a share below \d+ % is not detectable$")
        many = particles(20000, 9)
        z = np.random.default_rng(91).normal(size=(20000, 1))
        entries = leakage(many, many.halves, z, 0 * z, RESOLUTION)
        self.assertRegex(words_of(entries[0]),
                         r"^no dependence on the viewing direction \(a share above 0\.\d % would be detected\)$")


if __name__ == "__main__":
    unittest.main()
