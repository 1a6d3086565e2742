"""A screen without a monitor, for tests of windows."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["WHY_NOT", "screen"]

_SERVER = shutil.which("Xvfb")
#: why windows cannot be opened; empty where they can
WHY_NOT = "" if _SERVER else "Xvfb is needed to open Scipion's windows; they are NOT tested"


@contextmanager
def screen() -> Iterator[str]:
    """Start one of 1400 x 900 pixels, whose DISPLAY is given; end it afterwards."""
    assert _SERVER is not None, WHY_NOT
    ready, said = os.pipe()
    server = subprocess.Popen([_SERVER, "-displayfd", str(said), "-screen", "0", "1400x900x24", "-nolisten", "tcp"],
                              pass_fds=[said], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(said)
    try:
        with os.fdopen(ready, encoding="ascii") as answer:  # the number of a free display, once it takes windows
            number = answer.readline().strip()
        if not number:
            raise RuntimeError(f"{_SERVER} ended with status {server.wait()}")
        yield f":{number}"
    finally:
        server.terminate()
        server.wait()
