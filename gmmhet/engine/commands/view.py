"""gmmhet view: the live page of a result."""

from dataclasses import dataclass
from pathlib import Path

from gmmhet.engine.commands.command import Command, Quick
from gmmhet.engine.options import Typed, bookkeeping, required

__all__ = ["ViewCommand"]


@dataclass(frozen=True, kw_only=True)
class ViewCommand(Command, Quick):
    """gmmhet view."""

    NAME = "view"
    SUMMARY = "a live page about a result, for a browser of this machine"

    folder: Path = required(Path, "folder of gmmhet run or gmmhet analyze",
                            typed=Typed(positional=True, metavar="RESULT"))
    port: int = bookkeeping(0, "port of 127.0.0.1; 0: any that is free")
    browser: bool = bookkeeping(True, "open the page in the default browser")

    def execute(self) -> None:
        from gmmhet.engine.view import view
        view(self.folder, port=self.port, browser=self.browser)
