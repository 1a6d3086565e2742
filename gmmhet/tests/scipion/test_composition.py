"""The protocol that does everything in one box, on particles of which domains come and go."""

import tempfile
import unittest
from pathlib import Path

import numpy as np
from pwem.objects import VolumeMask

from gmmhet.headless import launch, open_project, point
from gmmhet.protocols import ProtGmmHetImport, ProtGmmHetMotion
from gmmhet.tests.scipion.cases import need_engine
from gmmhet.tests.support.composed_set import BOX, PIXEL, composed_set

COUNT = 500


class TestComposition(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        need_engine(cls.__module__)
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        data = Path(holder.name)
        cls.truth = composed_set(data, COUNT)
        cls.project = open_project(cls.__name__)
        imported = launch(cls.project, cls.project.newProtocol(
            ProtGmmHetImport, particlesFile=str(data / "particles.star"), mapFile=str(data / "consensus.mrc")))
        motion = cls.project.newProtocol(ProtGmmHetMotion, resolution=20.0, modes="1", numberOfThreads=2)
        point(cls.project, motion, {"inputParticles": (imported, "outputParticles"),
                                    "inputVolume": (imported, "outputVolume")})
        cls.motion = launch(cls.project, motion)

    def test_particles_have_the_probability_of_each_block(self):
        """Ids are rows of the truth from 1; a block is one of the domains."""
        blocks = self.motion.getComposition()["blocks"]
        self.assertTrue(blocks)
        particles = {p.getObjId(): p.clone() for p in self.motion.outputParticles.iterItems()}
        presence = np.array([[particles[i + 1].getAttributeValue(f"_gmmhetBlock{b['number']}") for b in blocks]
                             for i in range(COUNT)]) > 0.5
        for told in presence.T:
            self.assertGreater((told[:, None] == (self.truth > 0.5)).mean(0).max(), 0.9)
        state = np.array([particles[i + 1].getAttributeValue("_gmmhetState") for i in range(COUNT)])
        self.assertEqual(set(state), set(range(1, len(self.motion.getComposition()["states"]) + 1)))

    def test_states_are_classes_with_a_volume_each(self):
        found = self.motion.getComposition()
        volumes, classes = self.motion.stateVolumes, self.motion.stateClasses
        self.assertEqual(volumes.getSize(), len(found["states"]))
        self.assertEqual(classes.getSize(), len(found["states"]))
        self.assertEqual(volumes.getSamplingRate(), PIXEL)
        states = {p.getObjId(): p.getAttributeValue("_gmmhetState") for p in self.motion.outputParticles.iterItems()}
        total = 0
        for item in classes.iterItems():
            members = [p.getObjId() for p in item.iterItems()]
            total += len(members)
            self.assertEqual({states[i] for i in members}, {item.getObjId()})
            self.assertIn("maps_states/map_", item.getRepresentative().getFileName())
            self.assertTrue(item.getRepresentative().hasHalfMaps())
        self.assertEqual(total, COUNT)
        self.assertEqual([v.getObjLabel() for v in volumes.iterItems()],
                         [f"state {s['number']}" for s in found["states"]])

    def test_a_mask_of_each_block_is_an_output(self):
        for block in self.motion.getComposition()["blocks"]:
            mask = getattr(self.motion, f"blockMask{block['number']}")
            self.assertIsInstance(mask, VolumeMask)
            self.assertEqual((mask.getDim()[0], mask.getSamplingRate()), (BOX, PIXEL))
            self.assertTrue(Path(mask.getFileName()).is_file())

    def test_summary_names_the_blocks(self):
        summary = "\n".join(self.motion.summary())
        self.assertIn("Parts come and go: ", summary)
        self.assertIn("Block 1: ", summary)


if __name__ == "__main__":
    unittest.main()
