"""Settings of the analysis."""

from dataclasses import dataclass

from gmmhet.engine.io.result_columns import MORE_PROBABLY
from gmmhet.engine.settings import setting

__all__ = [
    "BREAKING", "CURVED", "DEPENDENCE", "DETECTABLE", "EMPIRICAL_PRIOR", "FINER_FIELDS", "FIRST_MODEL", "FOCUS",
    "FOLLOWING", "GRADIENT_METHOD", "INPUT", "JUNK", "NAMING", "OUTPUT", "SEARCH_SAMPLE", "SUBSPACE_METHOD", "Breaking",
    "CurvedMotions", "DependenceTest", "DetectableMotion", "EmpiricalPrior", "FinerFields", "FirstModel", "Focus",
    "Following", "GradientMethod", "InputLooks", "JunkByContrast", "Naming", "Output", "SearchSample", "SubspaceMethod",
]

_CHOSEN = "chosen, not measured"


@dataclass(frozen=True)
class Output:
    """Files and figures of an analysis."""

    frames: int = setting(9, "maps", "of a mode's movie; an odd number has the middle of the range among them",
                          origin=_CHOSEN)
    fine_box: int = setting(128, "voxels", "maps of larger even boxes are written on a coarser grid, to save space",
                            origin=_CHOSEN)
    smallest_box: int = setting(64, "voxels", "a coarser grid has at least so many along an edge", origin=_CHOSEN)
    sampling: float = setting(3.0, "voxels per resolution", "of a coarser grid; two are enough for all frequencies",
                              origin="sampling theorem, with half as many again")
    inside: float = setting(0.05, "of the highest density", "the flexibility map is 0 where the molecule is less dense",
                            origin=_CHOSEN)
    smallest_weight: float = setting(1e-3, "of the largest weight", "Gaussians of less weight count as of this one "
                                     "when gradients are divided by weights", origin=_CHOSEN)
    mostly: float = setting(0.5, "of a mode", "a larger share of rigid movement, or of change of density without "
                            "movement, is what the mode mostly is", origin="majority")
    large_leak: float = setting(0.1, "of the variance of a coordinate", "that depends on imaging, from which the "
                                "verdict says so", origin=_CHOSEN)
    negligible_shift: float = setting(0.02, "of the resolution", "smaller errors of the shifts are called negligible",
                                      origin=_CHOSEN)


@dataclass(frozen=True)
class JunkByContrast:
    """Particles that hardly show the molecule."""

    junk: float = setting(MORE_PROBABLY, "", "probability above which a particle has no part in the modes",
                          origin="majority")
    most: float = setting(0.5, "of the particles", "must be left; where more seem junk, the molecule or the poses are "
                          "what is wrong", origin="majority")
    largest_contrast: float = setting(0.5, "of the particles' mean contrast", "junk's mean is no larger, and its width "
                                      "no larger than half of that", origin="majority")
    valley: float = setting(0.8, "of the density at junk's mean", "between junk and particles there are fewer of both: "
                            "one broad distribution is no mixture", origin=_CHOSEN)
    at_bound: float = setting(0.95, "of the largest contrast", "junk whose mean is larger is the end of a broad "
                              "distribution", origin=_CHOSEN)
    places: int = setting(200, "contrasts", "between both means, at which densities are compared", origin=_CHOSEN)
    sample: int = setting(20_000, "particles", "that both distributions are fitted to", origin=_CHOSEN)
    starts: tuple[float, ...] = setting((0.05, 0.2, 0.4), "of the particles", "shares of junk that fits start from",
                                        origin=_CHOSEN)
    places_of_starts: tuple[float, ...] = setting((0.25, 0.5), "of the largest contrast", "means of junk that they "
                                                  "start from", origin=_CHOSEN)


@dataclass(frozen=True)
class DependenceTest:
    """Whether coordinates depend on circumstances of imaging or processing."""

    level: float = setting(0.01, "", "chance of any false flag among all tests of an analysis", origin=_CHOSEN)
    smallest_share: float = setting(0.01, "of the variance", "smaller shares are negligible, and not flagged",
                                    origin=_CHOSEN)
    particles_per_term: int = setting(20, "particles", "for each polynomial of the view; fewer lower the degree",
                                      origin=_CHOSEN)
    highest_degree: int = setting(4, "", "of these polynomials: spherical harmonics up to 4", origin=_CHOSEN)
    smallest_group: int = setting(10, "particles", "of an optics group or half-set that is tested", origin=_CHOSEN)
    most_particles: int = setting(100_000, "particles", "tested; more only find dependences that are negligible",
                                  origin=_CHOSEN)
    smallest_shift: float = setting(0.02, "of the resolution", "shifts that spread by less are not tested",
                                    origin=_CHOSEN)
    least_variation: float = setting(1e-9, "", "coordinates that vary by less are constant", origin=_CHOSEN)
    least_weight: float = setting(0.02, "", "coordinates of which the image says nearly nothing weigh no less",
                                  origin=_CHOSEN)
    least_rank: float = setting(1e-8, "of the longest direction, squared", "shorter ones are copies of others",
                                origin="rounding of double precision")
    most_leverage: float = setting(0.999, "", "of one particle, so that its residual can be divided by the rest",
                                   origin=_CHOSEN)


