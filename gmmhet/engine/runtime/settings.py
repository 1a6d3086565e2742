"""Settings of batches, shares and workers: how many particles are computed at once, and how long a run waits."""

from dataclasses import dataclass

from gmmhet.engine.settings import setting

__all__ = ["BATCHES", "SHARES", "WORKERS", "Batches", "Shares", "Workers"]

_CHOSEN = "chosen, not measured"


@dataclass(frozen=True)
class Batches:
    """Particles at once, on a processor and on a GPU."""

    cpu_floats: int = setting(12_000_000, "floats", "of the projections' factors: about what stays in a processor's "
                              "cache", origin=_CHOSEN)
    cpu_most: int = setting(64, "particles", "on a processor, at most", origin=_CHOSEN)
    gpu_most: int = setting(1024, "particles", "on a GPU, at most", origin=_CHOSEN)
    gpu_share: float = setting(0.5, "of the free memory", "that is filled by the estimate below; other programs use "
                               "the rest too", origin=_CHOSEN)
    factor_copies: int = setting(14, "arrays", "of the size of the factors that a pass holds at the same time",
                                 origin="counted in its graph")
    gpu_parts: int = setting(8, "batches", "that a set of particles fills at least on a GPU, so that several have work",
                             origin=_CHOSEN)
    image_copies: int = setting(12, "arrays", "of the size of an image, beside one a column of the Jacobian",
                                origin="counted in its graph")


BATCHES = Batches()


@dataclass(frozen=True)
class Shares:
    """Shares of the particles: the work of a pass that is done in one piece by one process."""

    least: int = setting(256, "particles", "of a share, so that sending it costs little beside computing it",
                         origin=_CHOSEN)
    few: int = setting(32, "particles", "of a share where each takes long",
                                      origin=_CHOSEN)
    most: int = setting(256, "shares", "of a pass: four for each of 64 workers", origin=_CHOSEN)
    particles_of_map: int = setting(16384, "particles", "of a share where each share makes equations of whole maps",
                                    origin=_CHOSEN)
    branches: int = setting(8, "sums", "that are added one after the other before the next level of their tree",
                            origin=_CHOSEN)


SHARES = Shares()


@dataclass(frozen=True)
class Workers:
    """Worker processes: when they are given up."""

    look: float = setting(2.0, "s", "between two looks whether workers are there", origin=_CHOSEN)
    patience: float = setting(300.0, "s", "without any worker, after which a run ends", origin=_CHOSEN)
    silence: float = setting(300.0, "s", "without a sign of life, after which a worker is replaced", origin=_CHOSEN)
    failures: int = setting(5, "workers", "that may be lost over a share before the run ends: what kills every worker "
                            "would do so for ever", origin=_CHOSEN)
    start: float = setting(120.0, "s", "in which a process that this run starts is to be a worker", origin=_CHOSEN)
    queue: float = setting(604_800.0, "s", "in which a queue is to start the first worker", origin=_CHOSEN)
    answer: float = setting(20.0, "s", "in which a scheduler is to answer", origin=_CHOSEN)
    memory: float = setting(0.9, "of the memory", "of this machine that its workers and the process that leads share",
                            origin=_CHOSEN)


WORKERS = Workers()
