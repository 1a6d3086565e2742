"""The fit stage: planted Gaussians, true scale, choices, files, atomic models, bad input."""

import contextlib
import csv
import io
import json
import tempfile
import unittest
import warnings
from pathlib import Path
from typing import Any

import gemmi
import mrcfile
import numpy as np
from scipy.spatial import cKDTree

from gmmhet.engine.commands.main import main
from gmmhet.engine.config import FitConfig
from gmmhet.engine.errors import InputError
from gmmhet.engine.fitting import fit
from gmmhet.engine.fitting.atoms import Atoms, atomic_density, read_atoms
from gmmhet.engine.fitting.choices import choose_number, resolution_of_number
from gmmhet.engine.fitting.molecule import MapToFit, fit_molecule
from gmmhet.engine.fitting.seeding import seed_points
from gmmhet.engine.fitting.settings import CHOICES
from gmmhet.engine.io import DensityMap, read_map, write_map
from gmmhet.engine.molecule.gaussian_map import gaussian_density
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.molecule.maps import fourier_shell_correlation
from gmmhet.engine.molecule.symmetry import symmetric_copies


def protein(seed: int = 0, residues: int = 500) -> np.ndarray:
    """Residues filling two lobes at no less than 4 A from each other; centred near (5, 0, 0), about 85,000 A^3."""
    rng = np.random.default_rng(seed)
    kept: list[np.ndarray] = []
    while len(kept) < residues:
        point = rng.uniform((-45, -25, -25), (50, 25, 25))
        left, right = ((point - (-15, 0, 0)) / (28, 22, 22)) ** 2, ((point - (25, 5, 5)) / (22, 18, 20)) ** 2
        far = not kept or ((np.array(kept) - point) ** 2).sum(1).min() > 16
        if min(left.sum(), right.sum()) < 1 and far:
            kept.append(point)
    return np.array(kept)


def protein_map(box: int, pixel: float, sigma: float = 3.5, weight: float = 55.0) -> DensityMap:
    points = protein()
    n = len(points)
    return gaussian_density(GaussianModel(points, np.full(n, weight), np.full(n, sigma), box, pixel, 10.0))


def correlation_at(model: GaussianModel, density: DensityMap) -> float:
    frequency, curve = fourier_shell_correlation(gaussian_density(model).data, density.data, density.pixel_size)
    return float(np.interp(1 / model.resolution, frequency, curve))


