"""Make the pictures of README and documents again, from a small simulated run: make docs-pictures.

    python docs/pictures.py [--work FOLDER] [--threads N]

Simulates 1,000 particles of a hinge and runs gmmhet on them, and make demo in Scipion (some ten minutes of one core);
writes docs/pictures: drawings, what the terminal shows, pages in Chromium, windows of Scipion under Xvfb. With --work
the runs are kept, and used again next time.
"""

import argparse
import csv
import shlex
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from PIL import Image

PICTURES = Path(__file__).resolve().parent / "pictures"
ROOT = PICTURES.parents[1]
sys.path[:0] = [str(PICTURES.parent), str(ROOT)]

from screenshots import of_pages, of_scipion  # noqa: E402

from gmmhet import __version__  # noqa: E402
from gmmhet.engine import map_at, open_analysis, points_along, read_map  # noqa: E402
from gmmhet.engine.landscape.surface import surface_picture  # noqa: E402
from gmmhet.engine.molecule.contour import contour_level  # noqa: E402
from gmmhet.tests.support.terminal import in_terminal, on_screen  # noqa: E402

#: the steps of the tutorial, with options that make them short
COMMANDS = {
    "simulate": ["simulate", "--preset", "hinge11", "--particles", "1000", "-o", "data"],
    "check": ["check", "data/particles.star", "data/consensus.mrc"],
    "run": ["run", "data/particles.star", "data/consensus.mrc", "-o", "result", "--resolution", "16", "--modes", "1",
            "--n", "3"],
    "map": ["map", "result", "--at=-1.5", "--at", "0", "--at", "1.5", "-o", "points"],
    "export": ["export", "result", "--mode", "1", "--from", "0.5", "--particles", "data/particles.star", "-o",
               "data/open.star"],
}
MADE = "made.txt"  # version of gmmhet, and the pictures that were made by it
COLUMNS = 96  # of the terminal, as a page is wide
BLUE, RED, GREY = "#1f5fa8", "#c8553d", "#667080"
COLOURS = 160  # of a picture's palette, which keeps the files small
VIEW = "along z"


def run(work: Path, threads: int) -> None:
    """Simulate and analyse, unless that is there; what a terminal shows of it is kept."""
    if (work / "result" / "report.html").is_file():
        return
    for name, words in COMMANDS.items():
        _in_terminal(work, name, [*words, "--threads", str(threads)] if name == "run" else words)


def _in_terminal(work: Path, name: str, words: Sequence[str]) -> None:
    """Run a command; its lines, as they stand in a terminal in the end, go into NAME.txt of the folder."""
    typed = shlex.join(["gmmhet", *words])
    command = f"cd {shlex.quote(str(work))} && exec {sys.executable} -m gmmhet.engine {shlex.join(words)}"
    status, written = in_terminal(["bash", "-c", command], COLUMNS, {
        "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "2"})
    if status:
        raise RuntimeError(f"{typed}: exit status {status}\n{written}")
    (work / f"{name}.txt").write_text("\n".join([f"$ {typed}", *on_screen(written, COLUMNS), ""]), encoding="utf-8")


def motion(work: Path, output: Path) -> None:
    """Model maps along mode 1, and the coordinates of the particles against the planted angle."""
    analysis = open_analysis(work / "result")
    points = points_along(analysis, mode=1, n=4)
    box = analysis.model.box * 2
    maps = [map_at(analysis, p, box=box, pixel_size=analysis.model.pixel_size / 2).data for p in points]
    mean = map_at(analysis, [0.0], box=box, pixel_size=analysis.model.pixel_size / 2)
    level = contour_level(mean)
    figure, axes = plt.subplots(1, 5, figsize=(11, 2.7), width_ratios=[1, 1, 1, 1, 1.35], layout="constrained")
    shown = [surface_picture(m, level, mean.data, VIEW) for m in maps]
    inside = np.argwhere(np.max([s[..., 3] for s in shown], axis=0) > 0)
    (top, left), (bottom, right) = inside.min(0) - 2, inside.max(0) + 3
    for axis, picture, point in zip(axes, shown, points, strict=False):
        axis.imshow(picture[top:bottom, left:right], interpolation="bilinear")
        axis.set_title(f"coordinate {point[0]:+.1f}", color=GREY)
        axis.axis("off")
    _against_truth(axes[-1], analysis.coordinates[:, 0], work / "data" / "truth.csv")
    _save(figure, output)


def _against_truth(axis: Axes, coordinate: np.ndarray, truth: Path) -> None:
    with open(truth, encoding="utf-8") as handle:
        angle = np.array([float(row["coordinate"]) for row in csv.DictReader(handle)])
    spread = np.random.default_rng(0).uniform(-1.2, 1.2, len(angle))
    axis.plot(angle + spread, coordinate, ".", color=BLUE, markersize=2.5, alpha=0.5)
    axis.set_xlabel("planted hinge angle (degrees)")
    axis.set_ylabel("coordinate")
    axis.set_title(f"{len(angle):,} particles", color=GREY)


def maps(work: Path, output: Path) -> None:
    """Central sections of the maps from the particles, and what differs between the ends."""
    folder = work / "result" / "maps"
    data = [read_map(path).data for path in sorted(folder.glob("map_[0-9][0-9].mrc"))]
    shown = [d[len(d) // 2 - 2:len(d) // 2 + 3].mean(axis=0) for d in data]
    shown.append(shown[-1] - shown[0])
    titles = [*(f"map {i + 1} of {len(data)}" for i in range(len(data))), "last minus first"]
    figure, axes = plt.subplots(1, len(shown), figsize=(10, 2.8), layout="constrained")
    for axis, section, title in zip(axes, shown, titles, strict=True):
        limit = np.percentile(np.abs(section), 99.8)
        signed = title.startswith("last")
        axis.imshow(section, cmap="RdBu_r" if signed else "gray", vmin=-limit if signed else 0, vmax=limit,
                    origin="lower")
        axis.set_title(title, color=GREY)
        axis.axis("off")
    _save(figure, output)


def _save(figure: plt.Figure, output: Path) -> None:
    """As PNG with a palette of a few colours, without a date."""
    figure.savefig(output, dpi=100)
    plt.close(figure)
    with Image.open(output) as picture:
        small = picture.convert("RGB").quantize(COLOURS, method=Image.Quantize.MEDIANCUT)
    small.save(output, optimize=True)
    print(f"{output}: {output.stat().st_size / 1000:.0f} kB")


def main() -> None:
    """Run, and write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="folder of the run")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    mpl.use("Agg")
    plt.rcParams.update({"font.size": 9, "axes.titlesize": 9, "axes.spines.top": False, "axes.spines.right": False})
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        work = (options.work or Path(temporary)).resolve()
        work.mkdir(parents=True, exist_ok=True)
        run(work, options.threads)
        motion(work, PICTURES / "motion.png")
        maps(work, PICTURES / "maps.png")
        for name in COMMANDS:
            shutil.copyfile(work / f"{name}.txt", PICTURES / f"{name}.txt")
        of_pages(work / "result", PICTURES / "report.png", PICTURES / "view.png")
        of_scipion(work, options.threads, PICTURES)
    made = sorted(path.name for path in PICTURES.iterdir() if path.name != MADE)
    (PICTURES / MADE).write_text("\n".join([__version__, *made, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
