"""Settings of the simulator: what microscopes, specimens and refinements do to images."""

from dataclasses import dataclass

from gmmhet.engine.settings import setting

__all__ = ["ATOMS", "JUNK_SHAPES", "MICROGRAPH", "NEIGHBOURS", "NORMALISATION", "REALISM", "REFINED_MAP", "VIEWS",
           "AtomicDetail", "JunkShapes", "MicrographLayout", "NeighbourDistance", "PreferredViews", "RealismDefaults",
           "RefinedMap", "RelionNormalisation"]


@dataclass(frozen=True)
class RealismDefaults:
    """How strong each effect of --as-real is where nothing else is given."""

    padding: float = setting(2.0, "box sizes", "field in which the CTF acts; at 3 um and 1/8 A signal moves by 75 A",
                             origin="formula: defocus x wavelength x frequency")
    structural_snr: float = setting(1.4, "", "variance of projections over that of structural noise, before the CTF",
                                    origin="Baxter, Grassucci, Gao & Frank 2009")
    noise_colour: float = setting(20.0, "", "noise power at zero frequency over that at high frequencies",
                                  origin="measured: corners of EMPIAR-10146, 6.5 at 1/48 A, 2.4 at 1/24, 1.4 at 1/16")
    ramp: float = setting(0.2, "noise deviations", "linear background from centre to edge, before normalisation",
                          origin="chosen, not measured")
    bowl: float = setting(0.15, "noise deviations", "quadratic background from centre to edge",
                          origin="measured: background of EMPIAR-10146 as normalised by RELION, 0.17")
    neighbours: float = setting(0.3, "molecules an image", "others that reach into an image's edge",
                                origin="chosen, not measured")
    contrast_sd: float = setting(0.3, "of the mean", "spread of the molecule's contrast", origin="issue: public "
                                 "simulators; lognormal of mean 1")
    noise_sd: float = setting(0.3, "of the mean", "spread of the noise level", origin="issue: public simulators; "
                              "lognormal of mean 1")
    b_factor: float = setting(80.0, "Å²", "envelope exp(-B k² / 4) of signal and structural noise",
                              origin="chosen, not measured")
    b_factor_sd: float = setting(20.0, "Å²", "spread of the B factor between micrographs",
                                 origin="chosen, not measured")
    defocus_error: float = setting(200.0, "Å", "deviation of the given defocus: heights within ice of 60 nm",
                                   origin="chosen, not measured")
    preferred_views: float = setting(0.5, "of the particles", "share seen near one axis or its opposite",
                                     origin="chosen, not measured")
    junk: float = setting(0.1, "of the images", "share of noise, broken, other molecules and ice, in equal parts",
                          origin="issue: public simulators")


@dataclass(frozen=True)
class AtomicDetail:
    """Atoms that a residue becomes, and the solvent that they displace."""

    per_residue: int = setting(8, "atoms", "heavy atoms of a mean residue are 7.8",
                               origin="published: mean composition of proteins")
    spread: float = setting(0.64, "of the bead's width", "deviation per axis of atoms about their bead: 1.6 A of a "
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


REALISM = RealismDefaults()
ATOMS = AtomicDetail()
VIEWS = PreferredViews()
JUNK_SHAPES = JunkShapes()
NEIGHBOURS = NeighbourDistance()
NORMALISATION = RelionNormalisation()
MICROGRAPH = MicrographLayout()
REFINED_MAP = RefinedMap()