@dataclass(frozen=True)
class Breaking:
    """Whether the subunits of a symmetric molecule differ."""

    chance: float = setting(1e-3, "", "p value from which a difference is significant", origin=_CHOSEN)
    notable: float = setting(0.1, "standard deviations", "smaller differences do not count as broken symmetry",
                             origin=_CHOSEN)
    particles_per_contrast: int = setting(2, "particles", "at least, for each difference in Hotelling's test",
                                          origin=_CHOSEN)
    towards: tuple[float, float, float] = setting((0.36, 0.48, 0.8), "", "direction, on no axis of a point group, to "
                                                  "which of the copies of a view the nearest stands for all",
                                                  origin=_CHOSEN)
    follows: float = setting(0.5, "of the way from chance to a rule", "neighbours of which more have the same of the "
                             "equivalent poses have it by a rule", origin="half way between the two")


@dataclass(frozen=True)
class EmpiricalPrior:
    """The prior of the coordinates that is estimated from the data: a mixture of normal distributions of one width."""

    centers: int = setting(500, "", "of the mixture, drawn from the posteriors of so many particles", origin=_CHOSEN)
    learned_from: int = setting(10_000, "particles", "that the shares of the mixture are estimated from",
                                origin="chosen for speed, not measured")
    widths: tuple[float, ...] = setting((0.05, 0.1, 0.2, 0.35, 0.6), "standard deviations of the particles",
                                        "of which held-out particles choose one", origin=_CHOSEN)
    passes: int = setting(200, "passes", "of expectation-maximisation, at most", origin=_CHOSEN)
    enough: float = setting(1e-4, "of the log-likelihood per particle", "a smaller rise ends the passes",
                             origin=_CHOSEN)
    at_once: int = setting(1 << 22, "numbers", "in memory", origin="chosen for memory, not measured")


@dataclass(frozen=True)
class Focus:
    """The part of the molecule that may move."""

    edge: float = setting(0.5, "of the mask", "a Gaussian is in focus where the mask is above it", origin="half way")
    fewest: int = setting(4, "Gaussians", "in focus, at least: three do not span a volume", origin=_CHOSEN)


@dataclass(frozen=True)
class GradientMethod:
    """Gradient PCA."""

    modes: int = setting(4, "modes", "where no number is given", origin=_CHOSEN)
    least_spread: float = setting(1e-9, "Å", "of the positions along a motion, so that they can be scaled",
                                  origin=_CHOSEN)


@dataclass(frozen=True)
class InputLooks:
    """What is looked at before an analysis."""

    sample: int = setting(500, "particles", "that noise and contrast are first estimated from, and that are looked at "
                          "for blank images", origin=_CHOSEN)
    at_once: int = setting(10, "images", "looked at for blank ones: nearly always, the first ones settle it",
                           origin=_CHOSEN)
    noise_rounds: int = setting(2, "rounds", "of noise and contrast in turns", origin=_CHOSEN)
    least_noise: float = setting(1e-3, "of the power of the images", "noise of a shell is no less", origin=_CHOSEN)
    same_pixel: float = setting(1e-3, "of the pixel size", "files round: sizes closer than this are one",
                                origin=_CHOSEN)


@dataclass(frozen=True)
class FirstModel:
    """Priors of the fields, and what the model of the particles starts from."""

    position: float = setting(4.0, "Å", "prior root mean square displacement along an axis; the data change it, mode "
                              "by mode", origin=_CHOSEN)
    amplitude: float = setting(0.3, "", "prior root mean square relative change of weight; the data change it, mode by "
                               "mode", origin=_CHOSEN)
    width: float = setting(0.5, "", "prior root mean square change of the logarithm of a squared width", origin=_CHOSEN)
    contrast: float = setting(0.3, "of the contrast", "its standard deviation, to start from", origin=_CHOSEN)
    shift: float = setting(0.1, "of the resolution", "errors of shifts, to start from", origin=_CHOSEN)
    angle: float = setting(1.5, "degrees", "errors of angles, to start from", origin=_CHOSEN)
    local_pose: float = setting(0.15, "of the resolution", "movement of a part with a pose of its own, to start from",
                                origin=_CHOSEN)
    least_kept: float = setting(0.95, "of the prior variance", "smooth fields that hold less are too few for their "
                                "correlation length", origin=_CHOSEN)


