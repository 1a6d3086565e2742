"""Rows of the set of answers: what the program says in words, against what is there.

``named``: a hinge and a domain that comes and goes, in the preset's molecule and in molecules of random shape: turn of
the hinge, and share and mass of the domain, as the summary names them. 1,500 images of 48 px of 4 Angstrom.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from answer_molecules import RESIDUE_KILODALTON, hinge_and_domain
from figures import Figure, at_most
from stages import Analysis, Bench, DataSet, code_digest

from gmmhet.engine.config import SimulateConfig
from gmmhet.engine.simulate import Preset, preset, simulate

__all__ = ["ROWS"]

_SNR = 0.1


def simulated(work: Bench, name: str, what: Preset, seed: int) -> DataSet:
    """Particles of a molecule of our own, kept while the code that makes them is the same."""
    particles = work.particles or 1500
    out = work.folder / f"{name}_n{particles}_seed{seed}_{code_digest()}"
    if not (out / "particles.star").is_file():
        simulate(SimulateConfig(particles=particles, seed=seed, box=48, pixel_size=4.0, snr=_SNR), out, what)
    return DataSet(out, what, seed)


def _names(found: Analysis, kind: str) -> list[dict[str, Any]]:
    """Entries of one kind of the modes' names: motion or density."""
    names = [mode.get("name") or {} for mode in found.entry("modes")]
    return [name[kind] for name in names if name.get(kind)]


def _mass(what: Preset, of: Any) -> float:
    """kDa of some residues [N]."""
    return float(what.molecule.weights[of].sum()) * RESIDUE_KILODALTON


def _named(work: Bench, seed: int) -> Iterator[Figure]:
    for label, what in (("preset", preset("hingedomain")), (f"molecule {seed}", hinge_and_domain(seed))):
        data = simulated(work, f"named_{label.replace(' ', '')}", what, seed)
        found, truth = work.analyze(data, "likelihood"), data.truth().coordinates
        domains, hinges = _names(found, "density"), _names(found, "motion")
        yield Figure(f"{label}: modes named motion, density", f"{len(hinges)}, {len(domains)}", "1, 1",
                     abs(len(hinges) - 1) + abs(len(domains) - 1), at_most(0), at_most(0))
        if hinges:
            low, high = np.quantile(truth[:, 0], [0.05, 0.95])
            ratio = hinges[0]["turn_degrees"] / (high - low)
            mass = hinges[0]["kilodalton"] / _mass(what, what.molecule.turned_by == 0)
            yield Figure(f"{label}: turn of the hinge, degrees", f"{hinges[0]['turn_degrees']:.1f}",
                         f"{high - low:.1f}", abs(ratio - 1), at_most(0.2), at_most(0.1))
            yield Figure(f"{label}: mass of the arm, kDa", f"{hinges[0]['kilodalton']:.1f}",
                         f"{_mass(what, what.molecule.turned_by == 0):.1f}", abs(mass - 1), at_most(0.3), at_most(0.15))
        yield from _domain(label, what, truth[:, 1], domains)


def _domain(label: str, what: Preset, present: Any, domains: list[dict[str, Any]]) -> Iterator[Figure]:
    true_mass, true_share = _mass(what, what.molecule.scaled_by == what.molecule.scaled_by.max()), float(present.mean())
    found = domains[0] if domains else {}
    share, mass = found.get("present_share"), found.get("kilodalton")
    said = "none" if share is None else f"{share:.3f} ± {found['present_share_error']:.3f}"
    yield Figure(f"{label}: share of the particles with the domain", said, f"{true_share:.3f}",
                 1.0 if share is None else abs(share - true_share), at_most(0.05), at_most(0.02))
    yield Figure(f"{label}: mass of the domain, kDa", "none" if mass is None else f"{mass:.2f}", f"{true_mass:.2f}",
                 1.0 if mass is None else abs(mass / true_mass - 1), at_most(0.3), at_most(0.15))


ROWS = {"named": _named}
