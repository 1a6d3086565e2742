"""The report's parts on what could pass for motion, on planted entries of summary.json."""

import json
import unittest
from xml.etree import ElementTree

import numpy as np

from gmmhet.engine.report.evidence import Pass
from gmmhet.engine.report.results import read_results
from gmmhet.engine.report.trust import halfset_angles, pose_corrections, settled, subunits
from gmmhet.tests.support.report_data import Folder, write_json, write_run

MINUS = "\N{MINUS SIGN}"
VIEW = "9.9 % of this coordinate follows the view direction (most near rot 13): poses"
LEAKS = [
    {"mode": 1, "variable": "view direction", "share": 0.0987, "p_value": 3.2e-12, "flagged": True, "words": VIEW},
    {"mode": 2, "variable": "view direction", "share": 0.0, "p_value": 0.43, "flagged": False, "words": "independent"},
    {"mode": 3, "variable": "view direction", "share": 0.3, "p_value": 0.0, "flagged": True, "words": "30 % follows"},
    {"mode": 1, "variable": "half-set", "share": 0.004, "p_value": 0.2, "flagged": False, "words": "nothing is seen"},
]
POSES = {"in_plane_degrees": 1.9, "out_of_plane_degrees": 2.2, "shift_angstrom": 1.7, "refined": True,
         "words": "The poses are good to about 2.2 degrees."}


def rings(count: int = 14) -> np.ndarray:
    """Correlation between the subunits of two rings: 0.4 within a ring, -0.3 between them."""
    ring = np.arange(count) < count // 2
    table = np.where(ring[:, None] == ring, 0.4, -0.3)
    np.fill_diagonal(table, 1.0)
    return table


class Planted(Folder):
    """A run folder whose summary gets entries."""

    def setUp(self) -> None:
        super().setUp()
        write_run(self.run_folder, maps=False)

    def plant(self, **values: object) -> None:
        self.change("analysis/summary.json", **values)

    def poses(self, pose: np.ndarray) -> None:
        path = self.run_folder / "analysis/analysis.npz"
        arrays = dict(np.load(path))
        np.savez(path, **(arrays | {"pose": pose}))


class TestAbsent(Planted):

    def test_old_runs_show_none_of_it(self) -> None:
        nothing = {"leakage": [], "history": [], "halfset_angles": None, "pose_errors": None, "symmetry": None}
        for entries in ({}, nothing):
            self.plant(**entries)
            page = self.page()
            for words in ("Alternative explanations", "Imaging conditions", "Convergence", "angles between",
                          "correlation between subunits", "rigid share", "Corrections of"):
                self.assertNotIn(words, page.text)
            self.assertEqual(page.words.count("Pose errors"), 0)  # the heading in the box at the top


class TestLeaks(Planted):

    def test_table_equals_the_entries(self) -> None:
        self.plant(leakage=LEAKS)
        page = self.page()
        self.assertEqual([[text.replace("\N{NO-BREAK SPACE}", " ") for _, text in row] for row in page.rows("leaks")], [
            ["view direction", "9.9 %", "0", "30 %"], ["half-set", "0.4 %", "\N{EN DASH}", "\N{EN DASH}"]])
        cell = page.rows("leaks")[0][1][0]
        self.assertEqual((cell["data-value"], cell["title"]), ("0.0987", f"p = 3.2e-12: {VIEW}"))
        self.assertIn(f"Mode 1: {VIEW}.", page.text)
        self.assertEqual(page.words.count("view direction"), 1)

    def test_colours_deepen_with_the_share(self) -> None:
        self.plant(leakage=LEAKS)
        colours = [str(a["style"])[-7:] for a, _ in self.page().rows("leaks")[0][1:]]
        light = [int(c[5:], 16) for c in colours]  # blue goes first
        self.assertEqual(colours[1], "#ffffff")
        self.assertLess(light[2], light[0])
        self.assertLess(light[0], light[1])

    def test_the_top_speaks_of_modes_that_count(self) -> None:
        self.plant(leakage=LEAKS)
        text = self.page().text
        top = text[:text.index("Each sphere is a Gaussian")]
        self.assertIn("9.9 % of the variance of mode 1 depends on the view direction. See below", top)
        self.assertNotIn("mode 3", top)
        self.plant(leakage=[leak | {"flagged": False} for leak in LEAKS])
        text = self.page().text
        self.assertIn("No mode depends significantly on view direction or half-set.", text)
        self.assertIn("No coordinate depends on any of these conditions.", text)
        self.assertIn("Modes in italics are not significant.", text)


