"""What speaks for and against a motion: errors of poses, half-sets, convergence, subunits; as HTML figures."""

import math

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.report.charts import GREY, MODE_COLOURS
from gmmhet.engine.report.evidence import Pass, PoseErrors
from gmmhet.engine.report.results import Results
from gmmhet.engine.report.svg import Axis, Plot, shade
from gmmhet.engine.report.words import angstrom, counted, degrees, number

__all__ = ["convergence", "halfset_angles", "pose_corrections", "rigid_words", "settled", "subunits"]

Floats = NDArray[np.float64]

_SAME, _OTHER = 20.0, 60.0  # degrees: below the first spaces are alike, beyond the second they are not
_SETTLED = 0.02  # of the log-likelihood per particle
_MOSTLY_RIGID = 0.5
_MOST_MAPS = 4
_BOTH_SIGNS = ("#b8291f", "#eba067", "#f3f1ec", "#8fb0d3", "#1f5fa8")  # -1 to 1


def pose_corrections(results: Results) -> list[str]:
    """Distributions of the corrections to the given poses; none where the analysis made none."""
    told, pose = results.evidence.pose_errors, np.asarray(results.arrays["pose"], dtype=np.float64)
    if told is None or pose.shape[1] != 5 or not np.isfinite(pose).all() or not pose.any():
        return []
    across, about = np.rad2deg(pose[:, 2:4]).ravel(), np.rad2deg(pose[:, 4])
    angles = _corrections("Corrections of the angles", "degrees", [
        ("across the view, two axes", across, told.out_of_plane), ("in the plane", about, told.in_plane)])
    shifts = _corrections("Corrections of the shifts", "Å", [("two axes", pose[:, :2].ravel(), told.shift)])
    own = "are written to latents.star" if told.refined else "are used inside the analysis, and not written"
    return [angles.figure(f"How the poses were corrected, particle by particle; the corrections {own}. {_errors(told)} "
                          "Corrections spread less than the errors, since a noisy image corrects only part of its "
                          "own."),
            shifts.figure("All curves should be centred at zero: one that is not means that all poses are off the same "
                          "way, as where the map has another origin.")]


def _errors(told: PoseErrors) -> str:
    return (f"Bars on top: the estimated errors, {degrees(told.out_of_plane, 2)} across the view, "
            f"{degrees(told.in_plane, 2)} in the plane, {angstrom(told.shift, 2)} an axis for shifts.")


def _corrections(title: str, unit: str, parts: list[tuple[str, Floats, float | None]]) -> Plot:
    """Outlines in per cent of the values, with the estimated error of each as a bar above."""
    reach = max(max(float(np.percentile(np.abs(v), 99.5)), 1.2 * (sd or 0.0), 1e-6) for _, v, sd in parts)
    edges = np.linspace(-reach, reach, 42)
    heights = [100 * np.histogram(v, edges)[0] / len(v) for _, v, _ in parts]
    top = max(float(h.max()) for h in heights)
    plot = Plot(title, Axis(f"correction ({unit})", -reach, reach),
                Axis("% of the particles", 0, top * (1.1 + 0.16 * len(parts))))
    for i, ((label, _, sd), height) in enumerate(zip(parts, heights, strict=True)):
        plot.steps(edges, height, MODE_COLOURS[i], label=label)
        if sd is not None and 0 < sd <= reach:
            plot.span(-sd, sd, top * (1.07 + 0.16 * i), "", colour=MODE_COLOURS[i])
    return plot


