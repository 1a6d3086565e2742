"""Gaussians as spheres, which can be turned with the mouse; drawing only."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

__all__ = ["draw_spheres"]

_POINTS = 230.0  # from the middle of the drawing to its edge, at a zoom of 1
_ZOOM = 1.55  # without axes the drawing fills its place
_WIDTH = 1.2  # diameter of a sphere, in the given sizes
_LEAST = 0.1  # range of the colours, Å or Å²: less is rounding, and has one colour


def draw_spheres(figure: Figure, centers: NDArray[np.float64], sizes: NDArray[np.float64],
                 values: NDArray[np.float64], title: str, scale: str) -> None:
    """Draw Gaussians, first seen along z with y upwards, as surfaces and sections are.

    Args:
        centers: [N, 3] Angstrom. sizes: [N] diameters, Angstrom. values: [N], that give the colours.
        title: of the drawing. scale: what the colours are, with the unit.
    """
    axes: Any = figure.add_axes((0.0, 0.05, 0.86, 0.87), projection="3d")
    reach = float(np.abs(centers - centers.mean(axis=0)).max())
    low, high = np.percentile(values, (2, 98))
    size = (_WIDTH * _ZOOM * _POINTS * sizes / max(reach, 1e-6) / 2) ** 2
    drawn = axes.scatter(*centers.T, s=size, c=values, cmap="viridis", vmin=low, vmax=max(high, low + _LEAST),
                         alpha=1.0, edgecolors="#20262e", linewidths=0.4, depthshade=False)
    middle = centers.mean(axis=0)
    axes.set_xlim(middle[0] - reach, middle[0] + reach)
    axes.set_ylim(middle[1] - reach, middle[1] + reach)
    axes.set_zlim(middle[2] - reach, middle[2] + reach)
    axes.set_box_aspect((1, 1, 1), zoom=_ZOOM)
    axes.view_init(elev=90, azim=-90)
    axes.set_axis_off()
    figure.text(0.43, 0.02, "drag to turn", ha="center", fontsize=8, color="#777777")
    bar = figure.colorbar(drawn, cax=figure.add_axes((0.88, 0.2, 0.025, 0.55)))
    bar.set_label(scale, fontsize=8)
    bar.ax.tick_params(labelsize=7)
    figure.suptitle(title, fontsize=11)
