"""Ways to compute projections of Gaussians, by size: seconds per 1,000 particles on one core, and relative errors.

    python benchmarks/routes.py [--repeats 3] [--rounds 2]

projection: CTF-modulated projections of N Gaussians of one width. with gradient: also the derivatives of the squared
residual by the position and weight of every Gaussian, one 3-vector and one number per particle and Gaussian.
Routes: the engine's TensorFlow ops with oneDNN (plain), without it, compiled by XLA, with oneDNN in bfloat16 (both
switches of the environment, TensorFlow's pass over the graph, and casts before the products of the factors), and
non-uniform FFTs of finufft (type 1 for projections; type 2 of the cotangents and of these times i kx, i ky for the
gradient) with everything else as in the plain route. Each route runs in a process of its own, one after another, in
rounds. Times are the lowest of the rounds' medians of processor time, so that other programs weigh less. Errors are
those of all values (of positions or weights, whichever is worse), against sums in float64. Nothing is asserted.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: route and the environment that it needs
_ROUTES = {
    "plain": {}, "no oneDNN": {"TF_ENABLE_ONEDNN_OPTS": "0"}, "XLA": {},
    "bf16, ONEDNN_": {"ONEDNN_DEFAULT_FPMATH_MODE": "BF16"}, "bf16, TF_SET_": {"TF_SET_ONEDNN_FPMATH_MODE": "BF16"},
    "bf16, pass": {}, "bf16, casts": {}, "NUFFT": {},
}
parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--repeats", type=int, default=3)
parser.add_argument("--rounds", type=int, default=2)
parser.add_argument("--route", choices=list(_ROUTES), help=argparse.SUPPRESS)  # the script starts itself with it
options = parser.parse_args()
os.environ.update({"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""})
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"  # as the engine's command line does
os.environ.update(_ROUTES.get(options.route, {}))

import numpy as np  # noqa: E402  the environment is fixed before TensorFlow starts
import tensorflow as tf  # noqa: E402
from nufft import Nufft  # noqa: E402

from gmmhet.engine.imaging.half_plane import HalfPlane  # noqa: E402
from gmmhet.engine.imaging.image_model import Batch, Observer  # noqa: E402
from gmmhet.engine.optics.ctf import ctf  # noqa: E402
from gmmhet.engine.runtime.batching import batch_size  # noqa: E402

#: Gaussians, cropped box
_SIZES = ((128, 32), (512, 32), (256, 64), (512, 64), (2048, 64), (256, 128), (1024, 128), (4096, 128), (16384, 128))
_PIXEL, _SIGMA, _CHECKED = 4.0, 8.0, 2
_PRODUCT = tf.matmul


class Problem:
    """Gaussians and a batch of particles, as many as the engine takes at once."""

    def __init__(self, gaussians: int, box: int) -> None:
        rng = np.random.default_rng(0)
        self.grid = HalfPlane(2 * box, _PIXEL, 4 * _PIXEL)  # cropped to ``box`` pixels
        self.n = n = batch_size(64, gaussians, self.grid.size, 1, None)
        planes = rng.normal(size=(n, 2, 2, self.grid.size, self.grid.size))
        rotations = np.linalg.qr(rng.normal(size=(n, 3, 3)))[0]
        defocus = np.column_stack([rng.uniform(500, 900, n), np.zeros((n, 2)), np.full(n, -2e3), np.full(n, 0.1)])
        planes, rotations, defocus = (tf.constant(a, tf.float32) for a in (planes, rotations, defocus))
        self.batch = Batch(planes, rotations, defocus, tf.zeros(n, tf.int32), tf.ones(n))
        self.observer = Observer(self.grid, np.full(gaussians, _SIGMA), _PIXEL**3)
        self.centers = tf.constant(rng.normal(size=(gaussians, 3)) * box * _PIXEL / 5, tf.float32)
        self.weights = tf.constant(rng.uniform(0.5, 1.5, gaussians), tf.float32)

    def project(self) -> Any:
        factors = self.observer.factors(self.batch, self.centers)
        return self._transfer() * self.observer.projector.project(factors, self.weights)

    def gradient(self) -> Any:
        """[n, N, 4] by x, y, z of the model frame and the weight."""
        factors, transfer = self.observer.factors(self.batch, self.centers), self._transfer()
        cotangent = transfer * (self.batch.planes - transfer * self.observer.projector.project(factors, self.weights))
        return self.observer.pullback(self.batch, factors, self.weights, cotangent[:, tf.newaxis])[:, 0]

    def _transfer(self) -> Any:
        return self.observer.transfer(self.batch, tf.ones([]))

    def nufft(self) -> Nufft:
        return Nufft(self.observer, self.batch, self.centers, self.weights, _SIGMA)

    def reference(self) -> tuple[Any, Any]:
        """Both for the first particles, by sums in float64."""
        k, out = 2 * np.pi * self.grid.frequencies, []
        w, scale, envelope = np.float64(self.weights), _PIXEL**-3, np.exp(-0.5 * _SIGMA**2 * k**2)
        for planes, rotation, row in zip(*(np.float64(a)[:_CHECKED] for a in self.batch[:3]), strict=True):
            x, y = rotation[:2] @ np.float64(self.centers).T
            along_x = np.exp(-1j * x[:, None] * k) * envelope * scale
            images, gradient = [], np.zeros((3, len(w)))
            transfer = ctf(row[np.newaxis], self.grid.kx, self.grid.ky)[0]
            for plane, sign in enumerate((1, -1)):
                along_y = np.exp(-1j * sign * y[:, None] * k) * envelope
                images.append(transfer[plane] * (along_y.T @ (w[:, None] * along_x)))
                left = transfer[plane] * (planes[0, plane] + 1j * planes[1, plane] - images[-1]).conj()
                rows = along_y @ left  # [N, kx]
                gradient += np.real([np.sum(rows * along_x * (-1j * k), 1) * w,
                                     np.sum((along_y * (-1j * sign * k)) @ left * along_x, 1) * w,
                                     np.sum(rows * along_x, 1)])
            image = np.stack(images)
            out.append((np.stack([image.real, image.imag]), np.column_stack([gradient[:2].T @ rotation[:2],
                                                                             gradient[2]])))
        return tuple(np.stack(a) for a in zip(*out, strict=True))


def _seconds(function: Callable[[], object]) -> float:
    times, calls = [], 1
    for repeat in range(-2, options.repeats):
        started = time.process_time()
        for _ in range(calls):
            function()
        times.append((time.process_time() - started) / calls)
        if repeat == -1:
            calls = math.ceil(0.04 / max(times[-1], 1e-4))
    return float(np.median(times[2:]))


def _errors(values: Any, wanted: Any) -> float:
    parts = [slice(0, 3), slice(3, 4)] if wanted.ndim == 3 else [slice(None)]  # positions and weights have other units
    values = np.float64(values)[:_CHECKED]
    return max(float(np.linalg.norm((values - wanted)[..., p]) / np.linalg.norm(wanted[..., p])) for p in parts)


def _product(a: Any, b: Any, **how: Any) -> Any:
    return tf.cast(_PRODUCT(tf.cast(a, tf.bfloat16), tf.cast(b, tf.bfloat16), **how), tf.float32)


def measure(route: str) -> None:
    """One line of JSON a size."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.optimizer.set_experimental_options({"auto_mixed_precision_onednn_bfloat16": route == "bf16, pass"})
    if route == "bf16, casts":
        tf.matmul = _product
    for size in _SIZES:
        problem, result = Problem(*size), []
        how = problem.nufft() if route == "NUFFT" else problem
        for function, wanted in zip((how.project, how.gradient), problem.reference(), strict=True):
            if route != "NUFFT":
                function = tf.function(function, autograph=False, jit_compile=True if route == "XLA" else None)
            try:
                result.append((_errors(function(), wanted), _seconds(function) / problem.n * 1000))
            except (tf.errors.OpError, RuntimeError, MemoryError) as error:
                result.append(str(error).splitlines()[0][:100])
        print(json.dumps(result), flush=True)


