"""The ready workflow: four boxes, connected, with the files that a user gave."""

import tempfile
import unittest
from pathlib import Path

import pwem

from gmmhet.headless import open_project
from gmmhet.protocols import ProtGmmHetAnalyze, ProtGmmHetImport, ProtGmmHetModel, ProtGmmHetReconstruct


class TestTemplate(unittest.TestCase):

    def test_builds_the_four_boxes(self):
        (template,) = pwem.Domain.getPlugins()["gmmhet"]._pluginInstance.getTemplates()
        self.assertEqual(template.getObjId(), "gmmhet-motion")
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        template.replaceEnvVariables()
        template.parseContent()
        for alias in ("particles", "map"):
            (folder / alias).touch()
            self.assertEqual(template.setParamValue(alias, str(folder / alias)), 1)
        workflow = Path(template.createTemplateFile())
        self.addCleanup(workflow.unlink)
        project = open_project("template")
        project.loadProtocols(str(workflow))
        runs = {type(p): p for p in project.getRuns()}
        self.assertEqual(set(runs), {ProtGmmHetImport, ProtGmmHetModel, ProtGmmHetAnalyze, ProtGmmHetReconstruct})
        self.assertEqual(runs[ProtGmmHetImport].particlesFile.get(), str(folder / "particles"))
        self.assertEqual(runs[ProtGmmHetImport].mapFile.get(), str(folder / "map"))
        for cls, name, source, output in (
            (ProtGmmHetModel, "inputVolume", ProtGmmHetImport, "outputVolume"),
            (ProtGmmHetModel, "inputParticles", ProtGmmHetImport, "outputParticles"),
            (ProtGmmHetAnalyze, "inputParticles", ProtGmmHetImport, "outputParticles"),
            (ProtGmmHetAnalyze, "inputModel", ProtGmmHetModel, "outputModel"),
            (ProtGmmHetReconstruct, "inputParticles", ProtGmmHetAnalyze, "outputParticles"),
        ):
            pointer = getattr(runs[cls], name)
            self.assertEqual((type(pointer.getObjValue()), pointer.getExtended()), (source, output))


if __name__ == "__main__":
    unittest.main()
