"""The maps of a reconstruction in a few lines, from its summary.json."""

import os

from gmmhet.convert.summaries import MapRecord, MapsSummary, SharpeningRecord

__all__ = ["map_lines", "map_places"]

_KERNELS = ("Maps at points: their half-maps hold the map of all particles. Resolutions tell what repeats, not how far "
            "parts that move are still blurred; compare with bins.")

_MOTION = ("Maps of all particles with their motion undone: the density is the particles', where parts are put is what "
           "the Gaussians say, alike for both half-maps.")
_OF_KIND = {"kernel": [_KERNELS], "motion": [_MOTION]}


def map_lines(summary: MapsSummary) -> list[str]:
    """A line a map, what is to be known of them, and of their sharpening."""
    kernels = summary["by"] == "kernel"
    lines = [_of_map(k, m, kernels) for k, m in enumerate(summary["maps"], 1)]
    lines += [f"Map {k}: {m['note']}." for k, m in enumerate(summary["maps"], 1) if m.get("note")]
    return lines + _OF_KIND.get(summary["by"], []) + _sharpening(summary["sharpening"])


def map_places(summary: MapsSummary) -> str:
    """What the maps follow, in words."""
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


def _sharpening(told: SharpeningRecord | None) -> list[str]:
    return [] if told is None else [f"Not sharpened: {told['note']}." if told["note"] else
                                    f"Sharpened maps: B factor {told['b_factor']:.0f} Å²."]
