"""A few Gaussians, a few views, and slow exact formulae to test against."""

from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np
import tensorflow as tf
from scipy.spatial.transform import Rotation

from gmmhet.engine.imaging.half_plane import HalfPlane
from gmmhet.engine.imaging.image_model import Batch, Observer, whitening
from gmmhet.engine.subspace.decoder import Decoder, LinearModes
from gmmhet.engine.subspace.evaluation import ModelTensors, Point, Prior, State, at_state

__all__ = ["Dense", "Scene", "changed_consensus", "changed_mode", "float32", "opposite_draws"]

_STEP = 1e-4


def float32(value: Any) -> Any:
    return tf.constant(value, tf.float32)


def opposite_draws(size: int) -> list[np.ndarray]:
    """Half of all rows of ``size`` signs, none the opposite of another: their mean is that over all rows, for whatever
    does not change with the sign of the row."""
    return [np.array([1.0, *rest]) for rest in product((-1.0, 1.0), repeat=size - 1)]


class Scene:
    """n views of N Gaussians with K modes, all random; everything float64 in numpy beside its float32 tensors."""

    def __init__(self, *, n: int = 3, gaussians: int = 6, modes: int = 2, box: int = 24, groups: int = 1, seed: int = 0,
                 motion: float = 0.5) -> None:
        rng = np.random.default_rng(seed)
        self.pixel = 3.0
        self.grid = HalfPlane(box, self.pixel, 8.0)
        self.n, self.gaussians, self.modes, self.groups = n, gaussians, modes, groups
        self.centers = rng.normal(size=(gaussians, 3)) * 8
        self.weights = rng.uniform(0.5, 1.5, gaussians) * 1e3
        self.sigmas = rng.uniform(2.5, 4.0, gaussians)
        self.position = rng.normal(size=(modes, gaussians, 3)) * motion
        self.amplitude = rng.normal(size=(modes, gaussians)) * 0.2 * motion
        self.rotations = np.linalg.qr(rng.normal(size=(n, 3, 3)))[0]
        self.rotations[np.linalg.det(self.rotations) < 0] *= -1
        self.ctf = np.column_stack([rng.uniform(200, 900, n), *rng.uniform(-20, 20, (2, n)), rng.uniform(-2e3, 0, n),
                                    rng.uniform(0.05, 0.2, n)])
        self.planes = rng.normal(size=(n, 2, 2, self.grid.size, self.grid.size)) * 20
        self.group = np.arange(n) % groups
        self.observer = Observer(self.grid, self.sigmas, self.pixel**3)

    @property
    def batch(self) -> Batch:
        planes, rotations, ctf, real = (float32(a) for a in (self.planes, self.rotations, self.ctf, np.ones(self.n)))
        return Batch(planes, rotations, ctf, tf.constant(self.group, tf.int32), real)

    @property
    def cache(self) -> Any:
        """What a pass over the particles reads of a ParticleCache."""
        table = SimpleNamespace(views=self.rotations, ctf_coefficients=self.ctf, optics_index=self.group)
        return SimpleNamespace(read=lambda rows: self.planes[rows], table=table, grid=self.grid)

    @property
    def own(self) -> LinearModes:
        """The decoder in float64."""
        return LinearModes(self.centers, self.weights, self.sigmas**2, self.position, self.amplitude)

    @property
    def linear_modes(self) -> LinearModes:
        return LinearModes(*(float32(a) for a in self.own))

    def project(self, i: int, centers: np.ndarray, weights: np.ndarray, variances: np.ndarray | None = None,
                turn: np.ndarray | None = None) -> np.ndarray:
        """[2, h + 1, h + 1] complex: the sum of the definition over Gaussians; turn: rotation vector of the view."""
        kx, ky = self.grid.kx[..., None], self.grid.ky[..., None]
        variances = self.sigmas**2 if variances is None else variances
        view = self.rotations[i] if turn is None else Rotation.from_rotvec(turn).as_matrix() @ self.rotations[i]
        x, y, _ = view @ centers.T
        terms = np.exp(-2 * np.pi**2 * variances * (kx**2 + ky**2) - 2j * np.pi * (kx * x + ky * y))
        return terms @ (weights / self.pixel**3)

    def conformation(self, z: np.ndarray, decoder: LinearModes | None = None) -> tuple[np.ndarray, np.ndarray]:
        d = decoder or self.own
        return d.centers + np.tensordot(z, d.position, 1), d.weights * (1 + z @ d.amplitude)

    def transfer(self, i: int) -> np.ndarray:
        """[2, h + 1, h + 1] the CTF of view i."""
        mean, cosine, sine, fourth, constant = self.ctf[i]
        kx, ky = self.grid.kx, self.grid.ky
        k2 = kx**2 + ky**2
        return np.sin(mean * k2 + fourth * k2**2 + cosine * (kx**2 - ky**2) + sine * 2 * kx * ky + constant)

    def image(self, i: int, z: np.ndarray, pose: np.ndarray | None = None, decoder: LinearModes | None = None,
              ) -> np.ndarray:
        """[2, 2, h + 1, h + 1] real and imaginary planes of the CTF-modulated projection at z.

        Args:
            pose: shift (Angstrom) and rotation vector (radians, in the view) that correct it. decoder: float64.
        """
        d = decoder or self.own
        shift, turn = (np.zeros(2), None) if pose is None or len(pose) == 0 else (pose[:2], pose[2:])
        phase = np.exp(2j * np.pi * (self.grid.kx * shift[0] + self.grid.ky * shift[1]))
        value = self.transfer(i) * phase * self.project(i, *self.conformation(z, d), d.variances, turn)
        return np.stack([value.real, value.imag])


