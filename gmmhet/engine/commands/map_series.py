"""Which series of maps gmmhet run makes."""

import dataclasses
import json
import logging
import shutil
from pathlib import Path

from gmmhet.engine.config import ReconstructConfig
from gmmhet.engine.wording.run import maps_along_curve

__all__ = ["remove_other_modes", "series_of_maps"]

_LOG = logging.getLogger("gmmhet")


def remove_other_modes(folder: Path) -> None:
    """Remove maps along other modes, of a run before."""
    for old in folder.glob("maps_mode_*"):
        if old.is_dir():
            shutil.rmtree(old)
        else:
            old.unlink()


def series_of_maps(folder: Path, config: ReconstructConfig, supported: bool) -> list[tuple[str, ReconstructConfig]]:
    """Folders of maps and how each is made: along the mode that was asked for, then along every other significant one,
    where particles are. Modes that a curve goes through have their maps along it."""
    if not supported or config.by != "bins":
        return [("maps", config)]
    from gmmhet.engine.landscape import write_curve
    summary = json.loads((folder / "analysis" / "summary.json").read_text(encoding="utf-8"))
    significant = int(summary.get("n_significant_modes") or 0)
    found, done = [], set()
    for mode in [config.mode, *(k for k in range(1, significant + 1) if k != config.mode)]:
        if mode in done:
            continue
        name = "maps" if mode == config.mode else f"maps_mode_{mode:02d}"
        points = folder / f"{name}_points.csv"
        points.unlink(missing_ok=True)
        along = write_curve(folder / "analysis", points, mode, significant, config.n)
        done |= {mode, *along}
        chosen = dataclasses.replace(config, mode=mode)
        if along:
            _LOG.info("%s", maps_along_curve(along))
            chosen = dataclasses.replace(chosen, by="kernel", points=points)
        found.append((name, chosen))
    return found
