"""A simulated data set with the effects of microscopes: imaged, written with its truth and its refinement's maps."""

import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gmmhet.engine.config import SimulateConfig
from gmmhet.engine.config.realism import Realism
from gmmhet.engine.conventions import euler_to_matrix
from gmmhet.engine.io import replacing, write_map, write_stack
from gmmhet.engine.optics.ctf import ctf, ctf_coefficients
from gmmhet.engine.progress import progress
from gmmhet.engine.simulate.atoms import atom_map, with_atoms
from gmmhet.engine.simulate.direct_inversion import SliceSum
from gmmhet.engine.simulate.imperfect_images import (
    KINDS,
    PARTICLE,
    Imperfections,
    draw_imperfections,
    with_defocus_errors,
    with_preferred_views,
)
from gmmhet.engine.simulate.optical_field import OpticalField
from gmmhet.engine.simulate.particles import Particles
from gmmhet.engine.simulate.pose_errors import with_pose_errors
from gmmhet.engine.simulate.presets import Preset
from gmmhet.engine.simulate.realistic_images import Levels, RealisticImages, measured_levels
from gmmhet.engine.simulate.refinement_maps import RefinementMaps, refinement_maps
from gmmhet.engine.simulate.settings import IMAGING
from gmmhet.engine.simulate.specimen import Specimen

__all__ = ["RealisticSet", "draw_realistic_set"]

_LOG = logging.getLogger("gmmhet")
_IMAGES_AT_ONCE = 128


