"""Settings of the likelihood subspace: E step, M step, selection of modes, large movements."""

from dataclasses import dataclass

from gmmhet.engine.settings import setting

__all__ = [
    "AGREEMENT", "CURVATURE", "CURVES", "E_STEP", "FIRST_MODES", "LARGE_MOVEMENTS", "LOCAL_POSES", "MODE_SELECTION",
    "M_STEP", "PASSES", "POSE_EVIDENCE", "SMOOTH_FIELDS", "SUBUNITS", "Agreement", "Curvature", "CurvedCoordinates",
    "EStep", "FirstModes", "LargeMovements", "LocalPoses", "MStep", "ModeSelection", "Passes", "PoseEvidences",
    "SmoothFields", "Subunits",
]

_CHOSEN = "chosen, not measured"


@dataclass(frozen=True)
class SmoothFields:
    """The basis that motions are sought in."""

    kept: float = setting(0.99, "of the prior variance", "what the basis holds of it; the rest are fields that change "
                          "within a correlation length", origin=_CHOSEN)
    most: int = setting(160, "scalar fields", "the M step solves for 4 coefficients of each at once", origin=_CHOSEN)
    largest_exact: int = setting(1500, "Gaussians", "more: eigenvectors are interpolated from a random subset of so "
                                 "many, since the time grows with the cube", origin=_CHOSEN)
    angstrom_per_weight: float = setting(13.0, "Å", "what a relative change of weight of 1 counts as where "
                                         "displacements and weights are measured together",
                                         origin="ratio of the priors, 4 Å and 0.3")
    ridge: float = setting(1e-6, "of the mean curvature", "added where a field is fitted, so that it can be solved",
                           origin=_CHOSEN)
    least_rank: float = setting(1e-9, "of the largest singular value", "smaller ones are rounding",
                                origin="rounding of double precision")


@dataclass(frozen=True)
class EStep:
    """One Gauss-Newton step of every particle."""

    largest_step: float = setting(1.5, "standard deviations of the prior", "length of a step in four coordinates or "
                                  "fewer: images are linear in them about so far", origin=_CHOSEN)
    coordinates: float = setting(4.0, "coordinates", "of more, steps may be longer by the root of their number over "
                                 "this", origin="length of a normal vector grows with the root of its size")
    nuisances: float = setting(0.5, "", "length of a step counts so much in nuisances as in coordinates of modes",
                               origin=_CHOSEN)
    shortest_cut: float = setting(0.05, "of the step", "a step that made the fit worse is cut no shorter",
                                  origin=_CHOSEN)
    longest_cut: float = setting(0.5, "of the step", "a step that made the fit worse is cut at least to this",
                                 origin=_CHOSEN)
    worse: float = setting(1e-6, "of the misfit", "a smaller rise is rounding", origin="rounding of single precision")
    worse_by: float = setting(1e-3, "squared standard deviations", "a smaller rise is rounding",
                              origin="rounding of single precision")


@dataclass(frozen=True)
class Curvature:
    """Gauss-Newton curvature of the M step, from a sample of particles."""

    following: float = setting(0.5, "", "how far poses and contrasts follow a change of the modes: 1 is the marginal "
                               "likelihood, 0 expectation-maximisation", origin=_CHOSEN)
    unknowns_per_particle: int = setting(3, "unknowns", "that one particle determines; of fewer, some direction "
                                         "looks far flatter than it is", origin=_CHOSEN)
    fewest: int = setting(128, "particles", "of the sample, where there are few unknowns", origin=_CHOSEN)
    most: int = setting(768, "particles", "of the sample, where there are many unknowns; limits the time",
                        origin=_CHOSEN)
    of_copies: int = setting(64, "particles", "of the sample where each shows several copies of a unit", origin=_CHOSEN)
    at_once: int = setting(64, "particles", "with an image of every field and component in memory", origin=_CHOSEN)
    bytes_at_once: int = setting(1 << 29, "bytes", "of these images", origin=_CHOSEN)


