"""Maps of other pixels than their coordinates: a still molecule, sorted by how much its noise looks like a movement."""

import json
import tempfile
import unittest
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from gmmhet.engine.config import ReconstructConfig
from gmmhet.engine.errors import InputError
from gmmhet.engine.io import read_map
from gmmhet.engine.io.star import read_star
from gmmhet.engine.reconstruction import reconstruct
from gmmhet.engine.reconstruction.inputs import cross_fitted, read_placed
from gmmhet.engine.sampling import half_of_pixels
from gmmhet.tests.support.reconstruction_data import ParticleSet, density, molecule

_N, _BOX, _NOISE = 240, 24, 4.0


class TestNoiseThatLooksLikeMotion(unittest.TestCase):
    """Coordinates are computed here, from the images' Fourier transforms: the least squares amount of the change that
    moved atoms make, shrunk by its variance as a posterior mean of unit prior variance is."""

    temporary: ClassVar[tempfile.TemporaryDirectory[str]]
    folder: ClassVar[Path]
    change: ClassVar[np.ndarray]
    coordinates: ClassVar[np.ndarray]
    deviations: ClassVar[np.ndarray]

    @classmethod
    def setUpClass(cls) -> None:
        cls.temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.temporary.cleanup)
        folder = Path(cls.temporary.name)
        centers, weights, sigma = molecule(np.random.default_rng(7))
        moved = centers + 0.15 * np.random.default_rng(1).normal(size=(4, 3))[np.arange(len(centers)) % 4]
        still, other = (ParticleSet(folder / name, box=_BOX, n=_N, atoms=[(c, weights, sigma)] * _N).write()
                        for name, c in (("still", centers), ("moved", moved)))
        noise = _NOISE * np.random.default_rng(2).normal(size=still.images.shape)
        still.write_images((still.images + noise).astype(np.float32))
        seen = np.fft.fft2(noise)
        template = np.fft.fft2(other.images - still.images)
        index = np.abs(np.fft.fftfreq(_BOX, 1 / _BOX)).astype(int)
        first = half_of_pixels(_BOX // 2 + 1)[index[:, None], index]
        variance = _NOISE**2 * _BOX**2
        power = [(np.abs(template) ** 2 * part).sum((1, 2)) / variance for part in (first, ~first, np.ones_like(first))]
        along = [(seen * template.conj() * part).real.sum((1, 2)) / variance for part in (
            first, ~first, np.ones_like(first))]
        z, v = (np.array(a) for a in ([a / (1 + p) for a, p in zip(along, power, strict=True)],
                                      [1 / (1 + p) for p in power]))
        cls.folder, cls.change = still.folder, density((moved, weights, sigma), _BOX) - density(
            (centers, weights, sigma), _BOX)
        cls.coordinates, cls.deviations = z, np.sqrt(v)
        still.write_star("latents.star", {"gmmhetLatent1": z[2], "gmmhetLatentSd1": np.sqrt(v[2])})
        np.savez(cls.folder / "analysis.npz", cross_coordinates=z[:2, :, None].astype(np.float32), resolution=8.0,
                 cross_deviations=np.sqrt(v[:2, :, None]).astype(np.float32))

    def maps(self, **config: Any) -> tuple[dict[str, Any], Path]:
        out = self.folder.parent / "_".join(f"{k}{v}" for k, v in config.items())
        reconstruct(self.folder / "particles.star", self.folder / "latents.star", ReconstructConfig(**config), out)
        return json.loads((out / "summary.json").read_text()), out

    def slope(self, out: Path, summary: dict[str, Any]) -> float:
        """Change of the half maps from the first map to the last, on the true change by as much of the coordinate."""
        records = summary["maps"]
        apart = records[-1]["coordinates"][0] - records[0]["coordinates"][0]
        last, first = (sum(read_map(out / r[half]).data for half in ("half1", "half2")) / 2
                       for r in (records[-1], records[0]))
        return float(((last - first) * self.change).sum() / (self.change**2).sum() / apart)

    def test_maps_of_the_same_pixels_show_a_movement_that_is_not_there(self) -> None:
        summary, out = self.maps(n=2)
        evidence = summary["evidence"]
        self.assertAlmostEqual(evidence["noise_slope"], 1 / (1 - np.square(self.deviations[2]).mean()), places=4)
        self.assertGreater(evidence["noise_slope"], 1.6)
        self.assertAlmostEqual(self.slope(out, summary), evidence["noise_slope"], delta=0.25 * evidence["noise_slope"])
        self.assertEqual((evidence["cross_fit"], evidence["independent_beyond"]), (False, 8.0))
        self.assertIsNone(evidence["mode_significant"])
        self.assertIn("At 8.0 Å and coarser, the maps share noise", evidence["words"])

    def test_maps_of_other_pixels_do_not(self) -> None:
        for by in ("bins", "kernel"):
            with self.subTest(by=by):
                summary, out = self.maps(n=2, by=by, cross_fit="yes")
                self.assertTrue(summary["evidence"]["cross_fit"])
                self.assertIsNone(summary["evidence"]["noise_slope"])
                self.assertLess(abs(self.slope(out, summary)), 0.6)

    def test_every_image_counts_once(self) -> None:
        summary, out = self.maps(n=2, cross_fit="yes")
        self.assertEqual([r["n_particles"] for r in summary["maps"]], [_N // 2] * 2)
        star = read_star(out / "classes.star")
        found = star[next(name for name in star if "particles" in name)].floats("rlnClassNumber")
        medians = np.median(np.concatenate(self.coordinates[:2]))
        expected = [np.where(z > medians, 2, 1) for z in self.coordinates[:2]]
        np.testing.assert_array_equal(found, np.where(expected[0] == expected[1], expected[0], 0))

    def test_each_half_is_at_the_coordinates_of_the_other(self) -> None:
        placed = cross_fitted(read_placed(self.folder / "particles.star", self.folder / "latents.star", None),
                              self.folder / "latents.star")
        assert placed.pixels is not None
        np.testing.assert_array_equal(placed.pixels, np.repeat([0, 1], _N))
        np.testing.assert_allclose(placed.coordinates[:_N, 0], self.coordinates[1], rtol=1e-6)
        np.testing.assert_allclose(placed.coordinates[_N:, 0], self.coordinates[0], rtol=1e-6)
        np.testing.assert_array_equal(placed.particles.halves, np.tile(np.arange(_N) % 2 + 1, 2))

    def test_refused_without_such_coordinates(self) -> None:
        path = self.folder / "analysis.npz"
        kept = path.read_bytes()
        self.addCleanup(path.write_bytes, kept)
        np.savez(path, resolution=8.0)
        with self.assertRaisesRegex(InputError, "--cross-coordinates yes"):
            self.maps(n=2, cross_fit="yes", seed=1)
        np.savez(path, cross_coordinates=np.zeros((2, 3, 1)), cross_deviations=np.zeros((2, 3, 1)))
        with self.assertRaisesRegex(InputError, r"\(2, 3, 1\); expected \(2, 240, 1\)"):
            self.maps(n=2, cross_fit="yes", seed=1)

    def test_a_mode_of_noise_is_named_first(self) -> None:
        path = self.folder / "summary.json"
        path.write_text(json.dumps({"modes": [{"significant": False}]}))
        self.addCleanup(path.unlink)
        for by in ("bins", "kernel"):
            with self.assertLogs("gmmhet", "INFO") as told:
                summary, _ = self.maps(n=2, by=by, seed=2)
            self.assertIn("mode 1 is not significant", told.records[0].getMessage())
            self.assertIs(summary["evidence"]["mode_significant"], False)


if __name__ == "__main__":
    unittest.main()