@dataclass(frozen=True)
class RealisticSet:
    """All that was drawn.

    Attributes:
        what: the preset, its molecule of atoms. particles: at true poses and defocus. given: as the user gets them.
        found: what is wrong with each image. levels: of noise. box: pixels. pixel_size: Angstrom.
    """

    what: Preset
    particles: Particles
    given: Particles
    found: Imperfections
    realism: Realism
    levels: Levels
    box: int
    pixel_size: float
    seed: int

    def write(self, folder: Path) -> None:
        """Images, maps of the refinement, true maps and tables; not the STAR files and truth.csv.

        particles.mrcs, consensus.mrc, refinement/*.mrc, truth/state_NN.mrc, truth/images.csv, truth/as_real.json.
        """
        n, factors = len(self.particles), np.ones(len(self.particles))
        halves = [SliceSum(self.box, self.pixel_size) for _ in range(2)]
        write_stack(folder / "particles.mrcs", (n, self.box, self.box), self.pixel_size, self._images(factors, halves))
        maps = refinement_maps(halves[0].map(), halves[1].map(), self.pixel_size, self.realism.b_factor)
        self._write_refinement(folder, maps)
        good = self.found.kind == PARTICLE
        scale = float((factors * self.found.contrast)[good].mean())
        self._write_true_maps(folder / "truth", scale)
        self._write_table(folder / "truth" / "images.csv", factors)
        about = {"realism": asdict(self.realism), "levels": asdict(self.levels), "kinds": list(KINDS), "scale": scale,
                 "images_of_kind": np.bincount(self.found.kind, minlength=len(KINDS)).tolist(),
                 "resolution_of_refinement": maps.resolution}
        with replacing(folder / "truth" / "as_real.json") as temporary:
            temporary.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        _LOG.info("%s: consensus of these images at the given poses, %.1f Å; %d images show something else", folder,
                  maps.resolution, n - int(good.sum()))

    def _images(self, factors: NDArray[np.float64], halves: list[SliceSum]) -> Iterator[NDArray[np.float32]]:
        """Batches of images; fills factors [n] and the slices of both half-sets."""
        field = OpticalField.around(self.box, self.pixel_size, self.realism.padding)
        maker = RealisticImages(Specimen(self.what.molecule, self.particles, field), self.found, self.realism,
                                self.levels, self.seed)
        kx, ky = np.broadcast_arrays(np.fft.rfftfreq(self.box, self.pixel_size),
                                     np.fft.fftfreq(self.box, self.pixel_size)[:, None])
        rotations = euler_to_matrix(self.given.angles)
        u, v, angle = self.given.defocus.T
        coefficients = ctf_coefficients(u, v, angle, 0.0, IMAGING.voltage, IMAGING.spherical_aberration,
                                        IMAGING.amplitude_contrast)
        n = len(self.particles)
        starts = range(0, n, _IMAGES_AT_ONCE)
        for start in progress(starts, "make images", len(starts)):
            rows = np.arange(start, min(start + _IMAGES_AT_ONCE, n))
            batch = np.empty((len(rows), self.box, self.box), np.float32)
            for place, row in enumerate(rows):
                batch[place], factors[row] = maker.image(int(row))
            for number, half in enumerate(halves, 1):
                mine = np.flatnonzero(self.given.half_set[rows] == number)
                all_mine = rows[mine]
                half.add(batch[mine], rotations[all_mine], self.given.origins[all_mine],
                         ctf(coefficients[all_mine], kx, ky))
            yield batch

    def _write_refinement(self, folder: Path, maps: RefinementMaps) -> None:
        write_map(folder / "consensus.mrc", maps.refined, self.pixel_size)
        out = folder / "refinement"
        out.mkdir(exist_ok=True)
        for name, data in (("run_class001", maps.refined), ("run_half1_class001_unfil", maps.half1),
                           ("run_half2_class001_unfil", maps.half2), ("mask", maps.mask),
                           ("postprocess", maps.sharpened), ("postprocess_masked", maps.masked)):
            write_map(out / f"{name}.mrc", data, self.pixel_size)

    def _write_true_maps(self, folder: Path, scale: float) -> None:
        for old in folder.glob("state_*.mrc"):
            old.unlink()
        digits = max(2, len(str(len(self.what.states) - 1)))
        for number in self.what.mapped.tolist():
            centers, weights = self.what.molecule.place(self.what.states[number:number + 1])
            state = atom_map(centers[0], weights[0], box=self.box, pixel_size=self.pixel_size)
            write_map(folder / f"state_{number:0{digits}d}.mrc", scale * state, self.pixel_size)

    def _write_table(self, path: Path, factors: NDArray[np.float64]) -> None:
        """One row an image: what it shows and how it was made."""
        found, true = self.found, self.particles
        names = ["id", "kind", *self.what.columns, "rot", "tilt", "psi", "preferred_view", "contrast", "noise_level",
                 "b_factor", "defocus_error", "neighbours", "scale", "micrograph", "coordinate_x", "coordinate_y"]
        with replacing(path) as temporary, open(temporary, "w", encoding="utf-8") as out:
            out.write(",".join(names) + "\n")
            for i in range(len(true)):
                numbers = [*true.coordinates[i], *true.angles[i], int(found.preferred[i]), found.contrast[i],
                           found.noise_level[i], found.b_factor[i], found.defocus_error[i], int(found.neighbours[i]),
                           float(factors[i]), int(true.micrograph[i]), *found.place[i]]
                texts = [f"{v:.6g}" if isinstance(v, float) else str(v) for v in numbers]
                out.write(",".join([str(i + 1), KINDS[found.kind[i]], *texts]) + "\n")


def draw_realistic_set(what: Preset, particles: Particles, config: SimulateConfig, realism: Realism, *, snr: float,
                       box: int, pixel_size: float) -> RealisticSet:
    """What is imaged, of particles as they are drawn for an ideal simulation too, but for their views.

    Args:
        config: seed, and the errors of the poses that are given.
    Raises:
        InputError: the noise that is asked for is less than structural noise alone.
    """
    found = draw_imperfections(realism, particles, box, config.seed)
    true = with_preferred_views(particles, found.preferred, config.seed)
    given = with_pose_errors(true, config.angle_error, config.shift_error, config.seed)
    atomic = replace(what, molecule=with_atoms(what.molecule))
    field = OpticalField.around(box, pixel_size, realism.padding)
    levels = measured_levels(Specimen(atomic.molecule, true, field), found, realism, snr)
    return RealisticSet(atomic, true, with_defocus_errors(given, found.defocus_error), found, realism, levels, box,
                        pixel_size, config.seed)
