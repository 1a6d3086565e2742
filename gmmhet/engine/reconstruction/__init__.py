"""Maps from the particles' own pixels: least squares in Fourier space, half-sets, Fourier shell correlation."""

from gmmhet.engine.reconstruction.equations import Accumulator, NormalEquations
from gmmhet.engine.reconstruction.particle_halves import halves_of_particles
from gmmhet.engine.reconstruction.particle_windows import Selection, equal_bins
from gmmhet.engine.reconstruction.series import half_equations
from gmmhet.engine.reconstruction.slices import HalfDisc, SliceReader
from gmmhet.engine.reconstruction.solver import ball, solve
from gmmhet.engine.reconstruction.stage import reconstruct

__all__ = [
    "Accumulator", "HalfDisc", "NormalEquations", "Selection", "SliceReader", "ball", "equal_bins", "half_equations",
    "halves_of_particles", "reconstruct", "solve",
]
