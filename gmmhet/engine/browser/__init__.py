"""Scripts that several pages share, to be written into them."""

from importlib import resources

__all__ = ["script"]


def script(name: str) -> str:
    """The text of one of the scripts (surface.js, surface_gl.js)."""
    return resources.files("gmmhet.engine.browser").joinpath(name).read_text(encoding="utf-8")
