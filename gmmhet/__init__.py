"""gmmhet: continuous heterogeneity of single particles by Gaussian models."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gmmhet.plugin import Plugin as Plugin

__version__ = "0.4.0"
_logo = "logo.png"
_references = ["Chen2021"]


def __getattr__(name: str) -> Any:
    """Scipion asks for Plugin; the engine, which runs where Scipion is not installed, never does."""
    if name == "Plugin":
        from gmmhet.plugin import Plugin
        return Plugin
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
