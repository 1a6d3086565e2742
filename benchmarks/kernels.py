"""Seconds per 1,000 particles of the engine's kernels on one core, beside the core's own matrix-product peak.

    python benchmarks/kernels.py [--repeats 7] [--threads 1] [--gpu]

Score and gradient: mean FRC of a particle with the CTF-modulated projection of N Gaussians, and its gradient by the
position and weight of every Gaussian. E+M pass: posterior of the coordinates and the contrast, and the gradient for K
modes and the consensus, with the given poses and with five corrections of the pose a particle in the same solve, beside
the multiply-adds of its products with all Gaussians and the share of the peak that they reach. Times are medians of
processor time, so that other programs on the machine weigh less; on one thread that is wall time on an idle machine.
With --gpu they are of wall time on the first GPU, of the fastest of several batch sizes. Nothing is asserted.
"""

import argparse
import os
import time
from collections.abc import Callable

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--repeats", type=int, default=7)
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--gpu", action="store_true")
options = parser.parse_args()
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")  # as the engine's command line does
os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")
os.environ["OMP_NUM_THREADS"] = str(options.threads)
if not options.gpu:
    os.environ["CUDA_VISIBLE_DEVICES"] = ""

import numpy as np  # noqa: E402  threads are fixed before numpy and TensorFlow start
import tensorflow as tf  # noqa: E402

from gmmhet.engine.gradient.frc import frc_gradient  # noqa: E402
from gmmhet.engine.imaging.half_plane import HalfPlane  # noqa: E402
from gmmhet.engine.imaging.image_model import POSE, Batch, Observer, whitening  # noqa: E402
from gmmhet.engine.subspace.decoder import LinearModes  # noqa: E402
from gmmhet.engine.subspace.e_step import posterior_step  # noqa: E402
from gmmhet.engine.subspace.evaluation import ModelTensors, Prior, State  # noqa: E402

tf.config.threading.set_intra_op_parallelism_threads(options.threads)
tf.config.threading.set_inter_op_parallelism_threads(1)

_PIXEL = 4.0
#: Gaussians, cropped box, seconds per 1,000 particles: floor asked for, goal, EMAN2 e2gmm's own
_SCORES = ((128, 32, 0.25, 0.0625, 0.64), (512, 64, 1.5, 0.375, 3.8), (1024, 128, 6.0, 1.5, 15.9))
#: Gaussians, cropped box, modes, seconds per 1,000 particles: floor asked for, goal
_PASSES = ((128, 32, 2, None, None), (213, 46, 2, None, None), (200, 48, 4, None, None), (400, 52, 4, 6.0, 2.0),
           (1024, 128, 4, None, None))