@dataclass(frozen=True)
class MStep:
    """Bounds of a step of modes, consensus, noise, contrast and poses."""

    largest_step: float = setting(0.4, "of the resolution", "a Gaussian moves no further in a pass: beyond, images are "
                                  "not linear in its position", origin=_CHOSEN)
    largest_relative: float = setting(0.25, "", "relative change of a weight, and of the logarithm of a squared width, "
                                      "in a pass", origin=_CHOSEN)
    over: float = setting(1.1, "of these bounds", "a step that goes no further is left as it is", origin=_CHOSEN)
    stiffened: int = setting(10, "times", "a step that goes too far is looked at", origin=_CHOSEN)
    smallest_sigma: float = setting(0.08, "of the resolution", "narrower Gaussians look the same", origin=_CHOSEN)
    width_change: float = setting(0.5, "", "of the logarithm of a squared width, at most", origin=_CHOSEN)
    least_weight: float = setting(0.05, "of the weight before", "a weight falls no further in a pass", origin=_CHOSEN)
    least_determined: float = setting(0.02, "of the coefficients", "count as determined by the data where relevance is "
                                      "estimated, so that it stays finite", origin=_CHOSEN)
    relevance_change: float = setting(10.0, "times", "a prior variance changes in a pass by no more", origin=_CHOSEN)
    least_relevance: float = setting(1e-4, "", "prior variance of coefficients; lower ones are zero to all purposes",
                                     origin=_CHOSEN)
    most_relevance: float = setting(1e3, "", "prior variance of coefficients; higher ones are no prior", origin=_CHOSEN)
    least_noise: float = setting(1e-6, "of the variance before", "noise falls no further in a pass", origin=_CHOSEN)
    least_contrast: float = setting(0.02, "of the mean contrast", "standard deviation of the contrast is no smaller",
                                    origin=_CHOSEN)
    pose_change: float = setting(2.0, "times", "errors of the poses change in a pass by no more", origin=_CHOSEN)
    pose_determined: float = setting(1e-3, "of the particles", "count as ones whose pose the image gives, so that "
                                     "errors stay finite", origin=_CHOSEN)
    smallest_shift: float = setting(0.02, "Å", "errors of shifts are taken as no smaller", origin=_CHOSEN)
    smallest_angle: float = setting(0.02, "degrees", "errors of angles are taken as no smaller", origin=_CHOSEN)


@dataclass(frozen=True)
class PoseEvidences:
    """How it is measured whether the given poses were fitted to these images."""

    particles: int = setting(1000, "particles", "the pull of the images on their poses is then known to 5 % (in the "
                             "plane: 7 %)", origin="the variance of a mean square is 2 / n, its efficiency 0.37")
    efficiency: float = setting(0.37, "", "of the median of squares of normal variables beside their mean, as an "
                                "estimate of the variance", origin="8 m^2 f(m)^2, m the median, f the density")
    steps: int = setting(3, "steps", "of every image towards its likeliest pose", origin=_CHOSEN)
    wide: float = setting(3.0, "standard deviations of one image's pose", "prior while the pull is measured",
                          origin="a tenth of the information")
    least: float = setting(1e-3, "of the information", "an image tells at least so much, so that ratios stay finite",
                           origin=_CHOSEN)
    widest: float = setting(3.0, "standard deviations of one image's pose", "prior of poses that were fitted to just "
                            "what is analysed: as good as none", origin="a tenth of the information")
    beyond: float = setting(4.0, "standard errors", "by which the pull is below that of noise where poses are said to "
                            "be fitted", origin=_CHOSEN)
    detected: float = setting(2.0, "standard errors", "of the pull: errors of poses that add more are detected",
                              origin=_CHOSEN)
    slack: float = setting(0.05, "of the pull of noise", "the noise of the images is not known better", origin=_CHOSEN)


