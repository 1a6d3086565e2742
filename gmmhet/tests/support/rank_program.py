"""Run by test_parallel under mpirun: python -m gmmhet.tests.support.rank_program WHAT FILE"""

import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from gmmhet.engine.errors import InputError
from gmmhet.engine.runtime.devices import set_devices, start
from gmmhet.engine.runtime.ranks import Communicator, RankError, communicator, use

__all__ = ["passes"]

PARTICLES, FEW, BATCH = 18, 6, 4


class Images:
    """What a pass reads of a ParticleCache, of a scene."""

    def __init__(self, scene: Any, n: int = PARTICLES) -> None:
        self.planes, self.grid = scene.planes[:n], scene.grid
        self.table = SimpleNamespace(views=scene.rotations, ctf_coefficients=scene.ctf, optics_index=scene.group)

    def __len__(self) -> int:
        return len(self.planes)

    def read(self, rows: np.ndarray) -> np.ndarray:
        return self.planes[rows]


def passes(brief: bool = False) -> dict[str, np.ndarray]:
    """Every kind of pass over the particles of a scene (brief: two kinds), on the ranks that there are."""
    communicator().distribute(_without_graphs, (), [()] * communicator().size)
    from gmmhet.engine.gradient.frc_pass import Compared, score_pass
    from gmmhet.engine.gradient.gradient_pca import best_positions
    from gmmhet.engine.subspace.estimator_spec import EstimatorSpec
    from gmmhet.engine.subspace.passes import SubspaceEstimator
    from gmmhet.engine.subspace.smooth_fields import FieldBasis, smooth_basis
    from gmmhet.engine.subspace.state import PoseSpread, Posteriors, SubspaceModel
    from gmmhet.tests.support.scene import Scene
    scene = Scene(n=PARTICLES, gaussians=8, modes=1, groups=2, seed=3)
    cache: Any = Images(scene)
    few: Any = Images(scene, FEW)  # the score is evaluated often for each
    basis = FieldBasis.of(smooth_basis(scene.centers, 14.0), position=4.0, amplitude=0.3)
    noise = np.array([[60.0], [90.0]]) * np.ones(scene.grid.n_shells)
    model = SubspaceModel(scene.centers, scene.weights, scene.sigmas**2, np.full((1, basis.size), 0.1), noise, 1.0, 0.3,
                          PoseSpread(0.3, 0.03, 0.02))
    estimator = SubspaceEstimator(EstimatorSpec(cache, scene.observer, basis, basis, batch_size=BATCH))
    start = Posteriors.blank(np.arange(PARTICLES), model)
    found: dict[str, np.ndarray] = {}

    def kept(name: str, estimator: SubspaceEstimator, start: Posteriors, number: int) -> Posteriors:
        posteriors, sums = estimator.pass_over(model, start, gradient=True, label=name, number=number)
        found.update({f"{name}_{k}": v for k, v in (*vars(posteriors).items(), *vars(sums).items())})
        return posteriors

    first = kept("first", estimator, start, 0)
    found["covariance"] = estimator.gradient_covariance(model, first)
    if brief:
        return found
    second = kept("second", estimator, first, 1)
    kept("flipped", estimator.with_flips(5, model, first), start, 0)
    found["curvature"] = estimator.curvature(model, second)
    whole = scene.observer, scene.centers, scene.weights
    scores = score_pass(Compared(cache, *whole), batch_size=BATCH, covariance=True)
    found |= {f"scores_{k}": v for k, v in vars(scores).items()}
    best = best_positions(Compared(few, *whole), scene.position, reach=2.0, batch_size=BATCH)
    found["positions"], found["widths"] = best
    return found


def _without_graphs() -> None:
    """The few batches take less time than tracing them would."""
    import tensorflow as tf
    tf.config.run_functions_eagerly(True)


def square(offset: int, number: int) -> tuple[int, int]:
    """The rank, and work that any can do."""
    return communicator().rank, (number + offset) ** 2


def spoiled(kind: str, rank: int) -> Any:
    """Work that goes wrong on one rank."""
    if communicator().rank != rank:
        return None
    if kind == "input":
        raise InputError(f"rank {rank}: bad image")
    if kind == "mute":
        return sys.modules["sys"]  # which cannot be sent
    if kind == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    raise ZeroDivisionError("nothing to divide by")


def _lead(ranks: Communicator, what: str, target: Path) -> None:
    if what in ("passes", "brief"):
        ranks.distribute(set_devices, (1, "none"), [()] * ranks.size)
        np.savez(target, **passes(what == "brief"))
        return
    if what == "calls":
        done = list(ranks.each(square, (1,), range(7)))
        total = ranks.total(np.multiply, (np.arange(3.0),), [(r,) for r in range(ranks.size)])
        np.savez(target, done=done, total=total)
        return
    try:
        ranks.distribute(spoiled, (what,), [(ranks.size - 1,)] * ranks.size)
    except (InputError, RankError) as error:
        target.write_text(f"{type(error).__name__}: {error}", encoding="utf-8")
    done = list(ranks.each(square, (0,), range(3)))  # what follows works
    if [value for _, value in done] != [0, 1, 4]:
        raise ValueError(f"{done} after an error")


def main(what: str, target: Path) -> None:
    ranks = start()
    use(ranks)
    if ranks.rank:
        ranks.serve()
        return
    status = 1
    try:
        _lead(ranks, what, target)
        status = 0
    finally:
        ranks.finish(status)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
