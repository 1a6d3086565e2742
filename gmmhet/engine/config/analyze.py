"""Options of gmmhet analyze."""

from dataclasses import dataclass
from pathlib import Path

from gmmhet.engine.config.limits import MOST_MODES
from gmmhet.engine.config.shared import Resumable, Seeded
from gmmhet.engine.errors import InputError
from gmmhet.engine.options import (
    COUNT_AUTO_OR_ALL,
    COUNT_OR_AUTO,
    POSITIVE,
    Choice,
    Choices,
    Content,
    OnForm,
    Range,
    Typed,
    Where,
    bookkeeping,
    check_options,
    option,
    point_group,
)

__all__ = ["AnalyzeConfig"]

_METHOD = Choices([
    Choice("likelihood", help="by maximum likelihood, with the noise, the contrast and the errors of the poses"),
    Choice("gradient-pca", help="the published single-step method (principal components of the gradients of the "
           "score), for comparison"),
])
_GRADIENTS = Choices([
    Choice("position", "displacements", "by the positions of the Gaussians: motion"),
    Choice("amplitude", "changes of amplitude", "by their amplitudes: composition"),
    Choice("both", help="by both, scaled to vary equally"),
])
_POSES = Choices([
    Choice("auto", "integrate out", "estimated with the modes and integrated out"),
    Choice("exact", "none, they are exact", "assumed to be zero: faster, for simulated data"),
    Choice("refine", "integrate out and correct",
           "estimated and integrated out, and corrected poses are written, which maps then use"),
])
_FOLLOW = Choices([
    Choice("auto", "where it raises the held-out likelihood",
           "where it raises the held-out likelihood, tried where two modes are significant and displacements exceed "
           "the resolution"),
    Choice("yes", "always"), Choice("no", "never"),
])
_DECODER = Choices([
    Choice("linear", "straight modes", "Gaussians move along straight modes"),
    Choice("nonlinear", "curves", "Gaussians move along curves, each coordinate on a line or a circle, whichever "
           "explains held-out particles best"),
    Choice("auto", "curves where held-out particles prefer them",
           "curves where they explain held-out particles better than straight modes, or as well with fewer "
           "coordinates"),
])
_JUNK = Choices([
    Choice("auto", "where their contrasts show that there are such", "not with --symmetry or --local-pose"),
    Choice("keep", "never: all particles take part"),
])
_DETECTABLE = Choices([
    Choice("auto", "where no motion is found", "with the likelihood method and displacements, not with --local-pose; "
           "up to twice the time of the analysis"),
    Choice("no", "never"),
])
_CROSS = Choices([
    Choice("yes", "where modes are linear", "not with --symmetry, gradient PCA, or where large motions are linearised "
           "again; takes about a tenth of the time of the analysis"),
    Choice("no", "never"),
])


