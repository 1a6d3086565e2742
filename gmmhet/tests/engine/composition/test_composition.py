"""gmmhet composition on images of a molecule whose domains come and go."""

import json
import shutil
import tempfile
import unittest
from pathlib import Path
from typing import Any

import numpy as np

from gmmhet.engine.commands.stages import RunCommand
from gmmhet.engine.composition.stage import compose
from gmmhet.engine.config import CompositionConfig, ReconstructConfig
from gmmhet.engine.errors import InputError
from gmmhet.engine.export import Criteria, export
from gmmhet.engine.io import read_map, read_star, write_map
from gmmhet.engine.reconstruction import reconstruct
from gmmhet.tests.support.composed_set import BOX, PIXEL, composed_set, domains, moving_set


class TestComposition(unittest.TestCase):
    folder: Path
    truth: np.ndarray

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.truth = composed_set(cls.folder, 800)
        compose(cls.folder / "analysis" / "latents.star", CompositionConfig(), cls.folder / "composition")

    def summary(self, name: str = "composition") -> dict[str, Any]:
        return dict(json.loads((self.folder / name / "summary.json").read_text()))

    def column(self, name: str, folder: str = "composition") -> np.ndarray:
        return np.asarray(read_star(self.folder / folder / "particles.star")["particles"].floats(name))

    def matched(self) -> list[int]:
        """Numbers of the blocks found that lie at the first and at the second domain."""
        molecule = domains()
        middles = np.array([block["middle"] for block in self.summary()["blocks"]])
        return [int(np.linalg.norm(middles - molecule.centers[molecule.scaled_by == d].mean(0), axis=1).argmin()) + 1
                for d in (0, 1)]

    def test_both_domains_are_found_where_they_are_in_the_particles_that_have_them(self) -> None:
        summary = self.summary()
        self.assertEqual(summary["n_blocks"], 2, summary["verdict"])
        numbers = self.matched()
        self.assertEqual(set(numbers), {1, 2})
        for d, number in enumerate(numbers):
            block = summary["blocks"][number - 1]
            probability = self.column(f"gmmhetBlock{number}")
            self.assertGreater(np.mean((probability > 0.5) == (self.truth[:, d] > 0.5)), 0.97)
            self.assertAlmostEqual(block["share"], self.truth[:, d].mean(), delta=0.02)
            molecule = domains()
            mass = (molecule.scaled_by == d).mean()
            self.assertAlmostEqual(block["mass_share"] / mass, 1, delta=0.2)
            mask = read_map(self.folder / "composition" / block["mask"]).data
            at = np.rint(molecule.centers / PIXEL).astype(int) + BOX // 2
            values = mask[at[:, 2], at[:, 1], at[:, 0]]
            self.assertGreater(values[molecule.scaled_by == d].mean(), 0.8)
            self.assertLess(values[molecule.scaled_by != d].mean(), 0.15)

    def test_states_shares_and_order_are_those_planted(self) -> None:
        summary, (first, second) = self.summary(), self.matched()
        states = {tuple(sorted(state["blocks"])): state["share"] for state in summary["states"]}
        planted = {(): (1 - self.truth[:, 0]).mean(), (first,): (self.truth[:, 0] - self.truth[:, 1]).mean(),
                   tuple(sorted((first, second))): self.truth[:, 1].mean()}
        self.assertEqual(set(states), set(planted))
        for blocks, share in planted.items():
            self.assertAlmostEqual(states[blocks], share, delta=0.025)
        self.assertEqual(summary["order"], [{"block": second, "needs": first}])
        self.assertFalse(summary["independent"]["independent"])

    def test_a_map_of_each_state_is_made_of_its_own_particles(self) -> None:
        composed = self.folder / "composition" / "particles.star"
        reconstruct(self.folder / "particles.star", composed, ReconstructConfig(by="states"), self.folder / "maps")
        records = self.summary("maps")["maps"]
        state = self.column("gmmhetState")
        self.assertEqual([r["state"] for r in records], [1, 2, 3])
        self.assertEqual([r["n_particles"] for r in records], [int((state == s).sum()) for s in (1, 2, 3)])
        molecule, numbers = domains(), self.matched()
        at = np.rint(molecule.centers / PIXEL).astype(int) + BOX // 2
        for record, entry in zip(records, self.summary()["states"], strict=True):
            density = read_map(self.folder / "maps" / record["file"]).data[at[:, 2], at[:, 1], at[:, 0]]
            body = density[molecule.scaled_by < 0].mean()
            for d, number in enumerate(numbers):
                there = density[molecule.scaled_by == d].mean() / body
                (self.assertGreater if number in entry["blocks"] else self.assertLess)(there, 0.5)

    def test_given_masks_are_the_blocks(self) -> None:
        paths = []
        for name, middle in (("near.mrc", (48, 0, -8)), ("body.mrc", (0, 0, 0))):
            axis = (np.arange(BOX) - BOX // 2) * PIXEL
            z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
            inside = np.sqrt((x - middle[0])**2 + (y - middle[1])**2 + (z - middle[2])**2) < 21
            paths.append(self.folder / name)
            write_map(paths[-1], inside.astype(np.float32), PIXEL)
        config = CompositionConfig(blocks=tuple(paths[:1]))
        compose(self.folder / "analysis" / "latents.star", config, self.folder / "given")
        summary = self.summary("given")
        self.assertEqual([block["name"] for block in summary["blocks"]], ["near.mrc"])
        self.assertAlmostEqual(summary["blocks"][0]["share"], self.truth[:, 1].mean(), delta=0.04)
        probability = self.column("gmmhetBlock1", "given")
        self.assertGreater(np.mean((probability > 0.5) == (self.truth[:, 1] > 0.5)), 0.93)

    def test_particles_are_exported_by_block_and_state(self) -> None:
        source, out = self.folder / "composition" / "particles.star", self.folder / "chosen.star"
        first, second = self.matched()
        export(source, out, Criteria(present=(first,), absent=(second,), sure=0.95))
        probability = self.column(f"gmmhetBlock{first}"), self.column(f"gmmhetBlock{second}")
        expected = np.flatnonzero((probability[0] >= 0.95) & (probability[1] <= 0.05))
        images = read_star(source)["particles"].texts("rlnImageName")
        written = read_star(out)["particles"].texts("rlnImageName")
        self.assertEqual([name.split("@")[0] for name in written], [images[i].split("@")[0] for i in expected])
        self.assertEqual(export(source, out, Criteria(states=(1, 2))), int((self.column("gmmhetState") < 3).sum()))
        for criteria, words in ((Criteria(present=(7,)), "gmmhetBlock7"), (Criteria(states=(9,)), "state 9")):
            with self.subTest(words=words), self.assertRaisesRegex(InputError, words):
                export(source, out, criteria)

    def test_a_finished_folder_is_kept_on_resume(self) -> None:
        path = self.folder / "composition" / "summary.json"
        before = path.stat().st_mtime_ns
        compose(self.folder / "analysis" / "latents.star", CompositionConfig(resume=True), path.parent)
        self.assertEqual(path.stat().st_mtime_ns, before)

    def test_what_is_wrong_is_said_in_one_line(self) -> None:
        latents = self.folder / "analysis" / "latents.star"
        (self.folder / "empty.cif").write_text("data_empty\n")
        for blocks, words in (((self.folder / "none.mrc",), "none.mrc"),
                              ((self.folder / "empty.cif",), "no chain"),
                              ((self.folder / "empty.cif", self.folder / "b.mrc"), "one atomic model")):
            with self.subTest(blocks=blocks), self.assertRaisesRegex(InputError, words):
                compose(latents, CompositionConfig(blocks=blocks), self.folder / "refused")
        with self.assertRaisesRegex(InputError, "gmmhetState"):
            reconstruct(self.folder / "particles.star", latents, ReconstructConfig(by="states"), self.folder / "no")
        run = RunCommand(particles=latents, map=self.folder / "consensus.mrc", output=self.folder / "no",
                         reconstruct=ReconstructConfig(by="states"))
        with self.assertRaisesRegex(InputError, "maps_states"):
            run.execute()

    def test_too_few_particles_are_said_where_they_are_no_error(self) -> None:
        """As a stage of a run: one half-set has next to nothing."""
        folder = self.folder / "few"
        shutil.copytree(self.folder / "analysis", folder)
        with np.load(folder / "analysis.npz") as found:
            arrays = dict(found)
        arrays["half"] = np.where(np.arange(len(arrays["half"])) < 20, 1, 2)
        np.savez(folder / "analysis.npz", **arrays)
        latents = folder / "latents.star"
        with self.assertRaisesRegex(InputError, "half-set 1 has fewer than 50 particles"):
            compose(latents, CompositionConfig(), self.folder / "nothing")
        compose(latents, CompositionConfig(), self.folder / "nothing", required=False)
        summary = self.summary("nothing")
        self.assertEqual((summary["n_blocks"], summary["n_states"]), (0, 0))
        self.assertIn("half-set 1 has fewer than 50 particles", summary["verdict"])


class TestMotion(unittest.TestCase):

    def test_a_hinge_is_no_block_and_hides_none(self) -> None:
        for share in (1.0, 0.6):
            with self.subTest(share=share), tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                truth = moving_set(folder, 500, share=share)
                compose(folder / "analysis" / "latents.star", CompositionConfig(), folder / "composition")
                summary = json.loads((folder / "composition" / "summary.json").read_text())
                self.assertEqual(summary["n_blocks"], int(share < 1), summary["verdict"])
                self.assertGreater(summary["motion_left"][0], 0.5)  # the hinge is still motion
                if share == 1:
                    self.assertIn("No part comes and goes", summary["verdict"])
                    self.assertFalse(list((folder / "composition").glob("block_*")))
                else:
                    star = read_star(folder / "composition" / "particles.star")["particles"]
                    present = star.floats("gmmhetBlock1") > 0.5
                    self.assertGreater(np.mean(present == (truth > 0.5)), 0.97)
                    self.assertAlmostEqual(summary["blocks"][0]["share"], truth.mean(), delta=0.02)


if __name__ == "__main__":
    unittest.main()
