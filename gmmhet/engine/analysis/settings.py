"""Settings of gmmhet analyze."""

from dataclasses import dataclass

from gmmhet.engine.settings import setting

__all__ = [
    "BREAKING", "DEPENDENCE", "EMPIRICAL_PRIOR", "FOCUS", "GRADIENT_METHOD", "OUTPUT", "Breaking", "DependenceTest",
    "EmpiricalPrior", "Focus", "GradientMethod", "Output",
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
    negligible_shift: float = setting(0.02, "of the resolution", "smaller errors of the shifts are called negligible",
                                      origin=_CHOSEN)


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
    least_variance: float = setting(1e-12, "", "of a posterior, so that it can be inverted", origin=_CHOSEN)
    least_information: float = setting(1e-6, "", "of an image about a coordinate, so that it is no less than none",
                                       origin=_CHOSEN)


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


OUTPUT = Output()
DEPENDENCE = DependenceTest()
BREAKING = Breaking()
EMPIRICAL_PRIOR = EmpiricalPrior()
FOCUS = Focus()
GRADIENT_METHOD = GradientMethod()