@dataclass(frozen=True)
class AnalyzeConfig(Seeded, Resumable):
    """gmmhet analyze."""

    method: str = option("likelihood", "how modes are estimated", check=_METHOD, form=OnForm(
        "Method", advanced=True, when="to compare with the published method"))
    gradients: str = option(
        "position", "which gradients of the score gradient-pca takes", check=_GRADIENTS, form=OnForm(
            "Gradients", advanced=True, where=Where("method", ("gradient-pca",)),
            when="to amplitude where density comes and goes"))
    write_gradients: bool = option(
        False, "write the gradient of each particle's score by the position and amplitude of each Gaussian "
        "(gradients.h5), 16 bytes for each particle and Gaussian", form=OnForm(
            "Write gradients?", advanced=True, when="for other programs that analyse them"))
    modes: int | None = option(
        None, "number of modes", otherwise="by held-out likelihood",
        check=Range("a positive number", above=0, high=MOST_MODES, says_high=f"at most {MOST_MODES}"),
        form=OnForm("Number of modes", name="nModes", advanced=True,
                    when="to see a mode that was not found to be significant, or to save time"),
        typed=Typed(spelling=COUNT_OR_AUTO, basic=True))
    resolution: float | None = option(None, "resolution to which the images are used", unit="Å",
                                      otherwise="that of the model", check=POSITIVE, form=OnForm(
            "Filter resolution", advanced=True, when="for small motions of a sharp map, which need finer detail; the "
            "time grows with its fifth power"), typed=Typed(basic=True))
    motion: bool = option(True, "displacements of the Gaussians", form=OnForm(
        "Motion?", advanced=True, when="to no where only the presence of a subunit or ligand is in question"))
    occupancy: bool = option(True, "changes of the Gaussians' amplitudes: density that is absent from part of the "
                             "particles", form=OnForm(
                                 "Occupancy?", advanced=True, when="to no where nothing can be missing, to save time"))
    poses: str = option("auto", "errors of the given poses", check=_POSES, form=OnForm(
        "Pose errors", advanced=True, when="to correct where maps along the motion are blurred by poor poses"),
                        typed=Typed(shorthands=(("--refine-poses", "refine"),)))
    focus: Path | None = option(
        None, "mask (.mrc): only Gaussians inside it move, the rest is rigid", otherwise="everything may move",
        form=OnForm("Focus mask", name="focusMask", advanced=True, content=Content.MASK,
                    when="where one part is of interest and the rest also moves"), typed=Typed(basic=True))
    atoms: Path | None = option(
        None, "atomic model (.pdb, .cif) in the frame of the map: the parts that move are named by its chains and "
        "residues", otherwise="that to which the Gaussians were fitted, if any",
        form=OnForm("Atomic model", name="atomsFile", advanced=True, content=Content.FILE,
                    when="to read which chains and residues move"))
    local_pose: bool = option(
        False, "estimate a rigid-body shift and rotation of the part in focus for every particle; modes are changes "
        "beyond it", form=OnForm(
            "Local refinement of the focus?", advanced=True, where=Where("focus"),
            when="where the part in focus also moves as a whole, as in local refinement"),
        typed=Typed(off="--no-local-pose"))
    symmetry: str = option(
        "C1", "symmetry of the Gaussian model: every asymmetric unit of every particle gets coordinates of its own; "
        "C1: the molecule as a whole", check=point_group, form=OnForm(
            "Symmetry (each subunit by itself)", when="for rings, capsids and other assemblies whose subunits move "
            "independently; the Gaussian model needs the same symmetry"))
    smoothness: float | None = option(
        None, "correlation length of displacements and of amplitude changes", unit="Å",
        otherwise="4/3 of the resolution, up to twice the resolution in large molecules, shorter where this raises the "
        "held-out likelihood", check=POSITIVE, form=OnForm(
            "Smoothness", advanced=True, when="to a larger length for small or noisy sets, a smaller one for "
            "motions of single helices"))
    follow: str = option(
        "auto", "large motions: linearise again along the path; a part that turns by any angle needs two modes",
        check=_FOLLOW, form=OnForm(
            "Large motions", advanced=True, when="to never to save time where all motions are small"))
    decoder: str = option(
        "linear", "how Gaussians follow the coordinates: a part that turns by any angle is one coordinate on a circle, "
        "a large hinge one along a curve, where straight modes take several", check=_DECODER, form=OnForm(
            "Coordinates", advanced=True, when="to curves where large parts move far or turn"))
    detectable: str = option(
        "auto", "where no mode is significant: plant motions of a part in the images, to tell the smallest that would "
        "have been found", check=_DETECTABLE, form=OnForm(
            "Smallest detectable motion", advanced=True, when="to never to save time where no motion is found"))
    junk: str = option(
        "auto", "find the modes without particles that hardly show the molecule at their pose: junk, and poses that "
        "are grossly wrong", check=_JUNK, form=OnForm(
            "Leave junk out", advanced=True, when="to never where particles of low contrast are real"))
    cross_coordinates: str = option(
        "yes", "also coordinates from one half of the Fourier pixels, under the modes of the other half-set: maps from "
        "the other half of the pixels are then free of the noise that the coordinates follow", check=_CROSS,
        form=OnForm("Cross-fitted coordinates", advanced=True, when="to never to save time where no maps are made"))
    search_particles: int | None = option(
        None, "particles that modes, their number, large motions and smoothness are searched on; modes are then "
        "finished on all particles, and all are placed; N, or all", otherwise="as many as the number of unknowns asks "
        "for, and more where held-out particles do not decide", check=Range("a whole number, auto or all", low=0),
        form=OnForm("Particles of the search", name="searchParticles", advanced=True,
                    when="to all to search on every particle, which takes longer"),
        typed=Typed(spelling=COUNT_AUTO_OR_ALL, metavar="N"))
    scratch: Path | None = bookkeeping(
        None, "folder for the cropped images, on a fast disk; analyses of the same particles share them, and nothing "
        "in it is needed afterwards", otherwise="the output folder",
        form=OnForm("Scratch directory", advanced=True, content=Content.FOLDER,
                    when="where the project is on a slow disk"))

    def __post_init__(self) -> None:
        check_options(self)
        self._check_symmetry()
        if self.local_pose and self.focus is None:
            raise InputError("--local-pose is given without --focus; expected the mask of the part that moves as "
                             "a body")
        self._check_method()
        self._check_follow()
        if not (self.motion or self.occupancy):
            raise InputError("--no-motion and --no-occupancy together leave nothing to analyse; expected at most one")

    def _check_symmetry(self) -> None:
        if self.symmetry != "C1" and (self.method != "likelihood" or self.local_pose):
            other = "--local-pose" if self.local_pose else f"--method {self.method}"
            raise InputError(f"--symmetry {self.symmetry} and {other} are both given; expected one of them: subunits "
                             "are analysed by the likelihood method, without local poses")

    def _check_method(self) -> None:
        refused = {"--focus": self.focus is not None, "--poses refine": self.poses == "refine",
                   "--smoothness": self.smoothness is not None, "--follow yes": self.follow == "yes",
                   "--search-particles": self.search_particles is not None,
                   f"--decoder {self.decoder}": self.decoder != "linear"}
        if self.method != "gradient-pca":
            if self.gradients != "position":
                raise InputError(f"--gradients is {self.gradients} and --method {self.method}; expected --gradients "
                                 "with --method gradient-pca alone")
            return
        if any(refused.values()):
            other = next(name for name, given in refused.items() if given)
            raise InputError(f"--method gradient-pca and {other} are both given; expected one of them: the likelihood "
                             "method alone can do that")
        if not (self.motion and self.occupancy):
            other, gradients = ("--no-occupancy", "position") if self.motion else ("--no-motion", "amplitude")
            raise InputError(f"--method gradient-pca and {other} are both given; expected --gradients {gradients}")

    def _check_follow(self) -> None:
        if self.decoder != "linear" and (self.symmetry != "C1" or self.local_pose):
            other = "--local-pose" if self.local_pose else f"--symmetry {self.symmetry}"
            raise InputError(f"--decoder {self.decoder} and {other} are both given; expected one of them: curves are "
                             "of the whole molecule, or of a part in focus")
        others = {f"--symmetry {self.symmetry}": self.symmetry != "C1", "--local-pose": self.local_pose,
                  "--no-motion": not self.motion}
        if self.follow == "yes" and any(others.values()):
            other = next(name for name, given in others.items() if given)
            raise InputError(f"--follow yes and {other} are both given; expected one of them: movements of the whole "
                             "or of a part in focus are followed")

    def correlation_lengths(self, resolution: float) -> tuple[float, ...]:
        """Of the smooth fields, Angstrom, the one to be preferred first; resolution: of the analysis."""
        return (4 / 3 * resolution, 5 / 3 * resolution, 2 * resolution) if self.smoothness is None else (
            self.smoothness,)
