"""Particles as a graph: ways between points of latent space that stay where particles are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import cKDTree

from gmmhet.engine.landscape.settings import GRAPH
from gmmhet.engine.latent_space.particle_density import Population
from gmmhet.engine.sampling import evenly_spread

__all__ = ["LatentGraph"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class LatentGraph:
    """Edges between near particles, and between the nearest ones of parts that would not hang together.

    Attributes:
        nodes: [m, K]; the first are the points given to :meth:`of`, the others particles of the populated region.
        lengths, costs: [m, m] of the edges: |a - b|, and that over the relative density half way between.
    """

    nodes: Array
    lengths: csr_matrix
    costs: csr_matrix

    @classmethod
    def of(cls, population: Population, points: Array) -> "LatentGraph":
        """The graph of some of the particles and of points [P, K]."""
        rows = evenly_spread(len(population.coordinates), 2 * GRAPH.nodes)
        some = population.coordinates[rows]
        some = some[population.density(some) >= population.level][:: 1 + (len(rows) > GRAPH.nodes)]
        nodes = np.concatenate([points, some])
        first, second = _edges(nodes)
        length = np.maximum(np.linalg.norm(nodes[first] - nodes[second], axis=1), 1e-12)
        density = population.density((nodes[first] + nodes[second]) / 2)
        shape = (len(nodes), len(nodes))
        return cls(nodes, csr_matrix((length, (first, second)), shape),
                   csr_matrix((length / np.clip(density, GRAPH.least_density, None), (first, second)), shape))

    def way(self, start: int, end: int, avoid: Array | None = None) -> list[int]:
        """Nodes of the cheapest way from one node to another.

        Args:
            avoid: [Q, K] a way gone before, whose surroundings are to be left where there is another way.
        """
        costs = self.costs if avoid is None else self._dearer(avoid, start, end)
        before = dijkstra(costs, directed=False, indices=start, return_predecessors=True)[1]
        trail = [end]
        while trail[-1] != start:
            trail.append(int(before[trail[-1]]))
        return trail[::-1]

    def far_ends(self) -> tuple[int, int]:
        """Two nodes that are as far from each other as any, along the edges."""
        first = int(np.argmin(np.linalg.norm(self.nodes - np.median(self.nodes, axis=0), axis=1)))
        second = first
        for _ in range(3):
            first, second = second, int(dijkstra(self.lengths, directed=False, indices=second).argmax())
        return first, second

    def _dearer(self, way: Array, start: int, end: int) -> csr_matrix:
        """Costs with what lies near a way made dearer, but for the surroundings of its ends."""
        radius = GRAPH.surroundings * np.linalg.norm(np.ptp(self.nodes, axis=0))
        near = np.exp(-0.5 * (cKDTree(_dense(way)).query(self.nodes)[0] / radius) ** 2)
        ends = self.nodes[[start, end]]
        near *= 1 - np.exp(-0.5 * (cKDTree(ends).query(self.nodes)[0] / radius) ** 2)
        edges = self.costs.tocoo()
        factor = 1 + GRAPH.detour * np.maximum(near[edges.row], near[edges.col])
        return csr_matrix((edges.data * factor, (edges.row, edges.col)), edges.shape)


def _dense(way: Array) -> Array:
    """A way with points in between."""
    shares = np.linspace(0, 1, 5)[:, None, None]
    return np.concatenate([((1 - shares) * way[:-1] + shares * way[1:]).reshape(-1, way.shape[1]), way[-1:]])


def _edges(nodes: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs (first < second) of near nodes, and of the nearest ones of parts that would not hang together."""
    number = min(GRAPH.neighbours, len(nodes) - 1)
    found = cKDTree(nodes).query(nodes, number + 1)[1].reshape(len(nodes), -1)
    pairs = np.stack([np.repeat(np.arange(len(nodes)), found.shape[1]), found.ravel()], axis=1)
    while True:
        pairs = np.unique(np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1), axis=0)
        links = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (len(nodes), len(nodes)))
        parts, label = connected_components(links, directed=False)
        if parts == 1:
            return pairs[:, 0], pairs[:, 1]
        pairs = np.concatenate([pairs, [_bridge(nodes, label == part) for part in range(parts)]])


def _bridge(nodes: Array, inside: NDArray[np.bool_]) -> tuple[int, int]:
    """The nearest pair of a node inside and one outside."""
    members, others = np.flatnonzero(inside), np.flatnonzero(~inside)
    distance, nearest = cKDTree(nodes[others]).query(nodes[members])
    best = int(distance.argmin())
    return int(members[best]), int(others[nearest[best]])
