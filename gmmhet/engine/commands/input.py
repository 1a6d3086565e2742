"""Commands about what goes in: simulate, import, check."""

import argparse
import logging
from pathlib import Path

from gmmhet.engine.commands.export import add_passthrough
from gmmhet.engine.commands.options import add_brief
from gmmhet.engine.config import PRESETS, SimulateConfig
from gmmhet.engine.errors import InputError

__all__ = ["add_check", "add_import", "add_simulate"]

_LOG = logging.getLogger("gmmhet")

#: options of --as-real: fields of gmmhet.engine.simulate.realism.Realism, which has their defaults
_REALISM = {
    "padding": "field in which the CTF spreads signal, over the box",
    "structural_snr": "variance of projections over structural noise, before the CTF (inf: none)",
    "noise_colour": "noise power at zero frequency over that at high ones (1: white)",
    "ramp": "linear background, in deviations of the noise", "bowl": "the same, quadratic",
    "neighbours": "mean number of other molecules at the edge of an image",
    "contrast_sd": "relative spread of the contrast", "noise_sd": "relative spread of the noise level",
    "b_factor": "envelope, square Angstrom", "b_factor_sd": "its spread between micrographs",
    "defocus_error": "deviation of the given defocus, Angstrom",
    "preferred_views": "share of particles seen near one axis",
    "junk": "share of images of noise, broken or other molecules, or ice",
}


def add_simulate(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--preset", choices=PRESETS, default="hinge11")
    sub.add_argument("--particles", type=int)
    sub.add_argument("--box", type=int, help="pixels")
    sub.add_argument("--pixel-size", type=float)
    sub.add_argument("--snr", type=float, help="signal over noise variance, all pixels, CTF applied")
    sub.add_argument("--angle-error", type=float, default=0.0,
                     help="standard deviation of the errors of rot, tilt and psi in particles.star, degrees")
    sub.add_argument("--shift-error", type=float, default=0.0, help="the same of the origins, Angstrom per axis")
    sub.add_argument("--as-real", action="store_true",
                     help="atoms in ice with the effects of microscopes and refinements, each with an option below")
    real = sub.add_argument_group("with --as-real (default: the size that real data have)")
    for name, text in _REALISM.items():
        real.add_argument(f"--{name.replace('_', '-')}", type=float, metavar="X", help=text)
    real.add_argument("--no-normalise", dest="normalise", action="store_const", const=False,
                      help="do not bring the background of every image to mean 0 and deviation 1")
    sub.add_argument("--noise-from", type=Path, metavar="STAR",
                     help="refined real particles: their images, less fitted projections of --noise-map, are the noise")
    sub.add_argument("--noise-map", type=Path, help="the refined map of these particles (.mrc)")
    sub.add_argument("-o", "--output", type=Path, required=True)
    add_brief(sub, seed=True)
    sub.set_defaults(command=_simulate)


def _simulate(options: argparse.Namespace) -> None:
    from gmmhet.engine.simulate import Realism, RealNoise, simulate
    given = {name: value for name in (*_REALISM, "normalise") if (value := getattr(options, name)) is not None}
    if given and not options.as_real:
        raise InputError(f"--{next(iter(given)).replace('_', '-')} is given without --as-real; expected both")
    if (options.noise_from is None) != (options.noise_map is None) or (options.noise_from and options.as_real):
        raise InputError("--noise-from, --noise-map: expected both or none, and not with --as-real")
    noise = RealNoise.read(options.noise_from, options.noise_map) if options.noise_from else None
    simulate(SimulateConfig(options.preset, options.particles, options.box, options.pixel_size, options.snr,
                            options.seed, options.angle_error, options.shift_error), options.output,
             realism=Realism(**given) if options.as_real else None, noise=noise)


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
    sub.add_argument("--json", type=Path, help="write what was found to this file too")
    sub.add_argument("--plot", type=Path, help="write a picture of views and correlations (.png, .svg, .pdf)")
    add_brief(sub, seed=True)
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
