"""Settings of scores and gradients by Fourier ring correlation."""

from dataclasses import dataclass

from gmmhet.engine.settings import setting

__all__ = ["GRADIENT_FILE", "GRADIENT_PCA", "POSE_SCORES", "GradientFile", "GradientPca", "PoseScores"]

_CHOSEN = "chosen, not measured"


@dataclass(frozen=True)
class PoseScores:
    """Whether particles fit the map at their own poses, compared with shuffled ones."""

    most_particles: int = setting(500, "particles", "scored; their mean is known well enough", origin=_CHOSEN)
    shuffles: int = setting(4, "shuffles", "of the poses, at least", origin=_CHOSEN)
    most_shuffles: int = setting(100, "shuffles", "where there are few particles", origin=_CHOSEN)
    shuffled_images: int = setting(400, "images", "with shuffled poses, so that the spread of their mean is known",
                                   origin=_CHOSEN)


@dataclass(frozen=True)
class GradientPca:
    """Principal components of gradients, and positions along them."""

    positions: int = setting(9, "positions", "along a component where the score is sampled; odd, the middle is 0",
                             origin=_CHOSEN)
    components: int = setting(12, "components", "whose variance is reported, at least", origin=_CHOSEN)
    largest_exact: int = setting(1500, "gradient components", "more: leading eigenvectors by Lanczos' method, since "
                                 "the time grows with the cube", origin=_CHOSEN)
    least_bend: float = setting(1e-12, "", "second difference of scores; flatter ones are a straight line",
                                origin="rounding")


@dataclass(frozen=True)
class GradientFile:
    """gradients.h5."""

    chunk: int = setting(1 << 20, "bytes", "of a chunk, which is read as a whole: some particles with all their "
                         "Gaussians", origin=_CHOSEN)


POSE_SCORES = PoseScores()
GRADIENT_PCA = GradientPca()
GRADIENT_FILE = GradientFile()
