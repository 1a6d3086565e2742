"""Commands about what goes in: simulate, import, check."""

import argparse
import logging
from pathlib import Path

from gmmhet.engine.commands.export import add_passthrough
from gmmhet.engine.commands.options import add_brief
from gmmhet.engine.config import PRESETS, SimulateConfig, check_symmetry
from gmmhet.engine.errors import InputError

__all__ = ["add_check", "add_import", "add_simulate"]

_LOG = logging.getLogger("gmmhet")


def add_simulate(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--preset", choices=PRESETS, default="hinge11")
    sub.add_argument("--particles", type=int)
    sub.add_argument("--box", type=int, help="pixels")
    sub.add_argument("--pixel-size", type=float)
    sub.add_argument("--snr", type=float, help="signal over noise variance, all pixels, CTF applied")
    sub.add_argument("--angle-error", type=float, default=0.0,
                     help="standard deviation of the errors of rot, tilt and psi in particles.star, degrees")
    sub.add_argument("--shift-error", type=float, default=0.0, help="the same of the origins, Angstrom per axis")
    sub.add_argument("-o", "--output", type=Path, required=True)
    add_brief(sub, seed=True)
    sub.set_defaults(command=_simulate)


def _simulate(options: argparse.Namespace) -> None:
    from gmmhet.engine.simulate import simulate
    simulate(SimulateConfig(options.preset, options.particles, options.box, options.pixel_size, options.snr,
                            options.seed, options.angle_error, options.shift_error), options.output)


def add_import(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("particles", type=Path, help="of RELION (.star), cryoSPARC (.cs), EMAN2 (.lst) or Xmipp (.xmd)")
    add_passthrough(sub)
    sub.add_argument("--root", type=Path, help="project folder that image names are relative to")
    sub.add_argument("--no-images", action="store_true", help="convert the metadata without looking for the stacks")
    sub.add_argument("-o", "--output", type=Path, required=True)
    add_brief(sub, seed=False)
    sub.set_defaults(command=_import)


def _import(options: argparse.Namespace) -> None:
    from gmmhet.engine.io import output_folder, read_particles, write_particles
    table = read_particles(options.particles, root=options.root, images=not options.no_images,
                           passthrough=options.passthrough)
    output_folder(options.output.parent)
    write_particles(options.output, table)
    _LOG.info("%s: %d particles, %d optics group(s)", options.output, len(table), len(table.optics))


def add_check(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("particles", type=Path)
    sub.add_argument("map", type=Path, nargs="?", help="consensus map (.mrc) in the frame of the poses")
    sub.add_argument("--root", type=Path, help="project folder that image names are relative to")
    add_passthrough(sub)
    sub.add_argument("--symmetry", help="point group of the molecule, whose copies' views count too (default: C1, or "
                     "the group in one asymmetric unit of which all views lie)")
    sub.add_argument("--json", type=Path, help="write what was found to this file too")
    sub.add_argument("--plot", type=Path, help="write a picture of views and correlations (.png, .svg, .pdf)")
    add_brief(sub, seed=True)
    sub.set_defaults(command=_check)


def _check(options: argparse.Namespace) -> None:
    from gmmhet.engine.check import check
    found = check(options.particles, options.map, root=options.root, passthrough=options.passthrough,
                  json_path=options.json, seed=options.seed,
                  symmetry=None if options.symmetry is None else check_symmetry(options.symmetry))
    if options.plot is not None:
        from gmmhet.engine.check.plot import write_plot
        write_plot(options.plot, found.views, found.poses)
    print(found.text())
    if found.problem is not None:
        raise InputError(found.problem)
