"""Settings of aberrations."""

from dataclasses import dataclass

from gmmhet.engine.settings import setting

__all__ = ["RESTORATION", "Restoration"]


@dataclass(frozen=True)
class Restoration:
    """Images freed of corrections for the CTF that other programs made."""

    least_ctf: float = setting(0.05, "", "images that were multiplied by C are divided by (C^2 + this^2) / C, "
                               "which is exact but for |C| below about twice it", origin="chosen, not measured")


RESTORATION = Restoration()
