"""Density that a map lacks, against what was cut off."""

import tempfile
import unittest
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from gmmhet.engine.config import FitConfig
from gmmhet.engine.fitting.missing_density import find_missing_density
from gmmhet.engine.fitting.molecule import MapToFit
from gmmhet.engine.fitting.stage import fit_density
from gmmhet.engine.io import DensityMap
from gmmhet.engine.molecule.gaussian_map import gaussian_density
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.molecule.signal import HalfMaps

BOX, PIXEL = 40, 4.0


def molecule(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A body, and a domain beside it: two maps."""
    rng = np.random.default_rng(seed)

    def of(points: np.ndarray) -> np.ndarray:
        n = len(points)
        return gaussian_density(GaussianModel(points, rng.uniform(0.8, 1.2, n), np.full(n, 5.0), BOX, PIXEL, 16.0)).data

    body = rng.normal(size=(120, 3)) * [18, 12, 12]
    domain = rng.normal(size=(30, 3)) * 7 + [0, 36, 0]
    return of(body), of(domain)


def halves(density: np.ndarray, seed: int, noise: float = 0.1) -> HalfMaps:
    """With noise, relative to the highest density, on a level of the solvent."""
    rng = np.random.default_rng(seed)

    def one() -> DensityMap:
        added = gaussian_filter(rng.normal(size=density.shape), 0.7)
        return DensityMap((density + noise * density.max() * added / added.std() + 0.3).astype(np.float32), PIXEL)

    return HalfMaps(one(), one())


class TestFindMissingDensity(unittest.TestCase):

    def test_a_domain_that_was_cut_off(self) -> None:
        for seed in range(4):
            with self.subTest(seed=seed):
                body, domain = molecule(seed)
                found = find_missing_density(DensityMap(body, PIXEL), halves(body + domain, seed), 16.0)
                assert found is not None
                self.assertAlmostEqual(found.share, domain.sum() / body.sum(), delta=0.25 * domain.sum() / body.sum())
                self.assertGreater(np.corrcoef(found.density.ravel(), domain.ravel())[0, 1], 0.93)
                self.assertLess(np.linalg.norm(found.middle - [0, 36, 0]), 6)
                self.assertEqual(found.pieces, 1)

    def test_other_scale_and_sharpness_are_no_missing_density(self) -> None:
        """A map of another unit and B factor, of the whole, and without the domain."""
        k = np.linalg.norm(np.stack(np.meshgrid(*[np.fft.fftfreq(BOX, PIXEL)] * 3)), axis=0)
        for seed in range(3):
            body, domain = molecule(seed)
            for factor in (-300.0, 300.0):
                def changed(data: np.ndarray, factor: float = factor) -> DensityMap:
                    sharp = np.fft.ifftn(np.fft.fftn(data) * np.exp(-factor * k**2 / 4)).real
                    return DensityMap((50 * sharp).astype(np.float32), PIXEL)

                whole = halves(body + domain, seed)
                self.assertIsNone(find_missing_density(changed(body + domain), whole, 16.0))
                found = find_missing_density(changed(body), whole, 16.0)
                assert found is not None
                self.assertAlmostEqual(found.share, domain.sum() / body.sum(), delta=0.4 * domain.sum() / body.sum())

    def test_nothing_is_missing(self) -> None:
        """A map that is whole, at any noise; one that shows another molecule, or the negative."""
        for seed in range(12):
            body, domain = molecule(seed)
            whole = DensityMap(body + domain, PIXEL)
            self.assertIsNone(find_missing_density(whole, halves(body + domain, seed, 0.05 * 3 ** (seed % 4)), 16.0))
        self.assertIsNone(find_missing_density(DensityMap(body, PIXEL), halves(-(body + domain), 1), 16.0))
        self.assertIsNone(find_missing_density(DensityMap(np.zeros_like(body), PIXEL), halves(body, 1), 16.0))

    def test_what_lies_apart_is_another_particle(self) -> None:
        body, _ = molecule(1)
        neighbour = np.roll(body, 16, axis=1)
        self.assertIsNone(find_missing_density(DensityMap(body, PIXEL), halves(body + neighbour, 1), 16.0))


class TestFit(unittest.TestCase):

    def test_gaussians_are_put_where_density_was_missing(self) -> None:
        body, domain = molecule(0)
        given = MapToFit(DensityMap(body, PIXEL), make_halves=lambda: halves(body + domain, 0))
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "model.npz"
            config = FitConfig(n_gaussians=60, resolution=16.0)
            with self.assertLogs("gmmhet", "WARNING") as logs:
                model = fit_density(given, config, output, {})
            self.assertRegex(logs.output[0], r"the particles show density beside the molecule that the map lacks, "
                                             r"\d+% of the molecule's, around \(-?\d, 3\d, -?\d\) Å")
            there = np.linalg.norm(model.centers - [0, 36, 0], axis=1) < 12
            self.assertAlmostEqual(model.weights[there].sum() / model.weights.sum(),
                                   domain.sum() / (body + domain).sum(), delta=0.06)
            self.assertEqual(model.about["missing_density"]["pieces"], 1)
            plain = fit_density(given, FitConfig(n_gaussians=60, resolution=16.0, missing=False), output, {})
            self.assertLess(plain.centers[:, 1].max(), 34)
            self.assertIsNone(plain.about["missing_density"])


if __name__ == "__main__":
    unittest.main()
