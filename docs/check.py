"""Run the shell commands of the tutorial, the how-to and the cases, and the examples, on a small simulated set.

    python docs/check.py [--keep FOLDER]

The blocks of commands are run by bash in one folder, those of the tutorial in their order, those of the other pages
after them in any order. A comment ".. not run: reason" before a block leaves it out. ``gmmhet`` is this source tree
with options that keep the run short: few particles, one mode.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
PAGES = ("tutorial.rst", "howto.rst", "cases.rst")
EXAMPLES = (("find_a_motion.py", "example", "--particles", "300"),
            ("explore_an_analysis.py", "example/analysis", "example/more"))
#: added to the commands of the pages; the last of options that are given twice counts
SMALL = {
    "simulate": ("--particles", "240", "--box", "32", "--pixel-size", "8", "--snr", "0.5"),
    "fit": ("--resolution", "24", "--n-gaussians", "48"),
    "analyze": ("--modes", "1"),
    "run": ("--resolution", "24", "--n-gaussians", "48", "--modes", "1", "--n", "2"),
    "reconstruct": (),
}
MASK = """
import mrcfile, numpy as np
with mrcfile.open("data/consensus.mrc") as given, mrcfile.new("mask.mrc", overwrite=True) as mask:
    data = np.zeros_like(given.data)
    data[:, :, data.shape[2] // 2:] = 1
    mask.set_data(data)
    mask.voxel_size = given.voxel_size
"""
_NOT_RUN = re.compile(r"\.\. not run: *(\S.*)")


class Block(NamedTuple):
    """Commands of a page, and why they are not run (nothing if they are)."""

    page: str
    line: int
    text: str
    reason: str


def blocks(path: Path) -> Iterator[Block]:
    """Literal blocks of shell commands: those after ``::`` and after ``.. code-block:: bash``."""
    lines = path.read_text(encoding="utf-8").splitlines()
    reason, number = "", 0
    while number < len(lines):
        line = lines[number]
        number += 1
        found = _NOT_RUN.fullmatch(line)
        reason = found[1] if found else reason
        if not (line == ".. code-block:: bash" or (line.endswith("::") and not line.startswith(".. "))):
            continue
        start = number + 1
        while number < len(lines) and (not lines[number] or lines[number].startswith(" ")):
            number += 1
        text = "\n".join(lines[start:number])
        if re.search(r"^ +(gmmhet|mpirun|srun) ", text, re.MULTILINE):
            yield Block(path.name, start + 1, re.sub(r"^ {3,4}", "", text, flags=re.MULTILINE).strip(), reason)
        reason = ""


def engine_arguments(arguments: list[str], threads: str) -> list[str]:
    """Arguments of a gmmhet command with those that keep it short."""
    name = arguments[0] if arguments else ""
    return [*arguments, *SMALL.get(name, ()), *(["--threads", threads] if name in SMALL else [])]


def _program(folder: Path) -> dict[str, str]:
    """The environment in which ``gmmhet`` is the source tree with short options."""
    folder.mkdir()
    program = folder / "gmmhet"
    program.write_text(f"#!/bin/sh\nexec {sys.executable} {Path(__file__).resolve()} --engine -- \"$@\"\n",
                       encoding="utf-8")
    program.chmod(0o755)
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT),
            "TF_CPP_MIN_LOG_LEVEL": "2"}


class Step(NamedTuple):
    """Something to run in the folder, and its name."""

    name: str
    command: list[str]


def _run(step: Step, folder: Path, environment: dict[str, str]) -> bool:
    """Run one step and say how it went."""
    started = time.monotonic()
    done = subprocess.run(step.command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    said = f"\n{done.stdout[-2000:]}{done.stderr[-4000:]}" if done.returncode else ""
    print(f"{'FAILED' if said else 'ok    '} {time.monotonic() - started:6.1f} s  {step.name}{said}", flush=True)
    return done.returncode == 0


def _failures(steps: list[Step], folder: Path, environment: dict[str, str]) -> int:
    """Run steps one by one; the number of those that failed."""
    return sum(not _run(step, folder, environment) for step in steps)


def page_steps(page: str) -> list[Step]:
    """The blocks of a page that are to be run; the others are named."""
    found = []
    for block in blocks(DOCS / page):
        name = f"{block.page}:{block.line} {block.text.splitlines()[0]}"
        if block.reason:
            print(f"not run           {name} ({block.reason})", flush=True)
        else:
            found.append(Step(name, ["bash", "-euc", block.text]))
    return found


def check(folder: Path) -> bool:
    """Run all blocks and examples in a folder, two at a time; whether all went well.

    The blocks of the tutorial follow each other; those of the other pages need only the tutorial's results.
    """
    environment = _program(folder / "bin")
    tutorial, *others = (page_steps(page) for page in PAGES)
    howto = [step for steps in others for step in steps]
    examples = [Step(f"examples/{script}", [sys.executable, str(ROOT / "examples" / script), *arguments])
                for script, *arguments in EXAMPLES]
    with ThreadPoolExecutor(2) as pool:
        failed = sum(pool.map(lambda steps: _failures(steps, folder, environment), (tutorial, examples)))
        subprocess.run([sys.executable, "-c", MASK], cwd=folder, check=True)
        return not failed + sum(pool.map(lambda step: _failures([step], folder, environment), howto))


def main() -> int:
    """Run the check; exit status 1 if a command failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="run in this new folder and leave it")
    options = parser.parse_args()
    started = time.monotonic()
    if options.keep is not None:
        options.keep.mkdir(parents=True)
        good = check(options.keep.resolve())
    else:
        with tempfile.TemporaryDirectory() as folder:
            good = check(Path(folder))
    print(f"{time.monotonic() - started:.0f} s")
    return 0 if good else 1


if __name__ == "__main__":
    if sys.argv[1:3] == ["--engine", "--"]:
        threads = os.environ.get("GMMHET_CHECK_THREADS", "1")  # two commands run at a time
        os.execv(sys.executable, [sys.executable, "-m", "gmmhet.engine", *engine_arguments(sys.argv[3:], threads)])
    sys.exit(main())
