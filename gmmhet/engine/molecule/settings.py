"""Settings of Gaussians, symmetry and rigid parts."""

from dataclasses import dataclass

from gmmhet.engine.settings import setting

__all__ = [
    "ASYMMETRIC_UNIT", "GAUSSIAN_MAP", "RIGID_PARTS", "STILL_FRAME", "AsymmetricUnit", "GaussianMap", "RigidPartsOf",
    "StillFrame",
]

_CHOSEN = "chosen, not measured"


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


GAUSSIAN_MAP = GaussianMap()
STILL_FRAME = StillFrame()
RIGID_PARTS = RigidPartsOf()
ASYMMETRIC_UNIT = AsymmetricUnit()
