"""The maps of a reconstruction in a few lines, from its summary.json."""

import os

from gmmhet.convert.summaries import MapRecord, MapsSummary, SharpeningRecord

__all__ = ["map_lines", "map_places"]

_KERNELS = ("Maps at points: their half-maps contain the map of all particles. The resolution measures agreement of "
            "half-maps, not the blur that is left in moving parts; compare with bins.")

_MOTION = ("Motion-corrected maps from all particles: the density comes from the images, the displacements from the "
           "Gaussian model, which both half-maps share.")
_OF_KIND = {"kernel": [_KERNELS], "motion": [_MOTION]}


def map_lines(summary: MapsSummary) -> list[str]:
    """A line for each map, what to know about maps of their kind, and their sharpening."""
    kernels = summary["by"] == "kernel"
    lines = [_of_map(k, m, kernels) for k, m in enumerate(summary["maps"], 1)]
    lines += [f"Map {k}: {m['note']}." for k, m in enumerate(summary["maps"], 1) if m.get("note")]
    return lines + _OF_KIND.get(summary["by"], []) + _sharpening(summary["sharpening"])


def map_places(summary: MapsSummary) -> str:
    """Where along the motion the maps are."""
    points = summary["parameters"]["points"]
    return f"at points of {os.path.basename(points)}" if points else f"along mode {summary['mode']}"


def _of_map(number: int, record: MapRecord, kernels: bool) -> str:
    particles = (f"effectively {record['n_effective']:.0f} particles" if kernels else
                 f"{record['n_particles']} particles")
    return (f"Map {number}: {particles}, coordinate {_number(record['coordinate'], '.2f')}, "
            f"resolution {_number(record['resolution_fsc143'], '.1f', ' Å')} (FSC 0.143), "
            f"locally {_number(record['local_resolution_median'], '.1f', ' Å')} (median)")


def _number(value: float | None, digits: str, unit: str = "") -> str:
    return "not known" if value is None else format(value, digits) + unit


def _sharpening(record: SharpeningRecord | None) -> list[str]:
    if record is None:
        return []
    return [f"Not sharpened: {record['note']}." if record["note"] else
            f"Sharpened maps: B factor {record['b_factor']:.0f} Å²."]
