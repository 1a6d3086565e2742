"""What the report says first: the headline, and sentences about significance, poses and contrast."""

import math
from dataclasses import dataclass

import numpy as np

from gmmhet.engine.report.composition_section import what_comes_and_goes
from gmmhet.engine.report.results import TOO_FEW, Mode, Results
from gmmhet.engine.report.settings import REPORTING
from gmmhet.engine.wording import names
from gmmhet.engine.wording import report as wording
from gmmhet.engine.wording.report_composition import HEADLINE, NO_MOTION_BESIDE

__all__ = ["Answer", "answer", "sentences"]


@dataclass(frozen=True)
class Answer:
    """Headline and lead of the page; tone is "motion", "none" or "open"."""

    headline: str
    lead: str
    tone: str


def answer(results: Results) -> Answer:
    """Whether there is a motion, in one line and a sentence or two."""
    n, resolution = results.n_particles, results.resolution
    found = sum(m.significant is True for m in results.significant)
    if n < TOO_FEW:
        return Answer(*wording.too_few(n, TOO_FEW), "none")
    if not found and results.significant:
        return Answer(*wording.untested(), "open")
    local = results.evidence.local_motion
    if not found and local is not None and local.significant:
        return Answer(*wording.local_motion_only(n, resolution), "motion")
    comes_and_goes = what_comes_and_goes(results)
    if not found and comes_and_goes:
        return Answer(HEADLINE, f"{comes_and_goes} {NO_MOTION_BESIDE}", "motion")
    if not found:
        return Answer(*wording.no_motion(n, resolution), "none")
    largest = max(_displacement(results, m) for m in results.significant)
    headline, lead = wording.motion_found(found, largest if largest > REPORTING.smallest_displacement else None,
                                          n if n < REPORTING.few_particles else None)
    does = [text for mode in results.significant if mode.significant for text in mode.does]
    return Answer(names.headline(does, found) if does else headline, f"{lead} {comes_and_goes}".strip(), "motion")


def _displacement(results: Results, mode: Mode) -> float:
    """Largest displacement of a Gaussian at one standard deviation, Angstrom."""
    lengths = np.linalg.norm(results.arrays["modes_position"][mode.number - 1], axis=-1)
    return float(lengths.max()) if lengths.size else 0.0


def sentences(results: Results) -> list[tuple[str, str]]:
    """What was found about motion, poses and contrast: (topic, sentence)."""
    real = [m for m in results.significant if m.significant]
    said = [(wording.topic("significance", m.number if len(real) > 1 else None), _how_sure(m)) for m in real]
    if not said and results.n_particles >= TOO_FEW:
        said.append((wording.topic("significance"), _best_tried(results)))
    sign = _number(results.summary.get("contrast_sign"))
    return [*said, (wording.topic("poses"), _poses(results)), (wording.topic("contrast"), wording.contrast(sign))]


def _how_sure(mode: Mode) -> str:
    r, sd = mode.halfset_correlation, mode.median_posterior_sd
    halves = None if r is None else (r, "full" if r >= REPORTING.full_agreement else
                                     "partial" if r >= REPORTING.partial_agreement else "no")
    posterior = None if sd is None else (sd, "well" if sd < REPORTING.well_determined else
                                         "roughly" if sd < REPORTING.roughly_determined else "poorly")
    return wording.how_sure(mode.heldout_gain, mode.null_quantile, halves, posterior)


def _best_tried(results: Results) -> str:
    if not results.modes:
        return wording.NO_MODE_KEPT
    best = max(results.modes, key=lambda m: -math.inf if m.heldout_gain is None else m.heldout_gain)
    if best.heldout_gain is None:
        return wording.NOT_TESTED
    return wording.best_tried(len(results.modes), best.heldout_gain, best.null_quantile)


def _poses(results: Results) -> str:
    given, shuffled, chance, sign = (_number(results.summary.get(k)) for k in (
        "score_given", "score_shuffled", "score_shuffled_max", "contrast_sign"))
    if given is None or shuffled is None:
        return wording.NO_POSE_SCORES
    if chance is None:
        error = float(np.std(results.arrays["score"])) / math.sqrt(results.n_particles)
        chance = abs(shuffled) + REPORTING.score_deviations * error
    return wording.poses(given, shuffled, given * (-1 if sign is not None and sign < 0 else 1) > chance)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
