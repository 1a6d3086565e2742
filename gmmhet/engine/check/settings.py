"""Settings of gmmhet check: comparison of particles with a map, frame of the map, images, views and units."""

from dataclasses import dataclass

from gmmhet.engine.settings import setting

__all__ = [
    "COMPARISON",
    "FRAME",
    "IMAGES",
    "LIKELY",
    "LOCAL_SEARCH",
    "ORIENTATION",
    "POSES",
    "UNIT",
    "UNUSED_BAND",
    "VIEWS",
    "WRONG_POSES",
    "Comparison",
    "FrameSettings",
    "ImageSettings",
    "LikelyValues",
    "LocalSearch",
    "OrientationSettings",
    "PoseSettings",
    "UnitSettings",
    "UnusedBandSettings",
    "ViewSettings",
    "WrongPoses",
]

_CHOSEN = "chosen, not measured"


@dataclass(frozen=True)
class Comparison:
    """Correlation of images with projections of a map."""

    finest: float = setting(
        16.0, "Å", "of the comparison: finer rings of single images add noise, not certainty", origin=_CHOSEN)
    pixels_per_resolution: float = setting(
        2.25, "pixels", "coarser images and maps are compared to this many pixels only", origin="Nyquist and a margin")
    samples_per_resolution: float = setting(
        3.0, "voxels", "of the map that is sliced, so that sizes up to 1.5 are seen completely", origin="formula")
    first_ring: int = setting(
        2, "periods in the box", "slower waves show ice, gradients and normalisation", origin=_CHOSEN)
    blurs: float = setting(12.0, "in the field of view", "blur at which the molecule is found, as in the fit",
                           origin=_CHOSEN)


@dataclass(frozen=True)
class PoseSettings:
    """Whether the given poses fit, and whether another reading fits better."""

    particles: int = setting(600, "particles", "compared at most", origin="run time")
    shuffles: int = setting(200, "assignments", "of every orientation to another particle", origin="run time")
    chance: float = setting(
        1e-6, "probability", "of calling another reading better by chance, over all readings together", origin=_CHOSEN)
    least_gain: float = setting(
        0.03, "of the correlation", "a smaller gain is no other reading but an error of the poses", origin=_CHOSEN)
    deviations: float = setting(
        5.0, "standard deviations of shuffled means", "by which another reading has to exceed their mean",
        origin=_CHOSEN)
    weak: float = setting(
        4.0, "of the best shuffled mean's excess", "the given poses fit only slightly below it", origin=_CHOSEN)
    scales: tuple[float, ...] = setting(
        (0.76, 0.81, 0.86, 0.91, 0.95, 0.98, 1.02, 1.05, 1.1, 1.16, 1.23, 1.3), "size over size",
        "of the map that are tried, in addition to those around the best of them", origin=_CHOSEN)
    least_scale: float = setting(
        0.025, "of the map's size", "a smaller difference changes little at the resolution compared", origin=_CHOSEN)
    least_scale_gain: float = setting(
        0.005, "of the correlation", "by which another size has to fit better", origin=_CHOSEN)


@dataclass(frozen=True)
class FrameSettings:
    """Displacement and rotation of the map in the frame of the poses."""

    rounds: int = setting(3, "rounds", "of parabolas along the six axes", origin=_CHOSEN)
    particles: int = setting(300, "particles", "compared at most", origin="run time")
    step: float = setting(1 / 6, "of the resolution", "displacement at which the fit is tried", origin=_CHOSEN)
    angle: float = setting(3.0, "degrees", "rotation at which the fit is tried", origin=_CHOSEN)
    groups: int = setting(10, "groups", "each left out once for the standard error", origin="jackknife")
    deviations: float = setting(5.0, "standard errors", "that a displacement or rotation has to exceed", origin=_CHOSEN)
    least_move: float = setting(
        1 / 20, "of the resolution", "a smaller displacement does not matter at the resolution compared",
        origin=_CHOSEN)
    least_turn: float = setting(
        1.5, "degrees", "a smaller rotation does not matter at the resolution compared", origin=_CHOSEN)


@dataclass(frozen=True)
class ImageSettings:
    """Grey values of a sample of images."""

    images: int = setting(200, "images", "looked at, at most", origin="run time")
    blur: float = setting(20.0, "Å", "of the map in which the radius of the molecule is found", origin=_CHOSEN)
    margin: float = setting(1.1, "of that radius", "disc outside which is background", origin=_CHOSEN)
    deviations: float = setting(
        4.0, "standard errors", "by which the centre has to differ from the background", origin=_CHOSEN)
    core: float = setting(0.5, "of the radius", "where every particle has density", origin=_CHOSEN)
    spread: float = setting(
        1.5, "95th over 5th percentile", "of the background's deviation, from which the greyscale counts as uneven",
        origin=_CHOSEN)
    normalised: float = setting(
        0.1, "of a standard deviation", "deviation from mean 0 and standard deviation 1 of normalised images",
        origin=_CHOSEN)


