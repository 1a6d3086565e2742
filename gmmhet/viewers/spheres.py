"""Gaussians as spheres, which can be turned with the mouse; drawing only."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

__all__ = ["draw_spheres"]

_POINTS = 230.0  # from the middle of the drawing to its edge
_WIDTH = 1.1  # diameter of a sphere, in the given sizes


def draw_spheres(figure: Figure, centers: NDArray[np.float64], sizes: NDArray[np.float64],
                 values: NDArray[np.float64], title: str, scale: str) -> None:
    """Draw Gaussians.

    Args:
        centers: [N, 3] Angstrom. sizes: [N] diameters, Angstrom. values: [N], that give the colours.
        title: of the drawing. scale: what the colours are, with the unit.
    """
    axes: Any = figure.add_axes((0.0, 0.02, 0.86, 0.88), projection="3d")
    reach = float(np.abs(centers - centers.mean(axis=0)).max())
    low, high = np.percentile(values, (2, 98))
    size = (_WIDTH * _POINTS * sizes / max(reach, 1e-6)) ** 2
    drawn = axes.scatter(*centers.T, s=size, c=values, cmap="viridis", vmin=low, vmax=max(high, low + 1e-12),
                         alpha=0.85, edgecolors="#20262e", linewidths=0.2)
    middle = centers.mean(axis=0)
    axes.set_xlim(middle[0] - reach, middle[0] + reach)
    axes.set_ylim(middle[1] - reach, middle[1] + reach)
    axes.set_zlim(middle[2] - reach, middle[2] + reach)
    axes.set_box_aspect((1, 1, 1))
    for name in "xyz":
        getattr(axes, f"set_{name}label")(f"{name} (Å)", fontsize=8)
    axes.tick_params(labelsize=7)
    bar = figure.colorbar(drawn, cax=figure.add_axes((0.88, 0.2, 0.025, 0.55)))
    bar.set_label(scale, fontsize=8)
    bar.ax.tick_params(labelsize=7)
    figure.suptitle(title, fontsize=11)
