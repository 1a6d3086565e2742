"""What speaks for and against a motion: errors of poses, half-sets, convergence, subunits; as HTML figures."""

import math

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.report.charts import GREY, MODE_COLOURS
from gmmhet.engine.report.evidence import Pass
from gmmhet.engine.report.results import Results
from gmmhet.engine.report.settings import REPORTING
from gmmhet.engine.report.svg import Axis, Plot, shade
from gmmhet.engine.report.templates import Markup, one_number
from gmmhet.engine.wording import report_trust as wording
from gmmhet.engine.wording.report_charts import Chart

__all__ = ["convergence", "halfset_angles", "pose_corrections", "rigid_words", "settled", "subunits"]

Floats = NDArray[np.float64]

_MOST_MAPS = 4
_BOTH_SIGNS = ("#b8291f", "#eba067", "#f3f1ec", "#8fb0d3", "#1f5fa8")  # -1 to 1


def pose_corrections(results: Results) -> list[Markup]:
    """Distributions of the corrections to the given poses; none where the analysis made none."""
    errors, pose = results.evidence.pose_errors, np.asarray(results.arrays["pose"], dtype=np.float64)
    if errors is None or pose.shape[1] != 5 or not np.isfinite(pose).all() or not pose.any():
        return []
    across, about = np.rad2deg(pose[:, 2:4]).ravel(), np.rad2deg(pose[:, 4])
    angles, tilted, turned = wording.angle_corrections(errors.out_of_plane, errors.in_plane, errors.shift,
                                                       errors.refined)
    shifts, along = wording.shift_corrections()
    return [_corrections(angles, [(tilted, across, errors.out_of_plane), (turned, about, errors.in_plane)]),
            _corrections(shifts, [(along, pose[:, :2].ravel(), errors.shift)])]


def _corrections(chart: Chart, parts: list[tuple[str, Floats, float | None]]) -> Markup:
    """Outlines in per cent of the values, with the estimated error of each as a bar above."""
    reach = max(max(float(np.percentile(np.abs(v), 99.5)), 1.2 * (sd or 0.0), 1e-6) for _, v, sd in parts)
    edges = np.linspace(-reach, reach, 42)
    heights = [100 * np.histogram(v, edges)[0] / len(v) for _, v, _ in parts]
    top = max(float(h.max()) for h in heights)
    plot = Plot(chart.title, Axis(chart.x, -reach, reach), Axis(chart.y, 0, top * (1.1 + 0.16 * len(parts))))
    for i, ((label, _, sd), height) in enumerate(zip(parts, heights, strict=True)):
        plot.steps(edges, height, MODE_COLOURS[i], label=label)
        if sd is not None and 0 < sd <= reach:
            plot.span(-sd, sd, top * (1.07 + 0.16 * i), "", colour=MODE_COLOURS[i])
    return plot.figure(chart.caption)


