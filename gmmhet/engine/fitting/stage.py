"""The fit stage: from a map or an atomic model to model.npz and what goes with it."""

import csv
import json
import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.config import FitConfig
from gmmhet.engine.fitting.atoms import atomic_density, is_atomic, read_atoms
from gmmhet.engine.fitting.choices import FINEST
from gmmhet.engine.fitting.molecule import fit_map
from gmmhet.engine.io import DensityMap, output_folder, read_map, replacing, write_map
from gmmhet.engine.molecule.gaussian_map import gaussian_density
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.molecule.maps import fourier_shell_correlation, resolution_at
from gmmhet.engine.molecule.masks import read_mask
from gmmhet.engine.molecule.pseudo_atoms import write_pseudo_atoms
from gmmhet.engine.molecule.symmetry import symmetric_copies

__all__ = ["fit", "fit_density"]

_LOG = logging.getLogger("gmmhet")


def fit(source: Path, config: FitConfig, output: Path) -> GaussianModel:
    """Represent a map or an atomic model by Gaussians and write the model.

    Args:
        source: consensus map (.mrc), or atomic model (.pdb, .cif).
        output: the model (.npz); beside it come model.cif (named as the model), fitted.mrc, fsc.csv and summary.json.
    Raises:
        InputError: unreadable or empty map, no cube, NaN, no mask, a resolution beyond Nyquist, a folder
            that cannot be written.
    """
    output_folder(output.parent)
    density, notes, finest = _read(source, config)
    mask = read_mask(config.mask, density.box, density.pixel_size) if config.mask is not None else None
    return fit_density(density, config, output, source=source, mask=mask, finest=finest, notes=notes)


def fit_density(density: DensityMap, config: FitConfig, output: Path, *, source: Path,
                mask: NDArray[np.float32] | None = None, finest: float = FINEST,
                notes: dict[str, Any] | None = None) -> GaussianModel:
    """The fit stage for a map in memory.

    Args:
        source: where it came from, for messages and the model. mask: on the map's grid.
        finest: Angstrom; an automatic resolution is no finer. notes: kept in the model's about.
    """
    started = time.monotonic()
    folder = output_folder(output.parent)
    model = fit_map(density, config, mask=mask, name=str(source), finest=finest)
    model.about.update(source=str(source), **(notes or {}))
    fitted = gaussian_density(model)
    frequency, curve = fourier_shell_correlation(density.data, fitted.data, density.pixel_size)
    summary = _summary(model, frequency, curve, config, time.monotonic() - started)
    _LOG.info("%d Gaussians; correlation with the map %.3f at %.3g A; 0.5 at %.3g A; %.1f s", len(model),
              summary["fsc_at_resolution"], model.resolution, summary["resolution_fsc500"], summary["timing"]["total"])
    write_map(folder / "fitted.mrc", fitted.data, fitted.pixel_size)
    _write_curve(folder / "fsc.csv", frequency, curve)
    write_pseudo_atoms(output.with_suffix(".cif"), symmetric_copies(model))
    with replacing(folder / "summary.json") as temporary:
        temporary.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    model.save(output)
    return model


def _read(source: Path, config: FitConfig) -> tuple[DensityMap, dict[str, Any], float]:
    """The map to fit, what to note about it, and the finest resolution to choose."""
    if not is_atomic(source):
        return read_map(source), {"source_kind": "map"}, FINEST
    resolution = FINEST if config.resolution is None else config.resolution
    atoms = read_atoms(source)
    density = atomic_density(atoms, resolution)
    _LOG.info("%s: %d atoms as a map of %d voxels of %.3g A at %.3g A; the model's origin is the file's",
              source, len(atoms.electrons), density.box, density.pixel_size, resolution)
    notes = {"source_kind": "atoms", "n_atoms": len(atoms.electrons), "origin": "the atomic model's own"}
    return density, notes, resolution


def _summary(model: GaussianModel, frequency: NDArray[np.float64], curve: NDArray[np.float64], config: FitConfig,
             seconds: float) -> dict[str, Any]:
    asked = {"n_gaussians": config.n_gaussians, "resolution": config.resolution,
             "mask": None if config.mask is None else str(config.mask), "symmetry": config.symmetry,
             "seed": config.seed}
    return {
        "n_gaussians": len(model), "resolution": model.resolution, "symmetry": model.symmetry,
        "box": model.box, "pixel_size": model.pixel_size,
        "fsc_at_resolution": float(np.interp(1 / model.resolution, frequency, curve)),
        "resolution_fsc500": resolution_at(frequency, curve, 0.5),
        "widths": [float(v) for v in np.quantile(model.sigmas, (0, 0.5, 1))],
        **model.about, "parameters": asked, "timing": {"total": seconds},
    }


def _write_curve(path: Path, frequency: NDArray[np.float64], curve: NDArray[np.float64]) -> None:
    with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as out:
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(("frequency", "resolution", "fsc"))
        rows.writerows((f"{k:.6f}", f"{1 / k:.4f}", f"{value:.6f}") for k, value in zip(frequency, curve, strict=True))
