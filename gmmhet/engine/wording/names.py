"""What a mode does, in the user's words: what moves and by how much, what is present and in which share."""

from collections.abc import Sequence
from dataclasses import dataclass

from gmmhet.engine.wording.numbers import angstrom, degrees, percent, plural

__all__ = ["DensityWords", "MassWords", "MotionWords", "density_sentence", "groups_sentence", "headline", "kinds_found",
           "motion_sentence", "place", "residues"]


_MOST_NAMED = 3
_NEARLY_ROUND = 300.0  # degrees


@dataclass(frozen=True)
class MassWords:
    """share: of the molecule's mass. kilodalton: None where the molecule's volume is not known."""

    share: float
    kilodalton: float | None

    def __str__(self) -> str:
        share = percent(self.share)
        if self.kilodalton is None:
            return f"{share} of the molecule"
        return f"about {_kilodalton(self.kilodalton)} ({share})"

    @property
    def short(self) -> str:
        return f"{percent(self.share)} of the molecule" if self.kilodalton is None else _kilodalton(self.kilodalton)


@dataclass(frozen=True)
class MotionWords:
    """A part that moves, from the 5th to the 95th percentile of the particles.

    Attributes:
        where: of :func:`place`. turn: degrees; hinge: Angstrom; both None where it shifts. distance: root mean square
            displacement of the part, Angstrom. rigid: share of the squared displacement that is that of a rigid body.
            whole: whether it does move as one. around: whether it comes back to where it was along a closed curve.
    """

    mass: MassWords
    where: str
    distance: float
    turn: float | None = None
    hinge: tuple[float, float, float] | None = None
    rigid: float = 1.0
    whole: bool = True
    around: bool = False

    @property
    def goes_round(self) -> bool:
        """Whether it turns by a full turn, or nearly, before it is where it was."""
        return self.around and self.turn is not None and self.turn > _NEARLY_ROUND

    @property
    def short(self) -> str:
        if self.around:
            turning = ", turning all the way round" if self.goes_round else ""
            return f"a part of {self.mass.short} goes around a closed path{turning}"
        if self.turn is not None:
            return f"a part of {self.mass.short} turns by {degrees(self.turn, 2)}"
        return f"a part of {self.mass.short} moves by {angstrom(self.distance, 2)}"


@dataclass(frozen=True)
class DensityWords:
    """Density that is there in some of the particles.

    Attributes:
        where: of :func:`place`. share, error: of the particles, and its standard error; None where two states are not
            seen. left: share of the part's density that the other particles have.
    """

    mass: MassWords
    where: str
    share: float | None = None
    error: float = 0.0
    left: float = 0.0

    @property
    def short(self) -> str:
        if self.share is None:
            return f"density of {self.mass.short} varies"
        kind = "density" if self.present else "more density"
        return f"{kind} of {self.mass.short} is present in {100 * self.share:.0f}\N{NO-BREAK SPACE}% of the particles"

    @property
    def present(self) -> bool:
        """Whether the other particles have little of it."""
        return self.left < 0.4


def place(direction: tuple[float, float, float], distance: float, radius: float) -> str:
    """Where a part is.

    Args:
        direction: unit vector from the middle of the molecule. distance: from there, Angstrom. radius: of gyration.
    """
    if distance < 0.35 * radius:
        return "in the middle of the molecule"
    names = [("+" if value > 0 else "\N{MINUS SIGN}") + axis for value, axis in zip(direction, "xyz", strict=True)
             if abs(value) > 0.45]
    far = "at the periphery" if distance > 1.1 * radius else "off the middle"
    return f"{far}, towards {' and '.join(names)} ({angstrom(distance, 2)} from the centre of mass)"


def residues(stretches: Sequence[tuple[str, int, int, bool]]) -> str:
    """Which residues a part is of; empty where there are none.

    Args:
        stretches: chain, first and last number, and whether it is the whole chain; the longest first.
    """
    chains: dict[str, list[str]] = {}
    for chain, first, last, whole in stretches:
        chains.setdefault(chain, []).extend([] if whole else [f"{first}\N{EN DASH}{last}"])
    shown = [f"chain {chain}" + (f" {' and '.join(parts[:_MOST_NAMED])}" if parts else "")
             + (" and others" if len(parts) > _MOST_NAMED else "") for chain, parts in chains.items()]
    more = len(shown) - _MOST_NAMED
    return ", ".join(shown[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def motion_sentence(mode: int, motion: MotionWords) -> str:
    """What moves. mode: its number."""
    part = f"Mode {mode}: a part of {motion.mass}, {motion.where},"
    reach = "between the 5th and the 95th percentile of the particles"
    if motion.around:
        turning = ", turning all the way round" if motion.goes_round else ""
        said = f"{part} goes around a closed path of {angstrom(motion.distance, 2)} across (root mean square){turning}."
    elif motion.turn is not None and motion.hinge is not None:
        at = ", ".join(f"{round(value) + 0:d}".replace("-", "\N{MINUS SIGN}") for value in motion.hinge)
        said = f"{part} turns by {degrees(motion.turn, 2)} about a hinge at ({at})\N{NO-BREAK SPACE}Å, which moves " \
               f"it by {angstrom(motion.distance, 2)} (root mean square), {reach}."
    else:
        said = f"{part} moves by {angstrom(motion.distance, 2)} (root mean square) {reach}."
    if motion.whole:
        return said
    return f"{said} Only {percent(motion.rigid)} of its squared displacement is that of one rigid body: it also bends."


def density_sentence(mode: int, density: DensityWords) -> str:
    """What comes and goes. mode: its number."""
    what = f"Mode {mode}: density of {density.mass}, {density.where},"
    if density.share is None:
        return f"{what} varies between particles (one standard deviation). The data do not show two states, so the " \
               "share of the particles that have it is not known."
    share = f"{100 * density.share:.0f} ± {max(100 * density.error, 0.5):.0f}\N{NO-BREAK SPACE}% of the particles"
    if density.present:
        return f"{what} is present in {share} and absent from the others."
    return f"{what} is added in {share}; the others have {percent(density.left)} of the density of that part."


def groups_sentence(mode: int, shares: Sequence[tuple[float, float]]) -> str:
    """Groups of particles that empty gaps divide; shares: of each, lowest first, with its standard error."""
    parts = ", ".join(f"{100 * share:.0f} ± {max(100 * error, 0.5):.0f}\N{NO-BREAK SPACE}%" for share, error in shares)
    return f"Along mode {mode} the particles form {len(shares)} groups with empty gaps between them: {parts}."


def kinds_found(motions: int, densities: int, both: int, other: int) -> str:
    """How many of the significant modes are of each kind."""
    parts = [f"{count} {text if count == 1 else more}" for count, text, more in (
        (motions, "motion", "motions"),
        (densities, "change in the amount of density", "changes in the amount of density"),
        (both, "of both at once", "of both at once"), (other, "not of a single part", "not of a single part")) if count]
    return ", ".join(parts)


def headline(found: Sequence[str], significant: int) -> str:
    """Of the page. found: short names of the significant modes, in their order."""
    if found and len(found) <= 2:
        text = "; ".join(found)
        return text[0].upper() + text[1:]
    return f"{significant} significant {plural('mode', significant)}"


def _kilodalton(value: float) -> str:
    return f"{value:.2g}\N{NO-BREAK SPACE}kDa" if value < 100 else f"{round(value, -1):.0f}\N{NO-BREAK SPACE}kDa"
