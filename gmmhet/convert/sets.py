"""Sets of maps, and the classes of particles they were made of."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pwem.objects import (
    Particle,
    SetOfClasses3D,
    SetOfFSCs,
    SetOfParticles,
    SetOfParticlesFlex,
    SetOfVolumes,
    SetOfVolumesFlex,
    Volume,
    VolumeFlex,
)

from gmmhet.constants import PROGRAM_NAME
from gmmhet.convert.maps import read_fsc_curves, read_volume
from gmmhet.convert.summaries import MapRecord

__all__ = ["UNMASKED", "fill_classes", "fill_curve_set", "fill_flexible_map_set", "fill_map_set", "fill_motion_sets"]

UNMASKED = ", no mask"


def fill_motion_sets(plain: SetOfVolumes, flexible: SetOfVolumesFlex, frames: Sequence[tuple[str, Sequence[float]]],
                     mode: int) -> None:
    """Fill two empty sets with the frames of one mode: plain volumes, and volumes with their coordinates in zFlex.

    Args:
        frames: file and coordinates of each. mode: its number from 1.
    """
    for number, (path, place) in enumerate(frames, 1):
        volume = read_volume(path)
        moved = read_volume(path, volume=VolumeFlex(progName=PROGRAM_NAME))
        moved.setZFlex([float(z) for z in place])
        for item, target in ((volume, plain), (moved, flexible)):
            target.setSamplingRate(item.getSamplingRate())
            item.setObjId(number)
            item.setObjLabel(f"mode {mode}, coordinate {place[mode - 1]:.2f}")
            target.append(item)


def fill_map_set(volumes: SetOfVolumes, maps: Sequence[MapRecord], folder: str | os.PathLike[str],
                 key: Literal["file", "sharpened"] = "file") -> None:
    """Fill an empty set with maps and half-maps as summary.json of reconstruct lists them; ids are their numbers.

    Args:
        key: the entry that names the map: file or sharpened; maps without one are left out.
    """
    for number, described in enumerate(maps, 1):
        name = described[key]
        if name is not None:
            _append_map(volumes, read_volume(Path(folder) / name), number, described, folder)


def fill_flexible_map_set(volumes: SetOfVolumesFlex, maps: Sequence[MapRecord],
                          folder: str | os.PathLike[str], particles: SetOfParticlesFlex) -> None:
    """The same maps with their coordinates along all modes in zFlex: the mean of their particles.

    Args:
        particles: whose program and analysis the set and its volumes carry on.
    """
    volumes.getFlexInfo().copyInfo(particles.getFlexInfo())
    for number, described in enumerate(maps, 1):
        volume = read_volume(Path(folder) / described["file"], volume=VolumeFlex(progName=PROGRAM_NAME))
        volume.getFlexInfo().copyInfo(particles.getFlexInfo())
        volume.setZFlex([float(z) for z in described["coordinates"]])
        _append_map(volumes, volume, number, described, folder)


def _append_map(volumes: SetOfVolumes | SetOfVolumesFlex, volume: Volume, number: int, described: MapRecord,
                folder: str | os.PathLike[str]) -> None:
    volume.setHalfMaps([str(Path(folder) / half) for half in (described["half1"], described["half2"])])
    volume.setObjId(number)
    if "state" in described:
        volume.setObjLabel(f"state {described['state']}")
    if described["coordinate"] is not None:
        volume.setObjLabel(f"coordinate {described['coordinate']:.2f}")
    volumes.setSamplingRate(volume.getSamplingRate())
    volumes.append(volume)


def fill_curve_set(curves: SetOfFSCs, path: str | os.PathLike[str]) -> None:
    """Fill an empty set with the curves of fsc.csv of reconstruct: within the mask first, then without it.

    Raises:
        InputError: missing file or column.
    """
    for column, label in (("fsc_masked", ""), ("fsc", UNMASKED)):
        for _, curve in sorted(read_fsc_curves(path, column).items()):
            curve.setObjLabel(curve.getObjLabel() + label)
            curve.setObjId(curves.getSize() + 1)
            curves.append(curve)


def fill_classes(classes: SetOfClasses3D, particles: SetOfParticles, numbers: Mapping[int, int],
                 volumes: SetOfVolumes) -> None:
    """Fill empty classes: one for each volume (its representative), with the particles of that number, by id.

    Particles go in as plain particles, so that every protocol takes them; number 0 is in no class.

    Raises:
        KeyError: an enabled particle without a class number.
    """
    representatives: dict[int, Volume] = {v.getObjId(): v.clone() for v in volumes.iterItems()}
    members: dict[int, list[Particle]] = {number: [] for number in representatives}
    for particle in particles.iterItems(orderBy="id"):
        if particle.isEnabled() and numbers[particle.getObjId()]:
            plain = Particle()
            plain.copy(particle)
            members[numbers[particle.getObjId()]].append(plain)
    for number, representative in representatives.items():
        item = classes.ITEM_TYPE(objId=number)
        item.setRepresentative(representative)
        item.setSamplingRate(particles.getSamplingRate())
        item.setAcquisition(particles.getAcquisition().clone())
        item.setAlignmentProj()
        item.setHasCTF(particles.hasCTF())
        classes.append(item)
        for particle in members[number]:
            item.append(particle)
        classes.update(item)
