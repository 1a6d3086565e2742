"""Test modules that cannot be loaded since a package is not there: they skip, and say so.

unittest, and with it Scipion's runner, shows a module that cannot be imported as an error, where it lists tests and
where it is asked for one by name. So what stands in place of such a module is made when it is imported.
"""

import sys
import unittest
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType

__all__ = ["Skipping", "skip_what_cannot_be_loaded"]

#: packages that a Scipion may do without
_OPTIONAL = ("tensorflow", "keras", "pytest")
#: what unittest looks for in a module
_OF_UNITTEST = ("load_tests", "setUpModule", "tearDownModule")


class Skipping(MetaPathFinder):
    """Finds the test modules of a package (``test_...``), by its name; all modules of that name begin so if empty."""

    def __init__(self, package: str) -> None:
        self._prefix = f"{package}." if package else ""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None,
                  ) -> ModuleSpec | None:
        """As the import system asks."""
        if not (fullname.startswith(self._prefix) and fullname.rpartition(".")[2].startswith("test_")):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


class _Loader(SourceFileLoader):

    def exec_module(self, module: ModuleType) -> None:
        before = set(vars(module))
        try:
            super().exec_module(module)
        except ModuleNotFoundError as error:
            package = str(error.name).partition(".")[0]
            if package not in _OPTIONAL:
                raise
            for name in set(vars(module)) - before:
                delattr(module, name)
            _leave_skipped(module, package)


def _leave_skipped(module: ModuleType, package: str) -> None:
    """One test, which skips, also under the name of any class that the module would have."""
    reason = f"needs {package}, which this Python does not have"

    def test_skipped(self: unittest.TestCase) -> None:
        print(f"SKIPPED {module.__name__}: {reason}", file=sys.stderr)  # Scipion's runner says nothing of it
        self.skipTest(reason)

    kind = type("NotLoaded", (unittest.TestCase,), {"test_skipped": test_skipped, "__module__": module.__name__,
                                                    "__qualname__": "NotLoaded"})

    def named(name: str) -> type:
        if name.startswith("Test"):
            return kind
        if name in _OF_UNITTEST or name.startswith("__"):
            raise AttributeError(name)
        raise ModuleNotFoundError(f"No module named '{package}'", name=package)  # to whatever imports from here

    vars(module).update(NotLoaded=kind, __getattr__=named)


def skip_what_cannot_be_loaded(package: str) -> None:
    """From now on, for the test modules of this package. pytest has a way of its own, which comes first."""
    if not any(isinstance(finder, Skipping) for finder in sys.meta_path):
        sys.meta_path.insert(sys.meta_path.index(PathFinder), Skipping(package))
