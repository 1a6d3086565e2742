"""gmmhet: continuous heterogeneity of single particles by Gaussian models."""

__version__ = "0.1.0"

try:
    from gmmhet.plugin import Plugin as Plugin
except ModuleNotFoundError as error:  # the engine runs where Scipion is not installed
    if (error.name or "").split(".")[0] not in ("pwem", "pyworkflow"):
        raise
