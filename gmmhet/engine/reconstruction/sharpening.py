"""Sharpening of a series of maps by one B factor (Rosenthal and Henderson 2003)."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from gmmhet.engine.config import ReconstructConfig, sharpening_b
from gmmhet.engine.io import DensityMap, read_map, write_map
from gmmhet.engine.molecule.maps import fourier_shell_correlation, radial_power
from gmmhet.engine.reconstruction.results import MapRecord
from gmmhet.engine.reconstruction.settings import SHARPENING
from gmmhet.engine.wording import reconstruction as wording

__all__ = ["GuinierFit", "Spectrum", "guinier_fit", "half_map_spectrum", "sharpen_series", "sharpened_map"]

_LOG = logging.getLogger("gmmhet")


@dataclass(frozen=True)
class Spectrum:
    """Signal of a map.

    Attributes:
        frequency: [S] of shells, 1/Angstrom. power: [S] mean square of the signal's Fourier coefficients; not above 0
            where there is none.
    """

    frequency: NDArray[np.float64]
    power: NDArray[np.float64]


class SharpeningRecord(TypedDict):
    """Entry "sharpening" of summary.json; B in square Angstrom, ends of its fit in Angstrom."""

    asked: str
    b_factor: float | None
    error: float | None
    fitted_from: float | None
    fitted_to: float | None
    note: str | None


@dataclass(frozen=True)
class GuinierFit:
    """B (square Angstrom, of the density: positive) and its standard error, from 10 Angstrom to ``finest``."""

    b_factor: float
    error: float
    finest: float


def half_map_spectrum(first: DensityMap, second: DensityMap) -> Spectrum:
    """Signal that two half maps share: the mean of F1 conj(F2) over shells, of which noise has none."""
    frequency, correlation = fourier_shell_correlation(first.data, second.data, first.pixel_size)
    norm = np.sqrt(radial_power(first.data) * radial_power(second.data))[1:]
    return Spectrum(frequency, correlation * norm)


def guinier_fit(spectra: Sequence[Spectrum], resolutions: Sequence[float | None]) -> GuinierFit | None:
    """One B for several maps: amplitudes fall as exp(-B k^2 / 4) between 10 Angstrom and every map's own resolution.

    A straight line through ln(amplitude) against k^2, its slope common to all maps, its height each map's own; all
    shells count alike.

    Args:
        resolutions: Angstrom; None where a map has none.
    Returns:
        None where no map has five shells in that range.
    """
    squares, logs, used = [], [], []
    for spectrum, resolution in zip(spectra, resolutions, strict=True):
        k = spectrum.frequency
        inside = (k >= 1 / SHARPENING.fitted_from) & (k <= 1 / (resolution or np.inf)) & (spectrum.power > 0)
        if inside.sum() >= SHARPENING.fewest_shells:
            x, y = k[inside] ** 2, 0.5 * np.log(spectrum.power[inside])
            squares.append(x - x.mean())
            logs.append(y - y.mean())
            used.append(float(1 / k[inside][-1]))
    if not used:
        return None
    x, y = np.concatenate(squares), np.concatenate(logs)
    slope = float(x @ y / (x @ x))
    free = len(x) - len(used) - 1
    error = np.sqrt(np.square(y - slope * x).sum() / free / (x @ x))
    return GuinierFit(-4 * slope, 4 * float(error), min(used))


def sharpened_map(density: DensityMap, b_factor: float, resolution: float) -> NDArray[np.float32]:
    """The map times exp(B k^2 / 4) in Fourier space, ending softly at a resolution (Angstrom).

    Args:
        density: weighted by its FSC already (a Wiener filter): sharpening such a map gives the best estimate of the
            sharpened density. b_factor: B > 0 of the density, square Angstrom, of the decay that is removed.
    """
    box, edge = density.box, density.box * density.pixel_size
    axis = np.square(np.fft.fftfreq(box, 1 / box)).astype(np.float32)
    shells = np.sqrt(axis[:, None, None] + axis[:, None] + axis[:box // 2 + 1])
    fall = np.clip((shells - np.float32(edge / resolution)) / SHARPENING.edge, 0, 1)
    gain = np.exp(0.25 * b_factor * np.square(shells / np.float32(edge))) * (0.5 + 0.5 * np.cos(np.pi * fall))
    wave = scipy.fft.rfftn(density.data) * np.where(fall < 1, gain, 0)  # far out the gain may be infinite
    return np.asarray(scipy.fft.irfftn(wave, s=density.data.shape), np.float32)


def sharpen_series(folder: Path, maps: Sequence[MapRecord], config: ReconstructConfig) -> SharpeningRecord | None:
    """Write the sharpened maps of a series, all by one B factor, beside the maps, which stay as they are.

    Args:
        maps: entries of summary.json; those of maps that have a resolution get their file as ``sharpened``.
    Returns:
        what summary.json says about it; None without sharpening.
    """
    for record in maps:
        record["sharpened"] = None
    if config.sharpen == "none":
        return None
    fit = _fit_of(folder, maps) if config.sharpen == "auto" else None
    own = None if fit is None else -fit.b_factor
    b_factor = own if config.sharpen == "auto" else sharpening_b(config.sharpen)
    note = _objection(b_factor, maps)
    if note is None and b_factor is not None:
        for record in maps:
            _write_sharpened(folder, record, -b_factor)
        _LOG.info("%s", wording.sharpened(b_factor, None if fit is None else (SHARPENING.fitted_from, fit.finest)))
    elif note is not None:
        _LOG.warning("%s", wording.not_sharpened(note))
    return {"asked": config.sharpen, "b_factor": b_factor if note is None else None,
            "error": None if fit is None else fit.error, "fitted_from": None if fit is None else SHARPENING.fitted_from,
            "fitted_to": None if fit is None else fit.finest, "note": note}


def _fit_of(folder: Path, maps: Sequence[MapRecord]) -> GuinierFit | None:
    halves = ((read_map(folder / record["half1"]), read_map(folder / record["half2"])) for record in maps)
    return guinier_fit([half_map_spectrum(*pair) for pair in halves], [record["resolution_fsc143"] for record in maps])


def _objection(b_factor: float | None, maps: Sequence[MapRecord]) -> str | None:
    if all(record["resolution_fsc143"] is None for record in maps):
        return wording.NO_RESOLUTION
    if b_factor is None:
        return wording.no_fit(SHARPENING.fitted_from, SHARPENING.fewest_shells)
    if b_factor >= 0:
        return wording.RISING_AMPLITUDES
    return None


def _write_sharpened(folder: Path, record: MapRecord, b_factor: float) -> None:
    resolution = record["resolution_fsc143"]
    if resolution is None:
        return
    density = read_map(folder / record["file"])
    name = f"{Path(record['file']).stem}_sharpened.mrc"
    write_map(folder / name, sharpened_map(density, b_factor, resolution), density.pixel_size)
    record["sharpened"] = name
