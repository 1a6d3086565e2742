"""Maps along a motion against the truth: Fourier shell correlation with the mean true map of the particles of a bin."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from stages import DataSet

from gmmhet.engine.io import read_map, read_star

__all__ = ["bin_resolutions", "fsc_resolution", "shell_correlation"]


def shell_correlation(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float64]:
    """Fourier shell correlation [box // 2 + 1] of two maps; shell s: the frequencies that round to s / (box pixel)."""
    box = len(first)
    a, b = np.fft.rfftn(first), np.fft.rfftn(second)
    axis, half = np.fft.fftfreq(box, 1 / box), np.fft.rfftfreq(box, 1 / box)
    shell = np.rint(np.sqrt(axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + half**2)).astype(np.int64).ravel()
    count = np.full(len(half), 2.0)  # how often a plane of the half space stands in the whole
    count[0] = 1
    if box % 2 == 0:
        count[-1] = 1
    weight = np.broadcast_to(count, a.shape).ravel()

    def total(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(shell, weight * values.ravel(), minlength=box)[:box // 2 + 1]

    return total((a * b.conj()).real) / np.sqrt(total(abs(a) ** 2) * total(abs(b) ** 2))


def fsc_resolution(correlation: NDArray[np.float64], box: int, pixel_size: float, threshold: float = 0.5) -> float:
    """Angstrom at the first crossing of the threshold, linear between shells; Nyquist where there is none."""
    below = np.flatnonzero(correlation < threshold)
    below = below[below > 0]
    if not len(below):
        return 2 * pixel_size
    shell = int(below[0])
    high, low = correlation[shell - 1], correlation[shell]
    return box * pixel_size / (shell - 1 + (high - threshold) / (high - low)) if shell > 1 else box * pixel_size


def bin_resolutions(data: DataSet, maps: Path, truth_of: Path) -> NDArray[np.float64]:
    """FSC-0.5 resolution of the maps of a reconstruct folder, Angstrom, ordered by the true state of their particles.

    Args:
        truth_of: reconstruct folder whose bins define the true maps: means of the true maps, weighted by the particles.
    """
    states = [read_map(p) for p in sorted((data.folder / "truth").glob("state_*.mrc"))]
    stack = np.stack([s.data for s in states])
    numbers, (_, shares) = _ordered_bins(data, maps)[0], _ordered_bins(data, truth_of)
    result = []
    for number, share in zip(numbers, shares, strict=True):
        truth = np.tensordot(share, stack, 1)
        estimate = read_map(maps / f"map_{number:02d}.mrc")
        correlation = shell_correlation(estimate.data, truth)
        result.append(fsc_resolution(correlation, estimate.box, estimate.pixel_size))
    return np.array(result)


def _ordered_bins(data: DataSet, folder: Path) -> tuple[list[int], NDArray[np.float64]]:
    """Classes and the share [bins, S] of each true state in them, by rising mean state (a mode's sign is free)."""
    label = read_star(folder / "classes.star")["particles"].integers("rlnClassNumber")
    state = data.truth().state
    numbers = [int(c) for c in np.unique(label) if c > 0]
    shares = np.stack([np.bincount(state[label == c], minlength=state.max() + 1) / (label == c).sum() for c in numbers])
    order = np.argsort(shares @ np.arange(shares.shape[1]))
    return [numbers[i] for i in order], shares[order]