class TestPoses(Planted):

    def test_errors_are_told_without_corrections(self) -> None:
        self.plant(pose_errors=POSES)
        text = self.page().text
        self.assertIn(POSES["words"], text)
        self.assertNotIn("Corrections of", text)

    def test_corrections_are_drawn_in_degrees_and_angstrom(self) -> None:
        """Turns of exactly 1.5 degrees about the view and 0.6 across it; shifts of 2 A in y: three peaks."""
        self.plant(pose_errors=POSES)
        pose = np.tile([0.0, 2.0, *np.deg2rad([0.6, -0.6, 1.5])], (1500, 1))
        self.poses(pose)
        figures = pose_corrections(read_results(self.run_folder))
        angles, shifts = (ElementTree.fromstring(f.replace('aria-hidden="true"', "")) for f in figures)
        # reach is 1.2 times the largest estimated error; the plot spans x = 66..348
        for figure, colour, reach, planted in (
            (angles, "#1f5fa8", 2.64, (-0.6, 0.6)), (angles, "#c8553d", 2.64, (1.5,)),
            (shifts, "#1f5fa8", 2.04, (0, 2)),
        ):
            lines = [e.get("d") for e in figure.iter("path") if e.get("stroke") == colour]
            outline = next(line for line in lines if line != "M0 5H18")  # not the key
            points = np.array([p.split() for p in outline.replace("M", "L").split("L")[1:]], float)
            high = points[points[:, 1] < points[:, 1].min() + 1, 0]
            middles = high.reshape(-1, 2).mean(1)
            np.testing.assert_allclose((middles - 66) / (348 - 66) * 2 * reach - reach, planted, atol=reach / 41)

    def test_poses_taken_as_exact_have_none(self) -> None:
        self.poses(np.zeros((1500, 5)))
        self.assertEqual(pose_corrections(read_results(self.run_folder)), [])
        self.plant(pose_errors=POSES)
        self.assertEqual(pose_corrections(read_results(self.run_folder)), [])


class TestAgreementAndConvergence(Planted):

    def test_angles_are_dots_at_their_height(self) -> None:
        self.plant(halfset_angles=[4.0, 19.0, 85.0])
        figure = ElementTree.fromstring(halfset_angles(read_results(self.run_folder)))
        dots = [(float(e.get("cy")), e.find("title").text) for e in figure.iter("circle")]
        heights = [(255 - 48 - y) / (255 - 48 - 12) * 95 for y, _ in dots]
        np.testing.assert_allclose(heights, [4, 19, 85], atol=0.1)
        self.assertEqual(dots[1][1], "direction 2: 19.0 degrees")
        self.assertIn("2 directions of variation agree between the half-sets", self.page().text)
        self.plant(halfset_angles=[50.0])
        self.assertIn("50 degreesAngle between the modes of the two half-sets", self.page().text)
        self.plant(halfset_angles=[50.0, 80.0])
        self.assertIn("No direction of variation agrees between the half-sets", self.page().text)

    def test_settled_or_not(self) -> None:
        climb = [Pass(-100 + 10 * (1 - 0.3**i), None) for i in range(8)]
        self.assertIn("converged after 8 passes", settled(tuple(climb)))
        self.assertIn("did not converge: its last pass changed the log-likelihood per particle by 2.1, of 9.1",
                      settled(tuple(climb[:3])))
        self.assertIn("cannot be assessed", settled((Pass(None, 1.0), Pass(-3.0, 1.0))))

    def test_passes_without_figures_are_left_out(self) -> None:
        history = [{"log_likelihood": -9.0 + i, "gradient": 100.0 / 10**i} for i in range(4)]
        self.plant(history=[*history, {"log_likelihood": None}, {"log_likelihood": -5.0, "gradient": 0.0}])
        text = self.page().text
        self.assertIn("Convergence", text)
        self.assertIn("Remaining gradient", text)
        self.plant(history=[{"log_likelihood": -9.0, "gradient": 3.0}])
        self.assertNotIn("Convergence", self.page().text)


class TestRigid(Planted):

    def test_share_stands_in_the_table_and_warns(self) -> None:
        modes = json.loads((self.run_folder / "analysis/summary.json").read_text())["modes"]
        for mode, share in zip(modes, (0.04, 0.62, 0.9), strict=True):
            mode["rigid_share"] = share
        self.plant(modes=modes)
        page = self.page()
        self.assertEqual([row[6][1] for row in page.rows("modes")], ["0.0400", "0.620", "0.900"])
        self.assertEqual([row[7][1] for row in page.rows("modes")], ["yes", "yes", "no"])
        self.assertIn("62 % of mode 2 is a rigid movement of the whole molecule", page.text)
        self.assertNotIn("90 % of mode 3", page.text)


