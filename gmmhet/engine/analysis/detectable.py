"""Which motion a search that found none would have found: motions planted in the same images, and sought alike."""

import logging
import math
import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.analysis.expected_gain import ExpectedGain, SearchSize
from gmmhet.engine.analysis.preparation import Prepared
from gmmhet.engine.analysis.result import Detectable, PlantedTrial
from gmmhet.engine.analysis.settings import DETECTABLE, SUBSPACE_METHOD
from gmmhet.engine.analysis.visible_motions import VisibleMotion, visible_motions
from gmmhet.engine.config import AnalyzeConfig
from gmmhet.engine.molecule.part_motions import PartMotion, compact_parts, motions_of_part
from gmmhet.engine.runtime.checkpoint import Journal
from gmmhet.engine.subspace.em import calibrate
from gmmhet.engine.subspace.mode_selection import FoundModes, SearchOptions, place_others, select_modes
from gmmhet.engine.subspace.planted_motion import PlantedMotion, RestingMolecule, TrueParticles
from gmmhet.engine.subspace.state import Posteriors, SubspaceModel
from gmmhet.engine.subspace.subunits import SubunitModel

__all__ = ["detectable_motion", "next_size"]

_LOG = logging.getLogger("gmmhet")
Array = NDArray[np.float64]


def detectable_motion(prepared: Prepared, config: AnalyzeConfig, journal: Journal, found: FoundModes,
                      ) -> Detectable | None:
    """The smallest motion of a part that the search would have found; None where that is not sought.

    Compact parts of a given mass swing and shift in the rest; of all these motions one is taken of which the images
    tell little. It is added to the images, and sought as the analysis does, at sizes that enclose the smallest that is
    found.
    """
    if config.detectable == "no" or not config.motion or config.local_pose or found.evidence.significant:
        return None
    return _Planting.of(prepared, config, journal, found).smallest()


@dataclass(frozen=True)
class _Mass:
    """Of the parts that are tried: as a share of the molecule, and in kDa where the molecule's volume is known."""

    share: float
    kilodalton: float | None


@dataclass(frozen=True)
class _Planting:
    """What motions are planted in, and how they are sought.

    Attributes:
        found: of the search that found nothing. rest: its model without modes. still: the particles under it.
        molecule: at rest. motion: of 1 Angstrom. expected: what a search gains from it. mass: of the part.
        reach: largest size that is tried, Angstrom.
    """

    config: AnalyzeConfig
    journal: Journal
    found: FoundModes
    halves: NDArray[np.int64]
    rest: SubspaceModel
    still: Posteriors
    molecule: RestingMolecule
    motion: PartMotion
    expected: ExpectedGain
    mass: _Mass
    reach: float

    @classmethod
    def of(cls, prepared: Prepared, config: AnalyzeConfig, journal: Journal, found: FoundModes) -> "_Planting":
        """Choose the motion."""
        spec = found.estimator.spec
        rest = found.final.model.without_modes(spec.basis)
        still = replace(found.final.posteriors.with_modes_of(rest), pose_variance=found.final.posteriors.pose_variance)
        molecule = _at_rest(rest)
        parts, mass = _parts(prepared, rest, molecule)
        unit = len(rest.centers)
        motions = [motion for part in parts for motion in motions_of_part(
            part, molecule.centers[:unit], rest.weights, molecule.centers)]
        visible = visible_motions(found.estimator, rest, still, molecule, motions)
        chosen = _little_visible(visible)
        copies = len(molecule.rotations)
        search = SearchSize(len(still.rows), copies, spec.directions.shape[1], found.evidence.null)
        expected = ExpectedGain(chosen.information, search)
        reach = DETECTABLE.largest * _radius(molecule.centers, molecule.weights)
        return cls(config, journal, found, prepared.cache.table.halves, rest, still, molecule, chosen.motion, expected,
                   mass, reach)

    def smallest(self) -> Detectable:
        """Plant and seek until the smallest size that is found is known well enough, or patience ends."""
        started = time.monotonic()
        predicted = self.expected.smallest(DETECTABLE.smallest, self.reach)
        _LOG.info("a motion of %.1f Å of a part of %.0f %% of the molecule should be detectable; planting it in these "
                  "images", predicted, 100 * self.mass.share)
        trials: list[PlantedTrial] = []
        size: float | None = min(DETECTABLE.margin * predicted, self.reach)
        while size is not None:
            trials.append(self._trial(size))
            last = trials[-1]
            _LOG.info("planted %.2f Å: %s (gain %.3f +- %.3f, correlation with the planted coordinate %.2f)",
                      size, "found" if last.found else "not found", last.gain, last.gain_error, last.correlation)
            size = next_size(trials, self.expected, self.reach) if len(trials) < DETECTABLE.searches else None
        sizes = [t.size for t in trials if t.found]
        seconds = time.monotonic() - started
        _LOG.info("%d searches for planted motions: %.0f s", len(trials), seconds)
        return Detectable(size=min(sizes) if sizes else None, largest_tried=max(t.size for t in trials),
                          predicted=predicted, share=self.mass.share, kilodalton=self.mass.kilodalton,
                          trials=tuple(trials), seconds=seconds)

    def _trial(self, size: float) -> PlantedTrial:
        section = self.journal.section(f"planted {size:.4f} A")
        result: PlantedTrial = section.page("result").once(lambda: self._sought(size, section))
        return result

    def _sought(self, size: float, journal: Journal) -> PlantedTrial:
        """The search of the analysis, of images that a motion of some size was added to."""
        rng = np.random.default_rng([self.config.seed, DETECTABLE.seed])
        n, copies = len(self.still.rows), len(self.molecule.rotations)
        coordinate = rng.standard_normal((n, copies))
        pose = self.still.pose + np.sqrt(self.still.pose_variance) * rng.standard_normal(self.still.pose.shape)
        true = TrueParticles(self.still.rows, coordinate, np.asarray(pose, np.float64), self.still.contrast)
        estimator = self.found.estimator.with_transform(PlantedMotion(
            self.found.estimator.spec.observer, self.molecule, self.motion.times(size), true))
        rest = calibrate(estimator, self.rest, self.still.rows, passes=SUBSPACE_METHOD.calibration_exact,
                         page=journal.page("calibration"))
        options = SearchOptions(1, self.config.seed, null=self.found.evidence.null)
        evidence = select_modes(estimator, rest, self.halves, options, journal)
        second = np.flatnonzero(self.halves == 2)
        z = evidence.models[0].coordinates(
            place_others(estimator, evidence.models[0], rest.posteriors.at(second), label="").z)[:, 0]
        correlation = abs(float(np.corrcoef(z, coordinate[second].ravel())[0, 1])) if z.std() > 0 else 0.0
        least = DETECTABLE.least_correlation * self.expected.correlation(size)
        return PlantedTrial(size=size, gain=float(evidence.gain[0]), gain_error=float(evidence.error[0]),
                            agreement=float(evidence.correlation[0]), correlation=correlation,
                            found=bool(evidence.significant and correlation >= least))


