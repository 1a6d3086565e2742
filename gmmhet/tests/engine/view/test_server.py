"""The live page as it is asked over the wire: what is refused, and what it answers."""

import json
import os
import tempfile
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from gmmhet.engine import map_at, open_analysis
from gmmhet.engine.io import read_star
from gmmhet.engine.view.result import open_result
from gmmhet.engine.view.settings import VIEW
from gmmhet.tests.support.live_page import CLOSED, TOKEN, Answer, LivePage
from gmmhet.tests.support.viewed_result import write_result

PARTICLES = 120


class OfPage(unittest.TestCase):
    """One server for the tests of a class."""

    page: LivePage
    folder: Path

    @classmethod
    def setUpClass(cls) -> None:
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = write_result(Path(temporary.name) / "run", particles=PARTICLES)
        cls.page = LivePage(cls.folder)
        cls.addClassCleanup(cls.page.close)

    def told(self, answer: Answer, status: int, *words: str) -> None:
        """The answer has this status, and one line with these words."""
        self.assertEqual(answer.status, status, answer.body[:300])
        line = answer.json["error"]
        self.assertNotIn("\n", line)
        for word in words:
            self.assertIn(word, line)

    def finished(self, answer: Answer) -> dict[str, Any]:
        """The job that was started, when it has ended."""
        self.assertEqual(answer.status, 200, answer.body[:300])
        until = time.monotonic() + 120
        while time.monotonic() < until:
            job = next(j for j in self.page.ask("/api/jobs").json if j["number"] == answer.json["number"])
            if job["state"] not in ("waiting", "running"):
                return dict(job)
            time.sleep(0.05)
        self.fail("the job did not end")


class TestRefusals(OfPage):

    def test_token(self) -> None:
        for token in (None, "", "wrong", TOKEN[:-1]):
            with self.subTest(token=token):
                self.assertEqual(self.page.ask("/api/about", token=token).status, 401)
        self.assertEqual(self.page.ask("/", token=TOKEN).status, 401)  # the page's own stands in its address
        self.assertEqual(self.page.ask("/?token=wrong").status, 401)
        self.assertEqual(self.page.ask(f"/api/about?token={TOKEN}", token=None).status, 401)
        self.assertEqual(self.page.ask("/api/about").status, 200)

    def test_host(self) -> None:
        for host in ("evil.example", f"evil.example:{self.page.port}", "127.0.0.1.evil.example", "[::1", ""):
            with self.subTest(host=host):
                self.assertEqual(self.page.ask("/api/about", Host=host).status, 421)
        for host in ("localhost:5000", "127.0.0.1", f"[::1]:{self.page.port}"):  # through ssh -L it is another port
            with self.subTest(host=host):
                self.assertEqual(self.page.ask("/api/about", Host=host).status, 200)

    def test_origin(self) -> None:
        own = f"http://127.0.0.1:{self.page.port}"
        for origin in ("https://evil.example", "null", "http://127.0.0.1:1", own.replace("http", "https")):
            with self.subTest(origin=origin):
                self.assertEqual(self.page.ask("/api/about", Origin=origin).status, 403)
        self.assertEqual(self.page.ask("/api/about", Sec_Fetch_Site="cross-site").status, 403)
        self.assertEqual(self.page.ask("/api/about", Origin=own, Sec_Fetch_Site="same-origin").status, 200)

    def test_files_outside(self) -> None:
        outside = self.folder.parent / "particles.star"
        self.assertTrue(outside.is_file())
        (self.folder / "link.star").symlink_to(outside)
        (self.folder / "out").symlink_to(self.folder.parent)
        (self.folder / "key.pem").write_text("secret")
        names = ["../particles.star", "analysis/../../particles.star", "%2e%2e/particles.star", str(outside),
                 "link.star", "out/particles.star", "key.pem", "maps", "", "missing.star", "maps/map_01.mrc%00.star"]
        for name in names:
            for path in ("/api/file", "/api/volume"):
                with self.subTest(path=path, name=name):
                    self.told(self.page.ask(f"{path}?name={name}"), 404, "no file of this result")
        self.told(self.page.ask("/api/volume?name=run.json"), 404, "no map")
        inside = self.page.ask("/api/file?name=run.json")
        self.assertEqual((inside.status, inside.body), (200, (self.folder / "run.json").read_bytes()))

    def test_points_of_a_movie_outside(self) -> None:
        self.told(self.page.ask("/api/job", {"action": "movie", "format": "gif", "of": "model",
                                             "points": "../points.csv"}), 404)

    def test_large_bodies(self) -> None:
        start = json.dumps({"action": "path", "kind": "trace", "n": 5}).encode()
        for body in (start + b" " * 10_000_000, iter([start, *[b" " * 100_000] * 100])):
            # the answer can be lost where the connection is closed while the rest is still sent
            self.assertIn(self.page.ask("/api/job", body).status, (413, CLOSED))
        self.assertEqual(self.page.ask("/api/jobs").json, [])
        self.told(self.page.ask("/api/job", b"x" * 100), 400, "JSON object")  # small, and no JSON

    def test_what_makes_no_sense(self) -> None:
        for body, word in (({"action": "rm"}, "expected model"), ({"action": "model", "point": [0]}, "2 coordinates"),
                           ({"action": "model", "point": [0, float("nan")]}, "finite"),
                           ({"action": "model", "point": [0, "; ls"]}, "finite"),
                           ({"action": "path", "kind": "trace", "n": 10**6}, "2 to 200"),
                           ({"action": "path", "kind": "mode", "n": 5, "mode": 3}, "1 to 2"),
                           ({"action": "path", "kind": "points", "n": 5, "stops": [[0, 0]]}, "two or more"),
                           ({"action": "path", "kind": "--help", "n": 5}, "trace, mode or points"),
                           ({"action": "movie", "format": "exe", "of": "model"}, "gif or mp4"),
                           ({"action": "export", "ids": [0]}, f"1 to {PARTICLES}"),
                           ({"action": "export", "ids": [True]}, f"1 to {PARTICLES}"),
                           ({"action": "export", "ids": []}, f"1 to {PARTICLES}"),
                           ({"action": "export"}, "no particle"),
                           ({"action": "export", "ids": [1], "format": "cs"}, "cs where")):
            with self.subTest(body=body):
                self.told(self.page.ask("/api/job", body), 400, word)
        self.assertFalse((self.folder / "view").exists())
        for at in ("x", "1:nan", "9:0", "0:0", "1:1e9"):
            with self.subTest(at=at):
                self.told(self.page.ask(f"/api/shape?at={at}"), 400, "expected")
        for number in ("first", None, 1.5, [1], True):
            with self.subTest(number=number):
                self.told(self.page.ask("/api/stop", {"number": number}), 400, "that of a job")
        self.told(self.page.ask("/api/column?name=rlnImageName"), 400, "no column")
        self.told(self.page.ask("/api/selection", {"ids": [PARTICLES + 1]}), 400, f"1 to {PARTICLES}")


