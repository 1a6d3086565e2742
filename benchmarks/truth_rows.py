"""Rows of the truth set: what the results say, against what is there.

``junk``: a hinge as microscopes show it, a fifth of the images junk of four kinds (noise, ice, another molecule, broken
particles), and the same without junk. One mode is asked for, which is quick: junk is told before modes are sought.
``decision``: whether a hinge is found where poses are off by 3.8 degrees. ``refined``: coordinates and errors of poses
that were refined on the very images. ``noise_maps``: maps along a mode of noise, of the same pixels as its coordinates
and of others. ``still``: verdicts on a molecule that does not move, imaged, refined and mapped in eight ways.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from figures import Figure, Range, at_least, at_most
from measures import area_under_curve, coverage, pose_errors, rank_correlation
from numpy.typing import NDArray
from projection_matching import refine_on_images
from real_rows import kinds_of
from scipy.ndimage import gaussian_filter
from stages import Analysis, Bench, DataSet, Imaging

from gmmhet.engine.io import read_map, read_particles, write_map
from gmmhet.engine.latent_space.saved_analysis import read_analysis
from gmmhet.engine.molecule.gaussian_map import gaussian_density

__all__ = ["ROWS"]

_SNR, _SHARE = 0.1, 0.2
_WITH, _WITHOUT = (Imaging(f"junk{share:g}_", ("--as-real", "--junk", str(share))) for share in (_SHARE, 0.0))
_QUICK = ("--detectable", "no")
_SHARP = "map sharpened and masked"
_REFINED_TO = 10.0  # Angstrom, of poses refined on the images


def _junk(work: Bench, seed: int) -> Iterator[Figure]:
    one = ("--modes", 1, "--follow", "no", "--detectable", "no")
    data = work.simulate("hinge11", _SNR, seed, imaging=_WITH)
    found, kinds = work.analyze(data, "likelihood", *one), kinds_of(data)
    junk, told = kinds != "particle", found.entry("junk")
    share = 0.0 if told is None else told["share"]
    probability = np.zeros(len(kinds)) if told is None else found.column("gmmhetJunk")
    by_contrast = area_under_curve(-found.column("gmmhetContrast"), junk)
    area = area_under_curve(probability, junk)
    yield Figure("junk 20 %: probability, area (by contrast)", f"{area:.3f}", f"{by_contrast:.3f}", area,
                 at_least(0.95), at_least(0.99))
    yield Figure("junk 20 %: share that is told / true", f"{share:.3f}", f"{junk.mean():.3f}",
                 abs(share - junk.mean()), at_most(0.05), at_most(0.02))
    for kind in np.unique(kinds):
        left_out = float(np.mean(probability[kinds == kind] > 0.5))
        yield Figure(f"junk 20 %: share of kind '{kind}' that is left out", f"{left_out:.3f}", "", left_out)
    clean = work.analyze(work.simulate("hinge11", _SNR, seed, imaging=_WITHOUT), "likelihood", *one).entry("junk")
    wrongly = 0.0 if clean is None else clean["share"]
    yield Figure("no junk: share that is told", f"{wrongly:.3f}", "0.000", wrongly, at_most(0.05), at_most(0.02))


def _changed(data: DataSet, name: str, change: Callable[[Path], None]) -> DataSet:
    """The same data set in a folder of its own, whose files are links but for those that ``change`` writes anew."""
    folder = data.folder.with_name(f"{data.folder.name}_{name}")
    if not (folder / "changed").is_file():
        folder.mkdir(exist_ok=True)
        for file in data.folder.iterdir():
            if not (folder / file.name).exists() and file.name in (
                    "consensus.mrc", "particles.mrcs", "particles.star", "truth", "truth.csv", "refinement"):
                (folder / file.name).symlink_to(file.resolve())
        change(folder)
        (folder / "changed").touch()
    return DataSet(folder, data.what, data.seed)


def _with_refined_poses(work: Bench, preset: str, seed: int) -> DataSet:
    def refine(folder: Path) -> None:
        given = folder / "given.star"
        (folder / "particles.star").rename(given)
        refine_on_images(given, folder / "consensus.mrc", folder / "particles.star", resolution=_REFINED_TO)
    return _changed(work.simulate(preset, _SNR, seed, angle_error=2.0, shift_error=1.5), "refined", refine)


def _with_map(data: DataSet, name: str, change: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> DataSet:
    def replace(folder: Path) -> None:
        density = read_map(data.folder / "consensus.mrc")
        (folder / "consensus.mrc").unlink()
        write_map(folder / "consensus.mrc", change(density.data).astype(np.float32), density.pixel_size)
    return _changed(data, name, replace)


def _cut(density: NDArray[np.float32]) -> NDArray[np.float32]:
    """The map without a ball of a fifth of the molecule's mass, at one end of it, as without the belt of a membrane."""
    places = np.argwhere(density > 0.1 * density.max())
    axis = np.linalg.svd(places - places.mean(0), full_matrices=False)[2][0]
    along = (np.indices(density.shape).reshape(3, -1).T - places.mean(0)) @ axis
    order = np.argsort(along)
    mass = np.cumsum(np.clip(density.ravel()[order], 0, None))
    inside = np.zeros(density.size, np.float32)
    inside[order[mass < 0.2 * mass[-1]]] = 1
    return density * (1 - gaussian_filter(inside.reshape(density.shape), 1.0))


