"""Sentences of the live page."""

from collections.abc import Sequence

__all__ = ["PAGE", "PATHS", "column_label", "how_to_open", "model_at", "movie_of", "particles_at", "selection"]

_LABELS = {
    "rlnDefocusU": "defocus U (Å)", "rlnDefocusV": "defocus V (Å)", "rlnDefocusAngle": "astigmatism angle (degrees)",
    "rlnMicrographName": "micrograph", "rlnAngleRot": "view: rot (degrees)", "rlnAngleTilt": "view: tilt (degrees)",
    "rlnAnglePsi": "in-plane angle psi (degrees)", "rlnOriginXAngst": "origin x (Å)", "rlnOriginYAngst": "origin y (Å)",
    "rlnOpticsGroup": "optics group", "rlnRandomSubset": "half-set", "rlnClassNumber": "class",
    "rlnCoordinateX": "place on the micrograph, x (pixels)", "rlnCoordinateY": "place on the micrograph, y (pixels)",
    "gmmhetContrast": "contrast", "gmmhetLogLikelihood": "log-likelihood", "gmmhetSubunit": "subunit",
    "gmmhetImageSign": "sign of the contrast",
}
_NUMBERED = {"gmmhetLatentSd": "posterior deviation, mode {}", "gmmhetLatent": "coordinate, mode {}",
             "gmmhetCoordinateSd": "deviation under the estimated prior, mode {}",
             "gmmhetCoordinate": "coordinate under the estimated prior, mode {}"}

PATHS = {"trace": "path that follows the particles", "mode": "path along a mode", "points": "path through points"}

#: of the page's scripts
PAGE = {
    "hold": "Held here; click elsewhere to move, Escape to follow the pointer again.",
    "follow": "Follows the pointer; click to hold it.",
    "busy": "working", "waiting": "waits", "running": "runs", "done": "done", "failed": "failed", "stopped": "stopped",
    "count": "number of particles", "consensus": "consensus (all coordinates 0)",
    "no_selection": "Nothing is selected. Draw a lasso or a range, pick a class in the legend, or choose by sureness.",
    "no_path": "No path yet. Let it follow the particles, or choose Path and click two points or more.",
    "no_commands": "Nothing was run yet. Whatever you start shows here, with the command that repeats it.",
    "full": "Four maps are shown. Remove one; then choose the new one under: beside it.",
    "not_turned": "centred, not turned",
    "no_recorder": "This browser cannot record WebM; choose MP4 or GIF.",
    "lost": "The page has no answer from gmmhet view; is it still running?",
}


def column_label(name: str) -> str:
    """What a column holds; its own name where that is not known."""
    if name in _LABELS:
        return _LABELS[name]
    stem = name.rstrip("0123456789")
    return _NUMBERED[stem].format(name[len(stem):]) if stem in _NUMBERED and stem != name else name


def _place(point: Sequence[float]) -> str:
    return ", ".join(f"{v:+.2f}" for v in point[:4]) + (", ..." if len(point) > 4 else "")


def model_at(point: Sequence[float]) -> str:
    """A map of the model at a point."""
    return f"model at {_place(point)}"


def particles_at(point: Sequence[float]) -> str:
    """A map from the particles at a point."""
    return f"particles at {_place(point)}"


def movie_of(of: str, kind: str) -> str:
    """A movie; of: model or particles, kind: gif or mp4."""
    return f"{kind.upper()} of {'the model' if of == 'model' else 'maps from particles'}"


def selection(mapped: bool) -> str:
    """Selected particles that are written, and perhaps their map."""
    return "selected particles" + (" and their map" if mapped else "")


def how_to_open(port: int, host: str) -> str:
    """What to do with the address that was printed."""
    return (f"open the address above in a browser of this machine; from another one, first: ssh -N -L "
            f"{port}:127.0.0.1:{port} {host} ; Ctrl-C ends it")
