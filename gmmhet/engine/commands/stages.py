"""Commands of the analysis itself: fit, analyze, reconstruct, report, and run, which is all of them."""

import argparse
from pathlib import Path

from gmmhet.engine.commands.options import add_brief, add_common
from gmmhet.engine.config import FOLLOW, POSES, SELECTIONS, AnalyzeConfig, FitConfig, ReconstructConfig, count_or_auto
from gmmhet.engine.errors import InputError

__all__ = ["add_analyze", "add_fit", "add_reconstruct", "add_report", "add_run"]


def _add_fit_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--n-gaussians", default="auto", help="number, or auto (default)")
    sub.add_argument("--resolution", type=float)
    sub.add_argument("--mask", type=Path)
    sub.add_argument("--symmetry", default="C1")
    sub.add_argument("--half-maps", type=Path, nargs=2, metavar=("A", "B"),
                     help="half maps of the map, which tell where its signal ends (default: those beside it, by the "
                     "names that RELION, cryoSPARC and gmmhet give)")


def add_fit(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("map", type=Path, help="consensus map (.mrc) or atomic model (.pdb, .cif)")
    _add_fit_options(sub)
    sub.add_argument("--box", type=int, help="pixels of the particles: bring the map to their grid (with --pixel-size)")
    sub.add_argument("--pixel-size", type=float, help="of the particles (default: the map's own grid)")
    sub.add_argument("-o", "--output", type=Path, required=True, help="model.npz")
    add_brief(sub, seed=True)
    sub.set_defaults(command=_fit)


def _fit_config(options: argparse.Namespace) -> FitConfig:
    number = count_or_auto(options.n_gaussians, "--n-gaussians")
    halves = None if options.half_maps is None else (options.half_maps[0], options.half_maps[1])
    return FitConfig(number, options.resolution, options.mask, options.symmetry, options.seed, halves)


def _fit(options: argparse.Namespace) -> None:
    from gmmhet.engine.fitting import fit, fit_density
    from gmmhet.engine.fitting.consensus import consensus_for
    config = _fit_config(options)
    if options.output.suffix != ".npz":
        raise InputError(f"-o is {options.output}; expected the name of the model's file, such as "
                         f"{options.output / 'model.npz'}")
    if options.box is None and options.pixel_size is None:
        fit(options.map, config, options.output)
        return
    if not (options.box or 0) > 0 or not (options.pixel_size or 0) > 0:
        raise InputError(f"--box is {options.box}, --pixel-size is {options.pixel_size}; expected both, positive")
    consensus = consensus_for(options.map, options.box, options.pixel_size, config)
    fit_density(consensus.density, config, options.output, source=options.map, mask=consensus.mask,
                finest=consensus.finest, halves=consensus.halves, notes=consensus.notes)


def _add_analyze_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--method", choices=("likelihood", "gradient-pca"), default="likelihood")
    sub.add_argument("--modes", default="auto", help="number, or auto: by held-out likelihood (default)")
    sub.add_argument("--motion", action=argparse.BooleanOptionalAction, default=True)
    sub.add_argument("--occupancy", action=argparse.BooleanOptionalAction, default=True)
    sub.add_argument("--focus", type=Path, help="mask (.mrc): only the Gaussians in it move, the rest is rigid")
    sub.add_argument("--local-pose", action=argparse.BooleanOptionalAction, default=False,
                     help="with --focus: the part in focus also shifts and turns as a rigid body in every particle; "
                     "modes are what it does beside that")
    sub.add_argument("--smoothness", type=float, metavar="ANGSTROM",
                     help="distance over which movements and changes are alike (default: 4/3 of the resolution, "
                     "up to twice in large molecules; less where held-out particles ask for that)")
    sub.add_argument("--follow", choices=FOLLOW, default="auto",
                     help="large movements: conformations are followed from place to place, and modes are theirs: yes, "
                     "no, or where held-out particles prefer that (auto; tried where two modes are supported and "
                     "move parts by more than the resolution)")
    sub.add_argument("--poses", choices=POSES, default="auto",
                     help="errors of the given poses are integrated out (auto), not looked at (exact), or integrated "
                     "out and corrected poses written (refine)")
    sub.add_argument("--scratch", type=Path, metavar="FOLDER",
                     help="for big temporary files (cropped images); analyses of the same particles share them there "
                     "(default: in the output)")
    sub.add_argument("--refine-poses", dest="poses", action="store_const", const="refine", help="--poses refine")
    sub.add_argument("--root", type=Path, help="project folder that image names are relative to")


def add_analyze(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("particles", type=Path)
    sub.add_argument("--model", type=Path, required=True)
    sub.add_argument("--symmetry", default="C1", help="of the model: analyse every asymmetric unit of every particle")
    _add_analyze_options(sub)
    sub.add_argument("--resolution", type=float)
    sub.add_argument("-o", "--output", type=Path, required=True)
    add_common(sub)
    sub.set_defaults(command=_analyze, kernels=True)


def _analyze_config(options: argparse.Namespace) -> AnalyzeConfig:
    return AnalyzeConfig(options.method, count_or_auto(options.modes, "--modes"), options.resolution, options.motion,
                         options.occupancy, options.poses, options.focus, options.local_pose,
                         _analysed_symmetry(options), seed=options.seed, resume=options.resume, scratch=options.scratch,
                         smoothness=options.smoothness, follow=options.follow)


def _analysed_symmetry(options: argparse.Namespace) -> str:
    """C1, the whole molecule, in a run unless it asks for the units of the map's symmetry."""
    by_unit = getattr(options, "per_subunit", None)
    if by_unit and options.symmetry.strip().upper() == "C1":
        raise InputError("--per-subunit is given, --symmetry is C1; expected the symmetry of the map, such as D7")
    return "C1" if by_unit is False else str(options.symmetry)


def _analyze(options: argparse.Namespace) -> None:
    from gmmhet.engine.analysis import analyze
    analyze(options.particles, options.model, _analyze_config(options), options.output, root=options.root)


def add_reconstruct(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("particles", type=Path, help="particles.star, whose images the maps are made of")
    sub.add_argument("--latents", type=Path, required=True,
                     help="latents.star of gmmhet analyze: coordinates and contrast of the same particles; "
                     "analysis.npz beside it tells the noise")
    _add_reconstruct_options(sub)
    sub.add_argument("--points", type=Path, help="with --by kernel: table of points (.csv), as of gmmhet path, with "
                     "columns latent1,latent2,...; in place of --n points along the mode")
    sub.add_argument("--mask", type=Path, help="soft mask (.mrc) on the grid of the particles, for the Fourier shell "
                     "correlation (default: made from every map)")
    sub.add_argument("--symmetry", default="C1",
                     help="point group applied to every map; only where the motion itself has it (default C1)")
    sub.add_argument("--root", type=Path, help="project folder that image names are relative to")
    sub.add_argument("-o", "--output", type=Path, required=True, help="folder for the maps alone")
    add_common(sub)
    sub.set_defaults(command=_reconstruct)


def _add_reconstruct_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--by", choices=SELECTIONS, default="bins",
                     help="equal bins along the mode; clusters of all coordinates; kernels: a map around each of "
                     "points along it, of as few particles as every part and band of frequencies needs; or motion: a "
                     "map at each of points along it, of all particles with their motion undone (default bins)")
    sub.add_argument("--mode", type=int, default=1, help="mode to go along, from 1 (default 1)")
    sub.add_argument("--n", type=int, help=f"number of maps (default {ReconstructConfig.n})")
    sub.add_argument("--sharpen", default="none", metavar="none|auto|B",
                     help="write sharpened maps too: by a B factor in square Angstrom (negative), or by the one that "
                     "the maps' amplitudes ask for beyond 10 A (default none)")


def _reconstruct_config(options: argparse.Namespace) -> ReconstructConfig:
    points = getattr(options, "points", None)
    if points is not None and options.n is not None:
        raise InputError(f"--n is {options.n} and --points is {points}; expected one of them: the table has the points")
    number = ReconstructConfig.n if options.n is None else options.n
    return ReconstructConfig(options.by, options.mode, number, options.mask, options.symmetry, options.seed,
                             options.resume, options.sharpen, points)


def _reconstruct(options: argparse.Namespace) -> None:
    from gmmhet.engine.reconstruction import reconstruct
    reconstruct(options.particles, options.latents, _reconstruct_config(options), options.output, root=options.root)


def add_report(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("folder", type=Path, help="the folder of gmmhet run")
    sub.add_argument("-o", "--output", type=Path, required=True)
    add_brief(sub, seed=False)
    sub.set_defaults(command=_report)


def _report(options: argparse.Namespace) -> None:
    from gmmhet.engine.report import write_report
    write_report(options.folder, options.output)


def add_run(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("particles", type=Path)
    sub.add_argument("map", type=Path)
    _add_fit_options(sub)
    _add_analyze_options(sub)
    _add_reconstruct_options(sub)
    sub.add_argument("--check", action=argparse.BooleanOptionalAction, default=True,
                     help="stop before any work where poses and map make no sense together")
    sub.add_argument("--per-subunit", action="store_true",
                     help="analyse every asymmetric unit of every particle (default: the whole molecule)")
    sub.add_argument("-o", "--output", type=Path, required=True)
    add_common(sub)
    sub.set_defaults(command=_run, kernels=True)


def _run(options: argparse.Namespace) -> None:
    from gmmhet.engine.commands.run import run
    # mask and symmetry are the map's; a motion seldom has the symmetry of the molecule
    along = _reconstruct_config(argparse.Namespace(**{**vars(options), "mask": None, "symmetry": "C1"}))
    run(options.particles, options.map, _fit_config(options), _analyze_config(options), along, options.output,
        root=options.root, check=options.check)
