"""Which sentences apply to what the check found, in the order in which they are printed."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.check.facts import Facts
from gmmhet.engine.check.images import ImageCheck
from gmmhet.engine.check.poses import PoseCheck
from gmmhet.engine.check.settings import LIKELY
from gmmhet.engine.check.views import ViewCheck
from gmmhet.engine.wording import check as wording
from gmmhet.engine.wording.views import unit_line

__all__ = ["facts_lines", "image_lines", "pose_lines", "pose_problem", "pose_warnings", "unsure", "view_lines"]


def facts_lines(facts: Facts) -> list[str]:
    """What the file holds."""
    counts = wording.particle_count(facts.n_particles, facts.n_images, facts.n_stacks, facts.n_micrographs)
    return [*_block("particles", counts),
            *_block("images", [wording.acquisition(facts.box, facts.pixel_size)]),
            *_block("optics group", wording.optics_lines(facts.optics)),
            *_block("defocus", [wording.defocus_range(facts.defocus, facts.astigmatism)]),
            *(_block("phase shift", [wording.phase_shift(*facts.phase_shift)]) if facts.defocus is not None else []),
            *_block("shifts", [wording.shift_lengths(*facts.shift)]),
            *_block("half-sets", [wording.halves(*facts.halves)])]


def image_lines(found: ImageCheck) -> list[str]:
    """Grey values of the images."""
    return _block("background", wording.background_lines(found.n_images, found.radius, found.mean[1], found.deviation,
                                                         found.normalised, found.brightness))


def view_lines(found: ViewCheck) -> list[str]:
    """Distribution of the viewing directions."""
    crowded, least = wording.direction_lines(found.crowded, found.least)
    unit = [] if found.unit is None else [unit_line(found.unit)]
    return _block("views", [crowded, *unit, least, *found.text()])


def pose_lines(found: PoseCheck, map_path: Path | str) -> list[str]:
    """Agreement of particles and map."""
    lines = [*_block("poses", wording.agreement_lines(found.n_particles, str(map_path), found.resolution, found.given,
                                                      found.chance, found.rank)),
             *_block("contrast", [wording.contrast(found.sign) if not found.inverted else
                                  wording.mixed_contrast(found.inverted, found.n_particles)])]
    if found.frame is not None:
        lines += _block("map", [wording.best_map_frame(
            _triple(found.frame.move), float(np.linalg.norm(found.frame.move_error)),
            float(np.linalg.norm(found.frame.turn)), float(np.linalg.norm(found.frame.turn_error)))])
    others = sorted(found.readings.items(), key=lambda item: -abs(item[1]))[:3]
    return [*lines, *_block("", [wording.next_readings(others)])]


def _block(name: str, lines: list[str]) -> list[str]:
    return [wording.screen_line(name if i == 0 else "", line) for i, line in enumerate(lines)]


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])


def pose_problem(found: PoseCheck, source: Path | str, map_path: Path | str) -> str | None:
    """One line on what is wrong; None where nothing is, or where there are too few particles to decide."""
    if found.few:
        return None
    if found.better is not None and not found.better[0].control:
        reading, value = found.better
        return wording.other_reading(str(source), str(map_path), reading.words, value, found.given, found.chance)
    return None if found.fit else wording.unlikely_poses(str(source), str(map_path), found.given, found.chance)


def unsure(found: PoseCheck) -> bool:
    """Whether poses fit the map so little better than shuffled ones, and so little at all, that another map might."""
    return found.weak and abs(found.given) < LIKELY.correlation


def pose_warnings(found: PoseCheck) -> list[str]:
    """What needs attention but does not stop a run."""
    better = found.better[0] if found.better is not None else None
    warnings = []
    if found.few:
        mistaken = better.words if better is not None and not better.control else None
        warnings += wording.few_particles(found.n_particles, found.fit, mistaken)
    elif found.weak and better is None:
        warnings.append(wording.weak_agreement())
    if abs(found.given) < LIKELY.correlation:
        warnings.append(wording.low_correlation(found.given))
    if found.inverted:
        warnings.append(wording.mixed_contrast(found.inverted, found.n_particles))
    if better is not None and better.control:
        warnings.append(wording.shift_errors(better.words))
    frame = found.frame
    if frame is not None and (frame.moved or frame.turned):
        warnings.append(wording.map_displaced(_triple(frame.move) if frame.moved else None,
                                              _triple(frame.turn) if frame.turned else None))
    if found.scale is not None and better is None:
        warnings.append(wording.size_mismatch(found.scale))
    return warnings
