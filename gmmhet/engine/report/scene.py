"""What the rotatable pictures need: Gaussians, colourings, modes, maps, and from where to look at them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.io import read_map
from gmmhet.engine.molecule.deformation import Deformation
from gmmhet.engine.molecule.first_view import first_view
from gmmhet.engine.report.results import Frame, MapBin, Mode, Results
from gmmhet.engine.report.volumes import Grid, molecule_grid, pack, pack_series
from gmmhet.engine.sampling import evenly_spread
from gmmhet.engine.wording import report as wording

__all__ = ["scene", "shown_bins"]

Floats = NDArray[np.float64]

MOST_FRAMES = 21  # of one movie
MOST_VOXELS = 5_000_000  # bytes of all volumes together, before they are packed
LARGEST_SIDE = 64
MOST_ARROWS = 140
_WIDEST = 2.0  # of the median width, as balls are drawn
HEAT = ("#3a5f95", "#9fb3cc", "#e6e2d8", "#eba067", "#b8291f")  # rigid to flexible, as B factors are coloured
CHANGE = ("#7b3294", "#c2a5cf", "#ececec", "#93c9a0", "#12763a")  # less density to more density


def _ramp(colours: tuple[str, ...]) -> list[list[int]]:
    return [[int(c[i:i + 2], 16) for i in (1, 3, 5)] for c in colours]


def _pack32(values: NDArray[np.float64]) -> str:
    return pack(np.asarray(values, dtype=np.float32))


def scene(results: Results) -> dict[str, object]:
    """Everything the page's script draws, ready for JSON; lengths Angstrom, xyz, origin at the map's centre voxel."""
    arrays = results.arrays
    centers = np.asarray(arrays["centers"], dtype=np.float64)
    sigmas = np.asarray(arrays["sigmas"], dtype=np.float64)
    modes = [m for m in results.significant if m.frames]
    low, high = _extent(results, modes)
    view = first_view(centers, _displacements(results, modes))
    return {
        "rotation": view.ravel().tolist(),
        **_framing(results, modes, view),
        "ramps": {"heat": _ramp(HEAT), "change": _ramp(CHANGE)},
        "gaussians": {"position": _pack32(centers), "radius": _pack32(_radii(results)),
                      "width": float(np.median(sigmas))},
        "colourings": _colourings(results, modes),
        "modes": [_mode(results, m) for m in modes], "fields": _fields(results.deformation),
        "series": _series(results, modes, low, high),
    }


def _radii(results: Results) -> Floats:
    """Radius of the ball that stands for a Gaussian, Angstrom: its width, larger for heavier ones; of the few that are
    as wide as a domain, and faint, no more than the rest of the picture bears."""
    weights = np.abs(np.asarray(results.arrays["weights"], dtype=np.float64))
    share = np.cbrt(weights / max(float(np.median(weights)), 1e-30))
    sigmas = np.asarray(results.arrays["sigmas"], dtype=np.float64)
    return np.asarray(np.minimum(sigmas, _WIDEST * float(np.median(sigmas))) * np.clip(share, 0.5, 1.5))


def _coordinates(mode: Mode) -> list[float]:
    return [f.coordinate for f in mode.frames]


def _displacements(results: Results, modes: list[Mode]) -> Floats:
    """[modes, N, 3] displacement from the first to the last frame, Angstrom; along curves as straight modes have it."""
    spans = np.array([_coordinates(m)[-1] - _coordinates(m)[0] for m in modes])
    position = np.asarray(results.arrays["modes_position"], dtype=np.float64)[[m.number - 1 for m in modes]]
    return np.asarray(position * spans[:, None, None])


def _fields(deformation: Deformation) -> list[dict[str, str]]:
    """Of curves, what every function adds; nothing of straight modes."""
    if deformation.curves is None:
        return []
    return [{"position": _pack32(position), "amplitude": _pack32(amplitude)}
            for position, amplitude in zip(deformation.position, deformation.amplitude, strict=True)]


def _amounts(deformation: Deformation, mode: int, frames: Sequence[Frame | MapBin]) -> dict[str, object]:
    """Of each function of curves at each frame, where a frame may tell its place on all modes; nothing of straight
    modes.

    Args:
        mode: from 1.
    """
    if deformation.curves is None:
        return {}
    places = np.zeros((len(frames), deformation.coordinates))
    for place, frame in zip(places, frames, strict=True):
        known = getattr(frame, "place", None)
        place[:] = known if known else 0.0
        place[mode - 1] = frame.coordinate or 0.0
    return {"amounts": np.round(deformation.amounts(places), 5).tolist()}


def _ends(results: Results, modes: list[Mode]) -> Floats:
    """[frames + 1, N, 3] the Gaussians as they are, and at both ends of every mode, or all along a curve, Angstrom."""
    centers, deformation = np.asarray(results.arrays["centers"], dtype=np.float64), results.deformation
    places = []
    for mode in modes:
        along = _coordinates(mode) if deformation.curves else (min(_coordinates(mode)), max(_coordinates(mode)))
        places += list(np.outer(along, np.eye(deformation.coordinates)[mode.number - 1]))
    return np.stack([centers, *(deformation.centers(centers, place) for place in places)])


def _extent(results: Results, modes: list[Mode]) -> tuple[Floats, Floats]:
    """[3], [3] corners of what the Gaussians reach in any frame, and of the fitted map, Angstrom."""
    reach = 2.5 * np.asarray(results.arrays["sigmas"], dtype=np.float64)[:, None]
    ends = _ends(results, modes)
    low, high = (ends - reach).min((0, 1)), (ends + reach).max((0, 1))
    if results.fitted_map is not None:  # of a symmetric molecule it holds more than its Gaussians
        density = read_map(results.fitted_map)
        seen = np.argwhere(density.data > 0.1 * density.data.max())[:, ::-1]
        places = (seen - density.box // 2) * density.pixel_size
        low, high = np.minimum(low, places.min(0)), np.maximum(high, places.max(0))
    return low, high


def _framing(results: Results, modes: list[Mode], view: Floats) -> dict[str, object]:
    """Where the eye is centred, and half the width, half the height and the radius of what it sees, Angstrom."""
    seen = _ends(results, modes) @ view.T
    low, high = seen.min((0, 1)), seen.max((0, 1))
    middle, margin = (low + high) / 2, 1.5 * float(np.median(results.arrays["sigmas"]))
    half = (high - low) / 2 + margin
    return {"centre": (middle @ view).tolist(), "wide": float(half[0]), "high": float(half[1]),
            "radius": float(np.linalg.norm(seen - middle, axis=-1).max()) + margin}


def _colourings(results: Results, modes: list[Mode]) -> list[dict[str, object]]:
    """Quantities the Gaussians can be coloured by; each scale runs over what is there.

    Coordinates have unit variance, so the root mean square over the particles is the root of the sum of squares over
    the modes.
    """
    index = [m.number - 1 for m in modes]
    lengths = np.linalg.norm(np.asarray(results.arrays["modes_position"], dtype=np.float64)[index], axis=-1)
    changes = 100 * np.asarray(results.arrays["modes_amplitude"], dtype=np.float64)[index]
    found: list[dict[str, object]] = []
    units = wording.COLOURING_UNITS
    if modes:
        found.append(_colouring(units["flexibility"], np.sqrt((lengths**2).sum(0)), HEAT))
        found.append(_colouring(units["occupancy"], np.sqrt((changes**2).sum(0)), HEAT))
    for key in ("flexibility", "occupancy"):
        values = np.nan_to_num(np.asarray(results.arrays[key], dtype=np.float64))
        relative = values / max(float(np.percentile(values, 98)), 1e-30)
        found.append(_colouring(units[f"raw {key}"], relative, HEAT))
    for mode, length, change in zip(modes, lengths, changes, strict=True):
        displacement, density = wording.mode_colouring(mode.number)
        found += [_colouring(displacement, length, HEAT), _colouring(density, change, CHANGE)]
    return found


def _colouring(name: tuple[str, str], values: Floats, ramp: tuple[str, ...]) -> dict[str, object]:
    """A scale from 0, or symmetric about it, to what all but the topmost fiftieth reach."""
    most = max(float(np.percentile(np.abs(values), 98)), 1e-6)
    low = -most if ramp == CHANGE else 0.0
    return {"name": name[0], "unit": name[1], "values": _pack32(values), "low": low, "high": most, "ramp": _ramp(ramp)}


def _mode(results: Results, mode: Mode) -> dict[str, object]:
    """A mode's vectors, and arrows from the first to the last frame; short ones are drawn a whole number longer."""
    position = np.asarray(results.arrays["modes_position"][mode.number - 1], dtype=np.float64)
    amplitude = np.asarray(results.arrays["modes_amplitude"][mode.number - 1], dtype=np.float64)
    centers = np.asarray(results.arrays["centers"], dtype=np.float64)
    first, last = _coordinates(mode)[0], _coordinates(mode)[-1]
    travel = position * (last - first)
    length = np.linalg.norm(travel, axis=-1)
    size = float(np.linalg.norm(np.ptp(centers, axis=0)))
    longest = float(length.max())
    stretch = max(1, int(np.floor(0.12 * size / longest))) if longest > 1e-6 else 1
    chosen = _well_spread(centers, np.flatnonzero(length > 0.12 * longest), MOST_ARROWS)
    middle = centers[chosen] + position[chosen] * (first + last) / 2
    half = travel[chosen] * stretch / 2
    width = float(np.median(results.arrays["sigmas"]))
    density = abs(last - first) * float(np.abs(amplitude).max())
    return {"number": mode.number, "position": _pack32(position), "amplitude": _pack32(amplitude), "stretch": stretch,
            "starts": _pack32(middle - half), "ends": _pack32(middle + half),
            "mostlyDensity": density > longest / width}


