"""Options that stages share, each in a class to inherit from."""

from dataclasses import dataclass

from gmmhet.engine.options import SEED, OnForm, Typed, bookkeeping, option, point_group

__all__ = ["Resumable", "Seeded", "check_symmetry"]


@dataclass(frozen=True, kw_only=True)
class Seeded:
    """Stages that draw random numbers."""

    seed: int = option(0, "seed of the random numbers; the same seed gives the same result", check=SEED,
                       form=OnForm("Random seed", advanced=True, when="to see how much chance matters"))


@dataclass(frozen=True, kw_only=True)
class Resumable:
    """Stages that leave checkpoints."""

    resume: bool = bookkeeping(False, "continue from what an interrupted run left",
                               typed=Typed(basic=True))


def check_symmetry(symmetry: str) -> str:
    """The point group in capitals: C1.., D1.., T, O or I.

    Raises:
        InputError: no such group.
    """
    return point_group("--symmetry", symmetry)