class TestAnswers(OfPage):

    def test_page(self) -> None:
        answer = self.page.ask(f"/?token={TOKEN}", token=None)
        self.assertEqual(answer.status, 200)
        text = answer.body.decode()
        policy = answer.headers["content-security-policy"]
        self.assertIn("default-src 'none'", policy)
        nonce = policy.split("'nonce-")[1].split("'")[0]
        self.assertEqual(text.count(f'nonce="{nonce}"'), 2)
        self.assertNotIn("https://", text)
        self.assertLess(len(answer.body), 100_000)

    def test_shape_is_the_map_at_the_point(self) -> None:
        about, data = self.page.ask("/api/shape?at=1:0.8,2:-0.5").packed
        self.assertEqual(about["point"], [0.8, -0.5])
        self.assertEqual(about["shape"], [VIEW.voxels] * 3)
        volume = np.frombuffer(data, np.uint8).reshape(about["shape"]).astype(float)
        model = map_at(open_analysis(self.folder), [0.8, -0.5], box=VIEW.voxels, pixel_size=about["pixel"]).data
        seen = (volume > 0) & (volume < 255)
        scale = np.polyfit(model[seen], volume[seen], 1)
        self.assertLess(np.abs(np.polyval(scale, model[seen]) - volume[seen]).max(), 0.6)  # 8 bits: half a step
        self.assertLess(abs(scale[1]), 0.05)
        inside = model * scale[0] > about["level"]
        self.assertGreater(inside.sum(), 500)

    def test_other_modes_are_as_the_particles_near(self) -> None:
        about, _ = self.page.ask("/api/shape?at=1:0&quick=1").packed
        self.assertEqual(about["shape"], [VIEW.quick_voxels] * 3)
        self.assertAlmostEqual(about["point"][1], -1.2, delta=0.35)  # the particles lie on z2 = 1.2 (z1^2 - 1)
        self.assertTrue(about["populated"])
        empty, _ = self.page.ask("/api/shape?at=1:0,2:2").packed
        self.assertFalse(empty["populated"])
        self.assertIn("no particles here", empty["words"])

    def test_points_and_columns(self) -> None:
        table = read_star(self.folder / "analysis" / "latents.star")["particles"]
        about = self.page.ask("/api/about").json
        self.assertEqual((about["count"], len(about["modes"])), (PARTICLES, 2))
        points = np.frombuffer(self.page.ask("/api/points").packed[1], np.float32).reshape(2, PARTICLES)
        np.testing.assert_allclose(points[1], table.floats("gmmhetLatent2"), atol=1e-5)
        names = [c["name"] for c in about["columns"]]
        self.assertIn("rlnGroupName", names)
        self.assertNotIn("rlnComment", names)  # the same in all rows
        self.assertNotIn("rlnImageName", names)
        told, data = self.page.ask("/api/column?name=rlnGroupName").packed
        self.assertEqual(told["categories"], ["group0", "group1", "group2"])
        np.testing.assert_array_equal(np.frombuffer(data, np.float32), np.arange(PARTICLES) % 3)
        told, data = self.page.ask("/api/column?name=gmmhetLatentSd1").packed
        self.assertIsNone(told["categories"])
        np.testing.assert_allclose(np.frombuffer(data, np.float32), table.floats("gmmhetLatentSd1"), atol=1e-6)

    def test_maps_of_the_result(self) -> None:
        maps = self.page.ask("/api/maps").json
        self.assertEqual([m["file"] for m in maps], [f"maps/map_{b:02d}.mrc" for b in range(1, 6)])
        about, data = self.page.ask("/api/volume?name=maps/map_03.mrc").packed
        self.assertEqual(about["shape"], [VIEW.voxels] * 3)
        self.assertGreater((np.frombuffer(data, np.uint8) > about["level"]).sum(), 500)

    def test_images_of_a_selection(self) -> None:
        about, data = self.page.ask("/api/selection", {"ids": [3, 1, 2, 3]}).packed
        self.assertEqual((about["count"], about["averaged"]), (3, 3))
        pictures = np.frombuffer(data, np.uint8).reshape(-1, about["side"], about["side"])
        self.assertEqual(len(pictures), 4)
        self.assertGreater(pictures[0, 8:24, 8:24].mean(), pictures[0].mean())  # the particle is in the middle


