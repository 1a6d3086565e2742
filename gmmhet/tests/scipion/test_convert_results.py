"""Coordinates, maps, curves and classes from the engine's files to the framework."""

import unittest

import mrcfile
import numpy as np
from pwem.emlib.image import ImageHandler
from pwem.objects import Float, SetOfClasses3D, SetOfFSCs, SetOfParticlesFlex, SetOfVolumes, SetOfVolumesFlex, Volume

from gmmhet.convert import (
    fill_classes,
    fill_curve_set,
    fill_flexible_map_set,
    fill_flexible_set,
    fill_map_set,
    half_map_files,
    map_file,
    read_fsc_curves,
    read_volume,
    write_set_of_particles,
)
from gmmhet.engine.errors import InputError
from gmmhet.engine.io import read_star, table_from, write_map, write_star
from gmmhet.protocols.map_lines import map_lines
from gmmhet.tests.scipion.cases import HAND_BOX as BOX
from gmmhet.tests.scipion.cases import HAND_PIXEL as PIXEL
from gmmhet.tests.scipion.cases import ConvertCase


class TestLatents(ConvertCase):

    def latents(self, ids, modes=2, name="latents.star", estimated=0, stem="gmmhetCoordinate"):
        columns = {"gmmhetParticleId": ids}
        for k in range(1, modes + 1):
            columns[f"gmmhetLatent{k}"] = [i + k / 10 for i in ids]
            columns[f"gmmhetLatentSd{k}"] = [0.5 / i for i in ids]
        for k in range(1, estimated + 1):
            columns |= {f"{stem}{k}": [2.0 * i + k for i in ids], f"{stem}Sd{k}": [0.1 * i for i in ids]}
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

    def test_junk_goes_with_them_and_back_to_the_engine(self):
        path = self.latents([2, 5, 9])
        table = read_star(path)["particles"]
        columns = {name: table.texts(name) for name in table.columns} | {"gmmhetJunk": ["0.0", "0.9", "0.25"]}
        write_star(path, [table_from("particles", columns)])
        flexible = self.flexible(self.by_hand(), path)
        self.assertEqual([p.getAttributeValue("_gmmhetJunk") for p in flexible.iterItems()], [0.0, 0.9, 0.25])
        write_set_of_particles(flexible, self.folder / "back.star")
        np.testing.assert_allclose(read_star(self.folder / "back.star")["particles"].floats("gmmhetJunk"),
                                   [0.0, 0.9, 0.25])
        again = self.flexible(flexible, self.latents([2, 5, 9], name="again.star"))  # of an analysis that told none
        self.assertFalse(again.getFirstItem().hasAttribute("_gmmhetJunk"))

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

    def test_coordinates_under_the_population_go_with_them(self):
        for stem in ("gmmhetCoordinate", "gmmhetPlaced"):  # as written now, and by version 0.3
            with self.subTest(stem):
                first = self.flexible(self.by_hand(), self.latents([9, 5, 2], estimated=1, stem=stem))
                item = first[5]
                self.assertEqual(item.getAttributeValue("_gmmhetCoordinate1"), 11.0)
                self.assertEqual(item.getAttributeValue("_gmmhetCoordinateSd1"), 0.5)
                self.assertEqual(len(item.getZFlex()), 2)
                again = self.flexible(first, self.latents([2, 5, 9], name="again.star"))
                self.assertFalse(again.getFirstItem().hasAttribute("_gmmhetCoordinate1"))

    def test_coordinates_of_sets_of_version_0_3_go_on_under_their_present_name(self):
        flexible = self.flexible(self.by_hand(), self.latents([2, 5, 9], estimated=1))
        old = SetOfParticlesFlex(filename=":memory:", progName="gmmhet")
        old.copyInfo(flexible)
        for item in flexible.iterItems():
            copy = item.clone()
            for name in ("Coordinate1", "CoordinateSd1"):
                value = copy.getAttributeValue(f"_gmmhet{name}")
                delattr(copy, f"_gmmhet{name}")
                setattr(copy, f"_gmmhet{name.replace('Coordinate', 'Placed')}", Float(value))
            old.append(copy)
        write_set_of_particles(old, self.folder / "old.star")
        table = read_star(self.folder / "old.star")["particles"]
        np.testing.assert_allclose(table.floats("gmmhetCoordinate1"), [5.0, 11.0, 19.0])
        np.testing.assert_allclose(table.floats("gmmhetCoordinateSd1"), [0.2, 0.5, 0.9])
        self.assertFalse([c for c in table.columns if "Placed" in c])
        again = self.flexible(old, self.latents([2, 5, 9], name="again.star"))
        self.assertFalse([n for n, _ in again.getFirstItem().getAttributes() if "Placed" in n])

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

    def test_half_maps_of_a_volume(self):
        """Those of the volume's size, wherever they lie; with its sampling rate, where their header has another."""
        volume = Volume(location=str(self.map("right.mrc")))
        volume.setSamplingRate(PIXEL)
        self.assertEqual(half_map_files(volume, self.folder), ())
        (self.folder / "elsewhere").mkdir()
        halves = [self.map("elsewhere/one.mrc"), self.map("elsewhere/other.mrc", pixel_size=1.0)]
        volume.setHalfMaps([str(half) for half in halves])
        first, second = half_map_files(volume, self.folder)
        self.assertEqual(first, halves[0])
        with mrcfile.open(second) as handle:
            self.assertAlmostEqual(float(handle.voxel_size.x), PIXEL, places=5)
        volume.setHalfMaps([str(halves[0]), str(self.map("cropped.mrc", box=BOX - 2))])
        self.assertEqual(half_map_files(volume, self.folder), ())
        volume.setHalfMaps([str(halves[0]), str(self.folder / "gone.mrc")])
        self.assertEqual(half_map_files(volume, self.folder), ())

    def test_other_formats_are_converted(self):
        spider = Volume(location=str(self.folder / "map.vol"))
        spider.setSamplingRate(PIXEL)
        given = self.map("given.mrc")
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

    def test_a_map_of_one_half_has_no_curve(self):
        """Cells are empty where a half has no particles: no curve of zeros comes of it."""
        path = self.folder / "fsc.csv"
        path.write_text("map,frequency,resolution,fsc,fsc_masked\n1,0.05,20,,\n1,0.1,10,,\n2,0.05,20,0.8,1\n"
                        "2,0.1,10,0.3,0.2\n", encoding="utf-8")
        self.assertEqual(list(read_fsc_curves(path)), [2])
        curves = SetOfFSCs(filename=":memory:")
        fill_curve_set(curves, path)
        self.assertEqual([c.getObjLabel() for c in curves.iterItems()], ["map 2", "map 2, no mask"])

    def test_maps_with_coordinates_carry_on_program_and_analysis(self):
        maps = [{"file": self.map(f"{n}.mrc").name, "half1": f"{n}a.mrc", "half2": f"{n}b.mrc", "coordinate": n - 0.5,
                 "coordinates": [n - 0.5, -0.25, 1e-7]} for n in (1, 2)]
        particles = SetOfParticlesFlex(filename=":memory:", progName="gmmhet")
        particles.getFlexInfo().setAttr("analysis", "Runs/1/extra/analysis")
        volumes = SetOfVolumesFlex(filename=str(self.folder / "flex.sqlite"), progName="gmmhet")
        fill_flexible_map_set(volumes, maps, self.folder, particles)
        volumes.write()
        volumes.close()
        again = SetOfVolumesFlex(filename=str(self.folder / "flex.sqlite"))
        again.loadAllProperties()
        self.assertEqual(again.getSamplingRate(), PIXEL)
        for number, volume in enumerate(again.iterItems(), 1):
            np.testing.assert_allclose(volume.getZFlex(), [number - 0.5, -0.25, 1e-7])
            self.assertEqual((volume.getObjId(), volume.getFlexInfo().getProgName()), (number, "gmmhet"))
            self.assertEqual(volume.getFlexInfo().getAttr("analysis"), "Runs/1/extra/analysis")
            self.assertEqual(volume.getHalfMaps(), f"{self.folder}/{number}a.mrc,{self.folder}/{number}b.mrc")
            self.assertEqual(volume.getShiftsFromOrigin(), (-4 * PIXEL,) * 3)

    def test_sharpened_maps_keep_the_numbers_of_their_maps(self):
        maps = [{"file": "none", "sharpened": None, "half1": "1a.mrc", "half2": "1b.mrc", "coordinate": -1.0},
                {"file": "none", "sharpened": self.map("2s.mrc").name, "half1": "2a.mrc", "half2": "2b.mrc",
                 "coordinate": 1.0}]
        volumes = SetOfVolumes(filename=":memory:")
        fill_map_set(volumes, maps, self.folder, "sharpened")
        self.assertEqual([(v.getObjId(), v.getFileName(), v.getObjLabel()) for v in volumes.iterItems()],
                         [(2, str(self.folder / "2s.mrc"), "coordinate 1.00")])

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


class TestLines(unittest.TestCase):

    def test_maps_at_points_tell_effective_particles_and_what_their_resolution_means(self):
        record = {"n_particles": 9000, "n_effective": 412.4, "coordinate": 0.5, "resolution_fsc143": 7.26,
                  "local_resolution_median": None, "note": None}
        summary = {"by": "kernel", "maps": [record, record | {"note": "no particles are here"}], "sharpening": None}
        self.assertEqual(map_lines(summary)[:3], [
            *(f"Map {k}: effectively 412 particles, coordinate 0.50, resolution 7.3 Å (FSC 0.143), locally not known "
              "(median)" for k in (1, 2)), "Map 2: no particles are here."])
        self.assertIn("not the blur that is left in moving parts", map_lines(summary)[3])
        plain = map_lines(summary | {"by": "bins", "sharpening": {"note": None, "b_factor": -80.2}})
        self.assertEqual([plain[0][:21], plain[3:]], ["Map 1: 9000 particles", ["Sharpened maps: B factor -80 Å²."]])


if __name__ == "__main__":
    unittest.main()
