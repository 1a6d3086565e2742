"""Half maps of a map: given, or found beside it by the names that refinement programs use."""

import logging
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gmmhet.engine.errors import InputError
from gmmhet.engine.fitting.settings import CHOICES, FIT, QUALITY
from gmmhet.engine.io import DensityMap, read_map
from gmmhet.engine.molecule.map_content import find_molecule
from gmmhet.engine.molecule.maps import field_of_view, low_pass
from gmmhet.engine.molecule.signal import HalfMaps
from gmmhet.engine.wording.fitting import half_maps_line

__all__ = ["find_half_maps", "half_maps_of"]

_LOG = logging.getLogger("gmmhet")
_HALF = re.compile(r"half[_-]?(?:map[_-]?)?([12ab])(?![a-z0-9])", re.IGNORECASE)
_MAPS = (".mrc", ".map", ".mrcs")
_OWN_WORDS = {"unfil", "map", "volume", "half"}  # that names of half maps have, and names of their map may lack


def half_maps_of(source: Path, density: DensityMap, given: Sequence[Path] = ()) -> HalfMaps | None:
    """The half maps of a map, or None where there are none.

    Those found beside the map are used only if they are of its grid and look like it.

    Raises:
        InputError: half maps that were given are unreadable, of another grid, or of another molecule.
    """
    names = given or find_half_maps(source)
    if names is None:
        return None
    try:
        halves = _read(names, density, source)
    except InputError as error:
        if given:
            raise
        _LOG.warning("half maps beside the map are not used: %s", error)
        return None
    _LOG.info("%s", half_maps_line(str(names[0]), str(names[1]), given=bool(given)))
    return halves


def find_half_maps(source: Path) -> tuple[Path, Path] | None:
    """Two files beside a map whose names differ from each other by the half, and have nothing that the map's has not.

    run_half1_class001_unfil.mrc beside run_class001.mrc (RELION), J5_volume_map_half_A.mrc beside
    J5_volume_map_sharp.mrc (cryoSPARC), map_01_half1.mrc beside map_01.mrc (ours), emd_1234_half_map_1.map (EMDB),
    half1.mrc beside any. Of several pairs the one that shares most with the map's name.
    """
    if not source.parent.is_dir() or _HALF.search(source.stem):
        return None
    pairs: dict[str, dict[str, Path]] = defaultdict(dict)
    for path in sorted(source.parent.iterdir()):
        found = _HALF.search(path.stem)
        if found and path.suffix.lower() in _MAPS:
            pairs[_HALF.sub("", path.stem) + path.suffix][found[1].lower()] = path
    own = _words(source.stem)
    complete = [(_words(rest.rsplit(".", 1)[0]) - _OWN_WORDS, tuple(p for _, p in sorted(pair.items())))
                for rest, pair in pairs.items() if set(pair) in ({"1", "2"}, {"a", "b"})]
    fitting = [(len(words), files) for words, files in complete if words <= own]
    if not fitting:
        return None
    files = max(fitting, key=lambda item: item[0])[1]
    return files[0], files[1]


def _words(name: str) -> set[str]:
    return {word for word in re.split(r"[_\-. ]+", name.lower()) if word}


def _read(names: Sequence[Path], density: DensityMap, source: Path) -> HalfMaps:
    first, second = (read_map(name) for name in names)
    for name, half in zip(names, (first, second), strict=True):
        if half.box != density.box or abs(half.pixel_size / density.pixel_size - 1) > 1e-2:
            raise InputError(f"{name}: half map of {half.box} voxels of {half.pixel_size:.4g} Å; expected the "
                             f"{density.box} voxels of {density.pixel_size:.4g} Å of {source}")
        if not np.ptp(half.data):
            raise InputError(f"{name}: {half.data.flat[0]:g} in every voxel; expected a half map")
    halves = HalfMaps(DensityMap(first.data, density.pixel_size), DensityMap(second.data, density.pixel_size))
    if np.array_equal(first.data, second.data):
        raise InputError(f"{names[0]} and {names[1]} hold the same map; expected two half maps")
    agreement = _agreement(density, halves)
    if agreement < QUALITY.same_map:
        raise InputError(f"{names[0]} and {names[1]} are half maps of another map than {source}: correlation "
                         f"{agreement:.2f} within its molecule; expected at least {QUALITY.same_map:g}")
    return halves


def _agreement(density: DensityMap, halves: HalfMaps) -> float:
    """Correlation of a map with the mean of two half maps within the molecule, both blurred; 1 where there is none."""
    blur = max(field_of_view(density) / CHOICES.coarse_blurs, FIT.pixels_per_resolution * density.pixel_size)
    content = find_molecule(density, blur)
    if not content.found:
        return 1.0
    mean = DensityMap(0.5 * (halves.first.data + halves.second.data), density.pixel_size)
    near = content.mask(density.box, density.pixel_size, grow=blur, width=0.0) > 0.5
    return float(np.corrcoef(low_pass(density, blur).data[near], low_pass(mean, blur).data[near])[0, 1])
