"""The four protocols in a real project, on simulated particles with planted motion."""

import csv
import json
import time
import unittest
from importlib.util import find_spec
from pathlib import Path
from unittest import mock

import mrcfile
import numpy as np
from matplotlib.image import imread
from pwem.objects import SetOfParticles
from pwem.protocols import ProtSubSet
from pyworkflow import Config
from scipy.stats import spearmanr

from gmmhet.convert import matrices_to_poses, read_maps_summary
from gmmhet.engine.conventions import euler_to_matrix
from gmmhet.engine.io import read_map, read_particles, read_star
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.view.result import open_result
from gmmhet.headless import launch
from gmmhet.protocols import ProtGmmHetAnalyze, ProtGmmHetExport, ProtGmmHetModel, ProtGmmHetReconstruct
from gmmhet.tests.scipion.cases import BOX, PARTICLES, PIXEL, QUICK, RANKS, ProjectCase, engine
from gmmhet.tests.scipion.windows import toured
from gmmhet.tests.support.screen import WHY_NOT
from gmmhet.viewers import (
    GmmHetAnalyzeViewer,
    GmmHetAtomsViewer,
    GmmHetModelViewer,
    GmmHetReconstructViewer,
    GmmHetSlicesViewer,
)
from gmmhet.viewers.page_selections import PageSelections

KEPT, MAPS = 400, 3
SECONDS = 300  # no tour of the windows takes so long


