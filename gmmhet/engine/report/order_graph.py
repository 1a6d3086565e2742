"""The order of blocks as a graph: an arrow from a block to one that is never there without it."""

from collections.abc import Sequence
from dataclasses import dataclass

from gmmhet.engine.report.templates import Markup, render
from gmmhet.engine.wording import report_composition as wording

__all__ = ["Node", "order_graph", "placed"]

_STEP, _ROW, _RADIUS = 92, 46, 15  # pixels: between levels, between nodes of one, of a node


@dataclass(frozen=True)
class Node:
    """A block and the middle of its circle, pixels."""

    block: int
    x: float
    y: float


def placed(order: Sequence[tuple[int, int]]) -> tuple[Node, ...]:
    """The blocks of an order, each right of all that it needs.

    Args:
        order: (block, the one that it needs), without cycles.
    """
    blocks = sorted({block for pair in order for block in pair})
    level = dict.fromkeys(blocks, 0)
    for _ in blocks:  # the longest way is no longer than that
        for block, needs in order:
            level[block] = max(level[block], level[needs] + 1)
    found = []
    for block in blocks:
        row = [b for b in blocks if level[b] == level[block]].index(block)
        found.append(Node(block, _RADIUS + 2 + _STEP * level[block], _RADIUS + 2 + _ROW * row))
    return tuple(found)


def order_graph(order: Sequence[tuple[int, int]]) -> Markup:
    """The picture; empty where no block needs another."""
    if not order:
        return Markup()
    nodes = placed(order)
    at = {node.block: node for node in nodes}
    arrows = []
    for block, needs in order:
        first, last = at[needs], at[block]
        x, y = last.x - first.x, last.y - first.y
        share = _RADIUS / (x**2 + y**2) ** 0.5
        arrows.append([round(v, 1) for v in (first.x + share * x, first.y + share * y, last.x - 1.4 * share * x,
                                             last.y - 1.4 * share * y)])
    return render("order", nodes=nodes, arrows=arrows, radius=_RADIUS, title=wording.ORDER, caption=wording.ORDER_NOTE,
                  width=max(n.x for n in nodes) + _RADIUS + 2, height=max(n.y for n in nodes) + _RADIUS + 2)
