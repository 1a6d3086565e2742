"""Maps on another grid than the particles, and masks of any range of values, by the one function of each."""

import tempfile
import unittest
import warnings
from pathlib import Path

import numpy as np

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import DensityMap, write_map
from gmmhet.engine.molecule.field import on_particle_grid
from gmmhet.engine.molecule.masks import read_mask
from gmmhet.tests.engine.io.test_mrc_headers import mrc


def blob(box: int, pixel: float, centre: tuple[float, float, float] = (10.0, -6.0, 4.0), sigma: float = 9.0,
         ) -> np.ndarray:
    """A Gaussian at a place (x, y, z, Angstrom) relative to voxel box // 2."""
    axis = (np.arange(box) - box // 2) * pixel
    x, y, z = (np.exp(-(axis - c) ** 2 / (2 * sigma**2)) for c in centre)
    return (z[:, None, None] * y[:, None] * x).astype(np.float32)


class TestField(unittest.TestCase):
    """The blob is where it was, whatever the grid it came on."""

    def test_padded_and_cropped(self) -> None:
        for box in (28, 29, 33, 40, 64):
            for other in (32, 31):
                with self.subTest(box=box, other=other):
                    found = on_particle_grid(DensityMap(blob(box, 4.0), 4.0), other, 4.0, "m.mrc")
                    self.assertEqual((found.box, found.pixel_size), (other, 4.0))
                    expected = blob(other, 4.0)
                    held = np.abs(np.arange(other) - other // 2) < box // 2
                    inside = np.ix_(held, held, held)
                    np.testing.assert_array_equal(found.data[inside], expected[inside])
                    self.assertLess(np.abs(found.data - expected).max(), 0.02)

    def test_padded_with_the_level_of_the_surroundings(self) -> None:
        found = on_particle_grid(DensityMap(blob(24, 4.0) + 3, 4.0), 40, 4.0, "m.mrc")
        self.assertLess(np.abs(found.data - blob(40, 4.0) - 3).max(), 0.1)

    def test_another_voxel_size(self) -> None:
        """Finer and coarser, over the same field, more and less: by bandwidth, to a thousandth of the peak."""
        for box, pixel in ((64, 2.0), (24, 16 / 3), (50, 3.2), (30, 5.0)):
            with self.subTest(box=box):
                found = on_particle_grid(DensityMap(blob(box, pixel), pixel), 32, 4.0, "m.mrc")
                self.assertLess(np.abs(found.data - blob(32, 4.0)).max(), 0.01)

    def test_sizes_that_headers_round(self) -> None:
        data = blob(32, 4.0)
        found = on_particle_grid(DensityMap(data, 4.0008), 32, 4.0, "m.mrc")
        self.assertIs(found.data, data)
        self.assertEqual(found.pixel_size, 4.0)

    def test_voxel_sizes_that_make_no_sense(self) -> None:
        for box, pixel, words in ((32, 1.0, "expected a voxel size of 4 Å: .* 1 Å is what programs write"),
                                  (32, 40.0, "expected a voxel size of 4 Å"), (32, 4.2, "voxel size of 4 Å"),
                                  (40, 1.0, "expected a field of view of 0.4 to 2.5 times"), (32, 0.4, "voxel size"),
                                  (200, 4.0, "field of view")):
            with self.subTest(box=box, pixel=pixel), self.assertRaisesRegex(InputError, words) as caught:
                on_particle_grid(DensityMap(np.zeros((box,) * 3, np.float32), pixel), 32, 4.0, "m.mrc")
            self.assertIn("m.mrc: map with a field of view of", str(caught.exception))
            self.assertIn("particles of 128 Å (32 pixels of 4 Å)", str(caught.exception))


class TestMasks(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "mask.mrc"

    def ball(self, box: int = 32, pixel: float = 4.0, width: float = 3.0) -> np.ndarray:
        """1 within 30 A of a place off the centre, falling to 0 over some voxels."""
        axis = (np.arange(box) - box // 2) * pixel
        distance = np.sqrt((axis[:, None, None] - 8) ** 2 + (axis[:, None] + 12) ** 2 + axis**2)
        return (0.5 - 0.5 * np.sin(np.clip((distance - 30) / (width * pixel), -0.5, 0.5) * np.pi)).astype(np.float32)

    def read(self, data: np.ndarray, pixel: float = 4.0) -> np.ndarray:
        write_map(self.path, data, pixel)
        return read_mask(self.path, 32, 4.0)

    def refused(self, data: np.ndarray, words: str, pixel: float = 4.0) -> None:
        with self.assertRaisesRegex(InputError, words) as caught:
            self.read(data, pixel)
        self.assertNotIn("\n", str(caught.exception))
        self.assertIn("mask.mrc", str(caught.exception))

    def test_as_it_is(self) -> None:
        for mask in (self.ball(), self.ball(width=1e-3), self.ball(width=9.0), np.ones((32,) * 3, np.float32)):
            np.testing.assert_array_equal(self.read(mask), mask)

    def test_any_range(self) -> None:
        mask = self.ball()
        for low, high in ((0, 255), (0, 1e-3), (-1, 1), (2, 7), (0, 0.4), (-0.02, 1.04), (-200, -100)):
            with self.subTest(low=low, high=high):
                np.testing.assert_allclose(self.read(low + (high - low) * mask), mask, atol=1e-4)

    def test_bytes(self) -> None:
        mask = self.ball(width=1e-3)
        self.path.write_bytes(mrc((mask * 127).astype("i1"), 0, voxel=(4.0, 4.0, 4.0)))
        np.testing.assert_array_equal(read_mask(self.path, 32, 4.0), mask)

    def test_another_grid(self) -> None:
        mask = self.ball()
        for box, pixel in ((64, 2.0), (40, 4.0), (28, 4.0), (20, 5.0), (50, 3.0)):
            with self.subTest(box=box, pixel=pixel):
                found = self.read(self.ball(box, pixel), pixel)
                self.assertEqual(found.shape, mask.shape)
                self.assertTrue(found.min() >= 0 and found.max() <= 1)
                self.assertGreater(float(((found > 0.5) == (mask > 0.5)).mean()), 0.995)

    def test_no_voxel_size(self) -> None:
        """Of a mask in the particles' box it is theirs; of another box it cannot be known."""
        for voxel in (0.0, 1.0):
            self.path.write_bytes(mrc(self.ball(), voxel=(voxel,) * 3))
            with self.assertLogs("gmmhet", "WARNING") as log:
                np.testing.assert_array_equal(read_mask(self.path, 32, 4.0), self.ball())
            self.assertIn("taken as the particles' 4 Å", log.output[0])
            self.path.write_bytes(mrc(self.ball(30), voxel=(voxel,) * 3))
            with self.assertRaisesRegex(InputError, "mask.mrc: map with a field of view of 30 Å"):
                read_mask(self.path, 32, 4.0)

    def test_density(self) -> None:
        """Of a segment (0 around it) and of a map with noise around it the dense region is taken, and said so."""
        rng = np.random.default_rng(0)
        density = 12 * self.ball() * np.exp(rng.normal(0, 0.4, (32,) * 3)).astype(np.float32)
        for data in (density, density + rng.normal(0, 1.0, density.shape).astype(np.float32) - 5):
            with self.assertLogs("gmmhet", "WARNING") as log:
                found = self.read(data)
            self.assertIn("are density, not a mask", log.output[0])
            core, outside = self.ball() > 0.9, self.ball(width=40.0) == 0
            self.assertGreater(float((found[core] > 0.5).mean()), 0.9)
            self.assertLess(float((found[outside] > 0.5).mean()), 0.02)

    def test_what_is_no_mask(self) -> None:
        mask = self.ball()
        self.refused(1 - mask, "inside at the faces of the box: an inverted mask")
        self.refused(-mask, "an inverted mask")
        self.refused(255 * (1 - mask), "an inverted mask")
        self.refused(np.zeros_like(mask), "0 in every voxel")
        self.refused(np.full_like(mask, 7), "7 in every voxel")
        with warnings.catch_warnings(action="ignore"):  # of the writer
            self.refused(np.where(mask > 0, np.nan, mask), "NaN or infinite")
        self.refused(mask[:20], "expected a cubic map")
        corner = np.zeros((60,) * 3, np.float32)
        corner[:6, :6, :6] = 1
        self.refused(corner, "nowhere above 0.5 in the field of view of the particles")


if __name__ == "__main__":
    unittest.main()
