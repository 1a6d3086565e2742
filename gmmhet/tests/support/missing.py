"""Test modules that cannot be loaded since a package is not there: they skip, and say so.

unittest, and with it Scipion's runner, shows a module that cannot be imported as an error, where it lists tests and
where it is asked for one by name; pytest stops. So what stands in place of such a module is made when it is imported.
A test that imports such a package while it runs, and fails, skips too.
"""

import functools
import inspect
import sys
import unittest
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import FrameType, ModuleType
from typing import Any

__all__ = ["Skipping", "skip_what_cannot_be_loaded"]

#: packages that a Scipion may do without
_OPTIONAL = ("tensorflow", "keras", "pytest")
#: what unittest and pytest look for in a module
_OF_RUNNERS = ("load_tests", "setUpModule", "tearDownModule", "setup_module", "teardown_module", "setup_function",
               "teardown_function", "collect_ignore", "collect_ignore_glob")
#: what runs beside the tests of a class; what stops in the first of these skips every test of the class
_OF_CLASS = ("setUpClass", "tearDownClass")
_OF_TEST = ("setUp", "tearDown")


class Skipping(MetaPathFinder):
    """Finds the test modules of a package (``test_...``), by its name; all modules of that name begin so if empty.

    Args:
        optional: names of the packages that may be absent. A module that lacks in one that is there is an error.
    """

    def __init__(self, package: str, optional: Sequence[str] = _OPTIONAL) -> None:
        self._prefix = f"{package}." if package else ""
        self._absent = _Absent(tuple(optional), [])

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None,
                  ) -> ModuleSpec | None:
        """As the import system asks; what the finders after this one have (that of pytest rewrites assertions)."""
        is_test = fullname.startswith(self._prefix) and fullname.rpartition(".")[2].startswith("test_")
        if not is_test and fullname not in self._absent.optional:
            return None
        others = sys.meta_path[sys.meta_path.index(self) + 1:]
        spec = next(filter(None, (finder.find_spec(fullname, path, target) for finder in others)), None)
        if spec is None:
            if not is_test and _is_imported(fullname):
                self._absent.asked.append(fullname)
        elif is_test and isinstance(spec.loader, Loader) and not spec.submodule_search_locations:
            spec.loader = _Loader(spec.loader, self._absent)
        return spec


@dataclass(frozen=True)
class _Absent:
    """Packages that may be absent, and those of them whose import failed since the list was emptied."""

    optional: tuple[str, ...]
    asked: list[str]

    def of(self, error: Exception) -> str:
        """The package that an error is about, told here or in the words of another process; empty: of none."""
        said = (name for name in self.optional if f"No module named '{name}'" in str(error))
        return next(iter(self.asked), next(said, ""))


def _is_imported(fullname: str) -> bool:
    """Whether an import of this module is going on. Nothing fails where importlib.util.find_spec asks for it."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        code = frame.f_code
        if (code.co_filename, code.co_name) == ("<frozen importlib._bootstrap>", "_find_and_load") \
                and frame.f_locals["name"] == fullname:
            return True
        frame = frame.f_back
    return False


class _Loader(Loader):
    """Another loader, whose modules skip where a package is not there."""

    def __init__(self, given: Loader, absent: _Absent) -> None:
        self._given = given
        self._absent = absent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._given, name)  # source, path and code of the module

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._given.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        before = set(vars(module))
        try:
            self._given.exec_module(module)
        except ModuleNotFoundError as error:
            if error.name not in self._absent.optional:
                raise
            for name in set(vars(module)) - before:
                delattr(module, name)
            _leave_skipped(module, error.name)
            return
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, unittest.TestCase) and kind.__module__ == module.__name__:
                _take_care_of(kind, self._absent)


def _take_care_of(kind: type[unittest.TestCase], absent: _Absent) -> None:
    """Wrap what a class runs, whichever of its bases it comes from."""
    kind.__unittest_skip__ = getattr(kind, "__unittest_skip__", False)  # its own: skipping a base is not skipping it
    for name in dir(kind):
        given = inspect.getattr_static(kind, name)
        if name in _OF_CLASS and isinstance(given, classmethod):
            around = _set_up if name == "setUpClass" else _torn_down
            setattr(kind, name, classmethod(around(given.__func__, absent)))
        elif (name.startswith("test") or name in _OF_TEST) and inspect.isfunction(given):
            setattr(kind, name, _careful(given, absent))


def _reason(package: str) -> str:
    return f"needs {package}, which this Python does not have"


def _said(name: str, reason: str) -> None:
    print(f"SKIPPED {name}: {reason}", file=sys.stderr)  # Scipion's runner says nothing of it


def _careful(test: Callable[..., Any], absent: _Absent) -> Callable[..., Any]:
    """The same test; where it fails and has asked for a package that is not there, in this process or in its words in
    another, it skips."""
    @functools.wraps(test)
    def run(*given: Any, **named: Any) -> Any:
        absent.asked.clear()
        try:
            return test(*given, **named)
        except unittest.SkipTest:
            raise
        except Exception as error:
            if not (package := absent.of(error)):
                raise
            _said(f"{test.__module__}.{test.__qualname__}", _reason(package))
            raise unittest.SkipTest(_reason(package)) from error
    return run


def _set_up(given: Callable[..., Any], absent: _Absent) -> Callable[..., Any]:
    """The same setUpClass. Where it skips, each test of the class does: Scipion's runner fails where it counts none."""
    careful = _careful(given, absent)

    @functools.wraps(given)
    def run(kind: type[unittest.TestCase]) -> None:
        try:
            careful(kind)
        except unittest.SkipTest as error:
            kind.doClassCleanups()
            kind.__unittest_skip__, kind.__unittest_skip_why__ = True, str(error)
    return run


def _torn_down(given: Callable[..., Any], _: _Absent) -> Callable[..., Any]:
    """The same tearDownClass, where there was a setUpClass."""
    @functools.wraps(given)
    def run(kind: type[unittest.TestCase]) -> None:
        if not kind.__unittest_skip__:
            given(kind)
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
        if name in _OF_RUNNERS or name.startswith(("__", "pytest")):
            raise AttributeError(name)
        raise ModuleNotFoundError(f"No module named '{package}'", name=package)  # to whatever imports from here

    vars(module).update(NotLoaded=kind, __getattr__=named)


def skip_what_cannot_be_loaded(package: str) -> None:
    """From now on, for the test modules of this package."""
    if not any(isinstance(finder, Skipping) for finder in sys.meta_path):
        sys.meta_path.insert(0, Skipping(package))
