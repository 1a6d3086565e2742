"""Install the plugin into a fresh Scipion by its own plugin manager, upgrade, use and remove it.

    python release/check_scipion.py [--tensorflow tensorflow-cpu] [--all-tests] [--keep FOLDER]

The Scipion is that of the package registry (scipion-app and scipion-em), in an environment, a SCIPION_HOME and a folder
of projects of its own. Version 0.3.0 comes from the history of this repository, where that is at hand.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSION = re.search(r'^__version__ = "([^"]+)"', (ROOT / "gmmhet/__init__.py").read_text(), re.MULTILINE)[1]
ENGINE = f"gmmhet_engine-{VERSION}"
#: what a Scipion of these days is, with the launcher
SCIPION = ("scipion-app==3.8.3", "scipion-em>=3.11.1,<3.12", "scipion-pyworkflow>=3.11.7,<3.12")
OLD_VERSION, OLD_COMMIT = "0.3.0", "f9a008a"
OLD_PROTOCOLS = {f"ProtGmmHet{name}" for name in ("Import", "Model", "Analyze", "Reconstruct", "Export")}
PROTOCOLS = OLD_PROTOCOLS | {"ProtGmmHetMotion"}
#: tests that need neither TensorFlow nor the engine, that need TensorFlow, and that run the engine
PLAIN = ("gmmhet.tests.scipion.test_forms", "gmmhet.tests.scipion.test_template", "gmmhet.tests.scipion.test_missing")
WITH_TENSORFLOW = ("gmmhet.tests.engine.commands.test_forecast", "gmmhet.tests.engine.analysis.test_resume")
WITH_ENGINE = ("gmmhet.tests.scipion.test_motion_protocol",)
#: files of the source beside its folders and pages
OF_THE_SOURCE = ("setup.py", "pyproject.toml", "CHANGES.txt", "MANIFEST.in", "LICENSE", "Makefile")
#: every test; of these, at least so many need neither TensorFlow nor pytest
ALL, AT_LEAST = "gmmhet.tests", 400
#: a project of the old version, with values on forms; and the same as the new one reads it
OLD_PROJECT = """
import os
from pyworkflow.project import Manager
from gmmhet.protocols import ProtGmmHetAnalyze, ProtGmmHetModel
project = Manager().createProject("old")
os.chdir(project.path)
for kind, values in ((ProtGmmHetModel, {"nGaussians": "123", "resolution": 17.5, "symmetry": "D2"}),
                     (ProtGmmHetAnalyze, {"nModes": "3", "occupancy": False, "smoothness": 21.0})):
    project.saveProtocol(project.newProtocol(kind, **values))
"""
OLD_PROJECT_NOW = """
import os
from pyworkflow.project import Manager
project = Manager().loadProject("old")
runs = {p.getClassName(): p for p in project.getRuns()}
model, analysis = runs["ProtGmmHetModel"], runs["ProtGmmHetAnalyze"]
found = (model.nGaussians.get(), model.resolution.get(), model.symmetry.get(), analysis.nModes.get(),
         analysis.occupancy.get(), analysis.smoothness.get())