def _batch(gaussians: int, box: int, size: int) -> tuple[Observer, Batch, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    grid = HalfPlane(2 * box, _PIXEL, 4 * _PIXEL)  # cropped to ``box`` pixels
    assert grid.h == box // 2
    planes = rng.normal(size=(size, 2, 2, grid.size, grid.size))
    rotations = np.linalg.qr(rng.normal(size=(size, 3, 3)))[0]
    ctf = np.column_stack([rng.uniform(500, 900, size), *np.zeros((2, size)), np.full(size, -2e3), np.full(size, 0.1)])
    planes, rotations, ctf, real = (tf.constant(a, tf.float32) for a in (planes, rotations, ctf, np.ones(size)))
    batch = Batch(planes, rotations, ctf, tf.zeros(size, tf.int32), real)
    observer = Observer(grid, np.full(gaussians, 2 * _PIXEL), _PIXEL**3)
    return observer, batch, rng.normal(size=(gaussians, 3)) * 40, rng.uniform(0.5, 1.5, gaussians)


def _seconds(function: Callable[[], object], particles: int) -> float:
    """Per 1,000 particles."""
    clock = time.perf_counter if options.gpu else time.process_time
    for _ in range(2):
        function()
    times = []
    for _ in range(options.repeats):
        tf.test.experimental.sync_devices()
        started = clock()
        function()
        tf.test.experimental.sync_devices()
        times.append(clock() - started)
    return float(np.median(times)) / particles * 1000


def _score(gaussians: int, box: int) -> float:
    best = np.inf
    for size in (64, 256, 1024) if options.gpu else (4, 16, 64):
        observer, batch, centers, weights = _batch(gaussians, box, size)
        constants = [tf.constant(a, tf.float32) for a in (centers, weights, 1.0)]
        step = tf.function(lambda o=observer, b=batch, c=constants: frc_gradient(o, b, *c), autograph=False)
        best = min(best, _seconds(step, size))
    return best


def _pass(gaussians: int, box: int, modes: int, poses: int) -> tuple[float, int]:
    """And the number of particles at once."""
    sizes = (64, 256, 1024) if options.gpu else (16,) if gaussians < 1000 else (8,)
    return min((_pass_of(gaussians, box, modes, poses, size), size) for size in sizes)


def _pass_of(gaussians: int, box: int, modes: int, poses: int, size: int) -> float:
    observer, batch, centers, weights = _batch(gaussians, box, size)
    rng = np.random.default_rng(1)
    variances, fields = np.full(gaussians, 4 * _PIXEL**2), rng.normal(size=(modes, gaussians, 4))
    decoder = LinearModes(*(tf.constant(a, tf.float32) for a in (
        centers, weights, variances, fields[..., :3], 0.1 * fields[..., 3])))
    white = whitening(observer.grid, np.ones((1, observer.grid.n_shells)))
    prior = Prior(tf.eye(modes), tf.ones(poses), tf.constant(1.0), tf.constant(0.1))
    state = State(tf.constant(rng.normal(size=(size, modes)), tf.float32), tf.zeros((size, poses)), tf.ones(size))
    draws = tf.constant(rng.choice([-1.0, 1.0], (size, poses)), tf.float32)
    tensors = ModelTensors(decoder, white, prior)
    step = tf.function(lambda: posterior_step(observer, batch, tensors, state, gradient=True, draws=draws),
                       autograph=False)
    return _seconds(step, size)


def _multiply_adds(gaussians: int, box: int, modes: int, poses: int) -> float:
    """1e9 of 1,000 particles: a projection, and each half of an adjoint, is one product over all Gaussians.

    The model is projected before and after the step and where the gradient is taken (a pair of poses, if there are
    any), twice a mode and three times for the turns; adjoints are of the residuals there, and of one image a mode.
    """
    ends = 2 if poses else 1
    products = 2 + ends + 2 * modes + (3 if poses else 0) + 2 * (ends + modes)
    return products * gaussians * (box + 2) ** 2 * 1e3 / 1e9


def _peak() -> float:
    """Matrix product of float32, GFLOP/s."""
    size = 8192 if options.gpu else 1536
    a = tf.random.normal((size, size))
    step = tf.function(lambda: tf.matmul(a, a), autograph=False)
    return 2 * size**3 / _seconds(step, 1000) / 1e9


def main() -> None:
    peak = _peak()
    print(f"matrix-product peak {peak:.0f} GFLOP/s, {'GPU' if options.gpu else f'{options.threads} thread(s)'}\n")
    print("score and gradient, s per 1,000 particles")
    print(f"{'N':>6} {'box':>4} {'measured':>9} {'floor':>6} {'goal':>7} {'e2gmm':>6} {'e2gmm/this':>11} "
          f"{'of peak':>8}")
    for gaussians, box, floor, goal, other in _SCORES:
        seconds = _score(gaussians, box)
        products = 3 * 2 * (box + 2) ** 2 * gaussians * 1e3 / 1e9  # GFLOP of the three matrix products
        print(f"{gaussians:>6} {box:>4} {seconds:>9.3f} {floor:>6} {goal:>7} {other:>6} {other / seconds:>10.1f}x "
              f"{products / seconds / peak:>8.0%}")
    print("\nE+M pass, s per 1,000 particles")
    print(f"{'N':>6} {'box':>4} {'modes':>5} {'poses':>8} {'measured':>9} {'floor':>6} {'goal':>7} "
          f"{'1e9 mult-adds':>14} {'of peak':>8} {'batch':>6}")
    for gaussians, box, modes, floor, goal in _PASSES:
        for poses in (0, POSE):
            (seconds, size), work = _pass(gaussians, box, modes, poses), _multiply_adds(gaussians, box, modes, poses)
            print(f"{gaussians:>6} {box:>4} {modes:>5} {'refined' if poses else 'exact':>8} {seconds:>9.3f} "
                  f"{floor or '-':>6} {goal or '-':>7} {work:>14.1f} {2 * work / seconds / peak:>8.0%} {size:>6}",
                  flush=True)


if __name__ == "__main__":
    main()
