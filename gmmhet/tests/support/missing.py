"""Test modules that cannot be loaded since a package is not there: they skip, and say so.

unittest, and with it Scipion's runner, shows a module that cannot be imported as an error, where it lists tests and
where it is asked for one by name. So what stands in place of such a module is made when it is imported. A test that
asks for such a package while it runs, and fails, skips too.
"""

import functools
import sys
import unittest
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

__all__ = ["Skipping", "skip_what_cannot_be_loaded"]

#: packages that a Scipion may do without
_OPTIONAL = ("tensorflow", "keras", "pytest")
#: what unittest looks for in a module
_OF_UNITTEST = ("load_tests", "setUpModule", "tearDownModule")


class Skipping(MetaPathFinder):
    """Finds the test modules of a package (``test_...``), by its name; all modules of that name begin so if empty."""

    def __init__(self, package: str) -> None:
        self._prefix = f"{package}." if package else ""
        self.asked: list[str] = []  # packages that were looked for and are not there

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None,
                  ) -> ModuleSpec | None:
        """As the import system asks."""
        if fullname.partition(".")[0] in _OPTIONAL and PathFinder.find_spec(fullname, path, target) is None:
            self.asked.append(fullname.partition(".")[0])
        if not (fullname.startswith(self._prefix) and fullname.rpartition(".")[2].startswith("test_")):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path, self.asked)
        return spec


class _Loader(SourceFileLoader):

    def __init__(self, name: str, path: str, asked: list[str]) -> None:
        super().__init__(name, path)
        self._asked = asked

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
            return
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, unittest.TestCase) and kind.__module__ == module.__name__:
                for name in [n for n in vars(kind) if n.startswith("test") or n in ("setUp", "setUpClass")]:
                    given = vars(kind)[name]
                    setattr(kind, name, classmethod(_careful(given.__func__, self._asked)) if isinstance(
                        given, classmethod) else _careful(given, self._asked))


def _reason(package: str) -> str:
    return f"needs {package}, which this Python does not have"


def _said(name: str, reason: str) -> None:
    print(f"SKIPPED {name}: {reason}", file=sys.stderr)  # Scipion's runner says nothing of it


def _careful(test: Callable[..., Any], asked: list[str]) -> Callable[..., Any]:
    """The same test; where it fails and has asked for a package that is not there, in this process or in its words in
    another, it skips."""
    @functools.wraps(test)
    def run(*given: Any) -> Any:
        asked.clear()
        try:
            return test(*given)
        except unittest.SkipTest:
            raise
        except Exception as error:
            missing = asked or [name for name in _OPTIONAL if f"No module named '{name}" in str(error)]
            if not missing:
                raise
            _said(f"{test.__module__}.{test.__qualname__}", _reason(missing[0]))
            raise unittest.SkipTest(_reason(missing[0])) from error
    return run


def _leave_skipped(module: ModuleType, package: str) -> None:
    """One test, which skips, also under the name of any class that the module would have."""
    def test_skipped(self: unittest.TestCase) -> None:
        _said(module.__name__, _reason(package))
        self.skipTest(_reason(package))

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
