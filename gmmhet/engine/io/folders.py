"""Folders with the results of one command: an earlier call's are replaced, another command's are left alone."""

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

from gmmhet.engine.errors import InputError

__all__ = ["made_by", "remove_files"]


def made_by(folder: Path, command: str) -> bool:
    """Whether a folder holds the results of an earlier call of a command, as its summary.json tells.

    Raises:
        InputError: it holds those of another command.
    """
    path = folder / "summary.json"
    if not path.is_file():
        return False
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        summary = None
    if _command_of(summary) != command:
        raise InputError(f"{folder}: holds the results of another command; expected a folder for the maps alone")
    return True


def _command_of(summary: Any) -> Any:
    """What a summary says made it; those of reconstruct did not say so before, but ``by`` stands in no other."""
    if not isinstance(summary, dict):
        return None
    return summary.get("command", "reconstruct" if "by" in summary else None)


def remove_files(folder: Path, names: re.Pattern[str], kept: Collection[str] = ()) -> None:
    """Remove the files of a folder whose whole names match, but for some."""
    for old in folder.iterdir():
        if names.fullmatch(old.name) and old.name not in kept:
            old.unlink()
