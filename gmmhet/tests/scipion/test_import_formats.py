"""Import of files of other programs, with what lies beside them."""

import json
import shutil
import unittest
from importlib.util import find_spec
from pathlib import Path

import mrcfile
import numpy as np
from scipy.spatial.transform import Rotation

from gmmhet.convert import matrices_to_poses
from gmmhet.engine.conventions import euler_to_matrix
from gmmhet.engine.io import read_map, read_particles, write_map
from gmmhet.headless import launch
from gmmhet.protocols import ProtGmmHetAnalyze, ProtGmmHetImport, ProtGmmHetModel
from gmmhet.tests.scipion.cases import BOX, PARTICLES, PIXEL, ProjectCase

JOB = "cryosparc_P1_J12_006"


class TestCryosparc(ProjectCase):
    """A job of cryoSPARC, written here from its definitions: pose is the rotation vector of the inverse matrix, the
    shift is in pixels, angles of the CTF in radians."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.table = read_particles(cls.data / "particles.star")
        cls.job = cls.data / "J12"
        cls.job.mkdir()
        kinds = [("uid", "u8"), ("alignments3D/pose", "f4", 3), ("alignments3D/shift", "f4", 2),
                 ("alignments3D/psize_A", "f4"), ("alignments3D/split", "u4")]
        further = [("uid", "u8"), ("blob/path", "S40"), ("blob/idx", "u4"), ("blob/shape", "u4", 2),
                   ("blob/psize_A", "f4"), ("ctf/df1_A", "f4"), ("ctf/df2_A", "f4"), ("ctf/df_angle_rad", "f4"),
                   ("ctf/phase_shift_rad", "f4"), ("ctf/accel_kv", "f4"), ("ctf/cs_mm", "f4"),
                   ("ctf/amp_contrast", "f4")]
        poses, images = np.zeros(PARTICLES, kinds), np.zeros(PARTICLES, further)
        poses["uid"] = images["uid"] = 1000 + 7 * np.arange(PARTICLES)
        poses["alignments3D/pose"] = Rotation.from_matrix(cls.table.rotations.transpose(0, 2, 1)).as_rotvec()
        poses["alignments3D/shift"] = cls.table.origins / PIXEL
        poses["alignments3D/psize_A"] = images["blob/psize_A"] = PIXEL
        poses["alignments3D/split"] = cls.table.half_set - 1
        images["blob/path"], images["blob/idx"] = b"particles.mrcs", np.arange(PARTICLES)
        images["blob/shape"] = BOX
        for k, name in enumerate(("df1_A", "df2_A")):
            images[f"ctf/{name}"] = cls.table.defocus[:, k]
        images["ctf/df_angle_rad"] = np.deg2rad(cls.table.defocus[:, 2])
        images["ctf/accel_kv"], images["ctf/cs_mm"], images["ctf/amp_contrast"] = 300, 2.7, 0.1
        for name, rows in ((f"{JOB}_particles.cs", poses), ("P1_J12_passthrough_particles.cs", images[::-1])):
            with open(cls.job / name, "wb") as out:
                np.save(out, rows)
        for end in ("map", "map_half_A", "map_half_B", "mask_refine"):
            shutil.copy(cls.data / "consensus.mrc", cls.job / f"{JOB}_volume_{end}.mrc")
        cls.imports = launch(cls.project, cls.protocol(ProtGmmHetImport,
                                                       particlesFile=str(cls.job / f"{JOB}_particles.cs")))

    def test_particles_are_those_of_the_star(self):
        particles = self.imports.outputParticles
        self.assertEqual((particles.getSize(), particles.getSamplingRate(), particles.getDim()[:2]),
                         (PARTICLES, PIXEL, (BOX, BOX)))
        self.assertTrue(particles.hasAlignmentProj() and particles.hasCTF())
        items = [p.clone() for p in particles.iterItems(orderBy="id")]
        angles, origins = matrices_to_poses([p.getTransform().getMatrix() for p in items], PIXEL, range(PARTICLES))
        np.testing.assert_allclose(euler_to_matrix(angles), self.table.rotations, atol=1e-5)
        np.testing.assert_allclose(origins, self.table.origins, atol=1e-4)
        np.testing.assert_allclose([p.getCTF().getDefocusU() for p in items], self.table.defocus[:, 0], rtol=1e-5)
        self.assertEqual([p.getIndex() for p in items], list(range(1, PARTICLES + 1)))
        self.assertEqual([p.getAttributeValue("_rlnRandomSubset") for p in items], self.table.half_set.tolist())
        self.assertEqual(items[0].getAcquisition().getVoltage(), 300)

    def test_map_half_maps_and_mask_are_found(self):
        volume = self.imports.outputVolume
        self.assertEqual(Path(volume.getFileName()).resolve().name, f"{JOB}_volume_map.mrc")
        halves = volume.getHalfMaps(asList=True)
        self.assertEqual([Path(h).resolve().name for h in halves], [f"{JOB}_volume_map_half_{x}.mrc" for x in "AB"])
        self.assertEqual(Path(self.imports.outputMask.getFileName()).resolve().name, f"{JOB}_volume_mask_refine.mrc")
        self.assertIn("with half-maps", self.imports.summary()[1])

    @unittest.skipUnless(find_spec("relion"), "the RELION plugin (scipion-em-relion) is not installed")
    def test_the_relion_plugin_takes_them(self):
        from relion.convert.convert31 import Writer
        Writer().writeSetOfParticles(self.imports.outputParticles, "theirs.star")
        theirs = read_particles("theirs.star", root=".")
        np.testing.assert_allclose(theirs.rotations, self.table.rotations, atol=1e-4)
        np.testing.assert_allclose(theirs.origins, self.table.origins, atol=1e-4)
        np.testing.assert_allclose(theirs.defocus[:, :2], self.table.defocus[:, :2], rtol=1e-4)
        np.testing.assert_array_equal(theirs.images(np.arange(5)), self.table.images(np.arange(5)))

    def test_a_mirrored_map_stops_the_analysis_before_any_work(self):
        """The model of the other hand fits, but the particles do not fit it: one line says so."""
        mirrored = self.data / "mirrored.mrc"
        write_map(mirrored, np.roll(read_map(self.data / "consensus.mrc").data[:, :, ::-1], 1, 2), PIXEL)
        imports = launch(self.project, self.protocol(ProtGmmHetImport, mapFile=str(mirrored),
                                                     particlesFile=str(self.data / "particles.star")))
        model = launch(self.project, self.protocol(ProtGmmHetModel, {"inputVolume": (imports, "outputVolume")},
                                                   nGaussians="40", resolution=30.0, numberOfThreads=1))
        motion = self.protocol(ProtGmmHetAnalyze, {"inputParticles": (imports, "outputParticles"),
                                                   "inputModel": (model, "outputModel")}, numberOfThreads=1)
        with self.assertRaisesRegex(RuntimeError, r"fit .*fitted\.mrc better if the map is mirrored along x"):
            launch(self.project, motion)
        self.assertFalse(Path(motion._getExtraPath("analysis")).exists())
        told = json.loads(Path(motion._getExtraPath("check.json")).read_text())
        self.assertEqual(told["poses"]["better"]["name"], "mirrored_map_x")


class TestBeside(ProjectCase):
    def test_an_unreadable_neighbour_is_told_and_left_out(self):
        """Nobody asked for the half-map by name: the particles come, and the summary says what did not."""
        job = self.data / "job005"
        job.mkdir()
        shutil.copy(self.data / "particles.star", job / "run_data.star")
        shutil.copy(self.data / "consensus.mrc", job / "run_class001.mrc")
        for number in (1, 2):
            (job / f"run_half{number}_class001_unfil.mrc").write_bytes(b"short")
        imports = launch(self.project, self.protocol(ProtGmmHetImport, particlesFile=str(job / "run_data.star")))
        self.assertEqual(imports.outputParticles.getSize(), PARTICLES)
        self.assertFalse(hasattr(imports, "outputVolume"))
        self.assertRegex(imports.summary()[-1], r"Not imported from beside the particles: .*half1.*not a readable MRC")
        other = launch(self.project, self.protocol(ProtGmmHetImport, particlesFile=str(job / "run_data.star"),
                                                   mapFile=str(self.data / "consensus.mrc")))
        np.testing.assert_array_equal(mrcfile.read(other.outputVolume.getFileName()),
                                      mrcfile.read(self.data / "consensus.mrc"))
        self.assertFalse(other.outputVolume.hasHalfMaps())


if __name__ == "__main__":
    unittest.main()
