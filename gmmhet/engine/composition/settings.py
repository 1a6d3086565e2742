"""Settings of the composition."""

from dataclasses import dataclass

from gmmhet.engine.settings import setting

__all__ = ["BEYOND", "BLOCKS", "GIVEN", "MOTION", "OUTPUT", "PARCELS", "PRESENCE", "REFINEMENT", "STATES", "Beyond",
           "BlockSearch", "Given", "Motion", "Output", "Parcels", "PresenceFit", "Refinement", "StateSearch"]

_CHOSEN = "chosen, not measured"


@dataclass(frozen=True)
class Parcels:
    """Groups of neighbouring Gaussians, the smallest parts that can come and go."""

    most: int = setting(128, "parcels", "the matrix of a particle has the square of that many entries", origin=_CHOSEN)
    first: int = setting(64, "parcels", "at first, before those that vary are divided", origin=_CHOSEN)
    fewest: int = setting(12, "parcels", "of a small molecule", origin=_CHOSEN)
    edge: float = setting(0.8, "of the resolution", "a parcel has at least the volume of a cube of this edge: smaller "
                          "ones are not told apart", origin=_CHOSEN)
    gaussians: int = setting(4, "Gaussians", "of a parcel, on average, at least", origin=_CHOSEN)
    faintest: float = setting(0.02, "of the typical density", "of a parcel, where its amplitude is sought from",
                              origin="a part that is present in 2 % of the particles")


PARCELS = Parcels()


@dataclass(frozen=True)
class PresenceFit:
    """Likelihood of combinations, and the fit of amplitudes."""

    amplitude_spread: float = setting(1.0, "of an amplitude", "standard deviation of its prior about what it was",
                                      origin="the consensus holds a block's mean amount")
    pseudo_particles: float = setting(1.0, "particles", "shared out over all combinations, so that no share is 0",
                                      origin=_CHOSEN)
    least_contrast: float = setting(0.01, "of the mean contrast", "spread of the contrasts, at least", origin=_CHOSEN)
    most_contrast: float = setting(0.5, "of the mean contrast", "spread of the contrasts, at most", origin=_CHOSEN)
    least_gain: float = setting(8.0, "log-likelihood", "that a parcel's part in a block must bring",
                                origin="four standard deviations of a normal score")
    shapes: int = setting(4, "passes", "of EM for what changes where a block is present", origin=_CHOSEN)
    sweeps: int = setting(15, "sweeps", "over all parts of parcels in blocks", origin=_CHOSEN)
    at_once: int = setting(500, "particles", "whose matrices are summed at once", origin=_CHOSEN)


PRESENCE = PresenceFit()


@dataclass(frozen=True)
class BlockSearch:
    """How blocks are found."""

    searched: int = setting(12_000, "particles", "that blocks are sought in; their matrices are held in memory",
                            origin=_CHOSEN)
    sample: int = setting(1500, "particles", "of each half-set, that the covariance is estimated from", origin=_CHOSEN)
    rounds: int = setting(12, "passes", "of EM for the covariance", origin=_CHOSEN)
    more_rounds: int = setting(6, "passes", "of EM from a covariance of larger parcels", origin=_CHOSEN)
    first_spread: float = setting(0.5, "of the typical density", "that the covariance starts from; of what is seldom "
                                  "there, and faint in the consensus, that is many times its amplitude, which EM does "
                                  "not reach from below", origin=_CHOSEN)
    own_share: float = setting(0.1, "of the variance", "of a small parcel's amplitude that is its own at the start",
                               origin=_CHOSEN)
    frequencies: tuple[float, float] = setting((0.01, 0.99), "of the particles", "that a block starts from",
                                               origin=_CHOSEN)
    cut: float = setting(0.3, "", "one minus the correlation up to which parcels start in one block", origin=_CHOSEN)
    most: int = setting(16, "blocks", "that are tried at once", origin=_CHOSEN)
    enumerated: int = setting(9, "blocks", "up to which all combinations are tried", origin=_CHOSEN)
    combinations: int = setting(400, "combinations", "that are tried where there are more blocks", origin=_CHOSEN)
    first_fit: int = setting(4, "passes", "of EM before blocks without support are given up", origin=_CHOSEN)
    fit: int = setting(6, "passes", "of EM for amplitudes and shares", origin=_CHOSEN)
    memberships: int = setting(2, "times", "that parcels are divided over blocks", origin=_CHOSEN)
    most_left: float = setting(0.4, "of the density", "that is left where a block is absent; more is density that "
                               "varies, no block", origin="as of density that is said to be present in part of the "
                               "particles (wording.names)")
    deviations: float = setting(4.0, "standard errors", "by which a block raises the held-out log-likelihood",
                                origin="one false block in 30,000 tries of a normal gain")
    total: float = setting(10.3, "log-likelihood", "of all held-out particles, that is enough too: few particles with "
                           "a rare block make a large standard error", origin="logarithm of 30,000: a false block "
                           "raises a held-out likelihood by a factor that is 1 on average (Markov's inequality)")
    most_of_one: float = setting(3.0, "log-likelihood", "of a particle that counts in that sum, so that no few images "
                                 "decide", origin="odds of 20 to 1")


