"""The report: one HTML page with everything in it."""

import json
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from gmmhet import __version__
from gmmhet.engine.io import replacing
from gmmhet.engine.report import charts, trust
from gmmhet.engine.report.choosing import chooser, choosing_data
from gmmhet.engine.report.elements import cell, table, viewer
from gmmhet.engine.report.leaks import leak_card, leak_sentence
from gmmhet.engine.report.map_section import maps_section
from gmmhet.engine.report.results import Mode, Results, Stage, read_results
from gmmhet.engine.report.scene import scene
from gmmhet.engine.report.words import angstrom, answer, counted, number, sentences

__all__ = ["write_report"]

_SCRIPTS = ("surface.js", "render.js", "viewer.js", "choosing.js", "page.js")


def write_report(folder: Path, output: Path) -> None:
    """Write one self-contained HTML page about the results of ``gmmhet run`` (or of ``gmmhet analyze`` alone).

    Args:
        folder: run folder (model/, analysis/, maps/, run.json; all but the analysis may be missing) or analysis folder.
        output: the page; appears only when whole.
    Raises:
        InputError: no such folder, a file in it is missing, unreadable or disagrees with the others, or the page
            cannot be written.
    """
    results = read_results(Path(folder))
    text = _page(results)
    with replacing(output) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _asset(name: str) -> str:
    return resources.files("gmmhet.engine.report").joinpath(name).read_text(encoding="utf-8")


def _json(value: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _page(results: Results) -> str:
    name = results.folder.resolve().name
    sections = [("motion", "Molecule and motion", _pictures(results)),
                ("maps", "Maps from the particles", maps_section(results)),
                ("modes", "How many modes, and how sure", _modes(results)),
                ("trust", "What could pass for motion", _trust(results)),
                ("coordinates", "Where the particles lie", _coordinates(results)),
                ("subunits", "Subunits of one particle", _subunits(results)),
                ("checks", "Checks of the input", _checks(results)), ("run", "What was run", _run(results))]
    kept = [s for s in sections if s[2]]
    links = "".join(f'<a href="#{key}">{title}</a>' for key, title, _ in kept)
    body = "".join(f'<section id="{key}"><h2>{title}</h2>{html}</section>' for key, title, html in kept)
    scripts = "\n".join(_asset(script) for script in _SCRIPTS)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width, initial-scale=1"><title>{escape(name)}: gmmhet report</title>\n'
        f'<link rel="icon" href="data:,"><style>\n{_asset("style.css")}</style></head>\n<body>'
        f'<header><div><div class="kicker">gmmhet report on {escape(name)}</div><nav>{links}</nav></div></header>\n'
        f"<main>{_verdict(results)}{body}</main><footer>Made by gmmhet {escape(__version__)}. The page holds "
        "everything it shows and loads nothing.</footer>\n"
        f'<script type="application/json" id="scene">{_json(scene(results))}</script>\n'
        f'<script type="application/json" id="particles">{_json(choosing_data(results))}</script>\n'
        f'<script>"use strict";(() => {{\n{scripts}}})();</script></body></html>\n')


def _verdict(results: Results) -> str:
    told = answer(results)
    rows = [*zip(("In short", "Analysis"), results.verdicts, strict=False), *sentences(results),
            *((topic, text) for topic, text in _cautions(results) if text)]
    facts = [(f"{results.n_particles:,}", "particles"), (f"{int(results.summary['n_gaussians']):,}", "Gaussians"),
             (angstrom(float(results.summary["resolution"])), "analysis resolution"),
             (str(sum(m.significant is True for m in results.modes)),
              f"significant of {counted(len(results.modes), 'mode')}"),
             (str(results.summary.get("method", number(None))), "method")]
    return (f'<section class="answer {told.tone}"><h1>{escape(told.headline)}</h1>'
            f'<p class="lead">{escape(told.lead)}</p><ul class="facts">'
            + "".join(f"<li><b>{escape(v)}</b>{escape(k)}</li>" for v, k in facts) + "</ul><dl>"
            + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in rows) + "</dl></section>")


def _cautions(results: Results) -> list[tuple[str, str]]:
    """What could pass for motion, for the box at the top: (topic, sentence)."""
    told = results.evidence.pose_errors
    local = results.evidence.local_motion
    return [("Part in focus", local.words if local else ""), ("Errors of the poses", told.words if told else ""),
            ("Whole molecule", " ".join(trust.rigid_words(results))), ("Leaks", leak_sentence(results))]


def _pictures(results: Results) -> str:
    movies = [m for m in results.significant if m.frames]
    note = ("Every ball is a Gaussian. Flexibility is how far it moves, and occupancy change how much its density "
            "changes, over all particles, by the modes found. " if movies else "Every ball is a Gaussian. ")
    note += ("The raw gradients are how strongly the images pull at it. They hold noise and grow with its weight, so "
             "their colours differ even where nothing moves.")
    molecule = (f'<div class="card tall"><h3>The molecule as Gaussians</h3>{viewer("molecule", "The Gaussians in 3D")}'
                f'<p class="note">{note} Drag to turn; click, then use the wheel to zoom.</p></div>')
    right = _movie(movies) if movies else ""
    if not movies:
        reason = ("No motion is shown, because none was found." if not results.significant else
                  "The folder holds no maps along the modes, so there is no movie.")
        right = (f'<div class="stack"><div class="card"><h3>The motion</h3><p>{reason}</p><p class="note">A direction '
                 "that is not significant can be drawn as a movie too, and looks convincing; it would show noise.</p>"
                 f"</div>{charts.spectrum(results)}</div>")
    return f'<div class="pair{"" if movies else " loose"}">{molecule}{right}</div>'


