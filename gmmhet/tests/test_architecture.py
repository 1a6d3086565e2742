"""Which part may import which: read from the sources, so that nothing has to be installed."""

import ast
import subprocess
import sys
import unittest
from collections.abc import Callable
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
FRAMEWORK = ("pwem", "pyworkflow", "relion", "xmipp3", "eman2", "flexutils")
NUMERICS = ("tensorflow", "keras", "scipy", "skimage", "sklearn", "finufft")

# What each part of the plugin may import of the project, beside itself.
ALLOWED = {
    "plugin": ("gmmhet", "gmmhet.constants", "gmmhet.engine.commands.command", "gmmhet.engine.options"),
    "constants": (),
    "bibtex": (),
    "objects": (),
    "convert": ("gmmhet.constants", "gmmhet.engine.conventions", "gmmhet.engine.config", "gmmhet.engine.errors",
                "gmmhet.engine.io"),
    "protocols": ("gmmhet.constants", "gmmhet.objects", "gmmhet.plugin", "gmmhet.convert",
                  "gmmhet.engine.commands.export", "gmmhet.engine.commands.input", "gmmhet.engine.commands.reference",
                  "gmmhet.engine.commands.stages", "gmmhet.engine.commands.table", "gmmhet.engine.config",
                  "gmmhet.engine.config.shared", "gmmhet.engine.errors", "gmmhet.engine.export.criteria",
                  "gmmhet.engine.options", "gmmhet.engine.options.checks"),
    "viewers": ("gmmhet.constants", "gmmhet.objects", "gmmhet.plugin", "gmmhet.protocols", "gmmhet.convert",
                # made for use in the viewer's process: no TensorFlow, answers at once
                "gmmhet.engine.conventions", "gmmhet.engine.config", "gmmhet.engine.errors", "gmmhet.engine.io",
                "gmmhet.engine.view_cells", "gmmhet.engine.landscape"),
    "wizards": ("gmmhet.constants", "gmmhet.objects", "gmmhet.protocols", "gmmhet.convert", "gmmhet.engine.errors",
                "gmmhet.engine.io", "gmmhet.engine.landscape"),
    "headless": (),
    "demo": ("gmmhet.headless", "gmmhet.protocols"),
}

# Floors of the engine, from the ground up. A module imports from floors below its own, and from its own folder.
STAGES = ("simulate", "check", "fitting", "analysis", "composition", "reconstruction", "landscape", "export", "report",
          "view")
FLOORS = (
    # these may use each other
    ("browser", "errors", "conventions", "options", "config", "progress", "sampling", "settings", "view_cells",
     "wording"),
    ("optics",),
    ("io",),
    ("runtime", "molecule"),
    ("imaging",),
    ("gradient", "latent_space", "subspace"),
    STAGES,  # each reads and writes files, and knows of the others only through these
    ("commands",),
)


