"""Settings of latent space: where particles are, and where frames of a mode's movie are."""

from dataclasses import dataclass

from gmmhet.engine.settings import setting

__all__ = ["DECONVOLUTION", "EXTENT", "ISLANDS", "LIKELIHOODS", "MOVIE_POINTS", "PARTICLE_DENSITY", "TWO_STATES",
           "Deconvolution", "Extent", "IslandsOf", "LikelihoodLimits", "MoviePoints", "ParticleDensity", "TwoStatesOf"]

_CHOSEN = "chosen, not measured"


@dataclass(frozen=True)
class MoviePoints:
    """Points at which a mode is shown."""

    range: tuple[float, float] = setting((2.0, 98.0), "percentiles", "of the coordinate, between which points lie: "
                                         "outliers do not stretch the movie", origin=_CHOSEN)
    near: float = setting(0.04, "of the particles",
                          "around a point's coordinate, that its other coordinates are taken from",
                          origin=_CHOSEN)
    fewest_near: int = setting(24, "particles", "around a point's coordinate, at least", origin=_CHOSEN)
    continued: float = setting(0.25, "of the particles near", "those next to the point before, so that a path does not "
                               "jump to another branch", origin=_CHOSEN)
    looked_at: int = setting(1000, "particles",
                             "of which the one where the density is highest is a typical conformation",
                             origin="chosen for speed, not measured")


@dataclass(frozen=True)
class ParticleDensity:
    """The density of the particles in latent space, and where it counts as populated."""

    outside: float = setting(0.01, "of the particles", "lie where the density is too low for a point to count as "
                             "populated: a highest-density region", origin="chosen; region of Hyndman 1996")
    fewest_near: float = setting(3.0, "particles", "near a populated point, at least, but for many modes",
                                 origin=_CHOSEN)
    most: int = setting(10_000, "particles", "that the density is summed over, taken evenly from all",
                        origin="chosen for speed, not measured")
    leading: int = setting(3000, "particles", "that steps uphill are computed from",
                           origin="chosen for speed, not measured")
    judged: int = setting(1000, "particles", "at which the density is compared with that of a point",
                          origin="chosen for speed, not measured")
    tried: int = setting(500, "particles",
                         "left out of the density in turn, whose likelihood chooses the kernel's width",
                         origin="chosen for speed, not measured")
    tried_against: int = setting(2000, "particles", "of the density that these are left out of",
                                 origin="chosen for speed, not measured")
    widths: tuple[float, ...] = setting((0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6), "standard deviations of the coordinates",
                                        "of the kernel, of which the likeliest is taken", origin=_CHOSEN)
    smallest_spread: float = setting(1e-3, "standard deviations", "of the coordinates that a width is a share of, "
                                     "where all particles are at one point", origin=_CHOSEN)
    at_once: int = setting(1 << 22, "numbers", "in memory", origin="chosen for memory, not measured")


@dataclass(frozen=True)
class Extent:
    """How far the molecule reaches, for pictures of it."""

    reach: float = setting(1.5, "standard deviations of a Gaussian", "that are seen around its centre", origin=_CHOSEN)
    sample: int = setting(100, "particles", "that show how far the molecule reaches",
                          origin="chosen for speed, not measured")


@dataclass(frozen=True)
class LikelihoodLimits:
    """What images say of the coordinates."""

    least_variance: float = setting(1e-12, "", "of a posterior, so that it can be inverted", origin=_CHOSEN)
    least_information: float = setting(1e-6, "", "of an image about a coordinate, so that it is no less than none",
                                       origin=_CHOSEN)


@dataclass(frozen=True)
class TwoStatesOf:
    """Two states along a coordinate."""

    starts: tuple[float, ...] = setting((0.15, 0.5, 0.85), "", "shares of the higher state that the likelihood is "
                                        "climbed from", origin=_CHOSEN)
    first_width: float = setting(0.3, "standard deviations of the coordinate", "of each state, to start from",
                                 origin=_CHOSEN)
    least_width: float = setting(0.02, "standard deviations of the coordinate", "of each state", origin=_CHOSEN)
    least_share: float = setting(1e-4, "of the particles", "in a state", origin=_CHOSEN)
    first_passes: int = setting(12, "passes", "of expectation-maximisation from each start", origin=_CHOSEN)
    passes: int = setting(300, "passes", "from the likeliest of these, at most", origin=_CHOSEN)
    enough: float = setting(1e-6, "of log-likelihood per particle", "a smaller rise ends the passes", origin=_CHOSEN)
    step: float = setting(1e-3, "of a parameter", "over which the likelihood is differentiated", origin=_CHOSEN)
    largest_error: float = setting(0.1, "", "of a share that is said; a larger one leaves it open", origin=_CHOSEN)
    apart: float = setting(4.0, "of their widths", "two states are farther apart: those that an even spread is taken "
                           "for are 3.3 apart", origin="an even spread over a range")


