"""The command line; see DESIGN: a stable contract. Exit status 0 done, 2 bad input, 1 anything else."""

import argparse
import contextlib
import dataclasses
import importlib
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from gmmhet import __version__
from gmmhet.engine.cli_export import add_export, add_passthrough
from gmmhet.engine.cli_landscape import add_map, add_movie, add_path
from gmmhet.engine.config import (
    POSES,
    PRESETS,
    AnalyzeConfig,
    FitConfig,
    ReconstructConfig,
    SimulateConfig,
    count_or_auto,
)
from gmmhet.engine.errors import InputError, storage_problem
from gmmhet.engine.launch import set_devices, start
from gmmhet.engine.parallel import Communicator, RankError, use

__all__ = ["main"]

_LOG = logging.getLogger("gmmhet")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, alone or as the ranks of an MPI job, of which the first runs it; returns the exit status."""
    ranks, problem = Communicator(), None
    try:
        ranks = start()
    except InputError as error:
        problem = error
    use(ranks)
    if ranks.rank:
        logging.basicConfig(stream=sys.stderr, format=f"rank {ranks.rank} on {ranks.place.host}: %(message)s",
                            level=logging.WARNING)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first rank gets it too, and ends all
        ranks.serve()
        return 0
    status = 1
    try:
        status = _lead(arguments, ranks, problem)
    finally:
        ranks.finish(status)
    return status


def _lead(arguments: Sequence[str] | None, ranks: Communicator, problem: InputError | None) -> int:
    """The command itself.

    Args:
        problem: with the way that the ranks were started.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(message)s", datefmt="%H:%M:%S",
                        level=logging.DEBUG if options.verbose else logging.INFO)
    if options.threads is not None and options.threads < 1:
        parser.error(f"--threads is {options.threads}; expected 1 or more")
    try:
        if problem is not None:
            raise problem
        places = ranks.spread(set_devices, (options.threads, options.gpu), [()] * ranks.size)
        if ranks.size > 1:
            _LOG.info("%d ranks: %s", ranks.size, "; ".join(places))
            if options.command in (_analyze, _run):  # all at the same time, not each when it is first needed
                ranks.spread(_load_kernels, (), [()] * ranks.size)
        options.command(options)
    except InputError as error:
        return _refuse(error, options.error_file)
    except RankError as error:
        print(f"gmmhet: error: {error}; the same command with --resume goes on from here", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("gmmhet: interrupted; the same command with --resume goes on from here", file=sys.stderr)
        return 1
    except OSError as error:
        place = None if error.filename else getattr(options, "output", None)
        problem = storage_problem(error, place)
        if problem is not None:
            return _refuse(problem, options.error_file)
        _LOG.exception("gmmhet: failed unexpectedly")
        return 1
    except Exception:
        _LOG.exception("gmmhet: failed unexpectedly")
        return 1
    return 0


def _load_kernels() -> None:
    importlib.import_module("gmmhet.engine.subspace")


def _refuse(error: InputError, error_file: Path | None) -> int:
    """Say what is wrong in one line; returns the exit status."""
    print(f"gmmhet: error: {error}", file=sys.stderr)
    if error_file is not None:
        with contextlib.suppress(OSError):  # the line stands on standard error in any case
            error_file.write_text(f"{error}\n", encoding="utf-8")
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gmmhet", description="Motions and changes of a molecule in single-particle cryo-EM data. "
        "Lengths are Angstrom, angles degrees.")
    parser.add_argument("--version", action="version", version=f"gmmhet {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, add, text in (
        ("simulate", _add_simulate, "particles with planted motion, to try things on"),
        ("import", _add_import, "refined particles of another program as particles.star"),
        ("check", _add_check, "whether particles, their poses and a map fit together, before any work"),
        ("fit", _add_fit, "represent a map (or an atomic model) by Gaussians"),
        ("analyze", _add_analyze, "find the motions and place every particle on them"),
        ("reconstruct", _add_reconstruct, "maps from the particles along a motion"),
        ("map", add_map, "maps of the model at any points of latent space"),
        ("path", add_path, "a path of points through latent space that follows the particles"),
        ("movie", add_movie, "a movie of maps along a path"),
        ("export", add_export, "chosen particles of the original file, for the program they came from"),
        ("report", _add_report, "one self-contained page about a run"),
        ("run", _add_run, "fit, analyze, reconstruct and report"),
    ):
        sub = commands.add_parser(name, help=text, description=text)
        sub.add_argument("--threads", type=int, help="processor threads of a process (default: all, or a rank's share)")
        sub.add_argument("--gpu", help="GPU numbers, comma-separated, or none (default: what TensorFlow "
                         "sees); ranks of an MPI job share them out")
        sub.add_argument("--error-file", type=Path, help="write the line about bad input to this file too")
        sub.add_argument("-v", "--verbose", action="store_true", help="log more")
        add(sub)
    return parser


