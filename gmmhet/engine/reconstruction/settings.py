"""Settings of the maps from particles: least squares, half-maps, local resolution, kernels, motion correction."""

from dataclasses import dataclass

from gmmhet.engine.settings import setting

__all__ = [
    "BANDS", "ENVELOPE", "GRIDDING", "HALF_MAPS", "INCREMENTS", "KERNELS", "LOCAL_RESOLUTION", "MIXTURE",
    "MOTION_CORRECTION", "SERIES", "SERIES_EVIDENCE", "SHARPENING", "SOLVER",
]

_CHOSEN = "chosen, not measured"


@dataclass(frozen=True)
class Gridding:
    """Sums over frequencies that lie anywhere, by spreading them onto a grid."""

    oversampling: float = setting(
        1.25, "of the box", "grid that the kernel is made for: voxels up to 0.4 of its period reach the tolerance",
        origin="formula (finufft's upsampling factor)")
    transfer_grid: float = setting(
        2.0, "of the box", "grid of the convolution: no two voxels are further apart than the box", origin="formula")
    tolerance: float = setting(
        1e-3, "relative", "error of the sums, far below the noise of any map", origin=_CHOSEN)
    negligible: float = setting(
        1e-4, "of its value at 0", "a Gaussian's transform is taken as 0 beyond this", origin=_CHOSEN)
    noise_images: int = setting(
        400, "images", "of each optics group that the noise spectrum is measured on", origin=_CHOSEN)


@dataclass(frozen=True)
class Solver:
    """Conjugate gradients for the map of some particles."""

    least_weight: float = setting(
        0.05, "of a shell's mean weight", "smallest weight in the preconditioner, where few views look", origin=_CHOSEN)
    levels: tuple[float, ...] = setting(
        (1.0, 0.1, 0.01, 0.001), "of the squared envelope", "heights between which the preconditioner interpolates",
        origin=_CHOSEN)
    weak_prior: float = setting(
        0.05, "of a shell's mean weight", "prior of half-maps: it fills what no view sees and costs 5 % of the scale",
        origin=_CHOSEN)
    half_map_iterations: int = setting(
        3, "iterations", "of half-maps; with a weak prior later ones add noise from poorly seen directions",
        origin=_CHOSEN)
    iterations: int = setting(
        4, "iterations", "of a map without an envelope, at most, for the same reason", origin=_CHOSEN)
    tolerance: float = setting(
        1e-2, "of the first residual", "the iteration ends below this", origin=_CHOSEN)
    ball_edge: float = setting(
        3.0, "voxels", "width of the soft edge of the ball that holds the map", origin=_CHOSEN)


@dataclass(frozen=True)
class HalfMaps:
    """What Fourier shell correlations of half-maps say about the signal."""

    randomised_below: float = setting(
        0.8, "correlation", "phases are randomised from the first shell below it on",
        origin="Chen et al. 2013")
    trusted: float = setting(
        0.5, "correlation", "from the first shell below it on, the curve is made to fall, so that chance agreement in "
        "outer shells lets no noise through", origin=_CHOSEN)
    smallest: float = setting(
        1e-3, "correlation", "lower bound, so that no shell is removed completely", origin=_CHOSEN)
    largest: float = setting(
        1 - 1e-4, "correlation", "upper bound, so that the signal stays finite", origin=_CHOSEN)
    smeared_shells: int = setting(
        2, "shells", "after the start of randomisation, in which the mask mixes both sides and the curve is kept",
        origin=_CHOSEN)


@dataclass(frozen=True)
class EnvelopeSettings:
    """Where in the box the signal is, from the agreement of half-maps."""

    narrowest: float = setting(
        2.0, "voxels", "smallest standard deviation of the neighbourhood", origin=_CHOSEN)
    deviations: float = setting(
        2.0, "standard deviations of chance", "agreement below this counts as none", origin=_CHOSEN)
    smallest: float = setting(
        1e-3, "of the largest local power", "lower bound: strong evidence outweighs it everywhere", origin=_CHOSEN)
    iterations: int = setting(
        40, "iterations", "of the map within the envelope, at most; a well-sampled map takes six to ten",
        origin="count of iterations on simulated maps")


