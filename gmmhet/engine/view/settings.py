"""Settings of the live page."""

from dataclasses import dataclass

from gmmhet.engine.settings import setting

__all__ = ["VIEW", "View"]

_CHOSEN = "chosen, not measured"


@dataclass(frozen=True)
class View:
    """What the live page computes and accepts."""

    voxels: int = setting(96, "voxels", "along an edge of maps that are looked at", origin=_CHOSEN)
    quick_voxels: int = setting(64, "voxels", "the same while the pointer moves",
                                origin="chosen for speed, not measured")
    largest_body: int = setting(8 << 20, "bytes", "of a request: the row numbers of a million particles",
                                origin=_CHOSEN)
    at_once: int = setting(2, "commands", "that run at the same time; others wait", origin=_CHOSEN)
    averaged: int = setting(400, "images", "of a selection, evenly from all, in its average", origin=_CHOSEN)
    shown: int = setting(6, "images", "of a selection that are shown", origin=_CHOSEN)
    image_side: int = setting(96, "pixels", "of images that are shown, at most", origin=_CHOSEN)
    most_categories: int = setting(24, "values", "of a column of whole numbers or texts that have a colour each; "
                                   "columns of more are drawn as numbers", origin=_CHOSEN)
    most_points: int = setting(200, "points", "of a path", origin=_CHOSEN)
    kept_shapes: int = setting(64, "shapes", "in memory", origin="chosen for memory, not measured")


VIEW = View()
