"""From images as microscopes make them through RELION's own refinement to motions: everything a first run meets.

    python benchmarks/realistic.py                                       2,000 particles of 64 px, 6 A
    python benchmarks/realistic.py --particles 4000 --box 96 --pixel-size 4 --snr 0.1 --structural-snr 1.4
    python benchmarks/realistic.py --molecule rigid                      nothing moves

Simulated as real, refined by RELION 3.1 from a low-passed map, analysed from RELION's run_data.star and map without any
option, beside the same images at their true poses; a stretch of the motion is exported and reconstructed by RELION.
Variances of noise count all pixels: a pixel of 6 A averages the noise of 2.25 pixels of 4 A, so that the default SNRs
(0.225, structural 3.15) are those of 0.1 and 1.4 at 4 A. Nothing is asserted. Data and refinements are kept in --work
and used again.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from complexes import bending_complex, rigid_complex
from measures import area_under_curve, held_out_correlation, refinement_errors
from numpy.typing import NDArray
from relion_refinement import Refinement, reconstruct_with_relion, refine
from running import Cost, run

from gmmhet.engine.config import SimulateConfig
from gmmhet.engine.io import read_map, read_particles, read_star
from gmmhet.engine.simulate import Realism, simulate
from gmmhet.engine.simulate.refinement_maps import shell_correlation

MOLECULES = {"bending": bending_complex, "rigid": rigid_complex}
_SEED = 1


@dataclass(frozen=True)
class Truth:
    """Of n images, in the order of the stack: [n] kind, bend (degrees) and presence of the domain."""

    kind: NDArray[np.str_]
    bend: NDArray[np.float64]
    present: NDArray[np.float64]

    @classmethod
    def read(cls, folder: Path) -> "Truth":
        table = np.genfromtxt(folder / "truth" / "images.csv", delimiter=",", names=True, dtype=None, encoding="utf-8")
        return cls(table["kind"], table["coordinate_01"], table["coordinate_02"])


def main() -> None:
    """Print figures as soon as they are known."""
    options = _options()
    folder = options.work / (f"{options.molecule}_n{options.particles}_{options.box}px{options.pixel_size:g}A_"
                             f"snr{options.snr:g}_structural{options.structural_snr:g}")
    if not (folder / "particles.star").is_file():
        simulate(SimulateConfig(particles=options.particles, box=options.box, pixel_size=options.pixel_size,
                                snr=options.snr, seed=_SEED), folder, MOLECULES[options.molecule](),
                 Realism(structural_snr=options.structural_snr))
    truth = Truth.read(folder)
    say("junk in the images", f"{(truth.kind != 'particle').mean():.3f}")
    refined = refine(folder, folder / "refinement_by_relion", diameter=options.diameter, low_pass=options.low_pass,
                     order=options.order)
    _say_refinement(folder, refined, truth)
    mask = ["--mask", options.mask or folder / "refinement" / "mask.mrc"] if options.with_mask else []
    relion = _analysed(folder, "relion", refined.particles, refined.map, mask, options.threads)
    exact = _analysed(folder, "exact", folder / "truth" / "particles.star", folder / "consensus.mrc", mask,
                      options.threads)
    for name, result in (("RELION's files", relion), ("true poses", exact)):
        if result is not None:
            _say_analysis(name, result, truth)
    if relion is not None and exact is not None and options.molecule == "bending":
        ours, best = (held_out_correlation(_latents(r)[0][good], truth.bend[good])
                      for r in (relion, exact) for good in [truth.kind[_order(r)] == "particle"])
        say("held-out R of the bend: RELION's poses, true poses, ratio", f"{ours:.3f} {best:.3f} {ours / best:.3f}")
    if relion is not None:
        _say_stretch(folder, relion, options.threads)


def say(name: str, value: str) -> None:
    """One line of the table."""
    print(f"{name:<70} {value}", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--molecule", choices=MOLECULES, default="bending")
    parser.add_argument("--particles", type=int, default=2000)
    parser.add_argument("--box", type=int, default=64)
    parser.add_argument("--pixel-size", type=float, default=6.0)
    parser.add_argument("--snr", type=float, default=0.225, help="of the simulation (default 0.225, for pixels of 6 A)")
    parser.add_argument("--structural-snr", type=float, default=3.15, help="the same (default 3.15)")
    parser.add_argument("--diameter", type=float, default=320.0, help="of RELION's mask, Angstrom")
    parser.add_argument("--low-pass", type=float, default=50.0, help="of the initial model, Angstrom")
    parser.add_argument("--order", type=int, default=2, help="HEALPix order of the coarse search (2: 7.5 degrees)")
    parser.add_argument("--with-mask", action="store_true", help="give gmmhet a mask of the molecule")
    parser.add_argument("--mask", type=Path, help="that mask (default: of the simulated consensus)")
    parser.add_argument("--work", type=Path, default=Path("realistic-work"))
    parser.add_argument("--threads", type=int, default=2, help="of gmmhet")
    return parser.parse_args()


def _say_refinement(folder: Path, refined: Refinement, truth: Truth) -> None:
    given, true = read_particles(refined.particles, root=folder), read_particles(folder / "truth" / "particles.star")
    order = given.slice_index
    good = truth.kind[order] == "particle"
    found = refinement_errors(true.angles[order][good], given.angles[good], true.origins[order][good],
                              given.origins[good])
    say("refinement, minutes (coarse, fine)", f"{refined.coarse.wall / 60:.1f} {refined.fine.wall / 60:.1f}")
    say("pose errors: median degrees, share beyond 10 degrees, median Angstrom",
        f"{found.median_degrees:.2f} {found.beyond_10_degrees:.3f} {found.median_angstrom:.2f}")
    model = read_star(Path(str(refined.particles).replace("_data.star", "_model.star")))["model_general"]
    say("resolution as RELION tells it, Angstrom", f"{model.floats('rlnCurrentResolution')[0]:.1f}")


def _analysed(folder: Path, name: str, particles: Path, density: Path, mask: list[object], threads: int,
              ) -> Path | None:
    """The folder of gmmhet run; None where it refused, after the line that says why."""
    out = folder / ("gmmhet_" + name + ("_mask" if mask else ""))
    log = folder / f"{out.name}.log"
    command = [sys.executable, "-m", "gmmhet.engine", "run", particles, density, "--root", folder, "--n", 3, *mask,
               "--threads", threads, "-o", out]
    if (out / "analysis" / "summary.json").is_file():
        return out
    log.unlink(missing_ok=True)
    try:
        spent = run([str(w) for w in command], log)
    except SystemExit:
        say(f"gmmhet run, {name}: ended", log.read_text(encoding="utf-8").strip().splitlines()[-1])
        return None
    say(f"gmmhet run, {name}: minutes", f"{spent.wall / 60:.1f}")
    return out


def _summary(result: Path, stage: str) -> dict[str, Any]:
    return dict(json.loads((result / stage / "summary.json").read_text(encoding="utf-8")))


def _table(result: Path) -> Any:
    return read_star(result / "analysis" / "latents.star")["particles"]


def _order(result: Path) -> NDArray[np.int64]:
    """[n] the image (from 0) of each row of latents.star."""
    return read_particles(result / "analysis" / "latents.star", images=False).slice_index


def _latents(result: Path) -> tuple[NDArray[np.float64], int]:
    """[n, K] coordinates (of significant modes where there are any) and the number of significant modes."""
    summary, table = _summary(result, "analysis"), _table(result)
    significant = int(summary["n_significant_modes"] or 0)
    names = [f"gmmhetLatent{k + 1}" for k in range(significant or int(summary["n_modes"]))]
    return np.stack([table.floats(n) for n in names], axis=1), significant


def _say_analysis(name: str, result: Path, truth: Truth) -> None:
    fit, summary, table, order = _summary(result, "model"), _summary(result, "analysis"), _table(result), _order(result)
    junk, good = truth.kind[order] != "particle", truth.kind[order] == "particle"
    latents, significant = _latents(result)
    say(f"{name}: Gaussians, resolution of the fit (Angstrom), correlation there",
        f"{fit['n_gaussians']} {fit['resolution']:.1f} {fit['fsc_at_resolution']:.3f}")
    say(f"{name}: modes; verdict", f"{significant}; {summary['verdict']}")
    for what, values in (("bend, held-out R", truth.bend), ("domain present, held-out R", truth.present)):
        if np.ptp(values):
            say(f"{name}: {what}", f"{held_out_correlation(latents[good], values[order][good]):.3f}")
    for what, column in (("contrast", "gmmhetContrast"), ("log-likelihood", "gmmhetLogLikelihood")):
        say(f"{name}: junk by low {what}, area under the curve", f"{area_under_curve(-table.floats(column), junk):.3f}")


def _say_stretch(folder: Path, result: Path, threads: int) -> None:
    """The upper third of mode 1, exported, by RELION and by gmmhet; and the true mean map of its particles."""
    latents, significant = _latents(result)
    low = float(np.quantile(latents[:, 0], 2 / 3))
    out = folder / f"{result.name}_stretch"
    out.mkdir(exist_ok=True)
    chosen, log = out / "stretch.star", out / "gmmhet.log"
    source = result / "analysis" / "latents.star"
    _gmmhet(["export", source, "--mode", 1, f"--from={low}", "--root", folder, "-o", chosen], log)
    _gmmhet(["reconstruct", chosen, "--latents", source, "--root", folder, "--n", 1, "--threads", threads, "-o",
             out / "maps"], log)
    reconstruct_with_relion(chosen, out / "relion.mrc", out)
    ours, theirs = (read_map(p) for p in (out / "maps" / "map_01.mrc", out / "relion.mrc"))
    fsc = shell_correlation(ours.data.astype(float), theirs.data.astype(float))
    below = np.flatnonzero(fsc < 0.9)
    size = ours.box * ours.pixel_size
    say(f"stretch of mode 1 ({'significant' if significant else 'not significant'}): ours and RELION's map agree to",
        f"{size / max(int(below[0]) - 1 if len(below) else ours.box // 2, 1):.1f} A (FSC 0.9)")


def _gmmhet(words: list[object], log: Path) -> Cost:
    return run([sys.executable, "-m", "gmmhet.engine", *map(str, words)], log)


if __name__ == "__main__":
    main()
