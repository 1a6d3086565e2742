"""How each image of a realistic simulation differs from an ideal one: drawn once, kept as its truth."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.config.realism import Realism
from gmmhet.engine.simulate.particles import Particles
from gmmhet.engine.simulate.settings import MICROGRAPH, VIEWS

__all__ = ["BROKEN", "ICE", "KINDS", "NOISE", "OTHER", "PARTICLE", "Imperfections", "draw_imperfections",
           "with_defocus_errors", "with_preferred_views"]

#: what an image shows
KINDS = ("particle", "noise", "broken", "other", "ice")
PARTICLE, NOISE, BROKEN, OTHER, ICE = range(5)

_STREAM = 17  # apart from the numbers that draw the particles, which are the same with any realism


@dataclass(frozen=True)
class Imperfections:
    """Of n images.

    Attributes:
        kind: [n] index of KINDS. contrast: [n] factor of what is seen. noise_level: [n] factor of the noise.
        b_factor: [n] square Angstrom. defocus_error: [n] given less true defocus, Angstrom.
        preferred: [n] whether the view was drawn about the preferred axis. neighbours: [n] molecules at the edge.
        place: [n, 2] x, y in the micrograph, pixels.
    """

    kind: NDArray[np.int64]
    contrast: NDArray[np.float64]
    noise_level: NDArray[np.float64]
    b_factor: NDArray[np.float64]
    defocus_error: NDArray[np.float64]
    preferred: NDArray[np.bool_]
    neighbours: NDArray[np.int64]
    place: NDArray[np.float64]


def draw_imperfections(realism: Realism, particles: Particles, box: int, seed: int) -> Imperfections:
    """Draw them; each kind of random number has its own stream, so that switches leave one another alone."""
    n = len(particles)
    streams = [np.random.default_rng([seed, _STREAM, i]) for i in range(7)]
    micrographs = int(particles.micrograph.max()) + 1
    b_factor = realism.b_factor + realism.b_factor_sd * streams[3].standard_normal(micrographs)
    return Imperfections(
        kind=_kinds(streams[0], n, realism.junk),
        contrast=_lognormal(streams[1], n, realism.contrast_sd),
        noise_level=_lognormal(streams[2], n, realism.noise_sd),
        b_factor=np.maximum(b_factor, 0)[particles.micrograph].round(6),
        defocus_error=(realism.defocus_error * streams[4].standard_normal(n)).round(6),
        preferred=streams[5].permutation(n) < round(realism.preferred_views * n),
        neighbours=streams[6].poisson(realism.neighbours, n),
        place=streams[6].uniform(box / 2, max(MICROGRAPH.width - box / 2, box), (n, 2)).round(1))


def _kinds(rng: np.random.Generator, n: int, junk: float) -> NDArray[np.int64]:
    """The share of junk to within one image, its kinds equally frequent to within one."""
    kind = np.zeros(n, np.int64)
    count = round(junk * n)
    kind[:count] = 1 + np.arange(count) % (len(KINDS) - 1)
    return rng.permutation(kind)


def _lognormal(rng: np.random.Generator, n: int, deviation: float) -> NDArray[np.float64]:
    """Positive numbers of mean 1 and the given deviation."""
    variance = np.log1p(deviation**2)
    return np.asarray(np.exp(np.sqrt(variance) * rng.standard_normal(n) - variance / 2).round(6))


def with_preferred_views(particles: Particles, preferred: NDArray[np.bool_], seed: int) -> Particles:
    """Particles of which some ([n] true) are seen along one axis or its opposite, a von Mises-Fisher spread about it.

    The angle in the plane stays uniform.
    """
    rng = np.random.default_rng([seed, _STREAM, 7])
    axis = rng.standard_normal(3)
    axis /= np.linalg.norm(axis)
    count = int(preferred.sum())
    kappa = VIEWS.concentration
    cosine = 1 + np.log(rng.uniform(size=count) * (1 - np.exp(-2 * kappa)) + np.exp(-2 * kappa)) / kappa
    cosine *= rng.choice([-1, 1], count)
    around = rng.uniform(-np.pi, np.pi, count)
    sine = np.sqrt(np.maximum(1 - cosine**2, 0))
    first = np.linalg.svd(axis[None])[2][1:]
    views = cosine[:, None] * axis + sine[:, None] * (np.cos(around)[:, None] * first[0] +
                                                      np.sin(around)[:, None] * first[1])
    angles = particles.angles.copy()
    angles[preferred, 0] = np.rad2deg(np.arctan2(views[:, 1], views[:, 0]))
    angles[preferred, 1] = np.rad2deg(np.arccos(np.clip(views[:, 2], -1, 1)))
    return replace(particles, angles=angles.round(6))


def with_defocus_errors(particles: Particles, errors: NDArray[np.float64]) -> Particles:
    """Particles whose U and V are wrong by the same [n] Angstrom each."""
    defocus = particles.defocus.copy()
    defocus[:, :2] += errors[:, None]
    return replace(particles, defocus=defocus.round(6))
