"""Maps from all particles with their motion undone: an arm that turns by any angle beside a body at rest."""

import json
import tempfile
import unittest
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial.transform import Rotation

from gmmhet.engine.config import ReconstructConfig
from gmmhet.engine.errors import InputError
from gmmhet.engine.io import read_map
from gmmhet.engine.io.points import write_points
from gmmhet.engine.reconstruction import reconstruct
from gmmhet.tests.support.reconstruction_data import ParticleSet, density

_BOX, _PIXEL, _SIGMA = 28, 3.0, 1.2
_SHOWN = (0.0, 120.0)  # degrees
Array = np.ndarray


def arm_and_body() -> tuple[Array, Array, Array]:
    """Centres [N, 3] at 0 degrees in voxels, weights [N], and which atoms [N] turn about z."""
    rng = np.random.default_rng(2)
    body = rng.normal(size=(14, 3)) * [1.8, 1.8, 1.5] + [0, 0, -4]
    arm = rng.normal(size=(9, 3)) * [1.6, 0.8, 0.8] + [5, 0, 3]
    return np.concatenate([body, arm]), rng.uniform(20, 60, 23), np.repeat([False, True], [14, 9])


def turned(centers: Array, arm: Array, angle: float) -> Array:
    out = centers.copy()
    out[arm] = Rotation.from_rotvec([0, 0, np.deg2rad(angle)]).apply(centers[arm])
    return out


