"""The check as a picture: where the particles are seen from, and how they correlate with the map."""

import os
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gmmhet.engine.check.poses import PoseCheck
from gmmhet.engine.check.views import ViewCheck
from gmmhet.engine.errors import InputError
from gmmhet.engine.io import replacing
from gmmhet.engine.view_cells import draw_cells
from gmmhet.engine.wording.check import PLOT, plot_title

__all__ = ["write_plot"]

_FORMATS = (".png", ".svg", ".pdf")


def write_plot(path: str | os.PathLike[str], views: ViewCheck, poses: PoseCheck | None) -> None:
    """Write the picture.

    Raises:
        InputError: the name ends in no format that is known.
    """
    final = Path(path)
    if final.suffix.lower() not in _FORMATS:
        raise InputError(f"--plot is {final}; expected a name ending in {', '.join(_FORMATS)}")
    figure = Figure(figsize=(11 if poses else 6.5, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    _draw_views(figure, views, 121 if poses else 111)
    if poses is not None:
        _draw_correlations(figure, poses)
    with replacing(final) as temporary:
        figure.savefig(temporary, dpi=120)


def _draw_views(figure: Figure, views: ViewCheck, place: int) -> None:
    axes = figure.add_subplot(place, projection="mollweide")
    mesh = draw_cells(axes, views.cells)
    axes.set_xticks(np.deg2rad([-120, -60, 0, 60, 120]), ["-120", "-60", "0", "60", "120"], color="white", fontsize=7)
    axes.set_yticks(np.deg2rad([60, 30, 0, -30, -60]), ["30", "60", "90", "120", "150"], fontsize=7)
    axes.grid(alpha=0.3)
    axes.set_title(PLOT["views"], fontsize=9)
    figure.colorbar(mesh, ax=axes, orientation="horizontal", shrink=0.7, label=PLOT["density"])


def _draw_correlations(figure: Figure, poses: PoseCheck) -> None:
    axes = figure.add_subplot(122)
    both = np.concatenate([poses.own, poses.others])
    bins = np.linspace(both.min(), both.max(), max(8, min(50, len(both) // 12)))
    axes.hist(poses.others, bins, color="#9aa3ad", alpha=0.8, label=PLOT["others"])
    axes.hist(poses.own, bins, color="#1f6fb4", alpha=0.7, label=PLOT["own"])
    axes.axvline(0, color="black", linewidth=0.6)
    axes.set_xlabel(PLOT["correlation"])
    axes.set_ylabel(PLOT["particles"])
    axes.legend(fontsize=8)
    axes.set_title(plot_title(poses.n_particles, poses.resolution), fontsize=9)
