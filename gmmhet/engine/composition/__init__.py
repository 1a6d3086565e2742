"""What comes and goes: blocks of Gaussians, which particle has which, and the states that they make."""

from gmmhet.engine.composition.stage import compose

__all__ = ["compose"]