class TestMaps(unittest.TestCase):

    folder: ClassVar[Path]
    angles: ClassVar[Array]

    @classmethod
    def setUpClass(cls) -> None:
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.folder = Path(holder.name)
        cls.angles = np.random.default_rng(1).uniform(0, 360, 400)
        cls.centers, cls.weights, cls.arm = arm_and_body()
        data = ParticleSet(cls.folder, box=_BOX, pixel_size=_PIXEL, n=400, noise=6.0, atoms=[
            (turned(cls.centers, cls.arm, a), cls.weights, _SIGMA) for a in cls.angles]).write()
        z = cls.place(cls.angles)
        data.write_star("latents.star", {"gmmhetLatent1": z[:, 0], "gmmhetLatent2": z[:, 1],
                                         "gmmhetLatentSd1": np.full(400, 0.05), "gmmhetLatentSd2": np.full(400, 0.05)})
        write_points(cls.folder / "points.csv", list(cls.place(np.array(_SHOWN))), np.ones(2), np.ones(2, bool))
        cls.write_analysis(z)

    @staticmethod
    def place(angles: Array) -> Array:
        """Coordinates (cos - 1, sin), 0 at 0 degrees."""
        return np.stack([np.cos(np.deg2rad(angles)) - 1, np.sin(np.deg2rad(angles))], axis=1)

    @classmethod
    def write_analysis(cls, z: Array, *, still: bool = False, **more: Any) -> None:
        n = len(cls.centers)
        modes = np.zeros((2, n, 3))
        modes[0, cls.arm, :2] = cls.centers[cls.arm, :2] * _PIXEL
        modes[1, cls.arm, 0], modes[1, cls.arm, 1] = (f * cls.centers[cls.arm, 1 - k] * _PIXEL
                                                      for k, f in enumerate((-1, 1)))
        np.savez(cls.folder / "analysis.npz", coordinates=z, covariance=np.tile(0.0025 * np.eye(2), (400, 1, 1)),
                 centers=cls.centers * _PIXEL, weights=cls.weights * _PIXEL**3, sigmas=np.full(n, _SIGMA * _PIXEL),
                 modes_position=modes * (not still), modes_amplitude=np.zeros((2, n)), box=_BOX, pixel_size=_PIXEL,
                 resolution=9.0, **more)

    def make(self, name: str, **config: Any) -> tuple[Path, dict[str, Any]]:
        out = self.folder / name
        if not (out / "summary.json").is_file():
            reconstruct(self.folder / "particles.star", self.folder / "latents.star", ReconstructConfig(**config), out)
        return out, json.loads((out / "summary.json").read_text())

    def motion(self) -> tuple[Path, dict[str, Any]]:
        return self.make("motion", by="motion", points=self.folder / "points.csv")

    def correlations(self, data: Array, angle: float) -> tuple[float, float]:
        """With the truth, around the arm and around the body."""
        at = turned(self.centers, self.arm, angle)
        true = density((at, self.weights, _SIGMA), _BOX)
        parts = (density((at[own], self.weights[own], _SIGMA), _BOX) for own in (self.arm, ~self.arm))
        near = (part > 0.02 * true.max() for part in parts)
        arm, body = (float(np.corrcoef(data[some], true[some])[0, 1]) for some in near)
        return arm, body

    def test_the_arm_is_where_it_is_and_as_sharp_as_all_particles_make_it(self) -> None:
        out, _ = self.motion()
        one, _ = self.make("one", n=1)
        blurred = read_map(one / "map_01.mrc").data
        for number, angle in enumerate(_SHOWN, 1):
            arm, body = self.correlations(read_map(out / f"map_{number:02d}.mrc").data, angle)
            blurred_arm, blurred_body = self.correlations(blurred, angle)
            self.assertGreater(arm, 0.93)
            self.assertGreater(arm, blurred_arm + 0.2)
            self.assertGreater(body, blurred_body - 0.01)

    def test_better_than_kernels_of_the_same_particles(self) -> None:
        kernels, _ = self.make("kernels", by="kernel", points=self.folder / "points.csv")
        for number, angle in enumerate(_SHOWN, 1):
            name = f"map_{number:02d}.mrc"
            ours, theirs = (self.correlations(read_map(f / name).data, angle)[0] for f in (self.motion()[0], kernels))
            self.assertGreater(ours, theirs)

    def test_greyscale_is_that_of_the_images(self) -> None:
        out, _ = self.motion()
        at = turned(self.centers, self.arm, _SHOWN[1])
        true = density((at, self.weights, _SIGMA), _BOX)
        found = read_map(out / "map_02.mrc").data
        self.assertAlmostEqual(float((found * true).sum() / (true * true).sum()), 1.0, delta=0.12)

    def test_half_maps_are_of_half_the_particles(self) -> None:
        """Noise of the two halves is independent, in the solvent and in the arm."""
        out, summary = self.motion()
        first, second = (read_map(out / f"map_01_half{h}.mrc").data for h in (1, 2))
        at = turned(self.centers, self.arm, 0.0)
        empty = density((at, self.weights, 2.5 * _SIGMA), _BOX) < 1e-3
        axis = np.arange(_BOX) - _BOX // 2
        inside = (axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2) < (0.45 * _BOX) ** 2
        noise = np.corrcoef(first[empty & inside], second[empty & inside])[0, 1]
        self.assertLess(abs(noise), 0.15)
        record = summary["maps"][0]
        self.assertEqual((record["n_particles"], record["n_half1"], record["n_half2"], record["parts"]),
                         (400, 200, 200, 2))

    def test_what_does_not_move_is_one_part(self) -> None:
        """And its map that of all particles."""
        self.addCleanup(self.write_analysis, self.place(self.angles))
        self.write_analysis(self.place(self.angles), still=True)
        out, summary = self.make("still", by="motion", points=self.folder / "points.csv")
        one, _ = self.make("one", n=1)
        self.assertEqual(summary["maps"][0]["parts"], 1)
        ours, plain = (read_map(folder / "map_01.mrc").data for folder in (out, one))
        self.assertGreater(np.corrcoef(ours.ravel(), plain.ravel())[0, 1], 0.99)

    def test_maps_that_are_there_are_kept(self) -> None:
        out, _ = self.motion()
        before = read_map(out / "map_02.mrc").data.copy()
        (out / "map_01.mrc").unlink()
        reconstruct(self.folder / "particles.star", self.folder / "latents.star",
                    ReconstructConfig(by="motion", points=self.folder / "points.csv", resume=True), out)
        np.testing.assert_array_equal(read_map(out / "map_02.mrc").data, before)
        self.assertTrue((out / "map_01.mrc").is_file())

    def test_what_it_cannot_do_is_said(self) -> None:
        z = self.place(self.angles)
        self.addCleanup(self.write_analysis, z)
        self.write_analysis(z, local_pose=np.zeros((400, 6)))
        with self.assertRaisesRegex(InputError, "a part with a pose of its own; --by motion expects"):
            self.make("refused", by="motion", points=self.folder / "points.csv")
        (self.folder / "analysis.npz").unlink()
        with self.assertRaisesRegex(InputError, r"analysis\.npz"):
            self.make("refused", by="motion", points=self.folder / "points.csv")
        self.assertFalse((self.folder / "refused").exists())
        self.write_analysis(z)
        with self.assertRaisesRegex(InputError, "--symmetry is C2"):
            ReconstructConfig(by="motion", symmetry="C2")


