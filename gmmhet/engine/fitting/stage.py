"""The fit stage: from a map or an atomic model to model.npz and what goes with it."""

import csv
import json
import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.config import FitConfig
from gmmhet.engine.errors import InputError
from gmmhet.engine.fitting.atoms import atomic_density, read_atoms
from gmmhet.engine.fitting.halves import half_maps_of
from gmmhet.engine.fitting.missing_density import find_missing_density
from gmmhet.engine.fitting.molecule import MapToFit, fit_molecule
from gmmhet.engine.fitting.quality import FitQuality, quality_of
from gmmhet.engine.fitting.settings import CHOICES, QUALITY
from gmmhet.engine.io import DensityMap, output_folder, replacing, write_map
from gmmhet.engine.io.atomic_models import is_atomic
from gmmhet.engine.molecule.field import read_density
from gmmhet.engine.molecule.gaussian_map import gaussian_density
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.molecule.masks import read_mask
from gmmhet.engine.molecule.pseudo_atoms import write_pseudo_atoms
from gmmhet.engine.molecule.symmetry import symmetric_copies
from gmmhet.engine.wording.fitting import fit_line, missing_line, poor_fit

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
    halves = None if is_atomic(source) else half_maps_of(source, density, config.half_maps)
    return fit_density(MapToFit(density, str(source), mask, halves, finest), config, output, notes)


def fit_density(given: MapToFit, config: FitConfig, output: Path, notes: dict[str, Any]) -> GaussianModel:
    """The fit stage for a map in memory.

    Args:
        notes: kept in the model's about.
    Raises:
        InputError: what :func:`fit_molecule` raises; Gaussians that do not explain the map.
    """
    started = time.monotonic()
    folder = output_folder(output.parent)
    given, missing = _completed(given, config)
    density = given.density
    model, content = fit_molecule(given, config)
    model.about.update({"source": given.name, "missing_density": missing, **notes})
    fitted = gaussian_density(model)
    quality = quality_of(model, fitted, density, content)
    line = fit_line(len(model), quality.at_resolution, quality.plain, model.resolution, quality.correlation,
                    quality.inside)
    _LOG.info("%s; 0.5 at %.3g Å; %.1f s", line, quality.resolution_half, time.monotonic() - started)
    _require_explained(given, quality, model, few=config.n_gaussians is not None)
    summary = _summary(model, quality, config, time.monotonic() - started)
    write_map(folder / "fitted.mrc", fitted.data, fitted.pixel_size)
    _write_curve(folder / "fsc.csv", quality.frequency, quality.curve)
    write_pseudo_atoms(output.with_suffix(".cif"), symmetric_copies(model))
    with replacing(folder / "summary.json") as temporary:
        temporary.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    model.save(output)
    return model


def _completed(given: MapToFit, config: FitConfig) -> tuple[MapToFit, dict[str, Any] | None]:
    """The map with density that its half maps have beside it, and what that is; as it is where there is none."""
    if not config.missing or given.mask is not None:
        return given, None
    halves = given.halves if given.halves is not None else given.make_halves and given.make_halves()
    if halves is None:
        return given, None
    blur = max(given.finest, config.resolution or 0.0)
    found = find_missing_density(given.density, halves, blur)
    if found is None:
        return given, None
    _LOG.warning("%s", missing_line(given.name, found.share, tuple(found.middle.tolist()),
                                    of_particles=given.halves is None))
    whole = DensityMap(given.density.data + found.density, given.density.pixel_size)
    return replace(given, density=whole), {"mass_share": found.share, "volume": found.volume,
                                           "middle": found.middle.tolist(), "pieces": found.pieces}


def _require_explained(given: MapToFit, quality: FitQuality, model: GaussianModel, *, few: bool) -> None:
    """Refuse Gaussians that do not explain the map.

    Args:
        few: whether the user chose their number. What they lack in detail is then by choice, and they are judged by
            all frequencies together.
    """
    figure = quality.correlation if few else quality.at_resolution
    if figure < QUALITY.least_correlation:
        raise InputError(poor_fit(given.name, figure, model.resolution, QUALITY.least_correlation,
                                  signal=model.about["signal_resolution"], halves=given.halves is not None,
                                  few=few))


def _read(source: Path, config: FitConfig) -> tuple[DensityMap, dict[str, Any], float]:
    """The map to fit, what to note about it, and the finest resolution to choose."""
    if not is_atomic(source):
        return read_density(source), {"source_kind": "map"}, CHOICES.finest
    resolution = CHOICES.finest if config.resolution is None else config.resolution
    atoms = read_atoms(source)
    density = atomic_density(atoms, resolution)
    _LOG.info("%s: %d atoms as a map of %d voxels of %.3g Å at %.3g Å; the model's origin is the file's",
              source, len(atoms.electrons), density.box, density.pixel_size, resolution)
    notes = {"source_kind": "atoms", "n_atoms": len(atoms.electrons), "origin": "the atomic model's own"}
    return density, notes, resolution


def _summary(model: GaussianModel, quality: FitQuality, config: FitConfig, seconds: float) -> dict[str, Any]:
    asked = {"n_gaussians": config.n_gaussians, "resolution": config.resolution,
             "mask": None if config.mask is None else str(config.mask), "symmetry": config.symmetry,
             "half_maps": [str(p) for p in config.half_maps] or None,
             "seed": config.seed}
    return {
        "n_gaussians": len(model), "resolution": model.resolution, "symmetry": model.symmetry,
        "box": model.box, "pixel_size": model.pixel_size,
        "fsc_at_resolution": quality.at_resolution, "plain_fsc_at_resolution": quality.plain,
        "resolution_fsc500": quality.resolution_half,
        "correlation": quality.correlation, "share_inside": quality.inside,
        "widths": [float(v) for v in np.quantile(model.sigmas, (0, 0.5, 1))],
        **model.about, "parameters": asked, "timing": {"total": seconds},
    }


def _write_curve(path: Path, frequency: NDArray[np.float64], curve: NDArray[np.float64]) -> None:
    with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as out:
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(("frequency", "resolution", "fsc"))
        rows.writerows((f"{k:.6f}", f"{1 / k:.4f}", f"{value:.6f}") for k, value in zip(frequency, curve, strict=True))
