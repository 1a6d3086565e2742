"""The report page, on run folders written as CONVENTIONS.rst says, with a hinge planted in them."""

import json
import re
import tempfile
import unittest
from pathlib import Path

import numpy as np

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import write_map
from gmmhet.engine.report import write_report
from gmmhet.tests.support.report_data import PIXEL, Folder, Page, density, unpacked, write_json, write_run


class TestHinge(unittest.TestCase):
    """A run with two significant modes, one that is not, and five maps."""

    @classmethod
    def setUpClass(cls) -> None:
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        folder = Path(temporary.name)
        write_run(folder / "run")
        write_report(folder / "run", folder / "report.html")
        cls.page = Page(folder / "report.html")
        cls.summary = json.loads((folder / "run/analysis/summary.json").read_text())
        cls.maps = json.loads((folder / "run/maps/summary.json").read_text())["maps"]
        cls.arrays = dict(np.load(folder / "run/analysis/analysis.npz"))
        cls.left = sorted(p.name for p in folder.iterdir())

    def test_verdict_stands_at_the_top(self) -> None:
        text = self.page.text
        self.assertIn("Motion found: 2 significant modes", text)
        self.assertIn("So ends the run.", text)
        self.assertIn(self.summary["verdict"], text)
        self.assertIn("0.0123 at shuffled ones", text)
        self.assertIn("have opposite contrast", text)
        after_the_links = text.index("Parameters and run times")
        self.assertLess(text.index("Motion found"), text.index("Molecule and motion", after_the_links))

    def test_the_verdict_comes_first_and_what_it_rests_on_after_the_movie(self) -> None:
        text = self.page.text
        places = [text.index("Mode 1: distribution"), text.index("Significance, mode 1")]
        self.assertLess(text.index("Motion found"), places[0])
        self.assertLess(places[0], places[1])
        self.assertEqual([a["data-follows"] for t, a in self.page.tags if t == "figure" and "data-follows" in a],
                         ["1", "2"])

    def test_nothing_is_loaded(self) -> None:
        for tag, attributes in self.page.tags:
            for name in ("src", "srcset", "action", "data", "poster"):
                self.assertNotIn(name, attributes, f"<{tag}> loads something")
            self.assertRegex(attributes.get("href") or "#", "^(#|data:,$)")
        code = self.page.scripts[1] + "".join(self.page.styles)
        for word in ("http", "//cdn", "fetch(", "XMLHttpRequest", "import(", "url(", "@import", "WebSocket"):
            self.assertNotIn(word, code)

    def test_no_leftovers_beside_the_page(self) -> None:
        self.assertEqual(self.left, ["report.html", "run"])

    def test_links_lead_to_sections(self) -> None:
        names = {a["id"] for t, a in self.page.tags if t == "section" and "id" in a}
        links = {(a["href"] or "")[1:] for t, a in self.page.tags if t == "a"}
        self.assertEqual(links, names)
        self.assertEqual(names, {"know", "motion", "maps", "modes", "coordinates", "checks", "run"})

    def test_mode_table_equals_the_summary(self) -> None:
        rows = self.page.rows("modes")
        self.assertEqual(len(rows), 3)
        keys = ("variance", "heldout_gain", "null_quantile", "halfset_correlation", "median_posterior_sd")
        for number, (row, mode) in enumerate(zip(rows, self.summary["modes"], strict=True), 1):
            self.assertEqual(row[0][1], str(number))
            for (attributes, shown), key in zip(row[1:6], keys, strict=True):
                self.assertEqual(float(attributes["data-value"] or "nan"), mode[key])
                # three digits are shown
                self.assertAlmostEqual(float(shown.replace("\N{MINUS SIGN}", "-")) / mode[key], 1, delta=0.006)
            self.assertEqual(row[6][1], "yes" if mode["significant"] else "no")
            self.assertEqual(row[7][1], mode["verdict"])

    def test_bin_table_shows_counts_and_missing_figures(self) -> None:
        rows = self.page.rows("bins")
        self.assertEqual([r[3][1] for r in rows], ["300"] * 5)
        self.assertEqual([r[5][1] for r in rows], ["\N{EN DASH}"] * 5)
        self.assertEqual([float(r[6][0]["data-value"] or "nan") for r in rows], [11.2 + b for b in range(5)])
        self.assertEqual([float(r[7][0]["data-value"] or "nan") for r in rows], [10.5 + b for b in range(5)])
        self.assertEqual(rows[0][7][1], "10.5 9 to 22")
        self.assertIn("sharpened by a B factor of \N{MINUS SIGN}87 Å²", self.page.text)

    def test_only_significant_modes_are_shown_as_motion(self) -> None:
        self.assertEqual(self.page.kinds(), ["movie", "molecule", "movie"])
        self.assertEqual([m["number"] for m in self.page.scene["modes"]], [1, 2])
        self.assertEqual(set(self.page.scene["series"]), {"consensus", "mode1", "mode2", "maps"})

    def test_movie_holds_the_planted_maps(self) -> None:
        """Against the sum of Gaussians at the packed voxels: 1 of 255 grey values, and 1.5 % aliasing of the maps
        (exp(-2 pi^2 5^2 / 10^2) = 0.7 % of a Gaussian's spectrum lies at the Nyquist frequency)."""
        series = self.page.scene["series"]["mode1"]
        grid = series["grid"]
        points = [grid["origin"][i] + grid["pixel"] * np.arange(grid["shape"][2 - i]) for i in range(3)]
        self.assertEqual(series["coordinates"], [f["coordinate"] for f in self.summary["modes"][0]["frames"]])
        for text, place in zip(series["volumes"], series["coordinates"], strict=True):
            grey = unpacked(text, "u1").reshape(grid["shape"])
            found = series["low"] + grey / 255 * (series["high"] - series["low"])
            moved = self.arrays["centers"] + place * self.arrays["modes_position"][0]
            truth = density(points, moved, self.arrays["weights"], self.arrays["sigmas"])
            clipped = np.clip(truth, series["low"], series["high"])
            np.testing.assert_allclose(found, clipped, atol=0.019 * series["high"])

    def test_one_threshold_lies_inside_the_scale(self) -> None:
        for series in self.page.scene["series"].values():
            self.assertLess(series["low"], series["level"])
            self.assertLess(series["level"], 0.7 * series["high"])

    def test_gaussians_and_arrows_are_the_planted_ones(self) -> None:
        scene = self.page.scene
        position = unpacked(scene["gaussians"]["position"], "<f4").reshape(-1, 3)
        np.testing.assert_allclose(position, self.arrays["centers"], rtol=1e-6)
        mode = scene["modes"][0]
        starts, ends = (unpacked(mode[k], "<f4").reshape(-1, 3) for k in ("starts", "ends"))
        self.assertEqual(mode["stretch"], 1)
        for start, end in zip(starts, ends, strict=True):
            nearest = np.argmin(np.linalg.norm(self.arrays["centers"] - (start + end) / 2, axis=-1))
            np.testing.assert_allclose(end - start, 4 * self.arrays["modes_position"][0, nearest], atol=1e-4)
        longest = np.linalg.norm(self.arrays["modes_position"][0], axis=-1).max() * 4
        self.assertAlmostEqual(np.linalg.norm(ends - starts, axis=-1).max(), longest, places=4)

    def test_first_view_looks_along_the_hinge_axis(self) -> None:
        view = np.array(self.page.scene["rotation"]).reshape(3, 3)
        np.testing.assert_allclose(view @ view.T, np.eye(3), atol=1e-12)
        self.assertAlmostEqual(np.linalg.det(view), 1.0)
        self.assertGreater(abs(view[2, 2]), 0.95)  # the hinge turns about z
        self.assertGreater(abs(view[0, 0]), 0.95)  # the molecule is longest along x

    def test_every_map_has_its_curve(self) -> None:
        for name in range(1, 6):  # named in the legends of both charts
            self.assertEqual(self.page.words.count(f"map {name}"), 2)
        self.assertIn("Half-maps of each map, masked", self.page.text)
        self.assertIn("Half-maps of each map, no mask", self.page.text)

    def test_maps_stand_on_the_landscape_where_their_particles_are_on_average(self) -> None:
        told = re.findall(r"map (\d), at (\S+?) and (\N{MINUS SIGN}?[\d.]+)", self.page.text)
        self.assertEqual(len(told), 2 * 5)  # posterior means, and deconvolved
        for name, *places in told:
            expected = self.maps[int(name) - 1]["coordinates"][:2]
            found = [float(p.replace("\N{MINUS SIGN}", "-")) for p in places]
            np.testing.assert_allclose(found, expected, rtol=0.06, atol=0.01)

    def test_what_was_run_is_told(self) -> None:
        for words in ("gmmhet run particles.star map.mrc -o out", "0.1.0", "/data/particles.star", "e step, time",
                      "12.5 s", "41.5 s"):
            self.assertIn(words, self.page.text)

    def test_size(self) -> None:
        self.assertLess(self.page.size, 600_000)


