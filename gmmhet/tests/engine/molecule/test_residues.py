"""Residues of parts, against models in which it is known which residues are where."""

import tempfile
import unittest
from pathlib import Path

import gemmi
import numpy as np

from gmmhet.engine.errors import InputError
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.molecule.residues import Residues, Stretch, residues_in_molecule
from gmmhet.engine.wording.names import residues as words


def walk(start: tuple[float, float, float], step: tuple[float, float, float], number: int) -> np.ndarray:
    return np.array(start) + np.arange(number)[:, None] * np.array(step)


def written(path: Path, chains: dict[str, np.ndarray], first: int = 1) -> Path:
    """An alpha-carbon a residue, and a water in each chain."""
    model = gemmi.Model(1)
    for name, points in chains.items():
        chain = gemmi.Chain(name)
        for number, point in enumerate([*points, points[0]], first):
            residue, atom = gemmi.Residue(), gemmi.Atom()
            residue.name, residue.seqid = "HOH" if number == first + len(points) else "ALA", gemmi.SeqId(str(number))
            atom.name, atom.element, atom.pos = "CA", gemmi.Element("C"), gemmi.Position(*point)
            residue.add_atom(atom)
            chain.add_residue(residue)
        model.add_chain(chain)
    structure = gemmi.Structure()
    structure.add_model(model)
    structure.setup_entities()
    structure.make_mmcif_document().write_file(str(path))
    return path


class TestResidues(unittest.TestCase):
    """Chain A runs along x through the whole molecule, chain B lies in its right half, chain C in its left one."""

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.chains = {"A": walk((-50, 0, 0), (1, 0, 0), 101), "B": walk((10, 10, 0), (1, 0, 0), 30),
                       "C": walk((-40, -10, 0), (1, 0, 0), 30)}
        centers = np.array([(x, y, 0.0) for x in np.arange(-48, 49, 8) for y in (-10, 0, 10)])
        self.model = GaussianModel(centers, np.ones(len(centers)), np.full(len(centers), 5.0), 40, 4.0, 12.0)
        self.right = centers[:, 0] > 0

    def test_stretches_of_a_part(self) -> None:
        """The right half begins half way between the Gaussians at 0 and at 8 A: at residue 55 of chain A."""
        found = residues_in_molecule(written(self.folder / "m.cif", self.chains), self.model)
        self.assertEqual(found.within(self.model.centers, self.right, 18.0),
                         [Stretch("A", 56, 101, False), Stretch("B", 1, 30, True)])
        self.assertEqual([s.chain for s in found.within(self.model.centers, ~self.right, 18.0)], ["A", "C"])

    def test_a_model_seen_from_the_corner_of_the_map(self) -> None:
        moved = {name: points + 20 * 4.0 for name, points in self.chains.items()}
        found = residues_in_molecule(written(self.folder / "m.cif", moved), self.model)
        np.testing.assert_allclose(found.positions[:101], self.chains["A"], atol=1e-3)

    def test_numbers_are_those_of_the_file(self) -> None:
        found = residues_in_molecule(written(self.folder / "m.cif", self.chains, first=201), self.model)
        self.assertEqual(found.within(self.model.centers, self.right, 18.0)[0], Stretch("A", 256, 301, False))

    def test_a_single_stray_residue_is_no_stretch(self) -> None:
        points = self.chains["C"].copy()
        points[12] = (30, -10, 0)
        found = residues_in_molecule(written(self.folder / "m.cif", {**self.chains, "C": points}), self.model)
        self.assertNotIn("C", [s.chain for s in found.within(self.model.centers, self.right, 18.0)])

    def test_another_frame_is_refused(self) -> None:
        far = written(self.folder / "far.cif", {"A": self.chains["A"] + [0, 500, 0]})
        with self.assertRaisesRegex(InputError, r"far.cif: 0% of its residues lie in the molecule; expected"):
            residues_in_molecule(far, self.model)
        with self.assertRaisesRegex(InputError, "no such file"):
            Residues.read(self.folder / "none.cif")


class TestWords(unittest.TestCase):

    def test_words(self) -> None:
        self.assertEqual(words([]), "")
        self.assertEqual(words([("B", 1, 30, True)]), "chain B")
        self.assertEqual(words([("A", 56, 101, False), ("B", 1, 30, True), ("A", 3, 11, False)]),
                         "chain A 56\N{EN DASH}101 and 3\N{EN DASH}11, chain B")
        self.assertEqual(words([(c, 1, 9, True) for c in "ABCDE"]), "chain A, chain B, chain C and 2 more")


if __name__ == "__main__":
    unittest.main()
