"""Pseudo-atomic molecules whose domains turn about hinges or come and go."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gmmhet.engine.simulate.chain import grow_chain
from gmmhet.engine.simulate.settings import CHAIN

__all__ = [
    "Molecule", "antibody_molecule", "four_arm_molecule", "hinge_and_domain_molecule", "hinge_molecule",
    "membrane_molecule", "ring_molecule", "two_arm_molecule", "twostate_molecule",
]



@dataclass(frozen=True)
class Molecule:
    """Pseudo-atoms and what each of the D coordinates does to them.

    Attributes:
        centers: [N, 3] xyz with all hinge angles 0, Angstrom, origin at voxel box // 2.
        weights: [N] integrated density.
        sigma: common width, Angstrom.
        turned_by: [N] the coordinate (an angle, degrees) that turns the atom about its hinge; -1 none.
        scaled_by: [N] the coordinate that multiplies the atom's weight; -1 none.
        pivots, axes: [D, 3] a point on each hinge, Angstrom, and its direction (unit vectors); angles are right-handed.
    """

    centers: NDArray[np.float64]
    weights: NDArray[np.float64]
    sigma: float
    turned_by: NDArray[np.int64]
    scaled_by: NDArray[np.int64]
    pivots: NDArray[np.float64]
    axes: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.weights)

    @property
    def is_static(self) -> NDArray[np.bool_]:
        """[N] atoms that no coordinate changes."""
        return (self.turned_by < 0) & (self.scaled_by < 0)

    def take(self, atoms: NDArray[np.bool_]) -> "Molecule":
        """The molecule with the chosen atoms ([N]) alone."""
        return Molecule(self.centers[atoms], self.weights[atoms], self.sigma, self.turned_by[atoms],
                        self.scaled_by[atoms], self.pivots, self.axes)

    def place(self, coordinates: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Conformations: coordinates [n, D] to centers [n, N, 3] (Angstrom) and weights [n, N]."""
        values = np.asarray(coordinates, dtype=np.float64)
        centers = np.repeat(self.centers[None], len(values), axis=0)
        weights = np.repeat(self.weights[None], len(values), axis=0)
        for d in range(values.shape[1]):
            turned, scaled = self.turned_by == d, self.scaled_by == d
            centers[:, turned] = _turn(self.centers[turned], self.pivots[d], self.axes[d], values[:, d])
            weights[:, scaled] *= values[:, d, None]
        return centers, weights

    def radius(self, coordinates: ArrayLike) -> float:
        """Distance from the origin, Angstrom, within which all conformations [n, D] lie, three widths included."""
        centers, _ = self.place(coordinates)
        return float(np.linalg.norm(centers, axis=-1).max() + 3 * self.sigma)


