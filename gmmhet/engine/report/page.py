"""The report: one HTML page with everything in it."""

from importlib import resources
from pathlib import Path

from gmmhet import __version__
from gmmhet.engine.browser import script
from gmmhet.engine.io import replacing
from gmmhet.engine.report import charts, trust
from gmmhet.engine.report.choosing import can_choose, choosing_data
from gmmhet.engine.report.composition_section import composition_section
from gmmhet.engine.report.findings import sentences
from gmmhet.engine.report.first_screen import first_screen, moving
from gmmhet.engine.report.leaks import leak_card, leak_sentence
from gmmhet.engine.report.map_section import maps_section
from gmmhet.engine.report.results import Results, Stage, read_results
from gmmhet.engine.report.scene import scene
from gmmhet.engine.report.templates import Markup, render
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


def _asset(name: str) -> Markup:
    return Markup(resources.files("gmmhet.engine.report").joinpath(name).read_text(encoding="utf-8"))


def _page(results: Results) -> str:
    makers = {"know": _know, "motion": _pictures, "composition": composition_section, "maps": maps_section,
              "modes": _modes, "trust": _trust, "coordinates": _coordinates, "subunits": _subunits, "checks": _checks,
              "run": _run}
    scripts = Markup("\n").join([Markup(script("surface.js")), *(_asset(name) for name in _SCRIPTS)])
    return render(
        "page", name=results.folder.resolve().name, version=__version__, first=first_screen(results),
        sections=[(key, html) for key, make in makers.items() if (html := make(results))], style=_asset("style.css"),
        scene=scene(results), particles=choosing_data(results), scripts=scripts)


def _know(results: Results) -> Markup:
    """What the verdict rests on: figures, and a sentence a topic."""
    names = wording.FACTS
    rows = [*zip(wording.VERDICT_TOPICS, results.verdicts, strict=False), *sentences(results),
            *((topic, text) for topic, text in _cautions(results) if text)]
    facts = [(f"{results.n_particles:,}", names["particles"]),
             (f"{results.n_gaussians:,}", names["gaussians"]),
             (angstrom(results.resolution), names["resolution"]),
             (str(sum(m.significant is True for m in results.modes)), wording.significant_of(len(results.modes))),
             (str(results.summary.get("method", number(None))), names["method"])]
    return render("know", facts=facts, rows=rows)


def _cautions(results: Results) -> list[tuple[str, str]]:
    """What could pass for motion, for the box at the top: (topic, sentence)."""
    errors, local = results.evidence.pose_errors, results.evidence.local_motion
    found = {"local": local.words if local else "", "poses": errors.words if errors else "",
             "rigid": " ".join(trust.rigid_words(results)), "imaging": leak_sentence(results)}
    return [(wording.CAUTIONS[key], text) for key, text in found.items()]


def _pictures(results: Results) -> Markup:
    return render("motion", spectrum=charts.spectrum(results)) if moving(results) else Markup()


def _modes(results: Results) -> Markup:
    if not results.modes:
        return Markup()
    figures = [charts.gains(results), charts.halfset_agreement(results), trust.halfset_angles(results),
               *trust.convergence(results)]
    return render("modes", figures=[f for f in figures if f], modes=results.modes,
                  rigid=any(m.rigid_share is not None for m in results.modes))


def _trust(results: Results) -> Markup:
    leaks, figures = leak_card(results), trust.pose_corrections(results)
    return render("trust", leaks=leaks, figures=figures) if leaks or figures else Markup()


def _subunits(results: Results) -> Markup:
    found, figures = results.evidence.subunits, trust.subunits(results)
    if found is None or not figures:
        return Markup()
    return render("subunits", words=wording.symmetry(found.group, found.words), figures=figures)


def _coordinates(results: Results) -> Markup:
    if not results.modes:
        return Markup()
    strong = results.significant[:6]
    weak = [m for m in results.modes if m.significant is False][:6]
    figures = [charts.histogram(results, m) for m in strong if not m.frames]  # the others are beside their movie
    if len(strong) > 1:
        figures = charts.landscape(results, strong[0], strong[1]) + figures
    choosing = can_choose(results)
    if not (figures or weak or choosing or not strong):
        return Markup()
    return render("coordinates", figures=figures, strong=strong, choosing=choosing, name=results.folder.resolve().name,
                  weak=[charts.histogram(results, m) for m in weak])


def _checks(results: Results) -> Markup:
    figures = [charts.scores(results), charts.contrasts(results)]
    if results.fit_curve is not None and len(results.fit_curve.frequency):
        figures.append(charts.fit_fsc(results, results.fit_curve))
    return render("charts", figures=figures) if any(figures) else Markup()


def _run(results: Results) -> Markup:
    return render("run", stages=[(s.name, _rows(s)) for s in results.stages])


def _rows(stage: Stage) -> list[tuple[str, str]]:
    """Parameters and times of a stage, as a person would write them."""
    rows = [(str(k).replace("_", " "), _plain(v)) for k, v in stage.parameters.items() if not str(k).endswith("_time")]
    return rows + [(f"{str(k).replace('_', ' ')}, time", f"{v:.1f} s" if isinstance(v, int | float) else _plain(v))
                   for k, v in stage.timing.items()]


def _plain(value: object) -> str:
    """A parameter as a person would write it."""
    if value is None:
        return "not given"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " ".join(_plain(v) for v in value)
    return f"{value:g}" if isinstance(value, float) else str(value)
