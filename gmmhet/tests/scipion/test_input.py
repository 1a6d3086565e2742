"""Bad input, told in the engine's words; and seven real images."""

import os
import unittest
from pathlib import Path

import numpy as np
from pwem.objects import VolumeMask

from gmmhet.engine.io import read_star, write_star
from gmmhet.headless import launch, open_project, point
from gmmhet.protocols import ProtGmmHetAnalyze, ProtGmmHetImport, ProtGmmHetModel, ProtGmmHetReconstruct
from gmmhet.tests.scipion.cases import ProjectCase, engine, need_engine


class TestBadInput(ProjectCase):

    def spoiled(self, name, change):
        tables = read_star(self.data / "particles.star")
        change(tables["particles"])
        path = self.data / name
        write_star(path, list(tables.values()))
        return path

    def test_validation_says_what_the_command_line_says(self):
        def drop_poses(table):
            del table.columns["rlnAngleTilt"]

        def spoil_value(table):
            values = list(table.columns["rlnDefocusU"])
            table.columns["rlnDefocusU"] = [*values[:2], "many", *values[3:]]

        for number, change in enumerate((drop_poses, spoil_value)):
            path = self.spoiled(f"bad{number}.star", change)
            done = engine("import", path, "-o", self.data / "never.star")
            self.assertEqual(done.returncode, 2)
            (message,) = self.protocol(ProtGmmHetImport, particlesFile=str(path)).validate()
            self.assertEqual(f"gmmhet: error: {message}", done.stderr.strip().splitlines()[-1])
            self.assertFalse((self.data / "never.star").exists())

    def test_a_missing_file_and_map(self):
        errors = self.protocol(ProtGmmHetImport, particlesFile="/no/such.star", mapFile="/no/such.mrc").validate()
        self.assertEqual([e.split(":")[0] for e in errors], ["/no/such.star", "/no/such.mrc"])

    def test_an_error_of_the_engine_is_the_protocols_error(self):
        (self.data / "short.mrcs").write_bytes((self.data / "particles.mrcs").read_bytes()[:-5000])
        path = self.spoiled("short.star", lambda t: t.columns.update(
            rlnImageName=[n.split("@")[0] + "@short.mrcs" for n in t.columns["rlnImageName"]]))
        protocol = self.protocol(ProtGmmHetImport, particlesFile=str(path))
        self.assertEqual(protocol.validate(), [])
        with self.assertRaisesRegex(RuntimeError, r"short\.mrcs: truncated, 2,044,02\d bytes"):
            launch(self.project, protocol)
        self.assertFalse(Path(protocol._getExtraPath("particles.star")).exists())

    def test_an_empty_form_asks_for_its_inputs_only(self):
        for kind, labels in ((ProtGmmHetModel, ["*Map or atomic model*"]),
                             (ProtGmmHetAnalyze, ["*Particles*", "*Gaussian model*"]),
                             (ProtGmmHetReconstruct, ["*Particles with coordinates*"])):
            self.assertEqual(self.protocol(kind).validate(), [f"{label} cannot be EMPTY." for label in labels])

    def test_options_are_checked_on_the_form(self):
        imports = self.imported()
        model = self.protocol(ProtGmmHetModel, {"inputVolume": (imports, "outputVolume")}, symmetry="Q4")
        self.assertEqual(model.validate(), ["--symmetry is 'Q4'; expected Cn, Dn, T, O or I"])
        model.symmetry.set("C1")
        model.nGaussians.set("some")
        self.assertEqual(model.validate(), ["Number of Gaussians is 'some'; expected a whole number from 1, or auto"])
        motion = self.protocol(ProtGmmHetAnalyze, {"inputParticles": (imports, "outputParticles")}, motion=False,
                               occupancy=False)
        self.assertTrue(any("leave nothing to analyse" in e for e in motion.validate()))

    def test_a_local_pose_goes_with_a_focus_mask(self):
        imports = self.imported()
        motion = self.protocol(ProtGmmHetAnalyze, {"inputParticles": (imports, "outputParticles")}, localPose=True)
        self.assertNotIn("--local-pose", motion._analyzeArguments())
        self.assertFalse(motion.evalParamCondition("localPose"))
        self.assertFalse([e for e in motion.validate() if "--local-pose" in e])
        mask = VolumeMask()
        mask.setFileName("mask.mrc")
        motion.focusMask.set(mask)
        self.assertTrue(motion.evalParamCondition("localPose"))
        arguments = motion._analyzeArguments()
        self.assertEqual(arguments[arguments.index("--focus"):][:3], ["--focus", "mask.mrc", "--local-pose"])
        motion.localPose.set(False)
        self.assertNotIn("--local-pose", motion._analyzeArguments())


class TestRealImages(unittest.TestCase):
    """Seven images of EMPIAR-10076, whose stack has neither a machine stamp nor a voxel size."""

    def test_seven_images_support_no_motion(self):
        root = Path(__file__).resolve().parents[3]
        data = Path(os.environ.get("GMMHET_CONFORMANCE_DATA", root.parent / "shared" / "data")) / "empiar10076_7"
        if not data.is_dir():
            self.skipTest(f"no real images in {data}")
        need_engine(type(self).__module__)
        self.addCleanup(os.chdir, os.getcwd())
        project = open_project("real")
        protocol = launch(project, project.newProtocol(
            ProtGmmHetImport, particlesFile=str(data / "particles.star"), mapFile=str(data / "classD_13.1A.mrc")))
        self.assertEqual(protocol.outputParticles.getSize(), 7)
        self.assertAlmostEqual(protocol.outputParticles.getSamplingRate(), 1.31, places=4)
        self.assertEqual(protocol.outputParticles.getDim()[:2], (320, 320))
        self.assertAlmostEqual(protocol.outputVolume.getSamplingRate(), 13.1, places=3)
        model = project.newProtocol(ProtGmmHetModel, nGaussians="60", resolution=30.0, numberOfThreads=1)
        point(project, model, {"inputVolume": (protocol, "outputVolume"),
                               "inputParticles": (protocol, "outputParticles")})
        self.assertEqual(launch(project, model).outputVolume.getDim(), (320, 320, 320))
        motion = project.newProtocol(ProtGmmHetAnalyze, numberOfThreads=1)
        point(project, motion, {"inputParticles": (protocol, "outputParticles"), "inputModel": (model, "outputModel")})
        launch(project, motion)
        self.assertRegex(motion.summary()[0], "7 particles")
        self.assertEqual([p.getObjId() for p in motion.outputParticles], list(range(1, 8)))
        self.assertLess(np.mean([p.getAttributeValue("_gmmhetContrast") for p in motion.outputParticles]), 0)
        maps = project.newProtocol(ProtGmmHetReconstruct)
        point(project, maps, {"inputParticles": (motion, "outputParticles")})
        self.assertEqual(maps.validate(), [])
        (warning,) = maps.warnings()
        self.assertIn("Maps along it are maps along noise", warning)
        maps.mode.set(2)
        self.assertEqual(maps.validate(), ["Mode is 2; the particles have 1 coordinate(s)"])


if __name__ == "__main__":
    unittest.main()
