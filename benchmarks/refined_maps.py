"""The fit of Gaussians to maps as refinements leave them, without options, against molecules that are known.

    python benchmarks/refined_maps.py                 molecules that settings were chosen with
    python benchmarks/refined_maps.py --held-back     others
    python benchmarks/refined_maps.py --kinds cryosparc tight --molecules lobes --seeds 1 2

Each line is a fit, with and without half maps: where half maps correlate to 0.143 within the truth, and the end of the
signal that was found; the resolution of the fit; the number of Gaussians; correlations at that resolution of Gaussians
and map (as the fit says it), of Gaussians and noise-free truth, and of map and truth, which noise limits; the share of
the Gaussians within half a resolution of the molecule, and of those nearer to a belt of detergent. ``reconstructed``
and ``postprocessed`` are made by RELION's own programs and left out, aloud, where they are not installed.
"""

import argparse
import contextlib
import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from refined_kinds import KINDS, RefinedMaps, make_maps
from scipy import ndimage
from voxel_molecules import HELD_BACK, SEEN, make_molecule

from gmmhet.engine.config import FitConfig
from gmmhet.engine.errors import InputError
from gmmhet.engine.fitting.molecule import MapToFit, fit_molecule
from gmmhet.engine.fitting.quality import quality_of
from gmmhet.engine.fitting.spectrum import Spectrum
from gmmhet.engine.io import DensityMap
from gmmhet.engine.molecule.gaussian_map import gaussian_density
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.molecule.maps import fourier_shell_correlation, soft_edge

BOX, PIXEL = 48, 5.0
_SIGNALS = (16.0, 12.5, 20.0)  # Angstrom, by seed


@dataclass(frozen=True)
class Row:
    """Figures of one fit."""

    signal: float
    resolution: float
    number: int
    with_map: float
    with_truth: float
    map_with_truth: float
    inside: float
    belt: float


def main() -> None:
    """Print a line for each fit as soon as it is known, and the worst of each kind."""
    options = _options()
    rows: dict[str, list[Row]] = {}
    print("molecule     kind           seed halves  planted found  fit-A   N   fit-map fit-truth map-truth inside belt")
    for name in options.molecules or (HELD_BACK if options.held_back else SEEN):
        for seed in options.seeds or ((11, 12, 13) if options.held_back else (1, 2, 3)):
            for kind in options.kinds:
                _say_kind(name, kind, seed, rows)
    print("\nkind                  fits refused  mean, least: with the map; with the truth; inside")
    for kind, found in rows.items():
        good = [row for row in found if np.isfinite(row.with_map)]
        if good:
            maps, truth, inside = (np.array([getattr(row, field) for row in good])
                                   for field in ("with_map", "with_truth", "inside"))
            print(f"{kind:<22} {len(found):4d} {len(found) - len(good):4d}  {maps.mean():.3f} {maps.min():.3f}  "
                  f"{truth.mean():.3f} {truth.min():.3f}  {inside.mean():.3f} {inside.min():.3f}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--held-back", action="store_true", help="molecules and seeds that settings do not know")
    parser.add_argument("--molecules", nargs="+", choices=(*SEEN, *HELD_BACK))
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--seeds", nargs="+", type=int)
    return parser.parse_args()


def _say_kind(name: str, kind: str, seed: int, rows: dict[str, list[Row]]) -> None:
    molecule = make_molecule(name, BOX, PIXEL, seed)
    try:
        with tempfile.TemporaryDirectory() as folder:
            given = make_maps(kind, molecule, PIXEL, _SIGNALS[seed % 3], seed, Path(folder))
    except FileNotFoundError as error:
        print(f"{name:<12} {kind:<14} {seed:4d} left out: {error} is not installed (on Debian: apt-get install relion)")
        return
    for halves in (True, False):
        row = _fit(given, halves=halves)
        rows.setdefault(f"{kind}, {'halves' if halves else 'alone'}", []).append(row)
        print(f"{name:<12} {kind:<14} {seed:4d} {'yes' if halves else 'no ':<6} {given.signal:7.1f} {row.signal:6.1f} "
              f"{row.resolution:6.1f} {row.number:5d}   {row.with_map:.3f}   {row.with_truth:.3f}     "
              f"{row.map_with_truth:.3f}   {row.inside:.3f}  {row.belt:.2f}", flush=True)


def _fit(given: RefinedMaps, *, halves: bool) -> Row:
    density = given.density
    try:
        model, content = fit_molecule(MapToFit(density, halves=given.halves if halves else None), FitConfig())
    except InputError as error:
        print(f"    {error}")
        return Row(*(float("nan"),) * 2, 0, *(float("nan"),) * 5)
    fitted = gaussian_density(model)
    quality = quality_of(model, fitted, density, content)
    d = model.resolution
    mask = soft_edge(given.inside, 0.5 * d / PIXEL, d / PIXEL)
    truth, cleaned = DensityMap(given.truth.astype(np.float32), PIXEL), content.without_solvent(density)
    with_truth, map_with_truth = (_at(one, truth, mask, d) for one in (fitted, cleaned))
    inside, belt = _places(model, given)
    return Row(model.about["signal_resolution"], d, len(model), quality.at_resolution, with_truth, map_with_truth,
               inside, belt)


def _at(one: DensityMap, truth: DensityMap, mask: NDArray[np.float32], resolution: float) -> float:
    """Correlation at a resolution within a mask, both flattened by the spectrum of the first, as the fit does."""
    spectrum = Spectrum.of(one, resolution)
    frequency, curve = fourier_shell_correlation(*(spectrum.flattened(m).data * mask for m in (one, truth)), PIXEL)
    return float(np.interp(1 / resolution, frequency, curve))


def _places(model: GaussianModel, given: RefinedMaps) -> tuple[float, float]:
    """Shares of the Gaussians within half a resolution of the molecule, and of those that are nearer to its belt."""
    box = len(given.inside)
    index = tuple(np.clip(np.rint(model.centers[:, ::-1] / PIXEL).astype(int) + box // 2, 0, box - 1).T)
    protein = ndimage.distance_transform_edt(~given.inside)[index] * PIXEL
    belt = ndimage.distance_transform_edt(~given.belt)[index] * PIXEL if given.belt.any() else np.full(len(model), 1e3)
    return (float((np.minimum(protein, belt) <= 0.5 * model.resolution).mean()),
            float((belt < protein).mean()))


if __name__ == "__main__":
    logging.getLogger("gmmhet").setLevel(logging.ERROR)
    with contextlib.suppress(KeyboardInterrupt):
        main()
