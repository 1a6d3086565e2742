"""Rows of the truth set: what the results say, against what is there.

``junk``: a hinge as microscopes show it, a fifth of the images junk of four kinds (noise, ice, another molecule, broken
particles), and the same without junk. One mode is asked for, which is quick: junk is told before modes are sought.
"""

from collections.abc import Iterator

import numpy as np
from figures import Figure, at_least, at_most
from measures import area_under_curve
from real_rows import kinds_of
from stages import Bench, Imaging

__all__ = ["ROWS"]

_SNR, _SHARE = 0.1, 0.2
_WITH, _WITHOUT = (Imaging(f"junk{share:g}_", ("--as-real", "--junk", str(share))) for share in (_SHARE, 0.0))


def _junk(work: Bench, seed: int) -> Iterator[Figure]:
    one = ("--modes", 1, "--follow", "no", "--detectable", "no")
    data = work.simulate("hinge11", _SNR, seed, imaging=_WITH)
    found, kinds = work.analyze(data, "likelihood", *one), kinds_of(data)
    junk, told = kinds != "particle", found.entry("junk")
    share = 0.0 if told is None else told["share"]
    probability = np.zeros(len(kinds)) if told is None else found.column("gmmhetJunk")
    by_contrast = area_under_curve(-found.column("gmmhetContrast"), junk)
    area = area_under_curve(probability, junk)
    yield Figure("junk 20 %: probability, area (by contrast)", f"{area:.3f}", f"{by_contrast:.3f}", area,
                 at_least(0.95), at_least(0.99))
    yield Figure("junk 20 %: share that is told / true", f"{share:.3f}", f"{junk.mean():.3f}",
                 abs(share - junk.mean()), at_most(0.05), at_most(0.02))
    for kind in np.unique(kinds):
        left_out = float(np.mean(probability[kinds == kind] > 0.5))
        yield Figure(f"junk 20 %: share of kind '{kind}' that is left out", f"{left_out:.3f}", "", left_out)
    clean = work.analyze(work.simulate("hinge11", _SNR, seed, imaging=_WITHOUT), "likelihood", *one).entry("junk")
    wrongly = 0.0 if clean is None else clean["share"]
    yield Figure("no junk: share that is told", f"{wrongly:.3f}", "0.000", wrongly, at_most(0.05), at_most(0.02))


ROWS = {"junk": _junk}
