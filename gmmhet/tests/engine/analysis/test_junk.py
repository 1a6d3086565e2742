"""Junk by contrast: against contrasts and images that are drawn here, and through an analysis of images with junk."""

import csv
import json
import unittest
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from gmmhet.engine.analysis import analyze
from gmmhet.engine.analysis import junk as sorting
from gmmhet.engine.analysis.junk import junk_by_contrast, sorted_out
from gmmhet.engine.analysis.search_sample import SearchRows
from gmmhet.engine.config import AnalyzeConfig, FitConfig, ReconstructConfig, SimulateConfig
from gmmhet.engine.export.criteria import Criteria
from gmmhet.engine.export.results import chosen_rows
from gmmhet.engine.fitting import fit
from gmmhet.engine.io import read_particles, read_star
from gmmhet.engine.reconstruction.stage import reconstruct
from gmmhet.engine.runtime.checkpoint import NO_JOURNAL
from gmmhet.engine.simulate import Realism, preset, simulate
from gmmhet.engine.subspace.estimator_spec import EstimatorSpec
from gmmhet.engine.subspace.passes import SubspaceEstimator
from gmmhet.engine.subspace.smooth_fields import FieldBasis, smooth_basis
from gmmhet.engine.subspace.state import Posteriors, SubspaceModel
from gmmhet.tests.support.scene import Scene

Array = NDArray[np.float64]