assert found == ("123", 17.5, "D2", "3", False, 21.0), found
"""


class Scipion:
    """One that is installed into a folder."""

    def __init__(self, folder: Path) -> None:
        self._home = folder / "home"
        self._python = folder / "environment" / "bin" / "python"
        self._home.mkdir()
        venv.create(self._python.parents[1], with_pip=True)
        left_out = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "GMMHET_TENSORFLOW", "GMMHET_PYTHON",
                    "GMMHET_ENV_ACTIVATION")
        logs = self._home / "logs"
        self._environment = {k: v for k, v in os.environ.items() if k not in left_out and "SCIPION" not in k} | {
            "PATH": f"{self._python.parent}{os.pathsep}{os.environ['PATH']}", "SCIPION_HOME": str(self._home),
            "SCIPION_USER_DATA": str(self._home / "data"), "SCIPION_LOGS": str(logs),
            "SCIPION_LOG": str(logs / "scipion.log"), "SCIPION_NOTIFY": "False", "SCIPION_TEST_NOSYNC": "True",
            "PIP_NO_COMPILE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "TF_CPP_MIN_LOG_LEVEL": "2",
            "MPLBACKEND": "Agg", "NO_COLOR": "1"}

    def python(self, *words: str, check: bool = True, more: Mapping[str, str] | None = None) -> str:
        """What its Python says; SystemExit with it where it fails."""
        started = time.monotonic()
        done = subprocess.run([self._python, *words], cwd=self._home, stdin=subprocess.DEVNULL, text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env=self._environment | dict(more or {}))
        name = words[1] if words[0] == "-c" else " ".join(words[1:4])
        print(f"{'ok' if not done.returncode else 'FAILED':6} {time.monotonic() - started:6.1f} s  "
              f"{name.strip().splitlines()[0][:100]}", flush=True)
        if check and done.returncode:
            raise SystemExit(done.stdout[-6000:])
        return done.stdout

    def __call__(self, *words: str, tensorflow: str | None = None) -> str:
        """What the launcher says to a command; tensorflow: the variable of the installation."""
        return self.python("-m", "scipion", *words, more={"GMMHET_TENSORFLOW": tensorflow} if tensorflow else None)

    def script(self, text: str) -> None:
        """Run a script as Scipion does; its exit status counts."""
        path = self._home / "script.py"
        path.write_text(text, encoding="utf-8")
        if "Traceback" in (said := self("python", str(path))):
            raise SystemExit(said)

    def protocols(self) -> set[str]:
        """Those of ours that it lists."""
        return set(re.findall(r"\bProtGmmHet\w+", self("protocols")))

    def version(self) -> str:
        """That of the package in its environment; empty where there is none."""
        said = self.python("-m", "pip", "show", "gmmhet", check=False)
        return next((line.split()[1] for line in said.splitlines() if line.startswith("Version:")), "")

    def has(self, module: str) -> bool:
        """Whether its Python has a module."""
        look = f"from importlib.util import find_spec; print('found' if find_spec('{module}') else '')"
        return "found" in self.python("-c", look)

    @property
    def engine(self) -> Path:
        """The folder of the engine that the plugin manager installs."""
        return self._home / "software" / "em" / ENGINE


def expect(found: object, wanted: object, what: str) -> None:
    """SystemExit where they differ."""
    if found != wanted:
        raise SystemExit(f"{what}: {found}; expected {wanted}")


def tests(scipion: Scipion, names: Sequence[str], *, skipped: bool) -> None:
    """Run them by Scipion's runner, which fails where one does; as many modules as are given skip aloud, or none. (A
    single test in them may, that wants what Scipion has not: pytest.)"""
    said = scipion("tests", *names)
    found = {line.split()[1].rstrip(":") for line in said.splitlines() if line.startswith("SKIPPED")}
    expect(found & set(names), set(names) if skipped else set(), "modules that skip")
    ran = re.search(r"run (\d+) tests", said)
    if not ran or not int(ran[1]):
        raise SystemExit(f"tests did not run:\n{said[-3000:]}")


def all_tests(scipion: Scipion) -> None:
    """Every test, by Scipion's runner, which fails where one does; most run, the others skip aloud."""
    listed = scipion("tests", "--grep", "gmmhet", "--mode", "modules")
    if wrong := [line for line in listed.splitlines() if "Error loading" in line]:
        raise SystemExit("\n".join(wrong))
    said = scipion("tests", ALL)
    ran, skipped = said.count("RUN   OK"), said.count("\nSKIPPED")
    print(f"       {ran} tests ran, {skipped} modules, classes and tests skipped", flush=True)
    if ran < AT_LEAST:
        raise SystemExit(f"{ran} tests ran; expected at least {AT_LEAST}\n{said[-3000:]}")


def source_of_old(folder: Path) -> Path | None:
    """Version 0.3.0 in a folder gmmhet; None without the history."""
    try:
        packed = subprocess.run(["git", "archive", OLD_COMMIT], cwd=ROOT, capture_output=True, check=False)
    except FileNotFoundError:  # no git
        return None
    if packed.returncode:
        return None
    source = folder / "old" / "gmmhet"
    source.mkdir(parents=True)
    subprocess.run(["tar", "x", "-C", source], input=packed.stdout, check=True)
    return source


