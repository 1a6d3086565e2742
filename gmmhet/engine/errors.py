"""The one exception that users are meant to read."""

__all__ = ["InputError"]


class InputError(ValueError):
    """Bad input: one line that names the file, the row, the value and what was expected.

    The command line prints the line and exits with status 2; protocols show it as the error message.
    """