@dataclass(frozen=True)
class Deconvolution:
    """The density of the particles without the uncertainty of each."""

    most: int = setting(4000, "particles", "that it is estimated from, taken evenly from all",
                        origin="chosen for speed, not measured")
    most_of_several: int = setting(2000, "particles", "the same over several coordinates",
                                   origin="chosen for speed, not measured")
    widths: tuple[float, ...] = setting((0.05, 0.1, 0.2, 0.35), "standard deviations of the coordinates", "of the "
                                        "normal distributions that make it up", origin=_CHOSEN)
    marks: tuple[int, ...] = setting((0, 1, 2, 3, 5, 8, 12, 18, 27, 40, 60, 90), "passes", "that are tried",
                                     origin=_CHOSEN)
    patience: int = setting(3, "marks", "at which the held-out half-set is explained worse and worse end a trial",
                            origin="chosen for speed, not measured")
    negligible: float = setting(1e-3, "of the mean share", "of the smeared density: centers of less are left out",
                                origin="chosen for speed, not measured")
    power: float = setting(1.8, "", "to which the factors of a pass are raised: two passes in one", origin="below 2, "
                           "with which expectation-maximisation converges")
    behind: float = setting(1.0, "standard errors", "that the held-out half-set may be explained worse than by the "
                            "best", origin="the rule of one standard error")
    agreement: float = setting(0.95, "", "least correlation of the densities of both half-sets along a coordinate",
                               origin=_CHOSEN)
    everywhere: float = setting(0.01, "of the mean share", "that every center has at first, so that none is lost",
                                origin=_CHOSEN)
    cells: int = setting(160, "centers", "along one coordinate", origin=_CHOSEN)
    cells_of_two: int = setting(40, "centers", "along each of two coordinates", origin="chosen for speed, not measured")
    margin: float = setting(0.2, "standard deviations", "around the particles", origin=_CHOSEN)
    reach: float = setting(1.0, "posterior standard deviations", "around each of them", origin=_CHOSEN)
    coarsest: float = setting(2.0, "widths", "between centers of a grid, at most: it ripples by 1 %", origin="formula")
    nothing: float = setting(1e-20, "", "likelihoods over the largest, and shares, of less are 0",
                             origin="single precision")
    surroundings: float = setting(0.2, "standard deviations", "over which the half-sets' difference is averaged",
                                  origin=_CHOSEN)
    near: float = setting(0.15, "standard deviations", "from a point, at least, within which particles are near",
                          origin=_CHOSEN)
    smallest_spread: float = setting(1e-3, "standard deviations", "of the coordinates that widths are shares of",
                                     origin=_CHOSEN)
    at_once: int = setting(1 << 22, "numbers", "in memory", origin="chosen for memory, not measured")


@dataclass(frozen=True)
class IslandsOf:
    """Empty gaps along a coordinate."""

    empty: float = setting(0.05, "of the lower of the densities on both sides", "where a gap may be", origin=_CHOSEN)
    least_share: float = setting(0.03, "of the particles", "on either side of a gap", origin=_CHOSEN)
    most: float = setting(0.03, "of the particles", "in a gap, its standard error added", origin=_CHOSEN)
    narrowest: float = setting(0.15, "standard deviations", "from end to end of a gap", origin=_CHOSEN)
    fewest: int = setting(200, "particles", "among which gaps are looked for", origin=_CHOSEN)
    one_state: float = setting(0.7, "of the posterior deviation of a typical particle", "an island that is no wider is "
                               "one state: one map", origin=_CHOSEN)


DECONVOLUTION = Deconvolution()
ISLANDS = IslandsOf()
EXTENT = Extent()
LIKELIHOODS = LikelihoodLimits()
TWO_STATES = TwoStatesOf()
MOVIE_POINTS = MoviePoints()
PARTICLE_DENSITY = ParticleDensity()
