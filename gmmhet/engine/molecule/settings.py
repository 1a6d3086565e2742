"""Settings of the molecule: its Gaussians and parts, how it is found in a map, grids, and masks."""

from dataclasses import dataclass

from gmmhet.engine.settings import setting

__all__ = [
    "ASYMMETRIC_UNIT",
    "CHANGING_DENSITY",
    "CONTRAST",
    "FIELD",
    "GAUSSIAN_MAP",
    "MASK",
    "MIXED_CONTRAST",
    "MOLECULE",
    "MOVING_PART",
    "PART_MOTIONS",
    "RESIDUES",
    "RIGID_PARTS",
    "SIGNAL",
    "STILL_FRAME",
    "AsymmetricUnit",
    "ChangingDensityOf",
    "ContrastSettings",
    "FieldOfView",
    "GaussianMap",
    "MaskValues",
    "MixedContrast",
    "MoleculeSettings",
    "MovingPartOf",
    "PartMotions",
    "RigidPartsOf",
    "SignalSettings",
    "StillFrame",
]

_CHOSEN = "chosen, not measured"


@dataclass(frozen=True)
class MoleculeSettings:
    """Which voxels of a map are molecule, and at which level the solvent around it is."""

    dense_fraction: float = setting(
        0.3, "of the mean density of the molecule", "a domain present in half of the particles keeps half its density, "
        "well above this", origin="chosen, not measured")
    deviations: float = setting(
        3.0, "standard deviations of the solvent", "one voxel in 700 of pure noise is above it; the size and the peak "
        "of connected pieces remove those", origin="normal distribution")
    false_pieces: float = setting(
        0.01, "pieces of noise in a map", "a piece counts when its peak is higher than all of the noise in the map "
        "would reach once in a hundred maps", origin="normal distribution of the blurred solvent")
    smallest_piece: float = setting(
        0.02, "of the largest connected piece", "smaller pieces are noise or neighbours cut by the box",
        origin="chosen, not measured")
    inside_sphere: float = setting(
        0.5, "of the voxels of a piece", "a piece that lies mostly beyond the largest sphere in the box is an artefact "
        "of its corners", origin="chosen, not measured")
    start_fraction: float = setting(
        0.2, "of the highest density", "first threshold; the iteration forgets it", origin="chosen, not measured")
    highest_fraction: float = setting(
        0.9, "of the highest density", "keeps the threshold below the top of a noisy map",
        origin="chosen, not measured")
    darkest: float = setting(
        2.0, "times the highest density above the solvent", "a map whose darkest place is farther below the solvent "
        "than this has inverted contrast; surroundings of real maps reach about half of the density of the molecule",
        origin="EMPIAR-10146: 0.5; the factor of 4 above that is chosen")
    interior: float = setting(
        0.9, "of the voxels of the molecule", "the density of its interior, which rims and moving parts do not reach, "
        "is this quantile", origin="chosen; measured on blobs, helices and shells of known volume")
    solvent_from: float = setting(
        1.0, "of the resolution", "distance from the molecule at which its blurred edge has ended",
        origin="edge of a blur with sigma = 0.225 of the resolution")
    solvent_shell_share: float = setting(
        0.5, "of the voxels of a spherical shell", "shells with less solvent take the level of the next one outwards: "
        "their solvent may be the blurred rim of the molecule", origin="chosen, not measured")
    solvent_shells: int = setting(
        16, "spherical shells in the half box", "follows the rise of maps that were not padded (1 / sinc^2), and "
        "averages at least some hundred voxels", origin="chosen, not measured")
    outline_share: float = setting(
        0.5, "of the voxels of a mask", "a given mask is the outline of the molecule where at least this much of it is "
        "dense; a wider one only bounds where the molecule is sought", origin="chosen, not measured")
    rounds: int = setting(
        8, "rounds", "at most, of molecule and level of the solvent in turns; three or four are usual",
        origin="chosen, not measured")


