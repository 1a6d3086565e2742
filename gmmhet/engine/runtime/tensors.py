"""Types of tensors and arrays, for annotations; shapes, units and meaning stand in docstrings."""

from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

__all__ = ["Floats", "Tensor"]

Tensor: TypeAlias = tf.Tensor
#: an array in single or double precision
Floats: TypeAlias = NDArray[np.floating[Any]]
