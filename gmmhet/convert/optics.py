"""Optics groups: acquisitions of the framework and RELION's optics table."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from pwem.objects import Acquisition, Particle, SetOfParticles

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import Optics, StarTable, read_star, table_from, write_star

__all__ = ["OPTICS_GROUP", "OpticsOfSet", "acquisition_of", "optics_table", "optics_text"]

OPTICS_GROUP = "rlnOpticsGroup"
# The framework counts an acquisition as known only with a magnification; RELION files have none.
_MAGNIFICATION = 10000


def acquisition_of(optics: Optics) -> Acquisition:
    """The microscope settings of one optics group."""
    return Acquisition(magnification=_MAGNIFICATION, voltage=optics.voltage,
                       sphericalAberration=optics.spherical_aberration, amplitudeContrast=optics.amplitude_contrast)


def optics_table(groups: Sequence[Optics]) -> StarTable:
    """data_optics of a RELION STAR; groups are numbered from 1."""
    return table_from("optics", {
        "rlnOpticsGroupName": [g.name for g in groups],
        OPTICS_GROUP: range(1, len(groups) + 1),
        "rlnVoltage": [g.voltage for g in groups],
        "rlnSphericalAberration": [g.spherical_aberration for g in groups],
        "rlnAmplitudeContrast": [g.amplitude_contrast for g in groups],
        "rlnImagePixelSize": [g.pixel_size for g in groups],
        "rlnImageSize": [g.box for g in groups],
        "rlnImageDimensionality": [2] * len(groups),
    })


def optics_text(groups: Sequence[Optics]) -> str:
    """The optics table as STAR text: what acquisition.opticsGroupInfo holds for RELION-aware plugins."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "optics.star"
        write_star(path, [optics_table(groups)])
        return path.read_text(encoding="utf-8")


class OpticsOfSet:
    """Optics groups of a set, and the group of each of its particles.

    The set's opticsGroupInfo and the particles' own group numbers when they are there; otherwise one group for each
    different acquisition met. Box and pixel size are always the set's.
    """

    def __init__(self, particles: SetOfParticles):
        self.groups: list[Optics] = []
        self._grid = float(particles.getSamplingRate()), int(particles.getXDim())
        self._position: dict[object, int] = {}
        info = particles.getAcquisition().opticsGroupInfo.get()
        self._told = bool(info)
        if info:
            self._take_groups(_parse(info))

    def _take_groups(self, table: StarTable) -> None:
        numbers = table.integers(OPTICS_GROUP)
        names = table.columns.get("rlnOpticsGroupName", [f"opticsGroup{i}" for i in numbers])
        values = [table.floats(c) for c in ("rlnVoltage", "rlnSphericalAberration", "rlnAmplitudeContrast")]
        for i, number in enumerate(numbers):
            voltage, aberration, contrast = (float(v[i]) for v in values)
            self.groups.append(Optics(names[i], voltage, aberration, contrast, *self._grid))
            self._position[int(number)] = i

    def number_of(self, particle: Particle) -> int:
        """The group of a particle, from 1: its row in :attr:`groups` plus one.

        Raises:
            InputError: its group is not in the set's table, or its acquisition is not known.
        """
        if self._told:
            only = next(iter(self._position)) if len(self.groups) == 1 else None
            number = particle.getAttributeValue(f"_{OPTICS_GROUP}", only)
            if number not in self._position:
                raise InputError(f"particle {particle.getObjId()}: optics group {number}; the set has "
                                 f"{', '.join(str(n) for n in self._position)}")
            return self._position[number] + 1
        a = particle.getAcquisition()
        key = a.getVoltage(), a.getSphericalAberration(), a.getAmplitudeContrast()
        if None in key:
            raise InputError(f"particle {particle.getObjId()}: voltage, spherical aberration or amplitude contrast is "
                             "not known; expected an acquisition")
        if key not in self._position:
            self._position[key] = len(self.groups)
            self.groups.append(Optics(f"opticsGroup{len(self.groups) + 1}", *key, *self._grid))
        return self._position[key] + 1


def _parse(info: str) -> StarTable:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "optics.star"
        path.write_text(info, encoding="utf-8")
        tables = read_star(path)
    if "optics" not in tables:
        raise InputError("the set's optics groups hold no table data_optics")
    return tables["optics"]
