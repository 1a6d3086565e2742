"""Choosing particles by hand on the page: their coordinates, packed."""

import numpy as np

from gmmhet.engine.report.results import Mode, Results
from gmmhet.engine.report.volumes import pack

__all__ = ["can_choose", "choosing_data"]

_MOST_MODES = 4
_LEVELS = 4095  # finer than a screen, and than any coordinate is known; more only makes pages larger


def _modes(results: Results) -> tuple[Mode, ...]:
    return results.significant[:_MOST_MODES]


def can_choose(results: Results) -> bool:
    """Whether there is a motion to choose along."""
    return bool(_modes(results))


def choosing_data(results: Results) -> dict[str, object]:
    """Coordinates along the modes that are shown, in steps between their ends, in the order of the rows."""
    modes = []
    for mode in _modes(results):
        z = np.asarray(results.arrays["coordinates"][:, mode.number - 1], dtype=np.float64)
        low, high = (float(z.min()), float(z.max())) if len(z) else (0.0, 1.0)
        steps = np.rint((z - low) / max(high - low, 1e-12) * _LEVELS)
        modes.append({"number": mode.number, "low": low, "high": high, "values": pack(steps.astype("<u2"))})
    return {"name": results.folder.resolve().name, "levels": _LEVELS, "count": results.n_particles, "modes": modes}