def summary_of(output: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((output.parent / "summary.json").read_text())
    return found


def fit_map(density: DensityMap, config: FitConfig, mask: np.ndarray | None = None, finest: float = CHOICES.finest,
            ) -> GaussianModel:
    return fit_molecule(MapToFit(density, mask=mask, finest=finest), config)[0]


class TestPlanted(unittest.TestCase):
    def test_planted_gaussians_are_recovered(self):
        """Ten Gaussians 20 A apart or more, of different weights and widths: positions to 0.1 A, the rest to 2%."""
        for box in (40, 41):
            rng = np.random.default_rng(box)
            grid = np.stack(np.meshgrid(*[np.arange(-20, 21, 20)] * 3), axis=-1).reshape(-1, 3)
            centers = rng.permutation(grid)[:10] + rng.uniform(-1, 1, (10, 3)) + (8, 0, -4)
            truth = GaussianModel(centers, rng.uniform(800, 1200, 10), rng.uniform(4, 6, 10), box, 3.0, 12.0)
            found = fit_map(gaussian_density(truth), FitConfig(n_gaussians=10, resolution=12.0))
            distance, nearest = cKDTree(found.centers).query(truth.centers)
            with self.subTest(box=box):
                self.assertEqual(sorted(nearest), list(range(10)))
                self.assertLess(distance.max(), 0.1)
                np.testing.assert_allclose(found.weights[nearest], truth.weights, rtol=0.02)
                np.testing.assert_allclose(found.sigmas[nearest], truth.sigmas, rtol=0.02)

    def test_planted_asymmetric_unit_is_recovered(self):
        unit = np.array([[30.0, 8.0, 12.0], [22.0, -6.0, 30.0], [38.0, 2.0, -8.0]])
        truth = GaussianModel(unit, np.array([900.0, 1000, 1100]), np.array([5.0, 5, 5]), 40, 4.0, 14.0, "C3")
        found = fit_map(gaussian_density(truth), FitConfig(n_gaussians=9, resolution=14.0, symmetry="C3"))
        self.assertEqual((len(found), found.symmetry), (3, "C3"))
        distance, _ = cKDTree(symmetric_copies(found).centers).query(symmetric_copies(truth).centers)
        self.assertLess(distance.max(), 0.1)

    def test_wrong_symmetry_is_told(self):
        with self.assertLogs("gmmhet", "WARNING") as log:
            fit_map(protein_map(40, 4.0), FitConfig(n_gaussians=60, resolution=14.0, symmetry="C4"))
        self.assertIn("symmetry C4", log.output[0])


class TestConsensus(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.density = protein_map(48, 4.0)
        cls.model = fit_map(cls.density, FitConfig())

    def test_automatic_choices(self):
        """Resolution near 9 to 12 A for 4 A pixels; hundreds of Gaussians for a 70 kDa body; one per (0.7 d)^3."""
        self.assertTrue(9.0 <= self.model.resolution <= 12.0, self.model.resolution)
        self.assertTrue(100 <= len(self.model) <= 600, len(self.model))
        self.assertEqual(choose_number(150e3 * 1.21, 16.0), 129)
        self.assertEqual(choose_number(1e9, 8.0), 4096)
        self.assertAlmostEqual(resolution_of_number(129, 150e3 * 1.21), 16.0, 1)

    def test_fit_reaches_its_resolution(self):
        self.assertGreater(correlation_at(self.model, self.density), 0.9)

    def test_projections_have_the_scale_of_the_maps(self):
        """Sums along each axis, low-passed by the model's own limit: least-squares factor within 1%."""
        fitted = gaussian_density(self.model).data
        for axis in range(3):
            image, wanted = fitted.sum(axis), self.density.data.sum(axis)
            self.assertAlmostEqual((image * wanted).sum() / (wanted**2).sum(), 1, delta=0.01)
            self.assertGreater(np.corrcoef(image.ravel(), wanted.ravel())[0, 1], 0.999)
        self.assertAlmostEqual(self.model.weights.sum() / (500 * 55.0), 1, delta=0.02)

    def test_gaussians_are_on_the_molecule_and_positive(self):
        self.assertLess(cKDTree(protein()).query(self.model.centers)[0].max(), 8)
        self.assertGreater(self.model.weights.min(), 0)
        self.assertGreater(self.model.sigmas.min(), 0.2 * self.model.resolution)
        self.assertLess(self.model.sigmas.max(), 0.61 * self.model.resolution)

    def test_solvent_level_and_scale_do_not_matter(self):
        """A map times 3 plus a constant gives the same Gaussians with weights times 3, to what float32 leaves."""
        other = fit_map(DensityMap(3 * self.density.data + np.float32(0.5), 4.0), FitConfig(seed=0))
        self.assertEqual(len(other), len(self.model))
        self.assertAlmostEqual(other.weights.sum() / self.model.weights.sum(), 3, delta=0.03)
        self.assertGreater(np.corrcoef(gaussian_density(other).data.ravel(),
                                       gaussian_density(self.model).data.ravel())[0, 1], 0.999)

    def test_same_seed_same_model(self):
        again = fit_map(self.density, FitConfig())
        np.testing.assert_array_equal(again.centers, self.model.centers)
        other = fit_map(self.density, FitConfig(seed=1))
        self.assertFalse(np.array_equal(other.centers, self.model.centers))

    def test_noise_lowers_the_automatic_resolution(self):
        inside = self.density.data > 0.2 * self.density.data.max()
        noise = np.random.default_rng(0).normal(size=self.density.data.shape) * 0.3 * self.density.data[inside].std()
        noisy = DensityMap((self.density.data + noise).astype(np.float32), 4.0)
        clean, found = (fit_map(density, FitConfig(), finest=8.0) for density in (self.density, noisy))
        self.assertGreater(found.resolution, clean.resolution + 1)
        self.assertGreater(correlation_at(found, self.density), 0.7)

    def test_a_number_alone_sets_the_resolution_it_can_carry(self):
        found = fit_map(self.density, FitConfig(n_gaussians=40))
        self.assertEqual(len(found), 40)
        self.assertTrue(16 < found.resolution < 22, found.resolution)

    def test_mask_leaves_the_other_lobe_out(self):
        axis = (np.arange(48) - 24) * 4.0
        mask = np.broadcast_to((axis < 0).astype(np.float32), (48, 48, 48))
        found = fit_map(self.density, FitConfig(n_gaussians=40, resolution=14.0), mask=mask)
        self.assertLess(found.centers[:, 0].max(), 25)
        self.assertTrue((found.centers[:, 0] < -5).sum() > 20)


class TestSeeds(unittest.TestCase):
    def test_mass_is_shared_and_seeds_spread(self):
        rng = np.random.default_rng(0)
        points, masses = rng.uniform(-1, 1, (4000, 3)), rng.uniform(0.5, 1.5, 4000)
        centers, nearest = seed_points(points, masses, 27)
        self.assertAlmostEqual(nearest.sum(), masses.sum())
        distance = cKDTree(centers).query(centers, k=2)[0][:, 1]
        self.assertGreater(distance.min(), 0.3)  # 27 cells in a cube of edge 2: about 0.67 apart

    def test_more_seeds_than_points(self):
        with self.assertRaisesRegex(ValueError, "3 seeds among 2 points"):
            seed_points(np.zeros((2, 3)), np.ones(2), 3)


class TestStage(unittest.TestCase):
    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)

    def write(self, name: str, data: np.ndarray, pixel: float = 4.0) -> Path:
        path = self.folder / name
        write_map(path, data, pixel)
        return path

    def write_unchecked(self, name: str, data: np.ndarray, pixel: float) -> Path:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # mrcfile's, about the NaN that is wanted here
            return self.write(name, data, pixel)

    def test_files(self):
        density = protein_map(40, 4.0)
        source = self.write("map.mrc", density.data)
        output = self.folder / "new" / "molecule.npz"
        self.assertEqual(main(["fit", str(source), "--n-gaussians", "120", "--resolution", "14", "-o", str(output)]), 0)
        self.assertEqual({p.name for p in output.parent.iterdir()},
                         {"molecule.npz", "molecule.cif", "fitted.mrc", "fsc.csv", "summary.json"})
        model = GaussianModel.load(output)
        self.assertEqual((len(model), model.box, model.pixel_size, model.resolution), (120, 40, 4.0, 14.0))
        fitted = read_map(output.parent / "fitted.mrc")
        np.testing.assert_allclose(fitted.data, gaussian_density(model).data, atol=1e-6)
        self.assertEqual(fitted.pixel_size, 4.0)
        frequency = np.arange(1, 21) / 160
        curve = fourier_shell_correlation(density.data, fitted.data, 4.0)[1]  # of a clean map: no solvent to leave out
        with open(output.parent / "fsc.csv", newline="") as rows:
            table = list(csv.DictReader(rows))
        self.assertEqual(list(table[0]), ["frequency", "resolution", "fsc"])
        np.testing.assert_allclose([float(r["frequency"]) for r in table], frequency, atol=1e-6)
        told, fitted_to = np.array([float(r["fsc"]) for r in table]), frequency <= 1 / 14
        np.testing.assert_allclose(told[fitted_to], curve[fitted_to], atol=2e-3)
        self.assertAlmostEqual(summary_of(output)["fsc_at_resolution"], np.interp(1 / 14, frequency, told), 4)
        np.testing.assert_allclose([float(r["resolution"]) for r in table], 1 / frequency, rtol=1e-4)
        summary = json.loads((output.parent / "summary.json").read_text())
        self.assertEqual((summary["n_gaussians"], summary["resolution"]), (120, 14.0))
        self.assertGreater(summary["fsc_at_resolution"], 0.9)
        self.assertAlmostEqual(summary["plain_fsc_at_resolution"], np.interp(1 / 14, frequency, curve), 4)
        self.assertLess(summary["resolution_fsc500"], 14.0)
        self.assertEqual(summary["parameters"]["n_gaussians"], 120)
        self.assertGreater(summary["timing"]["total"], 0)

    def test_pseudo_atoms_lie_on_the_map(self):
        """An atom at corner-based coordinates (x, y, z) is at voxel (z, y, x) / pixel of the map."""
        for symmetry, copies in (("C1", 1), ("C2", 2)):
            data = np.zeros((24, 24, 24), np.float32)
            data[9, 14, 17] = data[9, 10, 7] = 1.0  # the second is the first turned by 180 degrees about z
            source = self.write("two.mrc", read_map(self.write("points.mrc", data)).data)
            model = fit(source, FitConfig(n_gaussians=2, resolution=12.0, symmetry=symmetry), self.folder / "m.npz")
            structure = gemmi.read_structure(str(self.folder / "m.cif"))
            atoms = [atom for chain in structure[0] for residue in chain for atom in residue]
            self.assertEqual((len(atoms), len(model)), (2, 2 // copies))
            positions = np.array(sorted(atom.pos.tolist() for atom in atoms))
            np.testing.assert_allclose(positions / 4.0, [[7, 10, 9], [17, 14, 9]], atol=0.1)
            np.testing.assert_allclose([atom.b_iso for atom in atoms], 8 * np.pi**2 * model.sigmas[0] ** 2, rtol=0.05)
            self.assertAlmostEqual(max(atom.occ for atom in atoms), 1.0)
            self.assertEqual({atom.name for atom in atoms}, {"CA"})

    def test_bad_input_is_one_line(self):
        good = protein_map(24, 8.0, 6.0).data
        holed = good.copy()
        holed[3, 4, 5] = np.nan
        with mrcfile.new(self.folder / "flat.mrc") as flat:
            flat.set_data(good[:12])
            flat.voxel_size = 8.0
        (self.folder / "text.mrc").write_text("no map")
        cases = [
            (self.folder / "absent.mrc", {}, "no such file"),
            (self.folder / "absent.pdb", {}, "no such file"),
            (self.folder / "text.mrc", {}, "not a readable MRC"),
            (self.folder / "flat.mrc", {}, "expected a cubic map"),
            (self.write_unchecked("nan.mrc", holed, 8.0), {}, "NaN or infinite"),
            (self.write("empty.mrc", np.zeros((24, 24, 24)), 8.0), {}, "0 in every voxel; expected the map"),
            (self.write("black.mrc", -good, 8.0), {}, "white on black"),
            (self.write("good.mrc", good, 8.0), {"resolution": 15.0}, "expected at least 16 Å"),
            (self.folder / "good.mrc", {"resolution": 100.0}, "expected at most 48 Å"),
            (self.folder / "good.mrc", {"mask": self.write("mask.mrc", good, 4.0)},
             "24 voxels of 4 Å.*expected a voxel size of 8"),
            (self.folder / "good.mrc", {"mask": self.write("none.mrc", 0 * good, 8.0)}, "0 in every voxel"),
        ]
        for source, options, message in cases:
            with self.subTest(message), self.assertRaisesRegex(InputError, message) as caught:
                fit(source, FitConfig(**options), self.folder / "out" / "model.npz")
            self.assertNotIn("\n", str(caught.exception))
        self.assertEqual(list((self.folder / "out").iterdir()), [])

    def test_unwritable_folder_and_unknown_symmetry(self):
        source = self.write("good.mrc", protein_map(24, 8.0, 6.0).data, 8.0)
        (self.folder / "file").write_text("")
        with self.assertRaisesRegex(InputError, "cannot be written"):
            fit(source, FitConfig(), self.folder / "file" / "model.npz")
        self.assertEqual(main(["fit", str(source), "--symmetry", "Q4", "-o", str(self.folder / "model.npz")]), 2)
        self.assertFalse((self.folder / "model.npz").exists())


class TestAtoms(unittest.TestCase):
    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)

    def structure(self, points: np.ndarray, name: str) -> Path:
        """Residues of one carbon and one oxygen (14 electrons) each, and a water far away."""
        chain = gemmi.Chain("A")
        for number, point in enumerate([*points, (99.0, 99.0, 99.0)], 1):
            residue = gemmi.Residue()
            residue.name, residue.seqid = "HOH" if number > len(points) else "GLY", gemmi.SeqId(number, " ")
            for element, x in (("C", 0.0), ("O", 1.2)):
                atom = gemmi.Atom()
                atom.name, atom.element = element, gemmi.Element(element)
                atom.pos = gemmi.Position(point[0] + x, point[1], point[2])
                residue.add_atom(atom)
            chain.add_residue(residue)
        model = gemmi.Model(1)
        model.add_chain(chain)
        structure = gemmi.Structure()
        structure.add_model(model)
        structure.setup_entities()
        path = self.folder / name
        if path.suffix == ".pdb":
            structure.write_minimal_pdb(str(path))
        else:
            structure.make_mmcif_document().write_file(str(path))
        return path

    def test_density_of_two_atoms(self):
        """Integral: the electrons; first moment: their centre; at an atom: Z (2 pi s^2)^-3/2 and the neighbour's."""
        atoms = Atoms(np.array([[0.0, 0, 0], [0, 12.0, 0]]), np.array([6.0, 8.0]))
        density = atomic_density(atoms, 12.0, box=30, pixel_size=3.0)
        self.assertAlmostEqual(density.data.sum() * 27, 14, 1)
        axis = (np.arange(30) - 15) * 3.0
        self.assertAlmostEqual((density.data.sum((0, 2)) * axis).sum() * 27 / 14, 8 * 12 / 14, 2)
        height = (2 * np.pi * 2.7**2) ** -1.5
        self.assertAlmostEqual(density.data[15, 15, 15] / (height * (6 + 8 * np.exp(-144 / (2 * 2.7**2)))), 1, 4)

    def test_both_formats_give_the_same_gaussians_in_the_frame_of_the_file(self):
        points = protein(residues=300) + np.array([30, -10, 0])
        models = [fit(self.structure(points, name), FitConfig(n_gaussians=60), self.folder / "model.npz")
                  for name in ("molecule.pdb", "molecule.cif")]
        self.assertEqual(len(read_atoms(self.folder / "molecule.cif").electrons), 600)
        # PDB rounds positions, and rounding grows over the steps of a fit: densities agree, not digits
        first, second = (gaussian_density(model).data.ravel() for model in models)
        self.assertGreater(np.corrcoef(first, second)[0, 1], 0.998)
        model = models[1]
        self.assertAlmostEqual(model.weights.sum() / (300 * 14), 1, delta=0.03)
        middle = model.weights @ model.centers / model.weights.sum()
        np.testing.assert_allclose(middle, points.mean(0) + np.array([1.2 * 8 / 14, 0, 0]), atol=0.7)
        self.assertEqual(model.about["origin"], "the atomic model's own")
        self.assertGreater(model.box * model.pixel_size / 2, np.abs(points).max())
        self.assertGreater(json.loads((self.folder / "summary.json").read_text())["fsc_at_resolution"], 0.9)

    def test_output_is_the_name_of_a_file(self):
        for output in ("model", "."):
            error = io.StringIO()
            with contextlib.redirect_stderr(error):
                status = main(["fit", str(self.structure(protein(residues=20), "small.cif")), "-o",
                               str(self.folder / output)])
            self.assertEqual(status, 2)
            self.assertIn("expected the name of the model's file", error.getvalue())
        self.assertEqual([p.name for p in self.folder.iterdir()], ["small.cif"])

    def test_bad_models(self):
        (self.folder / "empty.pdb").write_text("REMARK nothing\nEND\n")
        (self.folder / "broken.cif").write_text("data_x\nloop_\n_a\n_b\n1 2 3\n")
        far = self.structure(protein(residues=20) + np.array([9000, 0, 0]), "far.cif")
        for path, message in ((self.folder / "empty.pdb", "holds no atoms"), (far, "move the molecule to the origin"),
                              (self.folder / "broken.cif", "not a readable atomic model")):
            with self.subTest(message), self.assertRaisesRegex(InputError, message):
                fit(path, FitConfig(), self.folder / "model.npz")


if __name__ == "__main__":
    unittest.main()
