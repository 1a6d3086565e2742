"""Install the wheel into a fresh environment outside the source tree, and check that everything is there and runs.

    python release/check_wheel.py DIST [--tensorflow tensorflow-cpu] [--keep FOLDER]

DIST holds one wheel and one sdist, as ``python -m build`` made them. Their contents are compared with the source. What
the wheel requires is installed from the package registry, TensorFlow in the given form; then the console script,
Scipion's entry point, protocols and template, and a short job are tried.
"""

import argparse
import os
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
import zipfile
from email.parser import HeaderParser
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: files that users and developers look for in the sdist
DOCUMENTS = ("README.rst", "CHANGES.txt", "CONVENTIONS.rst", "ARCHITECTURE.rst", "CONTRIBUTING.rst", "LICENSE",
             "Makefile", "docs/conf.py", "docs/tutorial.rst", "docs/pictures/motion.png", "examples/find_a_motion.py",
             "benchmarks/quality.py", "release/check_wheel.py")
JOB = (("simulate", "--preset", "hinge11", "--particles", "120", "--box", "32", "--pixel-size", "8", "--snr", "0.5",
        "-o", "data"),
       ("run", "data/particles.star", "data/consensus.mrc", "--resolution", "24", "--n-gaussians", "40", "--modes", "1",
        "--n", "2", "-o", "result"))
RESULTS = ("model/model.npz", "analysis/latents.star", "analysis/analysis.npz", "maps/map_01.mrc", "run.json",
           "report.html")
IN_SCIPION = """
import sys
from importlib.metadata import entry_points
from pathlib import Path
assert [e.value for e in entry_points(group="pyworkflow.plugin", name="gmmhet")] == ["gmmhet"], "entry point"
from gmmhet.headless import prepare
prepare(Path("scipion"))
import pwem
plugin = pwem.Domain.getPlugins()["gmmhet"]
names = sorted(n for n in pwem.Domain.getProtocols() if n.startswith("ProtGmmHet"))
assert len(names) == 6, names
assert [t.getObjId() for t in plugin._pluginInstance.getTemplates()] == ["gmmhet-motion"], "template"
assert sum(n in Path(plugin.__file__).with_name("protocols.conf").read_text() for n in names) == 6, "protocols.conf"
print(*names)
"""
IN_PYTHON = """
import sys, gmmhet, gmmhet.engine
assert sys.argv[1] in gmmhet.__file__, gmmhet.__file__
assert all(getattr(gmmhet.engine, n) is not None for n in gmmhet.engine.__all__)
analysis = gmmhet.engine.open_analysis(__import__("pathlib").Path("result"))
print(gmmhet.engine.map_at(analysis, [1.0]).data.shape)
"""


def data_files() -> set[str]:
    """Files of the package that are no Python, by their names in a wheel."""
    found = (p for p in (ROOT / "gmmhet").rglob("*") if p.is_file() and p.suffix not in (".py", ".pyc"))
    return {p.relative_to(ROOT).as_posix() for p in found}


def sources() -> set[str]:
    """Python files of the package."""
    return {p.relative_to(ROOT).as_posix() for p in (ROOT / "gmmhet").rglob("*.py")}


def missing_from_archives(wheel: Path, sdist: Path) -> list[str]:
    """What the archives should hold and do not."""
    with zipfile.ZipFile(wheel) as archive:
        missing = [f"{wheel.name}: {n}" for n in sorted((data_files() | sources()) - set(archive.namelist()))]
    with tarfile.open(sdist) as packed:
        held = {n.partition("/")[2] for n in packed.getnames()}
    return missing + [f"{sdist.name}: {n}" for n in sorted((data_files() | sources() | set(DOCUMENTS)) - held)]


def requirements(wheel: Path, tensorflow: str) -> list[str]:
    """What the wheel and its extra for Scipion require, TensorFlow in the given form."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        metadata = HeaderParser().parsestr(archive.read(name).decode())
    found = []
    for line in metadata.get_all("Requires-Dist", []):
        requirement, _, marker = line.partition(";")
        if not marker or "scipion" in marker:
            requirement = requirement.strip()
            if requirement.startswith("tensorflow"):
                requirement = tensorflow + requirement.lstrip("abcdefghijklmnopqrstuvwxyz-[]")
            found.append(requirement)
    return found


def run(*command: str | Path, cwd: Path) -> str:
    """What a command prints; SystemExit with its errors where it fails. Nothing leads it to the source tree."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}
    started = time.monotonic()
    done = subprocess.run([str(c) for c in command], cwd=cwd, capture_output=True, text=True, check=False,
                          env={**environment, "TF_CPP_MIN_LOG_LEVEL": "2"})
    name = " ".join(str(c) for c in command[:3])
    if done.returncode:
        raise SystemExit(f"FAILED {name}\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    print(f"ok {time.monotonic() - started:6.1f} s  {name.splitlines()[0]}", flush=True)
    return done.stdout


def check(wheel: Path, folder: Path, tensorflow: str) -> None:
    """Install and try everything in an empty folder."""
    environment = folder / "environment"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    pip = (python, "-m", "pip", "install", "--quiet", "--no-compile", "--disable-pip-version-check")
    run(*pip, *requirements(wheel, tensorflow), cwd=folder)
    run(*pip, "--no-deps", wheel, cwd=folder)
    program = environment / "bin" / "gmmhet"
    version = run(program, "--version", cwd=folder).split()[-1]
    if f"gmmhet-{version}-" not in wheel.name:
        raise SystemExit(f"gmmhet --version says {version}; expected that of {wheel.name}")
    for command in JOB:
        run(program, *command, cwd=folder)
    absent = [name for name in RESULTS if not (folder / "result" / name).is_file()]
    if absent:
        raise SystemExit(f"the job did not write {', '.join(absent)}")
    print(run(python, "-c", IN_PYTHON, environment, cwd=folder).strip())
    print(run(python, "-c", IN_SCIPION, cwd=folder).strip().splitlines()[-1])


def main() -> int:
    """Check the archives, then the installation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dist", type=Path)
    parser.add_argument("--tensorflow", default="tensorflow-cpu", help="package to install (default tensorflow-cpu)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="install into this new folder and leave it")
    options = parser.parse_args()
    (wheel,), (sdist,) = (sorted(options.dist.resolve().glob(p)) for p in ("gmmhet-*.whl", "gmmhet-*.tar.gz"))
    missing = missing_from_archives(wheel, sdist)
    if missing:
        print("\n".join(["missing:", *missing]), file=sys.stderr)
        return 1
    if options.keep is not None:
        options.keep.mkdir(parents=True)
        check(wheel, options.keep.resolve(), options.tensorflow)
    else:
        with tempfile.TemporaryDirectory() as folder:
            check(wheel, Path(folder), options.tensorflow)
    print(f"{wheel.name} and {sdist.name} are complete")
    return 0


if __name__ == "__main__":
    sys.exit(main())