def _run(route: str) -> list[Any]:
    """[size] of (error, seconds), or why there is none, of the projection and of that with the gradient."""
    info = Path("/proc/cpuinfo")
    flags = set(info.read_text().split()) if info.exists() else set()
    if route.startswith("bf16") and not flags & {"avx512_bf16", "amx_bf16"}:
        return [["no bfloat16 in this processor"] * 2] * len(_SIZES)
    done = subprocess.run([sys.executable, __file__, "--route", route, "--repeats", str(options.repeats)],
                          capture_output=True, text=True, check=False)
    why = f"stopped with {done.returncode}: {(done.stderr.strip().splitlines() or ['killed'])[-1][:100]}"
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return rows + [[why] * 2] * (len(_SIZES) - len(rows))


def _best(cells: tuple[Any, ...]) -> Any:
    """Of the rounds."""
    return min((c for c in cells if not isinstance(c, str)), key=lambda c: c[1], default=cells[0])


def main() -> None:
    rounds = [{route: _run(route) for route in _ROUTES} for _ in range(options.rounds)]
    print("s per 1,000 particles, that over the plain route's, relative error")
    for i, (gaussians, box) in enumerate(_SIZES):
        cells = {route: [_best(c) for c in zip(*(r[route][i] for r in rounds), strict=True)] for route in _ROUTES}
        print(f"\n{f'N {gaussians}, box {box}':16}{'projection':^28}{'with gradient':^28}")
        for route, pair in cells.items():
            texts = [f"  {c:26}" if isinstance(c, str) else
                     f"{c[1]:>10.3f}{'-' if isinstance(p, str) else f'{c[1] / p[1]:.2f}':>7}{c[0]:>11.1e}"
                     for c, p in zip(pair, cells["plain"], strict=True)]
            print(f"{route:16}{''.join(texts)}")
        print(f"{'fastest':16}{_fastest(cells, 0):^28}{_fastest(cells, 1):^28}")


def _fastest(cells: dict[str, Any], which: int) -> str:
    """Differences below 10 % are of the measurement; a bfloat16 route with the plain route's error changes nothing."""
    plain = cells["plain"][which][0]
    times = {route: pair[which][1] for route, pair in cells.items()
             if not isinstance(pair[which], str) and not (route.startswith("bf16") and pair[which][0] == plain)}
    best = min(times, key=times.__getitem__, default="-")
    return "plain (within 10 %)" if "plain" in times and times["plain"] <= 1.1 * times[best] else best


if __name__ == "__main__":
    if options.route:
        measure(options.route)
    else:
        main()
