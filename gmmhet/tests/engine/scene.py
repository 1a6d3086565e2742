"""A few Gaussians, a few views, and slow exact formulae to test against."""

import numpy as np
import tensorflow as tf

from gmmhet.engine.fourier import HalfPlane
from gmmhet.engine.observation import Batch, LinearModes, Observer

__all__ = ["Scene"]


class Scene:
    """n views of N Gaussians with K modes, all random; everything float64 in numpy beside its float32 tensors."""

    def __init__(self, *, n: int = 3, gaussians: int = 6, modes: int = 2, box: int = 24, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.pixel = 3.0
        self.grid = HalfPlane(box, self.pixel, 8.0)
        self.n, self.gaussians, self.modes = n, gaussians, modes
        self.centers = rng.normal(size=(gaussians, 3)) * 8
        self.weights = rng.uniform(0.5, 1.5, gaussians) * 1e3
        self.sigmas = rng.uniform(2.5, 4.0, gaussians)
        self.position = rng.normal(size=(modes, gaussians, 3)) * 0.5
        self.amplitude = rng.normal(size=(modes, gaussians)) * 0.1
        self.rotations = np.linalg.qr(rng.normal(size=(n, 3, 3)))[0]
        self.rotations[np.linalg.det(self.rotations) < 0] *= -1
        self.ctf = np.column_stack([rng.uniform(200, 900, n), *rng.uniform(-20, 20, (2, n)), rng.uniform(-2e3, 0, n),
                                    rng.uniform(0.05, 0.2, n)])
        self.planes = rng.normal(size=(n, 2, 2, self.grid.size, self.grid.size)) * 20
        self.observer = Observer(self.grid, self.sigmas, self.pixel**3)

    @property
    def batch(self) -> Batch:
        return Batch(*(tf.constant(a, tf.float32) for a in (self.planes, self.rotations, self.ctf, np.ones(self.n))))

    @property
    def linear_modes(self) -> LinearModes:
        return LinearModes(*(tf.constant(a, tf.float32) for a in (
            self.centers, self.weights, self.position, self.amplitude)))

    def project(self, i: int, centers: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """[2, h + 1, h + 1] complex: the sum of the definition, Gaussian by Gaussian."""
        kx, ky = self.grid.kx, self.grid.ky
        total = np.zeros(kx.shape, complex)
        for c, w, s in zip(centers, weights, self.sigmas, strict=True):
            x, y, _ = self.rotations[i] @ c
            total += w / self.pixel**3 * np.exp(-2 * np.pi**2 * s**2 * (kx**2 + ky**2) - 2j * np.pi * (kx * x + ky * y))
        return total

    def conformation(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return (self.centers + np.tensordot(z, self.position, 1), self.weights * (1 + z @ self.amplitude))

    def transfer(self, i: int) -> np.ndarray:
        """[2, h + 1, h + 1] the CTF of view i."""
        mean, cosine, sine, fourth, constant = self.ctf[i]
        kx, ky = self.grid.kx, self.grid.ky
        k2 = kx**2 + ky**2
        return np.sin(mean * k2 + fourth * k2**2 + cosine * (kx**2 - ky**2) + sine * 2 * kx * ky + constant)

    def image(self, i: int, z: np.ndarray) -> np.ndarray:
        """[2, 2, h + 1, h + 1] real and imaginary planes of the CTF-modulated projection at z."""
        value = self.transfer(i) * self.project(i, *self.conformation(z))
        return np.stack([value.real, value.imag])
