"""Particles chosen by an analysis, as files that the program they came from opens."""

from gmmhet.engine.export.criteria import Criteria, common_ids, read_ids
from gmmhet.engine.export.stage import Original, export

__all__ = ["Criteria", "Original", "common_ids", "export", "read_ids"]