@dataclass(frozen=True)
class SeriesSettings:
    """Grids of a series of maps."""

    coarse: int = setting(
        128, "voxels", "grid on which larger boxes are tried first, to save time", origin="run time")
    coarse_above: int = setting(
        160, "voxels", "boxes larger than this are tried on the coarse grid", origin="run time")
    goes_on: float = setting(
        0.143, "correlation", "half-maps that agree more than this near the coarse grid's Nyquist frequency are made "
        "at full size", origin="threshold of half-maps, Rosenthal and Henderson 2003")
    near_limit: tuple[float, float] = setting(
        (0.85, 0.97), "of the Nyquist frequency", "range in which that agreement is measured", origin=_CHOSEN)
    unresolved: float = setting(
        10.0, "voxels", "neighbourhood of the envelope where half-maps agree at no resolution", origin=_CHOSEN)
    most_for_halves: int = setting(
        10_000, "particles", "of each half-set, at most, make the half maps of a map that came without",
        origin="run time")
    fewest_for_halves: int = setting(
        50, "particles", "of each half-set make such half maps", origin=_CHOSEN)


@dataclass(frozen=True)
class LocalResolutionSettings:
    """Correlation of half-maps under windows (after Cardone et al. 2013)."""

    threshold: float = setting(
        0.5, "correlation", "ends the local resolution; windows hold about 200 coefficients, so that noise alone "
        "correlates to about 0.07 and would pass the 0.143 of whole maps in places", origin="formula for the noise")
    ratio: float = setting(1.1, "frequency over frequency", "of neighbouring bands", origin=_CHOSEN)
    coarsest_shell: int = setting(
        6, "periods in the box", "lowest band: its window is about half as wide as the box", origin=_CHOSEN)
    window: float = setting(
        1.0, "periods of the band", "standard deviation of the Gaussian window", origin=_CHOSEN)
    reach: float = setting(
        0.48, "of the band's frequency", "where the transform of the window has fallen to 1 % and is cut",
        origin="formula")
    fine_box: int = setting(
        32, "voxels", "in larger maps correlations are sampled at every other voxel", origin="run time")
    mask_level: float = setting(0.5, "mask value", "percentiles are taken where the mask is above it", origin=_CHOSEN)


@dataclass(frozen=True)
class Sharpening:
    """One B factor for a series (Rosenthal and Henderson 2003)."""

    fitted_from: float = setting(
        10.0, "Å", "at lower resolution the spectrum shows the shape of the molecule",
        origin="Rosenthal and Henderson 2003")
    fewest_shells: int = setting(5, "shells", "of a map that takes part in the fit", origin=_CHOSEN)
    edge: float = setting(2.0, "shells", "over which a sharpened map ends", origin=_CHOSEN)


@dataclass(frozen=True)
class Mixture:
    """Clusters of coordinates (extreme deconvolution, Bovy, Hogg and Roweis 2011)."""

    passes: int = setting(60, "passes", "of expectation maximisation, at most", origin=_CHOSEN)
    converged: float = setting(
        1e-4, "log-likelihood per particle", "the iteration ends when a pass gains less", origin=_CHOSEN)
    least_variance: float = setting(
        1e-4, "squared standard deviation", "added to every component, so that none shrinks to a point", origin=_CHOSEN)
    unknown: float = setting(
        0.99, "posterior over prior variance", "a coordinate beyond it counts as unknown; it bounds the division by "
        "1 - that ratio", origin=_CHOSEN)


@dataclass(frozen=True)
class Kernels:
    """Nested windows of particles around points."""

    fewest: int = setting(
        50, "particles", "of the narrowest window; half-maps of fewer agree on nothing", origin=_CHOSEN)
    most: int = setting(20_000, "particles", "of the widest window but that of all", origin="run time")
    step: float = setting(2.5, "particles over particles", "of one window and the next narrower", origin=_CHOSEN)
    least_variance: float = setting(
        1e-12, "squared standard deviation", "of a mode without posterior deviations: all modes then count alike",
        origin="numerical")
    points_looked_at: int = setting(
        16, "points", "at most, that show where the molecule moves at all", origin="run time and disk space")