class TestSubunits(Planted):

    def test_every_pair_has_its_cell(self) -> None:
        table = rings()
        table[2, 9] = table[9, 2] = 0.77
        self.plant(symmetry={"group": "D7", "subunits": 14, "words": "Rings alternate.",
                             "correlation": [table.tolist()] * 3})
        figures = subunits(read_results(self.run_folder))
        self.assertEqual(len(figures), 2)  # modes that are significant
        cells = {e.find("title").text: e for e in ElementTree.fromstring(figures[0]).iter("path")
                 if e.find("title") is not None}
        self.assertEqual(len(cells), 14 * 14)
        self.assertIn("subunits 3 and 10: 0.77", cells)
        self.assertIn(f"subunits 1 and 8: {MINUS}0.30", cells)
        # subunit 1 is on the left and on top
        corner = cells["subunits 1 and 1: 1"].get("d")
        x, y = (float(v) for v in corner[1:].split("H")[0].split())
        self.assertEqual(x, 66.0)
        bottoms = [float(e.get("d")[1:].split("H")[0].split()[1]) for e in cells.values()]
        self.assertEqual(y, min(bottoms))
        self.assertIn(f"Correlations between different subunits range from {MINUS}0.30 to 0.77", figures[0])
        self.assertIn("D7 symmetry. Rings alternate.", self.page().text)

    def test_sixty_subunits_have_few_labels(self) -> None:
        self.plant(symmetry={"group": "I", "correlation": [rings(60).tolist()]})
        figures = subunits(read_results(self.run_folder))
        labels = [e.text for e in ElementTree.fromstring(figures[0]).iter("text") if e.text.isdigit()]
        self.assertLessEqual(len(labels), 2 * 14)


class TestBadEntries(Planted):

    def test_entries_of_another_kind_are_refused(self) -> None:
        path = self.run_folder / "analysis/summary.json"
        good = json.loads(path.read_text())
        for entries, words in (
            ({"leakage": {}}, "leakage is no list of objects"),
            ({"leakage": [LEAKS[0] | {"mode": 4}]}, r"leakage\[0\]\.mode is 4; expected one of the 3 modes"),
            ({"leakage": [LEAKS[0] | {"share": None}]}, r"leakage\[0\]\.share is missing"),
            ({"leakage": [LEAKS[0] | {"p_value": "low"}]}, r"leakage\[0\]\.p_value is 'low'"),
            ({"halfset_angles": 3}, "halfset_angles is 3; expected a list"),
            ({"halfset_angles": ["x"]}, "halfset_angles is 'x'"),
            ({"history": [{"gradient": "x"}]}, r"history\[0\]\.gradient is 'x'"),
            ({"pose_errors": [1]}, r"pose_errors is \[1\]; expected an object"),
            ({"pose_errors": {"shift_angstrom": True}}, "pose_errors.shift_angstrom is True"),
            ({"symmetry": {"correlation": [[1, 2]]}}, r"symmetry.correlation has shape \(1, 2\)"),
            ({"symmetry": {"correlation": [[["a"]]]}}, "symmetry.correlation is no table"),
        ):
            with self.subTest(entries=entries):
                write_json(path, good | entries)
                with self.assertRaisesRegex(Exception, words) as caught:
                    self.page()
                self.assertEqual(type(caught.exception).__name__, "InputError")
                self.assertIn("expected", str(caught.exception))

    def test_corrections_of_other_particles_are_refused(self) -> None:
        self.poses(np.zeros((3, 5)))
        with self.assertRaisesRegex(Exception, r"pose has shape \(3, 5\)"):
            self.page()

    def test_texts_stay_texts(self) -> None:
        evil = '<img src=x onerror="alert(1)">'
        self.plant(leakage=[LEAKS[0] | {"variable": evil, "words": evil}], pose_errors=POSES | {"words": evil},
                   symmetry={"group": evil, "words": evil, "correlation": [rings(4).tolist()]})
        page = self.page()
        self.assertNotIn("img", [t for t, _ in page.tags])
        self.assertGreaterEqual("".join(page.words).count(evil), 5)


if __name__ == "__main__":
    unittest.main()