class TestKernels(Folder):
    def test_maps_of_nested_windows_are_told_as_such(self) -> None:
        """Their columns mean something else than those of bins."""
        write_run(self.run_folder)
        maps = json.loads((self.run_folder / "maps/summary.json").read_text())["maps"]
        plain = self.page().text
        for words in ("fewer to parts that move", "blurred as in the map of all particles"):
            self.assertNotIn(words, plain)
        bands = [{"resolution": 40.0, "fewest": 50.0, "median": 300.0}]
        self.change("maps/summary.json", by="kernel", maps=[m | {"bandwidth": bands} for m in maps])
        text = self.page().text
        self.assertIn("more contribute to parts that do not move, fewer to parts that move", text)
        self.assertNotIn("fully weighted", text)
        self.assertIn("Maps at points along the motion", text)
        self.assertIn("halves of all particles, with the same filters", text)
        self.assertIn("Effective number of particles per map", text)
        self.assertIn("coordinates of the maps", text)
        self.assertIn("a moving part is as blurred as in the map of all particles", text)
        for words in ("halves of the particles of each map", "Maps from intervals along", "Maps from fewer particles",
                      "borders between the maps"):
            self.assertNotIn(words, text)


class TestNotes(Folder):
    def test_what_a_map_does_not_show_stands_below_the_table(self) -> None:
        write_run(self.run_folder)
        maps = json.loads((self.run_folder / "maps/summary.json").read_text())["maps"]
        notes = [None, "no <curve>", "no particles", "no <curve>", None]
        self.change("maps/summary.json", maps=[m | {"note": n} for m, n in zip(maps, notes, strict=True)])
        text = self.page().text
        for words in ("Maps 2, 4: no <curve>.", "Map 3: no particles."):
            self.assertEqual(text.count(words), 1)

    def test_a_map_without_a_curve_is_not_drawn_at_zero(self) -> None:
        """Of empty cells, and of the zeros that stood there before; the other maps keep their colours."""
        write_run(self.run_folder)
        path = self.run_folder / "maps/fsc.csv"
        colours = self.colours_of_map_3()
        for cells in (",,", ",0.00000,0.00000"):
            rows = [r if r[0] != "2" else ",".join(r.split(",")[:3]) + cells for r in path.read_text().splitlines()]
            path.write_text("\n".join(rows) + "\n")
            page = self.page()
            self.assertEqual([page.words.count(f"map {k}") for k in range(1, 6)], [2, 0, 2, 2, 2])
            self.assertEqual(self.colours_of_map_3(), colours)
        self.assertEqual(len(colours), 2)

    def colours_of_map_3(self) -> list[str]:
        self.page()
        return re.findall(r'stroke="(#\w+)"[^>]*></path></svg>map 3<', self.output.read_text(encoding="utf-8"))

    def test_how_maps_were_made_is_told(self) -> None:
        write_run(self.run_folder)
        self.change("maps/summary.json", by="clusters", mode=2, symmetry="C3")
        cells = [[text for _, text in row] for row in self.page().rows("run")]
        for pair in (["by", "clusters"], ["mode", "2"], ["symmetry", "C3"]):
            self.assertIn(pair, cells)