def _movie(modes: list[Mode]) -> str:
    """One card; where there are several modes, the script puts a button for each above the picture."""
    untested = "" if modes[0].significant else " (not tested for significance)"
    extra = 'data-series="' + " ".join(f"mode{m.number}" for m in modes) + '" data-autoplay="1"'
    note = ("Maps of the Gaussian model along the mode, all at one threshold and one grey scale. Arrows run from the "
            "first map to the last. This is the model's motion; maps from the particles themselves stand below when "
            "they were made.")
    movie = viewer("movie", "Movie of the motion", extra)
    return f'<div class="card"><h3>The motion{untested}</h3>{movie}<p class="note">{note}</p></div>'


def _modes(results: Results) -> str:
    if not results.modes:
        return ""
    moving = any(m.frames for m in results.significant)
    figures = [charts.spectrum(results) if moving else "", charts.gains(results), charts.halfset_agreement(results),
               trust.halfset_angles(results), *trust.convergence(results)]
    grid = f'<div class="charts">{"".join(figures)}</div>' if any(figures) else ""
    return f'{grid}<div class="card below"><h3>Every mode</h3>{_mode_table(results.modes)}</div>'


def _mode_table(modes: tuple[Mode, ...]) -> str:
    rigid = any(m.rigid_share is not None for m in modes)
    heads = "<th>mode</th>" + "".join(f'<th class="figure">{h}</th>' for h in (
        "variance", "held-out gain", "null quantile", "half-set correlation", "posterior sd (median)",
        *(["share of rigid movement"] if rigid else [])))
    rows = []
    for m in modes:
        figures = (m.variance, m.heldout_gain, m.null_quantile, m.halfset_correlation, m.median_posterior_sd,
                   *([m.rigid_share] if rigid else []))
        passed = "not tested" if m.significant is None else "yes" if m.significant else "no"
        rows.append(f'<tr{"" if m.significant else " class=weak"}><td>{m.number}</td>'
                    f"{''.join(cell(v) for v in figures)}<td>{passed}</td><td class=words>{escape(m.verdict)}</td>"
                    "</tr>")
    return table("modes", heads + "<th>significant</th><th>verdict</th>", "".join(rows),
                  "Held-out gain: log-likelihood per particle, on particles kept out of the estimate. Null quantile: "
                  "what chance alone reaches. Posterior sd: how well one particle's coordinate is known, where the "
                  "spread of all particles is 1. "
                  + ("Share of rigid movement: how much of the mode moves the molecule (or a part in focus) "
                     "as a whole. " if rigid else "")
                  + "Hold the pointer over a figure for all its digits.")


def _trust(results: Results) -> str:
    figures = trust.pose_corrections(results)
    grid = f'<div class="charts wide below">{"".join(figures)}</div>' if figures else ""
    return leak_card(results) + grid


def _subunits(results: Results) -> str:
    told, figures = results.evidence.subunits, trust.subunits(results)
    if told is None or not figures:
        return ""
    text = f"{told.group} symmetry. {told.words}" if told.group else told.words
    wide = " wide" if len(figures) in (2, 4) else ""
    return f'<p>{escape(text)}</p><div class="charts{wide}">{"".join(figures)}</div>'


def _coordinates(results: Results) -> str:
    if not results.modes:
        return ""
    strong = results.significant[:6]
    weak = [m for m in results.modes if m.significant is False][:6]
    figures = [charts.histogram(results, m) for m in strong]
    if len(strong) > 1:
        figures = charts.landscape(results, strong[0], strong[1]) + figures
    html = f'<div class="charts{" wide" if len(figures) in (2, 4) else ""}">{"".join(figures)}</div>' if figures else (
        "<p>There is no significant mode, so particles have no place on a motion.</p>")
    html += chooser(results)
    if weak:
        html += ("<details><summary>Coordinates on the modes that are not significant</summary><p class=note>These "
                 "show how noise spreads over a direction that explains nothing; they are no evidence of motion.</p>"
                 f'<div class="charts">{"".join(charts.histogram(results, m) for m in weak)}</div></details>')
    return html


def _checks(results: Results) -> str:
    figures = [charts.scores(results), charts.contrasts(results)]
    if results.fit_curve is not None and len(results.fit_curve.frequency):
        figures.append(charts.fit_fsc(results, results.fit_curve))
    return f'<div class="charts">{"".join(figures)}</div>' if any(figures) else ""


def _run(results: Results) -> str:
    tables = "".join(_stage_table(s) for s in results.stages)
    wide = " wide" if len(results.stages) in (2, 4) else ""
    return f'<div class="charts{wide}">{tables}</div>' if tables else "<p>The folder does not tell.</p>"


def _stage_table(stage: Stage) -> str:
    titles = {"fit": "Fit of the Gaussians", "analyze": "Analysis", "reconstruct": "Reconstruction",
              "run": "The whole run"}
    rows = [(str(k).replace("_", " "), _plain(v)) for k, v in stage.parameters.items() if not str(k).endswith("_time")]
    rows += [(f"{str(k).replace('_', ' ')}, time", f"{v:.1f} s" if isinstance(v, int | float) else _plain(v))
             for k, v in stage.timing.items()]
    html = "".join(f"<tr><td>{escape(k)}</td><td>{escape(v)}</td></tr>" for k, v in rows)
    return f'<div class="card run"><h3>{titles[stage.name]}</h3><table>{html}</table></div>'


def _plain(value: Any) -> str:
    """A parameter as a person would write it."""
    if value is None:
        return "not given"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " ".join(_plain(v) for v in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
