"""Rows of the set of answers: what the program says in words, against what is there.

``named``: a hinge and a domain that comes and goes, in the preset's molecule and in molecules of random shape: turn of
the hinge, and share and mass of the domain, as the summary names them. ``plateau``: eleven even states of a hinge, and
the density along its coordinate. ``gap``: two states, and the particles between them. ``hidden``: 80 % in one of two
states, seen mostly along the line on which the domain lies before the body. ``turn``: a domain that turns all the way
round, as the preset has it. ``curved``: curves against straight modes on four sets. All but ``turn``: 1,500 images of
48 px of 4 Angstrom.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from answer_molecules import RESIDUE_KILODALTON, hinge_and_domain, two_states
from figures import Figure, at_least, at_most
from stages import Analysis, Bench, DataSet, code_digest

from gmmhet.engine.config import SimulateConfig
from gmmhet.engine.io import read_particles, write_particles
from gmmhet.engine.latent_space.deconvolution import Deconvolved
from gmmhet.engine.latent_space.saved_analysis import read_analysis
from gmmhet.engine.molecule.curves import CIRCUMFERENCE
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


def _density(found: Analysis) -> Deconvolved:
    """Over the coordinate of mode 1."""
    return read_analysis(found.folder).population.along([0]).deconvolved


def humps(density: Deconvolved) -> int:
    """Summits with valleys between them that are deeper than two standard errors, in both half-sets."""
    axis = np.linspace(density.centers.min(), density.centers.max(), 400)[:, None]
    height, error, halves = density.density(axis), density.band(axis), density.of_halves(axis)
    summits: list[int] = []
    for i in np.flatnonzero((height[1:-1] > height[:-2]) & (height[1:-1] >= height[2:])) + 1:
        if not summits:
            summits.append(int(i))
            continue
        valley = summits[-1] + int(np.argmin(height[summits[-1]:i + 1]))
        lower = min(summits[-1], int(i), key=lambda at: float(height[at]))
        deep = height[lower] - height[valley] > 2 * np.hypot(error[lower], error[valley])
        if deep and (halves[:, valley] < halves[:, lower]).all():
            summits.append(int(i))
        elif height[i] > height[summits[-1]]:
            summits[-1] = int(i)
    return len(summits)


def _plateau(work: Bench, seed: int) -> Iterator[Figure]:
    data = simulated(work, "plateau", preset("hinge11"), seed)
    density = _density(work.analyze(data, "likelihood"))
    axis = np.linspace(density.centers.min(), density.centers.max(), 400)[:, None]
    agree, count = float(np.corrcoef(*density.of_halves(axis))[0, 1]), humps(density)
    yield Figure("eleven even states: humps of the density that both halves agree on", str(count), "1", abs(count - 1),
                 at_most(0), at_most(0))
    yield Figure("eleven even states: correlation of the halves' densities", f"{agree:.3f}", "1.000", agree,
                 at_least(0.9), at_least(0.98))


def _gap(work: Bench, seed: int) -> Iterator[Figure]:
    data = simulated(work, "gap", preset("twostate"), seed)
    density, present = _density(work.analyze(data, "likelihood")), data.truth().coordinates[:, 0]
    middles = np.sort(density.centers[:, 0][np.argsort(-density.density(density.centers))])
    low, high = (float(density.centers[side, 0][np.argmax(density.density(density.centers[side]))]) for side in (
        density.centers[:, 0] < middles.mean(), density.centers[:, 0] >= middles.mean()))
    inside = np.abs(density.centers[:, 0] - (low + high) / 2) < (high - low) / 4
    count, error = density.within(inside.astype(float))
    yield Figure(f"two states: particles in the middle half between them, of {len(present):,}",
                 f"{count:.1f} ± {error:.1f}", "0", count, at_most(5), at_most(error))


def _hidden(work: Bench, seed: int) -> Iterator[Figure]:
    particles = work.particles or 1500
    what = two_states(seed, 0.8, np.array([0.0, 0.0, 1.0]))
    every = simulated(Bench(work.folder, 4 * particles), "hidden_all", what, seed)
    table = read_particles(every.folder / "particles.star")
    seen = np.abs(np.cos(np.deg2rad(table.angles[:, 1]))) > np.cos(np.deg2rad(40))
    rng = np.random.default_rng(seed)
    rows = np.sort(np.flatnonzero(seen | (rng.random(len(seen)) < 0.05))[:particles])
    folder = work.folder / f"hidden_n{particles}_seed{seed}_{code_digest()}"
    folder.mkdir(exist_ok=True)
    write_particles(folder / "particles.star", table.some(rows), {})
    (folder / "consensus.mrc").write_bytes((every.folder / "consensus.mrc").read_bytes())
    truth = float(every.truth().coordinates[rows, 0].mean())
    domains = _names(work.analyze(DataSet(folder, what, seed), "likelihood"), "density")
    share = domains[0].get("present_share") if domains else None
    said = "none" if share is None else f"{share:.3f} ± {domains[0]['present_share_error']:.3f}"
    yield Figure("80:20 under preferred views: share of the particles with the domain", said, f"{truth:.3f}",
                 1.0 if share is None else abs(share - truth), at_most(0.05), at_most(0.02))


def _angle_errors(found: Analysis, truth: Any) -> Any:
    """[n] degrees between angles (degrees) and a coordinate on a circle, whose origin and sense mean nothing."""
    angle = read_analysis(found.folder).coordinates[:, 0] * (2 * np.pi / CIRCUMFERENCE)
    turns = [np.exp(1j * (sense * angle - np.deg2rad(truth))) for sense in (1, -1)]
    turn = max(turns, key=lambda t: abs(t.mean()))
    return np.abs(np.rad2deg(np.angle(turn * np.conj(turn.mean()))))


def _turn(work: Bench, seed: int) -> Iterator[Figure]:
    """A domain that turns all the way round, its images as the preset has them."""
    data = work.simulate("turning", preset("turning").snr, seed)
    found = work.analyze(data, "likelihood", "--resolution", 16, "--decoder", "auto")
    curves = found.summary().get("curves") or {}
    kinds, count = curves.get("kinds", []), int(found.entry("n_significant_modes"))
    yield Figure("full turn: coordinates", f"{count} {' '.join(kinds) or 'straight'}", "1 circle", float(count),
                 at_most(2), at_most(1))
    if kinds == ["circle"]:
        error = float(np.median(_angle_errors(found, data.truth().coordinates[:, 0])))
        yield Figure("full turn: median error of the angle, degrees", f"{error:.2f}", "0", error, at_most(1.6),
                     at_most(1.3))


def _curved(work: Bench, seed: int) -> Iterator[Figure]:
    """The likeliest curves, whether they are taken or not, against straight modes."""
    for name, what in (("turn", preset("turning")), ("hinge of 50 degrees", preset("hinge11")),
                       ("hinge and domain", preset("hingedomain")), ("two hinges", preset("twomotions"))):
        data = simulated(work, f"curved_{name.replace(' ', '')}", what, seed)
        curves = work.analyze(data, "likelihood", "--resolution", 16, "--decoder", "nonlinear").entry("curves")
        gain, error = curves["heldout_gain"], curves["heldout_gain_error"]
        yield Figure(f"{name}: held-out log-likelihood per particle over straight modes",
                     f"{gain:+.3f} ± {error:.3f}; {curves['modes_before']} straight, {len(curves['kinds'])} curved",
                     "-", gain / error, at_least(-2), at_least(2))


ROWS = {"named": _named, "plateau": _plateau, "gap": _gap, "hidden": _hidden, "turn": _turn, "curved": _curved}
