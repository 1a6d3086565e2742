"""Whether some images of a set have the other sign of contrast than the rest."""

import unittest

import numpy as np

from gmmhet.engine.molecule.contrast import mixed_signs


class TestSigns(unittest.TestCase):
    """Correlations of plus and minus one size, against those of one sign with junk, and of wrong poses."""

    def test_mixed(self) -> None:
        rng = np.random.default_rng(0)
        for share, spread in ((0.5, 0.1), (0.1, 0.1), (0.9, 0.15), (0.3, 0.2)):
            signs = np.where(rng.random(400) < share, -1, 1)
            found = mixed_signs(signs * rng.normal(0.5, spread, 400), rng.normal(0, spread, 400))
            self.assertIsNotNone(found)
            self.assertGreater(float((found == signs).mean()), 0.97)

    def test_mixed_and_noisy(self) -> None:
        """Noise of the size of the correlations hides the two peaks, but not that they are larger at own poses."""
        rng = np.random.default_rng(1)
        own = np.where(rng.random(600) < 0.5, -1, 1) * rng.normal(0.1, 0.08, 600)
        self.assertIsNotNone(mixed_signs(own, rng.normal(0, 0.08, 600)))

    def test_one_sign(self) -> None:
        for seed in range(20):
            rng = np.random.default_rng(seed)
            good = rng.normal(0.16, 0.08, 600)
            junk = np.where(rng.random(600) < 0.15, rng.normal(0, 0.08, 600), good)
            for own in (good, -good, junk, -junk, rng.normal(0.03, 0.08, 600), rng.normal(0, 0.08, 600)):
                self.assertIsNone(mixed_signs(own, rng.normal(0, 0.08, 600)))


if __name__ == "__main__":
    unittest.main()
