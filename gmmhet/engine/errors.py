"""The one exception that users are meant to read."""

import errno
import os

__all__ = ["InputError", "storage_problem"]

#: what is wrong with a disk or a folder rather than with the program
_STORAGE = {
    errno.ENOSPC: "room on this disk",
    errno.EDQUOT: "room within the quota",
    errno.EFBIG: "files of this size to be allowed",
    errno.EROFS: "a writable folder",
    errno.EACCES: "permission to read and write",
    errno.EPERM: "permission to read and write",
    errno.ENOTDIR: "a folder",
    errno.EIO: "a disk that works",
}


class InputError(ValueError):
    """Bad input: one line that names the file, the row, the value and what was expected.

    The command line prints the line and exits with status 2; protocols show it as the error message.
    """


def storage_problem(error: OSError, path: str | os.PathLike[str] | None = None) -> InputError | None:
    """A full disk, a folder that is not to be written, in words; None for any other error of the system.

    Args:
        path: what was being written; None: what the error tells.
    """
    if error.errno not in _STORAGE:
        return None
    if path is not None:
        return InputError(f"{os.fspath(path)}: cannot be written ({error.strerror}); expected {_STORAGE[error.errno]}")
    place = "" if error.filename is None else f"{os.fspath(error.filename)}: "
    return InputError(f"{place}{error.strerror}; expected {_STORAGE[error.errno]}")
