"""What a run will take: arithmetic of the forecast, and its measurement on a few particles."""

import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

from gmmhet.engine.commands.command import RUN_STAGES
from gmmhet.engine.commands.forecast import Rates, Work, expect, forecast, measured
from gmmhet.engine.commands.settings import FORECAST
from gmmhet.engine.config import AnalyzeConfig, CompositionConfig, FitConfig, SimulateConfig
from gmmhet.engine.fitting.consensus import consensus_for
from gmmhet.engine.imaging.half_plane import HalfPlane
from gmmhet.engine.io import read_particles
from gmmhet.engine.progress import Course, progress, watched_by
from gmmhet.engine.simulate import simulate

RATES = Rates(first=1.0, crop=1e-4, score=1e-3, project=2e-3, half_map=0.1)
WORK = Work(10_000, 64, HalfPlane(64, 4.0, 16.0), 100, 5)


class TestArithmetic(unittest.TestCase):

    def test_time_is_passes_times_the_measured_rate(self) -> None:
        found = forecast(WORK, RATES, AnalyzeConfig(search_particles=0))
        fixed = FORECAST.traces * RATES.first + 1.0  # tracing, and 10,000 images cropped
        self.assertAlmostEqual(found.motion[0], fixed + 10.0 * (1 + FORECAST.least_passes))
        self.assertAlmostEqual(found.motion[1], fixed + 10.0 * (1 + FORECAST.most_passes))
        self.assertAlmostEqual(found.maps, 20.0 + 5 * FORECAST.half_maps * 0.1)
        self.assertAlmostEqual(found.seconds[0], found.motion[0] + found.maps)
        composed = forecast(WORK, RATES, AnalyzeConfig(search_particles=0), CompositionConfig())
        self.assertAlmostEqual(composed.seconds[0] - found.seconds[0], 10.0 * FORECAST.composition + 1.0)

    def test_a_search_on_some_takes_its_share(self) -> None:
        """A tenth of the particles, and passes over all that finish its modes."""
        found = forecast(WORK, RATES, AnalyzeConfig(search_particles=1000))
        fixed = FORECAST.traces * RATES.first + 1.0
        self.assertAlmostEqual(found.motion[0], fixed + 10.0 * (1 + FORECAST.finishing + FORECAST.least_passes / 10))
        usual = forecast(WORK, RATES, AnalyzeConfig())  # 100 Gaussians: 1,000 particles are enough
        self.assertAlmostEqual(usual.motion[1], fixed + 10.0 * (1 + FORECAST.finishing + FORECAST.most_passes / 10))

    def test_a_machine_of_half_the_speed_takes_twice_the_time(self) -> None:
        slow = forecast(WORK, Rates(*(2 * v for v in vars(RATES).values())), AnalyzeConfig())
        fast = forecast(WORK, RATES, AnalyzeConfig())
        self.assertAlmostEqual(slow.seconds[1], 2 * fast.seconds[1])

    def test_disk_and_memory_grow_with_what_is_kept(self) -> None:
        found = forecast(WORK, RATES, AnalyzeConfig())
        image = 2 * 2 * (WORK.half_plane.h + 1) ** 2 * 2 + 2
        maps = 5 * FORECAST.maps_of_result * 4 * 64**3
        self.assertAlmostEqual(found.disk, 10_000 * (image + FORECAST.bytes_of_particle) + maps)
        larger = forecast(replace(WORK, box=128), RATES, AnalyzeConfig())
        self.assertGreater(larger.memory - found.memory, 8 * FORECAST.copies * 4 * (128**3 - 64**3) - 5e7)

    def test_the_single_step_method_has_few_passes(self) -> None:
        found = forecast(WORK, RATES, AnalyzeConfig(method="gradient-pca"))
        self.assertEqual(found.motion[0], found.motion[1])
        self.assertLess(found.motion[1], forecast(WORK, RATES, AnalyzeConfig()).motion[0])

    def test_the_first_pass_over_all_particles_corrects_the_time(self) -> None:
        course = Course(dict.fromkeys(RUN_STAGES))
        expect(course, WORK, RATES, AnalyzeConfig())
        before = course.expected["motion"]
        self.assertNotIn(None, [course.expected[s] for s in RUN_STAGES[1:]])
        with watched_by(course):
            list(progress(range(3), "scores and gradients", 3))  # which takes no time here
        after = course.expected["motion"]
        assert before is not None
        assert after is not None
        self.assertAlmostEqual(after, FORECAST.traces * RATES.first + 1.0, delta=5.0)
        self.assertGreater(before, 10 * after)


class TestMeasurement(unittest.TestCase):

    def test_rates_of_real_images(self) -> None:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        simulate(SimulateConfig("null", 12, 32, 8.0), folder)
        table = read_particles(folder / "particles.star")
        fit = FitConfig(resolution=24.0)
        work = Work.of(table, consensus_for(folder / "consensus.mrc", 32, 8.0, fit), fit, 3)
        self.assertEqual((work.particles, work.box, work.maps, work.half_plane.resolution), (12, 32, 3, 24.0))
        self.assertTrue(8 <= work.gaussians <= 200)
        rates = measured(table, work)
        self.assertTrue(all(0 < value < 60 for value in vars(rates).values()), rates)
        self.assertGreater(rates.first, rates.score)


if __name__ == "__main__":
    unittest.main()