def halfset_angles(results: Results) -> Markup:
    """Principal angles between the spaces of the two half-sets' modes."""
    angles = results.evidence.angles
    if not angles:
        return Markup()
    same, other, chart = REPORTING.same_direction, REPORTING.other_direction, wording.HALFSET_ANGLES
    if len(angles) == 1:
        return one_number(chart.title, float(angles[0]), wording.halfset_angle_alone(same, other), "degrees")
    places = np.arange(1, len(angles) + 1)
    room = max(0.0, (4 - len(angles)) / 2)
    plot = Plot(chart.title,
                Axis(chart.x, 0.4 - room, len(angles) + 0.6 + room,
                     [(float(i), str(i)) for i in places[::1 + len(places) // 13]]), Axis(chart.y, 0, 95, [
                         (float(a), str(a)) for a in (0, 15, 30, 45, 60, 75, 90)]))
    for level in (same, other):
        plot.rule(level, across=True, dash="2 4")
    colours = [MODE_COLOURS[0] if a <= same else "#c9a227" if a <= other else GREY for a in angles]
    plot.dots(places, angles, colours, [wording.direction_tip(i, a) for i, a in zip(places, angles, strict=True)])
    return plot.figure(wording.halfset_angles(sum(a <= same for a in angles), same, other))


def convergence(results: Results) -> list[Markup]:
    """Log-likelihood and gradient per pass."""
    passes = results.evidence.passes
    gained = _values([p.log_likelihood for p in passes])
    if len(passes) < 2 or not np.isfinite(gained).any():
        return []
    base = float(gained[np.isfinite(gained)][0])
    places = np.arange(1, len(passes) + 1)
    ticks = [(float(i), str(i)) for i in places[::max(1, math.ceil(len(passes) / 8))]]
    rise = gained - base
    top, chart = float(np.nanmax(rise)), wording.CONVERGENCE
    plot = Plot(chart.title, Axis(chart.x, 1, len(passes), ticks),
                Axis(chart.y, min(0.0, float(np.nanmin(rise))), 1.12 * max(top, 1e-3)))
    plot.line(places, rise, MODE_COLOURS[0])
    figures = [plot.figure(wording.convergence_caption(settled(passes)))]
    left = _values([p.gradient if p.gradient else None for p in passes])
    if np.isfinite(left).sum() > 1:
        logs, chart = np.log10(left), wording.GRADIENT
        low, high = math.floor(float(np.nanmin(logs))), math.ceil(float(np.nanmax(logs)) + 1e-9)
        plot = Plot(chart.title, Axis(chart.x, 1, len(passes), ticks), Axis(
            chart.y, low, max(high, low + 1), [(float(v), _power(v)) for v in _decades(low, high)]))
        plot.line(places, logs, MODE_COLOURS[1])
        figures.append(plot.figure(chart.caption))
    return figures


def _values(values: list[float | None]) -> Floats:
    return np.array([math.nan if v is None else v for v in values])


def _decades(low: int, high: int) -> list[int]:
    return list(range(low, max(high, low + 1) + 1, max(1, math.ceil((high - low) / 6))))


def _power(value: int) -> str:
    return f"{10.0**value:g}"


def settled(passes: tuple[Pass, ...]) -> str:
    """Whether the last pass still changed something, in a sentence."""
    values = [p.log_likelihood for p in passes if p.log_likelihood is not None]
    if len(values) < 2:
        return wording.NO_CONVERGENCE
    last, rise = values[-1] - values[-2], max(values) - values[0]
    if abs(last) <= max(REPORTING.converged_change, REPORTING.converged_share * rise):
        return wording.converged(len(passes), last)
    return wording.not_converged(last, rise)


def rigid_words(results: Results) -> list[str]:
    """Warnings of significant modes that move the whole molecule, or a part that has a pose of its own, as a body."""
    part = results.evidence.local_motion is not None
    return [wording.rigid_movement(m.rigid_share, m.number, part) for m in results.significant
            if m.rigid_share is not None and m.rigid_share > REPORTING.mostly_rigid]


def subunits(results: Results) -> list[Markup]:
    """Correlation of the coordinates between the subunits of a particle, a map for each mode that counts."""
    found = results.evidence.subunits
    if found is None:
        return []
    shown = [m for m in results.significant if m.number <= len(found.correlation)][:_MOST_MAPS]
    return [_subunit_map(found.correlation[m.number - 1], wording.subunit_map(m.number)) for m in shown]


def _subunit_map(table: Floats, chart: Chart) -> Markup:
    count = len(table)
    step = max(1, math.ceil(count / 14))
    names = [(float(i) + 0.5, str(i + 1)) for i in range(0, count, step)]
    plot = Plot(chart.title, Axis(chart.x, 0, count, names),
                Axis(chart.y, 0, count, [(count - place, text) for place, text in names]), height=348)
    colours = [[shade((r + 1) / 2, _BOTH_SIGNS) if math.isfinite(r) else "" for r in row[::-1]] for row in table.T]
    tips = [[wording.subunit_tip(i + 1, count - j, float(r)) for j, r in enumerate(row[::-1])]
            for i, row in enumerate(table.T)]
    edges = np.arange(count + 1.0)
    plot.cells(edges, edges, colours, tips)
    for value in (-1.0, -0.5, 0.0, 0.5, 1.0):
        plot.key(shade((value + 1) / 2, _BOTH_SIGNS), wording.subunit_key(value))
    apart = table[~np.eye(count, dtype=bool)]
    apart = apart[np.isfinite(apart)]
    if not len(apart):
        return plot.figure("")
    return plot.figure(wording.subunit_correlations(float(apart.min()), float(apart.max())))
