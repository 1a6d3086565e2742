"""Where in the box the signal is: its power around every voxel, from what two half maps agree on.

The prior of a map is a stationary signal times this envelope: in the solvent, where half maps agree on nothing, the
data have to say more before they are believed. An envelope is no mask: strong evidence outweighs it everywhere.
"""

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from gmmhet.engine.reconstruction.equations import NormalEquations, shell_of_grid
from gmmhet.engine.reconstruction.settings import ENVELOPE
from gmmhet.engine.reconstruction.solver import ball, solve

__all__ = ["signal_envelope", "solve_within_envelope"]



def signal_envelope(first: NDArray[np.float32], second: NDArray[np.float32], correlation: NDArray[np.float64],
                    width: float) -> NDArray[np.float32]:
    """Square root of the signal's local power over its largest value, in the ball.

    The half maps, each filtered by the root of their correlation, are multiplied voxel by voxel and averaged over a
    neighbourhood; what the noise of both would make of it by chance is taken off. Where nothing is left in the whole
    box, the envelope is the ball.

    Args:
        first, second: [box] * 3 half maps. correlation: [box // 2] their Fourier shell correlation, shells from 1.
        width: standard deviation of the neighbourhood in voxels, about the resolution of the half maps.
    Returns:
        [box] * 3, from about 0.03 to 1, and 0 outside the ball.
    """
    box = len(first)
    width = max(width, ENVELOPE.narrowest)
    curve = np.concatenate([[1.0], np.clip(correlation, 0, 1)])
    weight = np.sqrt(curve).astype(np.float32)[np.minimum(shell_of_grid(box, box), len(curve) - 1)]
    sum_, difference = (_filtered(first + s * second, weight) for s in (np.float32(1), np.float32(-1)))
    agreement = gaussian_filter((np.square(sum_) - np.square(difference)) / 4, width, mode="constant")
    noise = gaussian_filter(np.square(difference) / 2, width, mode="constant")  # variance in one half map
    inside = ball(box)
    power = np.maximum(agreement - ENVELOPE.deviations * _chance(difference, width) * noise, 0) * inside
    if not power.max() > 0:
        return inside
    return np.asarray(inside * np.sqrt(np.maximum(power / power.max(), ENVELOPE.smallest)), np.float32)


def solve_within_envelope(equations: NormalEquations, signal: NDArray[np.float64], envelope: NDArray[np.float32],
                          mask: NDArray[np.float32], *, workers: int = 1) -> NDArray[np.float32]:
    """The map from all particles, by :func:`~gmmhet.engine.reconstruction.solver.solve` with an envelope.

    Args:
        signal: [box // 2 + 1] signal over noise power in the shells, within ``mask``. envelope: [box] * 3, see
            :func:`signal_envelope`. mask: [box] * 3. workers: threads.
    Returns:
        [box] * 3 (z, y, x).
    """
    square = np.square(mask)
    share = np.vdot(square, np.square(envelope)) / square.sum()  # mean power within the mask over that where e is 1
    return solve(equations, float(share) * equations.shell_weights() / signal, envelope=envelope,
                 iterations=ENVELOPE.iterations, workers=workers)


def _filtered(density: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(scipy.fft.irfftn(scipy.fft.rfftn(density) * weight, s=density.shape))


def _chance(noise: NDArray[np.float32], width: float) -> float:
    """Standard deviation of the neighbourhood's mean of the product of two such noises, over their variance.

    The root of the sum of rho^2 over all offsets, rho the noise's autocorrelation, weighted with the neighbourhood's.
    """
    spectrum = np.square(np.abs(scipy.fft.rfftn(noise)))
    correlation = scipy.fft.irfftn(spectrum, s=noise.shape)
    if not correlation[0, 0, 0] > 0:
        return 0.0
    offset = np.fft.fftfreq(len(noise), 1 / len(noise))
    near = np.exp(-np.square(offset / width) / 4) / (2 * np.sqrt(np.pi) * width)
    share = np.square(correlation / correlation[0, 0, 0])
    return float(np.sqrt(np.einsum("zyx,z,y,x->", share, near, near, near, optimize=True)))
