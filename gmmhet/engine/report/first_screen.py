"""What the page shows first: the verdict, the molecule as it moves, and where the particles are."""

from html import escape

from gmmhet.engine.report import charts
from gmmhet.engine.report.elements import viewer
from gmmhet.engine.report.findings import answer
from gmmhet.engine.report.results import Mode, Results
from gmmhet.engine.wording import report as wording

__all__ = ["first_screen", "molecule", "moving"]


def first_screen(results: Results) -> str:
    """A section: the verdict above, the movie beside the histograms of the modes that it shows; without a movie, the
    Gaussians beside what was found instead."""
    first, movies = answer(results), moving(results)
    if movies:
        left, right = _movie(movies), "".join(charts.histogram(results, m, follows=True) for m in movies)
    else:
        reason = wording.NO_MOVIE["maps" if results.significant else "none"]
        left = molecule(movies)
        right = (f'<div class="card"><h3>{wording.MOVIE[0]}</h3><p>{reason}</p>'
                 f'<p class="note">{wording.NO_MOVIE["note"]}</p></div>{charts.spectrum(results)}')
    return (f'<section class="answer {first.tone}"><h1>{escape(first.headline)}</h1>'
            f'<p class="lead">{escape(first.lead)}</p></section>'
            f'<h2 class="unseen">{wording.FIRST_SCREEN}</h2><div class="first pair">'
            f'{left}<div class="stack">{right}</div></div>')


def moving(results: Results) -> list[Mode]:
    """Modes of which there is a movie."""
    return [m for m in results.significant if m.frames]


def molecule(movies: list[Mode]) -> str:
    """A card with the Gaussians."""
    title, label = wording.GAUSSIANS
    return (f'<div class="card tall"><h3>{title}</h3>{viewer("molecule", label)}'
            f'<p class="note">{wording.gaussians_note(bool(movies))}</p></div>')


def _movie(modes: list[Mode]) -> str:
    """One card; where there are several modes, the script puts a button for each above the picture."""
    title, label = wording.MOVIE
    untested = "" if modes[0].significant else wording.NOT_SIGNIFICANT
    extra = 'data-series="' + " ".join(f"mode{m.number}" for m in modes) + '" data-autoplay="1"'
    return (f'<div class="card"><h3>{title}{untested}</h3>{viewer("movie", label, extra)}'
            f'<p class="note">{wording.movie_note()}</p></div>')
