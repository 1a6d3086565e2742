"""Particles whose images have different signs of contrast."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.io.particles import IMAGE_SIGN, ParticleTable

__all__ = ["with_image_signs"]


def with_image_signs(table: ParticleTable, signs: NDArray[np.int64]) -> ParticleTable:
    """The table, where every image is also multiplied by a sign; files written of it hold the signs.

    Args:
        signs: [n] 1 or -1, of the images as the table gives them now.
    """
    product = signs if table.signs is None else table.signs * signs
    block = table.tables[table.particle_block]
    columns = {**block.columns, IMAGE_SIGN: [str(int(sign)) for sign in product]}
    return replace(table, signs=product,
                   tables={**table.tables, table.particle_block: replace(block, columns=columns)})
