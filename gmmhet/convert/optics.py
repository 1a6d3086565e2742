"""Optics groups: acquisitions of the framework and RELION's optics table."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pwem.objects import Acquisition, Particle, SetOfParticles

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import Optics, StarTable, optics_groups, optics_table, read_star, write_star

__all__ = ["OPTICS_GROUP", "OpticsOfSet", "acquisition_of", "optics_text"]

OPTICS_GROUP = "rlnOpticsGroup"
# The framework counts an acquisition as known only with a magnification; RELION files have none.
_MAGNIFICATION = 10000


def acquisition_of(optics: Optics) -> Acquisition:
    """The microscope settings of one optics group."""
    return Acquisition(magnification=_MAGNIFICATION, voltage=optics.voltage,
                       sphericalAberration=optics.spherical_aberration, amplitudeContrast=optics.amplitude_contrast)


def optics_text(groups: Sequence[Optics]) -> str:
    """The optics table as STAR text: what acquisition.opticsGroupInfo holds for RELION-aware plugins."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "optics.star"
        write_star(path, [optics_table(groups)])
        return path.read_text(encoding="utf-8")


class OpticsOfSet:
    """Optics groups of a set, and the group of each of its particles.

    The set's opticsGroupInfo (with the aberrations it tells) and the particles' own group numbers when they are there;
    otherwise one group for each different acquisition met. Box and pixel size are always the set's, and whether the
    phases are flipped.
    """

    def __init__(self, particles: SetOfParticles):
        self.groups: list[Optics] = []
        self._grid = float(particles.getSamplingRate()), int(particles.getXDim())
        self._flipped = bool(particles.isPhaseFlipped())
        self._position: dict[object, int] = {}
        info = particles.getAcquisition().opticsGroupInfo.get()
        self._told = bool(info)
        if info:
            self._take_groups(_parse(info))

    def _take_groups(self, table: StarTable) -> None:
        size, box = self._grid
        n = len(table)
        columns = {**table.columns, "rlnImagePixelSize": [str(size)] * n, "rlnImageSize": [str(box)] * n}
        for group in optics_groups(StarTable(table.name, columns, table.path), box):
            self._add(group)
        self._position = {int(number): i for i, number in enumerate(table.integers(OPTICS_GROUP))}

    def _add(self, group: Optics) -> None:
        if self._flipped and group.aberrations.correction == "none":
            group = replace(group, aberrations=replace(group.aberrations, correction="flipped"))
        self.groups.append(group)

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
            self._add(Optics(f"opticsGroup{len(self.groups) + 1}", *key, *self._grid))
        return self._position[key] + 1


def _parse(info: str) -> StarTable:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "optics.star"
        path.write_text(info, encoding="utf-8")
        tables = read_star(path)
    if "optics" not in tables:
        raise InputError("the set's optics groups hold no table data_optics")
    return tables["optics"]
