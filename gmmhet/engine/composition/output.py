"""The files of gmmhet composition; their contents are described in CONVENTIONS.rst."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.composition.inputs import Analysed
from gmmhet.engine.composition.presence import BlockModel
from gmmhet.engine.composition.settings import OUTPUT
from gmmhet.engine.composition.states import States, order_of_blocks
from gmmhet.engine.io import number_texts, replacing, write_arrays, write_map, write_particles
from gmmhet.engine.io.result_columns import BLOCK, STATE, STATE_PROBABILITY
from gmmhet.engine.molecule.gaussian_map import gaussian_density
from gmmhet.engine.molecule.gaussians import GaussianModel
from gmmhet.engine.molecule.maps import soft_edge
from gmmhet.engine.wording import composition as wording
from gmmhet.engine.wording.names import place

__all__ = ["COMMAND", "Composition", "write_composition"]

_LOG = logging.getLogger("gmmhet")
COMMAND = "composition"


@dataclass(frozen=True)
class Composition:
    """What was found.

    Attributes:
        parcel: [N] of each Gaussian, from 0. model, states: None where there is no block. names: of given blocks.
        motion: [K] variances of the coordinates of motion that are left beside the blocks, of 1.
        noise_scale: of the noise, over the analysis'. lacking: of what there was too little to look, or "".
    """

    parcel: NDArray[np.int64]
    model: BlockModel | None
    states: States | None
    names: Sequence[str]
    motion: NDArray[np.float64]
    noise_scale: float
    lacking: str = ""


def write_composition(folder: Path, analysed: Analysed, found: Composition, about: dict[str, object]) -> None:
    """Write everything; summary.json last.

    Args:
        about: entries of summary.json that are there before the others.
    """
    (folder / "summary.json").unlink(missing_ok=True)
    for old in folder.glob("block_*.mrc"):
        old.unlink()
    blocks, states, order, words = [], [], [], ""
    if found.model is None or found.states is None:
        words = found.lacking or wording.nothing_comes_and_goes(len(analysed.table))
        columns: dict[str, Sequence[str]] = {}
    else:
        blocks = _blocks(folder, analysed, found, found.model, found.states)
        states = _states(found.states)
        order = [] if found.states.independent else order_of_blocks(found.states.combinations)
        words = wording.verdict(len(blocks), len(states), found.states.independent, bool(found.names))
        columns = _columns(found.states)
        _write_arrays(folder / "composition.npz", analysed, found, found.model, found.states)
    write_particles(folder / "particles.star", analysed.table, columns)
    if found.states is None:
        (folder / "composition.npz").unlink(missing_ok=True)
    gain = (None, None) if found.states is None or not np.isfinite(found.states.independent_gain) else (
        found.states.independent_gain, found.states.independent_error)
    said = wording.order_words([(b + 1, a + 1) for b, a in order])
    summary = {"command": COMMAND, **about, "n_particles": len(analysed.table), "n_blocks": len(blocks),
               "n_states": len(states), "blocks": blocks, "states": states,
               "order": [{"block": b + 1, "needs": a + 1} for b, a in order],
               "independent": None if gain[0] is None or found.states is None else {
                   "independent": found.states.independent, "heldout_gain_of_states": gain[0],
                   "heldout_gain_error": gain[1]},
               "motion_left": found.motion.tolist(), "noise_scale": found.noise_scale, "order_words": said,
               "verdict": words}
    with replacing(folder / "summary.json") as temporary:
        temporary.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")
    for entry in (*blocks, *states):
        _LOG.info("%s", entry["words"])
    if said:
        _LOG.info("%s", said)
    _LOG.info("%s", words)


def _columns(states: States) -> dict[str, Sequence[str]]:
    likeliest = states.probability.argmax(1)
    columns: dict[str, Sequence[str]] = {
        f"{BLOCK}{b + 1}": number_texts(values, "%.4f") for b, values in enumerate(states.presence.T)}
    columns[STATE] = [str(s + 1) for s in likeliest]
    columns[STATE_PROBABILITY] = number_texts(states.probability.max(1), "%.4f")
    return columns


def _write_arrays(path: Path, analysed: Analysed, found: Composition, model: BlockModel, states: States) -> None:
    gaussians = analysed.model
    write_arrays(path, ids=analysed.table.ids, centers=gaussians.centers, weights=gaussians.weights,
                 sigmas=gaussians.sigmas, members=model.members[found.parcel],
                 presence=states.presence.astype(np.float32), states=states.combinations.astype(np.int64),
                 shares=states.shares, probability=states.probability.astype(np.float32))


def _blocks(folder: Path, analysed: Analysed, found: Composition, model: BlockModel, states: States,
            ) -> list[dict[str, object]]:
    gaussians = analysed.model
    density = gaussians.weights[:, None] * model.members[found.parcel]  # [N, B + 1] where all blocks are present
    full = density.sum(1)
    positive = np.maximum(full, 0)
    middle = np.average(gaussians.centers, axis=0, weights=positive)
    radius = float(np.sqrt(np.average(((gaussians.centers - middle) ** 2).sum(1), weights=positive)))
    per_weight = None if analysed.kilodalton is None else analysed.kilodalton / analysed.weight
    entries = []
    for b in range(model.blocks):
        own = np.maximum(density[:, b + 1], 0)
        inside = own > full / 2
        center = np.average(gaussians.centers, axis=0, weights=own)
        offset = center - middle
        distance = float(np.linalg.norm(offset))
        x, y, z = (float(v) for v in offset / max(distance, 1e-9))
        where = place((x, y, z), distance, radius)
        share_of_mass = float(own.sum() / positive.sum())
        mass = None if per_weight is None else float(own.sum()) * per_weight
        file = f"block_{b + 1:02d}.mrc"
        write_map(folder / file, _mask(gaussians, inside), gaussians.pixel_size)
        name = found.names[b] if found.names else ""
        share, error = float(states.frequency[b]), float(states.frequency_error[b])
        entries.append({
            "number": b + 1, "name": name, "mass_share": share_of_mass, "kilodalton": mass, "middle": center.tolist(),
            "where": where, "gaussians": int(inside.sum()), "share": share, "share_error": error,
            "mask": file,
            "words": wording.block_words(b + 1, name, mass, share_of_mass, where, (share, error))})
    return entries


def _states(states: States) -> list[dict[str, object]]:
    likeliest, entries = states.probability.argmax(1), []
    for s, row in enumerate(states.combinations):
        present = [b + 1 for b in np.flatnonzero(row > 0.5).tolist()]
        own = states.probability[likeliest == s, s]
        entries.append({
            "number": s + 1, "blocks": present, "share": float(states.shares[s]),
            "share_error": float(states.errors[s]),
            "particles": len(own), "sure": int((own >= OUTPUT.sure).sum()),
            "words": wording.state_words(s + 1, present, len(row), float(states.shares[s]), float(states.errors[s]))})
    return entries


def _mask(model: GaussianModel, inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """A soft mask of some Gaussians [N], on the grid of the particles."""
    part = GaussianModel(model.centers[inside], np.ones(int(inside.sum())),
                         np.maximum(model.sigmas[inside], OUTPUT.mask_width * model.resolution), model.box,
                         model.pixel_size, model.resolution)
    density = gaussian_density(part).data
    at = np.clip(np.rint(part.centers / model.pixel_size).astype(int) + model.box // 2, 0, model.box - 1)
    level = OUTPUT.mask_level * float(np.median(density[at[:, 2], at[:, 1], at[:, 0]]))
    return soft_edge(density > level, 0.0, OUTPUT.mask_edge * model.resolution / model.pixel_size)
