"""Poses refined on the images themselves, as every refinement program does, independently of the engine.

The likelihood of an image given its pose is maximised by Gauss-Newton steps from a start near the truth: central
slices of the padded Fourier transform of a map, sampled by cubic splines, times the CTF and a contrast, against the
image, in all frequencies up to a resolution. Errors of such poses are made by the very noise that is analysed later.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates, spline_filter
from scipy.spatial.transform import Rotation

from gmmhet.engine.conventions import matrix_to_euler
from gmmhet.engine.io import open_stack, read_map, read_particles, write_selection
from gmmhet.engine.optics.ctf import ctf

__all__ = ["refine_on_images"]

Array = NDArray[np.float64]
_PAD, _BATCH, _STEPS = 2, 50, 12
_DIFFERENCE = (0.5, 0.5, np.deg2rad(0.5), np.deg2rad(0.5), np.deg2rad(0.5))  # Angstrom, radians: about a linear piece
_LARGEST = (2.0, 2.0, np.deg2rad(3.0), np.deg2rad(3.0), np.deg2rad(3.0))  # of a step


def refine_on_images(particles: Path, reference: Path, out: Path, *, resolution: float) -> None:
    """Write the particles with the poses that explain their images best.

    Args:
        particles: STAR file with the poses to start from. reference: the map. out: STAR file beside particles.
        resolution: finest frequency that is used, Angstrom.
    """
    table, density = read_particles(particles), read_map(reference)
    box, pixel = table.box, table.pixel_size
    kx, ky = np.meshgrid(np.fft.rfftfreq(box, pixel), np.fft.fftfreq(box, pixel))
    chosen = (np.hypot(kx, ky) < 1 / resolution) & (np.hypot(kx, ky) > 0) & ((kx > 0) | (ky > 0))
    plane = np.stack([kx[chosen], ky[chosen]], axis=1)
    volume = _Volume(density.data.astype(np.float64), pixel)
    stack = open_stack(table.stacks[0])
    rotations, origins = table.rotations.copy(), table.origins.copy()
    for start in range(0, len(table), _BATCH):
        rows = np.arange(start, min(start + _BATCH, len(table)))
        spectra = np.fft.rfft2(np.fft.ifftshift(np.asarray(stack[table.slice_index[rows]], np.float64), axes=(1, 2)))
        transfer = ctf(table.ctf_coefficients[rows], plane[:, 0], plane[:, 1])
        found = _refined(volume, plane, spectra[:, chosen], transfer, rotations[rows], origins[rows])
        rotations[rows], origins[rows] = found
    write_selection(out, table, np.arange(len(table)), poses=(matrix_to_euler(rotations), origins))


class _Volume:
    """The Fourier transform of a map, to be sampled anywhere."""

    def __init__(self, data: Array, pixel: float) -> None:
        size = _PAD * len(data)
        padded = np.zeros((size,) * 3)
        low = size // 2 - len(data) // 2
        padded[(slice(low, low + len(data)),) * 3] = data
        spectrum = np.fft.fftshift(np.fft.fftn(np.fft.ifftshift(padded)))
        self._parts = [spline_filter(part, 3) for part in (spectrum.real, spectrum.imag)]
        self._scale, self._middle = size * pixel, size // 2

    def slices(self, plane: Array, rotations: Array, origins: Array) -> NDArray[np.complex128]:
        """[n, pixels] of views A: k = A^T (kx, ky, 0); the image is moved by minus the origin."""
        points = np.einsum("nij,pi->npj", rotations[:, :2], plane) * self._scale + self._middle
        index = points[..., ::-1].reshape(-1, 3).T  # maps lie as z, y, x
        real, imaginary = (map_coordinates(p, index, order=3, prefilter=False) for p in self._parts)
        shift = np.exp(2j * np.pi * origins @ plane.T)
        return (real + 1j * imaginary).reshape(points.shape[:2]) * shift


def _refined(volume: _Volume, plane: Array, images: NDArray[np.complex128], transfer: Array, rotations: Array,
             origins: Array) -> tuple[Array, Array]:
    """Poses of largest likelihood near those given; noise is white, so that it is the least misfit."""
    best, damping = np.full(len(images), np.inf), np.full(len(images), 1e-3)
    best_r, best_o = rotations.copy(), origins.copy()
    step = np.zeros((len(images), 5))
    for _ in range(_STEPS):
        tried_r, tried_o = _stepped(best_r, best_o, step)
        model = transfer * volume.slices(plane, tried_r, tried_o)
        contrast = np.sum((images * model.conj()).real, 1) / np.sum(np.abs(model) ** 2, 1)
        misfit = np.sum(np.abs(images - contrast[:, None] * model) ** 2, 1)
        better = misfit < best
        best = np.where(better, misfit, best)
        best_r[better], best_o[better] = tried_r[better], tried_o[better]
        damping = np.clip(np.where(better, damping / 10, damping * 10), 1e-6, 1e6)
        step = _step(volume, plane, images, transfer, best_r, best_o, damping)
    return best_r, best_o


def _step(volume: _Volume, plane: Array, images: NDArray[np.complex128], transfer: Array, rotations: Array,
          origins: Array, damping: Array) -> Array:
    """[n, 5] damped Gauss-Newton step; the contrast is solved for with it."""
    model = transfer * volume.slices(plane, rotations, origins)
    contrast = np.sum((images * model.conj()).real, 1) / np.sum(np.abs(model) ** 2, 1)
    columns = [model]
    for number, length in enumerate(_DIFFERENCE):
        change = np.zeros((len(images), 5))
        change[:, number] = length
        ends = [volume.slices(plane, *_stepped(rotations, origins, side * change)) for side in (1, -1)]
        columns.append(contrast[:, None] * transfer * (ends[0] - ends[1]) / (2 * length))
    jacobian = np.stack(columns, axis=1)
    jacobian = np.concatenate([jacobian.real, jacobian.imag], axis=2)
    residual = images - contrast[:, None] * model
    right = np.einsum("nap,np->na", jacobian, np.concatenate([residual.real, residual.imag], axis=1))
    hessian = np.einsum("nap,nbp->nab", jacobian, jacobian)
    hessian *= 1 + damping[:, None, None] * np.eye(6)
    found = np.linalg.solve(hessian, right[..., None])[:, 1:, 0]
    return np.clip(found, -np.array(_LARGEST), np.array(_LARGEST))


def _stepped(rotations: Array, origins: Array, step: Array) -> tuple[Array, Array]:
    """Step [n, 5]: of the origin, and a turn about the axes of the view."""
    return Rotation.from_rotvec(step[:, 2:]).as_matrix() @ rotations, origins + step[:, :2]
