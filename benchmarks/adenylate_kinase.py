"""The path of adenylate kinase from closed to open: 98 frames of a simulated transition, from MDAnalysis' test files.

Needs the files adk.psf and adk_dims.dcd of the package mdanalysistests (``pip install --no-deps mdanalysistests``).
"""

import importlib.util
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from figures import Figure, at_least
from measures import rank_correlation
from numpy.typing import ArrayLike, NDArray
from stages import Bench, DataSet, StageError, code_digest

from gmmhet.engine.config import SimulateConfig
from gmmhet.engine.simulate import Molecule, Preset, preset, simulate

__all__ = ["adenylate_kinase"]

Array = NDArray[np.float64]

_FILES = ("adk.psf", "adk_dims.dcd")
_WIDTH = 2.0  # Angstrom, of an atom
_BOX, _PIXEL, _SNR, _PARTICLES = 64, 2.0, 0.1, 3000


@dataclass(frozen=True)
class Path98(Molecule):
    """Atoms whose one coordinate is the number of a frame. frames: [S, N, 3], Angstrom."""

    frames: Array

    def place(self, coordinates: ArrayLike) -> tuple[Array, Array]:
        number = np.rint(np.asarray(coordinates, dtype=np.float64)[:, 0]).astype(np.int64)
        return self.frames[number], np.repeat(self.weights[None], len(number), axis=0)

    def take(self, atoms: NDArray[np.bool_]) -> "Path98":
        return replace(self, centers=self.centers[atoms], weights=self.weights[atoms], turned_by=self.turned_by[atoms],
                       scaled_by=self.scaled_by[atoms], frames=self.frames[:, atoms])


def adenylate_kinase(work: Bench, seed: int) -> list[Figure]:
    data = _data_set(work, seed)
    truth = data.truth().coordinates[:, 0]
    oracle = rank_correlation(data.expected()[:, 0], truth)
    ours = rank_correlation(work.analyze(data, "likelihood").coordinate(), truth)
    return [Figure(f"adenylate kinase, 98 frames, SNR {_SNR:g}: rank correlation / oracle's", f"{ours:.3f}",
                   f"{oracle:.3f}", ours / oracle, at_least(0.95), at_least(0.99))]


def _data_set(work: Bench, seed: int) -> DataSet:
    what = _path()
    particles = work.particles or _PARTICLES
    out = work.folder / f"adk_snr{_SNR:g}_n{particles}_seed{seed}_{code_digest()}"
    if not (out / "particles.star").is_file():
        simulate(SimulateConfig(particles=particles, box=_BOX, pixel_size=_PIXEL, snr=_SNR, seed=seed), out, what)
    return DataSet(out, what, seed)


@cache
def _path() -> Preset:
    """Heavy atoms of all frames, laid on their mean; particles spread evenly over the frames.

    Raises:
        StageError: the files are not installed.
    """
    package = importlib.util.find_spec("MDAnalysisTests")
    folders = [Path(f) / "data" for f in (package.submodule_search_locations or [])] if package else []
    topology, trajectory = (next((f / name for f in folders if (f / name).is_file()), None) for name in _FILES)
    if topology is None or trajectory is None:
        raise StageError("skipped: needs adk.psf and adk_dims.dcd; pip install --no-deps mdanalysistests")
    masses = _psf_masses(topology)
    heavy = masses > 2  # not hydrogen
    frames = _laid_on_mean(_dcd_frames(trajectory, len(masses))[:, heavy])
    n = int(heavy.sum())
    molecule = Path98(frames[0], masses[heavy] / 12, _WIDTH, np.zeros(n, np.int64), np.full(n, -1), np.zeros((1, 3)),
                      np.array([[0.0, 0.0, 1.0]]), frames)
    states = np.arange(len(frames), dtype=np.float64)[:, None]

    def draw(rng: np.random.Generator, count: int) -> tuple[NDArray[np.int64], Array]:
        state = rng.permutation(np.arange(count) % len(frames))
        return state, states[state]

    return replace(preset("hinge11"), molecule=molecule, states=states, draw=draw, levels=(states[:, 0],),
                   mapped=np.arange(0, len(frames), 16))


def _psf_masses(path: Path) -> Array:
    """[N] of a PSF topology: the eighth column of the rows after !NATOM."""
    lines = path.read_text(encoding="ascii").splitlines()
    start = next(i for i, line in enumerate(lines) if "!NATOM" in line)
    count = int(lines[start].split()[0])
    return np.array([float(line.split()[7]) for line in lines[start + 1:start + 1 + count]])


def _dcd_frames(path: Path, atoms: int) -> Array:
    """[S, N, 3] of a DCD trajectory: Fortran records; in each frame the last three are x, y and z."""
    raw = path.read_bytes()
    records, position = [], 0
    while position < len(raw):
        length = int(np.frombuffer(raw, "<i4", 1, position)[0])
        records.append(raw[position + 4:position + 4 + length])
        position += length + 8
    axes = [np.frombuffer(record, "<f4") for record in records[3:] if len(record) == 4 * atoms]
    return np.stack(axes).reshape(-1, 3, atoms).transpose(0, 2, 1).astype(np.float64)


def _laid_on_mean(frames: Array) -> Array:
    """Frames without their rigid motion: each superposed on the mean (Kabsch), twice, centred."""
    centred = frames - frames.mean(axis=1, keepdims=True)
    target = centred[0]
    for _ in range(2):
        left, _, right = np.linalg.svd(centred.transpose(0, 2, 1) @ target)
        flip = np.ones((len(frames), 1, 3))
        flip[:, 0, 2] = np.sign(np.linalg.det(left @ right))
        centred = centred @ (left * flip @ right)
        target = centred.mean(axis=0)
    return centred
