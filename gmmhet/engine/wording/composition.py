"""Sentences about what comes and goes."""

from collections.abc import Sequence

from gmmhet.engine.wording.numbers import counted, percent

__all__ = ["INDEPENDENT", "around_the_molecule", "block_words", "few_of_half", "few_particles",
           "nothing_comes_and_goes", "order_words", "state_words", "verdict"]

INDEPENDENT = ("The blocks come and go independently of each other, as far as these particles tell: there are no "
               "states beyond the presence of each block.")


def block_words(number: int, name: str, mass: float | None, share_of_mass: float, where: str,
                share: tuple[float, float]) -> str:
    """A block in a sentence.

    Args:
        name: of a given block, or "". mass: kDa; None: not known. share_of_mass: of the molecule's. where: of
            wording.names.place. share: of the particles that have it, and its standard error.
    """
    of_particles, error = share
    size = percent(share_of_mass) + " of the molecule" if mass is None else f"about {mass:.0f} kDa"
    title = f"Block {number}" + (f" ({name})" if name else "")
    return (f"{title}: {size}, {where}, is present in {100 * of_particles:.1f} ± {100 * max(error, 5e-4):.1f} % of "
            "the particles.")


def state_words(number: int, present: Sequence[int], blocks: int, share: float, error: float) -> str:
    """A state in a sentence."""
    if len(present) == blocks:
        what = "all blocks"
    elif not present:
        what = "no block"
    elif len(present) > blocks / 2:
        absent = [b for b in range(1, blocks + 1) if b not in present]
        what = "all but " + ", ".join(map(str, absent))
    else:
        what = ("block " if len(present) == 1 else "blocks ") + ", ".join(map(str, present))
    return f"State {number}: {what}; {100 * share:.1f} ± {100 * max(error, 5e-4):.1f} % of the particles."


def order_words(pairs: Sequence[tuple[int, int]]) -> str | None:
    """What is never there without what: (block, the one that it needs), both from 1."""
    if not pairs:
        return None
    said = "; ".join(f"block {b} never without block {a}" for b, a in pairs)
    return f"In the states told: {said}."


def nothing_comes_and_goes(particles: int) -> str:
    """No block was found."""
    return (f"No part comes and goes, as far as {counted(particles, 'particle')} tell: no block raises the "
            "likelihood of particles that it was not found in.")


def around_the_molecule(added: int, tried: int) -> str:
    """Places around the consensus that have density in some particles."""
    return (f"around the molecule, {counted(added, 'part')} of the {tried} tried {'has' if added == 1 else 'have'} "
            "density in some particles")


def few_particles(particles: int, fewest: int) -> str:
    """Too few for a search."""
    return f"{counted(particles, 'particle')} are too few to find blocks in; expected at least {fewest}."


def few_of_half(half: int, fewest: int) -> str:
    """A half-set is too small for a search."""
    return (f"half-set {half} has fewer than {fewest} particles; expected both half-sets, since blocks of one are "
            "judged by the other.")


def verdict(blocks: int, states: int, independent: bool, given: bool) -> str:
    """The result in a sentence."""
    found = f"{counted(blocks, 'block')} given" if given else f"Parts come and go: {counted(blocks, 'block')} found"
    if blocks == 1:
        return f"{found}."
    if independent:
        return f"{found}. {INDEPENDENT}"
    return f"{found}, in {counted(states, 'state')}."
