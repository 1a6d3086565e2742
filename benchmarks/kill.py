"""Kill runs at random times, go on with them, and compare what comes out with a run that was left alone.

    python benchmarks/kill.py [--trials 20] [--threads 1] [--seed 0] [--folder FOLDER]

Simulates a small hinge, runs it once undisturbed, and then as often as asked: the run is started, killed (SIGKILL) at a
random time, started again with --resume, killed again up to two times more, and left to end. Every file has to be that
of the undisturbed run, but for times and paths. Exit status 1 if one is not.
"""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

_PARTICLES, _BOX, _PIXEL, _SNR = 120, 32, 5.6, 0.5
_MOST_KILLS = 3
_NOT_COMPARED = {"timing", "parameters", "seconds", "command"}  # of JSON files
_MRC_HEADER = 1024  # holds the time of writing


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="keep everything here (default: a temporary folder)")
    parser.add_argument("--particles", type=int, default=_PARTICLES)
    parser.add_argument("options", nargs="*", help="more options of gmmhet run, after --")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        return _trials(options.folder or Path(temporary), options)


def _trials(folder: Path, options: argparse.Namespace) -> int:
    data, base = folder / "data", ["--threads", str(options.threads)]
    _engine(["simulate", "--preset", "hinge11", "--particles", str(options.particles), "--box", str(_BOX),
             "--pixel-size", str(_PIXEL), "--snr", str(_SNR), "-o", str(data), *base]).wait()
    run = ["run", str(data / "particles.star"), str(data / "consensus.mrc"), "--resolution", "18", *base,
           *options.options]
    reference, seconds, _ = _finish([*run, "-o", str(folder / "left_alone" / "result")])
    print(f"Left alone: {seconds:.1f} s. Kills at (seconds after that start: what it was doing), what was left to do:")
    rng, equal = np.random.default_rng(options.seed), 0
    for trial in range(1, options.trials + 1):
        place = folder / f"trial_{trial:02d}" / "result"
        shutil.rmtree(place.parent, ignore_errors=True)
        command, kills, wanted = [*run, "--resume", "-o", str(place)], [], int(rng.integers(1, _MOST_KILLS + 1))
        while len(kills) < wanted:
            after = float(rng.uniform(0, seconds))
            started = time.monotonic()
            said = _killed(command, after)
            if said is not None:
                kills.append(f"{after:5.1f}: {said}")
            elif kills:  # what was left did not take so long
                break
            else:  # neither did the whole
                seconds = min(seconds, time.monotonic() - started)
                shutil.rmtree(place.parent)
        _, last, _ = _finish(command)
        found = differences(reference, place)
        equal += not found
        print(f"{trial:3d}  {'equal' if not found else 'DIFFERENT: ' + '; '.join(found)}  {last:5.1f} s  "
              f"{' | '.join(kills)}", flush=True)
        if not found and options.folder is None:
            shutil.rmtree(place.parent)
    print(f"{equal} of {options.trials} equal")
    return int(equal != options.trials)


def _engine(arguments: list[str], **streams: Any) -> "subprocess.Popen[str]":
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    return subprocess.Popen([sys.executable, "-m", "gmmhet.engine", *arguments], text=True, env=environment, **streams)


def _finish(arguments: list[str]) -> tuple[Path, float, str]:
    """Run to the end: its folder (the last argument), seconds, log."""
    started = time.monotonic()
    process = _engine(arguments, stderr=subprocess.PIPE)
    log = process.communicate()[1]
    if process.returncode:
        raise SystemExit(f"gmmhet {' '.join(arguments)}\nended with status {process.returncode}:\n{log}")
    return Path(arguments[-1]), time.monotonic() - started, log


def _killed(arguments: list[str], after: float) -> str | None:
    """Start, kill after some seconds; the last line of its log, None if it ended before."""
    process = _engine(arguments, stderr=subprocess.PIPE)
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    log = process.communicate()[1]
    if process.returncode == 0:
        return None
    if process.returncode != -signal.SIGKILL:
        raise SystemExit(f"gmmhet {' '.join(arguments)}\nended with status {process.returncode}:\n{log}")
    lines = [line[9:] for line in log.splitlines() if re.match(r"\d\d:\d\d:\d\d ", line)]
    return lines[-1][:44] if lines else "starting"


def differences(expected: Path, found: Path) -> list[str]:
    """Names of the files that differ in more than times and paths, or that only one folder holds."""
    files = [{p.relative_to(folder) for p in folder.rglob("*") if p.is_file()} for folder in (expected, found)]
    lonely = [f"{name} only in one" for name in sorted(files[0] ^ files[1])]
    return lonely + [str(name) for name in sorted(files[0] & files[1]) if not _same(expected / name, found / name)]


def _same(first: Path, second: Path) -> bool:
    if first.name == "checkpoint.json":  # names folders and times of files
        return True
    if first.suffix == ".npz":
        with np.load(first) as a, np.load(second) as b:
            return a.files == b.files and all(a[k].tobytes() == b[k].tobytes() for k in a.files)
    if first.suffix == ".json":
        return bool(_plain(json.loads(first.read_text())) == _plain(json.loads(second.read_text())))
    if first.suffix == ".mrc":
        return first.read_bytes()[_MRC_HEADER:] == second.read_bytes()[_MRC_HEADER:]
    if first.suffix == ".html":
        pages = [re.sub(r"-?[\d.]+ s\b", "", path.read_text()) for path in (first, second)]
        places = [str(path.parent) for path in (first, second)]
        return pages[0].replace(places[0], "") == pages[1].replace(places[1], "")
    return first.read_bytes() == second.read_bytes()


def _plain(value: Any) -> Any:
    """JSON without times and paths."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items() if k not in _NOT_COMPARED}
    return [_plain(v) for v in value] if isinstance(value, list) else value


if __name__ == "__main__":
    sys.exit(main())
