"""Maps around the states of a turning domain, against a reconstruction from each state's own particles.

The figure is CryoBench's per-conformation one (Jeon et al. 2024): Fourier shell correlation of the map with the state's
true map, no mask; value i of the curve is that of radii [i - 1, i), value 0 is 1; area by the trapezoid rule over
frequencies 0 .. 63/128 per pixel (perfect: 0.492).
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from figures import Figure, at_least
from numpy.typing import NDArray
from stages import Analysis, Bench, DataSet

from gmmhet.engine.io import read_map, read_particles, write_selection
from gmmhet.engine.io.points import write_points

__all__ = ["conformation_area", "turning_maps"]


def conformation_area(found: NDArray[np.float32], true: NDArray[np.float32]) -> float:
    """Area under the correlation of two maps [box] * 3."""
    box = len(found)
    axis, half = np.fft.fftfreq(box, 1 / box), np.arange(box // 2 + 1)
    radius = np.sqrt(axis[:, None, None] ** 2 + axis[:, None] ** 2 + half**2)
    shell = (np.floor(radius + 1e-9).astype(np.int64) + 1).ravel()
    pairs = np.where((half == 0) | (2 * half == box), 1.0, 2.0)
    weight = np.broadcast_to(pairs, radius.shape).ravel()
    a, b = np.fft.rfftn(found).ravel(), np.fft.rfftn(true).ravel()

    def total(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(shell, weight * values)[:box // 2]

    curve = total((a * b.conj()).real) / np.sqrt(np.maximum(total(abs(a) ** 2) * total(abs(b) ** 2), 1e-30))
    curve[0] = 1.0
    return float(np.trapz(curve, dx=1 / box))


def turning_maps(work: Bench, seed: int) -> Iterator[Figure]:
    data = work.simulate("turning", 0.04, seed)
    found = work.analyze(data, "likelihood")
    state, latents = data.truth().state, found.latents(significant=False, normal=True)
    true = {int(path.stem.split("_")[1]): read_map(path).data for path in (data.folder / "truth").glob("state_*.mrc")}
    shown = sorted(true)
    points = data.folder / "states.csv"
    write_points(points, [latents[state == s].mean(0) for s in shown], np.ones(len(shown)), np.ones(len(shown), bool))
    made = [work.maps_at(data, found, points, by) for by in ("motion", "kernel")]
    ours, near = (_mean_area((folder / f"map_{i:02d}.mrc", true[s]) for i, s in enumerate(shown, 1)) for folder in made)
    own = _mean_area((_one_map(work, data, found, state == s, f"own_{s:02d}"), true[s]) for s in shown)
    counts = np.bincount(state)[shown]
    yield Figure(f"turning, {len(shown)} states: FSC area at their mean latents, motion undone / from their own "
                 f"{counts.min()}-{counts.max()} particles", f"{ours:.3f}", f"{own:.3f}", ours / own, at_least(1.5),
                 at_least(1.8))
    yield Figure("by kernels, the particles near them / from their own", f"{near:.3f}", f"{own:.3f}", near / own)
    plain = float(np.mean([conformation_area(_plain(data.folder / f"own_{s:02d}"), true[s]) for s in shown]))
    yield Figure("motion undone / from them by plain least squares (mean of the half maps)", f"{ours:.3f}",
                 f"{plain:.3f}", ours / plain)
    whole = _one_map(work, data, found, np.ones(len(state), bool), "own_all")
    blurred = _mean_area((whole, t) for t in true.values())
    yield Figure("motion undone / from all particles without regard to the motion", f"{ours:.3f}", f"{blurred:.3f}",
                 ours / blurred)


def _mean_area(pairs: Iterable[tuple[Path, NDArray[np.float32]]]) -> float:
    return float(np.mean([conformation_area(read_map(path).data, true) for path, true in pairs]))


def _plain(folder: Path) -> NDArray[np.float32]:
    """Without what the half maps agree on as a prior."""
    first, second = (read_map(folder / f"map_01_half{half}.mrc").data for half in (1, 2))
    return first + second


def _one_map(work: Bench, data: DataSet, found: Analysis, chosen: NDArray[np.bool_], name: str) -> Path:
    star = data.folder / f"{name}.star"
    write_selection(star, read_particles(data.folder / "particles.star"), np.flatnonzero(chosen))
    return work.one_map(star, found, data.folder / name)
