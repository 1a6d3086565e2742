"""Molecules of random shape with a hinge and a domain that comes and goes, other than the presets'."""

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.simulate import Molecule, Preset
from gmmhet.engine.simulate.chain import grow_chain

__all__ = ["RESIDUE_KILODALTON", "hinge_and_domain", "two_states"]

Array = NDArray[np.float64]

_RESIDUE_VOLUME = 133.0  # cubic Angstrom
RESIDUE_KILODALTON = _RESIDUE_VOLUME / 1210.0
_LEVELS = 11


def _direction(rng: np.random.Generator) -> Array:
    vector = rng.standard_normal(3)
    return np.asarray(vector / np.linalg.norm(vector))


def _domain(rng: np.random.Generator, n: int, stretch: float, along: Array) -> Array:
    """[n, 3] residues in an ellipsoid about 0, longer along a direction by a factor."""
    radius = (3 * 1.25 * n * _RESIDUE_VOLUME / (4 * np.pi * stretch)) ** (1 / 3)
    chain = grow_chain(rng, (radius * stretch, radius, radius), n)
    second = np.cross(along, _direction(rng))
    second /= np.linalg.norm(second)
    return np.asarray(chain @ np.stack([along, second, np.cross(along, second)]))


def _parts(rng: np.random.Generator) -> tuple[Array, Array, Array, Array, Array]:
    """Body, arm and domain [n, 3], the hinge [3] between body and arm, and its axis [3]."""
    body = _domain(rng, int(rng.integers(450, 800)), rng.uniform(1.0, 1.5), _direction(rng))
    arm_way = _direction(rng)
    other = _direction(rng)
    while abs(other @ arm_way) > 0.5:
        other = _direction(rng)
    arm = _domain(rng, int(rng.integers(110, 240)), rng.uniform(1.3, 1.9), arm_way)
    hinge = (body @ arm_way).max() * arm_way
    arm = arm + hinge + (3 - (arm @ arm_way).min()) * arm_way
    domain = _domain(rng, int(rng.integers(50, 120)), 1.0, other)
    reach = (body @ other)[np.linalg.norm(body - np.outer(body @ other, other), axis=1) < 12].max()
    domain = domain + (reach + 4 - (domain @ other).min()) * other
    axis = np.cross(arm_way, _direction(rng))
    return body, arm, domain, hinge, axis / np.linalg.norm(axis)


def hinge_and_domain(seed: int) -> Preset:
    """A hinge of 11 even angles, to 12 to 22 degrees on both sides, and a domain in 35 to 80 % of the particles."""
    rng = np.random.default_rng(1000 + seed)
    body, arm, domain, hinge, axis = _parts(rng)
    centers = np.concatenate([body, arm, domain])
    kind = np.repeat([0, 1, 2], [len(body), len(arm), len(domain)])
    centre = centers.mean(axis=0)
    molecule = Molecule(centers - centre, np.ones(len(centers)), 2.5, np.where(kind == 1, 0, -1),
                        np.where(kind == 2, 1, -1), np.stack([hinge - centre, np.zeros(3)]),
                        np.stack([axis, [0.0, 0.0, 1.0]]))
    angles = np.linspace(-1, 1, _LEVELS) * rng.uniform(12, 22)
    share = rng.uniform(0.35, 0.8)
    states = np.stack(np.meshgrid(angles, [0.0, 1.0], indexing="ij"), axis=-1).reshape(-1, 2)

    def draw(drawn: np.random.Generator, n: int) -> tuple[NDArray[np.int64], Array]:
        number = drawn.permutation(np.arange(n) % _LEVELS)
        present = (drawn.permutation(n) < round(share * n)).astype(np.int64)
        return 2 * number + present, np.stack([angles[number], present.astype(float)], axis=1)
    return Preset(molecule, states, draw, np.arange(2), particles=1500, box=48, pixel_size=4.0)


def two_states(seed: int, share: float, hidden_along: Array | None = None) -> Preset:
    """The same molecules at rest, the domain present in a share of the particles.

    Args:
        hidden_along: turns the molecule so that the domain lies behind the body along this direction [3].
    """
    rng = np.random.default_rng(2000 + seed)
    body, arm, domain, _, _ = _parts(rng)
    if hidden_along is not None:
        domain = domain @ _turning(domain.mean(0), hidden_along).T
    centers = np.concatenate([body, arm, domain])
    count = [len(body) + len(arm), len(domain)]
    molecule = Molecule(centers - centers.mean(0), np.ones(len(centers)), 2.5, np.full(len(centers), -1),
                        np.repeat([-1, 0], count), np.zeros((1, 3)), np.array([[0.0, 0.0, 1.0]]))

    def draw(drawn: np.random.Generator, n: int) -> tuple[NDArray[np.int64], Array]:
        present = (drawn.permutation(n) < round(share * n)).astype(np.int64)
        return present, present[:, None].astype(float)
    return Preset(molecule, np.array([[0.0], [1.0]]), draw, np.arange(2), particles=1500, box=48, pixel_size=4.0)


def _turning(given: Array, wanted: Array) -> Array:
    """[3, 3] rotation that takes one direction to another."""
    first, second = given / np.linalg.norm(given), wanted / np.linalg.norm(wanted)
    cross, cosine = np.cross(first, second), float(first @ second)
    skew = np.array([[0, -cross[2], cross[1]], [cross[2], 0, -cross[0]], [-cross[1], cross[0], 0]])
    return np.asarray(np.eye(3) + skew + skew @ skew / (1 + cosine))
