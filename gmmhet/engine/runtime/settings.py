"""Settings of batches: how many particles are computed at once."""

from dataclasses import dataclass

from gmmhet.engine.settings import setting

__all__ = ["BATCHES", "Batches"]

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
    image_copies: int = setting(12, "arrays", "of the size of an image, beside one a column of the Jacobian",
                                origin="counted in its graph")


BATCHES = Batches()