def drawn(seed: int, n: int, share: float, error: float) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Contrasts in units of their mean, their errors, and which are of junk."""
    rng = np.random.default_rng(seed)
    errors, junk = error * np.exp(0.2 * rng.normal(size=n)), rng.random(n) < share
    contrast = np.where(junk, 0.1 * np.abs(rng.normal(size=n)), 1 + 0.3 * rng.normal(size=n)) + errors * rng.normal(
        size=n)
    return contrast / contrast.mean(), errors / contrast.mean(), junk


class TestByContrast(unittest.TestCase):

    def test_shares_and_probabilities(self) -> None:
        for seed, (share, error) in enumerate([(0.05, 0.1), (0.2, 0.1), (0.2, 0.15), (0.4, 0.2)]):
            contrast, errors, junk = drawn(seed, 1500, share, error)
            found = junk_by_contrast(contrast, errors)
            assert found is not None
            self.assertLess(abs(found.share - junk.mean()), 4 * found.error + 0.01)
            self.assertGreater(roc_auc_score(junk, found.probability), 0.97)
            said = found.probability > 0.5  # as often right as they say
            self.assertAlmostEqual(junk[said].mean(), found.probability[said].mean(), delta=0.08)
            self.assertAlmostEqual(junk[~said].mean(), found.probability[~said].mean(), delta=0.02)

    def test_particles_alone_are_not_junk(self) -> None:
        """Whatever the shape of their contrasts, with one peak or with two."""
        shapes = (lambda r: 1 + 0.3 * r.normal(size=1500), lambda r: np.exp(0.4 * r.normal(size=1500)),
                  lambda r: r.uniform(0.3, 1.7, 1500), lambda r: 1.2 - r.gamma(2, 0.1, 1500),
                  lambda r: np.where(r.random(1500) < 0.4, 0.75, 1.2) + 0.12 * r.normal(size=1500))
        for seed, shape in enumerate(shapes):
            rng = np.random.default_rng(seed)
            errors = 0.15 * np.exp(0.2 * rng.normal(size=1500))
            contrast = shape(rng) + errors * rng.normal(size=1500)
            self.assertIsNone(junk_by_contrast(contrast / contrast.mean(), errors / contrast.mean()), f"shape {seed}")

    def test_contrasts_that_images_do_not_tell(self) -> None:
        contrast, errors, _ = drawn(1, 500, 0.1, 1.0)
        self.assertIsNone(junk_by_contrast(contrast, errors))


class TestLeastSquares(unittest.TestCase):

    def test_against_projections_by_the_definition(self) -> None:
        """Whitened images and projections by sums over Gaussians: <image, projection> / |projection|^2."""
        scene = Scene(n=5, groups=2, modes=2)
        rng = np.random.default_rng(6)
        basis = FieldBasis.of(smooth_basis(scene.centers, 12.0), position=2.0, amplitude=0.2)
        coefficients = rng.normal(size=(2, basis.size)) * 0.2
        fields = basis.fields(coefficients)
        scene.position, scene.amplitude = fields[..., :3], fields[..., 3]
        noise = rng.uniform(80, 300, (2, scene.grid.n_shells))
        model = SubspaceModel(scene.centers, scene.weights, scene.sigmas**2, coefficients, noise, -1.5, 0.4)
        z = rng.normal(size=(5, 2))
        estimator = SubspaceEstimator(EstimatorSpec(scene.cache, scene.observer, basis, basis, batch_size=3))
        contrast, error = estimator.least_squares_contrast(
            model, Posteriors(np.arange(5), z, np.zeros((5, 0), np.float32), rng.normal(size=5)))
        weight = scene.grid.weight / noise[scene.group][:, scene.grid.clipped_shell]
        for i in range(5):
            image = scene.image(i, z[i])
            power = np.sum(weight[i] * image**2)
            self.assertAlmostEqual(contrast[i], np.sum(weight[i] * image * scene.planes[i]) / power / -1.5, delta=2e-3)
            self.assertAlmostEqual(error[i], 1 / (1.5 * np.sqrt(power)), delta=1e-3 * error[i])


class TestAnalysis(unittest.TestCase):
    """Images of which a fifth is noise, ice or another molecule."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(cls.enterClassContext(TemporaryDirectory()))
        data = cls.folder / "data"
        config = SimulateConfig(preset="hinge11", particles=300, box=32, pixel_size=6.0, snr=0.2, seed=5)
        simulate(config, data, preset("hinge11"), replace(Realism(), junk=0.25))
        fit(data / "consensus.mrc", FitConfig(resolution=18.0), cls.folder / "model.npz")
        cls.star, cls.out = data / "particles.star", cls.folder / "analysis"
        analyze(cls.star, cls.folder / "model.npz", AnalyzeConfig(modes=1, follow="no", poses="exact"), cls.out)
        kinds = [row["kind"] for row in csv.DictReader((data / "truth" / "images.csv").read_text().splitlines())]
        cls.junk = np.array(kinds) != "particle"
        cls.empty = np.isin(kinds, ("noise", "other"))
        cls.summary = json.loads((cls.out / "summary.json").read_text())

    def test_probabilities_share_and_words(self) -> None:
        table = read_star(self.out / "latents.star")["particles"]
        probability = table.floats("gmmhetJunk")
        self.assertGreater(roc_auc_score(self.junk, probability), 0.9)
        self.assertGreater(np.mean(probability[self.empty] > 0.5), 0.9)
        self.assertLess(np.mean(probability[~self.junk] > 0.5), 0.03)
        found = self.summary["junk"]
        self.assertLess(abs(found["share"] - self.junk.mean()), 0.1)
        self.assertEqual(found["left_out"], np.count_nonzero(probability > 0.5))
        self.assertIn(f"The {found['left_out']} that are most probably so have no part", self.summary["verdict"])

    def test_of_junk_nothing_is_known(self) -> None:
        table = read_star(self.out / "latents.star")["particles"]
        junk = table.floats("gmmhetJunk") > 0.5
        np.testing.assert_array_equal(table.floats("gmmhetLatent1")[junk], 0.0)
        np.testing.assert_array_equal(table.floats("gmmhetLatentSd1")[junk], 1.0)
        self.assertTrue(np.all(table.floats("gmmhetLatentSd1")[~junk] < 1.0))
        with np.load(self.out / "analysis.npz") as arrays:
            np.testing.assert_allclose(arrays["junk"], table.floats("gmmhetJunk"), atol=1e-4)
            np.testing.assert_array_equal(arrays["ids"], np.arange(1, 301))

    def test_export_and_maps_do_without(self) -> None:
        latents = self.out / "latents.star"
        table = read_particles(latents)
        rows = chosen_rows(table, Criteria(no_junk=True))
        kept = 300 - self.summary["junk"]["left_out"]
        self.assertEqual(len(rows), kept)
        best = chosen_rows(table, Criteria(keep="best", fraction=kept / 300))
        np.testing.assert_array_equal(np.sort(best), rows)
        plain = read_particles(self.star)  # of no analysis
        with self.assertLogs("gmmhet", "WARNING") as logged:
            self.assertEqual(len(chosen_rows(plain, Criteria(no_junk=True))), 300)
        self.assertIn("none is left out", logged.output[0])
        with self.assertLogs("gmmhet", "WARNING") as logged:
            reconstruct(self.star, latents, ReconstructConfig(n=1), self.folder / "maps")
        self.assertTrue(any(f"{300 - kept} of 300 particles are left out" in line for line in logged.output))
        record = json.loads((self.folder / "maps" / "summary.json").read_text())["maps"][0]
        self.assertEqual(record["n_particles"], kept)
        classes = read_star(self.folder / "maps" / "classes.star")["particles"].integers("rlnClassNumber")
        self.assertEqual(np.count_nonzero(classes), kept)


