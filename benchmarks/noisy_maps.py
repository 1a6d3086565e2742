"""Maps of a hinge from few and noisy particles: how much of the moving part is there.

The figure is the mean of the Fourier shell correlation with the true map over shells 1 .. Nyquist, within a soft mask
around what moves. Maps at points are made together, and one by one, which leaves each only itself to go by; bins hold
the same states.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from bins import shell_correlation
from figures import Figure
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, gaussian_filter
from stages import Bench

from gmmhet.engine.io import read_map
from gmmhet.engine.io.points import write_points

__all__ = ["noisy_maps"]

_SNR, _STATES = 0.03, (0, 2, 4, 6, 8, 10)
_MOVES = 0.15  # of the largest standard deviation over the states
_WIDER, _EDGE = 3, 1.5  # voxels


def noisy_maps(work: Bench, seed: int) -> Iterator[Figure]:
    data = work.simulate("hinge11", _SNR, seed)
    found = work.analyze(data, "likelihood", "--modes", 1)
    state, z = data.truth().state, found.latents(significant=False, normal=True)
    every = np.stack([read_map(path).data for path in sorted((data.folder / "truth").glob("state_*.mrc"))])
    spread = every.std(axis=0)
    near = binary_dilation(spread > _MOVES * spread.max(), iterations=_WIDER)
    moves = gaussian_filter(near.astype(np.float32), _EDGE)
    places = np.stack([z[state == s].mean(axis=0) for s in _STATES])

    def area(path: Path, true: NDArray[np.float32]) -> float:
        return float(shell_correlation(read_map(path).data * moves, true * moves)[1:].mean())

    def at(points: NDArray[np.float64], by: str = "kernel") -> list[Path]:
        table = data.folder / "places.csv"
        write_points(table, points, np.ones(len(points)), np.ones(len(points), bool))
        folder = work.maps_at(data, found, table, by)
        return [folder / f"map_{i:02d}.mrc" for i in range(1, len(points) + 1)]

    together = np.mean([area(path, every[s]) for path, s in zip(at(places), _STATES, strict=True)])
    alone = np.mean([area(at(place[None])[0], every[s]) for place, s in zip(places, _STATES, strict=True)])
    undone = np.mean([area(path, every[s]) for path, s in zip(at(places, "motion"), _STATES, strict=True)])
    bins = work.reconstruct(data, found)
    order = np.argsort(z[:, 0], kind="stable")
    own = np.mean([area(bins / f"map_{i:02d}.mrc", every[state[rows]].mean(axis=0))
                   for i, rows in enumerate(np.array_split(order, 5), 1)])
    middle = np.array([z[rows, 0].mean() for rows in np.array_split(order, 5)])
    nearest = [int(abs(middle - place[0]).argmin()) + 1 for place in places]
    blurred = np.mean([area(bins / f"map_{i:02d}.mrc", every[s]) for i, s in zip(nearest, _STATES, strict=True)])
    name = f"hinge11 SNR {_SNR:g}, moving part, 6 states: mean correlation with the truth"
    yield Figure(f"{name}, together", f"{together:.3f}", "", together)
    yield Figure("the same, one by one", f"{alone:.3f}", "", alone)
    yield Figure("the same, all particles with their motion undone", f"{undone:.3f}", "", undone)
    yield Figure("the same, the nearest of 5 bins", f"{blurred:.3f}", "", blurred)
    yield Figure("the 5 bins against the mean of the true maps in them", f"{own:.3f}", "", own)