@dataclass(frozen=True)
class SubspaceMethod:
    """The search for modes."""

    null_seed: int = setting(1, "", "added to the seed for the null's random signs, which are others than the "
                             "analysis' own draws", origin=_CHOSEN)
    before_following: int = setting(4, "modes", "tried before large motions are linearised again, which then need few",
                                    origin=_CHOSEN)
    least_factor: float = setting(0.02, "of a weight", "that changes of weights are relative to", origin=_CHOSEN)
    calibration: int = setting(6, "passes", "without motion, where poses are in error", origin=_CHOSEN)
    calibration_exact: int = setting(3, "passes", "without motion, where poses are exact", origin=_CHOSEN)


@dataclass(frozen=True)
class SearchSample:
    """Particles that modes are searched on, where there are many."""

    information: float = setting(1.0, "", "of an image on the coordinate of a motion, of unit variance, that the first "
                                 "sample finds: it halves the variance", origin=_CHOSEN)
    cosine: float = setting(0.5, "", "squared, of the direction that the sample finds with that of this motion",
                            origin="half")
    fewest: int = setting(1000, "particles", "of a sample, where there are few unknowns", origin=_CHOSEN)
    of_group: int = setting(8, "particles", "of every half-set and optics group, where it has so many, so that the "
                            "noise of each is told", origin=_CHOSEN)
    more: int = setting(2, "times", "as many particles, where those do not decide", origin=_CHOSEN)
    most: float = setting(0.5, "of the particles", "that are searched on where that is not all", origin="beyond, the "
                          "search and what finishes it take about as long as a search on all")
    bands: int = setting(8, "bands", "of equal area, that views are laid along", origin=_CHOSEN)
    seed: int = setting(11, "", "beside the analysis' own seed, where the samples begin", origin="any number")
    places: int = setting(12, "places", "where the particles of the sample are, from the best of which others start",
                          origin="as stations of a path")
    curvature: int = setting(192, "particles", "of each half-set, whose curvature is averaged where motion that is "
                             "left is looked for", origin="as of the first modes")
    passes: int = setting(12, "passes", "of the fit of all particles, from the modes of the sample", origin=_CHOSEN)


@dataclass(frozen=True)
class FinerFields:
    """Modes in fields of shorter correlation length."""

    finer: float = setting(2 / 3, "of a correlation length", "the next shorter one", origin=_CHOSEN)
    shortest: float = setting(0.5, "of the resolution", "Gaussians nearer than this are one", origin=_CHOSEN)
    least_share: float = setting(0.01, "of what the modes gain", "that finer fields must add on held-out particles",
                                 origin=_CHOSEN)
    passes: int = setting(12, "passes", "of a half-set's fit", origin=_CHOSEN)
    tolerance: float = setting(0.003, "of what was gained", "a pass that gains less has settled: less than least_share",
                               origin=_CHOSEN)


@dataclass(frozen=True)
class Following:
    """When large motions are linearised again, and the modes afterwards."""

    least_modes: int = setting(2, "modes", "a movement that one straight line describes is not large", origin="formula")
    least_share: float = setting(0.05, "of the squares of all movements", "a component of more is a mode",
                                 origin=_CHOSEN)
    coarser: float = setting(1.5, "of the usual correlation length", "along the path, where few particles are at each "
                             "step", origin=_CHOSEN)
    finer: float = setting(0.75, "of the usual correlation length", "of modes afterwards, when each Gaussian is known "
                           "to stay with its piece of the molecule", origin=_CHOSEN)
    better: float = setting(0.1, "log-likelihood", "another station explains a particle better by more", origin=_CHOSEN)
    passes_of_half: int = setting(12, "passes", "of a half-set", origin=_CHOSEN)
    passes_of_all: int = setting(20, "passes", "of all particles", origin=_CHOSEN)
    tolerance: float = setting(0.003, "of what was gained", "a pass that gains less has settled", origin=_CHOSEN)


