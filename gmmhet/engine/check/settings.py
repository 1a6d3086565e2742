"""Settings of gmmhet check: files, units and contrast."""

from dataclasses import dataclass

from gmmhet.engine.settings import setting

__all__ = ["LIKELY", "MIXED_CONTRAST", "LikelyValues", "MixedContrast"]

_CHOSEN = "chosen, not measured"


@dataclass(frozen=True)
class MixedContrast:
    """Sets in which some images have inverted contrast."""

    smallest_share: float = setting(0.03, "of the images", "fewer of the other sign are not named: noise makes single "
                                    "correlations negative", origin=_CHOSEN)
    fewest: int = setting(3, "images", "the same in small sets", origin=_CHOSEN)
    evidence: float = setting(10.0, "of log-likelihood", "by which two signs have to explain the correlations better "
                              "than one sign does, with or without images of noise", origin=_CHOSEN)
    deviations: float = setting(5.0, "standard errors", "by which the sizes of correlations have to be larger at own "
                                "poses than at others', where noise hides the two signs", origin=_CHOSEN)


@dataclass(frozen=True)
class LikelyValues:
    """Values of the metadata that are possible, but seldom meant: a warning names them."""

    defocus: tuple[float, float] = setting((500.0, 80000.0), "Å", "of single images", origin="value of versions up to "
                                           "0.3.0")
    median_defocus: float = setting(3000.0, "Å", "smaller medians are rather in nanometre", origin=_CHOSEN)
    defocus_in_nanometre: float = setting(8000.0, "Å", "of a median below, it is tried whether the particles fit the "
                                          "map better with ten times the defocus", origin=_CHOSEN)
    radians: float = setting(6.29, "", "angles and phase shifts that are all smaller are rather in radians",
                             origin="formula")
    spherical_aberration: tuple[float, float] = setting(
        (0.0011, 0.0035), "mm", "a thousandth of that of common lenses: rather in metre; corrected lenses are given as "
        "0, 0.001 or 0.01", origin=_CHOSEN)
    header_pixel_size: float = setting(0.02, "of the pixel size", "larger differences from the header of the images "
                                       "are named", origin=_CHOSEN)
    correlation: float = setting(0.02, "", "a mean correlation below is named as low: half of that of very noisy "
                                 "images (signal-to-noise ratio 0.01) at 16 Å", origin=_CHOSEN)


MIXED_CONTRAST = MixedContrast()
LIKELY = LikelyValues()
