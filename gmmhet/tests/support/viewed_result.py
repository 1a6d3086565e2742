"""A result as gmmhet view opens it: the planted hinge of report_data, with a table of particles and their images."""

from pathlib import Path

import numpy as np

from gmmhet.engine.conventions import euler_to_matrix
from gmmhet.engine.io import StarTable, write_stack, write_star
from gmmhet.tests.support.report_data import BOX, PIXEL, write_json, write_run

__all__ = ["write_result"]


def write_result(folder: Path, *, particles: int = 300, modes: int = 2, images: bool = True) -> Path:
    """A run folder, with particles.star and its stack beside it.

    Args:
        images: also write the stack: projections of the moved Gaussians in noise; without CTF.
    """
    write_run(folder, particles=particles, modes=modes, significant=modes)
    rng = np.random.default_rng(11)
    with np.load(folder / "analysis" / "analysis.npz") as data:
        z, centers = data["coordinates"], data["centers"]
        weights, sigmas, vectors = data["weights"], data["sigmas"], data["modes_position"]
    angles = np.stack([rng.uniform(-180, 180, particles), np.degrees(np.arccos(rng.uniform(-1, 1, particles))),
                       rng.uniform(-180, 180, particles)], axis=1)
    if images:
        stack = np.stack([_projection(centers + np.tensordot(c, vectors, 1), weights, sigmas, a)
                          for c, a in zip(z, euler_to_matrix(angles), strict=True)])
        stack += rng.normal(size=stack.shape) * 2 * stack.std()
        write_stack(folder.parent / "particles.mrcs", stack.shape, PIXEL, [stack.astype(np.float32)])
    optics = StarTable("optics", {
        "rlnOpticsGroup": ["1"], "rlnOpticsGroupName": ["one"], "rlnVoltage": ["300"],
        "rlnSphericalAberration": ["2.7"], "rlnAmplitudeContrast": ["0.1"], "rlnImagePixelSize": [f"{PIXEL}"],
        "rlnImageSize": [str(BOX)], "rlnImageDimensionality": ["2"]})
    stack_name = (folder.parent / "particles.mrcs").resolve()
    columns = {"rlnImageName": [f"{i + 1:06d}@{stack_name}" for i in range(particles)],
               "rlnOpticsGroup": ["1"] * particles,
               **{f"rlnAngle{n}": _texts(angles[:, k]) for k, n in enumerate(("Rot", "Tilt", "Psi"))},
               "rlnOriginXAngst": ["0"] * particles, "rlnOriginYAngst": ["0"] * particles,
               "rlnRandomSubset": [str(1 + i % 2) for i in range(particles)],
               "rlnGroupName": [f"group{i % 3}" for i in range(particles)],
               "rlnComment": ["kept as it is"] * particles}
    write_star(folder.parent / "particles.star", [optics, StarTable("particles", dict(columns))])
    write_json(folder / "run.json", {"command": "gmmhet run particles.star map.mrc -o run", "verdict": "It moves.",
                                     "parameters": {"particles": {"path": str(folder.parent / "particles.star")}}})
    for k in range(modes):
        columns[f"gmmhetLatent{k + 1}"] = _texts(z[:, k])
        columns[f"gmmhetLatentSd{k + 1}"] = _texts(0.1 + 0.2 * rng.random(particles))
    columns["gmmhetContrast"] = ["1"] * particles
    columns["gmmhetLogLikelihood"] = _texts(rng.normal(size=particles))
    write_star(folder / "analysis" / "latents.star", [optics, StarTable("particles", columns)])
    return folder


def _projection(centers: np.ndarray, weights: np.ndarray, sigmas: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """[box, box] (y, x) sum of Gaussians along z of the view."""
    seen = centers @ rotation.T
    line = (np.arange(BOX) - BOX // 2) * PIXEL
    x, y = (np.exp(-(line - seen[:, k, None]) ** 2 / (2 * sigmas[:, None] ** 2)) / sigmas[:, None] for k in (0, 1))
    return np.asarray((weights[:, None] * y).T @ x)


def _texts(values: np.ndarray) -> list[str]:
    return [f"{v:.6f}" for v in values]
