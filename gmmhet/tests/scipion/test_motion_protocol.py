"""The protocol that does everything in one box, on particles that are too few for a motion: all outputs, one map."""

import shutil
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import numpy as np
from pyworkflow import Config
from pyworkflow.object import Pointer

from gmmhet.constants import ANALYSIS_DIR
from gmmhet.headless import launch, open_project, point
from gmmhet.protocols import ProtGmmHetImport, ProtGmmHetMotion
from gmmhet.tests.scipion.cases import engine, need_engine
from gmmhet.viewers import GmmHetImportViewer, GmmHetMotionViewer

COUNT, BOX, PIXEL = 24, 32, 8.0


class TestMotionProtocol(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        need_engine(cls.__module__)
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        data = Path(holder.name)
        done = engine("simulate", "--preset", "null", "--particles", COUNT, "--box", BOX, "--pixel-size", PIXEL, "-o",
                      data, "--threads", 1)
        if done.returncode:
            raise RuntimeError(done.stderr)
        cls.project = open_project(cls.__name__)
        cls.imported = launch(cls.project, cls.project.newProtocol(
            ProtGmmHetImport, particlesFile=str(data / "particles.star"), mapFile=str(data / "consensus.mrc")))
        motion = cls.project.newProtocol(ProtGmmHetMotion, resolution=32.0, numberOfThreads=1)
        point(cls.project, motion, {"inputParticles": (cls.imported, "outputParticles"),
                                    "inputVolume": (cls.imported, "outputVolume")})
        cls.motion = launch(cls.project, motion)

    def test_outputs_of_all_stages(self):
        self.assertEqual(self.motion.outputParticles.getSize(), COUNT)
        self.assertEqual(self.motion.outputParticles.getIdSet(), self.imported.outputParticles.getIdSet())
        self.assertEqual(self.motion.outputVolumes.getSize(), 1)
        self.assertEqual(self.motion.outputVolumes.getSamplingRate(), PIXEL)
        self.assertEqual(self.motion.outputClasses.getSize(), 1)
        for name in ("flexibility", "flexibilityMap", "outputVolumesFlex", "outputFSCs"):
            self.assertTrue(hasattr(self.motion, name), name)
        self.assertTrue(Path(self.motion.getReport()).is_file())
        folder = self.motion.outputParticles.getFlexInfo().getAttr("analysis")
        self.assertEqual(folder, str(self.motion._folder(ANALYSIS_DIR)))
        self.assertTrue((Path(folder) / "latents.star").is_file())

    def test_maps_of_every_further_mode(self):
        """Of a run that made some: those of this one stand for them."""
        shutil.copytree(self.motion._folder("maps"), self.motion._folder("maps_mode_03"))
        self.motion._folder("maps_mode_02_points.csv").write_text("latent1\n")  # no folder of maps
        self.motion._defineMapsOfModes(Pointer(self.motion, extended="outputParticles"), self.motion._folder())
        volumes = self.motion.volumesMode3
        self.assertEqual(volumes.getSize(), 1)
        self.assertIn("maps_mode_03/map_01.mrc", volumes.getFirstItem().getFileName())
        self.assertTrue(volumes.getFirstItem().hasHalfMaps())
        self.assertFalse(hasattr(self.motion, "volumesMode2"))

    def test_summary_begins_with_the_verdict(self):
        self.assertIn(f"{COUNT} particles cannot support a motion", self.motion.summary()[0])
        self.assertEqual(self.motion.validate(), [])

    def test_the_log_of_the_run_is_in_the_output_of_the_protocol(self):
        text = Path(self.motion.getStdoutLog()).read_text(encoding="utf-8")
        for words in ("1 of 6 · check", "particles will take", "6 of 6 · report", "Next: gmmhet"):
            self.assertIn(words, text)

    def test_viewer_shows_the_map_and_nothing_that_is_not_there(self):
        self.assertIs(Config.getDomain().findViewers(self.motion, "tkinter")[0], GmmHetMotionViewer)
        viewer = GmmHetMotionViewer(project=self.project, protocol=self.motion)
        viewer.setProtocol(self.motion)
        self.assertEqual(viewer.validate(), [])
        (window,) = viewer._getVisualizeDict()["showMapSurface"]()
        self.assertEqual(window.getFigure().gmmhet_player.number, 0)
        with mock.patch("webbrowser.open") as opened:
            viewer._getVisualizeDict()["showReport"]()[0].show()
        self.assertTrue(opened.call_args.args[0].endswith("report.html"))

    def test_viewer_of_imported_particles(self):
        viewer = GmmHetImportViewer(project=self.project, protocol=self.imported)
        viewer.setProtocol(self.imported)
        shown = viewer._getVisualizeDict()
        (window,) = shown["showViews"]()
        drawn = np.concatenate([np.asarray(m.get_array())[0] for m in window.getFigure().axes[0].collections])
        self.assertGreater(drawn.max(), 1.0)
        self.assertIn(f"{COUNT} particles", window.getFigure()._suptitle.get_text())
        (window,) = shown["showDefocus"]()
        self.assertIn(f"defocus of all {COUNT} particles", [t.get_text() for t in window.getFigure().texts])
        (window,) = shown["showMap"]()
        self.assertEqual(len([a for a in window.getFigure().axes if a.images]), 3)


if __name__ == "__main__":
    unittest.main()
