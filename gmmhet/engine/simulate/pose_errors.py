"""Errors of the poses that a refinement would have given."""

from dataclasses import replace

import numpy as np

from gmmhet.engine.simulate.particles import Particles

__all__ = ["with_pose_errors"]

_STREAM = 1  # the seed's own random numbers draw particles and noise, which are the same with errors and without


def with_pose_errors(particles: Particles, angle_error: float, shift_error: float, seed: int) -> Particles:
    """The particles at the poses that are given to the user: the true ones plus independent normal errors.

    Args:
        angle_error: standard deviation of the error of each of rot, tilt and psi, degrees.
        shift_error: of each axis of the origin, Angstrom.
        seed: of the particles; the errors are proportional to their size for a given seed.
    Returns:
        Particles that differ in angles and origins alone, rounded to the digits of the STAR file.
    """
    rng = np.random.default_rng([seed, _STREAM])
    angles = particles.angles + angle_error * rng.standard_normal(particles.angles.shape)
    origins = particles.origins + shift_error * rng.standard_normal(particles.origins.shape)
    return replace(particles, angles=angles.round(6), origins=origins.round(6))