def _sharpened(density: NDArray[np.float32]) -> NDArray[np.float32]:
    """Amplitudes raised by exp(3 k^2), k in cycles a voxel (a B factor of -190 A^2 at 4 A), within a tight mask."""
    k = np.linalg.norm(np.stack(np.meshgrid(*[np.fft.fftfreq(len(density))] * 3)), axis=0)
    sharp = np.fft.ifftn(np.fft.fftn(density) * np.exp(3 * k**2)).real
    return np.asarray(sharp * gaussian_filter((density > 0.15 * density.max()).astype(np.float32), 0.7))


def _decision(work: Bench, seed: int) -> Iterator[Figure]:
    data = work.simulate("hinge11", _SNR, seed, angle_error=3.8)
    found = work.analyze(data, "likelihood", *_QUICK)
    mode, truth = found.entry("modes")[0], data.truth().coordinates[:, 0]
    rank = abs(rank_correlation(found.column("gmmhetLatent1"), truth))
    said = f"{mode['heldout_gain']:.2f} +- {mode['heldout_gain_error']:.2f}, {mode['cross_fit']['slope']:.2f}"
    yield Figure(f"hinge, errors of 3.8 deg: modes that are significant (rank correlation {rank:.3f})", said, "1",
                 float(found.summary()["n_significant_modes"]), Range(1, 1), Range(1, 1))


def _refined(work: Bench, seed: int) -> Iterator[Figure]:
    data = _with_refined_poses(work, "hinge11", seed)
    found, truth = work.analyze(data, "likelihood", "--modes", 1, *_QUICK), data.truth()
    z, sd = found.column("gmmhetLatent1"), found.column("gmmhetLatentSd1")
    covered = coverage(z, sd, truth.coordinates[:, 0])
    yield Figure("hinge, poses refined on the images: truth within +- 2 sd", f"{covered:.3f}", "0.954", covered,
                 Range(0.91, 0.98), Range(0.94, 0.96))
    entry = found.entry("pose_errors")
    true, given = (read_particles(data.folder / name) for name in ("truth/particles.star", "particles.star"))
    for name, real in pose_errors(true.angles, given.angles, true.origins, given.origins).items():
        least = entry[name.replace("_degrees", "_detectable_degrees").replace("_angstrom", "_detectable_angstrom")]
        unseen = least is not None and entry[name] < least
        yield Figure(f"hinge, poses refined on the images: error, {name.replace('_', ' ')}, over the true one",
                     f"{entry[name]:.2f}" + (f" (seen from {least:.2f})" if least is not None else ""), f"{real:.2f}",
                     1.0 if unseen else entry[name] / real, Range(0.6, 1.5), Range(0.8, 1.25))