def _turn(points: NDArray[np.float64], pivot: NDArray[np.float64], axis: NDArray[np.float64],
          angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rodrigues' rotation of points [m, 3] about an axis by n angles, degrees: [n, m, 3]."""
    radians = np.deg2rad(angles)[:, None, None]
    arm = points - pivot
    along = np.outer(arm @ axis, axis)
    turned = along + np.cos(radians) * (arm - along) + np.sin(radians) * np.cross(axis, arm)
    return np.asarray(pivot + turned)


def _domain(rng: np.random.Generator, n: int, shape: tuple[float, float, float], center: tuple[float, float, float],
            ) -> NDArray[np.float64]:
    """A domain of n residues, an ellipsoid of the given proportions and a protein's volume, at a centre (Angstrom)."""
    proportions = np.asarray(shape)
    scale = (3 * n * CHAIN.residue_volume / (4 * np.pi * proportions.prod())) ** (1 / 3)
    x, y, z = scale * proportions
    return np.asarray(grow_chain(rng, (x, y, z), n) + np.asarray(center))


@cache
def hinge_molecule() -> Molecule:
    """A body of two domains and an arm that turns in the xy plane about the point where it meets the body."""
    rng = np.random.default_rng(11)
    body = np.concatenate([_domain(rng, 420, (1.0, 1.15, 0.9), (-10.0, -18.0, 3.0)),
                           _domain(rng, 300, (1.0, 1.0, 1.1), (-8.0, 26.0, -4.0))])
    arm = _domain(rng, 160, (1.6, 0.9, 0.8), (38.0, 0.0, 0.0))
    centers = np.concatenate([body, arm])
    n = len(centers)
    return Molecule(centers, np.ones(n), 2.5, np.repeat([-1, 0], [len(body), len(arm)]), np.full(n, -1),
                    np.array([[15.0, 0.0, 0.0]]), np.array([[0.0, 0.0, 1.0]]))


@cache
def twostate_molecule() -> Molecule:
    """The hinge molecule at rest, with a small domain on top of its body that is there or not."""
    both = hinge_and_domain_molecule()
    return replace(both, turned_by=np.full(len(both), -1), scaled_by=np.minimum(both.scaled_by, 0),
                   pivots=np.zeros((1, 3)), axes=both.axes[:1])


@cache
def hinge_and_domain_molecule() -> Molecule:
    """The hinge molecule with a small domain on top of its body: coordinate 0 turns the arm, 1 scales the domain."""
    whole = hinge_molecule()
    domain = _domain(np.random.default_rng(2), 60, (1.0, 1.0, 1.0), (-8.0, -16.0, 34.0))
    n = len(whole) + len(domain)
    return Molecule(np.concatenate([whole.centers, domain]), np.ones(n), whole.sigma,
                    np.concatenate([whole.turned_by, np.full(len(domain), -1)]),
                    np.repeat([-1, 1], [len(whole), len(domain)]),
                    np.concatenate([whole.pivots, np.zeros((1, 3))]), np.repeat([[0.0, 0.0, 1.0]], 2, axis=0))


@cache
def two_arm_molecule() -> Molecule:
    """The hinge molecule's body and arm, and on its other side an arm of the same size that turns in the xz plane."""
    whole = hinge_molecule()
    arm = _domain(np.random.default_rng(22), 160, (1.6, 0.9, 0.8), (-58.0, 0.0, 0.0))
    n = len(whole) + len(arm)
    centre = np.array([-10.0, 0.0, 0.0])
    return Molecule(np.concatenate([whole.centers, arm]) - centre, np.ones(n), whole.sigma,
                    np.concatenate([whole.turned_by, np.full(len(arm), 1)]), np.full(n, -1),
                    np.concatenate([whole.pivots, [[-35.0, 0.0, 0.0]]]) - centre,
                    np.concatenate([whole.axes, [[0.0, 1.0, 0.0]]]))


@cache
def four_arm_molecule() -> Molecule:
    """A round body with four arms of 200, 150, 110 and 80 residues, a quarter turn apart around z, each on a hinge.

    Coordinates 0..3 turn them from the largest to the smallest: 0 and 3 in the xy plane, 1 and 2 out of it.
    """
    rng = np.random.default_rng(4)
    body = _domain(rng, 480, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    pivot = np.array([25.0, 0.0, 0.0])
    sizes, reaches, turns = (200, 150, 110, 80), (54.0, 51.0, 49.0, 46.0), (0.0, 90.0, 180.0, 270.0)
    axes = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    arms = [_about_z(_domain(rng, size, (1.6, 0.9, 0.8), (reach, 0.0, 0.0)), turn)
            for size, reach, turn in zip(sizes, reaches, turns, strict=True)]
    centers = np.concatenate([body, *arms])
    n = len(centers)
    return Molecule(centers, np.ones(n), 2.5, np.repeat([-1, 0, 1, 2, 3], [len(body), *sizes]), np.full(n, -1),
                    np.concatenate([_about_z(pivot[None], turn) for turn in turns]), axes)


@cache
def membrane_molecule() -> Molecule:
    """A bundle of 250 residues across a membrane, in a belt of detergent, and a domain above it on a hinge (axis x).

    The belt is a ring of half the protein's density around z, which does not move.
    """
    rng = np.random.default_rng(7)
    bundle = _domain(rng, 250, (1.0, 1.0, 1.6), (0.0, 0.0, 0.0))
    domain = _domain(rng, 160, (0.9, 0.8, 1.6), (0.0, 0.0, 55.0))
    belt = _ring_of_points(rng, (20.0, 38.0), 34.0)
    centers = np.concatenate([bundle, domain, belt])
    n = len(centers)
    return Molecule(centers - [0.0, 0.0, 15.0], np.repeat([1.0, 0.5], [n - len(belt), len(belt)]), 2.5,
                    np.repeat([-1, 0, -1], [len(bundle), len(domain), len(belt)]), np.full(n, -1),
                    np.array([[0.0, 0.0, 14.0]]), np.array([[1.0, 0.0, 0.0]]))


def _ring_of_points(rng: np.random.Generator, radii: tuple[float, float], height: float) -> NDArray[np.float64]:
    """Random points, one a residue's volume, evenly between two radii (Angstrom) around z, of that height."""
    area = np.pi * (radii[1]**2 - radii[0]**2)
    n = round(area * height / CHAIN.residue_volume)
    radius, turn = np.sqrt(rng.uniform(radii[0]**2, radii[1]**2, n)), rng.uniform(0, 2 * np.pi, n)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), height * rng.uniform(-0.5, 0.5, n)], axis=1)


