"""What gmmhet run says at its end. The analysis' own verdict is part of it."""

__all__ = ["EXIT_STATUS", "GOES_ON", "UNFINISHED", "few_particles", "mode_not_significant", "no_motion",
           "significant_modes"]

EXIT_STATUS = "Exit status: 0 done, 2 bad input, which is named in one line, 1 any other failure."
GOES_ON = "the same command with --resume goes on from here"
UNFINISHED = "not finished; the same command with --resume goes on"


def few_particles(count: int, verdict: str) -> str:
    """Fewer particles than any motion can be estimated from."""
    first = verdict if "cannot support a motion" in verdict else f"{count} particles cannot support a motion."
    return f"{first} All files were written, with one map of all particles."


def significant_modes(significant: int, modes: int) -> str:
    """Of an analysis without a verdict of its own."""
    return f"{significant} of {modes} modes are significant."


def mode_not_significant(mode: int, verdict: str) -> str:
    """Other modes are significant than the one along which maps were to be made (from 1)."""
    return f"{verdict} Mode {mode} is not among them: one map of all particles was made instead.".strip()


def no_motion(count: int, verdict: str) -> str:
    """No mode is significant."""
    return f"No motion is supported by these {count} particles. {verdict}".strip()
