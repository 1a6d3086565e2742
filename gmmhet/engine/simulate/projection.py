"""Exact projections and maps of pseudo-atoms: sums of Gaussians evaluated in Fourier space.

F(k) = sum_j w_j / p^3 exp(-2 pi^2 sigma^2 |k|^2) exp(-2 pi i k.x_j), with p the pixel size: the discrete Fourier
transform of the map's voxels, band-limited to its grid, so a projection is the plain sum of voxels. The exponentials of
all frequencies are powers of the first, and those of the axes multiply.
"""


import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["density_map", "frequency_grid", "images_from_slices", "map_from_waves", "projection_slices"]

_ATOMS_AT_ONCE = 2048


def _powers(positions: NDArray[np.float64], count: int, period: float) -> NDArray[np.complex64]:
    """exp(-2 pi i m x / period) for m = 0..count-1, by doubling: [...] to [..., count]."""
    first = np.exp(-2j * np.pi * positions / period)
    out = np.ones((*positions.shape, count), np.complex64)
    done, factor = 1, first
    while done < count:
        width = min(done, count - done)
        out[..., done:done + width] = out[..., :width] * factor[..., None].astype(np.complex64)
        done, factor = done + width, factor * factor
    return out


def _full_axis(half: NDArray[np.complex64], box: int) -> NDArray[np.complex64]:
    """From frequencies 0..box//2 to all in the order of numpy.fft.fftfreq (last axis)."""
    negative = half[..., 1:box // 2 + 1][..., ::-1].conj()
    return np.concatenate([half[..., :(box + 1) // 2], negative], axis=-1)


def frequency_grid(box: int, pixel_size: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(kx, ky) of numpy.fft.rfft2, broadcast to [box, box // 2 + 1], 1/Angstrom."""
    kx, ky = np.fft.rfftfreq(box, pixel_size), np.fft.fftfreq(box, pixel_size)
    grid = np.broadcast_arrays(kx[None, :], ky[:, None])
    return grid[0], grid[1]


def _envelope(k2: NDArray[np.float64], sigma: float, pixel_size: float) -> NDArray[np.float32]:
    return np.asarray(np.exp(-2 * np.pi**2 * sigma**2 * k2) / pixel_size**3, dtype=np.float32)


def projection_slices(
    centers: NDArray[np.float64], weights: NDArray[np.float64], sigma: float, rotations: ArrayLike, origins: ArrayLike,
    *, box: int, pixel_size: float,
) -> NDArray[np.complex64]:
    """Discrete Fourier transforms of projections, origin at pixel box // 2, without CTF.

    Args:
        centers: [n, N, 3] xyz, Angstrom. weights: [n, N] integrated density. sigma: Angstrom.
        rotations: [n, 3, 3] A, x_view = A x_model. origins: [n, 2] rlnOriginX/YAngst: atoms appear at (A c)_xy - o.
    Returns:
        [n, box, box // 2 + 1], frequencies as of numpy.fft.rfft2.
    """
    first_rows = np.asarray(rotations, dtype=np.float64)[:, :2]
    view = centers @ first_rows.transpose(0, 2, 1) - np.asarray(origins, dtype=np.float64)[:, None]
    kx, ky = frequency_grid(box, pixel_size)
    envelope = _envelope(kx**2 + ky**2, sigma, pixel_size)
    out = np.empty((len(centers), box, box // 2 + 1), np.complex64)
    for i, (points, weight) in enumerate(zip(view, weights, strict=True)):
        powers = _powers(points.T, box // 2 + 1, box * pixel_size)
        along_y = _full_axis(powers[1] * weight[:, None].astype(np.float32), box)
        out[i] = envelope * (along_y.T @ powers[0])
    return out


def images_from_slices(slices: NDArray[np.complex64], box: int) -> NDArray[np.float32]:
    """Images [n, box, box] (y, x), origin at pixel box // 2, of transforms [n, box, box // 2 + 1]."""
    images = np.fft.irfft2(slices, s=(box, box), axes=(-2, -1))
    return np.fft.fftshift(images, axes=(-2, -1)).astype(np.float32)


def density_map(
    centers: NDArray[np.float64], weights: NDArray[np.float64], sigma: float, *, box: int, pixel_size: float,
) -> NDArray[np.float32]:
    """The map of N Gaussians, band-limited to its grid.

    Args:
        centers: [N, 3] xyz, Angstrom, origin at voxel box // 2. weights: [N] integrated density. sigma: Angstrom.
    Returns:
        [box, box, box] (z, y, x), density per cubic Angstrom.
    """
    transform = np.zeros((box, box, box // 2 + 1), np.complex64)
    for start in range(0, len(centers), _ATOMS_AT_ONCE):
        some = slice(start, start + _ATOMS_AT_ONCE)
        powers = _powers(centers[some].T, box // 2 + 1, box * pixel_size)
        along_y, along_z = _full_axis(powers[1], box), _full_axis(powers[2], box)
        along_z *= weights[some, None].astype(np.float32)
        for plane in range(box):
            transform[plane] += (along_y * along_z[:, plane, None]).T @ powers[0]
    kx, ky = frequency_grid(box, pixel_size)
    kz = np.fft.fftfreq(box, pixel_size)[:, None, None]
    transform *= _envelope(kx**2 + ky**2 + kz**2, sigma, pixel_size)
    return _density(transform, box)


def map_from_waves(waves: NDArray[np.complex128], sigma: float, *, box: int, pixel_size: float,
                   ) -> NDArray[np.float32]:
    """The map of Gaussians, as of :func:`density_map`, from the sums of their waves.

    Args:
        waves: [m, m, m], m = box or (even boxes) box + 1: sum_j w_j exp(-2 pi i k.x_j) at the frequencies
            k = (kz, ky, kx) = -m//2 .. m//2, in units of 1 / (box pixel_size). sigma: Angstrom.
    """
    middle = len(waves) // 2
    index = np.rint(np.fft.fftfreq(box, 1 / box)).astype(np.int64) + middle
    half = waves[np.ix_(index, index, np.arange(middle, middle + box // 2 + 1))]
    kx, ky = frequency_grid(box, pixel_size)
    kz = np.fft.fftfreq(box, pixel_size)[:, None, None]
    return _density(half * _envelope(kx**2 + ky**2 + kz**2, sigma, pixel_size), box)


def _density(transform: NDArray[np.complex64] | NDArray[np.complex128], box: int) -> NDArray[np.float32]:
    density = np.fft.irfftn(transform, s=(box,) * 3, axes=(0, 1, 2))
    return np.fft.fftshift(density).astype(np.float32)
