"""Gaussians as pseudo-atoms, for programs that show atomic models."""

from pathlib import Path

import gemmi
import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.io.safe_writing import replacing
from gmmhet.engine.molecule.gaussians import GaussianModel

__all__ = ["write_pseudo_atoms"]


def write_pseudo_atoms(path: Path, model: GaussianModel, values: NDArray[np.float64] | None = None) -> None:
    """Write Gaussians as pseudo-atoms (mmCIF) that lie on the map of the same box in ChimeraX.

    One residue of one CA atom a Gaussian; coordinates from the corner voxel, as a map without origin is shown;
    occupancy: weight over the largest weight; B-factor: 8 pi^2 sigma^2.

    Args:
        values: [N] in the place of the B-factor.
    """
    structure = gemmi.Structure()
    structure.name = "gaussians"
    chain = gemmi.Chain("A")
    corner = model.box // 2 * model.pixel_size
    factors = 8 * np.pi**2 * model.sigmas**2 if values is None else values
    occupancies = model.weights / np.abs(model.weights).max()
    for number, (center, occupancy, factor) in enumerate(zip(model.centers, occupancies, factors, strict=True), 1):
        residue = gemmi.Residue()
        residue.name, residue.seqid = "ALA", gemmi.SeqId(number, " ")
        residue.entity_type = gemmi.EntityType.Polymer
        atom = gemmi.Atom()
        atom.name, atom.element = "CA", gemmi.Element("C")
        atom.pos = gemmi.Position(*(center + corner))
        atom.occ, atom.b_iso = float(occupancy), float(factor)
        residue.add_atom(atom)
        chain.add_residue(residue)
    frame = gemmi.Model(1)
    frame.add_chain(chain)
    structure.add_model(frame)
    structure.setup_entities()
    with replacing(path) as temporary:
        structure.make_mmcif_document().write_file(str(temporary))
