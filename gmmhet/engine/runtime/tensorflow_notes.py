"""The import of TensorFlow without its notes on oneDNN and on GPUs that are not there, which its own switch for the
level of messages lets through."""

import importlib.util
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["quiet_tensorflow"]

_NOTES = re.compile(rb"All log messages before absl::InitializeLog|oneDNN custom operations are on"
                    # of a TensorFlow for GPUs that is to take none, or finds no driver; not of drivers that fail
                    rb"|failed call to cuInit:.*(?:CUDA_ERROR_NO_DEVICE|UNKNOWN ERROR \(303\))")


def quiet_tensorflow() -> None:
    """Let the first import of TensorFlow, whenever it comes, leave those notes out. Everything else is shown."""
    if "tensorflow" not in sys.modules and not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """Finds TensorFlow where it is, once, and has it executed quietly."""

    def find_spec(self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None,
                  ) -> ModuleSpec | None:
        if fullname != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            loader, execute = spec.loader, spec.loader.exec_module

            def quietly(module: ModuleType) -> None:
                delattr(loader, "exec_module")  # the class has it still
                with _without_notes():
                    execute(module)
                    module.config.list_physical_devices()  # looks for GPUs, and says so when it fails

            setattr(loader, "exec_module", quietly)  # noqa: B010 - of this loader alone: it stays what it is otherwise
        return spec


@contextmanager
def _without_notes() -> Iterator[None]:
    """Libraries write to the descriptor of standard error: it is put aside, and what was caught shown afterwards."""
    try:
        kept, caught = os.dup(2), tempfile.TemporaryFile()  # noqa: SIM115 - closed below
    except OSError:  # no standard error, or no room: nothing is hidden
        yield
        return
    with caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            caught.seek(0)
            for line in caught:
                if not _NOTES.search(line):
                    os.write(2, line)
