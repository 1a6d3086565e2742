"""Images as microscopes make them: of a specimen, with every effect of a realistic simulation."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.config.realism import Realism
from gmmhet.engine.errors import InputError
from gmmhet.engine.simulate.background import noise_amplitude, normalised, uneven_background
from gmmhet.engine.simulate.imperfect_images import PARTICLE, Imperfections
from gmmhet.engine.simulate.settings import REFINED_MAP
from gmmhet.engine.simulate.specimen import Specimen

__all__ = ["Levels", "RealisticImages", "measured_levels"]

_STREAM = 18


@dataclass(frozen=True)
class Levels:
    """What sets the strengths of noise; variances per pixel, of density projections at contrast 1.

    Attributes:
        projection: variance of good particles' projections within the box, before the CTF.
        signal: the same after CTF and envelope.
        structural: variance of the structural noise, before the CTF; 0 for none. structural_imaged: after it.
        detector: variance of the coloured noise.
    """

    projection: float
    signal: float
    structural: float
    structural_imaged: float
    detector: float


def measured_levels(specimen: Specimen, found: Imperfections, realism: Realism, snr: float) -> Levels:
    """Levels from the first good particles.

    SNR: variance of the signal, CTF and envelope applied, over that of all noise (structural noise as imaged, and the
    detector's), over all pixels of the images. Structural SNR: the same of projections and structural noise, neither
    imaged (Baxter et al. 2009).

    Raises:
        InputError: structural noise alone is more than the SNR allows.
    """
    rows = np.flatnonzero(found.kind == PARTICLE)[:REFINED_MAP.images_for_scale]
    if len(rows) == 0:
        raise InputError("--junk leaves no particle; expected less")
    field, unused = specimen.field, np.random.default_rng(0)
    values = np.zeros(3)
    for row in rows:
        wave = specimen.wave(int(row), PARTICLE, 0.0, unused)
        transfer = field.transfer(specimen.particles.defocus[row], float(found.b_factor[row]))
        values += field.image(wave).var(), field.image(wave * transfer).var(), field.mean_square(transfer)
    projection, signal, passed = (float(v) for v in values / len(rows))
    structural = 0.0 if np.isinf(realism.structural_snr) else projection / realism.structural_snr
    detector = signal / snr - structural * passed
    if detector <= 0:
        raise InputError(f"--snr is {snr:g} and --structural-snr {realism.structural_snr:g}; expected --snr below "
                         f"{signal / (structural * passed):.3g}, which structural noise alone gives")
    return Levels(projection, signal, structural, structural * passed, detector)


class RealisticImages:
    """Images of a specimen, one at a time; image i is the same whichever others are made."""

    def __init__(self, specimen: Specimen, found: Imperfections, realism: Realism, levels: Levels, seed: int) -> None:
        self._specimen, self._found, self._realism, self._levels, self._seed = specimen, found, realism, levels, seed
        kx, ky = specimen.field.frequencies
        colour = noise_amplitude(kx**2 + ky**2, realism.noise_colour)
        self._noise = colour / np.sqrt(specimen.field.mean_square(colour))

    def image(self, row: int) -> tuple[NDArray[np.float64], float]:
        """Image [box, box] and the factor from density to its greyscale, contrast left out.

        Signal and structural noise pass the optics in the whole field; detector noise and background are added after;
        the box is cut out and normalised.
        """
        specimen, found, levels, field = self._specimen, self._found, self._levels, self._specimen.field
        streams = [np.random.default_rng([self._seed, _STREAM, row, i]) for i in range(4)]
        brightness = np.sqrt(levels.projection)
        wave = found.contrast[row] * specimen.wave(row, int(found.kind[row]), brightness, streams[0])
        for _ in range(found.neighbours[row]):
            wave += specimen.neighbour(streams[0])
        if levels.structural:
            wave += np.sqrt(levels.structural) * field.white_noise(streams[1])
        wave *= field.transfer(specimen.particles.defocus[row], float(found.b_factor[row]))
        noise = np.sqrt(levels.detector) * found.noise_level[row]
        wave += noise * self._noise * field.white_noise(streams[2])
        image = field.image(wave)
        image += noise * uneven_background(streams[3], field.box, self._realism.ramp, self._realism.bowl)
        if self._realism.normalise:
            return normalised(image)
        factor = float(1 / np.sqrt(levels.detector))
        return image * factor, factor
