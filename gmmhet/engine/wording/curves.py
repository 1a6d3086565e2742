"""Sentences about coordinates along curves."""

from collections.abc import Sequence

__all__ = ["CURVE_FOR_EVERY_MODE", "ONE_CLOSED_CURVE", "ONE_CURVE", "ONE_CURVE_AROUND", "curved_motion", "curves_tried"]

ONE_CURVE = "one curve"
ONE_CURVE_AROUND = "one curve, around"
ONE_CLOSED_CURVE = "one closed curve"
CURVE_FOR_EVERY_MODE = "a curve for every mode"


def curved_motion(kinds: Sequence[str], before: int, gain: float, error: float, better: bool) -> str:
    """Coordinates along curves.

    Args:
        kinds: line or circle, of each. before: straight modes. gain, error: of the held-out log-likelihood per particle
            over these, and its standard error. better: whether that is significant.
    """
    circles = sum(kind == "circle" for kind in kinds)
    lines = len(kinds) - circles
    parts = [*([f"{lines} coordinate{'s'[:lines != 1]} along curves"] if lines else []),
             *([f"{circles} coordinate{'s'[:circles != 1]} around closed curves"] if circles else [])]
    modes = f"{before} straight mode{'s'[:before != 1]}"
    figures = f"{gain:+.2f} ± {error:.2f} per particle"
    names, one = " and ".join(parts), len(kinds) == 1
    compared = "better than" if better else "about as well as" if gain > -2 * error else "worse than"
    explain = "explains" if one else "explain"
    return (f"{names[0].upper()}{names[1:]} {explain} held-out particles {compared} {modes} (log-likelihood "
            f"{figures}).")


def curves_tried(name: str, gain: float, error: float, over: str = "straight modes") -> str:
    """A line of the log: one kind of curves, and its held-out log-likelihood per particle over another's."""
    return f"{name}: held-out log-likelihood per particle {gain:+.3f} ± {error:.3f} over that of {over}"
