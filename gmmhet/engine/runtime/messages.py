"""Calls and their arguments as bytes, which Dask keeps and copies from worker to worker, and each unpacks once."""

import io
import mmap
import os
import pickle
import platform
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import ParticleTable
from gmmhet.engine.runtime.pool import Replicated

__all__ = ["Message", "packed"]

_T = TypeVar("_T")


class Message:
    """An object as bytes. It is unpacked where it is first asked for; copies of the message go as bytes again."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._found: list[Any] = []

    def content(self, others: Mapping[str, "Message"]) -> Any:
        """The object. others: messages of the replicated objects in it, by key."""
        if not self._found:
            self._found = [_Unpickler(self.data, others).load()]
        return self._found[0]

    def __sizeof__(self) -> int:
        return len(self.data)

    def __reduce__(self) -> tuple[Any, ...]:
        return Message, (self.data,)


class _Unpickler(pickle.Unpickler):

    def __init__(self, data: bytes, others: Mapping[str, Message]) -> None:
        super().__init__(io.BytesIO(data))
        self._others = others

    def persistent_load(self, key: str) -> Any:
        return self._others[key].content(self._others)


def packed(value: Any, key_of: Callable[[Replicated], str]) -> bytes:
    """A value as bytes: replicated objects (but the value itself) by key, memory-mapped arrays by the name of their
    file, particle tables without the text of theirs."""
    out = io.BytesIO()
    _Pickler(out, key_of, value).dump(value)
    return out.getvalue()


class _Pickler(pickle.Pickler):

    def __init__(self, out: io.BytesIO, key_of: Callable[[Replicated], str], whole: Any) -> None:
        super().__init__(out, protocol=pickle.HIGHEST_PROTOCOL)
        self._key_of, self._whole = key_of, whole

    def persistent_id(self, obj: Any) -> str | None:
        return self._key_of(obj) if isinstance(obj, Replicated) and obj is not self._whole else None

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, np.memmap) and isinstance(obj.base, mmap.mmap) and obj.flags.c_contiguous:
            size = os.stat(str(obj.filename)).st_size
            return _mapped, (str(obj.filename), obj.dtype, obj.offset, obj.shape, size)
        if isinstance(obj, ParticleTable) and (obj.tables or obj.records is not None):
            return _same, (replace(obj, tables={}, records=None),)
        return NotImplemented


def _same(value: _T) -> _T:
    return value


def _mapped(name: str, dtype: Any, offset: int, shape: tuple[int, ...], size: int) -> Any:
    try:
        found = os.stat(name).st_size
        if found == size:
            return np.memmap(name, dtype, "r", offset, shape)
        error: object = f"{found} bytes instead of {size}"
    except (OSError, ValueError) as raised:
        error = raised
    raise InputError(f"{name}: cannot be mapped on {platform.node()} ({error}); expected a folder that all workers see")
