"""The live page of a result: where the particles are, and the molecule at every point of it."""

from gmmhet.engine.view.stage import view

__all__ = ["view"]
