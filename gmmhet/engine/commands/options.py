"""Options that several commands share."""

import argparse

__all__ = ["add_brief", "add_common"]


def add_common(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--seed", type=int, default=0, help="makes a run repeatable (default 0)")
    sub.add_argument("--resume", action="store_true", help="go on from what an interrupted run left")


def add_brief(sub: argparse.ArgumentParser, *, seed: bool) -> None:
    """Options of commands that are over in seconds and leave nothing half-done."""
    if seed:
        sub.add_argument("--seed", type=int, default=0, help="makes a run repeatable (default 0)")
    sub.add_argument("--resume", action="store_true", help="accepted; the whole is done again, which takes seconds")
