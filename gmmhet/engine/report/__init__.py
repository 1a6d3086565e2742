"""The report: one self-contained HTML page about a run."""

from gmmhet.engine.report.page import write_report

__all__ = ["write_report"]
