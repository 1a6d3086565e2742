"""Real noise: images of a refinement less their fitted projections, with signals of a known molecule planted in them.

The residual of image Y at its pose is Y - s C P, P the projection of the refined map and s its least-squares contrast.
What the map does not explain (errors of poses, other conformations) stays, as do background, neighbours and junk.
For comparison the same signals can be planted in Gaussian noise of the residuals' power in each shell.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from gmmhet.engine.config.realism import Realism
from gmmhet.engine.conventions import euler_to_matrix
from gmmhet.engine.errors import InputError
from gmmhet.engine.io import (
    ParticleTable,
    open_stack,
    read_map,
    read_particles,
    write_map,
    write_selection,
    write_stack,
)
from gmmhet.engine.optics.ctf import ctf
from gmmhet.engine.progress import progress
from gmmhet.engine.simulate.atoms import atom_map, with_atoms
from gmmhet.engine.simulate.direct_inversion import SliceSum
from gmmhet.engine.simulate.gaussian_noise import ShellNoise
from gmmhet.engine.simulate.imperfect_images import PARTICLE
from gmmhet.engine.simulate.optical_field import OpticalField
from gmmhet.engine.simulate.particles import Particles
from gmmhet.engine.simulate.presets import Preset
from gmmhet.engine.simulate.refinement_maps import refinement_maps
from gmmhet.engine.simulate.settings import REFINED_MAP
from gmmhet.engine.simulate.specimen import Specimen

__all__ = ["RealNoise", "central_slices"]

_LOG = logging.getLogger("gmmhet")
_IMAGES_AT_ONCE = 128


def central_slices(density: NDArray[np.float32], rotations: NDArray[np.float64], frequencies: NDArray[np.float64],
                   ) -> NDArray[np.complex128]:
    """Central slices of a map's transform by trilinear interpolation between frequencies of half a Fourier voxel.

    Args:
        density: [box] * 3. rotations: [n, 3, 3] A. frequencies: [m, 2] kx, ky in units of 1 / (box pixel size).
    Returns:
        [n, m], origin at voxel box // 2.
    """
    box = len(density)
    size = 2 * box
    axis = (np.arange(box) - box // 2) / size
    flat = density / (np.sinc(axis)[:, None, None] * np.sinc(axis)[:, None] * np.sinc(axis))**2
    wide = np.zeros((size,) * 3)
    start = size // 2 - box // 2
    wide[(slice(start, start + box),) * 3] = flat
    transform = np.fft.fftshift(np.fft.fftn(np.fft.ifftshift(wide)))
    points = 2 * frequencies @ rotations[:, :2] + size // 2  # [n, m, 3] x, y, z
    places = np.moveaxis(points[..., ::-1], -1, 0)
    real, imaginary = (ndimage.map_coordinates(part, places, order=1) for part in (transform.real, transform.imag))
    return np.asarray(real + 1j * imaginary)


@dataclass(frozen=True)
class RealNoise:
    """Refined particles whose map is taken off them.

    Attributes:
        table: particles, with images. density: [box] * 3 their refined map.
        gaussian: noise that signals are planted in instead of the residuals; None: the residuals themselves.
    """

    table: ParticleTable
    density: NDArray[np.float32]
    gaussian: ShellNoise | None = None

    @classmethod
    def read(cls, particles: Path, density: Path, root: Path | None = None) -> "RealNoise":
        """Read both.

        Raises:
            InputError: unreadable files, a map on another grid, several boxes or pixel sizes, or images changed by
                aberrations or corrections, which planted signals would not bear.
        """
        table, found = read_particles(particles, root=root), read_map(density)
        if found.box != table.box or abs(found.pixel_size / table.pixel_size - 1) > 0.01:
            raise InputError(f"{density}: {found.box} px of {found.pixel_size:g} Å; expected {table.box} px of "
                             f"{table.pixel_size:g} Å, the grid of {particles}")
        if any(o.aberrations.alters_images or o.aberrations.alters_ctf for o in table.optics):
            raise InputError(f"{particles}: images with aberrations or corrected for the CTF; expected images as "
                             "they were recorded")
        return cls(table, found.data)

    def residuals(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """[b, box, box] images less their fitted projections."""
        table, box = self.table, self.table.box
        kx, ky = np.broadcast_arrays(np.fft.rfftfreq(box, table.pixel_size),
                                     np.fft.fftfreq(box, table.pixel_size)[:, None])
        grid = np.stack([kx.ravel(), ky.ravel()], axis=1)
        slices = central_slices(self.density, table.rotations[rows], grid * (box * table.pixel_size))
        slices *= np.exp(2j * np.pi * (table.origins[rows] @ grid.T))
        waves = slices.reshape(-1, *kx.shape) * ctf(table.ctf_coefficients[rows], kx, ky)
        fitted = np.fft.fftshift(np.fft.irfft2(waves, s=(box, box)), axes=(1, 2))
        images = np.stack([np.asarray(open_stack(table.stacks[table.stack_index[r]])[table.slice_index[r]], np.float64)
                           for r in rows])
        contrast = (images * fitted).sum(axis=(1, 2)) / np.maximum((fitted**2).sum(axis=(1, 2)), 1e-30)
        return np.asarray(images - contrast[:, None, None] * fitted, np.float32)

    def as_gaussian(self, seed: int) -> "RealNoise":
        """The same, but for Gaussian noise with the mean power of all residuals in each shell in their place."""
        starts = range(0, len(self.table), _IMAGES_AT_ONCE)
        batches = (self.residuals(np.arange(start, min(start + _IMAGES_AT_ONCE, len(self.table))))
                   for start in progress(starts, "measure the noise", len(starts)))
        return replace(self, gaussian=ShellNoise.like(batches, self.table.box, seed))

    def noise(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """[b, box, box] that signals are planted in."""
        return self.residuals(rows) if self.gaussian is None else self.gaussian.images(rows)

    def plant(self, what: Preset, particles: Particles, given: Particles, snr: float, folder: Path) -> None:
        """Write images of a molecule in this noise, one a residual, and what belongs to them.

        particles.mrcs, particles.star (given poses; defocus, optics and half-sets of the real particles),
        truth/particles.star, consensus.mrc, refinement/ half maps, truth/state_NN.mrc.

        Args:
            particles, given: as many as there are images or fewer, at true and at given poses.
            snr: variance of the signal over that of the residuals, within an image, means over the first
                REFINED_MAP.images_for_scale images; signals are the same in Gaussian noise.
        """
        n, box, pixel_size = len(particles), self.table.box, self.table.pixel_size
        field = OpticalField.around(box, pixel_size, Realism().padding)
        specimen = Specimen(with_atoms(what.molecule), particles, field)
        first = np.arange(min(n, REFINED_MAP.images_for_scale))
        signal = np.stack([self._signal(specimen, int(row)) for row in first])
        scale = float(np.sqrt(snr * self.residuals(first).var(axis=(1, 2)).mean() / signal.var(axis=(1, 2)).mean()))
        halves = [SliceSum(box, pixel_size) for _ in range(2)]
        sets = np.where(self.table.half_set[:n] > 0, self.table.half_set[:n], 1 + np.arange(n) % 2)
        write_stack(folder / "particles.mrcs", (n, box, box), pixel_size,
                    self._images(specimen, given, scale, sets, halves))
        maps = refinement_maps(halves[0].map(), halves[1].map(), pixel_size, 0.0)
        (folder / "refinement").mkdir(exist_ok=True)
        for name, data in (("consensus", maps.refined), ("refinement/run_half1_class001_unfil", maps.half1),
                           ("refinement/run_half2_class001_unfil", maps.half2)):
            write_map(folder / f"{name}.mrc", data, pixel_size)
        for number in what.mapped.tolist():
            centers, weights = specimen.molecule.place(what.states[number:number + 1])
            state = scale * atom_map(centers[0], weights[0], box=box, pixel_size=pixel_size)
            write_map(folder / "truth" / f"state_{number:02d}.mrc", state, pixel_size)
        for path, poses, stack in ((folder / "truth" / "particles.star", particles, "../particles.mrcs"),
                                   (folder / "particles.star", given, "particles.mrcs")):
            columns = {"rlnImageName": [f"{i:06d}@{stack}" for i in range(1, n + 1)],
                       "rlnRandomSubset": [str(s) for s in sets]}
            write_selection(path, self.table, np.arange(n), columns=columns, poses=(poses.angles, poses.origins))
        _LOG.info("%s: signals in %d %s, SNR %g, consensus %.1f Å", folder, n, "residuals of real images"
                  if self.gaussian is None else "images of Gaussian noise", snr, maps.resolution)

    def _signal(self, specimen: Specimen, row: int) -> NDArray[np.float64]:
        """The image of a particle by the optics of the real image of the same row."""
        kx, ky = np.broadcast_arrays(*specimen.field.frequencies)
        transfer = ctf(self.table.ctf_coefficients[row:row + 1], kx, ky)[0]
        return specimen.field.image(specimen.wave(row, PARTICLE, 0.0, np.random.default_rng(0)) * transfer)

    def _images(self, specimen: Specimen, given: Particles, scale: float, sets: NDArray[np.int64],
                halves: list[SliceSum]) -> Iterator[NDArray[np.float32]]:
        box, n = self.table.box, len(given)
        kx, ky = np.broadcast_arrays(np.fft.rfftfreq(box, self.table.pixel_size),
                                     np.fft.fftfreq(box, self.table.pixel_size)[:, None])
        rotations = euler_to_matrix(given.angles)
        starts = range(0, n, _IMAGES_AT_ONCE)
        for start in progress(starts, "plant signals", len(starts)):
            rows = np.arange(start, min(start + _IMAGES_AT_ONCE, n))
            batch = self.noise(rows) + np.float32(scale) * np.stack(
                [self._signal(specimen, int(row)) for row in rows]).astype(np.float32)
            for number, half in enumerate(halves, 1):
                mine = sets[rows] == number
                half.add(batch[mine], rotations[rows[mine]], given.origins[rows[mine]],
                         ctf(self.table.ctf_coefficients[rows[mine]], kx, ky))
            yield batch