def next_size(trials: list[PlantedTrial], expected: ExpectedGain, reach: float) -> float | None:
    """The size to plant next, Angstrom; None where the smallest size that is found is known well enough.

    Where the gain of the smallest size that was found, or of the largest that was not, lets expect the limit, by steps
    that are neither short nor long; between both, where there are both, the middle of their ratio.
    """
    found = min((t for t in trials if t.found), key=lambda t: t.size, default=None)
    missed = max((t for t in trials if not t.found), key=lambda t: t.size, default=None)
    step, leap, near = DETECTABLE.step, DETECTABLE.leap, DETECTABLE.near
    if found is not None:
        if missed is None or missed.size >= found.size:
            return float(np.clip(_limit(found, expected, reach), found.size / leap, found.size / step))
        if found.size / missed.size <= near:
            return None
        return math.sqrt(missed.size * found.size)
    if missed is None or missed.size >= reach:
        return None
    return min(float(np.clip(_limit(missed, expected, reach), missed.size * step, missed.size * leap)), reach)


def _limit(trial: PlantedTrial, expected: ExpectedGain, reach: float) -> float:
    """Somewhat more than the smallest size that is to be found, Angstrom, from what a trial gained.

    The expected gains are taken for those of a motion so many times larger or smaller that it gains what the trial did.
    """
    sizes = np.geomspace(trial.size / DETECTABLE.leap, trial.size * DETECTABLE.leap, 200)
    gains = np.array([expected.at(float(s))[0] for s in sizes])
    alike = float(sizes[min(int(np.searchsorted(gains, trial.gain)), len(sizes) - 1)])
    return DETECTABLE.margin * expected.smallest(DETECTABLE.smallest, reach) * trial.size / alike


def _little_visible(visible: list[VisibleMotion]) -> VisibleMotion:
    """One of the motions that images tell least of."""
    order = sorted(visible, key=lambda motion: float(motion.information.mean()))
    chosen = order[int(DETECTABLE.quantile * (len(order) - 1))]
    least, most = (float(order[i].information.mean()) ** -0.5 for i in (0, -1))
    _LOG.info("information of an image on motions of parts: that of one in %.1f to %.1f Å; %.1f Å is taken", most,
              least, float(chosen.information.mean()) ** -0.5)
    return chosen


def _parts(prepared: Prepared, rest: SubspaceModel, molecule: RestingMolecule,
           ) -> tuple[list[NDArray[np.bool_]], _Mass]:
    """Compact parts of the unit, within the focus, and their mass."""
    whole, copies = float(np.abs(molecule.weights).sum()), len(molecule.rotations)
    allowed = prepared.in_focus.reshape(copies, -1).any(0)
    volume = prepared.model.about.get("molecule_volume")
    kilodalton = float(volume) * DETECTABLE.density if isinstance(volume, int | float) and volume > 0 else None
    share = DETECTABLE.share * float(np.abs(rest.weights[allowed]).sum()) / whole
    if kilodalton is not None:
        share = min(share, DETECTABLE.kilodalton / kilodalton)
    parts = compact_parts(rest.centers, rest.weights, share * whole, allowed)
    real = float(np.median([np.abs(rest.weights[part]).sum() for part in parts])) / whole
    return parts, _Mass(real, None if kilodalton is None else real * kilodalton)


def _at_rest(model: SubspaceModel) -> RestingMolecule:
    """All Gaussians, those of copies after those of the first unit."""
    rotations = model.rotations if isinstance(model, SubunitModel) else np.eye(3)[np.newaxis]
    copies = len(rotations)
    return RestingMolecule(np.einsum("gab,jb->gja", rotations, model.centers).reshape(-1, 3),
                           np.tile(model.weights, copies), np.tile(model.variances, copies), rotations)


def _radius(centers: Array, weights: Array) -> float:
    """Radius of gyration, Angstrom."""
    mass = np.abs(weights)
    middle = np.average(centers, axis=0, weights=mass)
    return float(np.sqrt(np.average(((centers - middle) ** 2).sum(1), weights=mass)))
