"""Run folders written as CONVENTIONS.rst says, with a hinge planted in them, and what a reader of their page meets."""

import base64
import json
import tempfile
import unittest
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np

from gmmhet.engine.io import write_map
from gmmhet.engine.report import write_report

PIXEL, BOX = 5.0, 32


def hinge(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """A body of 60 Gaussians and an arm of 40 that swings about the z axis; swing and bend are Angstrom per unit."""
    body = rng.uniform((-45, -18, -18), (0, 18, 18), (60, 3))
    arm = rng.uniform((2, -7, -10), (55, 7, 10), (40, 3))
    still = np.zeros((60, 3))
    swing = np.concatenate([still, np.stack([-arm[:, 1], arm[:, 0], np.zeros(40)], axis=-1)]) * 0.2
    return {"centers": np.concatenate([body, arm]), "weights": rng.uniform(0.8, 1.2, 100) * 4000,
            "sigmas": rng.uniform(5.0, 7.0, 100), "swing": swing,
            "bend": np.concatenate([still, -arm * [1, 1, 0]]) * 0.03}


def density(points: list[np.ndarray], centers: np.ndarray, weights: np.ndarray, sigmas: np.ndarray) -> np.ndarray:
    """Sum of Gaussians at the points x, y, z (one array an axis), indexed (z, y, x)."""
    lines = [np.exp(-(x - centers[:, i, None]) ** 2 / (2 * sigmas[:, None] ** 2)) / np.sqrt(2 * np.pi) / sigmas[:, None]
             for i, x in enumerate(points)]
    return np.einsum("j,jx,jy,jz->zyx", weights, *lines, optimize=True)


AXIS = [(np.arange(BOX) - BOX // 2) * PIXEL] * 3


def write_run(folder: Path, *, significant: int = 2, modes: int = 3, particles: int = 1500, maps: bool = True) -> None:
    """A run folder with the planted hinge, every file as the contract tells."""
    rng = np.random.default_rng(7)
    model = hinge(rng)
    gaussians = (model["centers"], model["weights"], model["sigmas"])
    vectors = np.stack([model["swing"], model["bend"], rng.normal(size=(100, 3))])[:modes]
    angle = rng.uniform(-1.7, 1.7, particles)
    z = np.stack([angle, 1.2 * (angle**2 - 1), rng.normal(size=particles)], axis=-1)[:, :modes]
    z = z + rng.normal(size=z.shape) * 0.2
    analysis = folder / "analysis"
    analysis.mkdir(parents=True)
    records = [_mode_record(analysis, i, i < significant, gaussians, vectors[i]) for i in range(modes)]
    score = rng.normal(0.21, 0.05, particles)
    np.savez(
        analysis / "analysis.npz", ids=np.arange(particles) + 1, coordinates=z,
        contrast=rng.normal(-1.0, 0.1, particles),
        covariance=np.tile(np.eye(modes) * 0.04, (particles, 1, 1)), log_likelihood=rng.normal(size=particles),
        score=-score, half=1 + np.arange(particles) % 2,
        centers=gaussians[0], weights=gaussians[1], sigmas=gaussians[2],
        box=BOX, pixel_size=PIXEL, resolution=16.0, modes_position=vectors, occupancy=rng.uniform(0.1, 0.3, 100),
        modes_amplitude=rng.normal(size=(modes, 100)) * 0.01, noise_frequency=np.linspace(0, 0.06, 16),
        flexibility=np.linalg.norm(model["swing"], axis=-1) * 0.1 + rng.uniform(0.2, 0.3, 100),
        noise_variance=np.ones(16), spectrum=np.array([4.1, 1.3, 0.5, 0.45, 0.4]))
    write_json(analysis / "summary.json", {
        "n_particles": particles, "n_gaussians": 100, "resolution": 16.0, "method": "likelihood", "n_modes": modes,
        "n_significant_modes": significant, "verdict": f"{significant} significant modes, says the analysis.",
        "contrast_sign": -1, "score_given": -float(score.mean()), "score_shuffled": 0.0123,
        "parameters": {"modes": None, "seed": 0, "motion": True}, "timing": {"e_step": 12.5}, "modes": records})
    _write_model(folder / "model", gaussians)
    if maps:
        _write_maps(folder / "maps", rng, z, gaussians, vectors)
    write_json(folder / "run.json", {"command": "gmmhet run particles.star map.mrc -o out", "version": "0.1.0",
                                     "parameters": {"particles": {"path": "/data/particles.star", "bytes": 1},
                                                    "fit": {"seed": 5}},
                                     "verdict": "So ends the run.", "seconds": {"fit": 10.0, "analyze": 41.5}})


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value))


def _mode_record(analysis: Path, index: int, significant: bool, gaussians: Any, vector: np.ndarray) -> dict[str, Any]:
    (analysis / f"motion_{index + 1:02d}").mkdir()
    frames = []
    for f, place in enumerate(np.linspace(-2, 2, 7), 1):
        name = f"motion_{index + 1:02d}/frame_{f:02d}.mrc"
        write_map(analysis / name, density(AXIS, gaussians[0] + place * vector, *gaussians[1:]), PIXEL)
        frames.append({"file": name, "coordinate": float(place)})
    gain = (15.98765 if index == 0 else 2.345678) if significant else -0.0123
    return {"variance": 4.123456789 / (index + 1), "heldout_gain": gain, "null_quantile": 0.098765,
            "halfset_correlation": 0.98765 - 0.4 * index, "median_posterior_sd": 0.2 + 0.15 * index,
            "significant": significant, "verdict": "stands out" if significant else "is noise", "frames": frames}


def _write_model(folder: Path, gaussians: Any) -> None:
    folder.mkdir()
    write_map(folder / "fitted.mrc", density(AXIS, *gaussians), PIXEL)
    rows = [f"{k:.5f},{1 / k:.2f},{1 / (1 + np.exp((k - 0.07) * 200)):.4f}" for k in np.arange(1, 17) * 0.00625]
    (folder / "fsc.csv").write_text("\n".join(["frequency,resolution,fsc", *rows]) + "\n")
    write_json(folder / "summary.json", {"parameters": {"n_gaussians": 100}, "timing": {"total": 9.5}})


def _write_maps(folder: Path, rng: np.random.Generator, z: np.ndarray, gaussians: Any, vectors: np.ndarray) -> None:
    folder.mkdir()
    edges = np.quantile(z[:, 0], np.linspace(0, 1, 6))
    records, rows = [], ["map,frequency,resolution,fsc,fsc_masked"]
    for b in range(5):
        place = float((edges[b] + edges[b + 1]) / 2)
        truth = density(AXIS, gaussians[0] + place * vectors[0], *gaussians[1:])
        names = [f"map_{b + 1:02d}{half}.mrc" for half in ("", "_half1", "_half2")]
        for name, noise in zip(names, (0.05, 0.1, 0.1), strict=True):
            write_map(folder / name, truth + noise * rng.normal(size=truth.shape) * truth.max(), PIXEL)
        inside = (z[:, 0] >= edges[b]) & (z[:, 0] <= edges[b + 1])
        records.append(dict(zip(("file", "half1", "half2"), names, strict=True)) | {
            "coordinates": z[inside].mean(axis=0).tolist(),
            "n_particles": len(z) // 5, "n_effective": len(z) / 5.5, "coordinate": place, "low": float(edges[b]),
            "high": float(edges[b + 1]), "resolution_fsc143": 11.2 + b, "resolution_fsc500": None,
            "local_resolution_10": 9.0, "local_resolution_median": 10.5 + b, "local_resolution_90": 22.0})
        for k in np.arange(1, 17) * 0.00625:
            fsc = 1 / (1 + np.exp((k - 0.065 + 0.003 * b) * 120))
            rows.append(f"{b + 1},{k:.5f},{1 / k:.2f},{fsc:.4f},{min(1, fsc * 1.1):.4f}")
    (folder / "fsc.csv").write_text("\n".join(rows) + "\n")
    write_json(folder / "summary.json", {"by": "bins", "mode": 1, "symmetry": "C1", "parameters": {"n": 5},
                                         "timing": {"total": 8.0}, "maps": records,
                                         "sharpening": {"asked": "auto", "b_factor": -87.0}})


class Page(HTMLParser):
    """What a reader of the page meets: words, tags, cells of tables, script texts."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self.cells: dict[str, list[list[tuple[dict[str, str | None], str]]]] = {}
        self._open: list[str] = []
        self._table = ""
        self.size = path.stat().st_size
        self.feed(path.read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open.append(tag)
        if tag == "table":
            self._table = dict(attrs).get("class") or "run"
        elif tag == "tr":
            self.cells.setdefault(self._table, []).append([])
        elif tag == "td":
            self.cells[self._table][-1].append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                continue

    def handle_data(self, data: str) -> None:
        if "script" in self._open:
            self.scripts.append(data)
        elif "style" in self._open:
            self.styles.append(data)
        else:
            self.words.append(data)
            if "td" in self._open:
                attrs, text = self.cells[self._table][-1][-1]
                self.cells[self._table][-1][-1] = (attrs, text + data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())

    @property
    def scene(self) -> Any:
        return json.loads(self.scripts[0])

    def kinds(self) -> list[str | None]:
        return [a["data-kind"] for t, a in self.tags if a.get("class") == "viewer"]

    def rows(self, table: str) -> list[list[tuple[dict[str, str | None], str]]]:
        return [r for r in self.cells.get(table, []) if r]


def unpacked(text: str, dtype: str) -> np.ndarray:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype=dtype)


class Folder(unittest.TestCase):
    """Gives every test a folder of its own."""

    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.run_folder = Path(temporary.name) / "run"
        self.output = Path(temporary.name) / "report.html"

    def page(self, folder: Path | None = None) -> Page:
        write_report(folder or self.run_folder, self.output)
        return Page(self.output)

    def change(self, name: str, **values: Any) -> None:
        path = self.run_folder / name
        write_json(path, json.loads(path.read_text()) | values)