@dataclass(frozen=True)
class SignalSettings:
    """Where the signal of a map ends."""

    half_map_fsc: float = setting(
        0.143, "Fourier shell correlation of half maps", "the full map correlates to 0.5 with the truth",
        origin="Rosenthal and Henderson 2003")
    equal_fsc: float = setting(
        1 / 3, "Fourier shell correlation of half maps", "signal and noise of the full map are equal there: what is "
        "fitted is no finer", origin="2 FSC / (1 - FSC) = 1")
    randomised_from: float = setting(
        0.8, "Fourier shell correlation of half maps without a mask", "beyond the first shell below it, phases are "
        "exchanged with random ones to measure what the mask adds", origin="Chen et al. 2013; the usual choice")
    over_solvent: float = setting(
        2.0, "times the power of as much solvent", "signal and noise are equal there, as at a correlation of half maps "
        "of 1/3", origin="signal + noise = 2 noise")
    emptied: float = setting(
        0.01, "of the power of fine detail in the molecule", "where there is less, a mask has emptied the map or no "
        "particle reaches", origin=_CHOSEN)
    least_solvent: float = setting(
        0.1, "of the volume of the molecule", "less solvent does not tell the power of the noise in a shell: at 12 "
        "waves in the box and a molecule of a tenth of it, 10 coefficients", origin="2 pi 12^2 x 0.1 x 0.1")
    least_in_shell: float = setting(
        0.01, "of the solvent", "spherical shells with less take the noise of their neighbours", origin=_CHOSEN)
    empty_shell: float = setting(
        1e-6, "of the power of the strongest shell", "beyond it a map holds nothing", origin="chosen, not measured")
    cliff: float = setting(
        50.0, "times", "a fall of the power over a quarter of the frequency, with nothing rising beyond, is a low-pass "
        "filter: a B factor would have to be above 2,000 square Angstrom at 12 Angstrom to do the same",
        origin="exp(-B k^2 / 2)")
    cliff_width: float = setting(
        0.25, "of the frequency", "soft edges of low-pass filters are two to five shells wide",
        origin="RELION: 2 shells; EMPIAR-10146 at 12 Å: 4")
    cliff_edge: float = setting(
        10.0, "times", "the filter has its edge where the power has fallen by this", origin="about the root of cliff")


@dataclass(frozen=True)
class FieldOfView:
    """Maps on another grid than the particles."""

    same_voxel: float = setting(5e-3, "of the voxel size", "headers round; sizes closer than this are one",
                                origin="value of versions up to 0.3.0")
    same_field: float = setting(0.03, "of the field of view", "boxes that were rounded to even numbers or to factors "
                                "of two and three differ by less", origin="value of versions up to 0.3.0")
    smallest: float = setting(0.4, "of the particles' field of view", "boxes are 1.5 to 2 times as wide as the "
                              "particle: a map of a smaller field has a wrong voxel size", origin=_CHOSEN)
    largest: float = setting(2.5, "of the particles' field of view", "refinement programs pad maps by up to 2: a map "
                             "of a larger field has a wrong voxel size", origin=_CHOSEN)


@dataclass(frozen=True)
class MaskValues:
    """Which values of a map make a mask."""

    tolerance: float = setting(1e-3, "of the range", "values of programs that resample masks are off by less",
                               origin="value of versions up to 0.3.0, for reconstruct alone")
    plateau: float = setting(0.95, "of the range", "values above are the inside of a mask", origin=_CHOSEN)
    inside: float = setting(0.1, "of the voxels above one half", "in a mask more of them are on the plateau; in a "
                            "Gaussian bump 2 %, in density of a protein less", origin="formula; chosen, not measured")
    faces: float = setting(0.9, "of the voxels of the box's faces", "a mask is inverted where more of them are inside",
                           origin=_CHOSEN)
    blur: float = setting(4.0, "voxels", "of density that is given as a mask, before its dense region is found",
                          origin=_CHOSEN)
    edge: float = setting(3.0, "voxels", "of the soft edge of a mask that is made of density", origin=_CHOSEN)


@dataclass(frozen=True)
class GaussianMap:
    """Maps of Gaussians."""

    tile: int = setting(48, "voxels", "edge of what is made at once, of whole rows along x", origin=_CHOSEN)
    nothing: float = setting(1e-7, "of a Gaussian's height", "where it is no more, it is left out",
                             origin="single precision")
    floats_at_once: int = setting(2**24, "floats", "of the largest intermediate: 64 MB", origin=_CHOSEN)


@dataclass(frozen=True)
class StillFrame:
    """Displacements seen from the part of the molecule that moves least."""

    rounds: int = setting(30, "rounds", "of reweighted least squares", origin=_CHOSEN)
    smoothing: float = setting(0.02, "of the root mean square displacement", "added to lengths, so that weights of "
                               "Gaussians at rest stay finite", origin=_CHOSEN)


@dataclass(frozen=True)
class RigidPartsOf:
    """Parts of a moving molecule that each move as a rigid body."""

    most: int = setting(8, "parts", "of a molecule", origin=_CHOSEN)
    fewest_gaussians: int = setting(6, "Gaussians", "of a part", origin=_CHOSEN)
    least_mass: float = setting(0.03, "of the mass", "of a part", origin=_CHOSEN)
    moved: float = setting(0.9, "of the mass", "has to be within the tolerance", origin=_CHOSEN)
    rounds: int = setting(20, "rounds", "in which Gaussians go to the part that puts them best", origin=_CHOSEN)
    neighbours: int = setting(8, "Gaussians", "whose errors count beside a Gaussian's own", origin=_CHOSEN)
    of_neighbours: float = setting(0.3, "", "how much their mean error counts", origin=_CHOSEN)
    split: float = setting(0.75, "of a part's Gaussians", "stay where the ones with the worst neighbourhoods leave",
                           origin=_CHOSEN)


@dataclass(frozen=True)
class AsymmetricUnit:
    """The most compact asymmetric unit."""

    starts: int = setting(32, "points", "that centres of a unit are sought from", origin=_CHOSEN)
    points: int = setting(3000, "points", "of the molecule that are looked at", origin=_CHOSEN)
    rounds: int = setting(50, "rounds", "of k-means", origin=_CHOSEN)


