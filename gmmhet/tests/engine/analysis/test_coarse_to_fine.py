"""Finer fields: kept where planted movements are fine, not where they are smooth."""

import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np

from gmmhet.engine.analysis import coarse_to_fine
from gmmhet.engine.analysis.coarse_to_fine import in_finer_fields
from gmmhet.engine.analysis.estimators import finer_length
from gmmhet.engine.analysis.subspace_method import search
from gmmhet.engine.config import AnalyzeConfig
from gmmhet.engine.runtime.checkpoint import NO_JOURNAL, Journal, Page
from gmmhet.engine.subspace.em import Fit
from gmmhet.engine.subspace.estimator_spec import EstimatorSpec
from gmmhet.engine.subspace.mode_selection import HeldOutGains, ModeEvidence
from gmmhet.engine.subspace.passes import SubspaceEstimator
from gmmhet.engine.subspace.pieces import PIECES
from gmmhet.engine.subspace.smooth_fields import FieldBasis, smooth_basis
from gmmhet.engine.subspace.state import SubspaceModel
from gmmhet.tests.support.scene import Scene

_PARTICLES, _COARSE = 240, 24.0


class Planted:
    """Particles along one mode of a correlation length, and estimators of any."""

    def __init__(self, length: float) -> None:
        scene, rng = Scene(n=_PARTICLES, gaussians=16, modes=1, seed=3), np.random.default_rng(2)
        basis = FieldBasis.of(smooth_basis(scene.centers, length), position=4.0)
        field = basis.fields(0.6 * rng.normal(size=(1, basis.size)))
        scene.position, scene.amplitude = field[..., :3], field[..., 3]
        self.z, deviation, pose = rng.normal(size=_PARTICLES), 8.0, np.zeros(5)
        for i in range(_PARTICLES):
            noise = deviation * rng.normal(size=scene.planes[i].shape)
            scene.planes[i] = scene.image(i, self.z[i:i + 1], pose) + noise
        self.scene, self.field = scene, field[0, :, :3]
        self.noise = np.full((1, scene.grid.n_shells), deviation**2)
        cache: Any = scene.cache
        cache.table.halves = self.halves = 1 + np.arange(_PARTICLES) % 2
        self.cache = _Sized(cache)

    def estimator(self, length: float) -> SubspaceEstimator:
        basis = FieldBasis.of(smooth_basis(self.scene.centers, length), position=4.0)
        cache: Any = self.cache
        return SubspaceEstimator(EstimatorSpec(cache, self.scene.observer, basis, basis, 60, length=length))

    def found(self, journal: Journal = NO_JOURNAL) -> tuple[SubspaceEstimator, float, float]:
        """The estimator that is kept; correlation of its mode with the planted one, and that of the first search's."""
        first, scene = self.estimator(_COARSE), self.scene
        nothing = np.zeros((1, first.spec.basis.size))
        start = SubspaceModel(scene.centers, scene.weights, scene.sigmas**2, nothing, self.noise, 1.0, 0.1)
        begun = search(first, start, self.halves, AnalyzeConfig(), journal)

        def finer(old: SubspaceEstimator) -> SubspaceEstimator | None:
            return self.estimator(old.spec.length / 3) if old.spec.length > _COARSE / 4 else None

        kept = in_finer_fields(finer, begun, self.halves, journal, None)
        self.evidence = begun.evidence, kept.evidence
        return kept.estimator, *(self._agreement(f.estimator, f.final.model.coefficients) for f in (kept, begun))

    def _agreement(self, estimator: SubspaceEstimator, coefficients: np.ndarray) -> float:
        mode = estimator.spec.basis.fields(coefficients)[0, :, :3]
        return abs(float(np.corrcoef(mode.ravel(), self.field.ravel())[0, 1]))


class _Sized:
    def __init__(self, cache: Any) -> None:
        self.read, self.table, self.grid = cache.read, cache.table, cache.grid

    def __len__(self) -> int:
        return _PARTICLES


class TestInFinerFields(unittest.TestCase):

    def test_fine_movements_ask_for_them(self) -> None:
        """And a run that was killed as such a fit ended goes on to the same."""
        planted = Planted(7.0)
        with tempfile.TemporaryDirectory() as folder:
            journal = Journal(Path(folder) / "checkpoint", None, PIECES, resume=True)
            written = Page.write

            def killed(page: Page, value: Any) -> None:
                written(page, value)
                if isinstance(value, Fit) and page.name.startswith("half-set 1, ") and page.name.endswith(" 8.00 Å"):
                    raise KeyboardInterrupt

            with mock.patch.object(Page, "write", killed), self.assertRaises(KeyboardInterrupt):
                planted.found(journal)
            resumed = planted.found(journal)[1:]
            again = planted.evidence[1]
        kept, now, before = planted.found()
        self.assertEqual((now, before), resumed)
        np.testing.assert_array_equal(again.held_out, planted.evidence[1].held_out)
        self.assertAlmostEqual(kept.spec.length, _COARSE / 3)
        self.assertLess(before, 0.9)
        self.assertGreater(now, 0.97)
        old, new = planted.evidence
        self.assertGreater(new.held_out.mean(), old.held_out.mean() + 0.1)
        self.assertGreaterEqual(old.significant, new.significant)  # what coarse fields cannot say, more modes do
        self.assertEqual(new.significant, 1)

    def test_smooth_ones_do_not(self) -> None:
        planted = Planted(60.0)
        kept, now, _ = planted.found()
        self.assertEqual(kept.spec.length, _COARSE)
        self.assertGreater(now, 0.97)
        self.assertIs(*planted.evidence)


