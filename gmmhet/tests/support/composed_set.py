"""A small set of particles with domains that come and go, and an analysis of it that found no motion."""

import json
from pathlib import Path

import numpy as np

from gmmhet.engine.config import SimulateConfig
from gmmhet.engine.imaging.half_plane import HalfPlane
from gmmhet.engine.io import read_map, read_particles, write_particles
from gmmhet.engine.latent_space.saved_analysis import ANALYSIS_FILE
from gmmhet.engine.molecule.gaussian_map import gaussian_density
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.simulate import Molecule, Preset, simulate

__all__ = ["BOX", "PIXEL", "composed_set", "domains", "moving_set"]

BOX, PIXEL, RESOLUTION = 32, 6.0, 18.0
#: the first domain is needed by the second
_STATES = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
_SHARES = np.array([0.25, 0.45, 0.3])
_WIDTH = 5.0


def _ball(rng: np.random.Generator, radius: float, middle: tuple[float, float, float]) -> np.ndarray:
    """Points about 9 Angstrom apart in a ball."""
    axis = np.arange(-radius, radius + 1, 9.0)
    points = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(-1, 3)
    return np.asarray(points[np.linalg.norm(points, axis=1) <= radius] + middle + rng.normal(0, 0.5, 3))


def domains() -> Molecule:
    """A body, and two domains on it."""
    rng = np.random.default_rng(0)
    parts = [_ball(rng, 34, (0, 0, 0)), _ball(rng, 19, (0, 0, 50)), _ball(rng, 19, (48, 0, -8))]
    owner = np.repeat([-1, 0, 1], [len(p) for p in parts])
    n = len(owner)
    return Molecule(np.concatenate(parts), np.ones(n), _WIDTH, np.full(n, -1), owner, np.zeros((2, 3)),
                    np.tile([0.0, 0.0, 1.0], (2, 1)))


def hinged() -> Molecule:
    """The same, whose second domain turns about where it meets the body, and whose first one comes and goes."""
    still = domains()
    return Molecule(still.centers, still.weights, still.sigma, np.where(still.scaled_by == 1, 1, -1),
                    np.where(still.scaled_by == 0, 0, -1), np.array([[0.0, 0.0, 0.0], [30.0, 0.0, -5.0]]),
                    np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]]))


def composed_set(folder: Path, particles: int, *, seed: int = 0) -> np.ndarray:
    """Write folder/particles.star and folder/analysis, an analysis without a significant mode; the noise is the true
    one.

    Returns:
        [n, 2] which domains each particle has.
    """
    molecule = domains()

    def draw(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        number = rng.choice(len(_STATES), n, p=_SHARES)
        return number, _STATES[number]

    occupancy = _simulated(folder, Preset(molecule, _STATES, draw, np.arange(len(_STATES))), particles, seed)
    no_mode = np.zeros((1, len(molecule), 3))
    _write_analysis(folder, molecule, _mean_weights(molecule, occupancy), np.zeros((particles, 1)), no_mode)
    return occupancy


def moving_set(folder: Path, particles: int, *, share: float, seed: int = 0) -> np.ndarray:
    """Write a set with a hinge of 10 degrees (deviation), and an analysis that knows it: its mode is the derivative by
    the angle, its coordinates the angles.

    Args:
        share: of the particles that have the first domain.
    Returns:
        [n] whether a particle has it.
    """
    molecule = hinged()
    states = np.array([[1.0, -10.0], [1.0, 10.0]])

    def draw(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        angle = np.clip(10 * rng.standard_normal(n), -25, 25)
        return (angle > 0).astype(np.int64), np.stack([(rng.random(n) < share).astype(float), angle], axis=1)

    true = _simulated(folder, Preset(molecule, states, draw, np.arange(2)), particles, seed)
    mode = np.zeros((1, len(molecule), 3))
    turned = molecule.turned_by == 1
    mode[0, turned] = np.deg2rad(10) * np.cross(molecule.axes[1], molecule.centers[turned] - molecule.pivots[1])
    _write_analysis(folder, molecule, _mean_weights(molecule, true[:, :1]), true[:, 1:] / 10, mode)
    return np.asarray(true[:, 0])


def _simulated(folder: Path, what: Preset, particles: int, seed: int) -> np.ndarray:
    simulate(SimulateConfig(particles=particles, box=BOX, pixel_size=PIXEL, snr=0.15, seed=seed), folder, what)
    return np.asarray(np.loadtxt(folder / "truth.csv", delimiter=",", skiprows=1)[:, 2:])


def _mean_weights(molecule: Molecule, occupancy: np.ndarray) -> np.ndarray:
    return np.asarray(np.concatenate([[1.0], occupancy.mean(0)])[molecule.scaled_by + 1])


def _write_analysis(folder: Path, molecule: Molecule, weights: np.ndarray, coordinates: np.ndarray, mode: np.ndarray,
                    ) -> None:
    table, out = read_particles(folder / "particles.star"), folder / "analysis"
    out.mkdir()
    n, count = len(table), len(molecule)
    model = GaussianModel(molecule.centers, weights, np.full(count, _WIDTH), BOX, PIXEL, RESOLUTION)
    own, given = gaussian_density(model).data, read_map(folder / "consensus.mrc").data
    model = GaussianModel(molecule.centers, weights * float((own * given).sum() / (own**2).sum()), model.sigmas, BOX,
                          PIXEL, RESOLUTION)
    grid = HalfPlane(BOX, PIXEL, RESOLUTION)
    noise = np.full(grid.n_shells, BOX**2 / 2)  # of the real part, of noise of variance 1 in every pixel
    ANALYSIS_FILE.write(out / "analysis.npz", {
        "ids": table.ids, "coordinates": coordinates, "covariance": np.ones((n, 1, 1), np.float32),
        "contrast": np.ones(n), "log_likelihood": np.zeros(n), "score": np.zeros(n), "half": table.halves,
        "centers": model.centers, "weights": model.weights, "sigmas": model.sigmas, "box": BOX, "pixel_size": PIXEL,
        "resolution": RESOLUTION, "modes_position": mode, "modes_amplitude": np.zeros((1, count)),
        "flexibility": np.zeros(count), "occupancy": np.zeros(count), "noise_frequency": grid.frequencies,
        "noise_variance": noise, "spectrum": np.ones(1), "followed": False, "noise_by_group": noise[None]})
    write_particles(out / "latents.star", table, {"gmmhetContrast": ["1"] * n})
    summary = {"method": "likelihood", "n_significant_modes": int(mode.any()), "parameters": {}}
    (out / "summary.json").write_text(json.dumps(summary))
