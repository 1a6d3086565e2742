"""Settings of reading files: what values, headers and names are still taken as meant."""

from dataclasses import dataclass

from gmmhet.engine.settings import setting

__all__ = ["GREY_VALUES", "HALF_SETS", "HEADERS", "UNITS", "GreyValues", "HalfSetRule", "Headers", "Units"]

_CHOSEN = "chosen, not measured"


@dataclass(frozen=True)
class Headers:
    """MRC headers."""

    uneven_voxels: float = setting(0.01, "of the voxel size", "voxels whose edges differ by more are refused; programs "
                                   "that round cell lengths write differences below this", origin=_CHOSEN)
    off_centre: float = setting(1.0, "voxels", "a header origin this far from the corner and from the middle voxel is "
                                "named, since it is not used", origin=_CHOSEN)


@dataclass(frozen=True)
class HalfSetRule:
    """Which half-set an image is in."""

    smallest_share: float = setting(0.2, "of the images", "smaller half-sets cannot be compared: odd and even "
                                    "images are taken instead", origin="value of versions up to 0.3.0, for the "
                                    "analysis alone")
    same_place: float = setting(0.5, "pixels of the micrograph", "images of one micrograph closer than this show the "
                                "same particle: coordinates are rounded to pixels when particles are extracted again",
                                origin=_CHOSEN)


@dataclass(frozen=True)
class GreyValues:
    """Single values that would outweigh all others."""

    beyond: float = setting(1e4, "", "the largest value over the largest of the others: hot pixels of normalised "
                            "images reach some hundreds", origin=_CHOSEN)
    few: int = setting(5, "values", "so many may be beyond; density has more voxels near its maximum", origin=_CHOSEN)
    suspicious: float = setting(100.0, "means of the absolute values", "only images with a larger pixel are looked at "
                                "closely", origin=_CHOSEN)


@dataclass(frozen=True)
class Units:
    """Values that are in another unit than expected."""

    voltage: tuple[float, float] = setting((10.0, 5000.0), "kV", "electron microscopes work at 20 to 3,000 kV; values "
                                           "outside are in V or MV", origin=_CHOSEN)
    spherical_aberration: float = setting(100.0, "mm", "objective lenses have up to some mm; larger values are in "
                                          "micrometre or Angstrom", origin=_CHOSEN)
    pixel_size: tuple[float, float] = setting((0.1, 100.0), "Å", "values outside are in nanometre, metre or picometre",
                                              origin=_CHOSEN)
    defocus: tuple[float, float] = setting((100.0, 1e6), "Å", "a median of the absolute defocus outside is in "
                                           "micrometre, metre or picometre", origin=_CHOSEN)
    header_ratio: float = setting(0.02, "of the ratio", "a pixel size that is 10 times that of the header of the "
                                  "images, or a tenth, to this is in another unit", origin=_CHOSEN)


HEADERS = Headers()
HALF_SETS = HalfSetRule()
GREY_VALUES = GreyValues()
UNITS = Units()
