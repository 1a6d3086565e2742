"""Settings of the simulator: what microscopes, specimens and refinements do to images."""

from dataclasses import dataclass

from gmmhet.engine.settings import setting

__all__ = [
    "ATOMS", "CHAIN", "IMAGING", "JUNK_SHAPES", "MEAN_MAP", "MICROGRAPH", "NEIGHBOURS", "NORMALISATION",
    "REFINED_MAP", "VIEWS", "AtomicDetail", "Chain", "Imaging", "JunkShapes", "MeanMap", "MicrographLayout",
    "NeighbourDistance", "PreferredViews", "RefinedMap", "RelionNormalisation",
]

_COMMON = "chosen: common values"


@dataclass(frozen=True)
class Imaging:
    """The microscope, and how particles lie in their images."""

    voltage: float = setting(300.0, "kV", "of the microscope", origin=_COMMON)
    spherical_aberration: float = setting(2.7, "mm", "of the objective lens", origin=_COMMON)
    amplitude_contrast: float = setting(0.1, "fraction", "of the contrast transfer function", origin=_COMMON)
    defocus: tuple[float, float] = setting((20_000.0, 35_000.0), "Å", "range over the micrographs, both axes",
                                           origin=_COMMON)
    astigmatism: float = setting(500.0, "Å", "largest difference of the two defoci", origin=_COMMON)
    shift: float = setting(3.0, "pixels", "largest, per axis", origin="chosen")
    particles_per_micrograph: int = setting(50, "particles", "that share a defocus", origin="chosen")


@dataclass(frozen=True)
class Chain:
    """Random chains that fill a protein domain."""

    residue_volume: float = setting(133.0, "Å³", "of a residue: 110 Da of 1.21 Å³ each", origin="density of proteins")
    least_distance: float = setting(0.95, "of a step", "between beads that are not neighbours", origin="chosen")
    candidates: int = setting(48, "directions", "tried for each bead", origin="chosen")
    taken_back: int = setting(15, "beads", "removed where a chain cannot grow", origin="chosen")


@dataclass(frozen=True)
class MeanMap:
    """The mean map of all particles."""

    most_values: int = setting(128, "values", "of a coordinate that are summed one by one; more are put on a grid",
                               origin="run time")
    grid: int = setting(64, "values", "of that grid, with linear interpolation", origin="run time")
    tolerance: float = setting(1e-6, "relative", "error of the sums over frequencies", origin="single precision")


@dataclass(frozen=True)
class AtomicDetail:
    """Atoms that a residue becomes, and the solvent that they displace."""

    per_residue: int = setting(8, "atoms", "heavy atoms of a mean residue are 7.8",
                               origin="published: mean composition of proteins")
    spread: float = setting(0.64, "of the bead's width", "deviation per axis of atoms about their bead: 1.6 Å of a "
                            "residue", origin="chosen: size of a side chain, not measured")
    solvent_width: float = setting(2.0, "Å", "Gaussian width of the volume that an atom displaces",
                                   origin="chosen: blurs below the resolution of solvent contrast, not measured")
    solvent_share: float = setting(0.6, "of the atom", "mean potential of vitreous ice over that of protein",
                                   origin="published: about 3.5 V over 6 V")


@dataclass(frozen=True)
class PreferredViews:
    """How views gather about the preferred axis."""

    concentration: float = setting(10.0, "", "of the von Mises-Fisher distribution: 18 degrees per axis",
                                   origin="chosen, not measured")


@dataclass(frozen=True)
class JunkShapes:
    """What junk looks like."""

    broken_least: float = setting(0.3, "of the molecule", "smallest piece that is left", origin="chosen, not measured")
    broken_most: float = setting(0.6, "of the molecule", "largest piece that is left", origin="chosen, not measured")
    shell_radius: float = setting(0.6, "of the molecule's radius", "radius of the other molecule, a hollow sphere",
                                  origin="chosen, not measured")
    ice_strength: float = setting(10.0, "deviations", "a patch of ice over the deviation of projections",
                                  origin="chosen, not measured")
    ice_radius: tuple[float, float] = setting((0.05, 0.25), "of the field", "smallest and largest patch of ice",
                                              origin="chosen, not measured")


@dataclass(frozen=True)
class NeighbourDistance:
    """Where neighbours lie."""

    nearest: float = setting(0.5, "of the field", "smallest distance of a neighbour's centre: at the edge",
                             origin="chosen, not measured")
    farthest: float = setting(0.75, "of the field", "largest: beyond it hardly anything reaches in",
                              origin="chosen, not measured")


@dataclass(frozen=True)
class RelionNormalisation:
    """Background of an image as relion_preprocess takes it."""

    radius: float = setting(0.375, "of the box", "radius of the circle beyond which there is background",
                            origin="RELION: 75 % of the box as diameter")


@dataclass(frozen=True)
class MicrographLayout:
    """Where particles lie in their micrographs."""

    width: int = setting(4096, "pixels", "side of a micrograph", origin="chosen: detectors of 4096 pixels")


@dataclass(frozen=True)
class RefinedMap:
    """Maps made of the images, as a refinement leaves them."""

    weight_floor: float = setting(0.05, "of the shell's mean", "least weight of a voxel: frequencies that few views "
                                  "have seen stay weak", origin="chosen, not measured")
    images_for_scale: int = setting(256, "images", "good particles whose signal sets the scale of the noise: 2 % exact",
                                    origin="chosen, not measured")
    mask_edge: float = setting(3.0, "pixels", "soft edge of the mask", origin="RELION: mask creation takes 3 to 6")
    mask_level: float = setting(0.15, "of the map's highest percentile", "density inside the mask after low-pass",
                                origin="chosen, not measured")


ATOMS = AtomicDetail()
VIEWS = PreferredViews()
JUNK_SHAPES = JunkShapes()
NEIGHBOURS = NeighbourDistance()
NORMALISATION = RelionNormalisation()
MICROGRAPH = MicrographLayout()
REFINED_MAP = RefinedMap()
IMAGING = Imaging()
CHAIN = Chain()
MEAN_MAP = MeanMap()