def _noise_maps(work: Bench, seed: int) -> Iterator[Figure]:
    data = work.simulate("null", _SNR, seed)
    found = work.analyze(data, "likelihood", "--modes", 1, *_QUICK)
    sd = float(np.median(found.column("gmmhetLatentSd1")))
    mode = found.entry("modes")[0]["cross_fit"]
    yield Figure(f"motionless: other pixels follow the noise mode (sd {sd:.2f}) by, in standard errors",
                 f"{mode['slope']:.3f} +- {mode['slope_error']:.3f}", "0", abs(mode["slope"]) / mode["slope_error"],
                 at_most(3), at_most(2))
    for cross, floor, goal in (("no", Range(), Range()), ("yes", at_most(0.3), at_most(0.15))):
        maps = work.bins(data, found, data.folder / f"noise_{cross}", "--n", 3, "--cross-fit", cross)
        slopes = _slopes(found, maps)
        yield Figure(f"motionless: maps along it, --cross-fit {cross}: slope on the model's change (halves)",
                     f"{slopes[0]:.2f}, {slopes[1]:.2f}", "0", float(abs(np.mean(slopes))), floor, goal)


def _slopes(found: Analysis, maps: Path) -> list[float]:
    """Change of each half map from the first bin to the last on the model's, to the resolution of the analysis."""
    analysis, records = read_analysis(found.folder), json.loads((maps / "summary.json").read_text())["maps"]
    ends = [gaussian_density(analysis.gaussians_at(np.array(r["coordinates"]))).data for r in (records[0], records[-1])]
    k = np.fft.fftfreq(analysis.model.box, analysis.model.pixel_size)
    band = np.linalg.norm(np.stack(np.meshgrid(k, k, k)), axis=0) <= 1 / analysis.model.resolution
    model = np.fft.fftn(ends[1] - ends[0]) * band
    slopes = []
    for half in ("half1", "half2"):
        first, last = (read_map(maps / r[half]).data for r in (records[0], records[-1]))
        slopes.append(float(np.sum(np.fft.fftn(last - first) * model.conj()).real / np.sum(np.abs(model) ** 2)))
    return slopes


def _still(work: Bench, seed: int) -> Iterator[Figure]:
    for name, data in still_molecules(work, seed).items():
        # a masked map alone does not tell where its signal ends
        fit = ("--resolution", 12) if name == _SHARP else ()
        found = work.analyze(data, "likelihood", *_QUICK, fit=fit).summary()
        mode = found["modes"][0]
        yield Figure(f"motionless, {name}: modes that are significant",
                     f"{mode['heldout_gain']:.2f} ({mode['null_quantile']:.2f}), {mode['cross_fit']['slope']:.2f}", "0",
                     float(found["n_significant_modes"]), Range(0, 0), Range(0, 0))


def still_molecules(work: Bench, seed: int) -> dict[str, DataSet]:
    """A molecule that does not move, by how it was imaged, refined or mapped."""
    exact = work.simulate("null", _SNR, seed)
    real = {name: Imaging(f"{name}_", ("--as-real", "--junk", 0, *more)) for name, more in (
        ("neighbours", ("--neighbours", 1)), ("oneview", ("--preferred-views", 0.85)))}
    return {
        "exact poses": exact,
        "poses off by 2 deg, 2 A": work.simulate("null", _SNR, seed, angle_error=2.0, shift_error=2.0),
        "poses refined on the images": _with_refined_poses(work, "null", seed),
        "junk 20 %": work.simulate("null", _SNR, seed, imaging=_WITH),
        "neighbours": work.simulate("null", _SNR, seed, imaging=real["neighbours"]),
        "a fifth missing from the map": _with_map(exact, "cut", _cut),
        _SHARP: _with_map(exact, "sharp", _sharpened),
        "85 % in one view": work.simulate("null", _SNR, seed, imaging=real["oneview"])}


ROWS = {"junk": _junk, "decision": _decision, "refined": _refined, "noise_maps": _noise_maps, "still": _still}
