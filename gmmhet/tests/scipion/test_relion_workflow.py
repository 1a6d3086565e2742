"""RELION's own protocols and programs around ours: refined by it, analysed here, a class reconstructed by it."""

import os
import shutil
import sys
import tempfile
import unittest
from importlib.util import find_spec
from pathlib import Path
from unittest import mock

import numpy as np
from scipy.stats import spearmanr

from gmmhet.convert import matrices_to_poses
from gmmhet.engine.conventions import euler_to_matrix
from gmmhet.engine.io import read_map, read_particles, read_star
from gmmhet.engine.simulate.refinement_maps import shell_correlation
from gmmhet.headless import launch
from gmmhet.protocols import ProtGmmHetAnalyze, ProtGmmHetModel, ProtGmmHetReconstruct
from gmmhet.tests.scipion.cases import BOX, PARTICLES, PIXEL, ProjectCase
from gmmhet.tests.support.relion import need_relion

PROGRAMS = "relion_refine", "relion_refine_mpi", "relion_reconstruct", "mpirun"
MAPS = 2


def relion_home(folder: Path) -> Path:
    """A folder as the plugin expects it, which reads the version off its name: bin with links to what is installed.

    The plugin puts bin before everything else, so that the mpirun there is the one that RELION was built with.
    """
    home = folder / "relion-4.0"
    (home / "bin").mkdir(parents=True)
    for program in PROGRAMS:
        (home / "bin" / program).symlink_to(need_relion(program))
    return home


def without_environment(path: str) -> str:
    """The search path without the folder of this Python, whose mpirun may be another MPI than RELION's."""
    own = Path(sys.executable).parent
    return os.pathsep.join(p for p in path.split(os.pathsep) if Path(p) != own)


class TestRelionWorkflow(ProjectCase):
    @classmethod
    def setUpClass(cls):
        if find_spec("relion") is None:
            raise unittest.SkipTest("scipion-em-relion is not installed: pip install scipion-em-relion")
        folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.enterClassContext(mock.patch.dict(os.environ, PATH=without_environment(os.environ["PATH"])))
        cls.enterClassContext(mock.patch.dict(
            os.environ, RELION_HOME=str(relion_home(folder)), OMPI_ALLOW_RUN_AS_ROOT="1",
            OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMPI_MCA_rmaps_base_oversubscribe="1"))
        from relion.protocols import ProtRelionReconstruct, ProtRelionRefine3D
        super().setUpClass()
        cls.imports = cls.imported()
        cls.refined = launch(cls.project, cls.protocol(
            ProtRelionRefine3D, {"inputParticles": (cls.imports, "outputParticles"),
                                 "referenceVolume": (cls.imports, "outputVolume")},
            copyAlignment=True, initialLowPassFilterA=30.0, localSearchAutoSamplingDeg=2, offsetSearchRangePix=3.0,
            doGpu=False, numberOfMpi=3, numberOfThreads=1, allParticlesRam=True, skipPadding=True, pooledParticles=30,
            extraParams="--sigma_ang 6"))
        cls.model = launch(cls.project, cls.protocol(
            ProtGmmHetModel, {"inputVolume": (cls.refined, "outputVolume"),
                              "inputParticles": (cls.refined, "outputParticles")}, numberOfThreads=1))
        cls.motion = launch(cls.project, cls.protocol(
            ProtGmmHetAnalyze, {"inputParticles": (cls.refined, "outputParticles"),
                                "inputModel": (cls.model, "outputModel")}, nModes="1", numberOfThreads=1))
        cls.maps = launch(cls.project, cls.protocol(
            ProtGmmHetReconstruct, {"inputParticles": (cls.motion, "outputParticles")}, nMaps=MAPS, numberOfThreads=1))
        cls.theirs = launch(cls.project, cls.protocol(
            ProtRelionReconstruct, {"inputParticles": (cls.maps, "outputClasses.2")}, doCTF=True))

    def test_all(self):
        print(self.model.summary(), self.motion.summary(), self.maps.summary())
        ours, theirs = (read_map(v.getFileName()) for v in (self.maps.outputVolumes[2], self.theirs.outputVolume))
        print(shell_correlation(ours.data.astype(float), theirs.data.astype(float)))
        half1, half2 = (read_map(v) for v in self.maps.outputVolumes[2].getHalfMaps().split(","))
        print(shell_correlation((half1.data+half2.data).astype(float), theirs.data.astype(float)))
        import csv
        with open(self.data / "truth.csv", newline="", encoding="utf-8") as text:
            truth = {int(row["id"]): float(row["coordinate"]) for row in csv.DictReader(text)}
        P = self.motion.outputParticles
        print(spearmanr([p.getZFlex()[0] for p in P], [truth[p.getObjId()] for p in P]))
        shutil.copytree(self.project.path, "/tmp/ru/proj2")

if __name__ == "__main__":
    unittest.main()
