"""Titles, axes, keys and captions of the report's charts. Captions are HTML."""

from typing import NamedTuple

from gmmhet.engine.wording.numbers import angstrom, number

__all__ = [
    "BAND", "CONTRASTS", "DECONVOLVED", "FIT_FSC", "GAINS", "HALFSET_AGREEMENT", "MAPS_ON_LANDSCAPE", "MAP_MARKS",
    "NULL_QUANTILE", "POSTERIOR_MEANS", "SCORES", "SCORE_KEYS", "SPECTRUM", "Chart", "analysis_resolution",
    "half_map_fsc", "histogram", "landscape", "map_count_tip", "map_place_tip", "one_particle", "particles_per_map",
    "uncertainty",
]


class Chart(NamedTuple):
    """Fixed text of a chart; alone: caption where one number stands for it."""

    title: str
    x: str
    y: str
    caption: str = ""
    alone: str = ""


SPECTRUM = Chart(
    "Mode spectrum", "eigenvector", "variance explained",
    "Variance of the particles along each direction of variation, largest first. A few bars above a flat tail indicate "
    "motion; a smooth slope without a step is noise. The number of blue bars is the number of significant modes.",
    "Variance of the particles along the mode. There is no other mode to compare it with.")
GAINS = Chart(
    "Held-out gain", "mode", "log-likelihood per particle",
    "Gain in log-likelihood per held-out particle from each further mode. The bar of a significant mode rises well "
    "above its black line.")


def gain_alone(null: float | None) -> str:
    """Caption where there is one mode; null: the gain that noise reaches, if it is known."""
    noise = "" if null is None else f" Noise reaches {number(null)}; a significant mode is well above that."
    return f"Gain in log-likelihood per held-out particle from the mode.{noise}"


NULL_QUANTILE = "gain that noise reaches (null quantile)"
HALFSET_AGREEMENT = Chart(
    "Half-set agreement", "mode", "correlation of coordinates",
    "Correlation between coordinates of the same particles on modes estimated from each half-set: 1 is full "
    "agreement, 0 none. Dotted lines: 0.9 and 0.6. Pose errors are the same in both halves, so agreement alone does "
    "not prove motion.",
    "Correlation between coordinates of the same particles on modes estimated from each half-set: 1 is full "
    "agreement, 0 none. Pose errors are the same in both halves, so agreement alone does not prove motion.")
SCORES = Chart(
    "Fit of the poses", "mean ring correlation with the model", "particles",
    "The further the distribution lies to the right of the dashed line (to the left where the contrast is inverted), "
    "the more signal the images carry. A second peak at the dashed line indicates particles that do not show this "
    "molecule.")
SCORE_KEYS = {"bars": "particles at their given poses", "given": "mean", "shuffled": "mean at shuffled poses"}
CONTRASTS = Chart(
    "Contrast of the particles", "contrast (image units per map unit)", "particles",
    "Strength of the molecule in each image. Negative values mean inverted contrast; values near zero, images that "
    "hardly show the molecule.")
FIT_FSC = Chart(
    "Gaussian model against the map", "resolution (Å), evenly spaced in 1/Å", "Fourier shell correlation",
    "Fourier shell correlation of the Gaussian model with the map it was fitted to. It should stay near 1 to the left "
    "of the dashed line, in the range that the analysis uses.")
POSTERIOR_MEANS = "posterior means"
DECONVOLVED = "without the uncertainty (deconvolved)"
BAND = "its band of 2 standard errors"
MAP_MARKS = {True: "coordinates of the maps", False: "borders between the maps"}  # maps at points; of intervals
MAPS_ON_LANDSCAPE = "maps from the particles"

_POSTERIOR_MEANS_CAPTION = (
    "Separate clusters are discrete states; a band is a continuous motion. A curved band is usually one large motion "
    "that needs two modes, because a rotation does not follow a straight line.")
_DECONVOLVED_CAPTION = (
    "The density that explains the images, without the broadening by the uncertainty of each particle, as sharp as "
    "both half-sets agree on.")


def analysis_resolution(resolution: float) -> str:
    """Key of the line at the analysis resolution."""
    return f"analysis resolution, {angstrom(resolution)}"


def histogram(mode: int, around: float | None = None) -> Chart:
    """Coordinates along a mode; around: of a circle, its circumference."""
    unit = "standard deviations" if around is None else f"once around is {around:.2f}"
    return Chart(f"Mode {mode}: distribution of the particles", f"coordinate ({unit})", "particles")


def one_particle(posterior: float) -> str:
    """The bar that shows the uncertainty of a coordinate."""
    return f"one particle: ± {number(posterior, 2)}"


def uncertainty(known: bool, resolved: bool, deconvolved: bool) -> str:
    """Caption of a histogram: whether the uncertainty is known, is smaller than the plot, and a line is drawn."""
    if not known:
        return "The analysis holds no uncertainty of a single coordinate."
    if not resolved:
        return "The uncertainty of a single coordinate exceeds the width of this plot."
    line = "; the line is the density without this broadening, as sharp as both half-sets agree on, with its band of " \
           "two standard errors" if deconvolved else ""
    return "The bar at the top is the median posterior standard deviation of a particle's coordinate. It broadens " \
           f"the histogram{line}."


def landscape(first: int, second: int, *, deconvolved: bool) -> Chart:
    """Density over two modes."""
    what = "deconvolved" if deconvolved else POSTERIOR_MEANS
    return Chart(f"Modes {first} and {second}, {what}", f"mode {first} (standard deviations)",
                 f"mode {second} (standard deviations)",
                 _DECONVOLVED_CAPTION if deconvolved else _POSTERIOR_MEANS_CAPTION)


def map_place_tip(map_number: int, first: float, second: float) -> str:
    """A map on the landscape."""
    return f"map {map_number}, at {number(first, 2)} and {number(second, 2)}"


def particles_per_map(kind: str) -> Chart:
    """Bars of the particles behind maps of a kind: "kernel", "motion" or "interval"."""
    captions = {
        "kernel": "Mean over the frequency bands. Every map starts from all particles; where the molecule moves, only "
                  "those near the point of the map contribute.",
        "motion": "Every map is reconstructed from all particles, corrected for their motion part by part.",
        "interval": "Maps from fewer particles are noisier and have lower resolution, whether or not the motion is "
                    "real.",
    }
    effective = kind == "kernel"
    return Chart("Effective number of particles per map" if effective else "Number of particles per map", "map",
                 "effective particles" if effective else "particles", captions[kind])


def map_count_tip(map_number: int, count: float | None, place: float | None,
                  interval: tuple[float | None, float | None]) -> str:
    """Particles of a map, at a coordinate (place) or, where that is None, in an interval."""
    where = f"from {number(interval[0])} to {number(interval[1])}" if place is None else f"at {number(place)}"
    return f"map {map_number}: {number(count)} particles, {where}"


def half_map_fsc(kind: str, *, masked: bool) -> Chart:
    """Fourier shell correlations of half-maps of a kind."""
    halves = {
        "interval": "independent halves of the particles of each map",
        "motion": "independent halves of all particles, corrected with the same motion",
        "kernel": "independent halves of all particles, with the same filters; it measures what is reproducible, not "
                  "the remaining blur of the motion",
    }[kind]
    return Chart(f"Half-maps of each map, {'masked' if masked else 'no mask'}", FIT_FSC.x, FIT_FSC.y,
                 f"Fourier shell correlation of two maps from {halves}. Dotted lines: 0.5 and 0.143; the resolution of "
                 "a map is where its curve falls below 0.143.")