@dataclass(frozen=True)
class Bands:
    """Frequency bands in which changes from half-sets are compared place by place."""

    first_shell: float = setting(3.0, "periods in the box", "middle of the first band", origin=_CHOSEN)
    ratio: float = setting(1.35, "frequency over frequency", "of neighbouring bands, about", origin=_CHOSEN)
    window: float = setting(
        1.0, "wavelengths of the band", "standard deviation of the neighbourhood in which changes are compared",
        origin=_CHOSEN)
    softening: float = setting(
        0.5, "wavelengths of the band", "standard deviation of the blur of the accepted share; an edge would carry "
        "the band into others", origin=_CHOSEN)
    least_deviations: float = setting(
        3.0, "standard deviations of chance", "agreement has to exceed it, and sqrt(2 log n) of n neighbourhoods",
        origin="Donoho and Johnstone 1994 for the second; the first: chosen, not measured")
    most_chance: float = setting(
        0.9, "correlation", "upper bound of what chance is taken to reach", origin=_CHOSEN)
    grid_per_shell: int = setting(
        4, "voxels per period", "grid of a band: products of the band do not wrap onto its low end", origin="formula")
    coarse_per_shell: int = setting(
        2, "voxels per period", "grid of what is smoothed over a wavelength, which leaves nothing finer",
        origin="formula")


@dataclass(frozen=True)
class SeriesEvidence:
    """How maps of a series help each other."""

    fewest_apart: float = setting(
        1.5, "independent maps", "fewer are no evidence for each other", origin=_CHOSEN)
    deviations: float = setting(
        2.5, "standard deviations of chance", "agreement over the maps of a series counts beyond it", origin=_CHOSEN)
    still_needed: float = setting(
        0.3, "of the agreement that a single map needs", "where the maps of a series agree", origin="the value is "
        "chosen; six maps together correlate to 0.764 with the truth, one by one to 0.735 (docs/landscape.rst)")
    accepted: float = setting(
        0.5, "share of a change", "beyond which its window counts as used in the summary", origin=_CHOSEN)


@dataclass(frozen=True)
class Increments:
    """Changes that a narrower window makes in a map."""

    weakest_prior: float = setting(0.3, "of a shell's mean weight", "lower bound of noise over signal", origin=_CHOSEN)
    strongest_prior: float = setting(3.0, "of a shell's mean weight", "upper bound of noise over signal",
        origin=_CHOSEN)
    filled: float = setting(0.1, "of the box", "in which a molecule moves, about", origin=_CHOSEN)
    shell_range: float = setting(
        0.15, "of a shell", "shells that differ by less, and one more, are averaged for signal and noise",
        origin=_CHOSEN)
    least_kept: float = setting(
        0.02, "of a shell", "lower bound of what the prior is taken to leave, by which a change is divided",
        origin=_CHOSEN)


@dataclass(frozen=True)
class MotionCorrection:
    """Maps from all particles, corrected for the motion of rigid parts."""

    conformations: int = setting(
        128, "particles", "whose conformations define the rigid parts", origin="run time")
    largest_misfit: float = setting(
        0.15, "of the resolution", "deviation from rigid motion, within which a part counts as rigid", origin=_CHOSEN)
    spline_order: int = setting(3, "", "order of the interpolation that moves the map of a part", origin=_CHOSEN)
    negligible_move: float = setting(
        0.02, "voxels at the edge of the box", "a smaller move is left out, so that no map is interpolated for "
        "nothing", origin=_CHOSEN)


GRIDDING = Gridding()
SOLVER = Solver()
HALF_MAPS = HalfMaps()
ENVELOPE = EnvelopeSettings()
SERIES = SeriesSettings()
LOCAL_RESOLUTION = LocalResolutionSettings()
SHARPENING = Sharpening()
MIXTURE = Mixture()
KERNELS = Kernels()
BANDS = Bands()
SERIES_EVIDENCE = SeriesEvidence()
INCREMENTS = Increments()
MOTION_CORRECTION = MotionCorrection()
