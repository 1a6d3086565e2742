"""Small maps that are turned for windows."""

import unittest

import numpy as np

from gmmhet.engine.io import DensityMap
from gmmhet.engine.landscape import inside_molecule, shell_correlation, thumbnails, turned

N, PIXEL = 32, 4.0


def blob(center: tuple[float, float, float], sigma: float = 2.5, n: int = N) -> np.ndarray:
    """A Gaussian at x, y, z voxels from the middle."""
    z, y, x = np.mgrid[:n, :n, :n] - n // 2
    square = (x - center[0]) ** 2 + (y - center[1]) ** 2 + (z - center[2]) ** 2
    return np.exp(-square / (2 * sigma**2)).astype(np.float32)


def middle(volume: np.ndarray) -> np.ndarray:
    """Centre of mass, x, y, z voxels from the middle."""
    axis = np.arange(len(volume)) - len(volume) // 2
    total = volume.sum()
    return np.array([(volume.sum((0, 1)) * axis).sum(), (volume.sum((0, 2)) * axis).sum(),
                     (volume.sum((1, 2)) * axis).sum()]) / total


class TestTurned(unittest.TestCase):

    def test_a_point_goes_where_the_rotation_takes_it(self) -> None:
        angle = 0.6
        c, s = np.cos(angle), np.sin(angle)
        for rotation in (np.eye(3), np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]),
                         np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])):
            place = np.array([5.0, -3.0, 2.0])
            found = turned(blob(tuple(place)), rotation)
            np.testing.assert_allclose(middle(found), rotation @ place, atol=0.05)

    def test_the_identity_changes_nothing(self) -> None:
        volume = blob((1, 2, 3))
        np.testing.assert_allclose(turned(volume, np.eye(3)), volume, atol=1e-6)


class TestThumbnails(unittest.TestCase):

    def test_all_maps_are_cut_alike_and_hold_their_molecule(self) -> None:
        maps = [blob((3, 0, 0), n=96), blob((-3, 0, 0), n=96)]
        found = thumbnails(maps, PIXEL)
        self.assertEqual(found.maps[0].shape, found.maps[1].shape)
        self.assertLessEqual(len(found.mean), 72)
        scale = PIXEL / found.pixel_size  # voxels of a thumbnail for one of the map
        for small, x in zip(found.maps, (3, -3), strict=True):
            self.assertAlmostEqual(float(middle(small)[0]), x * scale, delta=1.0)
            self.assertGreater(float(small.max()), found.level)
            self.assertLess(float(max(small[0].max(), small[-1].max(), small[:, 0].max())), found.level)

    def test_inside_is_the_molecule_and_no_noise(self) -> None:
        rng = np.random.default_rng(0)
        volume = blob((2, 1, 0), 4.0) + rng.normal(0, 0.01, (N,) * 3).astype(np.float32)
        inside = inside_molecule(volume, PIXEL)
        self.assertTrue(inside[N // 2, N // 2 + 1, N // 2 + 2])
        self.assertFalse(inside[0].any() or inside[-1].any())
        self.assertLess(float(inside.mean()), 0.3)

    def test_where_nothing_stands_out_all_is_inside(self) -> None:
        self.assertTrue(inside_molecule(np.zeros((N,) * 3, np.float32), PIXEL).all())

    def test_equal_maps_correlate_to_one(self) -> None:
        density = DensityMap(blob((0, 0, 0)), PIXEL)
        frequency, correlation = shell_correlation(density, density)
        self.assertAlmostEqual(float(frequency[0]), 1 / (N * PIXEL))
        np.testing.assert_allclose(correlation[:6], 1.0)


if __name__ == "__main__":
    unittest.main()
