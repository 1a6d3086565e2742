"""Image stacks and their attributes in HDF5 files as EMAN2 writes them: MDF/images/0, 1, ... each with an image."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.errors import InputError

__all__ = ["HdfStack"]

_PREFIX = "EMAN."


class HdfStack:
    """Images [n, y, x] of an EMAN2 HDF5 stack, read one by one.

    Raises:
        InputError: missing, no HDF5 file, or another layout.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        if not self._path.is_file():
            raise InputError(f"{path}: no such file; expected an HDF5 image stack")
        try:
            self._file = h5py.File(self._path, "r")
            self._images = self._file["MDF/images"]
            numbers = [int(k) for k in self._images if k.isdigit()]
            first = self._images[str(min(numbers))]["image"].shape
        except (OSError, KeyError, ValueError, AttributeError, TypeError) as error:
            raise InputError(f"{path}: not an image stack as EMAN2 writes it ({str(error).splitlines()[0]}); "
                             "expected MDF/images/0/image") from None
        if len(first) == 3 and first[0] == 1:
            first = first[1:]
        if len(first) != 2:
            raise InputError(f"{path}: images of {len(first)} dimensions; expected a stack of 2D images")
        self.shape = (max(numbers) + 1, *first)

    def __enter__(self) -> "HdfStack":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._file.close()

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        out = np.empty((len(rows), *self.shape[1:]), np.float32)
        for place, row in enumerate(np.asarray(rows).tolist()):
            try:
                group = self._images[str(row)]
                image = np.asarray(group["image"][()]).reshape(self.shape[1:])
            except (OSError, KeyError, ValueError) as error:
                raise InputError(f"{self._path}: image {row}: cannot be read ({str(error).splitlines()[0]}); "
                                 f"expected {self.shape[2]} x {self.shape[1]} pixels") from None
            out[place] = self._scaled(image, group["image"].attrs, group.attrs)
        return out

    def _scaled(self, image: NDArray[Any], *places: Any) -> NDArray[np.float32]:
        """Compressed images are whole numbers of bits between a lowest and a highest density."""
        if image.dtype.kind == "f":
            return np.asarray(image, np.float32)
        told = {k: a[_PREFIX + k] for a in places for k in ("stored_renderbits", "stored_rendermin",
                                                            "stored_rendermax", "stored_truemin") if _PREFIX + k in a}
        bits = int(_number(told.get("stored_renderbits", 0)))
        if bits <= 0 or "stored_rendermin" not in told or "stored_rendermax" not in told:
            return np.asarray(image, np.float32)
        low, high = _number(told["stored_rendermin"]), _number(told["stored_rendermax"])
        return np.asarray(image * ((high - low) / (2**bits - 1)) + low, np.float32)

    def attributes(self, row: int, names: Sequence[str]) -> dict[str, Any]:
        """Those of EMAN2's attributes of an image that are there; texts of JSON objects as dictionaries.

        Args:
            names: without EMAN2's prefix.
        Raises:
            InputError: there is no such image.
        """
        if str(row) not in self._images:
            raise InputError(f"{self._path}: no image {row}; expected {len(self)} images, from 0")
        attributes = self._images[str(row)].attrs
        return {name: _value(attributes[_PREFIX + name]) for name in names if _PREFIX + name in attributes}


def _number(value: Any) -> float:
    return float(np.asarray(value).reshape(-1)[0])


def _value(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        value = value.item() if np.size(value) == 1 else value.tolist()
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, str) and value.startswith("{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value
