"""Kinds of maps that refinements and what comes after them leave, of molecules on a voxel grid."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from voxel_molecules import VoxelMolecule, distance_from_origin, filtered

from gmmhet.engine.io import DensityMap, read_map, write_map
from gmmhet.engine.io.mrc import write_stack
from gmmhet.engine.molecule.signal import HalfMaps
from gmmhet.engine.simulate.refinement_maps import shell_correlation

__all__ = ["KINDS", "RefinedMaps", "make_maps"]

Array = NDArray[np.float64]
KINDS = ("relion", "padded", "cryosparc", "dark", "tight", "postprocessed", "reconstructed")
_BLUR = 0.3  # of the end of the signal: deviation of the envelope of the molecule's detail
_OFFSET, _DARK = 0.15, 0.3  # of the density of protein
_MASK_FROM = 0.25  # of the highest density but half a per cent
_VIEWS = 600


@dataclass(frozen=True)
class RefinedMaps:
    """A refinement's maps and their truth on one grid.

    Attributes:
        density: the map. halves: unfiltered. truth: without noise, solvent at zero.
        inside, belt: where protein and where detergent is. signal: Angstrom, where half maps correlate to 0.143 within
            the molecule.
    """

    density: DensityMap
    halves: HalfMaps
    truth: Array
    inside: NDArray[np.bool_]
    belt: NDArray[np.bool_]
    signal: float


def make_maps(kind: str, molecule: VoxelMolecule, pixel: float, signal: float, seed: int, folder: Path) -> RefinedMaps:
    """The maps of a kind; folder: for files of RELION's programs."""
    rng = np.random.default_rng(1000 + seed)
    truth = filtered(molecule.density, pixel, lambda k: np.exp(-2 * np.pi**2 * (_BLUR * signal) ** 2 * k**2))
    if kind == "dark":
        wide = filtered(truth, pixel, lambda k: np.exp(-2 * np.pi**2 * (0.1 * len(truth) * pixel) ** 2 * k**2))
        truth = truth - _DARK * wide / wide.max()
    if kind == "reconstructed":
        noises, whole = _reconstructed(truth, pixel, rng, folder)
    else:
        noises = [filtered(rng.normal(size=truth.shape), pixel, lambda k: 0.1 + 40 * k / (1 + 40 * k)) for _ in "12"]
        whole = [truth, truth]
    size = _noise(molecule, truth, noises[0], pixel, signal)
    halves = [w + size * _shaped(kind, n, pixel) for w, n in zip(whole, noises, strict=True)]
    if kind in ("relion", "padded", "postprocessed"):
        halves = [h + _OFFSET * rng.uniform(0.5, 1.5) for h in halves]
    if kind == "relion":
        corner = 1 / np.sinc(np.minimum(distance_from_origin(len(truth), pixel) / (len(truth) * pixel), 0.87)) ** 2
        halves = [h * corner for h in halves]
    molecule, truth, halves = _cut(molecule, truth, halves) if kind == "tight" else (molecule, truth, halves)
    density = _postprocessed(halves, truth, pixel, folder) if kind == "postprocessed" else _merged(halves, pixel)
    return RefinedMaps(DensityMap(density.astype(np.float32), pixel),
                       HalfMaps(*(DensityMap(h.astype(np.float32), pixel) for h in halves)), truth, molecule.inside,
                       molecule.belt, signal)


def _noise(molecule: VoxelMolecule, truth: Array, noise: Array, pixel: float, signal: float) -> float:
    """The noise's amplitude for half maps that correlate to 0.143 within the molecule at the end of the signal.

    Noise has six times the power of the signal there: 1 / (1 + 6).
    """
    shell = round(len(truth) * pixel / signal)
    there = ndimage.binary_dilation(molecule.inside | molecule.belt, iterations=2)
    return float(np.sqrt(6 * _power(truth, shell) / (_power(noise, shell) * there.mean())))


def _power(data: Array, shell: int) -> float:
    """Mean power of a map in a shell and its neighbours."""
    index = np.fft.fftfreq(len(data), 1 / len(data))
    radius = np.sqrt(index[:, None, None] ** 2 + index[:, None] ** 2 + index**2)
    return float((np.abs(np.fft.fftn(data)) ** 2)[np.abs(radius - shell) <= 1].mean())


def _shaped(kind: str, noise: Array, pixel: float) -> Array:
    """Noise everywhere, or within a sphere, as particles that were masked leave it."""
    if kind in ("cryosparc", "tight", "reconstructed"):
        return noise
    ball = 0.5 - 0.5 * np.tanh((distance_from_origin(len(noise), pixel) - 0.42 * len(noise) * pixel) / (2 * pixel))
    return noise * ball


def _merged(halves: list[Array], pixel: float) -> Array:
    """The mean of half maps, filtered by what their correlation says of its signal, to its first fall below 0.143."""
    fsc = shell_correlation(halves[0], halves[1])
    low = np.flatnonzero(fsc[1:] < 1 / 7)
    kept = np.clip(fsc, 0, 1)
    if len(low):
        kept[low[0] + 2:] = 0
    merit = np.append(np.sqrt(2 * kept / (1 + kept)), 0)
    shells = np.arange(len(merit)) / (len(halves[0]) * pixel)
    return filtered(0.5 * (halves[0] + halves[1]), pixel, lambda k: np.interp(k, shells, merit))


