"""Particles, coordinates and maps between the framework and the engine's files."""

import tempfile
import unittest
from importlib.util import find_spec
from pathlib import Path

import mrcfile
import numpy as np
from pwem.convert.transformations import euler_matrix
from pwem.objects import (
    Acquisition,
    CTFModel,
    Particle,
    SetOfClasses3D,
    SetOfParticles,
    SetOfParticlesFlex,
    SetOfVolumes,
    Transform,
    Volume,
)

from gmmhet.convert import (
    fill_classes,
    fill_flexible_set,
    fill_map_set,
    fill_set_of_particles,
    map_file,
    matrices_to_poses,
    read_fsc_curves,
    read_volume,
    write_set_of_particles,
)
from gmmhet.engine.ctf import ctf
from gmmhet.engine.errors import InputError
from gmmhet.engine.io import read_particles, read_star, table_from, write_map, write_stack, write_star

PIXEL = 2.5
BOX = 8


def relion_matrix(rot: float, tilt: float, psi: float) -> np.ndarray:
    """A = Rz(psi) Ry(tilt) Rz(rot) of coordinate axes: written out from RELION's definition, by elementary turns."""
    def about_z(angle):
        c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
        return np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])

    def about_y(angle):
        c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
        return np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])

    return about_z(psi) @ about_y(tilt) @ about_z(rot)


class ConvertCase(unittest.TestCase):
    """A folder, an image stack in it, and sets of particles made by hand."""

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        self.random = np.random.default_rng(3)
        self.stack = self.folder / "images.mrcs"
        write_stack(self.stack, (6, BOX, BOX), PIXEL, [self.random.normal(size=(6, BOX, BOX)).astype(np.float32)])

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
                  "rlnImagePixelSize": [PIXEL, PIXEL], "rlnImageSize": [BOX, BOX]}
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
        particles.setSamplingRate(PIXEL)
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
        particles.setIsPhaseFlipped(True)
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


class TestLatents(ConvertCase):

    def latents(self, ids, modes=2, name="latents.star"):
        columns = {"gmmhetParticleId": ids}
        for k in range(1, modes + 1):
            columns[f"gmmhetLatent{k}"] = [i + k / 10 for i in ids]
            columns[f"gmmhetLatentSd{k}"] = [0.5 / i for i in ids]
        columns |= {"gmmhetContrast": [1.0 + i / 100 for i in ids], "gmmhetLogLikelihood": [-10.0 * i for i in ids]}
        path = self.folder / name
        write_star(path, [table_from("particles", columns)])
        return path

    def flexible(self, particles, path):
        flexible = SetOfParticlesFlex(filename=":memory:", progName="gmmhet")
        flexible.copyInfo(particles)
        fill_flexible_set(flexible, particles.iterItems(), path, "gmmhet")
        return flexible

    def test_joined_by_id_whatever_the_order(self):
        flexible = self.flexible(self.by_hand(), self.latents([9, 5, 2]))
        self.assertEqual(sorted(p.getObjId() for p in flexible.iterItems()), [2, 5, 9])
        for p in flexible.iterItems():
            i = p.getObjId()
            np.testing.assert_allclose(p.getZFlex(), [i + 0.1, i + 0.2])
            self.assertAlmostEqual(p.getAttributeValue("_gmmhetLatentSd2"), 0.5 / i, places=6)
            self.assertAlmostEqual(p.getAttributeValue("_gmmhetContrast"), 1 + i / 100)
            self.assertEqual(p.getFlexInfo().getProgName(), "gmmhet")

    def test_missing_foreign_and_double_rows_are_refused(self):
        for ids, pattern in (([9, 5], "no row with gmmhetParticleId 2"), ([2, 5, 9, 11], "11 is not in the set"),
                             ([2, 5, 9, 5], "5 stands more than once")):
            with self.subTest(ids=ids), self.assertRaisesRegex(InputError, pattern):
                self.flexible(self.by_hand(), self.latents(ids))

    def test_a_second_analysis_replaces_the_first_whole(self):
        first = self.flexible(self.by_hand(), self.latents([2, 5, 9], modes=3))
        second = self.flexible(first, self.latents([2, 5, 9], modes=1, name="again.star"))
        item = second.getFirstItem()
        self.assertEqual(len(item.getZFlex()), 1)
        self.assertFalse(item.hasAttribute("_gmmhetLatent2"))

    def test_coordinates_are_written_for_the_engine(self):
        write_set_of_particles(self.flexible(self.by_hand(), self.latents([2, 5, 9])), self.folder / "out.star")
        table = read_star(self.folder / "out.star")["particles"]
        np.testing.assert_allclose(table.floats("gmmhetLatent2"), [2.2, 5.2, 9.2], atol=1e-6)
        self.assertEqual([c for c in table.columns if c.startswith("gmmhet")],
                         ["gmmhetParticleId", "gmmhetLatent1", "gmmhetLatent2", "gmmhetLatentSd1", "gmmhetLatentSd2",
                          "gmmhetContrast", "gmmhetLogLikelihood"])


