"""What each preset simulates: a molecule, its true states, and how particles are spread over them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.simulate.molecules import Molecule, hinge_molecule, ring_molecule, twostate_molecule

__all__ = ["Preset", "preset", "ring_covariance"]

#: largest hinge angle of hinge11, degrees
_HINGE_RANGE = 25.0
#: standard deviation of the hinge angles of ring14, degrees, and their bound in standard deviations
_RING_SPREAD, _RING_BOUND = 8.0, 2.5


@dataclass(frozen=True)
class Preset:
    """A planted truth and the defaults of a data set that shows it.

    Attributes:
        molecule: with D coordinates. states: [S, D] coordinates of the true maps.
        draw: (generator, n) to the state [n] and the true coordinates [n, D] of n particles.
        particles, box, pixel_size (Angstrom), snr: used where the user gives none.
    """

    molecule: Molecule
    states: NDArray[np.float64]
    draw: Callable[[np.random.Generator, int], tuple[NDArray[np.int64], NDArray[np.float64]]]
    particles: int = 3000
    box: int = 64
    pixel_size: float = 4.0
    snr: float = 0.1

    @property
    def columns(self) -> list[str]:
        """Names of the coordinates in truth.csv."""
        count = self.states.shape[1]
        return ["coordinate"] if count == 1 else [f"coordinate_{i:02d}" for i in range(1, count + 1)]


def _even(states: NDArray[np.float64]) -> Callable[
        [np.random.Generator, int], tuple[NDArray[np.int64], NDArray[np.float64]]]:
    """Particles spread evenly (up to one) over the states, in random order."""
    def draw(rng: np.random.Generator, n: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        chosen = rng.permutation(np.arange(n) % len(states))
        return chosen, states[chosen]
    return draw


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
    """The preset of a name: hinge11, null, twostate or ring14.

    Raises:
        KeyError: no such preset.
    """
    return {"hinge11": _hinge11, "null": _null, "twostate": _twostate, "ring14": _ring14}[name]()


def _hinge11() -> Preset:
    states = np.linspace(-_HINGE_RANGE, _HINGE_RANGE, 11)[:, None]
    return Preset(hinge_molecule(), states, _even(states))


def _null() -> Preset:
    states = np.zeros((1, 1))
    return Preset(hinge_molecule(), states, _even(states))


def _twostate() -> Preset:
    states = np.array([[0.0], [1.0]])
    return Preset(twostate_molecule(), states, _even(states))


def _ring14() -> Preset:
    return Preset(ring_molecule(), _ring_states(), _draw_ring)
