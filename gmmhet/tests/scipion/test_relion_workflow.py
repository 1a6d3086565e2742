"""RELION's own protocols and programs around ours: refined by it, analysed here, a class reconstructed by it."""

import os
import sys
import tempfile
import unittest
from importlib.util import find_spec
from pathlib import Path
from unittest import mock

import numpy as np
from pwem.protocols import ProtSubSet

from gmmhet.convert import read_model_summary
from gmmhet.engine.conventions import euler_to_matrix
from gmmhet.engine.io import read_map, read_star
from gmmhet.engine.simulate.refinement_maps import shell_correlation
from gmmhet.headless import launch
from gmmhet.protocols import ProtGmmHetAnalyze, ProtGmmHetExport, ProtGmmHetModel, ProtGmmHetReconstruct
from gmmhet.tests.scipion.cases import BOX, PIXEL, QUICK, ProjectCase
from gmmhet.tests.scipion.windows import toured
from gmmhet.tests.support.relion import need_relion
from gmmhet.tests.support.screen import WHY_NOT

PROGRAMS = "relion_refine", "relion_refine_mpi", "relion_reconstruct", "mpirun"
KEPT, MAPS = 300, 2


def relion_home(folder: Path) -> Path:
    """A folder as the plugin expects it, which reads the version off its name: bin with links to what is installed.

    The plugin puts bin before everything else, so that the mpirun there is the one that RELION was built with.
    """
    home = folder / "relion-4.0"
    (home / "bin").mkdir(parents=True)
    for program in PROGRAMS:
        (home / "bin" / program).symlink_to(need_relion(program))
    return home


def without_this_environment(path: str) -> str:
    """The search path without the folder of this Python, whose mpirun may be of another MPI than RELION's."""
    own = Path(sys.executable).parent
    return os.pathsep.join(p for p in path.split(os.pathsep) if Path(p) != own)


