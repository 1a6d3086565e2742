"""The bodies of a multi-body refinement of the bending complex: what does not move, and the arm."""

from pathlib import Path

import numpy as np
from complexes import bending_complex
from numpy.typing import NDArray
from scipy import ndimage

from gmmhet.engine.io import table_from, write_map, write_star
from gmmhet.engine.molecule.gaussian_map import gaussian_density
from gmmhet.engine.molecule.gaussians import GaussianModel

__all__ = ["write_bodies"]

_LEVEL = 0.25  # of the 99th percentile of a body's density, after a blur of one voxel
_WIDER, _EDGE = 1.0, 4.0  # voxels
_PRIORS = 10.0, 2.0  # degrees, pixels: of the bodies' movements, as RELION's manual advises


def write_bodies(folder: Path, box: int, pixel_size: float) -> Path:
    """Masks of the molecule at rest, and the STAR that names them; the larger body comes first, as RELION wants it."""
    molecule = bending_complex().molecule
    arm = molecule.turned_by == 0
    names = []
    for name, part in (("rest", ~arm), ("arm", arm)):
        model = GaussianModel(molecule.centers[part], molecule.weights[part], np.full(int(part.sum()), molecule.sigma),
                              box, pixel_size, 2 * pixel_size)
        path = folder.absolute() / f"body_{name}.mrc"
        write_map(path, _soft_mask(gaussian_density(model).data), pixel_size)
        names.append(str(path))
    bodies = folder / "bodies.star"
    write_star(bodies, [table_from("", {"rlnBodyMaskName": names, "rlnBodyRotateRelativeTo": [2, 1],
                                        "rlnBodySigmaAngles": [_PRIORS[0]] * 2,
                                        "rlnBodySigmaOffset": [_PRIORS[1]] * 2})])
    return bodies


def _soft_mask(density: NDArray[np.floating]) -> NDArray[np.float32]:
    smooth = ndimage.gaussian_filter(np.asarray(density, np.float64), 1.0)
    away = ndimage.distance_transform_edt(smooth < _LEVEL * np.percentile(smooth[smooth > 0], 99))
    edge = np.clip((away - _WIDER) / _EDGE, 0, 1)
    return (0.5 + 0.5 * np.cos(np.pi * edge)).astype(np.float32)
