"""The whole job: what it asks of the stages, what it keeps, what it says. The stages after fit are stood in for."""

import csv
import importlib
import json
import os
import sys
import tempfile
import types
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

import gemmi
import numpy as np

from gmmhet.engine.commands.main import main
from gmmhet.engine.commands.run import StageOptions, run
from gmmhet.engine.config import AnalyzeConfig, CompositionConfig, FitConfig, ReconstructConfig, SimulateConfig
from gmmhet.engine.errors import InputError
from gmmhet.engine.fitting.consensus import consensus_for
from gmmhet.engine.io import read_map, write_map
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.molecule.maps import fourier_shell_correlation, resample_map
from gmmhet.engine.simulate import simulate

importlib.import_module("gmmhet.engine.commands.forecast")  # before stand-ins take the place of what it imports
BOX, PIXEL = 32, 8.0
FIT = FitConfig(n_gaussians=40, resolution=24.0)
COMPOSE = CompositionConfig()


class Stages:
    """Stand-ins that write the least the job reads, and note what they were called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.modes: list[dict[str, Any]] = [{"significant": True}]
        self.fail = ""
        self.states = 1
        self.placed: tuple[Path, Path] | None = None

    def analyze(self, particles: Path, model: Path, config: AnalyzeConfig, output: Path, *, root: Path | None) -> None:
        self.calls.append(("analyze", config))
        GaussianModel.load(model)
        if self.fail == "analyze":
            raise RuntimeError("power cut")
        if config.symmetry != "C1":
            (output / "subunits.star").touch()
        count = sum(bool(m["significant"]) for m in self.modes)
        (output / "summary.json").write_text(json.dumps({
            "modes": self.modes, "n_modes": len(self.modes), "n_significant_modes": count, "verdict": "As told.",
            "score_given": 0.5, "score_shuffled_max": 0.1}))

    def reconstruct(self, particles: Path, latents: Path, config: ReconstructConfig, output: Path, *,
                    root: Path | None) -> None:
        self.calls.append(("reconstruct", config))
        self.placed = particles, latents
        (output / "summary.json").write_text("{}")

    def compose(self, latents: Path, config: CompositionConfig, output: Path, *, root: Path | None,
                required: bool) -> None:
        self.calls.append(("compose", config))
        if self.fail == "compose":
            raise RuntimeError("power cut")
        (output / "summary.json").write_text(json.dumps({
            "n_blocks": self.states - 1, "n_states": self.states, "verdict": "Blocks, or none."}))

    def write_report(self, folder: Path, output: Path) -> None:
        self.calls.append(("report", json.loads((folder / "run.json").read_text())))
        output.write_text("<html></html>")

    def named(self) -> list[str]:
        return [name for name, _ in self.calls]

    def config(self, stage: str) -> Any:
        return next(config for name, config in self.calls if name == stage)

    def in_place(self) -> Any:
        modules: dict[str, Any] = {}
        for module, name in (("analysis", "analyze"), ("composition", "compose"), ("reconstruction", "reconstruct"),
                             ("report", "write_report")):
            stand_in = types.ModuleType(f"gmmhet.engine.{module}")
            setattr(stand_in, name, getattr(self, name))
            modules[stand_in.__name__] = stand_in
        modules["gmmhet.engine.reconstruction"].halves_of_particles = lambda table, symmetry: None
        return mock.patch.dict(sys.modules, modules)


class RunCase(unittest.TestCase):
    check = False  # of the poses against the map, which takes most of the time; True where a test needs it

    @classmethod
    def setUpClass(cls) -> None:
        holder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(holder.cleanup)
        cls.data = Path(holder.name)
        for name, count in (("many", 60), ("few", 7), ("enough", 200)):
            simulate(SimulateConfig("null", count, BOX, PIXEL), cls.data / name)
        cls.particles, cls.map = cls.data / "many/particles.star", cls.data / "many/consensus.mrc"

    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name) / "job"
        self.stages = Stages()

    def run_job(self, *, particles: Path | None = None, source: Path | None = None, fit: FitConfig = FIT,
                analyze: AnalyzeConfig | None = None, reconstruct: ReconstructConfig | None = None,
                compose: CompositionConfig | None = COMPOSE, resume: bool = False) -> list[str]:
        """The names of the stages that were called; fit is seen by the change of its model."""
        model = self.folder / "model" / "model.npz"
        before = model.stat().st_mtime_ns if model.exists() else None
        self.stages.calls.clear()
        with self.stages.in_place():
            run(particles or self.particles, source or self.map, self.folder, StageOptions(
                fit, analyze or AnalyzeConfig(resume=resume), reconstruct or ReconstructConfig(resume=resume), compose),
                check=self.check)
        return (["fit"] if model.stat().st_mtime_ns != before else []) + self.stages.named()

    def record(self) -> dict[str, Any]:
        return json.loads((self.folder / "run.json").read_text())


class TestOrderAndRecord(RunCase):
    def test_stages_files_and_record(self):
        self.check = True
        self.assertEqual(self.run_job(), ["fit", "analyze", "reconstruct", "report"])
        self.assertEqual({p.name for p in self.folder.iterdir()},
                         {"model", "analysis", "maps", "report.html", "run.json"})
        self.assertEqual({p.name for p in (self.folder / "model").iterdir()},
                         {"model.npz", "model.cif", "fitted.mrc", "fsc.csv", "summary.json"})
        record = self.record()
        self.assertEqual(set(record["seconds"]), {"fit", "analyze", "reconstruct", "report"})
        self.assertEqual(record["parameters"]["fit"]["n_gaussians"], 40)
        self.assertEqual(record["parameters"]["map"]["path"], str(self.map.resolve()))
        self.assertEqual(record["verdict"], "As told.")
        self.assertTrue(record["command"].startswith("gmmhet run "))
        self.assertEqual(self.stages.config("reconstruct").n, 5)
        self.assertEqual(set(self.stages.config("report")["seconds"]), {"fit", "analyze", "reconstruct"})

    def test_no_significant_mode_gives_one_map_and_says_so(self):
        for modes in ([], [{"significant": False}]):
            self.stages.modes = modes
            with self.assertLogs("gmmhet", "INFO") as log:
                self.run_job(reconstruct=ReconstructConfig(n=4, mode=2))
            self.assertEqual((self.stages.config("reconstruct").n, self.stages.config("reconstruct").mode), (1, 1))
            self.assertIn("No motion is supported by these 60 particles", log.output[-3])
            self.assertIn("No motion is supported", self.record()["verdict"])

    def test_modes_whose_significance_was_not_tested_are_followed(self):
        self.stages.modes = [{"significant": None}]
        self.run_job()
        self.assertEqual(self.stages.config("reconstruct").n, 5)

    def test_map_symmetry_is_that_of_the_analysis_only_when_asked_for(self):
        """By subunit, maps are made of the expanded rows; all of them alike where no motion is supported."""
        density = read_map(self.map)
        turned = np.roll(density.data[:, ::-1, ::-1], 1, axis=(1, 2))  # by 180 degrees about z through voxel box // 2
        symmetric = self.folder.with_name("symmetric.mrc")
        write_map(symmetric, (density.data + turned) / 2, density.pixel_size)
        words = ["run", str(self.particles), str(symmetric), "--symmetry", "C2", "--n-gaussians", "60", "--resolution",
                 "24", "--no-check", "-o", str(self.folder)]
        analysis = self.folder / "analysis"
        plain, expanded = (self.particles, analysis / "latents.star"), (analysis / "subunits.star",) * 2
        for more, symmetry, significant, placed in (([], "C1", True, plain), (["--per-subunit"], "C2", True, expanded),
                                                    (["--per-subunit"], "C2", False, plain)):
            self.stages.modes = [{"significant": significant}]
            self.stages.calls.clear()
            with self.stages.in_place():
                self.assertEqual(main([*words, *more]), 0)
            self.assertEqual(self.stages.config("analyze").symmetry, symmetry)
            self.assertEqual(self.stages.placed, placed)

    def test_few_particles_cannot_support_a_motion(self):
        self.check = True
        with self.assertLogs("gmmhet", "INFO") as log:
            self.run_job(particles=self.data / "few/particles.star", source=self.data / "few/consensus.mrc")
        self.assertIn("7 particles cannot support a motion", log.output[-3])
        self.assertEqual(self.stages.config("reconstruct").n, 1)


class TestComposition(RunCase):
    """What comes and goes, which is looked for where there are particles enough."""

    def run_enough(self, **more: Any) -> list[str]:
        return self.run_job(particles=self.data / "enough/particles.star", source=self.data / "enough/consensus.mrc",
                            **more)

    def test_it_follows_the_motion_and_its_states_get_maps(self):
        self.stages.states = 3
        self.assertEqual(self.run_enough(), ["fit", "analyze", "compose", "reconstruct", "reconstruct", "report"])
        self.assertEqual(self.record()["verdict"], "As told. Blocks, or none.")
        config = [c for name, c in self.stages.calls if name == "reconstruct"][-1]
        self.assertEqual(config.by, "states")
        composed = self.folder / "composition" / "particles.star"
        self.assertEqual(self.stages.placed, (self.data / "enough/particles.star", composed))
        self.assertTrue((self.folder / "maps_states" / "summary.json").is_file())

    def test_where_nothing_comes_and_goes_the_verdict_is_that_of_the_motion(self):
        self.assertEqual(self.run_enough(), ["fit", "analyze", "compose", "reconstruct", "report"])
        self.assertEqual(self.record()["verdict"], "As told.")
        self.assertFalse((self.folder / "maps_states").exists())

    def test_it_is_left_out_where_it_is_not_wanted_or_makes_no_sense(self):
        cases = [({"compose": None}, "--no-composition"),
                 ({"analyze": AnalyzeConfig(method="gradient-pca")}, "likelihood method"),
                 ({"analyze": AnalyzeConfig(decoder="auto")}, "along straight modes")]
        for more, reason in cases:
            with self.subTest(reason), self.assertLogs("gmmhet", "INFO") as log:
                self.assertEqual(self.run_enough(**more)[-3:], ["analyze", "reconstruct", "report"])
            (line,) = [text for text in log.output if "4 of 6 · composition · left out: " in text]
            self.assertIn(reason, line)
        with self.assertLogs("gmmhet", "INFO") as log:
            self.assertNotIn("compose", self.run_job())
        self.assertIn("left out: fewer than 200 particles", "\n".join(log.output))
        self.assertFalse((self.folder / "composition").exists())

    def test_a_kill_within_it_goes_on_there(self):
        self.stages.fail = "compose"
        with self.assertRaisesRegex(RuntimeError, "power cut"):
            self.run_enough()
        self.assertEqual(set(self.record()["seconds"]), {"fit", "analyze"})
        self.stages.fail, self.stages.states = "", 2
        self.assertEqual(self.run_enough(resume=True), ["compose", "reconstruct", "reconstruct", "report"])
        self.assertTrue(self.stages.config("compose").resume)
        self.assertEqual(self.run_enough(resume=True), ["report"])
        self.assertEqual(self.record()["verdict"], "As told. Blocks, or none.")

    def test_other_options_of_it_leave_the_motion_and_its_maps(self):
        self.stages.states = 2
        self.run_enough()
        self.stages.states = 1
        changed = CompositionConfig(seed=3)
        self.assertEqual(self.run_enough(compose=changed, resume=True), ["compose", "reconstruct", "report"])
        self.assertFalse(self.stages.config("compose").resume)
        self.assertTrue(self.stages.config("reconstruct").resume)  # whose files tell whether maps are still the same
        self.assertFalse((self.folder / "maps_states").exists())

    def test_a_composition_of_another_analysis_does_not_stay(self):
        self.stages.states = 2
        self.run_enough()
        self.assertNotIn("compose", self.run_enough(compose=None))
        self.assertFalse((self.folder / "composition").exists())
        self.assertFalse((self.folder / "maps_states").exists())


class TestWhole(RunCase):
    def test_seven_particles_through_the_real_stages(self):
        """Everything is written, in words no motion is supported, and the exit status is 0."""
        with self.assertLogs("gmmhet", "INFO") as log:
            status = main(["run", str(self.data / "few/particles.star"), str(self.data / "few/consensus.mrc"),
                           "--n-gaussians", "30", "--resolution", "32", "-o", str(self.folder)])
        self.assertEqual(status, 0)
        self.assertIn("7 particles cannot support a motion", log.output[-3])
        self.assertIn("report.html", log.output[-2])
        self.assertIn("Next: gmmhet", log.output[-1])
        for name in ("model/model.npz", "analysis/latents.star", "analysis/analysis.npz", "analysis/summary.json",
                     "maps/map_01.mrc", "maps/map_01_half1.mrc", "maps/fsc.csv", "maps/classes.star", "report.html"):
            self.assertTrue((self.folder / name).is_file(), name)
        self.assertFalse((self.folder / "maps" / "map_02.mrc").exists())
        self.assertEqual(read_map(self.folder / "maps/map_01.mrc").box, BOX)
        self.assertIn("7 particles cannot support", self.record()["verdict"])


class TestResume(RunCase):
    def test_a_finished_job_is_kept(self):
        self.check = True
        self.run_job()
        self.assertEqual(self.run_job(resume=True), ["report"])
        self.assertEqual(set(self.record()["seconds"]), {"fit", "analyze", "reconstruct", "report"})

    def test_without_resume_everything_is_done_again(self):
        self.run_job()
        self.assertEqual(self.run_job(), ["fit", "analyze", "reconstruct", "report"])
        self.assertFalse(self.stages.config("analyze").resume)

    def test_changed_parameters_are_done_again_with_what_follows(self):
        self.run_job()
        changed = AnalyzeConfig(modes=2, resume=True)
        self.assertEqual(self.run_job(analyze=changed), ["analyze", "reconstruct", "report"])
        self.assertFalse(self.stages.config("analyze").resume)
        self.assertEqual(self.run_job(analyze=changed, reconstruct=ReconstructConfig(n=3, resume=True)),
                         ["reconstruct", "report"])
        other = FitConfig(n_gaussians=41, resolution=24.0)
        self.assertEqual(self.run_job(fit=other, resume=True), ["fit", "analyze", "reconstruct", "report"])

    def test_an_interrupted_stage_goes_on(self):
        self.stages.fail = "analyze"
        with self.assertRaisesRegex(RuntimeError, "power cut"):
            self.run_job()
        self.assertIn("--resume", self.record()["verdict"])
        self.stages.fail = ""
        self.assertEqual(self.run_job(resume=True), ["analyze", "reconstruct", "report"])
        self.assertTrue(self.stages.config("analyze").resume)

    def test_a_kill_at_once_forgets_nothing(self):
        """Killed before any stage of the resumed run: the finished stages are still known to be finished."""
        self.run_job()
        for _ in range(2):
            with mock.patch("gmmhet.engine.commands.run._Job.stage", side_effect=KeyboardInterrupt), \
                    self.assertRaises(KeyboardInterrupt):
                self.run_job(resume=True)
            self.assertIn("--resume", self.record()["verdict"])
            self.assertEqual(set(self.record()["seconds"]), {"fit", "analyze", "reconstruct"})
        self.assertEqual(self.run_job(resume=True), ["report"])

    def test_a_kill_in_a_changed_stage_does_not_bring_back_the_old_ones(self):
        self.run_job()
        changed = AnalyzeConfig(modes=2, resume=True)
        self.stages.fail = "analyze"
        with self.assertRaisesRegex(RuntimeError, "power cut"):
            self.run_job(analyze=changed)
        self.stages.fail = ""
        self.assertEqual(self.run_job(analyze=changed), ["analyze", "reconstruct", "report"])

    def test_another_map_of_the_same_name_is_noticed(self):
        source = self.folder.parent / "consensus.mrc"
        source.write_bytes(self.map.read_bytes())
        self.run_job(source=source)
        write_map(source, 2 * read_map(self.map).data, PIXEL)
        self.assertEqual(self.run_job(source=source, resume=True), ["fit", "analyze", "reconstruct", "report"])

    def test_another_mask_of_the_same_name_is_noticed(self):
        mask, focus = self.folder.parent / "mask.mrc", self.folder.parent / "focus.mrc"
        for path in (mask, focus):
            write_map(path, np.ones((BOX, BOX, BOX)), PIXEL)
        options = {"fit": FitConfig(n_gaussians=40, resolution=24.0, mask=mask),
                   "analyze": AnalyzeConfig(focus=focus, resume=True)}
        self.run_job(**options)
        self.assertEqual(self.run_job(**options), ["report"])
        for path, again in ((focus, ["analyze", "reconstruct", "report"]),
                            (mask, ["fit", "analyze", "reconstruct", "report"])):
            os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
            self.assertEqual(self.run_job(**options), again)
            self.assertFalse(self.stages.config("analyze").resume)

    def test_nothing_of_another_version_is_kept(self):
        with mock.patch("gmmhet.engine.commands.run.__version__", "0.0.1"):
            self.run_job()
        self.assertEqual(self.run_job(resume=True), ["fit", "analyze", "reconstruct", "report"])
        self.assertFalse(self.stages.config("reconstruct").resume)

    def test_nothing_there_or_unreadable(self):
        self.assertEqual(self.run_job(resume=True), ["fit", "analyze", "reconstruct", "report"])
        (self.folder / "run.json").write_text("{")
        self.assertEqual(self.run_job(resume=True), ["fit", "analyze", "reconstruct", "report"])


class TestConsensus(RunCase):
    def test_map_of_another_grid_is_brought_to_the_particles(self):
        """20 voxels of 12.8 A over the same 256 A: the model is on the particles' grid and fits the original map."""
        self.check = True
        original = read_map(self.map)
        source = self.folder.parent / "coarse.mrc"
        write_map(source, resample_map(original, 20, 12.8).data, 12.8)
        self.run_job(source=source, fit=FitConfig(n_gaussians=60))
        model = GaussianModel.load(self.folder / "model" / "model.npz")
        self.assertEqual((model.box, model.pixel_size), (BOX, PIXEL))
        self.assertGreaterEqual(model.resolution, 2.25 * 12.8 - 0.1)
        self.assertEqual(model.about["resampled_from"]["box"], 20)
        fitted = read_map(self.folder / "model/fitted.mrc").data
        frequency, curve = fourier_shell_correlation(fitted, original.data, PIXEL)
        self.assertGreater(curve[frequency < 1 / model.resolution].min(), 0.9)

    def test_rounded_header_is_the_same_grid(self):
        source = self.folder.parent / "rounded.mrc"
        write_map(source, read_map(self.map).data, 8.01)
        found = consensus_for(source, BOX, PIXEL, FIT)
        np.testing.assert_array_equal(found.density.data, read_map(self.map).data)
        self.assertEqual((found.density.pixel_size, found.notes), (PIXEL, {"source_kind": "map"}))

    def test_mask_goes_with_the_map(self):
        coarse, mask = self.folder.parent / "coarse.mrc", self.folder.parent / "mask.mrc"
        write_map(coarse, resample_map(read_map(self.map), 20, 12.8).data, 12.8)
        write_map(mask, np.ones((20, 20, 20)), 12.8)
        found = consensus_for(coarse, BOX, PIXEL, FitConfig(mask=mask))
        self.assertEqual(found.mask.shape, (BOX, BOX, BOX))
        np.testing.assert_allclose(found.mask, 1, atol=1e-4)

    def atoms(self, shift: float) -> Path:
        chain = gemmi.Chain("A")
        for number, point in enumerate(np.random.default_rng(0).uniform(-30, 30, (200, 3)) + shift, 1):
            residue, atom = gemmi.Residue(), gemmi.Atom()
            residue.name, residue.seqid = "GLY", gemmi.SeqId(number, " ")
            atom.name, atom.element, atom.pos = "CA", gemmi.Element("C"), gemmi.Position(*point)
            residue.add_atom(atom)
            chain.add_residue(residue)
        structure, model = gemmi.Structure(), gemmi.Model(1)
        model.add_chain(chain)
        structure.add_model(model)
        path = self.folder.parent / "atoms.pdb"
        structure.write_minimal_pdb(str(path))
        return path

    def test_atomic_model_of_either_frame_is_centred_on_the_particles(self):
        for shift in (0.0, BOX // 2 * PIXEL):
            found = consensus_for(self.atoms(shift), BOX, PIXEL, FitConfig()).density
            axis = (np.arange(BOX) - BOX // 2) * PIXEL
            middle = (found.data.sum((0, 1)) * axis).sum() / found.data.sum()
            self.assertEqual((found.box, found.pixel_size), (BOX, PIXEL))
            self.assertLess(abs(middle), 4.0)
        with self.assertRaisesRegex(InputError, "neither around the origin nor from its corner"):
            consensus_for(self.atoms(500.0), BOX, PIXEL, FitConfig())

    def test_mismatches_are_one_line_and_leave_nothing(self):
        small, wide = self.folder.parent / "small.mrc", self.folder.parent / "wide.mrc"
        write_map(small, read_map(self.map).data, 4.0)
        write_map(wide, resample_map(read_map(self.map), 20, 12.8).data, 12.8)
        cases = [(self.particles, small, FIT, r"field of view of 128 Å \(32 voxels of 4 Å\), particles of 256 Å"),
                 (self.particles, self.map, FitConfig(resolution=12.0), "at least 16 Å, twice the pixel size of the p"),
                 (self.particles, wide, FitConfig(resolution=20.0), "at least 25.6 Å, twice the pixel size of .*wide"),
                 (self.particles, self.folder / "none.mrc", FIT, "no such file"),
                 (self.folder / "none.star", self.map, FIT, "no such file")]
        for particles, source, config, message in cases:
            with self.subTest(message), self.assertRaisesRegex(InputError, message):
                self.run_job(particles=particles, source=source, fit=config)
        self.assertFalse(list(self.folder.glob("**/model*")) if self.folder.exists() else [])

    def test_fsc_of_the_fit_is_on_the_particles_grid(self):
        self.run_job()
        with open(self.folder / "model/fsc.csv", newline="") as rows:
            frequencies = [float(row["frequency"]) for row in csv.DictReader(rows)]
        np.testing.assert_allclose(frequencies, np.arange(1, BOX // 2 + 1) / (BOX * PIXEL), atol=1e-6)


if __name__ == "__main__":
    unittest.main()