class TestNoMotion(Folder):
    def test_no_modes_at_all(self) -> None:
        write_run(self.run_folder, significant=0, modes=0, maps=False)
        page = self.page()
        self.assertIn("No motion found", page.text)
        self.assertIn("No motion is shown, because none was found.", page.text)
        self.assertEqual(page.kinds(), ["molecule"])
        self.assertEqual((page.scene["modes"], set(page.scene["series"])), ([], {"consensus"}))

    def test_the_first_box_says_which_motion_would_have_been_found(self) -> None:
        write_run(self.run_folder, significant=0, modes=1)
        words = "No motion was detected. A motion of 4.2 Å of a part of 25 % of the molecule would have been detected."
        self.change("analysis/summary.json", verdict=words)
        self.assertIn(words, self.page().text)

    def test_modes_that_are_not_significant_do_not_move(self) -> None:
        write_run(self.run_folder, significant=0, modes=2)
        page = self.page()
        self.assertIn("No motion found", page.text)
        self.assertEqual(page.kinds(), ["molecule"])
        self.assertEqual(set(page.scene["series"]), {"consensus"})
        self.assertEqual(len(page.rows("modes")), 2)
        self.assertIn("cannot be distinguished from noise, so they are not shown as a movie", page.text)

    def test_seven_particles(self) -> None:
        write_run(self.run_folder, significant=0, modes=1, particles=7, maps=False)
        self.assertIn("7 particles are too few to distinguish motion from noise", self.page().text)

    def test_seven_particles_support_no_motion_whatever_the_figures_say(self) -> None:
        write_run(self.run_folder, significant=1, modes=1, particles=7)
        page = self.page()
        self.assertIn("7 particles are too few to distinguish motion from noise", page.text)
        self.assertEqual(page.kinds(), ["molecule"])

    def test_one_map_of_all_particles_stands_still(self) -> None:
        write_run(self.run_folder, significant=0, modes=1)
        maps = self.run_folder / "maps"
        self.change("maps/summary.json", maps=json.loads((maps / "summary.json").read_text())["maps"][:1])
        page = self.page()
        self.assertIn("One map of all particles", page.text)
        self.assertEqual(len(page.scene["series"]["maps"]["volumes"]), 1)
        self.assertNotIn("Number of particles per map", page.text)

    def test_few_particles_with_a_significant_mode_are_warned_of(self) -> None:
        write_run(self.run_folder, significant=1, modes=1, particles=90, maps=False)
        self.assertIn("90 particles are few", self.page().text)

    def test_modes_without_a_test_are_called_so(self) -> None:
        write_run(self.run_folder, significant=0, modes=1, maps=False)
        summary = json.loads((self.run_folder / "analysis/summary.json").read_text())
        for significant in (None, False):
            summary["modes"][0] |= {"significant": significant, "heldout_gain": None, "null_quantile": None}
            write_json(self.run_folder / "analysis/summary.json", summary)
            page = self.page()
            self.assertIn("Directions of variation, not tested", page.text)
            self.assertEqual(page.kinds(), ["movie", "molecule"])
            self.assertEqual(page.rows("modes")[0][6][1], "not tested")

    def test_poses_no_better_than_shuffled(self) -> None:
        write_run(self.run_folder, significant=0, modes=0, maps=False)
        for changed in ({"score_shuffled": 0.5}, {"score_shuffled_max": 0.25}, {"contrast_sign": 1}):
            with self.subTest(**changed):
                before = (self.run_folder / "analysis/summary.json").read_text()
                self.assertIn("The poses fit the images", self.page().text)
                self.change("analysis/summary.json", **changed)
                self.assertIn("no better than shuffled ones", self.page().text)
                (self.run_folder / "analysis/summary.json").write_text(before)


