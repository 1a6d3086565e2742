"""Settings of the fit of Gaussians to a map."""

from dataclasses import dataclass

from gmmhet.engine.settings import setting

__all__ = [
    "CHOICES", "FIT", "MAP_FRAME", "MISSING", "QUALITY", "ChoiceSettings", "FitSettings", "MapFrameSettings",
    "MissingSettings", "QualitySettings",
]


@dataclass(frozen=True)
class ChoiceSettings:
    """Resolution and number of Gaussians where the user gives none."""

    most_gaussians: int = setting(
        4096, "Gaussians", "time and memory of an analysis grow with their number", origin="chosen, not measured")
    fewest_gaussians: int = setting(
        8, "Gaussians", "fewer have no motion within the molecule", origin="chosen, not measured")
    spacing: float = setting(
        0.7, "of the resolution", "one Gaussian for a cube of this edge; 128 for 150 kDa at 16 Å",
        origin="chosen, not measured")
    pixels_per_resolution: float = setting(
        2.25, "pixels", "the last ninth before Nyquist suffers from interpolation in most maps",
        origin="chosen, not measured")
    finest: float = setting(
        12.0, "Å", "motions of domains need no more, and the cost grows with the fifth power of its inverse",
        origin="chosen, not measured")
    finest_with_particles: float = setting(
        16.0, "Å", "noisy single images say little more about a motion at 12 Å, for four times the work",
        origin="chosen, not measured")
    fields_of_view: float = setting(
        4.0, "resolutions in the field of view", "coarser, a map holds no shape", origin="chosen, not measured")
    coarse_blurs: float = setting(
        12.0, "blurs in the field of view", "blur at which the molecule is found before the end of the signal is known",
        origin="chosen, not measured")
    pixels_per_blur: float = setting(
        2.5, "pixels", "the molecule is sought at a blur no finer", origin="chosen, not measured")


@dataclass(frozen=True)
class FitSettings:
    """Gaussians, their start and their refinement."""

    pixels_per_resolution: float = setting(
        3.0, "pixels", "of the working grid: finer sampling adds nothing to what is fitted", origin="Nyquist is 2")
    seed_voxels: int = setting(
        8, "voxels", "of the molecule for each Gaussian at its start, at least", origin="chosen, not measured")
    narrowest: float = setting(0.22, "of the resolution", "narrower Gaussians alias", origin="chosen, not measured")
    widest: float = setting(
        0.6, "of the resolution", "wider ones span what moves apart", origin="chosen, not measured")
    grow: float = setting(
        0.75, "of the resolution", "what is fitted reaches so far beyond the molecule before it fades",
        origin="chosen, not measured")
    fade: float = setting(1.0, "of the resolution", "and fades over this", origin="chosen, not measured")
    compared: float = setting(
        0.5, "of the resolution", "the mask within which map and Gaussians are compared reaches so far beyond the "
        "molecule", origin="its blurred edge ends there")
    shells_beyond: float = setting(
        1.0, "shells", "the fit goes on so far beyond its resolution, or the shell there would be fitted in part",
        origin="shells are one wide")
    spectrum_order: int = setting(
        2, "", "of the polynomial in k^2 that the logarithm of the amplitude is: a B factor, and how it changes",
        origin="chosen, not measured")
    iterations: int = setting(200, "iterations", "of L-BFGS, at most", origin="chosen, not measured")
    tolerance: float = setting(
        1e-4, "of the misfit", "ends when an iteration lowers it by less", origin="chosen, not measured")
    share_products: int = setting(
        500_000_000, "products", "of a coefficient and a Gaussian in a share of the coefficients, at least; it costs "
        "little to send beside computing it", origin="a tenth of a second of a core that computes 5e9 a second")
    most_shares: int = setting(64, "shares", "of the coefficients", origin="chosen, not measured")
    sweeps: int = setting(15, "sweeps", "of k-means over the seeds", origin="chosen, not measured")
    power_floor: float = setting(
        1e-7, "of the power of the strongest shell", "below that a shell is empty, and single precision ends",
        origin="square of the rounding of single precision, times 10^7 coefficients")
    misfit_unit: float = setting(
        1e-4, "of the misfit", "the minimiser's tolerance is relative to it only above 1", origin="SciPy's L-BFGS-B")
    position_unit: float = setting(
        0.25, "of the resolution", "positions, log amplitudes and widths then curve the misfit alike",
        origin="chosen, not measured")


@dataclass(frozen=True)
class QualitySettings:
    """When a fit is good enough to go on with."""

    least_correlation: float = setting(
        0.8, "Fourier shell correlation at the resolution of the fit, within the molecule; where the user gave the "
        "number of Gaussians, correlation of the densities", "below it a fit missed the molecule or follows noise",
        origin="maps of three made molecules and of four refinements, without masks: 0.84 to 0.997 where the molecule "
        "was found, but for one (0.76); 0.1 to 0.79 in nearly all where it was not, two above 0.8. A choice between "
        "groups that overlap")
    unexplained: float = setting(
        0.2, "of the whitened power", "what is left unexplained is mentioned above this", origin="chosen, not measured")
    same_map: float = setting(
        0.8, "correlation within the molecule", "half maps whose mean agrees less with the map belong to another one",
        origin="chosen, not measured")


@dataclass(frozen=True)
class MapFrameSettings:
    """Grid of maps and atomic models."""

    atom_blur: float = setting(
        0.225, "of the resolution", "standard deviation of an atom's density in a map of that resolution",
        origin="usual in programs that make maps of models")
    largest_box: int = setting(
        512, "pixels", "an atomic model that needs more lies far from its origin", origin="chosen, not measured")


@dataclass(frozen=True)
class MissingSettings:
    """Density that the particles have and the map lacks."""

    pixels_per_blur: float = setting(2.5, "voxels", "of the grid on which it is sought", origin="chosen, not measured")
    first_shell: int = setting(2, "periods in the box", "slower waves are those of backgrounds",
                               origin="chosen, not measured")
    fewest_shells: int = setting(3, "shells", "in which map and half maps must agree", origin="chosen, not measured")
    least_power: float = setting(1e-6, "of the strongest shell", "of the map, which weaker shells do not tell of",
                                 origin="chosen, not measured")
    least_correlation: float = setting(0.5, "", "of map and half maps in a shell within the molecule",
                                       origin="chosen, not measured")
    radius: float = setting(0.95, "of half the box", "within which it is sought", origin="chosen, not measured")
    solvent_from: float = setting(1.5, "blurs", "from the molecule, where the solvent begins",
                                  origin="chosen, not measured")
    deviations: float = setting(3.0, "deviations of the noise", "that every voxel of it exceeds",
                                origin="chosen, not measured")
    dense: float = setting(0.2, "of the density of the molecule", "that every voxel of it exceeds",
                           origin="chosen, not measured")
    false_pieces: float = setting(0.01, "pieces of noise", "that exceed the highest voxel by chance, in a map",
                                  origin="normal distribution")
    gap: float = setting(0.5, "blurs", "between it and the molecule at most", origin="chosen, not measured")
    rim: float = setting(0.5, "blurs", "around it from which density is taken, too: the molecule ends with a skirt",
                         origin="chosen, not measured")
    smallest: float = setting(0.5, "cubes of the blur", "of a piece", origin="chosen, not measured")
    least_share: float = setting(0.02, "of the molecule", "that is worth a word", origin="chosen, not measured")


CHOICES = ChoiceSettings()
FIT = FitSettings()
MISSING = MissingSettings()
QUALITY = QualitySettings()
MAP_FRAME = MapFrameSettings()