def _add_common(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--seed", type=int, default=0, help="makes a run repeatable (default 0)")
    sub.add_argument("--resume", action="store_true", help="go on from what an interrupted run left")


def _add_brief(sub: argparse.ArgumentParser, *, seed: bool) -> None:
    """Options of commands that are over in seconds and leave nothing half-done."""
    if seed:
        sub.add_argument("--seed", type=int, default=0, help="makes a run repeatable (default 0)")
    sub.add_argument("--resume", action="store_true", help="accepted; the whole is done again, which takes seconds")


def _add_simulate(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--preset", choices=PRESETS, default="hinge11")
    sub.add_argument("--particles", type=int)
    sub.add_argument("--box", type=int, help="pixels")
    sub.add_argument("--pixel-size", type=float)
    sub.add_argument("--snr", type=float, help="signal over noise variance, all pixels, CTF applied")
    sub.add_argument("--angle-error", type=float, default=0.0,
                     help="standard deviation of the errors of rot, tilt and psi in particles.star, degrees")
    sub.add_argument("--shift-error", type=float, default=0.0, help="the same of the origins, Angstrom per axis")
    sub.add_argument("-o", "--output", type=Path, required=True)
    _add_brief(sub, seed=True)
    sub.set_defaults(command=_simulate)


def _simulate(options: argparse.Namespace) -> None:
    from gmmhet.engine.simulate import simulate
    simulate(SimulateConfig(options.preset, options.particles, options.box, options.pixel_size, options.snr,
                            options.seed, options.angle_error, options.shift_error), options.output)


def _add_import(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("particles", type=Path, help="of RELION (.star), cryoSPARC (.cs), EMAN2 (.lst) or Xmipp (.xmd)")
    add_passthrough(sub)
    sub.add_argument("--root", type=Path, help="project folder that image names are relative to")
    sub.add_argument("--no-images", action="store_true", help="convert the metadata without looking for the stacks")
    sub.add_argument("-o", "--output", type=Path, required=True)
    _add_brief(sub, seed=False)
    sub.set_defaults(command=_import)


def _import(options: argparse.Namespace) -> None:
    from gmmhet.engine.io import output_folder, read_particles, write_particles
    table = read_particles(options.particles, root=options.root, images=not options.no_images,
                           passthrough=options.passthrough)
    output_folder(options.output.parent)
    write_particles(options.output, table)
    _LOG.info("%s: %d particles, %d optics group(s)", options.output, len(table), len(table.optics))


def _add_check(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("particles", type=Path)
    sub.add_argument("map", type=Path, nargs="?", help="consensus map (.mrc) in the frame of the poses")
    sub.add_argument("--root", type=Path, help="project folder that image names are relative to")
    add_passthrough(sub)
    sub.add_argument("--json", type=Path, help="write what was found to this file too")
    sub.add_argument("--plot", type=Path, help="write a picture of views and correlations (.png, .svg, .pdf)")
    _add_brief(sub, seed=True)
    sub.set_defaults(command=_check)


def _check(options: argparse.Namespace) -> None:
    from gmmhet.engine.check import check
    found = check(options.particles, options.map, root=options.root, passthrough=options.passthrough,
                  json_path=options.json, seed=options.seed)
    if options.plot is not None:
        from gmmhet.engine.check.plot import write_plot
        write_plot(options.plot, found.views, found.poses)
    print(found.text())
    if found.problem is not None:
        raise InputError(found.problem)


def _add_fit_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--n-gaussians", default="auto", help="number, or auto (default)")
    sub.add_argument("--resolution", type=float)
    sub.add_argument("--mask", type=Path)
    sub.add_argument("--symmetry", default="C1")


def _add_fit(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("map", type=Path, help="consensus map (.mrc) or atomic model (.pdb, .cif)")
    _add_fit_options(sub)
    sub.add_argument("--box", type=int, help="pixels of the particles: bring the map to their grid (with --pixel-size)")
    sub.add_argument("--pixel-size", type=float, help="of the particles (default: the map's own grid)")
    sub.add_argument("-o", "--output", type=Path, required=True, help="model.npz")
    _add_brief(sub, seed=True)
    sub.set_defaults(command=_fit)


def _fit_config(options: argparse.Namespace) -> FitConfig:
    number = count_or_auto(options.n_gaussians, "--n-gaussians")
    return FitConfig(number, options.resolution, options.mask, options.symmetry, options.seed)


def _fit(options: argparse.Namespace) -> None:
    from gmmhet.engine.fitting import fit, fit_density
    from gmmhet.engine.fitting.consensus import consensus_for
    config = _fit_config(options)
    if options.box is None and options.pixel_size is None:
        fit(options.map, config, options.output)
        return
    if not (options.box or 0) > 0 or not (options.pixel_size or 0) > 0:
        raise InputError(f"--box is {options.box}, --pixel-size is {options.pixel_size}; expected both, positive")
    consensus = consensus_for(options.map, options.box, options.pixel_size, config)
    fit_density(consensus.density, config, options.output, source=options.map, mask=consensus.mask,
                finest=consensus.finest, notes=consensus.notes)


def _add_analyze_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--method", choices=("likelihood", "gradient-pca"), default="likelihood")
    sub.add_argument("--modes", default="auto", help="number, or auto: by held-out likelihood (default)")
    sub.add_argument("--motion", action=argparse.BooleanOptionalAction, default=True)
    sub.add_argument("--occupancy", action=argparse.BooleanOptionalAction, default=True)
    sub.add_argument("--focus", type=Path, help="mask (.mrc): only the Gaussians in it move, the rest is rigid")
    sub.add_argument("--poses", choices=POSES, default="auto",
                     help="errors of the given poses are integrated out (auto), not looked at (exact), or integrated "
                     "out and corrected poses written (refine)")
    sub.add_argument("--scratch", type=Path, metavar="FOLDER",
                     help="for big temporary files (cropped images); analyses of the same particles share them there "
                     "(default: in the output)")
    sub.add_argument("--refine-poses", dest="poses", action="store_const", const="refine", help="--poses refine")
    sub.add_argument("--root", type=Path, help="project folder that image names are relative to")


def _add_analyze(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("particles", type=Path)
    sub.add_argument("--model", type=Path, required=True)
    sub.add_argument("--symmetry", default="C1", help="of the model: analyse every asymmetric unit of every particle")
    _add_analyze_options(sub)
    sub.add_argument("--resolution", type=float)
    sub.add_argument("-o", "--output", type=Path, required=True)
    _add_common(sub)
    sub.set_defaults(command=_analyze)


def _analyze_config(options: argparse.Namespace) -> AnalyzeConfig:
    return AnalyzeConfig(options.method, count_or_auto(options.modes, "--modes"), options.resolution, options.motion,
                         options.occupancy, options.poses, options.focus, _analysed_symmetry(options),
                         seed=options.seed, resume=options.resume, scratch=options.scratch)


def _analysed_symmetry(options: argparse.Namespace) -> str:
    """C1, the whole molecule, in a run unless it asks for the units of the map's symmetry."""
    by_unit = getattr(options, "per_subunit", None)
    if by_unit and options.symmetry.strip().upper() == "C1":
        raise InputError("--per-subunit is given, --symmetry is C1; expected the symmetry of the map, such as D7")
    return "C1" if by_unit is False else str(options.symmetry)


def _analyze(options: argparse.Namespace) -> None:
    from gmmhet.engine.analysis import analyze
    analyze(options.particles, options.model, _analyze_config(options), options.output, root=options.root)


def _add_reconstruct(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("particles", type=Path)
    sub.add_argument("--latents", type=Path, required=True)
    _add_reconstruct_options(sub)
    sub.add_argument("--points", type=Path, help="with --by kernel: table of points (.csv), as of gmmhet path, with "
                     "columns latent1,latent2,...; in place of --n points along the mode")
    sub.add_argument("--mask", type=Path)
    sub.add_argument("--symmetry", default="C1")
    sub.add_argument("--root", type=Path, help="project folder that image names are relative to")
    sub.add_argument("-o", "--output", type=Path, required=True)
    _add_common(sub)
    sub.set_defaults(command=_reconstruct)


def _add_reconstruct_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--by", choices=("bins", "clusters", "kernel"), default="bins",
                     help="equal bins along the mode; clusters of all coordinates; or kernels: a map around each of "
                     "points along it, of as few particles as every part and band of frequencies needs")
    sub.add_argument("--mode", type=int, default=1, help="mode to go along, from 1")
    sub.add_argument("--n", type=int, default=5, help="number of maps")
    sub.add_argument("--sharpen", default="none", metavar="none|auto|B",
                     help="write sharpened maps too: by a B factor in square Angstrom (negative), or by the one that "
                     "the maps' amplitudes ask for beyond 10 A (default none)")


def _reconstruct_config(options: argparse.Namespace) -> ReconstructConfig:
    return ReconstructConfig(options.by, options.mode, options.n, options.mask, options.symmetry, options.seed,
                             options.resume, options.sharpen, getattr(options, "points", None))


def _reconstruct(options: argparse.Namespace) -> None:
    from gmmhet.engine.reconstruction import reconstruct
    reconstruct(options.particles, options.latents, _reconstruct_config(options), options.output, root=options.root)


def _add_report(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("folder", type=Path, help="the folder of gmmhet run")
    sub.add_argument("-o", "--output", type=Path, required=True)
    _add_brief(sub, seed=False)
    sub.set_defaults(command=_report)


def _report(options: argparse.Namespace) -> None:
    from gmmhet.engine.report import write_report
    write_report(options.folder, options.output)


def _add_run(sub: argparse.ArgumentParser) -> None:
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
    _add_common(sub)
    sub.set_defaults(command=_run)


def _run(options: argparse.Namespace) -> None:
    from gmmhet.engine.run import run
    # mask and symmetry are the map's; a motion seldom has the symmetry of the molecule
    along = dataclasses.replace(_reconstruct_config(options), mask=None, symmetry="C1")
    run(options.particles, options.map, _fit_config(options), _analyze_config(options), along, options.output,
        root=options.root, check=options.check)