def halfset_angles(results: Results) -> str:
    """Principal angles between the spaces of the two half-sets' modes."""
    angles = results.evidence.angles
    if not angles:
        return ""
    places = np.arange(1, len(angles) + 1)
    room = max(0.0, (4 - len(angles)) / 2)
    plot = Plot("Half-sets: angles between their modes",
                Axis("direction, best agreeing first", 0.4 - room, len(angles) + 0.6 + room,
                     [(float(i), str(i)) for i in places[::1 + len(places) // 13]]), Axis("angle (degrees)", 0, 95, [
                         (float(a), str(a)) for a in (0, 15, 30, 45, 60, 75, 90)]))
    for level in (_SAME, _OTHER):
        plot.rule(level, across=True, dash="2 4")
    colours = [MODE_COLOURS[0] if a <= _SAME else "#c9a227" if a <= _OTHER else GREY for a in angles]
    plot.dots(places, angles, colours,
              [f"direction {i}: {a:.1f} degrees" for i, a in zip(places, angles, strict=True)])
    alike = sum(a <= _SAME for a in angles)
    lead = f"{counted(alike, 'direction')} of change found alike in both halves. " if alike else (
        "No direction of change is found alike in both halves. ")
    return plot.figure(f"{lead}The modes of each half span a space; these are the angles between the two spaces. Up to "
                       f"{_SAME:.0f} degrees (lower dotted line) is agreement, beyond {_OTHER:.0f} they have nothing "
                       "in common; directions of noise lie near 90. No mode need match a single one of the other half.")


def convergence(results: Results) -> list[str]:
    """Log-likelihood and gradient per pass."""
    passes = results.evidence.passes
    gained = _values([p.log_likelihood for p in passes])
    if len(passes) < 2 or not np.isfinite(gained).any():
        return []
    base = float(gained[np.isfinite(gained)][0])
    places = np.arange(1, len(passes) + 1)
    counting = Axis("pass", 1, len(passes), [(float(i), str(i)) for i in places[::max(1, math.ceil(len(passes) / 8))]])
    rise = gained - base
    top = float(np.nanmax(rise))
    plot = Plot("Convergence", counting, Axis("log-likelihood per particle", min(0.0, float(np.nanmin(rise))),
                                              1.12 * max(top, 1e-3)))
    plot.line(places, rise, MODE_COLOURS[0])
    figures = [plot.figure(f"{settled(passes)} The curve, which counts from the first pass, should rise and end flat.")]
    left = _values([p.gradient if p.gradient else None for p in passes])
    if np.isfinite(left).sum() > 1:
        logs = np.log10(left)
        low, high = math.floor(float(np.nanmin(logs))), math.ceil(float(np.nanmax(logs)) + 1e-9)
        plot = Plot("Gradient left at each pass", counting, Axis(
            "gradient (logarithmic)", low, max(high, low + 1), [(float(v), _power(v)) for v in _decades(low, high)]))
        plot.line(places, logs, MODE_COLOURS[1])
        figures.append(plot.figure("How far each pass was from the best modes: it should fall, until what is left is "
                                   "noise. At 1, it is as large as noise alone makes it."))
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
        return "Whether the fit had settled is not told."
    last, rise = values[-1] - values[-2], max(values) - values[0]
    if abs(last) <= max(_SETTLED, 0.01 * rise):
        return (f"The fit settled after {len(passes)} passes: the last one changed the log-likelihood of a particle by "
                f"{number(last, 2)}.")
    return (f"The fit had not settled: its last pass still changed the log-likelihood of a particle by "
            f"{number(last, 2)}, of {number(rise, 2)} in all. The modes may change with more passes.")


def rigid_words(results: Results) -> list[str]:
    """Warnings of significant modes that move the whole molecule, or a part that has a pose of its own, as a body."""
    of = "the part in focus as a body, which its own pose describes" if results.evidence.local_motion else (
        "the whole molecule, which errors of the poses make")
    return [f"{100 * m.rigid_share:.0f} % of mode {m.number} is a movement of {of} too: take it for a motion only if "
            "the rest of it makes sense."
            for m in results.significant if m.rigid_share is not None and m.rigid_share > _MOSTLY_RIGID]


def subunits(results: Results) -> list[str]:
    """Correlation of the coordinates between the subunits of a particle, a map for each mode that counts."""
    told = results.evidence.subunits
    if told is None:
        return []
    shown = [m for m in results.significant if m.number <= len(told.correlation)][:_MOST_MAPS]
    return [_subunit_map(told.correlation[m.number - 1], f"Mode {m.number}: subunits with each other") for m in shown]


def _subunit_map(table: Floats, title: str) -> str:
    count = len(table)
    step = max(1, math.ceil(count / 14))
    names = [(float(i) + 0.5, str(i + 1)) for i in range(0, count, step)]
    plot = Plot(title, Axis("subunit", 0, count, names),
                Axis("subunit", 0, count, [(count - place, text) for place, text in names]), height=348)
    colours = [[shade((r + 1) / 2, _BOTH_SIGNS) if math.isfinite(r) else "" for r in row[::-1]] for row in table.T]
    tips = [[f"subunits {i + 1} and {count - j}: {number(r, 2)}" for j, r in enumerate(row[::-1])]
            for i, row in enumerate(table.T)]
    edges = np.arange(count + 1.0)
    plot.cells(edges, edges, colours, tips)
    for value in (-1.0, -0.5, 0.0, 0.5, 1.0):
        plot.key(shade((value + 1) / 2, _BOTH_SIGNS), number(value, 1) + (" (correlation)" if value == 1 else ""))
    apart = table[~np.eye(count, dtype=bool)]
    apart = apart[np.isfinite(apart)]
    if not len(apart):
        return plot.figure("")
    return plot.figure(f"Between different subunits it runs from {number(float(apart.min()), 2)} to "
                       f"{number(float(apart.max()), 2)}. Blue: they move together; red: in opposite directions.")