@cache
def antibody_molecule() -> Molecule:
    """Three elongated domains of 440 residues, an antibody's size and shape; one turns about an axis through the hinge.

    The domain lies 40 degrees off that axis (x): over 360 degrees it goes around a cone, clear of the other two.
    """
    rng = np.random.default_rng(150)
    shape = (2.0, 1.25, 1.0)
    fixed = [_about_z(_domain(rng, 440, shape, (46.0, 0.0, 0.0)), turn) for turn in (117.0, -117.0)]
    hinge = np.array([6.0, 0.0, 0.0])
    turning = _about_z(_domain(rng, 440, shape, (42.0, 0.0, 0.0)), 40.0) + hinge
    centers = np.concatenate([*fixed, turning])
    n = len(centers)
    return Molecule(centers, np.ones(n), 2.5, np.repeat([-1, 0], [880, 440]), np.full(n, -1), hinge[None],
                    np.array([[1.0, 0.0, 0.0]]))


def _about_z(points: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    """Points [m, 3] turned about the z axis, degrees, right-handed."""
    return np.asarray(_turn(points, np.zeros(3), np.array([0.0, 0.0, 1.0]), np.array([angle]))[0])


@cache
def ring_molecule() -> Molecule:
    """Two rings of seven subunits back to back (D7: sevenfold along z, twofold along x), each with a hinged domain.

    Coordinates 0..6 are the subunits of the upper ring in their order around it, 7..13 those of the lower ring, where
    7 + i is the twofold image of i. A positive angle tips the outer domain away from the sevenfold axis.
    """
    rng = np.random.default_rng(14)
    inner = np.add(grow_chain(rng, (23.0, 20.0, 19.0), 54, step=6.0), (45.0, 0.0, 18.0))
    outer = np.add(grow_chain(rng, (21.0, 19.0, 19.0), 54, step=6.0), (45.0, 0.0, 51.0))
    subunit = np.concatenate([inner, outer])
    turned = np.repeat([-1, 0], [len(inner), len(outer)])
    copies = _d7()
    centers = np.concatenate([subunit @ g.T for g in copies])
    n = len(centers)
    return Molecule(
        centers, np.full(n, 525 / len(subunit)), 3.5,
        np.concatenate([np.where(turned < 0, -1, d) for d in range(14)]), np.full(n, -1),
        np.stack([g @ [47.0, 0.0, 34.0] for g in copies]), np.stack([g @ [0.0, 1.0, 0.0] for g in copies]))


def _d7() -> list[NDArray[np.float64]]:
    """The 14 rotations of D7: the seven about z, then the seven that follow the half turn about x."""
    angles = 2 * np.pi * np.arange(7) / 7
    sevenfold = [np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1.0]]) for a in angles]
    half_turn = np.diag([1.0, -1.0, -1.0])
    return sevenfold + [half_turn @ g for g in sevenfold]
