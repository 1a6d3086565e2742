"""Work for the workers of a pool, without TensorFlow; and the passes over the particles of a scene."""

import contextlib
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np

from gmmhet.engine.errors import InputError
from gmmhet.engine.runtime.pool import Replicated, pool, shares_of

__all__ = ["Thing", "call_of_thing", "kills", "number_of_thing", "passes", "passes_alone", "process_of",
           "signalled_once",
           "spoiled", "square", "terms", "threads_of_worker"]

PARTICLES, FEW, BATCH = 18, 6, 4


class Thing(Replicated):
    """Something that stays with the workers."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def plus(self, number: int) -> tuple[int, int, int]:
        """The process, the identity of the object there, and a result."""
        return os.getpid(), id(self), int(np.sum(self.value)) + number


def call_of_thing(thing: Thing, number: int) -> tuple[int, int]:
    """Identity of an object within another one, and a result."""
    return id(thing.value[0]), int(np.sum(thing.value[0].value)) + number


def number_of_thing(thing: Thing) -> int:
    return int(np.sum(thing.value))


def square(offset: int, number: int) -> int:
    return (number + offset) ** 2


def terms(scale: float, number: int) -> tuple[Any, ...]:
    """Values whose sum depends on the order of the additions; a list; nothing."""
    values = np.random.default_rng(number).standard_normal(50) * scale ** (number % 7)
    return values, [number], None, float(values[0])


def process_of() -> int:
    return os.getpid()


def threads_of_worker(_: int) -> tuple[str | None, str | None]:
    """Threads of TensorFlow, and GPUs, of the process that this runs in."""
    return os.environ.get("TF_NUM_INTRAOP_THREADS"), os.environ.get("CUDA_VISIBLE_DEVICES")


def signalled_once(sent: int, folder: Path, number: int) -> int:
    """The square of a number; whoever first computes that of 3 gets a signal over it, and leaves its process there."""
    mark = folder / "signalled"
    if number == 3 and not mark.exists():
        mark.write_text(str(os.getpid()))
        os.kill(os.getpid(), sent)
    return number**2


def kills(process: int, _: int) -> None:
    """Kill a process (0: that which runs this)."""
    os.kill(process or os.getpid(), signal.SIGKILL)


def spoiled(kind: str, number: int) -> Any:
    """Work that goes wrong for the second number."""
    if number != 1:
        return number
    if kind == "input":
        raise InputError("images.mrcs: bad image")
    if kind == "disk":
        raise PermissionError(13, "Permission denied", "images.mrcs")
    if kind == "mute":
        return sys.modules["sys"]  # which cannot be sent
    raise ZeroDivisionError("nothing to divide by")


class Images:
    """What a pass reads of a ParticleCache, of a scene."""

    def __init__(self, scene: Any, n: int = PARTICLES) -> None:
        self.planes, self.grid = scene.planes[:n], scene.grid
        self.table = SimpleNamespace(views=scene.rotations, ctf_coefficients=scene.ctf, optics_index=scene.group)

    def __len__(self) -> int:
        return len(self.planes)

    def read(self, rows: np.ndarray) -> np.ndarray:
        return self.planes[rows]


def passes_alone(_: int) -> dict[str, np.ndarray]:
    """The same in one process, that which this is called in."""
    return passes()


def passes() -> dict[str, np.ndarray]:
    """Every kind of pass over the particles of a scene, in shares of a batch each, by the pool that there is."""
    pool().everywhere(_without_graphs)
    from gmmhet.engine.gradient import frc_pass, gradient_pca
    from gmmhet.engine.subspace import passes as subspace_passes
    from gmmhet.engine.subspace.pose_spread import PoseSpread
    from gmmhet.engine.subspace.smooth_fields import FieldBasis, smooth_basis
    from gmmhet.engine.subspace.state import SubspaceModel
    from gmmhet.tests.support.scene import Scene
    scene = Scene(n=PARTICLES, gaussians=8, modes=1, groups=2, seed=3)
    cache: Any = Images(scene)
    few: Any = Images(scene, FEW)  # the score is evaluated often for each
    basis = FieldBasis.of(smooth_basis(scene.centers, 14.0), position=4.0, amplitude=0.3)
    noise = np.array([[60.0], [90.0]]) * np.ones(scene.grid.n_shells)
    model = SubspaceModel(scene.centers, scene.weights, scene.sigmas**2, np.full((1, basis.size), 0.1), noise, 1.0, 0.3,
                          PoseSpread(0.3, 0.03, 0.02))
    with contextlib.ExitStack() as small:
        for module in (frc_pass, gradient_pca, subspace_passes):
            small.enter_context(mock.patch.object(module, "shares_of", _shares_of_a_batch))
        return _found(scene, cache, few, basis, model)


def _fit_in_shares() -> dict[str, np.ndarray]:
    """The misfit of Gaussians and its gradient, in shares of few frequencies."""
    from gmmhet.engine.fitting import misfit
    from gmmhet.engine.fitting.fourier import fourier_target
    from gmmhet.engine.fitting.settings import FitSettings
    rng = np.random.default_rng(4)
    given = misfit.Gaussians(5 * rng.standard_normal((7, 3)), rng.uniform(1, 2, 7), rng.uniform(3, 5, 7))
    target = fourier_target(rng.standard_normal((16, 16, 16)), 3.0, 8.0)
    variables = misfit.Variables(given.centers, 2.0, (2.0, 6.0))
    with mock.patch.object(misfit, "FIT", FitSettings(share_products=4000)):
        one = misfit.Misfit(variables, target, np.eye(3)[None], np.zeros(3))
        value, gradient = one(variables.pack(given))
        shares = len(one.shares)
    return {"fit_value": np.array(value), "fit_gradient": gradient, "fit_shares": np.array(shares)}


def _found(scene: Any, cache: Any, few: Any, basis: Any, model: Any) -> dict[str, np.ndarray]:
    from gmmhet.engine.gradient.frc_pass import Compared, own_scores, score_pass
    from gmmhet.engine.gradient.gradient_pca import EigenMotions, best_positions
    from gmmhet.engine.subspace.estimator_spec import EstimatorSpec
    from gmmhet.engine.subspace.passes import SubspaceEstimator
    from gmmhet.engine.subspace.state import Posteriors
    estimator = SubspaceEstimator(EstimatorSpec(cache, scene.observer, basis, basis, batch_size=BATCH))
    start = Posteriors.blank(np.arange(PARTICLES), model)
    found: dict[str, np.ndarray] = {}

    def kept(name: str, estimator: SubspaceEstimator, start: Posteriors, number: int) -> Posteriors:
        posteriors, sums = estimator.pass_over(model, start, gradient=True, label=name, number=number)
        found.update({f"{name}_{k}": v for k, v in (*vars(posteriors).items(), *vars(sums).items())})
        return posteriors

    first = kept("first", estimator, start, 0)
    found["covariance"] = estimator.gradient_covariance(model, first)
    second = kept("second", estimator, first, 1)
    kept("flipped", estimator.with_flips(5, model, first), start, 0)
    found["curvature"] = estimator.curvature(model, second)
    whole = scene.observer, scene.centers, scene.weights
    scores = score_pass(Compared(cache, *whole), batch_size=BATCH, covariance="both")
    found |= {f"scores_{k}": v for k, v in vars(scores).items()}
    best = best_positions(Compared(few, *whole), EigenMotions(scene.position, scene.amplitude, np.ones(scene.modes)),
                          reach=np.full(scene.modes, 2.0), batch_size=BATCH)
    found["positions"], found["widths"] = best
    found["own"] = own_scores(Compared(cache, *whole), batch_size=BATCH)
    found |= _fit_in_shares()
    found["places"] = estimator.best_coordinates(model, second, np.array([[-1.0], [0.0], [1.0]]))
    return found


def _shares_of_a_batch(n: int, unit: int = 1, least: int = 1) -> list[slice]:
    return shares_of(n, unit, 1)


def _without_graphs() -> None:
    """The few batches take less time than tracing them would."""
    import tensorflow as tf
    tf.config.run_functions_eagerly(True)

