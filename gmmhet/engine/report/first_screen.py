"""What the page shows first: the verdict, the molecule as it moves, and where the particles are."""

from gmmhet.engine.report import charts
from gmmhet.engine.report.findings import answer
from gmmhet.engine.report.results import Mode, Results
from gmmhet.engine.report.templates import Markup, render
from gmmhet.engine.wording import report as wording

__all__ = ["first_screen", "moving"]


def first_screen(results: Results) -> Markup:
    """The verdict above, the movie beside the histograms of the modes that it shows; without a movie, the Gaussians
    beside what was found instead."""
    movies = moving(results)
    figures = [charts.histogram(results, m, follows=True) for m in movies] or [charts.spectrum(results)]
    return render("first_screen", answer=answer(results), movies=movies, series=[f"mode{m.number}" for m in movies],
                  figures=figures, reason=wording.NO_MOVIE["maps" if results.significant else "none"])


def moving(results: Results) -> list[Mode]:
    """Modes of which there is a movie."""
    return [m for m in results.significant if m.frames]