class TestJobs(OfPage):

    def test_selection_is_written_with_its_columns(self) -> None:
        table = read_star(self.folder.parent / "particles.star")["particles"]
        z = read_star(self.folder / "analysis" / "latents.star")["particles"].floats("gmmhetLatent1")
        ids = list(range(1, PARTICLES + 1, 2))
        job = self.finished(self.page.ask("/api/job", {
            "action": "export", "mode": 1, "from": -0.5, "to": 0.75, "ids": ids}))
        self.assertEqual(job["state"], "done", job["line"])
        written = read_star(self.folder / job["files"]["particles"])["particles"]
        expected = [i for i in ids if -0.5 <= z[i - 1] <= 0.75]
        self.assertEqual([int(name.split("@")[0]) for name in written.texts("rlnImageName")], expected)
        self.assertEqual(set(written.columns), set(table.columns))
        self.assertEqual(set(written.texts("rlnComment")), {"kept as it is"})
        self.assertIn("gmmhet export", job["commands"][0])
        kept = (self.folder / job["files"]["particles"]).parent / "commands.txt"
        self.assertEqual(kept.read_text().splitlines()[0], job["commands"][0])

    def test_path_through_points(self) -> None:
        job = self.finished(self.page.ask("/api/job", {
            "action": "path", "kind": "points", "n": 7, "stops": [[-1.5, 1.2], [1.5, 1.2]]}))
        self.assertEqual(job["state"], "done", job["line"])
        rows = (self.folder / job["files"]["points"]).read_text().splitlines()
        self.assertEqual(len(rows), 8)
        self.assertLess(float(rows[4].split(",")[1]), -0.5)  # along the particles, not across

    def test_a_command_that_fails_says_why(self) -> None:
        (self.folder / "analysis" / "broken.csv").write_text("a,b\n1,2\n")
        job = self.finished(self.page.ask("/api/job", {
            "action": "movie", "format": "gif", "of": "model", "points": "analysis/broken.csv"}))
        self.assertEqual(job["state"], "failed")
        self.assertIn("expected latent1", job["line"])
        self.assertEqual(job["files"], {})

    def test_stopped(self) -> None:
        started = self.page.ask("/api/job", {"action": "particles", "point": [0.0, -1.2]})
        self.page.ask("/api/stop", {"number": started.json["number"]})
        self.assertEqual(self.finished(started)["state"], "stopped")

    def test_two_pages_at_once_write_into_folders_of_their_own(self) -> None:
        result = open_result(self.folder)
        with ThreadPoolExecutor(8) as pool:
            folders = list(pool.map(result.new_folder, ["path"] * 24))
        self.assertEqual(len(set(folders)), 24)
        self.assertTrue(all(f.is_dir() and f.parent == self.folder.resolve() / "view" for f in folders))

    def test_a_server_that_ends_takes_its_commands_with_it_and_leaves_nothing_half_written(self) -> None:
        with tempfile.TemporaryDirectory() as other:
            page = LivePage(write_result(Path(other) / "run", particles=PARTICLES))
            try:
                started = page.ask("/api/job", {"action": "particles", "point": [0.0, -1.2]})
                self.assertEqual(started.status, 200)
                while page.ask("/api/jobs").json[0]["state"] == "waiting":
                    time.sleep(0.02)
            finally:
                page.close()
            left = [p for p in (Path(other) / "run" / "view").rglob("*") if p.is_file()]
            self.assertLessEqual({p.name for p in left}, {"points.csv", "commands.txt"})

    def test_nothing_is_written_through_a_link(self) -> None:
        with tempfile.TemporaryDirectory() as other:
            folder = write_result(Path(other) / "run", particles=40, images=False)
            (Path(other) / "elsewhere").mkdir()
            (folder / "view").symlink_to(Path(other) / "elsewhere")
            page = LivePage(folder)
            try:
                self.told(page.ask("/api/job", {"action": "path", "kind": "trace", "n": 5}), 400, "is a link")
            finally:
                page.close()
            self.assertEqual(os.listdir(Path(other) / "elsewhere"), [])


if __name__ == "__main__":
    unittest.main()