@dataclass(frozen=True)
class CurvedMotions:
    """Fits along curves."""

    most_straight: int = setting(2, "modes", "that are each given a curve of their own", origin=_CHOSEN)
    first_passes: int = setting(2, "passes", "of one half-set, by which one kind of curves is chosen", origin=_CHOSEN)
    not_worse: float = setting(2.0, "standard errors", "of held-out log-likelihood that fewer coordinates may cost",
                               origin="95 % of normal ones")
    shown: int = setting(64, "places", "along a coordinate, at which what moves least is looked for", origin=_CHOSEN)
    passes_of_half: int = setting(8, "passes", "of a half-set", origin=_CHOSEN)
    passes_of_all: int = setting(16, "passes", "of all particles", origin=_CHOSEN)
    tolerance: float = setting(0.003, "of what was gained", "a pass that gains less has settled", origin=_CHOSEN)


@dataclass(frozen=True)
class DetectableMotion:
    """Motions that are planted where none was found, to tell which would have been."""

    kilodalton: float = setting(100.0, "kDa", "mass of the part that moves, where that is less than share",
                                origin=_CHOSEN)
    share: float = setting(0.25, "of the molecule, its subunit or the part in focus", "mass of the part in small ones",
                           origin=_CHOSEN)
    density: float = setting(1 / 1210.0, "kDa/Å³", "of protein: 1.21 Å³ per Da", origin="density of proteins")
    quantile: float = setting(0.1, "of the motions, least visible first", "the one that is planted: nine tenths are "
                              "more visible", origin="benchmarks/detectable.py, seed 100: domains swing less "
                              "visibly than the motion planted at 0.25")
    sample: int = setting(192, "particles", "whose information on motions is averaged", origin=_CHOSEN)
    at_once: int = setting(5, "motions", "looked at together: those of one part", origin="swings and shifts of a part")
    least_information: float = setting(1e-9, "per Å²", "so that it can be divided by", origin="any small number")
    searches: int = setting(3, "searches", "at most: each takes about half the time of the analysis", origin=_CHOSEN)
    margin: float = setting(1.2, "times the size that is expected to be just detectable", "planted first",
                            origin=_CHOSEN)
    near: float = setting(1.25, "times", "a size that is found is close enough to one that is not",
                          origin=_CHOSEN)
    step: float = setting(1.5, "times", "sizes of successive searches differ by no less, until one is found and one is "
                          "not", origin=_CHOSEN)
    leap: float = setting(3.0, "times", "sizes of successive searches differ by no more", origin=_CHOSEN)
    smallest: float = setting(0.05, "Å", "size that is planted", origin=_CHOSEN)
    largest: float = setting(0.5, "of the radius of gyration", "size that is planted: larger ones are seen in the map",
                             origin=_CHOSEN)
    least_correlation: float = setting(0.5, "of what the information lets expect", "correlation of coordinates with "
                                       "planted ones that counts as found", origin=_CHOSEN)
    seed: int = setting(7, "", "beside the analysis' own seed, for coordinates and poses", origin="any number")


@dataclass(frozen=True)
class Naming:
    """What modes are called."""

    mostly_density: float = setting(0.5, "of a mode", "that is change of weights, from which its displacements are not "
                                    "named", origin="majority")
    least_distance: float = setting(0.3, "Å", "movements of a part by less are not named", origin=_CHOSEN)
    rigid: float = setting(0.8, "of the squared displacement", "of a part that is called a rigid body",
                           origin=_CHOSEN)
    percentiles: tuple[float, float] = setting((0.05, 0.95), "", "of the coordinates, between which a movement is "
                                               "said", origin=_CHOSEN)
    most_uncertain: float = setting(0.75, "", "posterior variance of particles whose coordinates these are of: those "
                                    "of larger ones are mostly the prior's", origin=_CHOSEN)
    frames: int = setting(9, "points", "of the path along which a large motion is followed", origin="as of movies")
    mask_width: float = setting(0.25, "of the resolution", "standard deviation of the Gaussians of a mask, at least",
                                origin=_CHOSEN)
    mask_level: float = setting(0.3, "of the density of the part", "outside of which its mask falls", origin=_CHOSEN)
    mask_edge: float = setting(0.35, "of the resolution", "over which the mask falls to 0", origin=_CHOSEN)


OUTPUT = Output()
NAMING = Naming()
JUNK = JunkByContrast()
DEPENDENCE = DependenceTest()
DETECTABLE = DetectableMotion()
BREAKING = Breaking()
EMPIRICAL_PRIOR = EmpiricalPrior()
FOCUS = Focus()
GRADIENT_METHOD = GradientMethod()
INPUT = InputLooks()
FIRST_MODEL = FirstModel()
SUBSPACE_METHOD = SubspaceMethod()
FINER_FIELDS = FinerFields()
SEARCH_SAMPLE = SearchSample()
FOLLOWING = Following()
CURVED = CurvedMotions()
