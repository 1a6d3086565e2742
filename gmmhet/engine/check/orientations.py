"""What is looked at beyond the mean agreement of poses and map: wrong poses of single particles, unused resolution."""

from dataclasses import asdict, dataclass
from typing import Any

from gmmhet.engine.check.poses import PoseCheck, sample_of
from gmmhet.engine.check.settings import WRONG_POSES
from gmmhet.engine.check.unit import asymmetric_unit_of
from gmmhet.engine.check.unused_band import UnusedBand, refined_to, unused_band
from gmmhet.engine.check.wrong_poses import GrossErrors, Interval, gross_errors
from gmmhet.engine.io import DensityMap, ParticleTable
from gmmhet.engine.wording import check_poses as wording

__all__ = ["Orientations", "look_at_orientations"]


@dataclass(frozen=True)
class Orientations:
    """wrong: None where the given poses do not fit the map, or there are too few particles. band: None where it is not
    known to which resolution the poses were refined. ids: [n] of the particles of ``wrong``, from 1."""

    wrong: GrossErrors | None
    band: UnusedBand | None
    ids: list[int]

    def lines(self) -> list[tuple[str, str]]:
        """Lines of the screen: name and text."""
        lines = []
        if self.wrong is not None:
            found = self.wrong
            lines.append(("wrong poses", wording.wrong_line(len(found.rows), found.resolution, _triple(found.wrong),
                                                         _triple(found.if_fitted))))
            if found.empty is not None:
                lines.append(("", wording.empty_line(_shares(found.empty))))
        if self.band is not None:
            band = self.band
            lines.append(("unused band", wording.band_line(band.refined_to, band.resolution, band.share, band.error,
                                                           band.supported)))
        return lines

    @property
    def warnings(self) -> list[str]:
        """What is worth a second look."""
        warnings = []
        if self.wrong is not None:
            wrong, empty = self.wrong.wrong, self.wrong.empty
            if wrong is not None and wrong.low > WRONG_POSES.worth_a_word:
                warnings.append(wording.wrong_poses(_shares(wrong), _triple(self.wrong.if_fitted),
                                                    self.wrong.unresolved))
            if empty is not None and empty.low > WRONG_POSES.worth_a_word:
                warnings.append(wording.empty_images(_shares(empty)))
        return warnings

    def plain(self) -> dict[str, Any]:
        """The same for JSON."""
        wrong, band = self.wrong, self.band
        return {"wrong_poses": None if wrong is None else {
            "n_particles": len(wrong.rows), "resolution": wrong.resolution,
            "share": None if wrong.wrong is None else asdict(wrong.wrong),
            "no_molecule": None if wrong.empty is None else asdict(wrong.empty),
            "share_if_fitted": None if wrong.if_fitted is None else asdict(wrong.if_fitted),
            "likelihood_power": wrong.power, "unresolved": wrong.unresolved, "trial": list(wrong.trial),
            "ids": self.ids, "probability": [round(float(p), 4) for p in wrong.probability]},
            "unused_band": None if band is None else {**asdict(band), "supported": band.supported}}


def look_at_orientations(table: ParticleTable, density: DensityMap, poses: PoseCheck, *, symmetry: str | None = None,
                         used: float | None = None, seed: int = 0) -> Orientations:
    """Look at the poses of single particles where poses and map fit as given.

    Args:
        symmetry: point group; None: C1, or that in one asymmetric unit of which all views lie.
        used: resolution (Angstrom) to which the poses were refined; None: as the refinement's own file says.
    Raises:
        InputError: an image holds NaN or infinite pixels.
    """
    used = refined_to(table.source) if used is None else used
    band = None if used is None or poses.few else unused_band(table, used, seed=seed)
    other = poses.better is not None and not poses.better[0].control
    if poses.few or not poses.fit or other or poses.scale is not None or poses.inverted:
        return Orientations(None, band, [])
    rows = sample_of(table, WRONG_POSES.particles, seed)
    group = symmetry or asymmetric_unit_of(table.rotations[:, 2]) or "C1"
    found = gross_errors(table, rows, density, sign=poses.sign, symmetry=group, seed=seed)
    return Orientations(found, band, [int(i) for i in table.ids[rows]])


def _shares(interval: Interval) -> tuple[float, float, float]:
    return interval.share, interval.low, interval.high


def _triple(interval: Interval | None) -> tuple[float, float, float] | None:
    return None if interval is None else _shares(interval)
