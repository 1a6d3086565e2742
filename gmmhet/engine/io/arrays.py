"""Named arrays in one file (.npz)."""

import os
import zipfile
from typing import Any

import numpy as np

from gmmhet.engine.io.safe_writing import replacing

__all__ = ["write_arrays"]


def write_arrays(path: str | os.PathLike[str], **arrays: Any) -> None:
    """What numpy.savez writes, but whole or not at all, the same bytes for the same arrays, and quiet on a full disk.

    Raises:
        InputError: the folder cannot be written, or the disk is full.
        ValueError: an array holds Python objects.
    """
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as out:
        for name, array in arrays.items():
            with out.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(  # type: ignore[no-untyped-call]
                    member, np.asanyarray(array), allow_pickle=False)
