"""The section of the page about what comes and goes: blocks, states, and which block needs which."""

from dataclasses import dataclass
from pathlib import Path

from gmmhet.engine.report.order_graph import order_graph
from gmmhet.engine.report.reading import Json, number_in, read_json, records_in
from gmmhet.engine.report.results import Results
from gmmhet.engine.report.templates import Markup, render

__all__ = ["composition_section", "what_comes_and_goes"]

_Figures = tuple[float | None, ...]


@dataclass(frozen=True)
class _Block:
    title: str
    figures: _Figures
    where: str


@dataclass(frozen=True)
class _State:
    number: str
    present: list[bool]
    figures: _Figures


def what_comes_and_goes(results: Results) -> str:
    """The verdict of gmmhet composition; empty where it found no block, or was not run on this folder."""
    path = results.folder / "composition" / "summary.json"
    summary = read_json(path) if path.is_file() else {}
    return str(summary.get("verdict") or "") if summary.get("n_blocks") else ""


def composition_section(results: Results) -> Markup:
    """Tables of what gmmhet composition found; empty where it was not run on this folder.

    Raises:
        InputError: its summary is there, and holds something else.
    """
    path = results.folder / "composition" / "summary.json"
    if not path.is_file():
        return Markup()
    summary = read_json(path)
    blocks, states = records_in(summary, "blocks", path), records_in(summary, "states", path)
    words = [str(summary.get("verdict") or ""), str(summary.get("order_words") or "")]
    independent = summary.get("independent")
    together = len(blocks) > 1 and not (isinstance(independent, dict) and independent.get("independent"))
    maps = _resolutions(results.folder / "maps_states")
    return render("composition", words=[text for text in words if text], blocks=[_block(b, path) for b in blocks],
                  states=[_state(s, len(blocks), path, maps) for s in states] if together else [], maps=bool(maps),
                  order=order_graph(_order(summary, path)))


def _order(summary: Json, path: Path) -> list[tuple[int, int]]:
    """(block, the one that it needs) of the summary; those that are no pairs of numbers are left out."""
    pairs = [(number_in(record, "block", path), number_in(record, "needs", path))
             for record in (records_in(summary, "order", path) if "order" in summary else [])]
    return [(int(block), int(needs)) for block, needs in pairs if block is not None and needs is not None]


def _resolutions(folder: Path) -> dict[float, float | None]:
    """Resolution (Angstrom) of the map of each state, by its number."""
    path = folder / "summary.json"
    records = records_in(read_json(path), "maps", path) if path.is_file() else []
    numbers = [number_in(record, "state", path) for record in records]
    return {n: number_in(record, "resolution_fsc143", path)
            for n, record in zip(numbers, records, strict=True) if n is not None}


def _block(block: Json, path: Path) -> _Block:
    mass, own, share, error = (number_in(block, key, path) for key in (
        "kilodalton", "mass_share", "share", "share_error"))
    return _Block(f"{block.get('number')} {block.get('name') or ''}".strip(),
                  (mass, _percent(own), _percent(share), _percent(error)), str(block.get("where") or ""))


def _state(state: Json, count: int, path: Path, maps: dict[float, float | None]) -> _State:
    there = state.get("blocks")
    present = set(there) if isinstance(there, list) else set()
    share, error, particles, sure = (number_in(state, key, path) for key in (
        "share", "share_error", "particles", "sure"))
    return _State(str(state.get("number")), [b in present for b in range(1, count + 1)],
                  (_percent(share), _percent(error), particles, sure,
                   *([maps.get(number_in(state, "number", path) or 0.0)] if maps else [])))


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share
