"""The structure of the package in figures, with those of version 0.3.0 beside them.

    python benchmarks/structure.py

The sources are read, nothing is imported from the package. Figures of 0.3.0 come from its commit, where the history of
the repository is at hand. Modules are those of the package without its tests; functions include methods and nested
functions.
"""

import argparse
import ast
import importlib.util
import io
import statistics
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
VERSION, COMMIT = "0.3.0", "f9a008a"
LONG, MANY = 40, 8
#: options whose names stand for nothing else, a number, a choice and a switch; the figure is that of the worst of them
PROBES = ("smoothness", "follow", "occupancy")
#: how the names of sources begin in which options are declared, handed on and validated; the second was so in 0.3.0
OPTION_SOURCES = ("engine/commands/", "engine/cli", "engine/config", "engine/options", "protocols/")
MISSING = "-"


@dataclass(frozen=True)
class Module:
    """One source of the package."""

    name: str
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        return len(self.text.splitlines())


def modules(package: Path) -> list[Module]:
    """Sources of the package, without its tests."""
    return [_module(path, package) for path in sorted(package.rglob("*.py"))
            if "tests" not in path.relative_to(package).parts]


def _module(path: Path, package: Path) -> Module:
    text = path.read_text(encoding="utf-8")
    return Module(path.relative_to(package).as_posix(), text, ast.parse(text))


