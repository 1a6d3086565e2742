"""What the tests of the plugin start from: particles made by hand, and projects with simulated particles."""

import os
import subprocess
import sys
import tempfile
import unittest
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from pwem.objects import Acquisition, CTFModel, Particle, SetOfParticles, Transform

from gmmhet.convert import fill_set_of_particles
from gmmhet.engine.io import table_from, write_stack, write_star
from gmmhet.headless import launch, open_project, point
from gmmhet.plugin import Plugin
from gmmhet.protocols import ProtGmmHetImport

__all__ = ["BOX", "HAND_BOX", "HAND_PIXEL", "PARTICLES", "PIXEL", "QUICK", "RANKS", "ConvertCase", "ProjectCase",
           "engine", "need_engine"]

HAND_PIXEL, HAND_BOX = 2.5, 8
PARTICLES, BOX, PIXEL = 500, 32, 8.0
#: of an analysis that only has to give coordinates, which leaves out what takes time: poses exact, large motions never
#: followed, junk kept, no cross-fitted coordinates
QUICK = {"occupancy": False, "poses": 1, "follow": 2, "junk": 1, "crossCoordinates": 1}
#: processes of the protocols with an MPI box
RANKS = 2 if all(map(find_spec, ("mpi4py", "distributed"))) and Path(sys.executable).with_name("mpirun").exists() else 1


def need_engine(module: str) -> None:
    """Skip, aloud, where protocols find no engine to run."""
    for reason in Plugin.validateInstallation():
        print(f"SKIPPED {module}: {reason}", file=sys.stderr)  # Scipion's runner says nothing of it
        raise unittest.SkipTest(reason)


class ConvertCase(unittest.TestCase):
    """A folder, an image stack in it, and sets of particles made by hand."""

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        self.random = np.random.default_rng(3)
        self.stack = self.folder / "images.mrcs"
        shape = 6, HAND_BOX, HAND_BOX
        write_stack(self.stack, shape, HAND_PIXEL, [self.random.normal(size=shape).astype(np.float32)])

    def star(self, n=6):
        """A RELION STAR with two optics groups, phase shifts and half-sets, all values different."""
        columns = {
            "rlnImageName": [f"{i + 1:06d}@images.mrcs" for i in range(n)],
            "rlnAngleRot": self.random.uniform(-180, 180, n), "rlnAngleTilt": self.random.uniform(1, 179, n),
            "rlnAnglePsi": self.random.uniform(-180, 180, n), "rlnOriginXAngst": self.random.normal(0, 5, n),
            "rlnOriginYAngst": self.random.normal(0, 5, n), "rlnDefocusU": self.random.uniform(1e4, 3e4, n),
            "rlnDefocusV": self.random.uniform(1e4, 3e4, n), "rlnDefocusAngle": self.random.uniform(-90, 180, n),
            "rlnPhaseShift": self.random.uniform(0, 90, n), "rlnRandomSubset": [1 + i % 2 for i in range(n)],
            "rlnOpticsGroup": [1, 2, 1, 2, 2, 1][:n], "rlnMicrographName": [f"mic {i % 3}.mrc" for i in range(n)],
            "rlnCoordinateX": self.random.uniform(0, 4000, n), "rlnCoordinateY": self.random.uniform(0, 4000, n),
        }
        optics = {"rlnOpticsGroupName": ["one", "two"], "rlnOpticsGroup": [1, 2], "rlnVoltage": [300.0, 200.0],
                  "rlnSphericalAberration": [2.7, 1.4], "rlnAmplitudeContrast": [0.1, 0.07],
                  "rlnImagePixelSize": [HAND_PIXEL, HAND_PIXEL], "rlnImageSize": [HAND_BOX, HAND_BOX]}
        path = self.folder / "in.star"
        write_star(path, [table_from("optics", optics), table_from("particles", columns)])
        return path

    def imported(self, star=None):
        particles = SetOfParticles(filename=str(self.folder / "particles.sqlite"))
        fill_set_of_particles(particles, star or self.star(), self.folder)
        particles.write()
        return particles

    def by_hand(self, ids=(5, 2, 9), matrix=None, phase_shifts=None):
        """Aligned particles with ids out of order and no optics group information."""
        particles = SetOfParticles(filename=":memory:")
        particles.setSamplingRate(HAND_PIXEL)
        particles.setAlignmentProj()
        acquisition = Acquisition(magnification=10000, voltage=300.0, sphericalAberration=2.7, amplitudeContrast=0.1)
        particles.setAcquisition(acquisition)
        for number, identity in enumerate(ids):
            particle = Particle(location=(number + 1, str(self.stack)))
            particle.setObjId(identity)
            particle.setTransform(Transform(matrix=np.eye(4) if matrix is None else matrix))
            particle.setAcquisition(acquisition.clone())
            if phase_shifts:
                particle.setCTF(CTFModel())
                particle.getCTF().setStandardDefocus(2e4, 1.9e4, 10.0)
                particle.getCTF().setPhaseShift(phase_shifts[number])
            particles.append(particle)
        particles.setHasCTF(bool(phase_shifts))
        return particles


def engine(*arguments):
    return subprocess.run([sys.executable, "-m", "gmmhet.engine", *map(str, arguments)], capture_output=True, text=True,
                          check=False)


class ProjectCase(unittest.TestCase):
    """A project, and simulated particles beside it."""

    @classmethod
    def setUpClass(cls):
        need_engine(cls.__module__)
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.addClassCleanup(os.chdir, os.getcwd())
        cls.data = Path(folder.name)
        done = engine("simulate", "--preset", "hinge11", "--particles", PARTICLES, "--box", BOX, "--pixel-size", PIXEL,
                      "--snr", 0.3, "-o", cls.data, "--threads", 1)
        if done.returncode:
            raise RuntimeError(done.stderr)
        cls.project = open_project(cls.__name__)

    @classmethod
    def protocol(cls, kind, inputs=(), **parameters):
        protocol = cls.project.newProtocol(kind, **parameters)
        cls.project.saveProtocol(protocol)
        point(cls.project, protocol, dict(inputs))
        return protocol

    @classmethod
    def imported(cls):
        return launch(cls.project, cls.protocol(ProtGmmHetImport, particlesFile=str(cls.data / "particles.star"),
                                                mapFile=str(cls.data / "consensus.mrc")))
