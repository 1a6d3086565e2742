"""Rows of the real set: signals planted in real noise, images of apoferritin less their fitted projections.

In the oracle's column stands the same for Gaussian noise of equal power in each shell: same particles, poses, optics
and signals. The seed decides which particle is planted in which image. The images are found by GMMHET_CONFORMANCE_DATA.
"""

import unittest

from figures import Figure, at_least, at_most
from measures import held_out_estimate, rank_correlation
from stages import Analysis, Bench, DataSet, Imaging, StageError

from gmmhet.tests.support.conformance import conformance_file

__all__ = ["ROWS"]

_SNR = 0.1
_FIT = ("--resolution", "16")  # as gmmhet run's


def _imagings() -> tuple[Imaging, Imaging]:
    """Real noise, and Gaussian.

    Raises:
        StageError: the images are not there.
    """
    try:
        star, density = (conformance_file(f"apoferritin/{name}") for name in ("particles.star", "map.mrc"))
    except unittest.SkipTest as reason:
        raise StageError(f"skipped: {reason}") from reason
    residuals = ("--noise-from", star, "--noise-map", density)
    return Imaging("realnoise_", residuals), Imaging("gaussiannoise_", (*residuals, "--noise-gaussian"))


def _both(work: Bench, name: str, seed: int) -> list[tuple[DataSet, Analysis]]:
    sets = [work.simulate(name, _SNR, seed, imaging=imaging) for imaging in _imagings()]
    return [(data, work.analyze(data, "likelihood", fit=_FIT)) for data in sets]


def hinge(work: Bench, seed: int) -> list[Figure]:
    """Rank correlation of the angle with its held-out estimate from the significant modes, and their number."""
    pair = _both(work, "hinge11", seed)
    truth = pair[0][0].truth().coordinates[:, 0]
    real, gaussian = (rank_correlation(held_out_estimate(found.latents(), truth), truth) for _, found in pair)
    modes = [int(found.entry("n_significant_modes")) for _, found in pair]
    return [Figure("hinge11 in real noise: rank correlation / in Gaussian noise", f"{real:.3f}", f"{gaussian:.3f}",
                   real / gaussian, at_least(0.95), at_least(1.0)),
            Figure("hinge11 in real noise: significant modes", str(modes[0]), str(modes[1]), modes[0], at_most(1),
                   at_most(1))]


def null(work: Bench, seed: int) -> list[Figure]:
    real, gaussian = (int(found.entry("n_significant_modes")) for _, found in _both(work, "null", seed))
    return [Figure("null in real noise: significant modes", str(real), str(gaussian), real, at_most(0), at_most(0))]


ROWS = {"real-noise-hinge": hinge, "real-noise-null": null}
