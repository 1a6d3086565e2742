"""The report: one HTML page with everything in it."""

import json
from html import escape
from importlib import resources
from pathlib import Path

from gmmhet import __version__
from gmmhet.engine.browser import script
from gmmhet.engine.io import replacing
from gmmhet.engine.report import charts, trust
from gmmhet.engine.report.choosing import chooser, choosing_data
from gmmhet.engine.report.composition_section import composition_section
from gmmhet.engine.report.elements import cell, table
from gmmhet.engine.report.findings import sentences
from gmmhet.engine.report.first_screen import first_screen, molecule, moving
from gmmhet.engine.report.leaks import leak_card, leak_sentence
from gmmhet.engine.report.map_section import maps_section
from gmmhet.engine.report.results import Mode, Results, Stage, read_results
from gmmhet.engine.report.scene import scene
from gmmhet.engine.wording import report as wording
from gmmhet.engine.wording.numbers import angstrom, number

__all__ = ["write_report"]

_SCRIPTS = ("render.js", "viewer.js", "choosing.js", "page.js")


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


def _json(value: object) -> str:
    """JSON that cannot end the script element it stands in."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def _page(results: Results) -> str:
    name = results.folder.resolve().name
    makers = {"know": _know, "motion": _pictures, "composition": composition_section, "maps": maps_section,
              "modes": _modes, "trust": _trust, "coordinates": _coordinates, "subunits": _subunits, "checks": _checks,
              "run": _run}
    kept = [(key, wording.SECTIONS[key], html) for key, make in makers.items() if (html := make(results))]
    links = "".join(f'<a href="#{key}">{title}</a>' for key, title, _ in kept)
    body = "".join(f'<section id="{key}"><h2>{title}</h2>{html}</section>' for key, title, html in kept)
    scripts = "\n".join([script("surface.js"), *(_asset(name) for name in _SCRIPTS)])
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width, initial-scale=1"><title>{escape(name)}: gmmhet report</title>\n'
        f'<link rel="icon" href="data:,"><style>\n{_asset("style.css")}</style></head>\n<body>'
        f'<header><div><div class="kicker">{escape(wording.kicker(name))}</div><nav>{links}</nav></div></header>\n'
        f"<main>{first_screen(results)}{body}</main><footer>{escape(wording.footer(__version__))}</footer>\n"
        f'<script type="application/json" id="scene">{_json(scene(results))}</script>\n'
        f'<script type="application/json" id="particles">{_json(choosing_data(results))}</script>\n'
        f'<script>"use strict";(() => {{\n{scripts}}})();</script></body></html>\n')


def _know(results: Results) -> str:
    """What the verdict rests on: figures, and a sentence a topic."""
    names = wording.FACTS
    rows = [*zip(wording.VERDICT_TOPICS, results.verdicts, strict=False), *sentences(results),
            *((topic, text) for topic, text in _cautions(results) if text)]
    facts = [(f"{results.n_particles:,}", names["particles"]),
             (f"{results.n_gaussians:,}", names["gaussians"]),
             (angstrom(results.resolution), names["resolution"]),
             (str(sum(m.significant is True for m in results.modes)), wording.significant_of(len(results.modes))),
             (str(results.summary.get("method", number(None))), names["method"])]
    return ('<div class="card"><ul class="facts">'
            + "".join(f"<li><b>{escape(v)}</b>{escape(k)}</li>" for v, k in facts) + "</ul><dl>"
            + "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in rows) + "</dl></div>")


def _cautions(results: Results) -> list[tuple[str, str]]:
    """What could pass for motion, for the box at the top: (topic, sentence)."""
    errors, local = results.evidence.pose_errors, results.evidence.local_motion
    found = {"local": local.words if local else "", "poses": errors.words if errors else "",
             "rigid": " ".join(trust.rigid_words(results)), "imaging": leak_sentence(results)}
    return [(wording.CAUTIONS[key], text) for key, text in found.items()]


def _pictures(results: Results) -> str:
    movies = moving(results)
    if not movies:
        return ""
    return f'<div class="pair loose">{molecule(movies)}{charts.spectrum(results)}</div>'


def _modes(results: Results) -> str:
    if not results.modes:
        return ""
    figures = [charts.gains(results), charts.halfset_agreement(results),
               trust.halfset_angles(results), *trust.convergence(results)]
    grid = f'<div class="charts">{"".join(figures)}</div>' if any(figures) else ""
    return f'{grid}<div class="card below"><h3>{wording.ALL_MODES}</h3>{_mode_table(results.modes)}</div>'


def _mode_table(modes: tuple[Mode, ...]) -> str:
    rigid = any(m.rigid_share is not None for m in modes)
    heads = "<th>mode</th>" + "".join(f'<th class="figure">{h}</th>' for h in (
        *wording.MODE_COLUMNS, *([wording.RIGID_COLUMN] if rigid else [])))
    rows = []
    for m in modes:
        figures = (m.variance, m.heldout_gain, m.null_quantile, m.halfset_correlation, m.median_posterior_sd,
                   *([m.rigid_share] if rigid else []))
        cells = "".join(cell(v) for v in figures) + f"<td>{wording.TESTED[m.significant]}</td>"
        rows.append(f'<tr{"" if m.significant else " class=weak"}><td>{m.number}</td>{cells}'
                    f"<td class=words>{escape(m.verdict)}</td></tr>")
    return table("modes", heads + "<th>significant</th><th>verdict</th>", "".join(rows),
                 wording.mode_columns_note(rigid))


def _trust(results: Results) -> str:
    figures = trust.pose_corrections(results)
    grid = f'<div class="charts wide below">{"".join(figures)}</div>' if figures else ""
    return leak_card(results) + grid


def _subunits(results: Results) -> str:
    found, figures = results.evidence.subunits, trust.subunits(results)
    if found is None or not figures:
        return ""
    text = wording.symmetry(found.group, found.words)
    wide = " wide" if len(figures) in (2, 4) else ""
    return f'<p>{escape(text)}</p><div class="charts{wide}">{"".join(figures)}</div>'


def _coordinates(results: Results) -> str:
    if not results.modes:
        return ""
    strong = results.significant[:6]
    weak = [m for m in results.modes if m.significant is False][:6]
    figures = [charts.histogram(results, m) for m in strong if not m.frames]  # the others are beside their movie
    if len(strong) > 1:
        figures = charts.landscape(results, strong[0], strong[1]) + figures
    html = "" if strong else f"<p>{wording.NO_SIGNIFICANT_MODE}</p>"
    if figures:
        html = f'<div class="charts{" wide" if len(figures) in (2, 4) else ""}">{"".join(figures)}</div>'
    html += chooser(results)
    if weak:
        title, note = wording.OTHER_MODES
        html += (f"<details><summary>{title}</summary><p class=note>{note}</p>"
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
    return f'<div class="charts{wide}">{tables}</div>' if tables else f"<p>{wording.NO_RECORD}</p>"


def _stage_table(stage: Stage) -> str:
    rows = [(str(k).replace("_", " "), _plain(v)) for k, v in stage.parameters.items() if not str(k).endswith("_time")]
    rows += [(f"{str(k).replace('_', ' ')}, time", f"{v:.1f} s" if isinstance(v, int | float) else _plain(v))
             for k, v in stage.timing.items()]
    html = "".join(f"<tr><td>{escape(k)}</td><td>{escape(v)}</td></tr>" for k, v in rows)
    return f'<div class="card run"><h3>{wording.STAGES[stage.name]}</h3><table>{html}</table></div>'


def _plain(value: object) -> str:
    """A parameter as a person would write it."""
    if value is None:
        return "not given"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " ".join(_plain(v) for v in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
