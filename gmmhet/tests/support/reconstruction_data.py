"""Small particle sets with a known map, made without the engine's own projectors: real-space Gaussians, own CTF."""

from dataclasses import dataclass, field
from pathlib import Path

import mrcfile
import numpy as np

VOLTAGE, CS, AMPLITUDE = 300.0, 2.7, 0.1


def molecule(rng, n=12, radius=4.0, sigma=1.0):
    """Atoms in voxels: centres [n, 3] without any symmetry, weights [n], one width."""
    centers = rng.normal(size=(n, 3)) * radius / 2 * [1.0, 0.6, 0.8]
    centers *= np.minimum(1, radius / np.linalg.norm(centers, axis=1))[:, None]
    return centers, rng.uniform(20, 60, n), sigma


def density(atoms, box):
    """[box] * 3 (z, y, x) density of unit voxels."""
    centers, weights, sigma = atoms
    axis = np.arange(box) - box // 2
    g = np.exp(-0.5 * ((axis - centers.T[:, :, None]) / sigma) ** 2) / (np.sqrt(2 * np.pi) * sigma)
    return np.einsum("n,nz,ny,nx->zyx", weights, g[2], g[1], g[0])


def rotation(angles):
    """RELION's matrix of (rot, tilt, psi) degrees as the product of three elementary ones."""
    rot, tilt, psi = np.deg2rad(angles)

    def about_z(a):
        return np.array([[np.cos(a), np.sin(a), 0], [-np.sin(a), np.cos(a), 0], [0, 0, 1]])

    about_y = np.array([[np.cos(tilt), 0, -np.sin(tilt)], [0, 1, 0], [np.sin(tilt), 0, np.cos(tilt)]])
    return about_z(psi) @ about_y @ about_z(rot)


def transfer_function(box, pixel_size, defocus):
    """[box, box] of numpy.fft.fft2; defocus (u, v, angle) Angstrom, degrees."""
    ky, kx = (f.ravel() for f in np.meshgrid(*[np.fft.fftfreq(box, pixel_size)] * 2, indexing="ij"))
    u, v, angle = defocus
    wavelength = 12.2643247 / np.sqrt(VOLTAGE * 1e3 * (1 + 0.978466e-6 * VOLTAGE * 1e3))
    local = (u + v) / 2 + (u - v) / 2 * np.cos(2 * (np.arctan2(ky, kx) - np.deg2rad(angle)))
    k2 = kx**2 + ky**2
    phase = np.pi * wavelength * local * k2 - np.pi / 2 * CS * 1e7 * wavelength**3 * k2**2 + np.arcsin(AMPLITUDE)
    return np.sin(phase).reshape(box, box)


@dataclass
class ParticleSet:
    """Images on disk with their STAR files.

    Attributes:
        shifts: pixels, rlnOriginX/Y; the particle sits at minus them.
    """

    folder: Path
    box: int = 24
    pixel_size: float = 3.0
    n: int = 240
    seed: int = 0
    noise: float = 0.0
    contrast: float = 1.0
    subsets: np.ndarray | None = None
    atoms: list = field(default_factory=list)  # one molecule for each particle

    def write(self):
        rng = np.random.default_rng(self.seed)
        self.atoms = self.atoms or [molecule(np.random.default_rng(7))] * self.n
        tilt = np.rad2deg(np.arccos(rng.uniform(-1, 1, self.n)))
        self.angles = np.round(np.stack([rng.uniform(-180, 180, self.n), tilt, rng.uniform(-180, 180, self.n)], 1), 4)
        self.shifts = np.round(rng.uniform(-1.5, 1.5, (self.n, 2)), 3)
        u = rng.uniform(6000, 16000, self.n)
        self.defocus = np.round(np.stack([u, u - rng.uniform(0, 800, self.n), rng.uniform(0, 180, self.n)], 1), 2)
        self.subsets = np.arange(self.n) % 2 + 1 if self.subsets is None else self.subsets
        self.images = np.stack([self._image(i) for i in range(self.n)])
        self.images += self.noise * rng.normal(size=self.images.shape)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.write_images(self.images)
        self.write_star("particles.star")
        return self

    def write_images(self, images):
        with mrcfile.new(self.folder / "stack.mrcs", overwrite=True) as out:
            out.set_data(images.astype(np.float32))

    def _image(self, i):
        centers, weights, sigma = self.atoms[i]
        x, y = (centers @ rotation(self.angles[i]).T)[:, :2].T - self.shifts[i][:, None]
        axis = np.arange(self.box) - self.box // 2
        gx, gy = (np.exp(-0.5 * ((axis - c[:, None]) / sigma) ** 2) / (np.sqrt(2 * np.pi) * sigma) for c in (x, y))
        clean = np.einsum("n,ny,nx->yx", weights, gy, gx)
        modulated = np.fft.fft2(clean) * transfer_function(self.box, self.pixel_size, self.defocus[i])
        return self.contrast * np.fft.ifft2(modulated).real

    def write_star(self, name, extra=None, order=None):
        """The particles in some order (rows from 0) with extra columns."""
        order = np.arange(self.n) if order is None else order
        columns = {
            "rlnImageName": [f"{i + 1:06d}@stack.mrcs" for i in range(self.n)], "rlnOpticsGroup": ["1"] * self.n,
            "rlnAngleRot": self.angles[:, 0], "rlnAngleTilt": self.angles[:, 1], "rlnAnglePsi": self.angles[:, 2],
            "rlnOriginXAngst": self.shifts[:, 0] * self.pixel_size,
            "rlnOriginYAngst": self.shifts[:, 1] * self.pixel_size, "rlnDefocusU": self.defocus[:, 0],
            "rlnDefocusV": self.defocus[:, 1], "rlnDefocusAngle": self.defocus[:, 2], "rlnRandomSubset": self.subsets,
            **(extra or {})}
        optics = {"rlnOpticsGroup": "1", "rlnOpticsGroupName": "g", "rlnVoltage": VOLTAGE,
                  "rlnSphericalAberration": CS, "rlnAmplitudeContrast": AMPLITUDE,
                  "rlnImagePixelSize": self.pixel_size, "rlnImageSize": self.box, "rlnImageDimensionality": 2}
        with open(self.folder / name, "w", encoding="utf-8") as out:
            for block, names, rows in (("optics", optics, [optics.values()]),
                                       ("particles", columns, [[c[i] for c in columns.values()] for i in order])):
                out.write(f"data_{block}\n\nloop_\n" + "".join(f"_{c}\n" for c in names))
                out.writelines(" ".join(str(v) for v in row) + "\n" for row in rows)
                out.write("\n")
        return self.folder / name