class TestOtherFolders(Folder):
    def test_without_maps_model_and_run_json(self) -> None:
        write_run(self.run_folder, maps=False, modes=2)
        for name in ("model/fitted.mrc", "model/fsc.csv", "model/summary.json", "run.json"):
            (self.run_folder / name).unlink()
        page = self.page()
        self.assertNotIn("Maps from the particles", page.text)
        self.assertEqual(set(page.scene["series"]), {"mode1", "mode2"})

    def test_an_analysis_folder_alone(self) -> None:
        write_run(self.run_folder, modes=1, significant=1)
        page = self.page(self.run_folder / "analysis")
        self.assertIn("A motion was found", page.text)
        self.assertEqual(page.kinds(), ["movie", "molecule"])

    def test_a_hundred_thousand_particles_are_binned(self) -> None:
        write_run(self.run_folder, modes=2, particles=100_000, maps=False)
        page = self.page()
        self.assertIn("100,000", page.text)
        self.assertLess(page.size, 820_000)  # 1.9 bytes a particle and mode, to choose from; no mark for each
        self.assertLess(sum(t in ("rect", "circle", "path") for t, _ in page.tags), 1200)

    def test_text_of_files_stays_text(self) -> None:
        evil = '<script>alert("x")</script><img src=x onerror=alert(1)>&"\'</script>'
        write_run(self.run_folder)
        self.run_folder = self.run_folder.rename(self.run_folder.parent / "<b>run & co<")
        summary = json.loads((self.run_folder / "analysis/summary.json").read_text())
        summary |= {"verdict": evil, "method": evil, "parameters": {evil: [evil, 1.5]}, "timing": {evil: evil}}
        summary["modes"][0]["verdict"] = evil
        write_json(self.run_folder / "analysis/summary.json", summary)
        self.change("run.json", command=evil, version=evil)
        curves = self.run_folder / "maps/fsc.csv"
        curves.write_text(re.sub("^1,", "<img src=x>,", curves.read_text(), flags=re.MULTILINE))
        page = self.page()
        tags = [t for t, _ in page.tags]
        self.assertEqual((tags.count("script"), tags.count("img"), tags.count("b")), (3, 0, 5))  # b: the five facts
        self.assertFalse([a for _, a in page.tags if any(k.startswith("on") for k in a)])
        self.assertEqual(page.rows("modes")[0][7][1], evil)
        self.assertGreaterEqual("".join(page.words).count(evil), 6)
        self.assertEqual(len(page.scene["modes"]), 2)