@dataclass(frozen=True)
class ContrastSettings:
    """Whether two judgements of the contrast contradict each other."""

    least_share: float = setting(0.5, "of the correlation with the map", "the Gaussians of a map keep at least this: "
                                 "they explain it to 0.8 or better", origin=_CHOSEN)


@dataclass(frozen=True)
class Contour:
    """Surfaces of maps."""

    share: float = setting(0.5, "of the mean density in the molecule", "above the solvent, where the contour of all "
                           "maps of a series lies", origin="half way")


@dataclass(frozen=True)
class PartMotions:
    """Compact parts of a molecule that could move as rigid bodies."""

    parts: int = setting(8, "parts", "around places far apart; they may overlap", origin=_CHOSEN)
    fewest: int = setting(4, "Gaussians", "of a part: three do not span a volume", origin=_CHOSEN)
    reach: float = setting(0.95, "of a part's Gaussians", "lie on its side of the hinge", origin=_CHOSEN)


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
class MovingPartOf:
    """The part of a molecule that moves, for its description."""

    fewest: int = setting(4, "Gaussians", "of a part: three do not span a volume", origin=_CHOSEN)
    least_distance: float = setting(0.05, "Å", "largest displacement that is looked at", origin=_CHOSEN)
    neighbours: int = setting(6, "Gaussians", "whose errors count beside a Gaussian's own", origin=_CHOSEN)
    start: float = setting(0.5, "of the largest displacements", "Gaussians displaced by more are the first part",
                           origin="half way")
    rounds: int = setting(30, "rounds", "in which Gaussians go to the body that puts them best", origin=_CHOSEN)
    pairs: int = setting(3, "pairs", "of nearest Gaussians, between which part and rest meet", origin=_CHOSEN)
    least_turn: float = setting(1.0, "degrees", "a smaller turn is called a shift", origin=_CHOSEN)
    hinge: float = setting(2.0, "of the displacement", "that a turn about the axis gives the centre of the part, at "
                           "most", origin=_CHOSEN)
    farthest: float = setting(1.5, "of the displacement over the turn", "that the axis is from the part: farther ones "
                              "stand for a shift", origin=_CHOSEN)
    blur: float = setting(0.25, "of the resolution", "added to the widths of Gaussians when changes of the map are "
                          "compared", origin=_CHOSEN)
    most_compared: int = setting(1500, "Gaussians", "of which changes of the map are compared", origin="memory")


@dataclass(frozen=True)
class ResiduesOf:
    """Residues of an atomic model in a molecule of Gaussians."""

    reach: float = setting(1.5, "of the resolution", "from the nearest Gaussian, within which a residue lies in the "
                           "molecule: Gaussians are 0.7 apart", origin=_CHOSEN)
    least_near: float = setting(0.5, "of the residues", "in the molecule, or the model is in another frame",
                                origin="majority")
    window: int = setting(9, "residues", "of a chain, of which most belong to the part", origin=_CHOSEN)
    shortest: int = setting(8, "residues", "of a stretch that is named", origin=_CHOSEN)
    whole: float = setting(0.9, "of a chain", "that is named without its residues", origin=_CHOSEN)


@dataclass(frozen=True)
class ChangingDensityOf:
    """The part of a molecule whose amount of density changes, for its description."""

    blur: float = setting(0.5, "of the resolution", "standard deviation of the weights that local changes are averaged "
                          "with", origin=_CHOSEN)
    core: float = setting(0.5, "of the largest local change", "a Gaussian of more belongs to the part",
                          origin="half way")
    edge: float = setting(0.15, "of the largest local change", "and so does one of more beside them", origin=_CHOSEN)
    around: float = setting(0.75, "of the resolution", "around these, in which all change counts as theirs",
                            origin=_CHOSEN)
    reach: float = setting(1.5, "of the resolution", "between Gaussians that hang together", origin=_CHOSEN)
    least_relative: float = setting(0.15, "of the local density per standard deviation", "smaller changes are not "
                                    "called density that comes and goes", origin=_CHOSEN)
    least_balance: float = setting(0.5, "", "of change of one sign: less is density that moves", origin=_CHOSEN)
    least_change: float = setting(0.001, "of the molecule's density per standard deviation", "the same", origin=_CHOSEN)


MOLECULE = MoleculeSettings()
SIGNAL = SignalSettings()
FIELD = FieldOfView()
MASK = MaskValues()
GAUSSIAN_MAP = GaussianMap()
STILL_FRAME = StillFrame()
CONTOUR = Contour()
PART_MOTIONS = PartMotions()
RIGID_PARTS = RigidPartsOf()
ASYMMETRIC_UNIT = AsymmetricUnit()
CONTRAST = ContrastSettings()
MIXED_CONTRAST = MixedContrast()
MOVING_PART = MovingPartOf()
RESIDUES = ResiduesOf()
CHANGING_DENSITY = ChangingDensityOf()
