"""Settings of the cropped images on disk."""

from dataclasses import dataclass

from gmmhet.engine.settings import setting

__all__ = ["PARTICLE_CACHE", "CacheSizes"]

_CHOSEN = "chosen, not measured"


@dataclass(frozen=True)
class CacheSizes:
    """How much is read and written at once."""

    pixels_at_once: int = setting(1 << 22, "pixels", "of images that are cropped at once", origin=_CHOSEN)
    chunk: int = setting(1 << 24, "bytes", "that one checksum is of: what is made again where it is damaged",
                         origin=_CHOSEN)
    attempts: int = setting(3, "times", "files are made that another run with other content keeps taking away",
                            origin=_CHOSEN)


PARTICLE_CACHE = CacheSizes()
