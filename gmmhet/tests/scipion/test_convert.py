"""Particles between the framework and the engine's files."""

import unittest
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from pwem.convert.transformations import euler_matrix
from pwem.objects import Acquisition

from gmmhet.convert import matrices_to_poses, write_set_of_particles
from gmmhet.engine.errors import InputError
from gmmhet.engine.io import read_particles, read_star, write_star
from gmmhet.engine.optics.ctf import ctf
from gmmhet.tests.scipion.cases import HAND_PIXEL as PIXEL
from gmmhet.tests.scipion.cases import ConvertCase


def relion_matrix(rot: float, tilt: float, psi: float) -> np.ndarray:
    """A = Rz(psi) Ry(tilt) Rz(rot) of coordinate axes: written out from RELION's definition, by elementary turns."""
    def about_z(angle):
        c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
        return np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])

    def about_y(angle):
        c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
        return np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])

    return about_z(psi) @ about_y(tilt) @ about_z(rot)


class TestImport(ConvertCase):

    def test_the_stored_matrix_projects_points_where_relion_does(self):
        """xy in pixels = (inv(M) [x, y, z, 1])_xy is the framework's rule; RELION's: ((A p)_xy - origin) / pixel."""
        star = self.star()
        table = read_star(star)["particles"]
        point = np.array([3.0, -4.0, 5.5])
        for row, particle in enumerate(self.imported(star)):
            a = relion_matrix(*(table.floats(c)[row] for c in ("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi")))
            origin = [table.floats(c)[row] for c in ("rlnOriginXAngst", "rlnOriginYAngst")]
            inverse = np.linalg.inv(particle.getTransform().getMatrix())
            np.testing.assert_allclose((inverse @ [*(point / PIXEL), 1])[:2], ((a @ point)[:2] - origin) / PIXEL,
                                       atol=1e-5)  # the framework keeps eight digits

    def test_matrices_equal_those_the_framework_makes_of_the_angles(self):
        angles = np.array([[30.0, 70.0, -120.0], [-170.0, 5.0, 44.0]])
        origins = np.array([[4.0, -7.5], [0.25, 11.0]])
        for angle, origin in zip(angles, origins, strict=True):
            inverse = euler_matrix(*(-np.deg2rad(angle)), "szyz")
            inverse[:2, 3] = -origin / PIXEL
            found, shift = matrices_to_poses([np.linalg.inv(inverse)], PIXEL, [1])
            np.testing.assert_allclose(found[0], angle, atol=1e-9)
            np.testing.assert_allclose(shift[0], origin, atol=1e-9)

    def test_every_particle_has_its_own_values(self):
        star = self.star()
        table = read_star(star)["particles"]
        particles = self.imported(star)
        self.assertEqual(particles.getSize(), 6)
        self.assertEqual(particles.getSamplingRate(), PIXEL)
        self.assertTrue(particles.hasAlignmentProj() and particles.hasCTF())
        for row, p in enumerate(particles):
            self.assertEqual((p.getObjId(), p.getIndex()), (row + 1, row + 1))
            self.assertTrue(Path(p.getFileName()).samefile(self.stack))
            self.assertAlmostEqual(p.getCTF().getPhaseShift(), table.floats("rlnPhaseShift")[row])
            self.assertEqual(p.getAttributeValue("_rlnRandomSubset"), 1 + row % 2)
            self.assertEqual(p.getAcquisition().getVoltage(), (300.0, 200.0)[table.integers("rlnOpticsGroup")[row] - 1])
            self.assertEqual(p.getCoordinate().getMicName(), f"mic {row % 3}.mrc")
            self.assertEqual(p.getMicId(), row % 3 + 1)

    def test_without_ctf_the_set_says_so(self):
        path = self.folder / "noctf.star"
        tables = read_star(self.star())
        for name in ("rlnDefocusU", "rlnDefocusV", "rlnDefocusAngle", "rlnPhaseShift"):
            del tables["particles"].columns[name]
        write_star(path, list(tables.values()))
        self.assertFalse(self.imported(path).hasCTF())


