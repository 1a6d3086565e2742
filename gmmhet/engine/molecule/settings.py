"""Settings of maps and masks."""

from dataclasses import dataclass

from gmmhet.engine.settings import setting

__all__ = ["FIELD", "MASK", "FieldOfView", "MaskValues"]

_CHOSEN = "chosen, not measured"


@dataclass(frozen=True)
class FieldOfView:
    """Maps on another grid than the particles."""

    same_voxel: float = setting(5e-3, "of the voxel size", "headers round; sizes closer than this are one",
                                origin="value of versions up to 0.3.0")
    same_field: float = setting(0.03, "of the field of view", "boxes that were rounded to even numbers or to factors "
                                "of two and three differ by less", origin="value of versions up to 0.3.0")
    smallest: float = setting(0.4, "of the particles' field of view", "boxes are 1.5 to 2 times as wide as the "
                              "particle: a map of a smaller field has a wrong voxel size", origin=_CHOSEN)
    largest: float = setting(2.5, "of the particles' field of view", "refinement programs pad maps by up to 2: a map "
                             "of a larger field has a wrong voxel size", origin=_CHOSEN)


@dataclass(frozen=True)
class MaskValues:
    """Which values of a map make a mask."""

    tolerance: float = setting(1e-3, "of the range", "values of programs that resample masks are off by less",
                               origin="value of versions up to 0.3.0, for reconstruct alone")
    plateau: float = setting(0.95, "of the range", "values above are the inside of a mask", origin=_CHOSEN)
    inside: float = setting(0.1, "of the voxels above one half", "in a mask more of them are on the plateau; in a "
                            "Gaussian bump 2 %, in density of a protein less", origin="formula; chosen, not measured")
    faces: float = setting(0.9, "of the voxels of the box's faces", "a mask is inverted where more of them are inside",
                           origin=_CHOSEN)
    blur: float = setting(4.0, "voxels", "of density that is given as a mask, before its dense region is found",
                          origin=_CHOSEN)
    edge: float = setting(3.0, "voxels", "of the soft edge of a mask that is made of density", origin=_CHOSEN)


FIELD = FieldOfView()
MASK = MaskValues()