def check(folder: Path, tensorflow: str, *, every_test: bool) -> None:
    """The whole chain, in an empty folder."""
    scipion = Scipion(folder)
    scipion.python("-m", "pip", "install", "--quiet", *SCIPION)
    scipion("config", "--unattended")
    source = folder / "new" / "gmmhet"  # Scipion takes the folder's name for that of the package
    for name in ("gmmhet", "docs", "examples", "benchmarks"):  # tests read those beside the package too
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "generated"))
    for path in (*ROOT.glob("*.rst"), *(ROOT / name for name in OF_THE_SOURCE)):
        shutil.copy(path, source)
    without_tensorflow(scipion, folder, source, every_test=every_test)
    with_tensorflow(scipion, source, tensorflow)


def without_tensorflow(scipion: Scipion, folder: Path, source: Path, *, every_test: bool) -> None:
    """A Scipion that shall have no TensorFlow: upgrade, tests that skip, the engine in an environment of its own."""
    old = source_of_old(folder)
    if old is None:
        print(f"SKIPPED: the upgrade from {OLD_VERSION}, whose commit is not in this history", file=sys.stderr)
    else:
        scipion("installp", "-p", str(old), "--devel", "--noBin", tensorflow="none")
        expect((scipion.version(), scipion.protocols()), (OLD_VERSION, OLD_PROTOCOLS), "the old version")
        scipion.script(OLD_PROJECT)
    scipion("installp", "-p", str(source), "--devel", "--noBin", tensorflow="none")
    expect((scipion.version(), scipion.protocols()), (VERSION, PROTOCOLS), "after installp")
    expect(scipion.has("tensorflow"), False, "TensorFlow beside Scipion")
    if old is not None:
        scipion.script(OLD_PROJECT_NOW)
    tests(scipion, PLAIN, skipped=False)
    tests(scipion, (*WITH_TENSORFLOW, *WITH_ENGINE), skipped=True)
    if every_test:
        all_tests(scipion)
    scipion("installb", ENGINE, tensorflow="none")
    expect((scipion.engine / "installed").is_file(), True, f"{ENGINE} is installed")
    tests(scipion, WITH_ENGINE, skipped=False)
    scipion("uninstallb", ENGINE)
    expect(scipion.engine.exists(), False, f"{ENGINE} is there after uninstallb")
    tests(scipion, (*WITH_TENSORFLOW[:1], *WITH_ENGINE), skipped=True)
    scipion("uninstallp", "-p", "gmmhet")
    expect((scipion.version(), scipion.protocols()), ("", set()), "after uninstallp")


def with_tensorflow(scipion: Scipion, source: Path, tensorflow: str) -> None:
    """TensorFlow in Scipion's own interpreter: no other environment is made."""
    scipion("installp", "-p", str(source), "--devel", tensorflow=tensorflow)
    expect((scipion.version(), scipion.protocols()), (VERSION, PROTOCOLS), "after installp")
    expect((scipion.has("tensorflow"), scipion.engine.exists()), (True, False), "TensorFlow, another environment")
    tests(scipion, WITH_TENSORFLOW[:1], skipped=False)  # make demo runs the protocols in such a Scipion
    scipion("uninstallp", "-p", "gmmhet")
    expect((scipion.version(), scipion.protocols()), ("", set()), "after uninstallp")


def main() -> int:
    """Try it in a folder that is removed, or kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tensorflow", default="tensorflow-cpu", help="package to install (default tensorflow-cpu)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="use this new folder and leave it")
    parser.add_argument("--all-tests", action="store_true", help="run every test where there is no TensorFlow")
    options = parser.parse_args()
    started = time.monotonic()
    if options.keep is not None:
        options.keep.mkdir(parents=True)
        check(options.keep.resolve(), options.tensorflow, every_test=options.all_tests)
    else:
        with tempfile.TemporaryDirectory() as folder:
            check(Path(folder), options.tensorflow, every_test=options.all_tests)
    print(f"installed, upgraded, used and removed in {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