class TestKept(unittest.TestCase):

    def test_all_are_kept_where_that_is_asked_for_or_where_contrasts_are_not_looked_at(self) -> None:
        prepared: Any = SimpleNamespace(cache=SimpleNamespace(table=range(300)))
        for config in (AnalyzeConfig(junk="keep"), AnalyzeConfig(focus=Path("part.mrc"), local_pose=True)):
            found = sorted_out(prepared, config, NO_JOURNAL)
            self.assertIsNone(found.junk)
            self.assertIs(found.prepared, prepared)
            np.testing.assert_array_equal(found.kept, np.arange(300))
            result: Any = object()
            self.assertIs(found.with_all(result), result)

    def test_where_most_seem_junk_all_are_kept_and_it_is_said(self) -> None:
        contrast, errors, _ = drawn(3, 1500, 0.6, 0.1)
        estimator = mock.MagicMock(least_squares_contrast=lambda *_: (contrast, errors))
        prepared: Any = SimpleNamespace(cache=SimpleNamespace(table=range(1500)))
        with mock.patch.object(sorting, "with_first_model", return_value=(estimator, None)), \
                mock.patch.object(sorting, "search_rows", return_value=SearchRows(np.arange(1500), 1500)), \
                mock.patch.object(sorting, "calibrated"), self.assertLogs("gmmhet", "WARNING") as logged:
            found = sorted_out(prepared, AnalyzeConfig(), NO_JOURNAL)
        self.assertRegex(logged.output[0], r"about (5[89]|6[012]) % of the particles .* too many to leave out")
        self.assertIsNone(found.junk)
        self.assertEqual(len(found.kept), 1500)
        self.assertEqual(found.begun, (estimator, None))  # not made again

    def test_a_sample_tells_whether_all_are_looked_at(self) -> None:
        """Contrasts of 400 of 1,500 first; of all, at rest under the sample's model, only where these tell of junk."""
        for share in (0.25, 0.0):
            contrast, errors, junk = drawn(4, 1500, share, 0.1)
            rows = SearchRows(np.random.default_rng(0).permutation(1500), 400)
            every = mock.MagicMock(least_squares_contrast=lambda *_, c=contrast, e=errors: (c, e))
            some = mock.MagicMock(least_squares_contrast=lambda *_, c=contrast[rows.rows], e=errors[rows.rows]: (c, e))
            prepared: Any = SimpleNamespace(cache=SimpleNamespace(table=range(1500)))
            few: Any = SimpleNamespace()
            begun = [(every, None), (some, None)]
            with mock.patch.object(sorting, "with_first_model", side_effect=begun), \
                    mock.patch.object(sorting, "search_rows", return_value=rows), \
                    mock.patch.object(sorting, "of_some", return_value=few), \
                    mock.patch.object(sorting, "calibrated"), \
                    mock.patch.object(sorting, "_at_rest") as at_rest:
                found = sorted_out(prepared, AnalyzeConfig(), NO_JOURNAL)
            self.assertEqual(at_rest.call_count, int(share > 0))
            self.assertEqual(found.junk is None, share == 0)
            if share:
                self.assertGreater(np.mean(junk[np.setdiff1d(np.arange(1500), found.kept)]), 0.9)
                self.assertLess(np.mean(junk[found.kept]), 0.03)


if __name__ == "__main__":
    unittest.main()