def sources(*parts: str) -> list[Path]:
    base = PACKAGE.joinpath(*parts)
    found = sorted(base.rglob("*.py")) if base.is_dir() else [base.with_suffix(".py")]
    return [p for p in found if "tests" not in p.relative_to(PACKAGE).parts]


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    """Names of the modules that a source imports, anywhere in it, type checking included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {a.name for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {node.module or ""}
    return names


def within(name: str, roots: tuple[str, ...]) -> bool:
    return any(name == root or name.startswith(root + ".") for root in roots)


def violations(paths: list[Path], allowed: Callable[[str], bool]) -> list[str]:
    return [f"{module_of(p)} imports {n}" for p in paths for n in sorted(imports(p)) if not allowed(n)]


class TestImports(unittest.TestCase):

    def test_the_engine_knows_nothing_of_the_framework_and_the_plugin(self):
        def allowed(name: str) -> bool:
            ours = name == "gmmhet" or within(name, ("gmmhet.engine",))
            return not within(name, FRAMEWORK) and (ours or not within(name, ("gmmhet",)))

        self.assertEqual([], violations(sources("engine"), allowed))

    def test_parts_of_the_plugin_import_only_downwards(self):
        for part, below in ALLOWED.items():
            # "gmmhet" alone is the package's version, no licence for all that is in it.
            roots = (f"gmmhet.{part}", *(a for a in below if a != "gmmhet"))
            found = violations(sources(part), lambda n, below=below, roots=roots: not within(n, NUMERICS) and (
                not within(n, ("gmmhet",)) or n in below or within(n, roots)))
            self.assertEqual([], found)

    def test_every_part_has_its_rule(self):
        parts = {p.stem for p in PACKAGE.iterdir() if p.suffix == ".py" or (p.is_dir() and any(p.glob("*.py")))}
        self.assertEqual(parts - set(ALLOWED), {"__init__", "engine", "tests"})

    def test_every_folder_of_the_engine_has_its_floor(self):
        there = {p.stem for p in (PACKAGE / "engine").iterdir() if p.suffix == ".py" or any(p.glob("*.py"))}
        self.assertEqual(there, {name for floor in FLOORS for name in floor} | {"__init__", "__main__"})

    def test_imports_of_the_engine_run_downwards(self):
        below: tuple[str, ...] = ("gmmhet",)  # the version
        for floor in FLOORS:
            names = tuple(f"gmmhet.engine.{name}" for name in floor)
            for name in floor:
                own = names if floor is FLOORS[0] else (f"gmmhet.engine.{name}",)
                roots = (*below[1:], *own)
                found = violations(sources("engine", name), lambda n, roots=roots: (
                    n == "gmmhet" or not within(n, ("gmmhet",)) or within(n, roots)))
                self.assertEqual([], found)
            below = (*below, *names)

    def test_every_module_of_the_engine_falls_under_a_rule(self):
        ruled = {p for floor in FLOORS for name in floor for p in sources("engine", name)}
        entry = {PACKAGE / "engine" / name for name in ("__init__.py", "__main__.py")}
        self.assertEqual(set(sources("engine")), ruled | entry)

    def test_nothing_goes_in_circles(self):
        graph = {module_of(p): imports(p) for p in sources("engine")}
        done: set[str] = set()

        def visit(module: str, trail: tuple[str, ...]) -> None:
            self.assertNotIn(module, trail, " -> ".join((*trail, module)))
            if module not in done:
                for name in sorted(graph[module] & graph.keys() - {module}):
                    # A package's face is imported by its users, and imports its own parts.
                    if not (module.startswith(name + ".") or name == "gmmhet.engine"):
                        visit(name, (*trail, module))
                done.add(module)

        for module in graph:
            visit(module, ())


class TestWithoutFramework(unittest.TestCase):

    def run_blocked(self, code: str) -> str:
        """Run code in a fresh interpreter that refuses to import the framework."""
        block = (
            "import sys\n"
            "class Block:\n"
            "    def find_spec(self, name, path=None, target=None):\n"
            "        if name.split('.')[0] in ('pwem', 'pyworkflow'):\n"
            "            raise ModuleNotFoundError(name, name=name)\n"
            "sys.meta_path.insert(0, Block())\n")
        done = subprocess.run([sys.executable, "-c", block + code], capture_output=True, text=True, check=False,
                              cwd=PACKAGE.parent)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_the_engine_imports(self):
        out = self.run_blocked("import gmmhet.engine.commands.main, gmmhet.engine.io; print(gmmhet.__version__)")
        self.assertRegex(out, r"^\d+\.\d+\.\d+")

    def test_the_plugin_says_what_is_missing(self):
        out = self.run_blocked("try:\n    from gmmhet import Plugin\nexcept ModuleNotFoundError as e: print(e.name)")
        self.assertEqual(out.strip(), "pwem")

    def test_the_engine_does_not_load_the_framework_where_it_is(self):
        code = "import sys, gmmhet.engine.commands.main; print('pwem' in sys.modules or 'pyworkflow' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                              cwd=PACKAGE.parent)
        self.assertEqual(done.stdout.strip(), "False")


class TestSources(unittest.TestCase):

    def test_setup_does_not_import_the_package(self):
        self.assertFalse([n for n in imports(PACKAGE.parent / "setup.py") if within(n, ("gmmhet",))])

    def test_protocols_stay_thin(self):
        lines = {p.name: len(p.read_text(encoding="utf-8").splitlines()) for p in sources("protocols")}
        self.assertEqual({}, {name: n for name, n in lines.items() if n > 200})

    def test_no_wildcard_imports(self):
        nodes = [(p.name, n) for p in PACKAGE.rglob("*.py") for n in ast.walk(ast.parse(p.read_text(encoding="utf-8")))]
        found = [name for name, n in nodes if isinstance(n, ast.ImportFrom) and "*" in [a.name for a in n.names]]
        self.assertEqual([], found)


if __name__ == "__main__":
    unittest.main()