class TestMaps(ConvertCase):

    def map(self, name, pixel_size=PIXEL, box=BOX):
        path = self.folder / name
        write_map(path, self.random.normal(size=(box, box, box)), pixel_size)
        return path

    def test_a_volume_with_a_wrong_header_is_copied_with_its_sampling_rate(self):
        volume = Volume(location=str(self.map("wrong.mrc", pixel_size=1.0)))
        volume.setSamplingRate(PIXEL)
        copy = map_file(volume, self.folder)
        self.assertNotEqual(copy, volume.getFileName())
        with mrcfile.open(copy) as ours, mrcfile.open(volume.getFileName()) as theirs:
            self.assertAlmostEqual(float(ours.voxel_size.x), PIXEL, places=5)
            np.testing.assert_array_equal(ours.data, theirs.data)

    def test_a_volume_with_a_right_header_is_used_in_place(self):
        volume = Volume(location=str(self.map("right.mrc")) + ":mrc")
        volume.setSamplingRate(PIXEL)
        self.assertEqual(map_file(volume, self.folder), str(self.folder / "right.mrc"))

    def test_other_formats_are_converted(self):
        spider = Volume(location=str(self.folder / "map.vol"))
        spider.setSamplingRate(PIXEL)
        given = self.map("given.mrc")
        from pwem.emlib.image import ImageHandler
        ImageHandler().convert(str(given), spider.getFileName())
        with mrcfile.open(map_file(spider, self.folder)) as ours, mrcfile.open(given) as theirs:
            np.testing.assert_allclose(ours.data, theirs.data, rtol=1e-6)

    def test_the_origin_is_the_voxel_of_the_engine_for_odd_boxes_too(self):
        for box in (8, 9):
            volume = read_volume(self.map(f"box{box}.mrc", box=box))
            self.assertEqual(volume.getShiftsFromOrigin(), (-4 * PIXEL,) * 3)
            self.assertEqual(volume.getSamplingRate(), PIXEL)

    def test_curves_of_each_map(self):
        path = self.folder / "fsc.csv"
        path.write_text("map,frequency,resolution,fsc,fsc_masked\n1,0.0,inf,1,1\n1,0.05,20,0.9,1\n1,0.1,10,0.1,0.2\n"
                        "2,0.05,20,0.8,1\n2,0.1,10,0.3,0.2\n", encoding="utf-8")
        curves = read_fsc_curves(path)
        self.assertEqual(sorted(curves), [1, 2])
        x, y = curves[1].getData()
        self.assertEqual(([*map(float, x)], [*map(float, y)]), ([0.05, 0.1], [0.9, 0.1]))

    def test_classes_hold_their_particles_and_maps(self):
        particles = self.by_hand()
        maps = [{"file": self.map(f"{n}.mrc").name, "half1": f"{n}a.mrc", "half2": f"{n}b.mrc", "coordinate": n - 0.5}
                for n in (1, 2)]
        volumes = SetOfVolumes(filename=":memory:")
        fill_map_set(volumes, maps, self.folder)
        self.assertEqual(volumes[2].getHalfMaps(), f"{self.folder}/2a.mrc,{self.folder}/2b.mrc")
        classes = SetOfClasses3D(filename=str(self.folder / "classes.sqlite"))
        fill_classes(classes, particles, {5: 2, 2: 1, 9: 0}, volumes)
        self.assertEqual({c.getObjId(): [p.getObjId() for p in c] for c in classes.iterItems()}, {1: [2], 2: [5]})
        self.assertEqual(classes[1].getRepresentative().getFileName(), str(self.folder / "1.mrc"))


if __name__ == "__main__":
    unittest.main()