class TestWorkflow(ProjectCase):
    """A subset in the middle makes ids and rows differ all the way down."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.imports = cls.imported()
        cls.subset = launch(cls.project, cls.protocol(
            ProtSubSet, {"inputFullSet": (cls.imports, "outputParticles")}, chooseAtRandom=True, nElements=KEPT))
        cls.model = launch(cls.project, cls.protocol(
            ProtGmmHetModel, {"inputVolume": (cls.imports, "outputVolume")}, nGaussians="100", resolution=20.0,
            numberOfThreads=1))
        cls.motion = launch(cls.project, cls.protocol(
            ProtGmmHetAnalyze, {"inputParticles": (cls.subset, "outputParticles"),
                                "inputModel": (cls.model, "outputModel")}, nModes="1", numberOfThreads=1,
            numberOfMpi=RANKS))
        cls.maps = launch(cls.project, cls.protocol(
            ProtGmmHetReconstruct, {"inputParticles": (cls.motion, "outputParticles")}, nMaps=MAPS, sharpen="-900",
            numberOfThreads=1, numberOfMpi=RANKS))
        with open(cls.data / "truth.csv", newline="", encoding="utf-8") as text:
            cls.truth = {int(row["id"]): float(row["coordinate"]) for row in csv.DictReader(text)}

    def by_id(self, star):
        table = read_star(star)["particles"]
        return dict(zip(table.integers("gmmhetParticleId"), range(len(table)), strict=True)), table

    def test_imported_particles_are_those_of_the_file(self):
        table, particles = read_particles(self.data / "particles.star"), self.imports.outputParticles
        self.assertEqual((particles.getSize(), particles.getSamplingRate(), particles.getDim()[:2]),
                         (PARTICLES, PIXEL, (BOX, BOX)))
        self.assertEqual([p.getObjId() for p in particles], list(range(1, PARTICLES + 1)))
        matrices = [p.getTransform().getMatrix() for p in particles]
        angles, origins = matrices_to_poses(matrices, PIXEL, range(PARTICLES))
        np.testing.assert_allclose(euler_to_matrix(angles), table.rotations, atol=1e-6)
        np.testing.assert_allclose(origins, table.origins, atol=1e-5)
        self.assertTrue(all(Path(p.getFileName()).is_symlink() for p in particles))
        self.assertEqual(self.imports.outputVolume.getSamplingRate(), PIXEL)

    @unittest.skipIf(RANKS == 1, "mpi4py and mpirun are not there: pip install 'gmmhet[cluster]' mpich")
    def test_the_mpi_box_starts_workers(self):
        for protocol in (self.motion, self.maps):
            self.assertIn(f"{RANKS} workers of 1 thread, ", Path(protocol.getStdoutLog()).read_text(encoding="utf-8"))

    def test_the_model_represents_the_map(self):
        model = GaussianModel.load(self.model.outputModel.getModelFile())
        self.assertEqual((len(model), model.resolution), (100, 20.0))
        self.assertEqual((self.model.outputModel.getGaussians(), self.model.outputModel.getResolution()), (100, 20.0))
        self.assertEqual((self.model.outputVolume.getSamplingRate(), self.model.outputVolume.getDim()),
                         (PIXEL, (BOX, BOX, BOX)))
        frequency, curve = (np.array(v, float) for v in self.model.outputFSC.getData())
        self.assertGreater(curve[frequency < 1 / 25].min(), 0.9)
        self.assertIn("*100* Gaussians", self.model.summary()[0])

    def test_coordinates_are_joined_by_id(self):
        particles = self.motion.outputParticles
        given = {p.getObjId(): p.clone() for p in self.subset.outputParticles.iterItems()}
        self.assertNotEqual(sorted(given), list(range(1, KEPT + 1)))
        self.assertIsInstance(particles, SetOfParticles)
        self.assertEqual((particles.getSize(), particles.getSamplingRate()), (KEPT, PIXEL))
        self.assertTrue(particles.hasAlignmentProj() and particles.hasCTF())
        row_of, table = self.by_id(self.motion._getExtraPath("analysis", "latents.star"))
        z, sd = table.floats("gmmhetLatent1"), table.floats("gmmhetLatentSd1")
        self.assertEqual({p.getObjId() for p in particles}, set(given))
        for p in particles:
            row, source = row_of[p.getObjId()], given[p.getObjId()]
            self.assertEqual(p.getLocation(), source.getLocation())
            np.testing.assert_allclose(p.getZFlex(), [z[row]], rtol=1e-6)
            self.assertAlmostEqual(p.getAttributeValue("_gmmhetLatent1"), z[row])
            self.assertAlmostEqual(p.getAttributeValue("_gmmhetLatentSd1"), sd[row])
            np.testing.assert_array_equal(p.getTransform().getMatrix(), source.getTransform().getMatrix())
            self.assertEqual(p.getCTF().getDefocusU(), source.getCTF().getDefocusU())

    def test_coordinates_follow_the_planted_motion(self):
        particles = self.motion.outputParticles
        found = [p.getZFlex()[0] for p in particles]
        planted = [self.truth[p.getObjId()] for p in particles]
        # The exact posterior mean reaches well over 0.9 here; chance is 0.05.
        self.assertGreater(abs(spearmanr(found, planted).statistic), 0.8)

    def test_maps_at_points_of_a_table(self):
        """A map at each, in the order of the file, on the ranks that there are; a bad table is told on the form."""
        table = self.data / "points.csv"
        table.write_text("latent1\n0.8\n-0.8\n0.1\n")
        maps = self.protocol(ProtGmmHetReconstruct, {"inputParticles": (self.motion, "outputParticles")}, by=2, nMaps=7,
                             pointsFile=str(table), numberOfThreads=1, numberOfMpi=RANKS)
        self.assertEqual(maps.validate(), [])
        launch(self.project, maps)
        found = [v.getZFlex()[0] for v in maps.outputVolumesFlex.iterItems(orderBy="id")]
        np.testing.assert_allclose(found, [0.8, -0.8, 0.1])
        densities = [read_map(v.getFileName().split(":")[0]).data for v in maps.outputVolumes.iterItems(orderBy="id")]
        self.assertEqual({d.shape for d in densities}, {(BOX, BOX, BOX)})
        away = [float(np.linalg.norm(densities[0] - d)) for d in densities]
        self.assertGreater(away[1], away[2])
        self.assertIn("*3* maps at points of points.csv", maps.summary()[0])
        table.write_text("latent1,latent2\n0.8,0\n")
        (message,) = maps.validate()
        self.assertIn("column latent2; expected at most latent1", message)
        maps.by.set(0)  # the table does not count
        self.assertEqual(maps.validate(), [])

    def test_a_selection_goes_back_to_where_it_came_from(self):
        """A half of the motion, two of three classes: the same particles in the set, in selected.star and in the rows
        of the file that was imported, whose ids are row numbers there."""
        z = {p.getObjId(): p.getZFlex()[0] for p in self.motion.outputParticles}
        middle = float(np.median(list(z.values())))
        member = {i: c.getObjId() for c in self.maps.outputClasses.iterItems() for i in c.getIdSet()}
        expected = sorted(i for i in z if z[i] >= middle and member[i] in (1, 3))
        self.assertGreater(len(expected), 10)
        export = launch(self.project, self.protocol(
            ProtGmmHetExport, {"inputParticles": (self.motion, "outputParticles"),
                               "inputClasses": (self.maps, "outputClasses")}, mode=1, low=middle, classNumbers="1,3",
            originalFile=str(self.data / "particles.star")))
        chosen = export.outputParticles
        self.assertEqual([p.getObjId() for p in chosen.iterItems(orderBy="id")], expected)
        source = self.motion.outputParticles
        for particle in chosen.iterItems():
            other = source[particle.getObjId()]
            self.assertEqual(particle.getObjDict(), other.getObjDict())
        self.assertEqual(sorted(self.by_id(export._getExtraPath("selected.star"))[0]), expected)
        original, part = (read_star(f)["particles"] for f in (self.data / "particles.star",
                                                              export.getOriginalSelection()))
        self.assertEqual(list(part.columns), list(original.columns))
        for name in set(original.columns) - {"rlnImageName"}:
            values = list(original.columns[name])
            self.assertEqual(list(part.columns[name]), [values[i - 1] for i in expected])
        table = read_particles(export.getOriginalSelection())
        np.testing.assert_array_equal(table.slice_index + 1, expected)
        again = self.protocol(ProtGmmHetReconstruct, {"inputParticles": (export, "outputParticles")})
        self.assertEqual(again.validate(), [])
        if find_spec("relion"):
            from relion.convert.convert31 import Writer
            Writer().writeSetOfParticles(chosen, "theirs.star")
            np.testing.assert_allclose(read_particles("theirs.star", root=".").rotations, table.rotations, atol=1e-5)

    def test_a_selection_of_the_live_page_is_a_box_of_the_project(self):
        folder = Path(self.motion.getAnalysisFolder())
        selections, again = (PageSelections(self.project, self.motion, folder) for _ in range(2))
        self.assertEqual(selections.take(), [])
        star = open_result(folder).new_folder("selection") / "selection.star"
        done = engine("export", folder / "latents.star", "--mode", 1, "--from", 0, "-o", star)
        self.assertEqual(done.returncode, 0, done.stderr)
        (box,) = selections.take()
        self.assertEqual(selections.take() + again.take(), [])
        until = time.monotonic() + SECONDS
        while not box.isFinished() and time.monotonic() < until:
            time.sleep(0.1)
            self.project._updateProtocol(box)
        self.assertTrue(box.isFinished(), box.getErrorMessage())
        expected = {p.getObjId() for p in self.motion.outputParticles.iterItems() if p.getZFlex()[0] >= 0}
        self.assertEqual(set(box.outputParticles.getIdSet()), expected)
        self.assertIsInstance(box.outputParticles, SetOfParticles)
        self.assertEqual(box.inputParticles.get().getObjId(), self.motion.outputParticles.getObjId())
        self.assertIn("selection 001", box.getObjLabel())

    def test_selections_are_checked_on_the_form(self):
        export = self.protocol(ProtGmmHetExport, {"inputParticles": (self.motion, "outputParticles")}, low=1.0,
                               originalFile="/no/such.star")
        self.assertEqual([e.split(";")[0] for e in export.validate()],
                         ["--from and --to belong to a mode", "/no/such.star: no such file"])
        nothing = self.protocol(ProtGmmHetExport, {"inputParticles": (self.motion, "outputParticles")}, mode=1,
                                low=100.0)
        with self.assertRaisesRegex(RuntimeError, "no particle of 400 meets all conditions"):
            launch(self.project, nothing)

    def test_the_motion_comes_as_volumes(self):
        summary = json.loads(Path(self.motion._getExtraPath("analysis", "summary.json")).read_text())
        frames = summary["modes"][0]["frames"]
        self.assertEqual(self.motion.motion1.getSize(), len(frames))
        self.assertEqual(self.motion.motion1.getSamplingRate(), self.motion.motionFlex1.getSamplingRate())
        for volume, moved, frame in zip(self.motion.motion1, self.motion.motionFlex1, frames, strict=True):
            self.assertTrue(volume.getFileName().endswith(frame["file"]))
            self.assertEqual(volume.getFileName(), moved.getFileName())
            np.testing.assert_allclose(moved.getZFlex(), [frame["coordinate"]], rtol=1e-6)
        self.assertTrue(Path(self.motion.flexibility.getFileName()).is_file())
        self.assertEqual(self.motion.flexibilityMap.getDim()[0], mrcfile.read(
            self.motion.flexibilityMap.getFileName()).shape[0])

    def test_the_summary_tells_the_verdict(self):
        found = json.loads(Path(self.motion._getExtraPath("analysis", "summary.json")).read_text())
        self.assertEqual(self.motion.summary()[0], found["verdict"])

    def test_maps_and_classes(self):
        volumes, classes = self.maps.outputVolumes, self.maps.outputClasses
        self.assertEqual((volumes.getSize(), volumes.getSamplingRate(), classes.getSize()), (MAPS, PIXEL, MAPS))
        self.assertEqual(self.maps.warnings(), [])
        for volume in volumes:
            self.assertEqual(volume.getDim(), (BOX, BOX, BOX))
            halves = volume.getHalfMaps().split(",")
            self.assertEqual([Path(h).is_file() for h in halves], [True, True])
        row_of, table = self.by_id(self.maps._getExtraPath("maps", "classes.star"))
        numbers, members = table.integers("rlnClassNumber"), {}
        for one in classes.iterItems():
            members[one.getObjId()] = [p.getObjId() for p in one]
            self.assertEqual(one.getRepresentative().getFileName(), volumes[one.getObjId()].getFileName())
            self.assertEqual({numbers[row_of[i]] for i in members[one.getObjId()]}, {one.getObjId()})
        self.assertEqual(sum(map(len, members.values())), int((numbers > 0).sum()))
        means = [np.mean([self.truth[i] for i in members[k]]) for k in sorted(members)]
        self.assertIn(np.sign(np.diff(means)).tolist(), ([1.0] * (MAPS - 1), [-1.0] * (MAPS - 1)))

    def test_maps_have_coordinates(self):
        z = {p.getObjId(): p.getZFlex() for p in self.motion.outputParticles.iterItems()}
        flexible, plain = self.maps.outputVolumesFlex, self.maps.outputVolumes
        self.assertEqual((flexible.getSize(), flexible.getSamplingRate(), flexible.getFlexInfo().getProgName()),
                         (MAPS, PIXEL, "gmmhet"))
        self.assertEqual(flexible.getFlexInfo().getAttr("analysis"), self.motion._getExtraPath("analysis"))
        for volume in flexible.iterItems():
            same = plain[volume.getObjId()]
            self.assertEqual((volume.getFileName(), volume.getHalfMaps()), (same.getFileName(), same.getHalfMaps()))
            members = [z[i] for i in self.maps.outputClasses[volume.getObjId()].getIdSet()]
            np.testing.assert_allclose(volume.getZFlex(), np.mean(members, axis=0), atol=1e-4)

    def test_maps_along_every_further_significant_mode(self):
        """Of an analysis with two modes that both count; classes stay those of the mode that is asked for."""
        motion = launch(self.project, self.protocol(
            ProtGmmHetAnalyze, {"inputParticles": (self.subset, "outputParticles"),
                                "inputModel": (self.model, "outputModel")}, nModes="2", numberOfThreads=1, **QUICK))
        told = Path(motion.getAnalysisFolder(), "summary.json")
        summary = json.loads(told.read_text())
        for mode in summary["modes"]:
            mode["significant"] = True
        told.write_text(json.dumps({**summary, "n_significant_modes": 2}))
        given = {"inputParticles": (motion, "outputParticles")}
        for options, modes in (({}, [2]), ({"mode": 2}, [1]), ({"by": 2}, []), ({"furtherModes": False}, [])):
            maps = self.protocol(ProtGmmHetReconstruct, given, **options)
            self.assertEqual(maps._furtherModes(), modes)
        again = launch(self.project, self.protocol(ProtGmmHetReconstruct, given, mode=2, nMaps=2, numberOfThreads=1))
        self.assertFalse(hasattr(again, "volumesMode2"))
        self.assertEqual(read_maps_summary(again.getMapsFolder())["mode"], 2)
        self.assertEqual((again.volumesMode1.getSize(), again.volumesMode1.getSamplingRate()), (2, PIXEL))
        folder = Path(again._getExtraPath("maps_mode_01"))
        self.assertEqual(read_maps_summary(folder)["mode"], 1)
        z = {p.getObjId(): p.getZFlex()[0] for p in motion.outputParticles}
        row_of, table = self.by_id(folder / "classes.star")
        member = {i: table.integers("rlnClassNumber")[row] for i, row in row_of.items()}
        self.assertLess(max(z[i] for i, k in member.items() if k == 1), min(z[i] for i, k in member.items() if k == 2))
        for volume in again.volumesMode1:
            self.assertEqual(Path(volume.getFileName().split(":")[0]).parent, folder)
        self.assertIn("maps_mode_01", Path(again.getReport()).read_text(encoding="utf-8"))

    def test_sharpened_maps_come_beside_the_maps(self):
        described = json.loads(Path(self.maps._getExtraPath("maps", "summary.json")).read_text())
        self.assertEqual(described["sharpening"]["b_factor"], -900)
        self.assertIn("Sharpened maps: B factor -900 Å².", self.maps.summary())
        for volume in self.maps.sharpenedVolumes.iterItems():
            sharp, plain = (mrcfile.read(v.getFileName()) for v in (volume, self.maps.outputVolumes[volume.getObjId()]))
            self.assertGreater(sharp.std(), plain.std())
        self.assertEqual(self.maps.sharpenedVolumes.getSize(), MAPS)

    def test_a_killed_protocol_goes_on(self):
        """Maps that were done when it was stopped are not made again, and the outputs are those of all maps."""
        maps = 40
        protocol = self.protocol(ProtGmmHetReconstruct, {"inputParticles": (self.motion, "outputParticles")},
                                 nMaps=maps, numberOfThreads=1)
        self.project.launchProtocol(protocol, wait=False)
        folder = Path(protocol._getExtraPath("maps"))
        until = time.monotonic() + 300
        while not (folder / "checkpoint.json").is_file() and time.monotonic() < until:
            time.sleep(0.02)
        self.project.stopProtocol(protocol)
        self.assertTrue((folder / "checkpoint.json").is_file(), "no map was done in 300 s")
        done = [m["record"]["file"] for m in json.loads((folder / "checkpoint.json").read_text())["maps"]]
        self.assertTrue(0 < len(done) < maps, f"{len(done)} of {maps} maps were done when it was stopped")
        self.assertFalse((folder / "summary.json").exists())
        before = {name: (folder / name).stat().st_mtime_ns for name in done}
        protocol.runMode.set(0)
        launch(self.project, protocol)
        self.assertEqual({name: (folder / name).stat().st_mtime_ns for name in done}, before)
        self.assertEqual((protocol.outputVolumes.getSize(), protocol.outputClasses.getSize()), (maps, maps))
        self.assertFalse(hasattr(protocol, "sharpenedVolumes"))

    def test_bad_options_are_told_on_the_form(self):
        protocol = self.protocol(ProtGmmHetReconstruct, {"inputParticles": (self.motion, "outputParticles")},
                                 sharpen="80")
        self.assertEqual(protocol.validate(), ["--sharpen is '80'; expected none, auto or a negative B factor in "
                                               "square Angstrom, such as -80"])

    def test_every_map_has_its_curve(self):
        curves = [c.clone() for c in self.maps.outputFSCs.iterItems()]
        self.assertEqual([c.getObjLabel() for c in curves], [
            *(f"map {k}" for k in range(1, MAPS + 1)), *(f"map {k}, no mask" for k in range(1, MAPS + 1))])
        for curve in curves:
            frequency, correlation = (np.array(v, float) for v in curve.getData())
            self.assertLessEqual(frequency.max(), 0.5 / PIXEL + 1e-6)
            self.assertGreater(correlation[0], 0.9)

    def test_the_page_is_made_of_this_run(self):
        text = Path(self.maps.getReport()).read_text(encoding="utf-8")
        self.assertIn("gmmhet report on TestWorkflow", text)
        self.assertIn(f"{KEPT}</b>particles", text)

    def test_a_finished_protocol_does_not_compute_again(self):
        before = Path(self.motion._getExtraPath("analysis", "latents.star")).stat().st_mtime_ns
        self.motion.runMode.set(0)
        launch(self.project, self.motion)
        self.assertEqual(Path(self.motion._getExtraPath("analysis", "latents.star")).stat().st_mtime_ns, before)

    def test_viewers_show_what_the_files_hold(self):
        viewer = GmmHetAnalyzeViewer(project=self.project, protocol=self.motion)
        viewer.setProtocol(self.motion)
        self.assertEqual(viewer.validate(), [])
        shown = viewer._getVisualizeDict()
        (window,) = shown["showMotion"]()
        volume = self.motion.motion1[3]
        window.getFigure().gmmhet_slices.show(3)
        np.testing.assert_array_equal(window.getFigure().axes[0].images[0].get_array(),
                                      mrcfile.read(volume.getFileName())[BOX // 2])
        (window,) = shown["showCoordinates"]()
        self.assertEqual(sum(bar.get_height() for bar in window.getFigure().axes[0].patches), KEPT)
        (window,) = shown["showSurface"]()
        self.assertEqual(len(window.getFigure().gmmhet_player._labels), len(self.motion.motion1))
        (window,) = shown["showFlexibility"]()
        self.assertGreater(len(window.getFigure().axes[0].collections[0].get_offsets()), 8)
        (window,) = shown["showFlexibilityMap"]()
        below = window.getFigure().axes[3].images[0].get_array()
        self.assertTrue(np.ma.getmaskarray(np.ma.masked_invalid(below)).any())  # nothing outside of the molecule
        (window,) = shown["showModes"]()
        self.assertIn("gain in held-out log likelihood", [t.get_text() for t in window.getFigure().texts])
        (window,) = shown["showCheck"]()
        np.testing.assert_array_equal(window.getFigure().axes[0].images[0].get_array(),
                                      imread(self.motion._getExtraPath("check.png")))
        (window,) = shown["showPoint"]()
        picker = window.getFigure().gmmhet_picker
        picker.choose([0.0])
        self.assertTrue(picker.place.populated)  # the mean of all, between the ends of a hinge
        picker.choose([9.0])
        self.assertFalse(picker.place.populated)
        viewer.mode.set(2)
        self.assertEqual(viewer.validate(), ["Mode is 2; expected 1 to 1"])

    def test_a_map_that_is_saved_is_a_volume_of_the_project(self):
        viewer = GmmHetAnalyzeViewer(project=self.project, protocol=self.motion)
        viewer.setProtocol(self.motion)
        (window,) = viewer._getVisualizeDict()["showSurface"]()
        player = window.getFigure().gmmhet_player
        player.show(2)
        player._saved(None)
        saved = self.project.getProtocol(self.motion.getObjId()).savedMap1
        self.assertEqual((saved.getClassName(), saved.getSamplingRate()), ("Volume", PIXEL))
        np.testing.assert_array_equal(mrcfile.read(saved.getFileName()),
                                      mrcfile.read(self.motion.motion1[2].getFileName()))
        (window,) = viewer._getVisualizeDict()["showPoint"]()
        window.getFigure().gmmhet_picker._saved(None)
        self.assertEqual(self.motion.savedMap2.getSamplingRate(), PIXEL)  # the project keeps what it read before

    def test_viewer_of_the_model(self):
        viewer = GmmHetModelViewer(project=self.project, protocol=self.model)
        viewer.setProtocol(self.model)
        shown = viewer._getVisualizeDict()
        (window,) = shown["showSpheres"]()
        self.assertEqual(len(window.getFigure().axes[0].collections[0].get_offsets()),
                         self.model.outputModel.getGaussians())
        (window,) = shown["showMaps"]()
        self.assertEqual(len([a for a in window.getFigure().axes if a.images]), 6)
        (window,) = shown["showSurface"]()
        self.assertEqual(len(window.getFigure().gmmhet_player._labels), 2)
        (window,) = shown["showCurve"]()
        np.testing.assert_allclose(window.getFigure().axes[0].lines[0].get_ydata(),
                                   [float(v) for v in self.model.outputFSC.getData()[1]])

    def test_flexibility_has_a_viewer_that_needs_no_other_program(self):
        found = Config.getDomain().findViewers(self.motion.flexibility, "tkinter")
        self.assertIs(found[0], GmmHetAtomsViewer)
        (window,) = GmmHetAtomsViewer(project=self.project)._visualize(self.motion.flexibility)
        self.assertGreater(len(window.getFigure().axes[0].collections[0].get_offsets()), 8)

    def test_viewer_of_the_maps(self):
        viewer = GmmHetReconstructViewer(project=self.project, protocol=self.maps)
        viewer.setProtocol(self.maps)
        (window,) = viewer._showMaps()
        np.testing.assert_array_equal(window.getFigure().axes[1].images[0].get_array(),
                                      mrcfile.read(self.maps.outputVolumes[1].getFileName())[:, BOX // 2])
        (window,) = viewer._showCurves()
        curve = window.getFigure().axes[0].lines[0]
        np.testing.assert_allclose(curve.get_ydata(), [float(v) for v in self.maps.outputFSCs[1].getData()[1]])
        with mock.patch("webbrowser.open") as opened:
            viewer._showReport()[0].show()
        self.assertEqual(opened.call_args.args[0], Path(self.maps.getReport()).resolve().as_uri())

    def test_viewer_of_the_local_resolution(self):
        viewer = GmmHetReconstructViewer(project=self.project, protocol=self.maps)
        viewer.setProtocol(self.maps)
        (window,) = viewer._showLocal()
        window.getFigure().gmmhet_slices.show(2)
        shown = window.getFigure().axes[3].images[0]
        local = mrcfile.read(self.maps._getExtraPath("maps", "map_02_local_resolution.mrc"))
        seen = np.ma.masked_invalid(shown.get_array())
        inside = ~np.ma.getmaskarray(seen)
        self.assertTrue(0.02 < inside.mean() < 0.9)  # the molecule alone
        np.testing.assert_allclose(seen[inside], local[BOX // 2][inside])
        described = json.loads(Path(self.maps._getExtraPath("maps", "summary.json")).read_text())["maps"]
        self.assertEqual(shown.get_clim()[0], min(m["local_resolution_10"] for m in described))
        with mock.patch("gmmhet.viewers.windows.ChimeraView") as opened:
            viewer._showLocalChimera()
        script = Path(opened.call_args.args[0]).read_text(encoding="utf-8").splitlines()
        files = [line.split('"')[1] for line in script if line.startswith("open")]
        self.assertEqual([Path(f).is_file() for f in files], [True] * 2 * MAPS)
        self.assertEqual(Path(files[MAPS + 1]).name, "map_02_local_resolution.mrc")
        self.assertEqual(sum(line.startswith(f"color sample #2 map #{MAPS + 2} palette ") for line in script), 1)

    @unittest.skipIf(WHY_NOT, WHY_NOT)
    def test_every_form_and_viewer_opens_on_a_screen(self):
        """Scipion's own windows, on a copy of the project: each eye is pressed, a surface is turned, a map is saved."""
        launch(self.project, self.protocol(ProtGmmHetExport, {"inputParticles": (self.motion, "outputParticles")},
                                           mode=1, low=0.0))
        said, seen = toured(self, self.project)
        self.assertRegex(said, rf"Analyze_showPage: \d+ of {KEPT} particles chosen on the page")
        kinds = ("Import", "Model", "Analyze", "Reconstruct", "Export")
        self.assertEqual({f"{what}_ProtGmmHet{kind}" for what in ("form", "viewer") for kind in kinds} - seen, set())
        self.assertIn("ProtGmmHetAnalyze_showSurface_saved", seen)

    def test_single_volumes_have_a_viewer(self):
        for output, maps in ((self.model.outputVolume, 1), (self.maps.outputVolumes, MAPS),
                             (self.maps.outputVolumesFlex, MAPS)):
            self.assertIn(GmmHetSlicesViewer, Config.getDomain().findViewers(output, "tkinter"))
            (window,) = GmmHetSlicesViewer(project=self.project)._visualize(output)
            self.assertEqual(len([a for a in window.getFigure().axes if a.images]), 3 if maps == 1 else 6)

    def test_citations_are_known(self):
        for protocol in (self.model, self.motion, self.maps):
            self.assertEqual(len(protocol._citations()), len([c for c in protocol.getCitations() if c]))
            self.assertTrue(protocol.methods())


if __name__ == "__main__":
    unittest.main()
