"""The report's section about what comes and goes, from a summary that is written here."""

import json

from gmmhet.engine.errors import InputError
from gmmhet.engine.report import write_report
from gmmhet.engine.report.order_graph import placed
from gmmhet.tests.support.report_data import Folder, write_run

BLOCKS = [{"number": 1, "name": "", "kilodalton": 61.5, "mass_share": 0.12, "share": 0.425, "share_error": 0.011,
           "where": "at the periphery, towards +x"},
          {"number": 2, "name": "head<1>.mrc", "kilodalton": None, "mass_share": 0.2, "share": 0.8, "share_error": 0.02,
           "where": "off the middle"}]
STATES = [{"number": 1, "blocks": [2], "share": 0.575, "share_error": 0.01, "particles": 580, "sure": 520},
          {"number": 2, "blocks": [1, 2], "share": 0.425, "share_error": 0.01, "particles": 420, "sure": 400}]


class TestComposition(Folder):

    def setUp(self) -> None:
        super().setUp()
        write_run(self.run_folder, modes=1, significant=1, particles=60, maps=False)

    def _write(self, **changed: object) -> None:
        folder = self.run_folder / "composition"
        folder.mkdir(exist_ok=True)
        summary = {"verdict": "2 blocks found, in 2 states.", "order_words": "block 1 never without block 2",
                   "blocks": BLOCKS, "states": STATES, "independent": {"independent": False}, **changed}
        (folder / "summary.json").write_text(json.dumps(summary))

    def test_blocks_and_states_are_tables(self) -> None:
        self._write()
        page = self.page()
        self.assertIn("2 blocks found, in 2 states.", page.text)
        self.assertIn("block 1 never without block 2", page.text)
        blocks = [[text for _, text in row] for row in page.rows("blocks")][-2:]
        self.assertEqual(blocks[0], ["1", "61.5", "12", "42.5", "1.10", "at the periphery, towards +x"])
        self.assertEqual(blocks[1][0], "2 head<1>.mrc")
        states = [[text for _, text in row] for row in page.rows("states")][-2:]
        self.assertEqual([row[1:3] for row in states], [["·", "●"], ["●", "●"]])
        self.assertEqual(states[0][3:], ["57.5", "1", "580", "520"])

    def test_the_order_is_a_graph_from_what_is_needed(self) -> None:
        self.assertEqual([(n.block, n.x, n.y) for n in placed([(1, 3), (2, 3), (4, 2)])],
                         [(1, 109, 17), (2, 109, 63), (3, 17, 17), (4, 201, 17)])
        self._write(order=[{"block": 1, "needs": 2}])
        path = self.run_folder / "report.html"
        write_report(self.run_folder, path)
        text = path.read_text(encoding="utf-8")
        self.assertIn("Order of the blocks", text)
        figure = text[text.index('class="chart order"'):]
        self.assertEqual(figure[:figure.index("</figure>")].count("<line"), 1)
        self._write(order=[])
        self.assertNotIn("Order of the blocks", self.page().text)

    def test_maps_of_states_have_their_resolution_in_the_table(self) -> None:
        self._write()
        folder = self.run_folder / "maps_states"
        folder.mkdir()
        (folder / "summary.json").write_text(json.dumps({"maps": [
            {"state": 2, "resolution_fsc143": 17.25}, {"state": 1, "resolution_fsc143": None}]}))
        states = [[text for _, text in row] for row in self.page().rows("states")][-2:]
        self.assertEqual([row[-1] for row in states], ["\N{EN DASH}", "17.2"])

    def test_independent_blocks_have_no_states(self) -> None:
        self._write(independent={"independent": True})
        self.assertEqual(self.page().rows("states"), [])

    def test_without_composition_there_is_no_section(self) -> None:
        self.assertNotIn("What comes and goes", self.page().text)

    def test_a_summary_of_something_else_is_refused(self) -> None:
        self._write(blocks=[1, 2])
        with self.assertRaisesRegex(InputError, "blocks"):
            write_report(self.run_folder, self.run_folder / "report.html")
