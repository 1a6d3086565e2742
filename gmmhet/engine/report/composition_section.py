"""The section of the page about what comes and goes: blocks, states, and which block needs which."""

from html import escape
from pathlib import Path

from gmmhet.engine.report.elements import cell, table
from gmmhet.engine.report.reading import Json, number_in, read_json, records_in
from gmmhet.engine.report.results import Results
from gmmhet.engine.wording import report_composition as wording

__all__ = ["composition_section"]


def composition_section(results: Results) -> str:
    """Tables of what gmmhet composition found; empty where it was not run on this folder.

    Raises:
        InputError: its summary is there, and holds something else.
    """
    path = results.folder / "composition" / "summary.json"
    if not path.is_file():
        return ""
    summary = read_json(path)
    blocks, states = records_in(summary, "blocks", path), records_in(summary, "states", path)
    words = [str(summary.get("verdict") or ""), str(summary.get("order_words") or "")]
    lead = "".join(f"<p>{escape(text)}</p>" for text in words if text)
    if not blocks:
        return lead
    cards = f'<div class="card"><h3>{wording.BLOCKS}</h3>{_block_table(blocks, path)}</div>'
    independent = summary.get("independent")
    if len(blocks) > 1 and not (isinstance(independent, dict) and independent.get("independent")):
        cards += f'<div class="card below"><h3>{wording.STATES}</h3>{_state_table(states, len(blocks), path)}</div>'
    return lead + cards


def _block_table(blocks: list[Json], path: Path) -> str:
    heads = f"<th>{wording.BLOCK}</th>" + "".join(f'<th class="figure">{h}</th>' for h in wording.BLOCK_COLUMNS)
    rows = []
    for block in blocks:
        share, error = (number_in(block, key, path) for key in ("share", "share_error"))
        mass = number_in(block, "kilodalton", path)
        title = f"{block.get('number')} {block.get('name') or ''}".strip()
        figures = (mass, _percent(number_in(block, "mass_share", path)), _percent(share), _percent(error))
        rows.append(f"<tr><td>{escape(title)}</td>{''.join(cell(v) for v in figures)}"
                    f"<td class=words>{escape(str(block.get('where') or ''))}</td></tr>")
    return table("blocks", f"{heads}<th>{wording.PLACE}</th>", "".join(rows), wording.BLOCKS_NOTE)


def _state_table(states: list[Json], count: int, path: Path) -> str:
    heads = f"<th>{wording.STATE}</th>" + "".join(f"<th>{b}</th>" for b in range(1, count + 1)) + "".join(
        f'<th class="figure">{h}</th>' for h in wording.STATE_COLUMNS)
    rows = []
    for state in states:
        there = state.get("blocks")
        present = set(there) if isinstance(there, list) else set()
        marks = "".join(f"<td>{wording.PRESENT if b in present else wording.ABSENT}</td>" for b in range(1, count + 1))
        figures = (_percent(number_in(state, "share", path)), _percent(number_in(state, "share_error", path)),
                   number_in(state, "particles", path), number_in(state, "sure", path))
        rows.append(f"<tr><td>{escape(str(state.get('number')))}</td>{marks}{''.join(cell(v) for v in figures)}</tr>")
    return table("states", heads, "".join(rows), wording.STATES_NOTE)


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share
