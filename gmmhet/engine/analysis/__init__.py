"""The analyze stage: motions, and every particle's place on them."""

from gmmhet.engine.analysis.stage import analyze

__all__ = ["analyze"]
