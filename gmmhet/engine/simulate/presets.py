"""What each preset simulates: a molecule, its true states, and how particles are spread over them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.simulate.molecules import (
    Molecule,
    antibody_molecule,
    four_arm_molecule,
    hinge_and_domain_molecule,
    hinge_molecule,
    membrane_molecule,
    ring_molecule,
    two_arm_molecule,
    twostate_molecule,
)

__all__ = ["Preset", "preset", "ring_covariance"]

#: values of one coordinate
Level = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], tuple[NDArray[np.int64], NDArray[np.float64]]]

#: hinge angles, degrees: those of hinge11 and the arms, and of the domain that turns all the way
_HINGE = np.linspace(-25.0, 25.0, 11)
_TURN = np.arange(100) * 3.6
_ABSENT_OR_PRESENT = np.array([0.0, 1.0])
#: standard deviation of the hinge angles of ring14, degrees, and their bound in standard deviations
_RING_SPREAD, _RING_BOUND = 8.0, 2.5


@dataclass(frozen=True)
class Preset:
    """A planted truth and the defaults of a data set that shows it.

    Attributes:
        molecule: with D coordinates.
        states: [S, D] coordinates of the true states.
        draw: (generator, n) to the state [n] and the true coordinates [n, D] of n particles.
        mapped: numbers of the states that a true map is written of.
        levels: the values of each coordinate, where these are drawn independently: states are all their combinations,
            the last coordinate varying fastest. Empty where coordinates are continuous.
        particles, box, pixel_size (Angstrom), snr: used where the user gives none.
    """

    molecule: Molecule
    states: NDArray[np.float64]
    draw: Draw
    mapped: NDArray[np.int64]
    levels: tuple[Level, ...] = ()
    particles: int = 3000
    box: int = 64
    pixel_size: float = 4.0
    snr: float = 0.1

    @property
    def columns(self) -> list[str]:
        """Names of the coordinates in truth.csv."""
        count = self.states.shape[1]
        return ["coordinate"] if count == 1 else [f"coordinate_{i:02d}" for i in range(1, count + 1)]


def _independent(molecule: Molecule, levels: tuple[Level, ...], mapped: tuple[Sequence[int], ...],
                 ) -> Preset:
    """Coordinates of given values, each spread evenly (up to one) over the particles in a random order of its own.

    Args:
        mapped: for each coordinate the levels whose combinations get a true map.
    """
    shape = tuple(len(level) for level in levels)
    states = np.stack(np.meshgrid(*levels, indexing="ij"), axis=-1).reshape(-1, len(levels))
    numbers = np.ravel_multi_index(tuple(np.meshgrid(*mapped, indexing="ij")), shape).ravel()

    def draw(rng: np.random.Generator, n: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        state = np.ravel_multi_index(tuple(rng.permutation(np.arange(n) % size) for size in shape), shape)
        return state, states[state]

    return Preset(molecule, states, draw, numbers, levels)


def ring_covariance() -> NDArray[np.float64]:
    """[14, 14] covariance of the hinge angles of ring14, degrees squared.

    Correlation falls with the distance around the ring from 0.6 between neighbours to 0.3; -0.3 between the rings.
    """
    place = np.arange(7)
    apart = np.abs(place[:, None] - place[None])
    ring = np.array([1.0, 0.6, 0.4, 0.3])[np.minimum(apart, 7 - apart)]
    across = np.full((7, 7), -0.3)
    return _RING_SPREAD**2 * np.block([[ring, across], [across, ring]])


def _ring_states() -> NDArray[np.float64]:
    """All low, all high, upper ring high and lower low, and the opposite; one standard deviation from rest."""
    signs = [(-1, -1), (1, 1), (1, -1), (-1, 1)]
    return _RING_SPREAD * np.array([np.repeat(pair, 7) for pair in signs], dtype=np.float64)


def _draw_ring(rng: np.random.Generator, n: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Correlated angles, bounded; the state is the nearest of the true maps."""
    angles = rng.standard_normal((n, 14)) @ np.linalg.cholesky(ring_covariance()).T
    angles = np.clip(angles, -_RING_BOUND * _RING_SPREAD, _RING_BOUND * _RING_SPREAD)
    distance = ((angles[:, None] - _ring_states()[None]) ** 2).sum(axis=2)
    return distance.argmin(axis=1), angles


def preset(name: str) -> Preset:
    """The preset of a name, one of gmmhet.engine.config.PRESETS.

    Raises:
        KeyError: no such preset.
    """
    return _PRESETS[name]()


def _hinge11() -> Preset:
    return _independent(hinge_molecule(), (_HINGE,), (range(11),))


def _null() -> Preset:
    return _independent(hinge_molecule(), (np.zeros(1),), (range(1),))


def _twostate() -> Preset:
    return _independent(twostate_molecule(), (_ABSENT_OR_PRESENT,), (range(2),))


def _ring14() -> Preset:
    return Preset(ring_molecule(), _ring_states(), _draw_ring, np.arange(4))


def _turning() -> Preset:
    """A true map of every tenth state, since 100 of them would fill a gigabyte."""
    what = _independent(antibody_molecule(), (_TURN,), (range(0, 100, 10),))
    return replace(what, particles=6000, box=128, pixel_size=3.0, snr=0.04)


def _twomotions() -> Preset:
    return _independent(two_arm_molecule(), (_HINGE, _HINGE), ((0, 5, 10),) * 2)


def _hingedomain() -> Preset:
    return _independent(hinge_and_domain_molecule(), (_HINGE, _ABSENT_OR_PRESENT), ((0, 5, 10), (0, 1)))


def _fourmotions() -> Preset:
    return _independent(four_arm_molecule(), (_HINGE,) * 4, ((0, 10),) * 4)


def _membrane() -> Preset:
    return _independent(membrane_molecule(), (_HINGE,), (range(11),))


_PRESETS: dict[str, Callable[[], Preset]] = {
    "hinge11": _hinge11, "null": _null, "twostate": _twostate, "ring14": _ring14, "turning": _turning,
    "twomotions": _twomotions, "hingedomain": _hingedomain, "fourmotions": _fourmotions,
    "membrane": _membrane,
}
