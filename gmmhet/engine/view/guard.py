"""What is refused before anything else looks at a request."""

import secrets
from urllib.parse import parse_qs, urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Guard"]

_OWN_NAMES = ("127.0.0.1", "localhost", "::1")


class Guard:
    """Lets requests through that come from this machine's own page.

    The Host has to be a name of this machine (a page of another site that points its own name here is refused), the
    Origin, where the browser names one, has to be the same, the token has to be right, and the body small. The token
    stands in the address of the page itself, and in the header Authorization of all other requests.
    """

    def __init__(self, app: ASGIApp, token: str, largest_body: int) -> None:
        self._app, self._token, self._largest = app, token, largest_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        status = self._refused(scope, headers)
        body = b""
        if not status:
            status, body = await self._body(headers, receive)
        if status:
            await _answer(send, status)
            return
        await self._app(scope, _replay(body, receive), _with_headers(send))

    def _refused(self, scope: Scope, headers: dict[str, str]) -> int:
        host = headers.get("host", "")
        if _name_of(host) not in _OWN_NAMES:
            return 421
        origin = headers.get("origin")
        if origin is not None and origin != f"http://{host}":
            return 403
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return 403
        given = headers.get("authorization", "").removeprefix("Bearer ")
        if scope["path"] == "/" and scope["method"] == "GET":
            given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[0]
        return 0 if secrets.compare_digest(given.encode(), self._token.encode()) else 401

    async def _body(self, headers: dict[str, str], receive: Receive) -> tuple[int, bytes]:
        """Status where it is too large, else 0; and the whole body."""
        announced = headers.get("content-length", "0")
        if not announced.isdigit() or int(announced) > self._largest:
            return 413, b""
        found = bytearray()
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return 400, b""
            found += message.get("body", b"")
            if len(found) > self._largest:
                return 413, b""
            if not message.get("more_body"):
                return 0, bytes(found)


def _name_of(host: str) -> str:
    """A Host header without its port; empty where it is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


_WORDS = {400: b"bad request", 401: b"no or wrong token", 403: b"another site", 413: b"too large", 421: b"another host"}


async def _answer(send: Send, status: int) -> None:
    await send({"type": "http.response.start", "status": status,
                "headers": [(b"content-type", b"text/plain"), (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": _WORDS[status]})


def _replay(body: bytes, receive: Receive) -> Receive:
    """A receive that gives the body once, and then what comes after it."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _with_headers(send: Send) -> Send:
    """A send that adds the headers that keep the page to itself."""
    extra = [(b"cache-control", b"no-store"), (b"referrer-policy", b"no-referrer"),
             (b"x-content-type-options", b"nosniff"), (b"x-frame-options", b"DENY"),
             (b"cross-origin-resource-policy", b"same-origin"), (b"cross-origin-opener-policy", b"same-origin")]

    async def added(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", []), *extra]}
        await send(message)

    return added
