"""Small particle files of every kind that people bring: written here, with one thing about them that is odd."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from gmmhet.engine.io import table_from, write_stack, write_star

__all__ = ["BOX", "PIXEL", "particle_columns", "write_images", "write_particle_star"]

BOX, PIXEL = 8, 4.0

Columns = dict[str, Sequence[object]]


def particle_columns(n: int, stack: str = "stack.mrcs", seed: int = 0) -> Columns:
    """Columns of n particles, images 1 to n of a stack, in half-sets by turns."""
    rng = np.random.default_rng(seed)
    return {
        "rlnImageName": [f"{i:06d}@{stack}" for i in range(1, n + 1)],
        "rlnAngleRot": rng.uniform(-180, 180, n), "rlnAngleTilt": rng.uniform(0, 180, n),
        "rlnAnglePsi": rng.uniform(-180, 180, n), "rlnOriginXAngst": rng.normal(0, 3, n),
        "rlnOriginYAngst": rng.normal(0, 3, n), "rlnDefocusU": rng.uniform(1e4, 2e4, n),
        "rlnOpticsGroup": [1] * n, "rlnRandomSubset": [1 + i % 2 for i in range(n)]}


def write_images(path: Path, n: int, seed: int = 0, pixel_size: float = PIXEL) -> np.ndarray:
    """A stack of n images of noise; returns them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    images = np.random.default_rng(seed).normal(size=(n, BOX, BOX)).astype(np.float32)
    write_stack(path, images.shape, pixel_size, [images])
    return images


def write_particle_star(path: Path, columns: Mapping[str, Sequence[object]], *, block: str = "particles",
                        **optics: object) -> Path:
    """A STAR of RELION 3.1 with one optics group; keywords replace its values (rlnVoltage=200) or add columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    group: dict[str, object] = {"rlnOpticsGroup": 1, "rlnOpticsGroupName": "one", "rlnVoltage": 300.0,
                                "rlnSphericalAberration": 2.7, "rlnAmplitudeContrast": 0.1,
                                "rlnImagePixelSize": PIXEL, "rlnImageSize": BOX, **optics}
    write_star(path, [table_from("optics", {k: [v] for k, v in group.items()}), table_from(block, columns)])
    return path