class TestBadInput(Folder):
    def refuse(self, *words: str) -> None:
        with self.assertRaises(InputError) as caught:
            write_report(self.run_folder, self.output)
        text = str(caught.exception)
        self.assertNotIn("\n", text)
        for word in words:
            self.assertIn(word, text)
        self.assertEqual([p for p in self.output.parent.iterdir() if p != self.run_folder], [])

    def test_no_folder(self) -> None:
        self.refuse("run: no such folder", "expected")

    def test_empty_folder(self) -> None:
        self.run_folder.mkdir()
        self.refuse("summary.json: no such file")

    def test_broken_files(self) -> None:
        write_run(self.run_folder, modes=1, significant=1)
        good = {p: p.read_bytes() for p in self.run_folder.rglob("*") if p.is_file()}
        cases = [
            ("analysis/summary.json", b"{", ("summary.json", "JSON")),
            ("analysis/summary.json", b"[]", ("summary.json", "list", "expected a JSON object")),
            ("analysis/summary.json", b"{}", ("n_particles is missing",)),
            ("analysis/analysis.npz", b"no zip", ("analysis.npz", "not the results of gmmhet analyze")),
            ("analysis/motion_01/frame_03.mrc", None, ("frame_03.mrc", "no such file")),
            ("analysis/motion_01/frame_03.mrc", b"short", ("frame_03.mrc", "not a readable MRC file")),
            ("analysis/analysis.npz", None, ("analysis.npz", "no such file")),
            ("maps/map_02.mrc", None, ("map_02.mrc", "no such file")),
            ("maps/fsc.csv", b"map,frequency,fsc\n", ("fsc.csv", "no column fsc_masked")),
            ("maps/fsc.csv", b"map,frequency,resolution,fsc,fsc_masked\n1,0.1,10,high,1\n", ("row 1", "fsc is 'high'")),
            ("run.json", b"\xff", ("run.json", "JSON")),
        ]
        for name, content, words in cases:
            path = self.run_folder / name
            with self.subTest(name=name, content=content):
                path.unlink() if content is None else path.write_bytes(content)
                self.refuse(*words)
            path.write_bytes(good[path])

    def test_files_that_disagree(self) -> None:
        write_run(self.run_folder, modes=2, significant=1, maps=False)
        path = self.run_folder / "analysis/summary.json"
        good = json.loads(path.read_text())
        mode = good["modes"][0]
        for changed, words in (
            ({"modes": good["modes"][:1]}, ("lists 1 modes", "holds 2")),
            ({"n_significant_modes": 2}, ("n_significant_modes is 2", "1 of its modes")),
            ({"modes": [mode | {"variance": "big"}, good["modes"][1]]}, ("modes[0].variance is 'big'",)),
            ({"modes": [mode | {"significant": 1}, good["modes"][1]]}, ("modes[0].significant is 1",)),
            ({"modes": [mode | {"frames": [{"coordinate": 0}]}, good["modes"][1]]}, ("modes[0].file is None",)),
        ):
            with self.subTest(words=words):
                write_json(path, good | changed)
                self.refuse(str(path), *words)

    def test_arrays_that_disagree(self) -> None:
        write_run(self.run_folder, modes=2, maps=False)
        path = self.run_folder / "analysis/analysis.npz"
        arrays = dict(np.load(path))
        for key, value, words in (
            ("weights", arrays["weights"][:-1], ("weights has shape (99,)",)),
            ("half", arrays["half"][:, None], ("half has shape (1500, 1)",)),
            ("centers", arrays["centers"] * np.nan, ("NaN",)),
        ):
            with self.subTest(key=key):
                np.savez(path, **(arrays | {key: value}))
                self.refuse("analysis.npz", *words)

    def test_a_frame_of_another_size(self) -> None:
        write_run(self.run_folder, modes=1, significant=1, maps=False)
        write_map(self.run_folder / "analysis/motion_01/frame_02.mrc", np.ones((24, 24, 24)), PIXEL)
        self.refuse("frame_02.mrc: box 24", "expected 32")

    def test_unwritable_output(self) -> None:
        write_run(self.run_folder, modes=0, significant=0, maps=False)
        self.output = self.output.parent / "missing" / "report.html"
        with self.assertRaisesRegex(InputError, "cannot be written"):
            write_report(self.run_folder, self.output)
