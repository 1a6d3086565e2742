"""How many particles are computed at once, and what happens where a GPU has less memory than was thought."""

import os
import unittest
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
import tensorflow as tf

from gmmhet.engine.errors import InputError
from gmmhet.engine.imaging.image_model import batches
from gmmhet.engine.runtime.batching import batch_size, free_gpu_memory, in_smaller_batches
from gmmhet.engine.runtime.devices import set_devices
from gmmhet.engine.subspace.estimator_spec import EstimatorSpec
from gmmhet.engine.subspace.passes import SubspaceEstimator
from gmmhet.engine.subspace.pose_spread import PoseSpread
from gmmhet.engine.subspace.smooth_fields import FieldBasis, smooth_basis
from gmmhet.engine.subspace.state import Posteriors, SubspaceModel
from gmmhet.tests.support.scene import Scene

_GIGABYTE = 1 << 30


def _out_of_memory() -> tf.errors.ResourceExhaustedError:
    return tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")


class TestBatchSize(unittest.TestCase):
    def test_processors_take_what_stays_in_their_cache(self) -> None:
        self.assertEqual(batch_size(100000, 128, 17, 8, None), 64)
        self.assertEqual(batch_size(100000, 2000, 65, 8, None), 12_000_000 // (2000 * 130 * 8))
        self.assertEqual(batch_size(1, 128, 17, 8, None), 2)

    def test_gpus_take_a_power_of_two_that_they_have_room_for(self) -> None:
        self.assertEqual(batch_size(3000, 200, 23, 8, 80 * _GIGABYTE), 256)  # half-sets of six batches
        self.assertEqual(batch_size(500, 200, 23, 8, 80 * _GIGABYTE), 32)
        self.assertEqual(batch_size(10**6, 200, 23, 8, 80 * _GIGABYTE), 1024)
        little, more = (batch_size(10**6, 2000, 65, 8, free * _GIGABYTE) for free in (4, 8))
        self.assertEqual(more / little, 2)
        self.assertGreater(little * 4 * 2000 * 130 * 5, 0.05 * 4 * _GIGABYTE)  # more than a share of it is used
        self.assertEqual({batch_size(10**6, 2000, 65, 8, free * _GIGABYTE) for free in (5, 6, 7)}, {128})
        self.assertEqual(batch_size(10**6, 2000, 65, 8, 1000), 2)

    def test_gpus_are_numbers(self) -> None:
        with mock.patch.dict(os.environ):
            for wrong in ("abc", "0;1", "", "-1"):
                with self.assertRaisesRegex(InputError, "expected numbers of GPUs"):
                    set_devices(None, wrong)
            for right, visible in (("0, 1", "0,1"), ("2", "2"), ("none", "")):
                set_devices(None, right)
                self.assertEqual(os.environ["CUDA_VISIBLE_DEVICES"], visible)

    def test_no_gpu_is_told_apart_from_a_full_one(self) -> None:
        if tf.config.list_physical_devices("GPU"):
            free = free_gpu_memory()
            assert free is not None
            self.assertGreater(free, 0)
        else:
            self.assertIsNone(free_gpu_memory())
            with mock.patch.dict(os.environ, CUDA_VISIBLE_DEVICES="7"), self.assertLogs("gmmhet", "INFO") as logs:
                self.assertIsNone(free_gpu_memory())
            self.assertIn("sees no GPU 7: the processor computes", logs.output[0])


class TestBackOff(unittest.TestCase):
    def test_work_is_done_again_in_halves(self) -> None:
        tried = []

        def work(size: int) -> int:
            tried.append(size)
            if size > 12:
                raise _out_of_memory()
            return 2 * size

        with self.assertLogs("gmmhet", "WARNING") as logs:
            self.assertEqual(in_smaller_batches(work, 50), 24)
        self.assertEqual(tried, [50, 25, 12])
        self.assertIn("out of memory with 50 particles at once: going on with 25", logs.output[0])

    def test_no_room_for_a_single_particle_is_told_in_one_line(self) -> None:
        def never(size: int) -> None:
            raise _out_of_memory()

        with self.assertLogs("gmmhet", "WARNING"), self.assertRaisesRegex(InputError, "for one particle; expected"):
            in_smaller_batches(never, 2)

    def test_other_errors_are_not_hidden(self) -> None:
        def wrong(size: int) -> None:
            raise ValueError("wrong")

        with self.assertRaisesRegex(ValueError, "wrong"):
            in_smaller_batches(wrong, 8)

    def test_passes_go_on_with_smaller_batches_and_end_the_same(self) -> None:
        """A step that has room for two particles: the pass starts over, and so do the sums it had begun."""
        scene = Scene(n=7, modes=2)
        rng = np.random.default_rng(3)
        basis = FieldBasis.of(smooth_basis(scene.centers, 12.0), position=2.0, amplitude=0.2)
        noise = rng.uniform(80, 300, (1, scene.grid.n_shells))
        model = SubspaceModel(scene.centers, scene.weights, scene.sigmas**2, rng.normal(size=(2, basis.size)) * 0.2,
                              noise, 1.0, 0.2, PoseSpread(1.0, 0.03, 0.03))
        found = []
        for size, room in ((7, 2), (2, 7)):
            estimator = SubspaceEstimator(EstimatorSpec(scene.cache, scene.observer, basis, basis, batch_size=size))
            compiled: Any = estimator.spec.compiled
            compiled.step, compiled.statistics = (_with_room(f, room) for f in (compiled.step, compiled.statistics))
            curvature = _with_room(compiled.curvature(model.curvature_rule), room)
            compiled.curvature = lambda _, f=curvature: f
            blank = Posteriors.blank(np.arange(7), model)
            posteriors, sums = estimator.pass_over(model, blank, gradient=True, label="test")
            estimator.batch_size = size
            covariance = estimator.gradient_covariance(model, posteriors)
            estimator.batch_size = 4 * size  # of which curvatures take a quarter
            found.append((posteriors.z, posteriors.log_likelihood, sums.gradient, sums.power, covariance,
                          estimator.curvature(model, posteriors)))
            self.assertLessEqual(estimator._few, 2)
        for first, second in zip(*found, strict=True):
            np.testing.assert_allclose(first, second, atol=1e-4 * np.abs(second).max())

    def test_images_of_all_fields_take_half_a_gigabyte_at_most(self) -> None:
        for fields, expected in ((4, 64), (160, 32)):
            basis = FieldBasis.of(np.ones((10, fields)), position=1.0)
            observer: Any = SimpleNamespace(grid=SimpleNamespace(size=33))
            cache: Any = SimpleNamespace(table=SimpleNamespace(optics_index=np.zeros(1, int)))
            estimator = SubspaceEstimator(EstimatorSpec(cache, observer, basis, basis, batch_size=512))
            self.assertEqual(estimator._few, expected)  # 4 x 33^2 floats for each of 6 components of each field


def _with_room(step: Any, room: int) -> Any:
    def tried(batch: Any, *others: Any) -> Any:
        if batch.planes.shape[0] > room:
            raise _out_of_memory()
        return step(batch, *others)
    return tried


class TestReadAhead(unittest.TestCase):
    def test_batches_come_in_order_filled_up(self) -> None:
        scene = Scene(n=5)
        for rows in (np.arange(5), np.array([3]), np.array([], int)):
            found = list(batches(scene.cache, rows, 2))
            np.testing.assert_array_equal(np.concatenate([c for c, _ in found] or [rows]), rows)
            for chosen, batch in found:
                self.assertEqual(batch.planes.shape[0], 2)
                self.assertEqual(float(tf.reduce_sum(batch.is_particle)), len(chosen))
                np.testing.assert_array_equal(batch.planes[0], scene.planes[chosen[0]].astype(np.float32))

    def test_an_image_that_cannot_be_read_is_told_where_its_turn_comes(self) -> None:
        scene = Scene(n=4)
        cache, planes = scene.cache, scene.planes

        def read(rows: np.ndarray) -> np.ndarray:
            if rows[0] >= 2:
                raise OSError("a bad disk")
            return np.asarray(planes[rows])

        cache.read = read
        found = batches(cache, np.arange(4), 2)
        np.testing.assert_array_equal(next(found)[0], [0, 1])
        with self.assertRaisesRegex(OSError, "a bad disk"):
            next(found)


if __name__ == "__main__":
    unittest.main()
