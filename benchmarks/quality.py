"""The quality table: what the engine finds in simulated data, with the oracle beside it.

    python benchmarks/quality.py                                  the main set, 3,000 particles (about ten minutes)
    python benchmarks/quality.py --set engine                     large and several motions, pose errors, symmetry
    python benchmarks/quality.py --set real                       images as microscopes make them, and real noise
    python benchmarks/quality.py --set truth                      what the results say: junk
    python benchmarks/quality.py --set answers                    names of what was found, and where particles are
    python benchmarks/quality.py --set composition                blocks that come and go, and states
    python benchmarks/quality.py --rows null twostate --seed 0 1 2

Every figure comes from the command line's own files, made by ``python -m gmmhet.engine`` in processes of their own.
The oracle knows the true poses, CTF, population and noise, and what the molecule does (see oracle.py): nothing can beat
it on average. Nothing is asserted; the last column says whether a figure reaches the goal, passes the floor, or falls
short. Simulated data are kept in --work and used again while the simulator's code is the same.
"""

import argparse
import sys
from pathlib import Path

import answers_rows
import composition_rows
import engine_rows
import main_rows
import real_noise_rows
import real_rows
import truth_rows
from figures import HEADER
from stages import Bench, StageError

SETS = {"main": main_rows.ROWS, "engine": engine_rows.ROWS, "real": {**real_noise_rows.ROWS, **real_rows.ROWS},
        "truth": truth_rows.ROWS, "answers": answers_rows.ROWS,
        "composition": composition_rows.ROWS}
ROWS = {name: row for rows in SETS.values() for name, row in rows.items()}


def main() -> None:
    """Print the table, a line as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", choices=[*SETS, "all"], default="main")
    parser.add_argument("--rows", nargs="+", choices=ROWS, help="rows of either set instead")
    parser.add_argument("--particles", type=int, help="of every data set (default: 3,000, of turning 6,000)")
    parser.add_argument("--seed", type=int, nargs="+", default=[0], help="of the data and of the engine")
    parser.add_argument("--work", type=Path, default=Path("quality-work"), help="folder for data and results")
    parser.add_argument("--threads", type=int, help="processor threads of the engine (default: all)")
    parser.add_argument("--gpu", help="as of gmmhet")
    options = parser.parse_args()
    work = Bench(options.work, options.particles, options.threads, options.gpu)
    print(HEADER)
    for seed in options.seed:
        for row in options.rows or (ROWS if options.set == "all" else SETS[options.set]):
            try:
                for figure in ROWS[row](work, seed):
                    print(figure if len(options.seed) == 1 else f"{figure} (seed {seed})", flush=True)
            except StageError as error:
                print(f"{row} (seed {seed}): {error}", flush=True)
    for command, seconds in work.seconds:
        print(f"{seconds:7.1f} s  {command}", file=sys.stderr)


if __name__ == "__main__":
    main()
