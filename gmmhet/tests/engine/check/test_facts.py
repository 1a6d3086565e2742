"""What a check reads from the particle file and the images alone, and its parts."""

import dataclasses
import unittest

import numpy as np

from gmmhet.engine.check import check_poses, contrast_with
from gmmhet.engine.check.agreement import SlicedMap
from gmmhet.engine.check.facts import facts_of
from gmmhet.engine.check.images import check_images_of, particle_radius
from gmmhet.engine.conventions import euler_to_matrix
from gmmhet.engine.io import (
    DensityMap,
    write_stack,
)
from gmmhet.engine.molecule.contrast import Contrast, disagree
from gmmhet.tests.support.checked_set import BOX, PIXEL, CheckedSet


class TestParts(CheckedSet):
    def test_slices_of_a_map_are_its_plain_sum_of_waves(self) -> None:
        """Against the sum over voxels written out, for an odd and an even box."""
        for box in (8, 9):
            data = np.random.default_rng(box).normal(size=(box, box, box)).astype(np.float32)
            data[0] = data[-1] = data[:, 0] = data[:, -1] = data[:, :, 0] = data[:, :, -1] = 0  # solvent level 0
            rotations = euler_to_matrix([[20.0, 50.0, -70.0], [100.0, 10.0, 5.0]])
            kx, ky = np.array([0.0, 0.03, -0.05]), np.array([0.04, 0.01, 0.02])
            found = SlicedMap(DensityMap(data, 3.0), 6.0).at(rotations, kx, ky)
            axis = (np.arange(box) - box // 2) * 3.0
            level = SlicedMap(DensityMap(data, 3.0), 6.0)._data.real - data  # what was taken off everywhere
            z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
            for i, rotation in enumerate(rotations):
                for j in range(3):
                    k = rotation.T @ [kx[j], ky[j], 0]
                    expected = ((data + level) * np.exp(-2j * np.pi * (k[0] * x + k[1] * y + k[2] * z))).sum()
                    self.assertAlmostEqual(found[i, j], expected, delta=2e-3 * np.abs(data).sum() / box)

    def test_normalisation_and_brightness(self) -> None:
        """Flat images of known background; the middle is brighter or darker."""
        rng = np.random.default_rng(1)
        axis = np.arange(BOX) - BOX // 2
        disc = (np.hypot(axis[:, None], axis) < 7).astype(np.float32)
        for mean, deviation, bright in ((0.0, 1.0, 1), (3.0, 2.0, -1), (0.0, 1.0, 0)):
            images = (mean + deviation * rng.normal(size=(40, BOX, BOX)) + 0.3 * bright * disc).astype(np.float32)
            path = self.folder / "flat.mrcs"
            write_stack(path, images.shape, PIXEL, [images])
            table = self.changed(stacks=(path,))
            found = check_images_of(table, np.arange(40), 80.0)
            self.assertAlmostEqual(found.mean[1], mean, delta=0.1)
            self.assertAlmostEqual(found.deviation[1], deviation, delta=0.1)
            self.assertEqual(found.normalised, mean == 0)
            self.assertEqual(found.brightness, bright)
        scales = np.repeat([1.0, 2.0], 20)[:, None, None]
        images = (scales * rng.normal(size=(40, BOX, BOX))).astype(np.float32)
        write_stack(path, images.shape, PIXEL, [images])
        (warning,) = check_images_of(self.changed(stacks=(path,)), np.arange(40), 80.0).warnings
        self.assertIn("not on one greyscale", warning)
        images[:20] /= images[:20].std()
        images[20:] /= images[20:].std()
        images[7] = 0.0
        write_stack(path, images.shape, PIXEL, [images])
        (warning,) = check_images_of(self.changed(stacks=(path,)), np.arange(40), 80.0).warnings
        self.assertIn("1 of 40 images have a single value outside the particle", warning)

    def test_radius_of_the_particle(self) -> None:
        axis = (np.arange(BOX) - BOX // 2) * PIXEL
        ball = (axis[:, None, None]**2 + axis[:, None]**2 + axis**2 < 60**2).astype(np.float32)
        self.assertAlmostEqual(particle_radius(DensityMap(ball, PIXEL), self.table), 66, delta=2 * PIXEL)
        self.assertEqual(particle_radius(None, self.table), BOX // 2 * PIXEL)

    def test_contrast_is_judged_alike(self) -> None:
        """Gaussians that lose the agreement, or turn its sign, contradict the map; chance contradicts nothing."""
        given = Contrast(0.16, 0.01)
        self.assertTrue(disagree(given, Contrast(-0.03, 0.01), same_score=False))
        self.assertTrue(disagree(given, Contrast(0.05, 0.01), same_score=True))
        self.assertFalse(disagree(given, Contrast(0.05, 0.01), same_score=False))
        self.assertFalse(disagree(given, Contrast(-0.03, 0.04), same_score=False))
        self.assertFalse(disagree(Contrast(0.005, 0.01), Contrast(-0.2, 0.01), same_score=True))
        self.assertEqual(Contrast(-0.2, 0.1).sign, -1)
        found = contrast_with(self.table, self.map)
        self.assertAlmostEqual(found.given, check_poses(self.table, self.map).given, 6)

    def test_values_of_another_unit_are_told(self) -> None:
        table = self.changed(origins=20 * self.table.origins, defocus=self.table.defocus / 1e4,
                             half_set=np.zeros_like(self.table.half_set))
        told = " ".join(facts_of(table).warnings)
        uneven = np.where(np.arange(len(table)) < 120, 1, 2)
        self.assertIn("half-sets of 120 and 30", facts_of(self.changed(half_set=uneven)).warnings[0])
        for words in ("is it in Angstrom, underfocus positive", "more than a quarter of the box", "no half-sets"):
            self.assertIn(words, told)

    def test_amplitude_contrast_of_the_other_sign(self) -> None:
        optics = tuple(dataclasses.replace(o, amplitude_contrast=-0.1) for o in self.table.optics)
        self.assertIn("amplitude contrast -0.1 is negative", facts_of(self.changed(optics=optics)).warnings[0])

    def test_rows_that_repeat_others(self) -> None:
        """One image twice at one pose is told; at two poses, as after a symmetry expansion, it is not."""
        self.assertEqual(facts_of(self.table).repeated, 0)
        image = self.table.slice_index.copy()
        image[:10] = image[10]
        twice = self.changed(slice_index=image)
        self.assertEqual(facts_of(twice).repeated, 0)
        angles, origins = twice.angles.copy(), twice.origins.copy()
        angles[:4], origins[:4] = angles[10], origins[10]
        found = facts_of(dataclasses.replace(twice, angles=angles, origins=origins))
        self.assertIn("4 rows repeat the image and the pose of another row", "".join(found.warnings))


if __name__ == "__main__":
    unittest.main()
