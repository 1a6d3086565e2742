"""Counts that several stages and the checks of options share."""

__all__ = ["FEWEST_PARTICLES", "MOST_MODES", "MOST_TRIED"]

#: with fewer particles, a motion cannot be distinguished from noise
FEWEST_PARTICLES = 50
MOST_MODES = 32
#: modes that are tried at most where their number is to be found
MOST_TRIED = 8
