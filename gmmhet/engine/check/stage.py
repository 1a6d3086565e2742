"""The preflight: everything that is looked at before any work starts."""

import json
import logging
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gmmhet.engine.check.facts import Facts, facts_of
from gmmhet.engine.check.findings import (
    facts_lines,
    image_lines,
    pose_lines,
    pose_problem,
    pose_warnings,
    unsure,
    view_lines,
)
from gmmhet.engine.check.images import ImageCheck, check_images_of, particle_radius
from gmmhet.engine.check.orientations import Orientations, look_at_orientations
from gmmhet.engine.check.poses import PoseCheck, check_poses, sample_of
from gmmhet.engine.check.settings import IMAGES
from gmmhet.engine.check.views import ViewCheck, check_views
from gmmhet.engine.errors import InputError
from gmmhet.engine.io import DensityMap, ParticleTable, read_particles, replacing
from gmmhet.engine.molecule.field import on_particle_grid, read_density
from gmmhet.engine.wording import check as wording

__all__ = ["CheckResult", "check", "require_sane_poses"]

_LOG = logging.getLogger("gmmhet")


@dataclass(frozen=True)
class CheckResult:
    """What was found. problem: one line on what makes no sense, or None. poses, orientations: None without a map."""

    facts: Facts
    images: ImageCheck
    views: ViewCheck
    poses: PoseCheck | None
    map_path: str | None
    problem: str | None
    orientations: Orientations | None = None

    @property
    def warnings(self) -> list[str]:
        """What is worth a second look."""
        poses = pose_warnings(self.poses) if self.poses is not None else []
        orientations = self.orientations.warnings if self.orientations is not None else []
        return [*self.facts.warnings, *self.images.warnings, *self.views.warnings, *poses, *orientations]

    @property
    def verdict(self) -> str:
        """The end of the story."""
        if self.problem is not None:
            return self.problem
        if self.poses is None:
            return wording.NO_MAP
        frame = self.poses.frame
        return wording.verdict_of_fit(few=self.poses.few, unsure=unsure(self.poses),
                                      other_size=self.poses.scale is not None,
                                      displaced=frame is not None and (frame.moved or frame.turned),
                                      inverted=(self.poses.inverted, self.poses.n_particles) if self.poses.inverted
                                      else (self.facts.inverted, self.facts.n_particles))

    def text(self) -> str:
        """One screen."""
        lines = [self.facts.source, *facts_lines(self.facts), *image_lines(self.images), *view_lines(self.views)]
        if self.poses is not None:
            lines += pose_lines(self.poses, self.map_path or "")
        if self.orientations is not None:
            lines += [wording.screen_line(name, words) for name, words in self.orientations.lines()]
        lines += [wording.screen_line("warning", words) for words in self.warnings]
        return "\n".join([*lines, wording.screen_line("verdict", self.verdict)])

    def plain(self) -> dict[str, Any]:
        """The same for JSON."""
        views = {k: v for k, v in asdict(self.views).items() if k not in ("histogram", "cells")}
        return {"particles": asdict(self.facts), "images": asdict(self.images), "views": views,
                "map": self.map_path, "poses": None if self.poses is None else _plain_poses(self.poses),
                "orientations": None if self.orientations is None else self.orientations.plain(),
                "warnings": self.warnings, "problem": self.problem, "verdict": self.verdict}


def check(particles: Path, map_path: Path | None = None, *, root: Path | None = None, passthrough: Sequence[Path] = (),
          json_path: Path | None = None, seed: int = 0, symmetry: str | None = None, refined_to: float | None = None,
          ) -> CheckResult:
    """Look at particles, and at how they fit a map.

    Args:
        particles: any particle file that is read. map_path: map (.mrc) in the frame of the poses.
        root: project folder that image names are relative to. passthrough: further .cs files of the particles.
        json_path: where to write the result, too. symmetry: point group of the molecule; None: as the views tell.
        refined_to: resolution (Angstrom) of the refinement; None: that of RELION's model file beside the particles.
    Raises:
        InputError: unreadable input. What makes no sense is in the result's ``problem``.
    """
    table = read_particles(particles, root=root, passthrough=passthrough)
    density = None
    if map_path is not None:
        density = on_particle_grid(read_density(map_path), table.box, table.pixel_size, map_path)
    rows = sample_of(table, IMAGES.images, seed)
    images = check_images_of(table, rows, particle_radius(density, table))
    poses = check_poses(table, density, seed=seed) if density is not None else None
    problem = pose_problem(poses, particles, map_path or "") if poses is not None else None
    orientations = None
    if density is not None and poses is not None and problem is None:
        orientations = look_at_orientations(table, density, poses, symmetry=symmetry, used=refined_to, seed=seed)
    result = CheckResult(facts_of(table), images, check_views(table.rotations, symmetry), poses,
                         None if map_path is None else str(map_path), problem, orientations)
    if json_path is not None:
        with replacing(json_path) as temporary:
            temporary.write_text(json.dumps(result.plain(), indent=1) + "\n", encoding="utf-8")
    return result


def require_sane_poses(table: ParticleTable, density: DensityMap, map_path: str | os.PathLike[str],
                       symmetry: str | None = None) -> PoseCheck:
    """Stop before any work where poses, sign of shifts, hand or pixel size make no sense; log what is worth a look.

    Args:
        symmetry: point group of the molecule; None: as the views show.
    Returns:
        What was found.
    Raises:
        InputError: one line on what is wrong.
    """
    found = check_poses(table, density)
    problem = pose_problem(found, table.source, Path(map_path))
    if problem is not None:
        raise InputError(problem)
    orientations = look_at_orientations(table, density, found, symmetry=symmetry)
    for words in (*facts_of(table).unlikely_units, *pose_warnings(found), *orientations.warnings):
        _LOG.warning("%s", words)
    _LOG.info("poses checked: mean correlation %.3f with the map, %.3f at most when shuffled%s", abs(found.given),
              found.chance, "; inverted contrast" if found.sign < 0 else "")
    return found


def _plain_poses(found: PoseCheck) -> dict[str, Any]:
    return {"n_particles": found.n_particles, "resolution": found.resolution, "contrast_sign": found.sign,
            "inverted_images": found.inverted,
            "correlation_given": found.given, "correlation_shuffled_max": found.chance,
            "correlation_shuffled_mean": float(found.shuffled.mean()) if len(found.shuffled) else 0.0,
            "rank": found.rank, "fit": found.fit, "map_scale": found.scale,
            "better": None if found.better is None else {
                "name": found.better[0].name, "words": found.better[0].words, "correlation": found.better[1]},
            "readings": found.readings, "map_offset": None if found.frame is None else {
                "move": found.frame.move.tolist(), "move_error": found.frame.move_error.tolist(),
                "turn": found.frame.turn.tolist(), "turn_error": found.frame.turn_error.tolist()}}