def functions(module: Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from ``def`` to the end, docstring included."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Number of parameters, ``self`` and ``cls`` left out."""
    given = function.args
    names = [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    names += [a.arg for a in (given.vararg, given.kwarg) if a is not None]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def uses_of_any(module: Module) -> int:
    """How often the name ``Any`` stands in the source, its imports included."""
    return sum((isinstance(node, ast.Name) and node.id == "Any")
               or (isinstance(node, ast.Attribute) and node.attr == "Any")
               or (isinstance(node, ast.alias) and node.name == "Any") for node in ast.walk(module.tree))


def numeric_constants(module: Module) -> int:
    """Numbers bound to upper-case names at the module's top level; those of ``settings.py`` are in classes."""
    if not module.name.startswith("engine/") or Path(module.name).stem == "settings":
        return 0
    return sum(len(_numbers_bound(node)) for node in module.tree.body)


def _numbers_bound(node: ast.stmt) -> list[str]:
    """Upper-case names that a statement binds to a value with a number in it."""
    if isinstance(node, ast.AnnAssign):
        targets: list[ast.expr] = [node.target]
    elif isinstance(node, ast.Assign):
        targets = node.targets
    else:
        return []
    names = [n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name) and n.id.isupper()]
    values = node.value.elts if len(names) > 1 and isinstance(node.value, ast.Tuple) else [node.value] * len(names)
    return [name for name, value in zip(names, values, strict=False) if value is not None and _has_number(value)]


def _has_number(value: ast.expr) -> bool:
    return any(isinstance(n, ast.Constant) and isinstance(n.value, int | float) and not isinstance(n.value, bool)
               for n in ast.walk(value))


def option_places(package: Path, option: str) -> list[str]:
    """Places that name an option: classes of fields (dataclasses), functions, top-level statements of a module."""
    head, *rest = option.split("_")
    names = {option, head + "".join(part.title() for part in rest), "--" + option.replace("_", "-")}
    names |= {option.replace("_", "-"), "--no-" + option.replace("_", "-")}
    found: set[str] = set()
    for module in modules(package):
        if module.name.startswith(OPTION_SOURCES):
            found |= {f"{module.name}: {place}" for place in _places(module.tree, names)}
    return sorted(found)


def _places(tree: ast.Module, names: set[str]) -> Iterator[str]:
    """Innermost places (see :func:`option_places`) in which one of the names stands outside comments and docstrings."""
    def visit(node: ast.AST, place: str) -> Iterator[str]:
        if _names_it(node, names):
            yield place
        for child in ast.iter_child_nodes(node):
            fields = isinstance(node, ast.ClassDef) and any("dataclass" in ast.unparse(d) for d in node.decorator_list)
            inner = isinstance(child, ast.FunctionDef | ast.ClassDef) and not fields
            yield from visit(child, f"{place}.{child.name}".lstrip(".") if inner else place)

    for statement in tree.body:
        name = getattr(statement, "name", f"line {statement.lineno}")
        yield from visit(statement, name)


def _names_it(node: ast.AST, names: set[str]) -> bool:
    said = (node.value if isinstance(node, ast.Constant) else node.id if isinstance(node, ast.Name)
            else node.attr if isinstance(node, ast.Attribute) else node.arg if isinstance(node, ast.keyword) else None)
    return isinstance(said, str) and said in names


def loaded(path: Path) -> ModuleType | None:
    """A module by its file; None where there is no such file."""
    spec = importlib.util.spec_from_file_location(f"structure_{path.stem}", path) if path.is_file() else None
    if spec is None or spec.loader is None:
        return None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ruled(package: Path) -> set[str]:
    """Modules of which the test of the architecture says what they may import.

    The packages' own ``__init__`` and ``__main__``, by which users enter, count with the package they stand for.
    """
    test = loaded(package / "tests" / "test_architecture.py")
    if test is None:
        return set()
    floors = getattr(test, "FLOORS", None) or (getattr(test, "FOUNDATION", ()), getattr(test, "STAGES", ()))
    roots = [*test.ALLOWED, *(f"engine/{name}" for floor in floors for name in floor)]
    names = {m.name for m in modules(package)}
    found = {n for n in names if any(n == f"{r}.py" or n.startswith(f"{r}/") for r in roots)}
    entries = {"__init__.py", "engine/__init__.py", "engine/__main__.py"} if "FLOORS" in vars(test) else set()
    return found | (names & entries)


def sentences_outside_wording(package: Path) -> str:
    """Number of sentences about results outside ``engine/wording``, as the scanner of this tree's tests finds them."""
    scanner = loaded(ROOT / "gmmhet" / "tests" / "support" / "prose.py")
    if scanner is None or not (package / "engine").is_dir():
        return "not available"
    return str(len(scanner.sentences_outside_wording(engine=package / "engine")))


def tests(package: Path) -> int:
    """Test functions and methods."""
    found = [_module(p, package) for p in sorted((package / "tests").rglob("*.py"))]
    return sum(f.name.startswith("test_") for m in found for f in functions(m))


def figures(root: Path) -> dict[str, str]:
    """Every figure by its name, of the tree that begins at a folder."""
    package = root / "gmmhet"
    found = modules(package)
    whole = [f for m in found for f in functions(m)]
    largest = max(found, key=lambda m: m.lines)
    long, many = sum(length(f) > LONG for f in whole), sum(parameters(f) >= MANY for f in whole)
    places = {option: len(option_places(package, option)) for option in PROBES}
    worst = max(places, key=lambda option: places[option])
    return {
        "modules": str(len(found)),
        "lines": str(sum(m.lines for m in found)),
        "median module, lines": f"{statistics.median(m.lines for m in found):g}",
        "largest module, lines": f"{largest.lines} ({largest.name})",
        "functions": str(len(whole)),
        f"functions over {LONG} lines": f"{long} ({100 * long / len(whole):.1f} %)",
        f"functions with {MANY} or more parameters": f"{many} ({100 * many / len(whole):.1f} %)",
        "uses of Any": str(sum(map(uses_of_any, found))),
        "modules under an architecture rule": f"{len(ruled(package))} of {len(found)}",
        "places that define an option": f"{places[worst]} ({worst})",
        "sentences outside wording": sentences_outside_wording(package),
        "numeric constants outside settings classes": str(sum(map(numeric_constants, found))),
        "tests": str(tests(package)),
    }


def earlier(commit: str) -> dict[str, str]:
    """The figures of a commit; empty where its files are not at hand."""
    try:
        done = subprocess.run(["git", "archive", commit, "gmmhet"], cwd=ROOT, capture_output=True, check=False)
    except FileNotFoundError:  # no git
        return {}
    if done.returncode:
        return {}
    with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
        return figures(Path(folder))


def main() -> None:
    """Print the table; with --places also where the probed options are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--places", action="store_true", help="list the places that define the probed options")
    options = parser.parse_args()
    now, then = figures(ROOT), earlier(COMMIT)
    rows = [("figure", "now", VERSION), *((name, value, then.get(name, MISSING)) for name, value in now.items())]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if options.places:
        for option in PROBES:
            print(f"\n{option}")
            print("\n".join(f"    {place}" for place in option_places(ROOT / "gmmhet", option)))


if __name__ == "__main__":
    main()
