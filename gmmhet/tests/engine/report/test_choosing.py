"""Choosing particles on the page: the coordinates that it carries, and who lies inside an outline."""

import base64
import json
import re
import shutil
import subprocess
import tempfile
import unittest
import zlib
from pathlib import Path

import numpy as np
from matplotlib.path import Path as Outline

from gmmhet.engine import report
from gmmhet.engine.export import read_ids
from gmmhet.engine.report import write_report
from gmmhet.tests.support.report_data import write_run

NODE = shutil.which("node")


class TestPage(unittest.TestCase):
    def page(self, **options: int) -> tuple[str, dict, Path]:
        folder = Path(self.enterContext(tempfile.TemporaryDirectory())) / "my run"
        write_run(folder, maps=False, **options)
        write_report(folder, folder / "report.html")
        text = (folder / "report.html").read_text(encoding="utf-8")
        found = re.search(r'<script type="application/json" id="particles">(.*?)</script>', text)
        return text, json.loads(found[1]), folder

    def test_coordinates_are_those_of_the_analysis(self) -> None:
        """Steps of the range over 4095: right to half of one."""
        text, data, folder = self.page(significant=2, modes=3)
        z = np.load(folder / "analysis" / "analysis.npz")["coordinates"]
        self.assertEqual((data["name"], data["count"]), ("my run", len(z)))
        self.assertEqual([m["number"] for m in data["modes"]], [1, 2])
        for mode, values in zip(data["modes"], z.T, strict=False):
            steps = np.frombuffer(zlib.decompress(base64.b64decode(mode["values"])), "<u2")
            found = mode["low"] + steps / 4095 * (mode["high"] - mode["low"])
            np.testing.assert_allclose(found, values, atol=0.51 * np.ptp(values) / 4095)
        self.assertEqual(text.count('class="chooser"'), 1)

    def test_nothing_to_choose_along(self) -> None:
        text, data, _ = self.page(significant=0, modes=2)
        self.assertEqual(data["modes"], [])
        self.assertNotIn('class="chooser"', text)


@unittest.skipIf(NODE is None, "node is not installed: the page's script is checked by eye only")
class TestOutline(unittest.TestCase):
    def run_script(self, code: str) -> str:
        source = (Path(report.__file__).parent / "choosing.js").read_text(encoding="utf-8")
        source = source.replace("\nstartChoosing();\n", "\n")
        done = subprocess.run([str(NODE), "-"], input=source + code, capture_output=True, text=True, check=True,
                              timeout=60)
        return done.stdout

    def test_inside_is_what_matplotlib_says(self) -> None:
        """A star-shaped outline that is not convex; then a square added to it, and another taken away."""
        rng = np.random.default_rng(3)
        points = rng.uniform(-2, 2, (3000, 2))
        turn = np.linspace(0, 2 * np.pi, 11)[:-1]
        star = np.stack([np.cos(turn), np.sin(turn)], axis=1) * np.where(np.arange(10) % 2, 0.6, 1.8)[:, None]
        added, taken = (np.array([[x, y], [x + w, y], [x + w, y + w], [x, y + w]])
                        for x, y, w in ((1.0, 1.0, 0.8), (-0.5, -0.5, 0.7)))
        code = f"""
        const points = {points.tolist()}, chosen = new Uint8Array(points.length).fill(1), out = [];
        const xs = points.map(p => p[0]), ys = points.map(p => p[1]);
        const outlines = [[{star.tolist()}, "new"], [{added.tolist()}, "add"], [{taken.tolist()}, "take"]];
        for (const [outline, how] of outlines) {{
          chooseInside(chosen, xs, ys, outline, how);
          out.push([...chosen]);
        }}
        console.log(JSON.stringify(out));
        """
        first, second, third = (np.array(v, bool) for v in json.loads(self.run_script(code)))
        inside = [Outline(np.append(o, o[:1], axis=0)).contains_points(points) for o in (star, added, taken)]
        np.testing.assert_array_equal(first, inside[0])
        np.testing.assert_array_equal(second, inside[0] | inside[1])
        np.testing.assert_array_equal(third, (inside[0] | inside[1]) & ~inside[2])
        self.assertGreater(third.sum(), 100)

    def test_the_saved_text_is_one_that_export_reads(self) -> None:
        text = self.run_script('process.stdout.write(rowText(Uint8Array.from([0, 1, 1, 0, 1]), "a run"));')
        self.assertTrue(text.startswith("# 3 of 5 particles of a run: "))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rows.txt"
            path.write_text(text)
            self.assertEqual(read_ids(path).tolist(), [2, 3, 5])

    def test_round_numbers(self) -> None:
        """Steps of 1, 2 or 5 times a power of ten inside the range."""
        found = json.loads(self.run_script("console.log(JSON.stringify([[-2.1, 2.3], [0, 0.01], [-40, 333]]"
                                           ".map(e => roundNumbers(...e, 6))));"))
        for (low, high), values in zip(((-2.1, 2.3), (0, 0.01), (-40, 333)), found, strict=True):
            steps = np.diff(values)
            self.assertTrue(low <= min(values) and max(values) <= high and 3 <= len(values) <= 7)
            np.testing.assert_allclose(steps, steps[0])
            mantissa = steps[0] / 10 ** np.floor(np.log10(steps[0]) + 1e-9)
            self.assertIn(round(mantissa, 6), (1, 2, 5))


if __name__ == "__main__":
    unittest.main()