class TestFewerModes(unittest.TestCase):
    """Half-sets whose fits, gains and agreement are given: two modes before, what is left in fine fields."""

    def kept(self, gain: list[float], significant: int, *, fixed: int | None = None) -> ModeEvidence | None:
        """Held-out particles rise by 0.5; the modes before gained 10."""
        n, before = 100, np.full(200, -5.0)
        old: Any = SimpleNamespace(n_modes=2, coefficients=np.zeros((2, 1)), with_coefficients=lambda _: old)
        evidence = ModeEvidence(np.array([6.0, 4.0, 0.01]), np.full(3, 0.1), 0.0, np.ones(2), np.ones(2), 2, (old, old),
                                before)
        shown = replace(evidence, gain=np.array(gain), error=np.full(2, 0.1), significant=significant)
        rows = np.arange(n), np.arange(n, 2 * n)
        estimator: Any = SimpleNamespace(spec=SimpleNamespace(length=12.0))
        fine: Any = SimpleNamespace(spec=SimpleNamespace(length=8.0))
        particles: Any = None
        half_sets = coarse_to_fine._HalfSets(estimator, fine, particles, 2, evidence, rows, NO_JOURNAL, 0.0)
        values = np.random.default_rng(0).normal(0.5, 0.5, n)
        with mock.patch.multiple(
                coarse_to_fine, held_out_gains=lambda *_: HeldOutGains(np.array(gain), np.full(2, 0.1)),
                evidence_of=lambda *_: shown, log_likelihoods=lambda of, *_: values if of is fine else np.zeros(n),
        ), mock.patch.multiple(
                coarse_to_fine._HalfSets, _fit=lambda *_: SimpleNamespace(model=old), _others=lambda *_: None):
            return half_sets.evidence(fixed)

    def test_those_that_are_left_must_be_better_alone(self) -> None:
        found = self.kept([9.9, 0.1], 1)  # what the second adds is little
        assert found is not None
        np.testing.assert_array_equal(found.gain, [9.9, 0.1, 0.01])  # of all that were tried
        self.assertIsNone(self.kept([6.0, 4.0], 1))  # real once, and lost: 4 of the rise of 0.5 would go with it
        self.assertIsNotNone(self.kept([6.0, 4.0], 2))
        self.assertIsNotNone(self.kept([6.0, 4.0], 1, fixed=2))
        self.assertIsNone(self.kept([0.0, 0.0], 0))


class TestFinerLength(unittest.TestCase):

    def setUp(self) -> None:
        self.centers = np.random.default_rng(0).uniform(-30, 30, (400, 3))
        self.inside = np.ones(400, bool)

    def length(self, length: float, resolution: float, **given: Any) -> float | None:
        return finer_length(self.centers, self.inside, AnalyzeConfig(**given), resolution, length)

    def test_two_thirds_down_to_half_the_resolution(self) -> None:
        self.assertAlmostEqual(self.length(45.0, 20.0), 30.0)
        self.assertIsNone(self.length(29.0, 40.0))

    def test_not_where_fields_do_not_do_or_the_length_is_given(self) -> None:
        self.centers *= 2
        self.assertIsNone(self.length(12.0, 8.0))  # 8 A in a cube of 120 A: 160 fields hold little
        self.assertIsNone(self.length(45.0, 20.0, smoothness=45.0))


class TestForetold(unittest.TestCase):
    """What finer fields would gain with all particles, from a third of them: least squares with 30 unknowns stand for
    the fields, a log-likelihood of zero for those before."""

    def test_as_measured_with_all(self) -> None:
        rng, unknowns, some, every = np.random.default_rng(3), 30, 200, 600
        true = 0.12 * rng.normal(size=unknowns)

        def drawn(n: int) -> tuple[np.ndarray, np.ndarray]:
            x = rng.normal(size=(n, unknowns))
            return x, x @ true + rng.normal(size=n)

        def rises(x: np.ndarray, y: np.ndarray, found: np.ndarray) -> np.ndarray:
            return np.asarray(0.5 * (y**2 - (y - x @ found) ** 2))

        foretold, measured, plain = [], [], []
        for _ in range(40):
            (x, y), others = drawn(every), drawn(2000)
            few, whole = (np.linalg.lstsq(x[:n], y[:n], rcond=None)[0] for n in (some, every))
            own, plain_rise = rises(x[:some], y[:some], few), float(rises(*others, few).mean())
            fine: Any = SimpleNamespace()
            particles: Any = SimpleNamespace(at=lambda _: SimpleNamespace(rows=[], with_modes_of=lambda _: None))
            sets = coarse_to_fine._HalfSets(
                SimpleNamespace(), fine, particles, 1, SimpleNamespace(), ([0], [1]), NO_JOURNAL, 0.0, some / every)
            with mock.patch.multiple(coarse_to_fine, infer=lambda *_, **__: None, log_likelihoods=lambda of, *_, f=fine,
                                     o=own: o if of is f else np.zeros(some)):
                fit: Any = SimpleNamespace(model=None, posteriors=None)
                more = sets._learnt_by_all(0, fit, fit, plain_rise)
            foretold.append(plain_rise + more)
            measured.append(rises(*others, whole).mean())
            plain.append(plain_rise)
        error = float(np.std(np.array(foretold) - measured) / np.sqrt(40))
        self.assertLess(abs(np.mean(foretold) - np.mean(measured)), 4 * error)
        self.assertGreater(np.mean(measured) - np.mean(plain), 10 * error)  # which is not nothing

    def test_all_particles_need_no_forecast(self) -> None:
        nothing: Any = SimpleNamespace()
        sets = coarse_to_fine._HalfSets(nothing, nothing, nothing, 1, nothing, (nothing, nothing), NO_JOURNAL, 0.0)
        self.assertEqual(sets._learnt_by_all(0, nothing, nothing, 0.1), 0.0)


if __name__ == "__main__":
    unittest.main()
