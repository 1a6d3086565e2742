"""Where the signal of a map ends: by its half maps, or by the map itself."""

import logging
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy import ndimage

from gmmhet.engine.io.mrc import DensityMap
from gmmhet.engine.molecule.map_content import MapContent, radii
from gmmhet.engine.molecule.maps import field_of_view, fourier_shell_correlation, radial_power, resolution_at
from gmmhet.engine.molecule.settings import MOLECULE, SIGNAL
from gmmhet.engine.wording.fitting import NO_SOLVENT_LEFT

__all__ = ["HalfMaps", "signal_of_halves", "signal_of_map", "tells_its_signal"]

_LOG = logging.getLogger("gmmhet")
Array = NDArray[np.float64]
_FIRST_SHELLS = 3  # fewer waves than that fit into the box: they tell of backgrounds


@dataclass(frozen=True)
class HalfMaps:
    """The two half maps of a refinement, on one grid."""

    first: DensityMap
    second: DensityMap


def signal_of_halves(halves: HalfMaps, content: MapContent, fsc: float = SIGNAL.half_map_fsc, seed: int = 0) -> float:
    """Resolution (Angstrom) where half maps correlate to ``fsc`` within the molecule; Nyquist where they always do.

    What the mask itself adds is taken off by exchanged phases: FSC = (masked - random) / (1 - random) beyond the shell
    where the correlation without a mask falls below 0.8 (Chen et al. 2013).
    """
    box, pixel = halves.first.box, halves.first.pixel_size
    mask = content.mask(box, pixel, grow=content.blur, width=content.blur)
    ball = radii(box) <= box // 2
    first, second = ((half.data - content.solvent_of(half).on_grid(box, pixel)) * ball
                     for half in (halves.first, halves.second))
    frequency, plain = fourier_shell_correlation(first, second, pixel)
    curve = fourier_shell_correlation(first * mask, second * mask, pixel)[1]
    below = np.flatnonzero(plain[_FIRST_SHELLS:] < SIGNAL.randomised_from)
    if len(below):
        start = int(below[0]) + _FIRST_SHELLS
        rng = np.random.default_rng(seed)
        exchanged = [_exchanged_phases(half, start + 1, rng) * mask for half in (first, second)]
        random = fourier_shell_correlation(exchanged[0], exchanged[1], pixel)[1][start + 2:]
        curve[start + 2:] = (curve[start + 2:] - random) / np.maximum(1 - random, 1e-3)
    curve[:_FIRST_SHELLS] = 1
    return resolution_at(frequency, curve, fsc)