@dataclass(frozen=True)
class ViewSettings:
    """Distribution of the viewing directions."""

    particles: int = setting(10_000, "particles", "enough to see the distribution", origin="run time")
    patches: int = setting(100, "patches", "of equal area, of which the most populated tenth is counted",
                           origin=_CHOSEN)
    belt: float = setting(
        5.0, "degrees", "half the width of the great circle of views that show a direction of Fourier space",
        origin=_CHOSEN)
    poor: float = setting(
        0.2, "of a uniform distribution", "directions of Fourier space seen less and by few views are named",
        origin=_CHOSEN)
    few: int = setting(
        200, "views", "of a direction, symmetric copies counted: with more, it is named only if it is seen rarely",
        origin="chosen; real apoferritin, whose map is good in all directions, has 580 in the worst")
    rare: float = setting(
        0.1, "of a uniform distribution", "directions of Fourier space seen less are named, however many the views",
        origin=_CHOSEN)
    false_warnings: float = setting(
        0.01, "sets of evenly distributed views", "in which the fewest particles that see a direction are that few by "
        "chance", origin="binomial distribution, over all directions")
    directions: int = setting(500, "directions", "of Fourier space; a belt of views is 10 degrees wide, and neighbours "
                              "among so many are 6 degrees apart", origin="area of half a sphere")
    directions_of_unit: int = setting(60, "directions", "in an asymmetric unit, at least", origin=_CHOSEN)
    unit_towards: tuple[float, float, float] = setting(
        (0.8386, 0.2121, 0.5017), "", "vector on no axis of a point group: of symmetric directions the nearest counts",
        origin=_CHOSEN)


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
    correlation: float = setting(0.02, "", "a mean correlation below is named as low", origin=_CHOSEN)


@dataclass(frozen=True)
class UnitSettings:
    """Whether all views lie in one asymmetric unit of a point group."""

    places: int = setting(2000, "places", "spread evenly over the sphere of views", origin=_CHOSEN)
    most_views: int = setting(5000, "views", "enough to see where they are", origin=_CHOSEN)
    fewest_views: int = setting(200, "views", "fewer cannot decide", origin=_CHOSEN)
    step: float = setting(0.087, "radians", "smallest reach of a view, 5 degrees: refinements sample orientations in "
                          "steps of up to 7.5 degrees", origin=_CHOSEN)
    fewest_near: float = setting(8.0, "views", "that an even spread over the unit has within the reach of a place",
                                 origin=_CHOSEN)
    held: int = setting(2, "views", "near a place that is taken: a single one may be a wrong pose", origin=_CHOSEN)
    share_of_unit: tuple[float, float] = setting((0.7, 1.05), "of a unit and its rim", "share of the sphere that the "
                                                 "views take", origin=_CHOSEN)
    highest_cyclic: int = setting(17, "fold", "cyclic groups up to this are recognised", origin=_CHOSEN)
    highest_dihedral: int = setting(14, "fold", "the same of dihedral groups", origin=_CHOSEN)
    covered: float = setting(0.95, "of the sphere", "that the copies of the views have to take", origin=_CHOSEN)


@dataclass(frozen=True)
class OrientationSettings:
    """Posterior of the orientation of single images."""

    step: float = setting(7.5, "degrees", "distance of the orientations", origin="usual for a global search, HEALPix "
                          "order 3")
    finest: float = setting(10.0, "Å", "of the comparison: finer rings of single images add little", origin=_CHOSEN)
    pixels_per_resolution: float = setting(2.25, "pixels", "coarser images are compared to this many pixels only",
                                           origin="Nyquist and a margin")
    radii_per_resolution: float = setting(
        0.17, "of the molecule's radius", "at the finest ring compared its rim moves by less than this resolution from "
        "one orientation to the next (0.13 of the radius)", origin=_CHOSEN)
    rings: float = setting(18.0, "rings", "most that are compared", origin="run time")
    first_ring: int = setting(2, "periods in the box", "slower waves show ice, gradients and normalisation",
                              origin=_CHOSEN)
    shifts: float = setting(1.5, "steps", "radius around the given origin within which shifts are tried: nine of them",
                            origin="run time")
    shift_step: float = setting(1 / 3, "of the resolution", "of shifts", origin=_CHOSEN)
    batch: int = setting(4, "images", "compared at once, which bounds the memory", origin="run time")
    rounds: int = setting(2, "rounds", "in which noise, scale and contrast are estimated", origin="a third changed "
                          "scale and noise by less than 2 % on four simulated sets")
    sample: int = setting(40, "images", "that they are estimated from", origin="run time")
    draws: int = setting(4, "orientations", "drawn from the posterior of each image", origin=_CHOSEN)
    fewest_of_group: int = setting(10, "images", "of an optics group with a noise of its own", origin=_CHOSEN)
    spread: tuple[float, float, float] = setting((0.1, 0.6, 0.3), "of the mean", "least, largest and first deviation "
                                                 "of the contrast", origin=_CHOSEN)