@dataclass(frozen=True)
class Passes:
    """When passes of expectation-maximisation go on, and how their steps are damped."""

    most: int = setting(20, "passes", "of a fit", origin=_CHOSEN)
    tolerance: float = setting(0.01, "of what was gained", "a pass that gains less has settled", origin=_CHOSEN)
    settled: int = setting(2, "passes", "in succession that gain little end a fit", origin=_CHOSEN)
    noise: float = setting(0.02, "log-likelihood per particle", "a pass that loses less has not lost: each draws other "
                           "poses", origin=_CHOSEN)
    little: float = setting(0.005, "log-likelihood per particle", "coordinates whose mean gains less have settled",
                            origin="a quarter of noise")
    first_damping: float = setting(0.1, "of the curvature", "added to it in the first step", origin=_CHOSEN)
    least_damping: float = setting(0.05, "of the curvature", "after steps that kept their promise", origin=_CHOSEN)
    kept_damping: float = setting(4.0, "of the curvature", "rises no higher after a step that gained", origin=_CHOSEN)
    most_damping: float = setting(50.0, "of the curvature", "rises no higher after steps that lost", origin=_CHOSEN)
    fall: float = setting(1 / 3, "times", "damping falls by no more after one step", origin="Nielsen 1999")
    shortest: float = setting(8.0, "times shorter", "a step after one that lost, at most", origin=_CHOSEN)
    inference: int = setting(10, "steps", "of coordinates under a fixed model", origin=_CHOSEN)
    curvature_kept: int = setting(1, "steps", "after one that kept its promise are made with the same curvature, "
                                  "its axes turned", origin=_CHOSEN)
    watching: int = setting(1, "step", "of particles that are watched, from where they were in the pass before",
                            origin=_CHOSEN)


@dataclass(frozen=True)
class FirstModes:
    """Modes from the covariance of gradients."""

    sample: int = setting(192, "particles", "whose curvature is averaged", origin=_CHOSEN)
    least_strength: float = setting(1e-3, "", "eigenvalue that modes are begun with, where noise leaves none",
                                    origin=_CHOSEN)


@dataclass(frozen=True)
class ModeSelection:
    """How many modes are significant."""

    deviations: float = setting(4.0, "standard errors", "a gain on held-out particles that is beyond chance: one in "
                                "30,000 of normal ones", origin="formula")
    smallest_gain: float = setting(0.02, "log-likelihood per particle", "smaller gains are not worth reporting",
                                   origin=_CHOSEN)
    least_agreement: float = setting(0.5, "", "correlation of coordinates under the two half-sets' models",
                                     origin=_CHOSEN)
    null_particles: int = setting(750, "particles", "of each half-set whose residuals get random signs",
                                  origin=_CHOSEN)
    null_quantile: float = setting(0.95, "", "of the gains without motion, that modes must exceed", origin=_CHOSEN)
    watched: int = setting(500, "particles", "of the other half-set, whose likelihood shows when a fit has settled",
                           origin=_CHOSEN)
    passes_of_all: int = setting(16, "passes", "of the fit of all particles", origin=_CHOSEN)
    passes_of_half: int = setting(12, "passes", "of the fit of a half-set", origin=_CHOSEN)
    passes_of_null: int = setting(3, "passes", "of fits to residuals of random signs", origin=_CHOSEN)
    first: int = setting(2, "modes", "tried first, and under random signs", origin=_CHOSEN)
    more: int = setting(2, "modes", "tried beside, while the last one is significant", origin=_CHOSEN)
    steps: int = setting(2, "steps", "of coordinates where a mode is taken off", origin=_CHOSEN)
    start: float = setting(1.5, "standard deviations of the prior", "to both sides of the mean, along every mode: "
                           "places that particles start from beside it", origin=_CHOSEN)
    elsewhere: float = setting(0.5, "log-likelihood", "that a particle must gain to be moved to where it comes from "
                               "another start", origin=_CHOSEN)
    lost: float = setting(3.0, "log-likelihood", "of a particle under a mode less than without it: more than a "
                          "coordinate that is known to a twentieth of its deviation costs",
                          origin="the logarithm of 20")
    mostly: float = setting(0.5, "of a mode's displacement", "a larger share of rigid movement is what errors of the "
                            "poses make", origin="majority")


@dataclass(frozen=True)
class Agreement:
    """Spaces and coordinates of two half-sets."""

    least: float = setting(1e-10, "of the longest direction", "shorter ones are rounding",
                           origin="rounding of double precision")