class TestInterface(unittest.TestCase):
    """Two parts that touch, described by Gaussians twice as wide as their atoms: what is finer is there once."""

    def test_detail_where_parts_meet(self) -> None:
        rng, n, middle = np.random.default_rng(5), 500, 14
        centers = np.concatenate([rng.uniform(-5, 5, (40, 3)) * [0.5, 0.8, 0.8] + [side * 2.4, 0, 0]
                                  for side in (-1, 1)])
        second, weights = np.repeat([False, True], 40), rng.uniform(20, 60, 80)
        angles = rng.uniform(-50, 50, n)

        def at(angle: float) -> Array:
            out = centers.copy()
            out[second] = Rotation.from_rotvec([np.deg2rad(angle), 0, 0]).apply(centers[second])
            return out

        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            data = ParticleSet(folder, box=_BOX, pixel_size=_PIXEL, n=n, noise=2.0,
                               atoms=[(at(a), weights, _SIGMA) for a in angles]).write()
            turns = np.deg2rad(angles)
            z = np.stack([np.cos(turns) - 1, np.sin(turns)], axis=1)
            data.write_star("latents.star", {"gmmhetLatent1": z[:, 0], "gmmhetLatent2": z[:, 1]})
            modes = np.zeros((2, 80, 3))
            y, x3 = centers[second, 1] * _PIXEL, centers[second, 2] * _PIXEL
            modes[0, second, 1], modes[0, second, 2], modes[1, second, 1], modes[1, second, 2] = y, x3, -x3, y
            np.savez(folder / "analysis.npz", coordinates=z, covariance=np.tile(1e-4 * np.eye(2), (n, 1, 1)),
                     centers=centers * _PIXEL, weights=weights * _PIXEL**3, sigmas=np.full(80, 2 * _SIGMA * _PIXEL),
                     modes_position=modes, modes_amplitude=np.zeros((2, 80)), box=_BOX, pixel_size=_PIXEL,
                     resolution=9.0)
            write_points(folder / "points.csv", [[0.0, 0.0]], [1.0], [True])
            reconstruct(folder / "particles.star", folder / "latents.star",
                        ReconstructConfig(by="motion", points=folder / "points.csv"), folder / "maps")
            found = read_map(folder / "maps" / "map_01.mrc").data
        true = density((centers, weights, _SIGMA), _BOX)
        ours, fine = (m - gaussian_filter(m, 2 * _SIGMA) for m in (found, true))
        near = (slice(middle - 4, middle + 5),) * 2 + (slice(middle - 1, middle + 2),)  # z, y, x: around the interface
        slope = float((ours[near] * fine[near]).sum() / (fine[near] ** 2).sum())
        self.assertAlmostEqual(slope, 1.0, delta=0.25)
        self.assertGreater(np.corrcoef(ours[near].ravel(), fine[near].ravel())[0, 1], 0.9)


if __name__ == "__main__":
    unittest.main()