def _exchanged_phases(data: NDArray[np.float32], start: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A map with random phases beyond a shell; amplitudes stay."""
    box = len(data)
    transform = scipy.fft.rfftn(data)
    noise = scipy.fft.rfftn(rng.normal(size=data.shape).astype(np.float32))
    full = np.fft.fftfreq(box, 1 / box) ** 2
    beyond = full[:, None, None] + full[:, None] + np.arange(box // 2 + 1) ** 2 >= start**2
    transform[beyond] = np.abs(transform[beyond]) * (noise / np.maximum(np.abs(noise), 1e-30))[beyond]
    return np.asarray(scipy.fft.irfftn(transform, s=data.shape), np.float32)


def signal_of_map(density: DensityMap, content: MapContent, halves: HalfMaps | None = None,
                  fsc: float = SIGNAL.half_map_fsc) -> float:
    """Resolution (Angstrom) where a map stops carrying signal; Nyquist where it does not.

    That is where a low-pass filter has cut it, and before that where its half maps correlate to ``fsc`` or, without
    half maps, the first shell where the power of the molecule is less than twice that of as much solvent around it.
    Where a mask has left no solvent the map alone does not tell, which is said.
    """
    filtered, swamped = _ends(density, content, by_solvent=halves is None)
    if halves is None and swamped is None:
        _LOG.warning("%s", NO_SOLVENT_LEFT)
    ends = [end for end in (filtered, swamped) if end is not None]
    found = max(field_of_view(density) / max(min(ends), 1), 2 * density.pixel_size) if ends else 2 * density.pixel_size
    return float(found if halves is None else max(found, signal_of_halves(halves, content, fsc)))


def tells_its_signal(density: DensityMap, content: MapContent) -> bool:
    """Whether a map without half maps tells where its signal ends: not where a mask has emptied it around the molecule.
    What looks like the end of a filter may then be that of sharpened noise."""
    return _ends(density, content, by_solvent=True)[1] is not None


def _ends(density: DensityMap, content: MapContent, *, by_solvent: bool) -> tuple[int | None, int | None]:
    """The shell from which a low-pass filter has cut a map, and that where the molecule is lost in noise like that of
    the solvent (the first beyond the map where neither is seen in it); None where there is no filter, or no solvent."""
    inner = content.mask(density.box, density.pixel_size, grow=content.blur, width=content.blur)
    clean = content.without_solvent(density).data
    power = radial_power(clean * inner)
    last = _last_shell(power)
    filtered = last if last < len(power) else None
    if not by_solvent:
        return filtered, None
    around = content.mask(density.box, density.pixel_size, grow=2 * content.blur, width=content.blur) - inner
    around *= (radii(density.box) <= density.box // 2) & (density.data != 0)  # a mask leaves zeros
    solvent = _solvent_like_molecule(clean, inner, around, content.blur / density.pixel_size)
    return filtered, None if solvent is None else _first(_swamped(power, radial_power(solvent)), len(power))


def _solvent_like_molecule(clean: NDArray[np.float32], inner: NDArray[np.float32], around: NDArray[np.float32],
                           blur: float) -> NDArray[np.float32] | None:
    """Solvent around the molecule with the power that noise has where the molecule is.

    Noise of real maps differs with the radius: it ends with the sphere that particles were masked to, and rises where
    maps were not padded. So the solvent is scaled, shell by shell, to the noise at the radii of the molecule; what a
    mask or that sphere has emptied is left out.

    Args:
        clean: [box] * 3, solvent level taken off. inner, around: soft masks of the molecule and of the solvent around
            it. blur: voxels, at which the molecule was found; what is finer counts as noise.
    Returns:
        [box] * 3; None where too little solvent is left.
    """
    box = len(clean)
    smooth = 0.225 * blur  # as low_pass() does
    fine = np.square(clean - ndimage.gaussian_filter(clean, smooth, mode="nearest"))
    local = ndimage.gaussian_filter(fine, blur, mode="nearest")
    held = (around > 0.5) & (local > SIGNAL.emptied * np.average(local, weights=inner))
    around = around * held
    if (around**2).sum() < SIGNAL.least_solvent * (inner**2).sum():
        return None
    shell = (radii(box) * (2 * MOLECULE.solvent_shells / box)).astype(np.int64)
    count, noise = (np.bincount(shell[held], weights, int(shell.max()) + 1) for weights in (None, fine[held]))
    usable = np.flatnonzero(count >= max(1, SIGNAL.least_in_shell * count.sum()))
    profile = np.interp(np.arange(len(count)), usable, noise[usable] / count[usable])
    wanted = float(np.average(profile[shell], weights=inner))
    scaled = clean * around * np.sqrt(wanted / np.maximum(profile, 1e-30))[shell].astype(np.float32)
    return np.asarray(scaled * np.sqrt((inner**2).sum() / (around**2).sum()), np.float32)


def _first(ended: NDArray[np.bool_], default: int) -> int:
    shells = np.flatnonzero(ended[_FIRST_SHELLS:])
    return int(shells[0]) + _FIRST_SHELLS if len(shells) else default


def _swamped(power: Array, solvent: Array) -> NDArray[np.bool_]:
    """Shells where the molecule does not stand out from its solvent; single shells that dip are forgiven."""
    weak = power < SIGNAL.over_solvent * solvent
    return np.asarray(weak & np.append(weak[1:], True))


def _last_shell(power: Array) -> int:
    """The last shell before a low-pass filter: power falls at once, and never rises again."""
    left = np.maximum.accumulate(power[::-1])[::-1]  # the most that comes from here on
    last = _first(left < SIGNAL.empty_shell * left[0], len(power))
    for s in range(_FIRST_SHELLS + 1, last - 2):
        beyond = round((1 + SIGNAL.cliff_width) * s)
        if beyond < len(power) and left[beyond] * SIGNAL.cliff < left[s]:
            return int(np.flatnonzero(left * SIGNAL.cliff_edge >= left[s])[-1])
    return last