BLOCKS = BlockSearch()


@dataclass(frozen=True)
class StateSearch:
    """States: combinations that particles are in."""

    most: int = setting(40, "states", "that are told", origin=_CHOSEN)
    deviations: float = setting(2.0, "standard errors", "of held-out log-likelihood that a prior of fewer states may "
                                "lose", origin=_CHOSEN)
    floor: float = setting(1e-4, "of the particles", "that a state is given where shares are judged", origin=_CHOSEN)


STATES = StateSearch()


@dataclass(frozen=True)
class Motion:
    """Coordinates of motion beside blocks."""

    rounds: int = setting(3, "times", "that blocks are sought and the variances of the coordinates follow",
                          origin=_CHOSEN)
    steps: int = setting(3, "steps", "of EM for the variances, each time", origin=_CHOSEN)
    settled: float = setting(0.3, "", "logarithm of a variance's change below which blocks are not sought again",
                             origin=_CHOSEN)
    least_variance: float = setting(1e-3, "of the analysis' variance", "of a coordinate that blocks explain",
                                    origin=_CHOSEN)
    most_variance: float = setting(4.0, "of the analysis' variance", "of a coordinate, at most", origin=_CHOSEN)
    fewest: int = setting(200, "particles", "that blocks are sought in", origin=_CHOSEN)


MOTION = Motion()


@dataclass(frozen=True)
class Output:
    """Masks and tables."""

    mask_width: float = setting(0.25, "of the resolution", "Gaussians of a mask are no narrower", origin=_CHOSEN)
    mask_level: float = setting(0.25, "of the median density at the Gaussians", "from which a mask is inside",
                                origin=_CHOSEN)
    mask_edge: float = setting(0.5, "of the resolution", "width of a mask's soft edge", origin=_CHOSEN)
    density: float = setting(1 / 1210.0, "kDa per cubic Angstrom", "of protein", origin="partial specific volume of "
                             "0.73 cubic centimetres a gram")
    noise_range: tuple[float, float] = setting((0.5, 1.5), "of the analysis' noise", "within which its scale is "
                                               "corrected", origin=_CHOSEN)
    sure: float = setting(0.9, "", "probability from which a particle's state is sure", origin=_CHOSEN)


OUTPUT = Output()


@dataclass(frozen=True)
class Given:
    """Blocks that the user names."""

    atoms: int = setting(20, "atoms", "of a chain that is a block; smaller ones are ligands and ions", origin=_CHOSEN)
    reach: float = setting(0.5, "of the resolution", "from an atom to a Gaussian that belongs to it", origin=_CHOSEN)


GIVEN = Given()


@dataclass(frozen=True)
class Beyond:
    """Density that the consensus hardly shows."""

    spacing: float = setting(0.4, "of the resolution", "between added Gaussians", origin=_CHOSEN)
    width: float = setting(0.6, "of their spacing", "standard deviation of added Gaussians: their sum is even",
                           origin=_CHOSEN)
    field: float = setting(0.95, "of the box", "diameter of the sphere in which they lie", origin=_CHOSEN)
    clear: float = setting(0.35, "of the resolution", "from the Gaussians of the consensus, at least", origin=_CHOSEN)
    reach: float = setting(1.6, "of the resolution", "from the Gaussians of the consensus, at most", origin=_CHOSEN)
    edge: float = setting(1.1, "of the resolution", "of the cubes that are tried", origin=_CHOSEN)
    sample: int = setting(3000, "particles", "in which they are tried", origin=_CHOSEN)
    at_once: int = setting(64, "parcels", "that are tried in one pass", origin=_CHOSEN)
    deviations: float = setting(4.0, "standard errors", "by which the slopes of a parcel that is added vary more than "
                                "noise", origin="one false parcel in 30,000 tries of a normal deviate")
    most: int = setting(24, "parcels", "that are added, those that vary most", origin=_CHOSEN)
    first_spread: float = setting(0.3, "of the molecule's density", "that the amplitudes of added parcels start from",
                                  origin=_CHOSEN)
    pieces: int = setting(2, "parcels", "that each is divided into", origin=_CHOSEN)


BEYOND = Beyond()


@dataclass(frozen=True)
class Refinement:
    """The extent of blocks that are known."""

    particles: int = setting(3000, "particles", "that tell it; their matrices are held in memory", origin=_CHOSEN)
    parcels: int = setting(224, "parcels", "of the molecule, at most", origin=_CHOSEN)
    around: int = setting(48, "parcels", "beside blocks around the molecule, at most", origin=_CHOSEN)
    reach: float = setting(0.8, "of the resolution", "from a Gaussian of a block", origin=_CHOSEN)


REFINEMENT = Refinement()
