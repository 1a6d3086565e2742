"""A live page that runs in this process, and requests to it as they go over the wire."""

import http.client
import json
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import uvicorn

from gmmhet.engine.view.stage import guarded

__all__ = ["CLOSED", "TOKEN", "Answer", "LivePage"]

#: status where the connection was closed without an answer
CLOSED = 0

TOKEN = "a-token-of-the-tests"
_SECONDS = 120


class Answer(NamedTuple):
    """Of a request."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def packed(self) -> tuple[dict[str, Any], bytes]:
        """The description and the numbers."""
        length = int.from_bytes(self.body[:4], "little")
        return json.loads(self.body[4:4 + length]), self.body[4 + length:]


class LivePage:
    """A server for a result, until it is closed."""

    def __init__(self, folder: Path) -> None:
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self.port = int(self._listener.getsockname()[1])
        self._server = uvicorn.Server(uvicorn.Config(guarded(folder, TOKEN), log_level="warning",
                                                     timeout_graceful_shutdown=1))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listener]})
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/?token={TOKEN}"

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(_SECONDS)
        self._listener.close()
        assert not self._thread.is_alive()

    def ask(self, path: str, body: Any = None, *, token: str | None = TOKEN, **headers: str) -> Answer:
        """One request: GET, or POST where there is a body (JSON, bytes as they are, or an iterator: in chunks).

        Args:
            headers: further ones, or others than usual; _ stands for -.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_SECONDS)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        data = json.dumps(body).encode() if isinstance(body, dict | list) else body
        try:
            with suppress(BrokenPipeError, ConnectionResetError):  # it does not read on what it refuses
                connection.request("GET" if body is None else "POST", path, data, sent,
                                   encode_chunked=not isinstance(data, bytes | None))
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        except (BrokenPipeError, ConnectionResetError, http.client.IncompleteRead):  # or half an answer
            return Answer(CLOSED, {}, b"")
        finally:
            connection.close()
