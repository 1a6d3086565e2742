"""The Scipion plugin."""
import pwem


class Plugin(pwem.Plugin):
    """Runs the engine."""
