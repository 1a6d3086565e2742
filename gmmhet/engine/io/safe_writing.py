"""Files appear under their final name only when they are whole."""

import fcntl
import glob
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gmmhet.engine.errors import InputError, storage_problem

__all__ = ["locked", "output_folder", "replacing"]

_OLD = 60  # seconds: a younger temporary file may be that of a writer who has not locked it yet


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it onto ``path`` when the block ends without an error.

    What a killed process left of the same file is removed.

    Raises:
        InputError: the folder cannot be written, or the disk is full.
    """
    final = Path(path)
    _remove_leftovers(final)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{final.stem}.", suffix=final.suffix, dir=final.parent)
    except OSError as error:
        raise _unwritable(final, error) from None
    temporary = Path(name)
    try:
        with suppress(OSError):  # filesystems without locks: leftovers stay, which does no harm
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, final)
    except OSError as error:
        own = error.filename in (None, name)  # and not that of something else that is read or written meanwhile
        problem = storage_problem(error, final if own else None)
        if problem is None:
            raise
        raise problem from None
    finally:
        os.close(handle)
        temporary.unlink(missing_ok=True)


def _remove_leftovers(final: Path) -> None:
    """Remove temporary files of ``final`` whose writer is gone: those that are old and nobody holds a lock on."""
    for name in glob.glob(f".{glob.escape(final.stem)}.????????{glob.escape(final.suffix)}", root_dir=final.parent,
                          include_hidden=True):
        with suppress(OSError):  # held by its writer, or gone
            handle = os.open(final.parent / name, os.O_RDWR)
            try:
                if time.time() - os.fstat(handle).st_mtime < _OLD:
                    continue
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                (final.parent / name).unlink()
            finally:
                os.close(handle)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """While no other process holds the lock of this file, which is made, and stays.

    On filesystems without locks there is none.

    Raises:
        InputError: the file cannot be made.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise _unwritable(path, error) from None
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def output_folder(path: str | os.PathLike[str]) -> Path:
    """Make a folder for results and check that it can be written.

    Raises:
        InputError: it cannot be made or written.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _unwritable(folder, error) from None
    return folder


def _unwritable(path: Path, error: OSError) -> InputError:
    return storage_problem(error, path) or InputError(
        f"{path}: cannot be written ({error.strerror}); expected a writable folder")
