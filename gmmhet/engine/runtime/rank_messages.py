"""Calls and their arguments as bytes, for the other ranks of a run."""

import io
import mmap
import pickle
import platform
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from gmmhet.engine.errors import InputError
from gmmhet.engine.io import ParticleTable

__all__ = ["Replicated", "received", "sent"]

_T = TypeVar("_T")
#: tells the key of a replicated object, and whether it is new to the receivers
KeyOf = Callable[["Replicated"], tuple[int, bool]]


class Replicated:
    """Base of objects that stay where they were sent once, until the sender has no use for them."""


def sent(message: Any, key_of: KeyOf | None = None) -> bytes:
    """A message as bytes. Memory-mapped arrays go by name, particle tables without the text of their file.

    Args:
        key_of: replicated objects go once; None: as any other object.
    """
    return _bytes(message, key_of, None)


def received(message: bytes, kept: dict[int, Any]) -> Any:
    """A message from its bytes.

    Args:
        kept: replicated objects by key; new ones are added.
    Raises:
        InputError: a memory-mapped file is not to be seen from this machine.
    """
    return _Receiver(message, kept).load()


class _Sender(pickle.Pickler):

    def __init__(self, out: io.BytesIO, key_of: KeyOf | None, whole: Any) -> None:
        super().__init__(out, protocol=pickle.HIGHEST_PROTOCOL)
        self._key_of, self._whole = key_of, whole

    def persistent_id(self, obj: Any) -> tuple[int, bytes | None] | None:
        if self._key_of is None or not isinstance(obj, Replicated) or obj is self._whole:
            return None
        key, new = self._key_of(obj)
        return key, _bytes(obj, self._key_of, obj) if new else None

    def reducer_override(self, obj: Any) -> Any:
        if isinstance(obj, np.memmap) and isinstance(obj.base, mmap.mmap) and obj.flags.c_contiguous:
            return _mapped, (str(obj.filename), obj.dtype, obj.offset, obj.shape)
        if isinstance(obj, ParticleTable) and (obj.tables or obj.records is not None):
            return _same, (replace(obj, tables={}, records=None),)
        return NotImplemented


class _Receiver(pickle.Unpickler):

    def __init__(self, message: bytes, kept: dict[int, Any]) -> None:
        super().__init__(io.BytesIO(message))
        self._kept = kept

    def persistent_load(self, identity: Any) -> Any:
        key, message = identity
        if message is not None:
            self._kept[key] = _Receiver(message, self._kept).load()
        return self._kept[key]


def _bytes(message: Any, key_of: KeyOf | None, whole: Any) -> bytes:
    """``whole``: the replicated object that is itself being sent."""
    out = io.BytesIO()
    _Sender(out, key_of, whole).dump(message)
    return out.getvalue()


def _same(value: _T) -> _T:
    return value


def _mapped(name: str, dtype: Any, offset: int, shape: tuple[int, ...]) -> Any:
    try:
        return np.memmap(name, dtype, "r", offset, shape)
    except (OSError, ValueError) as error:
        raise InputError(f"{name}: cannot be mapped on {platform.node()} ({error}); expected a folder that all ranks "
                         "see") from None