def _cut(molecule: VoxelMolecule, truth: Array, halves: list[Array]) -> tuple[VoxelMolecule, Array, list[Array]]:
    """The smallest even box that leaves three voxels around the molecule."""
    box = len(truth)
    reach = np.abs(np.argwhere(molecule.inside | molecule.belt) - box // 2).max() + 3
    low, high = max(box // 2 - reach, 0), min(box // 2 + reach, box)
    density, inside, belt, truth, *halves = (
        m[low:high, low:high, low:high] for m in (molecule.density, molecule.inside, molecule.belt, truth, *halves))
    return VoxelMolecule(density, inside, belt), truth, halves


def _postprocessed(halves: list[Array], truth: Array, pixel: float, folder: Path) -> Array:
    """By relion_mask_create and relion_postprocess: sharpened, filtered, within a mask.

    The mask is made of the truth, since people choose thresholds at which noise is gone.
    """
    for number, half in enumerate(halves, 1):
        write_map(folder / f"half{number}.mrc", half.astype(np.float32), pixel)
    write_map(folder / "truth.mrc", truth.astype(np.float32), pixel)
    _relion(folder, "relion_mask_create", "--i", "truth.mrc", "--o", "mask.mrc", "--ini_threshold",
            _MASK_FROM * float(np.quantile(truth, 0.995)), "--extend_inimask", 2, "--width_soft_edge", 3,
            "--angpix", pixel)
    (folder / "post").mkdir()  # for its log
    _relion(folder, "relion_postprocess", "--i", "half1.mrc", "--i2", "half2.mrc", "--o", "post", "--mask", "mask.mrc",
            "--angpix", pixel, "--adhoc_bfac", -200)
    return read_map(folder / "post_masked.mrc").data.astype(np.float64)


def _reconstructed(truth: Array, pixel: float, rng: np.random.Generator, folder: Path,
                   ) -> tuple[list[Array], list[Array]]:
    """Noise and signal of two half maps by relion_project and relion_reconstruct without padding.

    A reconstruction is linear in its images, so that signal and noise can be made apart. Noise is white within a
    circle.
    """
    box = len(truth)
    write_map(folder / "truth.mrc", truth.astype(np.float32), pixel)
    axis = np.arange(box) - box // 2
    circle = np.clip((0.45 * box - np.hypot(axis, axis[:, None])) / 3, 0, 1)
    noises, whole = [], []
    for half in "12":
        _write_views(folder / f"views{half}.star", f"images{half}.mrcs", pixel, box, rng)
        _relion(folder, "relion_project", "--i", "truth.mrc", "--o", f"images{half}", "--ang", f"views{half}.star",
                "--angpix", pixel)
        made = _relion_map(folder, half, pixel)
        whole.append(made * float((made * truth).sum() / (made**2).sum()))
        images = circle * rng.normal(size=(_VIEWS // 2, box, box))
        write_stack(folder / f"images{half}.mrcs", images.shape, pixel, [images])
        noises.append(_relion_map(folder, half, pixel))
    return noises, whole


def _write_views(path: Path, stack: str, pixel: float, box: int, rng: np.random.Generator) -> None:
    names = ("AngleRot", "AngleTilt", "AnglePsi", "OpticsGroup", "ImageName")
    optics = ("OpticsGroup", "OpticsGroupName", "Voltage", "SphericalAberration", "ImagePixelSize", "ImageSize",
              "ImageDimensionality")
    count = _VIEWS // 2
    tilts = np.rad2deg(np.arccos(rng.uniform(-1, 1, count)))
    turns = rng.uniform(-180, 180, (count, 2))
    rows = [f"{turn[0]:.4f} {tilt:.4f} {turn[1]:.4f} 1 {i:06d}@{stack}"
            for i, (turn, tilt) in enumerate(zip(turns, tilts, strict=True), 1)]
    head = ["# version 30001", "data_optics", "", "loop_", *(f"_rln{name}" for name in optics),
            f"1 optics1 300 2.7 {pixel:g} {box} 2", "", "# version 30001", "data_particles", "", "loop_",
            *(f"_rln{name}" for name in names)]
    path.write_text("\n".join([*head, *rows, ""]), encoding="utf-8")


def _relion_map(folder: Path, half: str, pixel: float) -> Array:
    name = f"map{half}.mrc"
    _relion(folder, "relion_reconstruct", "--i", f"images{half}.star", "--o", name, "--pad", 1, "--angpix", pixel)
    return read_map(folder / name).data.astype(np.float64)


def _relion(folder: Path, program: str, *words: object) -> None:
    """Run a program of RELION in a folder.

    Raises:
        FileNotFoundError: it is not installed. RuntimeError: it failed.
    """
    if shutil.which(program) is None:
        raise FileNotFoundError(program)
    done = subprocess.run([program, *map(str, words)], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{program}: status {done.returncode}: {(done.stdout + done.stderr)[-500:]}")
