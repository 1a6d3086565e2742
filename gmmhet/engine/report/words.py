"""The results in plain words."""

import math
from dataclasses import dataclass

import numpy as np

from gmmhet.engine.report.results import TOO_FEW, Mode, Results

__all__ = ["FEW_PARTICLES", "Answer", "angstrom", "answer", "counted", "degrees", "number", "sentences"]

FEW_PARTICLES = 1000  # fewer are worth a warning


@dataclass(frozen=True)
class Answer:
    """Headline and lead of the page; tone is "motion", "none" or "open"."""

    headline: str
    lead: str
    tone: str


def number(value: float | None, digits: int = 3) -> str:
    """A number as people read it; an en dash where there is none."""
    if value is None or not math.isfinite(value):
        return "\N{EN DASH}"
    if value != 0 and not 1e-3 <= abs(value) < 1e7:
        return f"{value:.{digits - 1}e}"
    if abs(value) >= 1000 or value == round(value):
        return f"{value:,.0f}".replace("-", "\N{MINUS SIGN}")
    rounded = f"{value:.{max(digits - 1 - math.floor(math.log10(abs(value))), 0)}f}"
    return rounded.replace("-", "\N{MINUS SIGN}")


def angstrom(value: float | None, digits: int = 3) -> str:
    """A length with its unit, kept on one line."""
    return number(value, digits) + "\N{NO-BREAK SPACE}Å"


def degrees(value: float | None, digits: int = 3) -> str:
    """An angle with its unit, kept on one line."""
    return number(value, digits) + "\N{NO-BREAK SPACE}degrees"


def counted(count: float, word: str) -> str:
    """A count with its word: 1 mode, 3,000 particles."""
    return f"{count:,.0f} {word}{'' if count == 1 else 's'}"


def answer(results: Results) -> Answer:
    """Is there a motion, in one line and one sentence."""
    found = sum(m.significant is True for m in results.significant)
    if results.n_particles < TOO_FEW:
        return Answer("Too few particles to find a motion",
                      f"{counted(results.n_particles, 'particle')} cannot support a motion: whatever differs between "
                      "so few images cannot be told from noise. The page shows what else was measured.", "none")
    if not found and results.significant:
        return Answer("Directions of change computed, not tested",
                      "This method orders directions of change by their spread and does not test them against noise. "
                      "The default method (likelihood) does.", "open")
    local = results.evidence.local_motion
    if not found and local is not None and local.significant:
        return Answer("The part in focus moves as a rigid body",
                      f"Beside that, one structure explains these {counted(results.n_particles, 'particle')} at "
                      f"{angstrom(results.summary['resolution'])} as well as any motion does: no mode passes its "
                      "tests.", "motion")
    if not found:
        return Answer("No motion found",
                      f"One rigid structure explains these {counted(results.n_particles, 'particle')} at "
                      f"{angstrom(results.summary['resolution'])} as well as any motion does: no mode passes its "
                      "tests.", "none")
    travel = max(_travel(results, m) for m in results.significant)
    lead = f"{'One mode explains' if found == 1 else f'{found} modes explain'} held-out particles better than chance."
    if travel > 0.05:
        lead += f" The Gaussian that moves most shifts by {angstrom(travel, 2)} per standard deviation."
    if results.n_particles < FEW_PARTICLES:
        lead += f" But {counted(results.n_particles, 'particle')} are few: repeat with more before relying on it."
    return Answer("A motion was found" if found == 1 else f"Motion found: {found} significant modes", lead, "motion")


def _travel(results: Results, mode: Mode) -> float:
    lengths = np.linalg.norm(results.arrays["modes_position"][mode.number - 1], axis=-1)
    return float(lengths.max()) if lengths.size else 0.0


def sentences(results: Results) -> list[tuple[str, str]]:
    """What was found about motion, poses and contrast: (topic, sentence)."""
    real = [m for m in results.significant if m.significant]
    said = [("How sure" if len(real) == 1 else f"How sure, mode {m.number}", _how_sure(m)) for m in real]
    if not said and results.n_particles >= TOO_FEW:
        said.append(("How sure", _how_sure_none(results)))
    return [*said, ("Poses", _poses(results)), ("Contrast", _contrast(results))]


def _how_sure(mode: Mode) -> str:
    parts = []
    if mode.heldout_gain is not None and mode.null_quantile is not None:
        parts.append(f"particles kept out of the estimate gain {number(mode.heldout_gain)} in log-likelihood each, "
                     f"where chance reaches {number(mode.null_quantile)}")
    r = mode.halfset_correlation
    if r is not None:
        agreement = "agree" if r >= 0.9 else "agree in part" if r >= 0.6 else "do not agree"
        parts.append(f"the two halves of the data, each taken alone, {agreement} (correlation {number(r)})")
    if mode.median_posterior_sd is not None:
        sd = mode.median_posterior_sd
        known = "well" if sd < 0.35 else "roughly" if sd < 0.7 else "hardly at all"
        parts.append(f"where a single particle lies on it is known {known} (±{number(sd, 2)} of the spread)")
    text = "; ".join(parts) or "the analysis gives no figures for it"
    return text[0].upper() + text[1:] + "."


def _how_sure_none(results: Results) -> str:
    if not results.modes:
        return "No mode was kept: the best one tried did not explain held-out particles better than none."
    best = max(results.modes, key=lambda m: -math.inf if m.heldout_gain is None else m.heldout_gain)
    if best.heldout_gain is None:
        return "No mode was tested on held-out particles."
    chance = f", where chance reaches {number(best.null_quantile)}" if best.null_quantile is not None else ""
    return (f"The best of {counted(len(results.modes), 'mode')} tried changes the log-likelihood of a held-out "
            f"particle by {number(best.heldout_gain)}{chance}.")


def _poses(results: Results) -> str:
    given, shuffled = (results.summary.get(k) for k in ("score_given", "score_shuffled"))
    if not isinstance(given, int | float) or not isinstance(shuffled, int | float):
        return "The analysis gives no scores at shuffled poses."
    figures = f"mean Fourier ring correlation {number(given)} at the given poses, {number(shuffled)} at shuffled ones"
    chance = results.summary.get("score_shuffled_max")
    if not isinstance(chance, int | float):
        chance = abs(shuffled) + 2 * float(np.std(results.arrays["score"])) / math.sqrt(results.n_particles)
    sign = results.summary.get("contrast_sign")
    if given * (-1 if isinstance(sign, int | float) and sign < 0 else 1) > chance:
        return f"The poses fit the images: {figures}."
    return (f"The given poses fit the images no better than shuffled ones ({figures}). Check poses, pixel size and "
            "map before believing anything else here.")


def _contrast(results: Results) -> str:
    sign = results.summary.get("contrast_sign")
    if not isinstance(sign, int | float) or sign == 0:
        return "The sign of the image contrast is not told."
    if sign > 0:
        return "Particles and map are of the same contrast."
    return "Particles and map are of opposite contrast (one of them black on white); found and accounted for."