class TestRelionWorkflow(ProjectCase):
    """The subset makes ids and rows differ. RELION searches near the given poses only, which takes a minute or two."""

    @classmethod
    def setUpClass(cls):
        if find_spec("relion") is None:
            raise unittest.SkipTest("scipion-em-relion is not installed: pip install scipion-em-relion")
        folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.enterClassContext(mock.patch.dict(os.environ, PATH=without_this_environment(os.environ["PATH"])))
        cls.enterClassContext(mock.patch.dict(
            os.environ, RELION_HOME=str(relion_home(folder)), OMPI_ALLOW_RUN_AS_ROOT="1",
            OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", OMPI_MCA_rmaps_base_oversubscribe="1"))
        from relion.protocols import ProtRelionReconstruct, ProtRelionRefine3D
        super().setUpClass()
        cls.imports = cls.imported()
        cls.subset = launch(cls.project, cls.protocol(
            ProtSubSet, {"inputFullSet": (cls.imports, "outputParticles")}, chooseAtRandom=True, nElements=KEPT))
        cls.refined = launch(cls.project, cls.protocol(
            ProtRelionRefine3D, {"inputParticles": (cls.subset, "outputParticles"),
                                 "referenceVolume": (cls.imports, "outputVolume")},
            copyAlignment=True, initialLowPassFilterA=30.0, localSearchAutoSamplingDeg=2, offsetSearchRangePix=3.0,
            doGpu=False, numberOfMpi=3, numberOfThreads=1, allParticlesRam=True, skipPadding=True, pooledParticles=30,
            extraParams="--sigma_ang 6"))
        cls.model = launch(cls.project, cls.protocol(
            ProtGmmHetModel, {"inputVolume": (cls.refined, "outputVolume"),
                              "inputParticles": (cls.refined, "outputParticles")}, numberOfThreads=1))
        cls.motion = launch(cls.project, cls.protocol(
            ProtGmmHetAnalyze, {"inputParticles": (cls.refined, "outputParticles"),
                                "inputModel": (cls.model, "outputModel")}, nModes="1", numberOfThreads=1, **QUICK))
        cls.maps = launch(cls.project, cls.protocol(
            ProtGmmHetReconstruct, {"inputParticles": (cls.motion, "outputParticles")}, nMaps=MAPS, numberOfThreads=1))
        cls.theirs = launch(cls.project, cls.protocol(
            ProtRelionReconstruct, {"inputParticles": (cls.maps, f"outputClasses.{MAPS}")}, doCTF=True))

    def test_particles_go_into_the_refinement_as_they_were_imported(self):
        """It searches near their poses only: from poses, shifts or CTF read wrongly comes another map."""
        particles, volume = self.refined.outputParticles, self.refined.outputVolume
        self.assertEqual((particles.getSize(), particles.getSamplingRate(), particles.getDim()[:2]),
                         (KEPT, PIXEL, (BOX, BOX)))
        self.assertEqual({p.getObjId() for p in particles}, {p.getObjId() for p in self.subset.outputParticles})
        found, given = (read_map(v.getFileName()).data.astype(float) for v in (volume, self.imports.outputVolume))
        self.assertGreater(shell_correlation(found, given)[1:7].min(), 0.8)  # but for the mean, which CTFs leave open

    def test_poses_ctf_and_half_sets_are_those_of_the_refinement(self):
        """What the engine is given against what RELION wrote, by particle id.

        The plugin's particles are those of the last numbered iteration, not of the final one.
        """
        ours = read_star(self.motion._getExtraPath("particles.star"))["particles"]
        last = max(Path(self.refined._getExtraPath()).glob("relion_it*_data.star"))
        theirs = read_star(last)["particles"]
        row = {number: i for i, number in enumerate(theirs.integers("rlnImageId"))}
        order = [row[number] for number in ours.integers("gmmhetParticleId")]
        self.assertEqual(len(order), KEPT)
        angles = "rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"
        rotations = [euler_to_matrix(np.stack([t.floats(c) for c in angles], axis=1)) for t in (ours, theirs)]
        np.testing.assert_allclose(rotations[0], rotations[1][order], atol=1e-5)
        for name in ("rlnOriginXAngst", "rlnOriginYAngst", "rlnDefocusU", "rlnDefocusV", "rlnDefocusAngle",
                     "rlnRandomSubset"):
            np.testing.assert_allclose(ours.floats(name), theirs.floats(name)[order], atol=1e-2, err_msg=name)

    def test_the_model_is_of_the_map_that_its_half_maps_support(self):
        summary = read_model_summary(self.model._getExtraPath("model"))
        self.assertGreater(summary["correlation"], 0.93)
        self.assertGreater(summary["share_inside"], 0.95)
        log = Path(self.model.getStdoutLog()).read_text(encoding="utf-8")
        self.assertIn("relion_half1_class001_unfil.mrc", log)

    def test_a_class_of_ours_is_reconstructed_by_relion(self):
        """Its map agrees with ours of the same class, and beyond the signal, where noise is of its images, only with
        that one."""
        theirs = self.theirs.outputVolume
        self.assertEqual((theirs.getDim(), theirs.getSamplingRate()), ((BOX, BOX, BOX), PIXEL))
        density = read_map(theirs.getFileName()).data.astype(float)
        other, same = (shell_correlation(sum(read_map(half).data.astype(float) for half in
                                             volume.getHalfMaps().split(",")), density)
                       for volume in self.maps.outputVolumes.iterItems(orderBy="id"))
        self.assertGreater(same[:8].min(), 0.95)
        self.assertGreater((same - other)[9:15].mean(), 0.1)

    @unittest.skipIf(WHY_NOT, WHY_NOT)
    def test_its_windows_open_on_a_screen(self):
        """Viewers of what follows a refinement of RELION; a map that is saved, and particles that are chosen, there."""
        launch(self.project, self.protocol(ProtGmmHetExport, {"inputParticles": (self.motion, "outputParticles"),
                                                              "inputClasses": (self.maps, "outputClasses")},
                                           classNumbers="1"))
        said, pictures = toured(self, self.project)
        kinds = ("Model", "Analyze", "Reconstruct", "Export")
        windows = {f"{what}_ProtGmmHet{kind}" for what in ("form", "viewer") for kind in kinds}
        self.assertLessEqual(windows, pictures)
        self.assertLessEqual({f"ProtGmmHet{view}" for view in (
            "Model_showSpheres", "Analyze_showSurface_saved", "Analyze_showPoint", "Reconstruct_showMapSurface",
            "Reconstruct_showLocal", "Export_showChosen")}, pictures)
        self.assertRegex(said, rf"Analyze_showPage: \d+ of {KEPT} particles chosen on the page")


if __name__ == "__main__":
    unittest.main()
