"""Settings of maps at points of latent space, and of paths through it."""

from dataclasses import dataclass

from gmmhet.engine.settings import setting

__all__ = ["CHART", "GRAPH", "MAP_PLACES", "PATHS", "POINTS", "RIDGE", "SERIES", "Chart", "Graph",
           "MapPlaces", "Paths", "Points", "Ridge", "Series"]

_CHOSEN = "chosen, not measured"


@dataclass(frozen=True)
class Points:
    """Points that are given."""

    farthest: float = setting(25.0, "standard deviations",
                              "of a coordinate that is given: a larger number is a mistake",
                              origin=_CHOSEN)
    closing: float = setting(1.8, "steps", "a path whose ends are no farther apart is closed", origin=_CHOSEN)
    fewest_closed: int = setting(4, "points", "of a closed path, at least: three are a triangle of any path",
                                 origin=_CHOSEN)


@dataclass(frozen=True)
class Paths:
    """Paths through the particles."""

    range: tuple[float, float] = setting((2.0, 98.0), "percentiles", "of the coordinate, between which a path along a "
                                         "mode runs", origin=_CHOSEN)
    one_point: float = setting(1e-6, "standard deviations", "particles that spread by less are at one point",
                               origin=_CHOSEN)
    far: float = setting(1.0, "standard deviations", "from a path, beyond which particles are left out", origin=_CHOSEN)
    least_left_out: float = setting(0.02, "of the particles", "that a path leaves out, from which it is said",
                                    origin=_CHOSEN)
    hole: float = setting(0.5, "of the density of the path", "between both sides of a ring, at most; else it is none",
                          origin=_CHOSEN)


@dataclass(frozen=True)
class Graph:
    """The graph of near particles."""

    nodes: int = setting(1500, "particles", "of the graph", origin="chosen for speed, not measured")
    neighbours: int = setting(12, "particles", "that a particle has edges to", origin=_CHOSEN)
    least_density: float = setting(1e-4, "of the highest density", "an edge through less costs no more", origin=_CHOSEN)
    detour: float = setting(30.0, "", "how many times more an edge costs where a path has been before", origin=_CHOSEN)
    surroundings: float = setting(0.15, "of the extent of the particles", "around a path, in which edges cost more",
                                  origin=_CHOSEN)


@dataclass(frozen=True)
class Ridge:
    """How a path is moved onto the ridge of the density (string method, E, Ren and Vanden-Eijnden 2007)."""

    points: int = setting(48, "points", "of the path while it moves", origin=_CHOSEN)
    rounds: int = setting(60, "rounds", "of moving and smoothing", origin=_CHOSEN)
    step: float = setting(0.5, "of the step uphill", "in a round", origin=_CHOSEN)
    stiffness: float = setting(0.3, "of the way to the middle of both neighbours", "in a round, which smooths the path",
                               origin=_CHOSEN)


@dataclass(frozen=True)
class Series:
    """Series of maps."""

    smallest_piece: float = setting(0.01, "of the largest piece", "of a contour; smaller ones are noise and not drawn",
                                    origin=_CHOSEN)


@dataclass(frozen=True)
class Chart:
    """The density over one or two modes."""

    margin: float = setting(0.12, "of the range of the particles", "around it", origin=_CHOSEN)
    least_margin: float = setting(0.5, "standard deviations", "around the particles", origin=_CHOSEN)
    cells_of_one: int = setting(240, "cells", "over one mode", origin=_CHOSEN)
    cells_of_two: int = setting(64, "cells", "over each of two modes", origin="chosen for speed, not measured")
    picture: int = setting(96, "voxels", "along an edge of maps that are only looked at",
                           origin="chosen for speed, not measured")


@dataclass(frozen=True)
class MapPlaces:
    """Where maps along a mode are made."""

    most: int = setting(4, "modes", "beside it that are looked at", origin=_CHOSEN)
    looked_at: int = setting(15, "points", "along the mode", origin=_CHOSEN)
    empty: float = setting(0.3, "of these", "without particles, though there are some at this coordinate: the "
                           "particles lie around an empty middle", origin=_CHOSEN)
    dependent: float = setting(0.2, "nats", "of mutual information of two coordinates, less of which are no curve",
                               origin=_CHOSEN)
    fewest: int = setting(200, "particles", "of which a curve is looked for", origin=_CHOSEN)


MAP_PLACES = MapPlaces()
POINTS = Points()
PATHS = Paths()
GRAPH = Graph()
RIDGE = Ridge()
SERIES = Series()
CHART = Chart()
