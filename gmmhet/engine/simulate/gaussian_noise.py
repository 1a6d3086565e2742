"""Gaussian noise with the power of given noise in each shell, to compare real noise with."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["ShellNoise"]


@dataclass(frozen=True)
class ShellNoise:
    """Stationary Gaussian noise, alike in all directions.

    Attributes:
        power: [shells] mean square of the coefficients of numpy.fft.rfft2 whose frequency rounds to the shell, in
            units of 1 / (box pixel size).
        box: pixels. seed: of the noise; image i is the same whichever others are made.
    """

    power: NDArray[np.float64]
    box: int
    seed: int

    @classmethod
    def like(cls, batches: Iterable[NDArray[np.float32]], box: int, seed: int) -> "ShellNoise":
        """Noise with the mean power of images, batches [b, box, box], at least one."""
        shell = _shells(box)
        total, images = np.zeros(shell.max() + 1), 0
        for batch in batches:
            squares = (np.abs(np.fft.rfft2(batch))**2).sum(axis=0)
            total += np.bincount(shell.ravel(), squares.ravel())
            images += len(batch)
        return cls(total / (images * np.bincount(shell.ravel())), box, seed)

    def images(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """[b, box, box]."""
        amplitude = np.sqrt(self.power[_shells(self.box)]) / self.box
        white = np.stack([np.random.default_rng([self.seed, int(row)]).standard_normal((self.box, self.box))
                          for row in rows])
        return np.fft.irfft2(np.fft.rfft2(white) * amplitude, s=(self.box, self.box)).astype(np.float32)


def _shells(box: int) -> NDArray[np.int64]:
    """[box, box // 2 + 1] of the frequencies of numpy.fft.rfft2."""
    radius = np.hypot(np.fft.rfftfreq(box, 1 / box), np.fft.fftfreq(box, 1 / box)[:, None])
    return np.asarray(np.rint(radius), np.int64)
