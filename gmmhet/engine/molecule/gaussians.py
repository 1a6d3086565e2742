"""The Gaussian model of a molecule.

Density(x) = sum_j w_j N(x; c_j, sigma_j^2 I), w_j the integral of Gaussian j. Its Fourier transform is
sum_j w_j exp(-2 pi^2 sigma_j^2 |k|^2) exp(-2 pi i k.c_j).
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError
from gmmhet.engine.molecule.saved_model import MODEL_FILE

__all__ = ["GaussianModel"]


@dataclass(frozen=True)
class GaussianModel:
    """N isotropic Gaussians.

    Attributes:
        centers: [N, 3] xyz, Angstrom, origin at voxel box // 2.
        weights: [N] integrated density (map value x Angstrom^3).
        sigmas: [N] standard deviations, Angstrom, > 0.
        box, pixel_size: grid of the map it was fitted to (Angstrom).
        resolution: Angstrom, to which it was fitted.
        symmetry: point group that generates the whole from these Gaussians ("C1": they are the whole).
        about: what was run, for reports.
    """

    centers: NDArray[np.float64]
    weights: NDArray[np.float64]
    sigmas: NDArray[np.float64]
    box: int
    pixel_size: float
    resolution: float
    symmetry: str = "C1"
    about: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.centers)
        if self.centers.shape != (n, 3) or self.weights.shape != (n,) or self.sigmas.shape != (n,):
            raise ValueError(f"shapes {self.centers.shape}, {self.weights.shape}, {self.sigmas.shape}; "
                             "expected (N, 3), (N,), (N,)")
        if n == 0 or not (np.isfinite(self.centers).all() and np.isfinite(self.weights).all()):
            raise ValueError("expected at least one Gaussian, all finite")
        if not (self.sigmas > 0).all():
            raise ValueError("widths must be positive (Angstrom)")

    def __len__(self) -> int:
        return len(self.weights)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write as .npz (allow_pickle is never needed to read it)."""
        MODEL_FILE.write(path, {
            "centers": self.centers, "weights": self.weights, "sigmas": self.sigmas, "box": self.box,
            "pixel_size": float(self.pixel_size), "resolution": float(self.resolution), "symmetry": self.symmetry,
            "about": json.dumps(self.about)})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "GaussianModel":
        """Read a model written by :meth:`save`.

        Raises:
            InputError: missing, or not such a file.
        """
        data = MODEL_FILE.read(Path(path), (f.name for f in MODEL_FILE.fields))
        try:
            return cls(data["centers"], data["weights"], data["sigmas"], int(data["box"]), float(data["pixel_size"]),
                       float(data["resolution"]), str(data["symmetry"]), json.loads(str(data["about"])))
        except ValueError as error:
            raise InputError(f"{path}: not {MODEL_FILE.source} ({error})") from None
