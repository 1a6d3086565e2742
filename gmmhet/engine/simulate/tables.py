"""Tables of a simulation: the truth of every particle, and the STAR file that a user has."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.io import replacing, table_from, write_star
from gmmhet.engine.simulate.particles import Particles
from gmmhet.engine.simulate.settings import IMAGING

__all__ = ["write_particles_star", "write_truth"]


def write_truth(path: Path, columns: list[str], particles: Particles) -> None:
    """truth.csv: state and true coordinates of every particle."""
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8") as out:
        out.write(",".join(["id", "state", *columns]) + "\n")
        for row, (state, values) in enumerate(zip(particles.state, particles.coordinates, strict=True), 1):
            out.write(",".join([str(row), str(state), *(f"{v:.6f}" for v in values)]) + "\n")


def write_particles_star(path: Path, stack: str, particles: Particles, box: int, pixel_size: float,
                         places: NDArray[np.float64] | None = None) -> None:
    """A STAR file of RELION 3.1.

    Args:
        stack: name of the images, relative to the file. places: [n, 2] x, y in the micrographs, pixels.
    """
    optics = table_from("optics", {
        "rlnOpticsGroup": [1], "rlnOpticsGroupName": ["opticsGroup1"], "rlnVoltage": [IMAGING.voltage],
        "rlnSphericalAberration": [IMAGING.spherical_aberration], "rlnAmplitudeContrast": [IMAGING.amplitude_contrast],
        "rlnImagePixelSize": [float(pixel_size)], "rlnImageSize": [box], "rlnImageDimensionality": [2]})
    rows = table_from("particles", {
        "rlnImageName": [f"{i:06d}@{stack}" for i in range(1, len(particles) + 1)],
        "rlnMicrographName": [f"micrographs/mic{i + 1:04d}.mrc" for i in particles.micrograph],
        **({} if places is None else {"rlnCoordinateX": places[:, 0], "rlnCoordinateY": places[:, 1]}),
        "rlnOpticsGroup": np.ones(len(particles), int),
        "rlnAngleRot": particles.angles[:, 0], "rlnAngleTilt": particles.angles[:, 1],
        "rlnAnglePsi": particles.angles[:, 2],
        "rlnOriginXAngst": particles.origins[:, 0], "rlnOriginYAngst": particles.origins[:, 1],
        "rlnDefocusU": particles.defocus[:, 0], "rlnDefocusV": particles.defocus[:, 1],
        "rlnDefocusAngle": particles.defocus[:, 2], "rlnPhaseShift": np.zeros(len(particles)),
        "rlnRandomSubset": particles.half_set})
    write_star(path, [optics, rows])