class TestRoundTrip(ConvertCase):

    def test_star_to_set_to_star(self):
        star, back = self.star(), self.folder / "back.star"
        write_set_of_particles(self.imported(star), back)
        before, after = read_particles(star), read_particles(back, root=".")
        np.testing.assert_allclose(after.rotations, before.rotations, atol=1e-6)
        np.testing.assert_allclose(after.origins, before.origins, atol=2e-6)
        np.testing.assert_array_equal(after.half_set, before.half_set)
        np.testing.assert_array_equal(after.slice_index, before.slice_index)
        self.assertEqual([after.optics[i] for i in after.optics_index], [before.optics[i] for i in before.optics_index])
        self.assertEqual(read_star(back)["particles"].texts("rlnMicrographName"),
                         [f"mic {i % 3}.mrc" for i in range(6)])
        # U and V may change places with the angle turned by 90 degrees: the transfer function tells.
        kx, ky = self.random.uniform(-0.1, 0.1, (2, 50))
        np.testing.assert_allclose(ctf(after.ctf_coefficients, kx, ky), ctf(before.ctf_coefficients, kx, ky), atol=1e-4)

    def test_aberrations_go_along(self):
        """Told by optics groups; seven digits are kept."""
        tables = read_star(self.star())
        told = {"rlnBeamTiltX": ["0.4", "0"], "rlnBeamTiltY": ["-0.2", "0"], "rlnOddZernike": ["[1,2,30,0,0,40]", "[]"],
                "rlnEvenZernike": ["[0,1,2,3,40,50,60,70,80]", "[]"], "rlnMagMat00": ["1.01", "1"],
                "rlnMagMat01": ["0.002", "0"], "rlnMagMat10": ["-0.003", "0"], "rlnMagMat11": ["0.99", "1"],
                "rlnCtfDataAreCtfPremultiplied": ["0", "1"]}
        tables["optics"].columns |= told
        path, back = self.folder / "aberrated.star", self.folder / "back.star"
        write_star(path, list(tables.values()))
        write_set_of_particles(self.imported(path), back)
        before, after = read_particles(path), read_particles(back, root=".")
        np.testing.assert_allclose(after.odd_coefficients, before.odd_coefficients, rtol=1e-7)
        np.testing.assert_allclose(after.views, before.views, atol=1e-6)
        np.testing.assert_array_equal([o.aberrations.correction for o in after.optics], ["none", "premultiplied"])
        kx, ky = self.random.uniform(-0.2, 0.2, (2, 50))
        np.testing.assert_allclose(ctf(after.ctf_coefficients, kx, ky), ctf(before.ctf_coefficients, kx, ky), atol=1e-4)

    def test_phase_flipped_sets(self):
        particles = self.by_hand(phase_shifts=(0.0, 0.0, 0.0))
        particles.setIsPhaseFlipped(True)
        write_set_of_particles(particles, self.folder / "flipped.star")
        table = read_particles(self.folder / "flipped.star")
        self.assertEqual([o.aberrations.correction for o in table.optics], ["flipped"])
        again = self.imported(self.folder / "flipped.star")
        self.assertTrue(again.isPhaseFlipped())

    def test_ids_are_written_and_disabled_particles_left_out(self):
        particles = self.by_hand()
        path = self.folder / "out.star"
        write_set_of_particles(particles, path)
        self.assertEqual(read_star(path)["particles"].texts("gmmhetParticleId"), ["2", "5", "9"])
        self.assertEqual(read_star(path)["particles"].texts("rlnImageName"),
                         [f"{n:06d}@{self.stack}" for n in (2, 1, 3)])
        particle = particles[5]
        particle.setEnabled(False)
        particles.update(particle)
        write_set_of_particles(particles, path)
        self.assertEqual(read_star(path)["particles"].texts("gmmhetParticleId"), ["2", "9"])

    def test_phase_shifts_are_each_particles_own(self):
        path = self.folder / "out.star"
        write_set_of_particles(self.by_hand(phase_shifts=(None, 30.0, 60.0)), path)
        np.testing.assert_allclose(read_star(path)["particles"].floats("rlnPhaseShift"), [30, 0, 60])

    def test_different_acquisitions_become_optics_groups(self):
        particles = self.by_hand()
        other = particles[9]
        other.setAcquisition(Acquisition(magnification=10000, voltage=200.0, sphericalAberration=2.7,
                                         amplitudeContrast=0.1))
        particles.update(other)
        write_set_of_particles(particles, self.folder / "out.star")
        table = read_particles(self.folder / "out.star")
        self.assertEqual([o.voltage for o in table.optics], [300.0, 200.0])
        self.assertEqual(table.optics_index.tolist(), [0, 0, 1])

    @unittest.skipUnless(find_spec("relion"), "the RELION plugin (scipion-em-relion) is not installed")
    def test_the_relion_plugin_writes_the_same(self):
        from relion.convert.convert31 import Writer
        particles = self.imported()
        write_set_of_particles(particles, self.folder / "ours.star")
        Writer().writeSetOfParticles(particles, str(self.folder / "theirs.star"))
        ours, theirs = (read_particles(self.folder / f"{n}.star", root=".") for n in ("ours", "theirs"))
        np.testing.assert_allclose(ours.rotations, theirs.rotations, atol=1e-5)
        np.testing.assert_allclose(ours.origins, theirs.origins, atol=1e-5)
        np.testing.assert_allclose(ours.defocus, theirs.defocus, atol=1e-3)
        np.testing.assert_array_equal(ours.optics_index, theirs.optics_index)


class TestBadSets(ConvertCase):

    def assert_refused(self, particles, pattern):
        with self.assertRaisesRegex(InputError, pattern):
            write_set_of_particles(particles, self.folder / "bad.star")
        self.assertFalse((self.folder / "bad.star").exists())

    def test_no_alignment(self):
        particles = self.by_hand()
        particles.setAlignment2D()
        self.assert_refused(particles, "no 3D alignment")

    def test_corrected_for_the_ctf(self):
        particles = self.by_hand()
        particles.setIsAmplitudeCorrected(True)
        self.assert_refused(particles, "corrected for the CTF")

    def test_empty(self):
        self.assert_refused(self.by_hand(ids=()), "empty")

    def test_mirrored(self):
        self.assert_refused(self.by_hand(matrix=np.diag([1.0, 1.0, -1.0, 1.0])), "particle 2: .*mirrored")

    def test_unknown_optics_group(self):
        particles = self.imported()
        particle = particles[4]
        particle._rlnOpticsGroup.set(7)
        particles.update(particle)
        self.assert_refused(particles, "particle 4: optics group 7; the set has 1, 2")


if __name__ == "__main__":
    unittest.main()