class Dense:
    """The whitened model of every view as a function of t = (z, pose, contrast), and its derivatives by differences.

    Args:
        noise: [G, shells]. poses: number of corrections of the pose, 5 or 0.
        precision: [K, K] of z. pose_precision: [P]. mean, deviation: of the contrast.
    """

    def __init__(self, scene: Scene, noise: np.ndarray, *, poses: int, precision: np.ndarray,
                 pose_precision: np.ndarray, mean: float, deviation: float) -> None:
        self.scene, self.noise, self.poses = scene, noise, poses
        k = scene.modes
        self.precision = np.zeros((k + poses + 1, k + poses + 1))
        self.precision[:k, :k] = precision
        self.precision[k:, k:] = np.diag([*pose_precision[:poses], deviation**-2])
        self.center = np.array([*np.zeros(k + poses), mean])
        self.prior = Prior(*(float32(a) for a in (
            precision, pose_precision[:poses], mean, deviation, np.ones(len(precision)))))
        self.white = whitening(scene.grid, noise)

    def state(self, t: np.ndarray) -> State:
        """t [n, K + P + 1] as tensors."""
        k = self.scene.modes
        return State(float32(t[:, :k]), float32(t[:, k:-1]), float32(t[:, -1]))

    def tensors(self, decoder: Decoder | None = None) -> ModelTensors:
        """Of the scene's modes, or another decoder."""
        return ModelTensors(self.scene.linear_modes if decoder is None else decoder, self.white, self.prior)

    def point(self, t: np.ndarray, decoder: Decoder | None = None, **changed: Any) -> Point:
        """The model at t; changed: members of the batch."""
        return at_state(self.scene.observer, self.scene.batch._replace(**changed), self.tensors(decoder), self.state(t))

    def whitened(self, i: int, planes: np.ndarray) -> np.ndarray:
        grid = self.scene.grid
        return (np.sqrt(grid.weight / self.noise[self.scene.group[i]][grid.clipped_shell]) * planes).ravel()

    def model(self, i: int, t: np.ndarray, decoder: LinearModes | None = None) -> np.ndarray:
        k = self.scene.modes
        return t[-1] * self.whitened(i, self.scene.image(i, t[:k], t[k:-1], decoder))

    def residual(self, i: int, t: np.ndarray, decoder: LinearModes | None = None) -> np.ndarray:
        return self.whitened(i, self.scene.planes[i]) - self.model(i, t, decoder)

    def moved(self, t: np.ndarray, change: np.ndarray) -> np.ndarray:
        """t changed, turns composed: the change is a turn after that of t."""
        out, k = t + change, self.scene.modes
        if self.poses:
            both = Rotation.from_rotvec(change[k + 2:-1]) * Rotation.from_rotvec(t[k + 2:-1])
            out[k + 2:-1] = both.as_rotvec()
        return out

    def columns(self, i: int, t: np.ndarray, decoder: LinearModes | None = None) -> np.ndarray:
        """[pixels, K + P + 1] derivatives by t."""
        return np.stack([(self.model(i, self.moved(t, _STEP * e), decoder)
                          - self.model(i, self.moved(t, -_STEP * e), decoder)) / (2 * _STEP)
                         for e in np.eye(len(t))], axis=1)

    def hessian(self, i: int, t: np.ndarray, decoder: LinearModes | None = None) -> np.ndarray:
        columns = self.columns(i, t, decoder)
        return columns.T @ columns + self.precision

    def objective(self, i: int, t: np.ndarray, decoder: LinearModes | None = None) -> float:
        residual, offset = self.residual(i, t, decoder), t - self.center
        return float(residual @ residual + offset @ self.precision @ offset)

    def log_likelihood(self, i: int, t: np.ndarray, hessian: np.ndarray, decoder: LinearModes | None = None) -> float:
        """Laplace's approximation with the given Hessian."""
        log_det = np.linalg.slogdet(hessian)[1] - np.linalg.slogdet(self.precision)[1]
        return -0.5 * (self.objective(i, t, decoder) + log_det)

    def best(self, i: int, t: np.ndarray, decoder: LinearModes | None = None, steps: int = 8) -> np.ndarray:
        """The most probable t, by Gauss-Newton steps from one nearby."""
        for _ in range(steps):
            columns = self.columns(i, t, decoder)
            right = columns.T @ self.residual(i, t, decoder) - self.precision @ (t - self.center)
            t = t + np.linalg.solve(columns.T @ columns + self.precision, right)
        return t

    def by_gaussian(self, i: int, t: np.ndarray, decoder: LinearModes | None = None) -> np.ndarray:
        """[pixels, N, 5] derivatives of the model by the consensus: x, y, z, relative weight, log squared width."""
        own = decoder or self.scene.own
        out = np.empty((self.scene.planes[i].size, self.scene.gaussians, 5))
        for j in range(self.scene.gaussians):
            for a in range(5):
                ends = [self.model(i, t, changed_consensus(own, j, a, sign * _STEP)) for sign in (1, -1)]
                out[:, j, a] = (ends[0] - ends[1]) / (2 * _STEP)
        return out


def changed_consensus(decoder: LinearModes, j: int, a: int, step: float) -> LinearModes:
    """Gaussian j's component a (x, y, z, relative weight, log squared width) changed."""
    centers, weights, variances = decoder.centers.copy(), decoder.weights.copy(), decoder.variances.copy()
    if a < 3:
        centers[j, a] += step
    elif a == 3:
        weights[j] *= 1 + step
    else:
        variances[j] *= np.exp(step)
    return decoder._replace(centers=centers, weights=weights, variances=variances)


def changed_mode(decoder: LinearModes, k: int, j: int, a: int, step: float) -> LinearModes:
    """Mode k's component a (x, y, z, relative weight) at Gaussian j changed."""
    position, amplitude = decoder.position.copy(), decoder.amplitude.copy()
    if a < 3:
        position[k, j, a] += step
    else:
        amplitude[k, j] += step
    return decoder._replace(position=position, amplitude=amplitude)
