"""Text of the report's section on maps from the particles.

Maps are of three kinds: "interval" (particles of an interval, or a cluster, of coordinates), "kernel" (at points, from
the particles that each part and frequency band needs) and "motion" (at points, motion-corrected from all particles).
"""

from collections.abc import Sequence

from gmmhet.engine.wording.numbers import counted, number

__all__ = [
    "COLUMNS", "KIND_NOTES", "KIND_TITLES", "LOCAL_COLUMN", "MOVIE", "ONE_MAP", "TABLE", "b_factor_note",
    "columns_note", "local_range", "more_maps", "movie_note", "not_shown", "note_of_maps",
]


def more_maps(folders: Sequence[str]) -> str:
    """Maps along other modes, and their folders."""
    names = ", ".join(f"<code>{name}</code>" for name in folders)
    return f"Maps along the other significant modes are in {names}."


TABLE = "The maps"
ONE_MAP = ("One map of all particles", "The map of all particles")
MOVIE = "Movie of the maps from the particles"
COLUMNS = ("from", "to", "particles", "effective", "Å at FSC 0.5", "Å at FSC 0.143")
LOCAL_COLUMN = "Å local"
KIND_TITLES = {
    "interval": "Maps from intervals along the motion",
    "kernel": "Maps at points along the motion",
    "motion": "Motion-corrected maps from all particles",
}
KIND_NOTES = {
    "interval": "",
    "kernel": "The resolutions, also the local ones, measure what is reproducible between the half-maps, and each "
              "half-map contains the map of all particles of its half. Where the particles near a point do not support "
              "a sharper structure, a moving part is as blurred as in the map of all particles, and the resolutions "
              "are those of the blurred structure. Compare with maps from intervals (--by bins).",
    "motion": "The density comes from the particles. The position of each part in a map, and its movement in every "
              "particle, come from the Gaussian model and are the same for both half-maps. Density that does not move "
              "as the model describes is blurred, and each part is assumed to be rigid. Compare with maps from the "
              "particles near each point (--by kernel).",
}


def not_shown() -> str:
    """Maps along a mode that is not significant."""
    return "The folder holds maps along a mode that is not significant. Differences between them cannot be " \
           "distinguished from noise, so they are not shown as a movie."


def movie_note() -> str:
    """Below the movie of maps."""
    return "Every map is reconstructed from the images; all are shown at one threshold and one grey scale. If the " \
           "motion is real, these maps change as the model above does."


def columns_note(kind: str, parts: int, local: bool) -> str:
    """What the columns of the table of maps mean; parts: rigid parts of motion-corrected maps."""
    note = {
        "interval": "From, to: interval of the coordinate (standard deviations). Effective: number of fully weighted "
                    "particles with the same information.",
        "kernel": "From, to: range of the coordinate (standard deviations) of the particles nearest to the point of "
                  "the map. Effective: number of particles that contribute, averaged over the frequency bands; more "
                  "contribute to parts that do not move, fewer to parts that move.",
        "motion": f"Every map is from all particles, corrected for the motion of {counted(parts, 'rigid part')}. From, "
                  "to: range of the coordinate (standard deviations) of the particles nearest to the point.",
    }[kind]
    return note + (" Local: resolution at which the half-maps around a point correlate to 0.5, as the median over the "
                   "molecule; below it, the 10th and the 90th percentile." if local else "")


def b_factor_note(b_factor: float) -> str:
    """B factor (square Angstrom) of sharpened maps."""
    return f" Maps sharpened by a B factor of {number(b_factor)}\N{NO-BREAK SPACE}Å² are in the same folder; the " \
           "page shows the maps without sharpening."


def note_of_maps(numbers: Sequence[str], note: str) -> str:
    """A note of one or several maps."""
    return f"{'Map' if len(numbers) == 1 else 'Maps'} {', '.join(numbers)}: {note}."


def local_range(best: float | None, worst: float | None) -> str:
    """10th and 90th percentile of the local resolution."""
    return f"{number(best)} to {number(worst)}"
