"""gmmhet view: a page of this machine alone that shows a result while it runs."""

import logging
import secrets
import socket
import sys
import webbrowser
from pathlib import Path

import uvicorn

from gmmhet.engine.errors import InputError
from gmmhet.engine.view.guard import Guard
from gmmhet.engine.view.result import open_result
from gmmhet.engine.view.server import application
from gmmhet.engine.view.settings import VIEW
from gmmhet.engine.wording import view as wording

__all__ = ["guarded", "view"]

_LOG = logging.getLogger("gmmhet")
_ADDRESS = "127.0.0.1"


def guarded(folder: Path, token: str) -> Guard:
    """The whole application for a result.

    Raises:
        InputError: no analysis with modes there.
    """
    return Guard(application(open_result(folder), token), token, VIEW.largest_body)


def view(folder: Path, *, port: int = 0, browser: bool = True) -> None:
    """Serve the page until the process is interrupted; the address, with its token, goes to standard output.

    Args:
        folder: of gmmhet run or analyze. port: 0: any that is free. browser: open the page.
    Raises:
        InputError: no analysis with modes there, or a port that is taken.
    """
    token = secrets.token_urlsafe(24)
    app = guarded(folder, token)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_ADDRESS, port))
        except (OSError, OverflowError) as error:
            raise InputError(f"--port is {port}: {error}; expected a free port of {_ADDRESS}") from None
        listener.listen()  # whoever comes before the server runs waits
        number = listener.getsockname()[1]
        address = f"http://{_ADDRESS}:{number}/?token={token}"
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, server_header=False,
                                               timeout_graceful_shutdown=3))
        sys.stdout.write(f"{address}\n")
        sys.stdout.flush()
        _LOG.info("%s", wording.how_to_open(number, socket.gethostname()))
        if browser:
            webbrowser.open(address)
        server.run(sockets=[listener])
