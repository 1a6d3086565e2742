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
    EXAMPLES = (("gmmhet view result", "the page of a run opens in the browser, until Ctrl-C"),)
    SERVES = True

    folder: Path = required(Path, "folder of gmmhet run or gmmhet analyze",
                            typed=Typed(positional=True, metavar="RESULT"))
    port: int = bookkeeping(0, "port of 127.0.0.1; 0: any that is free", typed=Typed(basic=True))
    browser: bool = bookkeeping(True, "open the page in the default browser", typed=Typed(basic=True))

    def execute(self) -> None:
        from gmmhet.engine.view import view
        view(self.folder, port=self.port, browser=self.browser)