@dataclass(frozen=True)
class WrongPoses:
    """Share of particles whose orientation is grossly wrong."""

    particles: int = setting(240, "particles", "looked at, at most", origin="run time")
    fewest: int = setting(50, "particles", "fewer say nothing about a share", origin=_CHOSEN)
    angle: float = setting(10.0, "degrees", "larger errors count as gross", origin="poses of other particles or of "
                           "other maxima are off by more, errors of refined poses are smaller")
    powers: tuple[float, ...] = setting((1.0, 0.7, 0.5, 0.35, 0.25), "of the likelihood", "that are tried: what the "
                                        "model of the images leaves out makes their likelihood too sharp",
                                        origin=_CHOSEN)
    sharp: float = setting(0.05, "probability", "of right orientations to be off, up to which the mean posterior mass "
                           "is the share: it errs by less", origin="RELION refinement of 2,000 simulated images: 0.18 "
                           "found, 0.19 true; by kinds of orientations 0.04")
    fitted: float = setting(3.0, "of log-likelihood", "by which orientations at the maximum of the posterior have to "
                            "explain the given ones better: one chance in a hundred", origin=_CHOSEN)
    trial: int = setting(80, "particles", "of projections with noise, on which the procedure is tried first",
                         origin="run time")
    blank: int = setting(30, "images", "of noise alone in the trial", origin="run time")
    planted: float = setting(0.2, "of the trial", "given random orientations", origin=_CHOSEN)
    trial_error: float = setting(0.07, "share", "by which the trial may miss what was planted, or find in nothing",
                                 origin=_CHOSEN)
    unresolved: float = setting(0.2, "of the trial", "that images of this noise may orient wrongly: of more, nothing "
                                "is said", origin=_CHOSEN)
    resamples: int = setting(200, "resamples", "of the particles for the interval", origin="bootstrap")
    interval: float = setting(0.95, "probability", "of the interval", origin="convention")
    worth_a_word: float = setting(0.05, "share", "that has to be exceeded surely before it is a warning",
                                  origin=_CHOSEN)
    told_apart: float = setting(0.2, "probability", "of mistaking projections for noise, or noise for projections, up "
                                "to which images without a molecule are counted", origin=_CHOSEN)


@dataclass(frozen=True)
class LocalSearch:
    """Search around the likeliest orientation of the grid."""

    first_rounds: int = setting(2, "rounds", "at half the step of the grid, before it is halved: they reach neighbours",
                                origin=_CHOSEN)
    halvings: int = setting(3, "", "of the step: the last is half a degree, less than images at such a resolution "
                            "tell", origin="formula")
    at_once: int = setting(256, "particles", "whose posteriors are held at the same time", origin="memory of 100 MB")


@dataclass(frozen=True)
class UnusedBandSettings:
    """Support of the poses beyond the band that the refinement used."""

    reach: float = setting(1.4, "of the last ring used", "the end of the band beyond: farther out there is seldom "
                           "signal", origin=_CHOSEN)
    gap: int = setting(2, "rings", "left out beyond the last one used: interpolation and masks carry what was fitted "
                       "into them", origin=_CHOSEN)
    outer: float = setting(0.5, "of the used rings", "from which the signal is extrapolated", origin=_CHOSEN)
    fewest_rings: int = setting(3, "rings", "of either band", origin="a line and its scatter")
    points: float = setting(4e6, "coefficients", "of the images compared, which limits their number", origin="run time")
    fewest: int = setting(200, "particles", "compared at least", origin=_CHOSEN)
    least_weight: float = setting(0.1, "of the mean weight", "added to that of every coefficient of the maps",
                                  origin=_CHOSEN)
    deviations: float = setting(5.0, "standard errors", "that signal beyond has to exceed to support the poses",
                                origin=_CHOSEN)
    expected: float = setting(4.0, "standard errors", "that the extrapolated signal has to exceed before its "
                              "absence is named", origin=_CHOSEN)
    absent: float = setting(0.5, "of the extrapolated signal", "that the signal is surely below (3 standard errors) "
                            "when it is called absent: 1.4 to 3.9 at right poses, -0.6 to 0 at wrong ones",
                            origin="projection matching of noise and of another molecule, 1,000 simulated images")
    most_weight: float = setting(10.0, "standard errors", "a stronger ring counts no more in the extrapolation",
                                 origin=_CHOSEN)
    coarsest: float = setting(100.0, "Å", "coarser resolutions in a model file mean that there is none", origin=_CHOSEN)


COMPARISON = Comparison()
ORIENTATION = OrientationSettings()
POSES = PoseSettings()
FRAME = FrameSettings()
IMAGES = ImageSettings()
VIEWS = ViewSettings()
WRONG_POSES = WrongPoses()
LOCAL_SEARCH = LocalSearch()
LIKELY = LikelyValues()
UNIT = UnitSettings()
UNUSED_BAND = UnusedBandSettings()