def _well_spread(points: Floats, candidates: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most ``most`` candidates, each the one farthest from those already taken."""
    if len(candidates) <= most:
        return candidates
    places = points[candidates]
    taken = [int(np.argmax(np.linalg.norm(places - places.mean(0), axis=-1)))]
    distance = np.linalg.norm(places - places[taken[0]], axis=-1)
    while len(taken) < most:
        taken.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.linalg.norm(places - places[taken[-1]], axis=-1))
    return candidates[taken]


def shown_bins(results: Results) -> bool:
    """Whether there is one map of all particles, or maps along a motion that is one to be shown."""
    return len(results.bins) == 1 or (
        bool(results.bins) and results.bins_mode in {m.number for m in results.significant})


def _places(frames: list[Frame], modes: list[Mode]) -> list[list[float]] | None:
    """Of frames on all modes that are shown; None where the other modes are at 0."""
    if not all(f.place for f in frames):
        return None
    return [[f.place[m.number - 1] for m in modes] for f in frames]


def _shown_frames(count: int) -> NDArray[np.int64]:
    """Which frames to show: all, or MOST_FRAMES of them with the first and the last."""
    return evenly_spread(count, MOST_FRAMES, nearest=True)


def _series(results: Results, modes: list[Mode], low: Floats, high: Floats) -> dict[str, object]:
    """Packed maps: the consensus, a movie a mode, and the particle-backed maps."""
    centers = np.asarray(results.arrays["centers"], dtype=np.float64)
    picked = {m.number: _shown_frames(len(m.frames)) for m in modes}
    bins = results.bins if shown_bins(results) else ()
    count = 1 + sum(len(p) for p in picked.values()) + len(bins)
    side = min(LARGEST_SIDE, int((MOST_VOXELS / count) ** (1 / 3)))
    finest = results.resolution / 5

    def grid(path: Path) -> Grid:
        density = read_map(path)
        return molecule_grid(low, high, box_length=density.box * density.pixel_size,
                             finest=max(finest, density.pixel_size / 2), largest_side=side)

    series: dict[str, object] = {}
    if results.fitted_map is not None:
        series["consensus"] = pack_series([results.fitted_map], grid(results.fitted_map), centers)
    for mode in modes:
        frames = [mode.frames[i] for i in picked[mode.number]]
        places = [f.coordinate for f in frames]
        series[f"mode{mode.number}"] = pack_series([f.path for f in frames], grid(frames[0].path), centers) | {
            "mode": mode.number, "coordinates": places, "span": places[-1] - places[0],
            "places": _places(frames, modes), **_amounts(results.deformation, mode.number, frames),
            "labels": [wording.frame_label(z) for z in places]}
    if bins:
        places = [b.coordinate or 0.0 for b in bins]
        series["maps"] = pack_series([b.path for b in bins], grid(bins[0].path), centers) | {
            "mode": results.bins_mode, "coordinates": places, "span": places[-1] - places[0],
            **(_amounts(results.deformation, results.bins_mode, bins) if results.bins_mode else {}),
            "labels": [wording.map_label(b.number, b.coordinate) for b in bins]}
    return series