@dataclass(frozen=True)
class LocalPoses:
    """A part with a pose of its own."""

    smallest: float = setting(0.05, "Å", "standard deviation of its shifts and turns is no smaller", origin=_CHOSEN)
    largest_change: float = setting(4.0, "times", "a variance changes in a step by no more", origin=_CHOSEN)
    at_rest: float = setting(0.005, "of the particles", "count as ones that were seen not to move: where images tell "
                             "nothing, the movement is then 0", origin=_CHOSEN)


@dataclass(frozen=True)
class Subunits:
    """Copies of a unit with coordinates of their own."""

    least_eigenvalue: float = setting(0.02, "", "of the covariance of coordinates: ones that follow from others "
                                      "exactly look like ones nearly so", origin=_CHOSEN)
    least_left: float = setting(1e-6, "of a field's size", "a field of which the symmetry leaves less is none",
                                origin="rounding")


@dataclass(frozen=True)
class LargeMovements:
    """Conformations that are fitted one after another along the path."""

    per_station: int = setting(150, "particles", "of a station", origin=_CHOSEN)
    fewest_at_one: int = setting(30, "particles", "of a station, where there are few", origin=_CHOSEN)
    fewest: int = setting(12, "stations", "where there are particles enough: a full turn in steps of 30 degrees",
                          origin=_CHOSEN)
    most: int = setting(48, "stations", "limits the time", origin=_CHOSEN)
    rounds: int = setting(50, "rounds", "of k-means", origin=_CHOSEN)
    shares: tuple[float, ...] = setting((0.4, 0.4, 0.7, 1.0), "of the finest frequency", "that each step sees: coarse "
                                        "ones reach further", origin=_CHOSEN)
    hidden_noise: float = setting(1e6, "times", "noise of frequencies that a step does not see, over their own",
                                  origin="any large number")
    largest_step: float = setting(0.25, "of the resolution that a step sees", "most Gaussians move no further in it",
                                  origin=_CHOSEN)
    largest_change: float = setting(0.5, "", "relative change of most weights in a step", origin=_CHOSEN)
    most_gaussians: float = setting(0.95, "of the Gaussians", "keep to both bounds", origin=_CHOSEN)
    first_added: float = setting(1e-3, "of the median curvature", "damping of a step that goes too far, to begin with",
                                 origin=_CHOSEN)
    added_times: float = setting(4.0, "times", "more damping while a step goes too far", origin=_CHOSEN)
    damping: float = setting(0.1, "of the curvature", "added to it in every step", origin=_CHOSEN)
    sample: int = setting(48, "particles", "of a station whose curvature is averaged", origin=_CHOSEN)
    settling: int = setting(2, "passes", "before the first step at a station", origin=_CHOSEN)
    faint: float = setting(0.1, "of the median weight", "a Gaussian of less is not there, if it has faded",
                           origin=_CHOSEN)
    faded: float = setting(0.3, "of its own weight", "a Gaussian of less has faded", origin=_CHOSEN)
    apart: float = setting(0.5, "of its width", "distance from the middle of both halves of a Gaussian that is split",
                           origin=_CHOSEN)


SMOOTH_FIELDS = SmoothFields()
E_STEP = EStep()
CURVATURE = Curvature()
M_STEP = MStep()
PASSES = Passes()
POSE_EVIDENCE = PoseEvidences()
FIRST_MODES = FirstModes()
MODE_SELECTION = ModeSelection()
AGREEMENT = Agreement()
LOCAL_POSES = LocalPoses()
SUBUNITS = Subunits()
@dataclass(frozen=True)
class CurvedCoordinates:
    """Coordinates along curves."""

    quadrature: int = setting(9, "points", "of a coordinate's posterior, over which moments are taken", origin=_CHOSEN)
    places: int = setting(24, "places", "along one coordinate that particles start from", origin=_CHOSEN)
    most_places: int = setting(64, "places", "of all combinations along several", origin=_CHOSEN)


LARGE_MOVEMENTS = LargeMovements()
CURVES = CurvedCoordinates()
