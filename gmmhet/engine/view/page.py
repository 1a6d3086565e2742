"""The text of the live page: one document with its style and scripts in it."""

import json
import secrets
from html import escape
from importlib import resources
from string import Template
from typing import NamedTuple

from gmmhet.engine.browser import script
from gmmhet.engine.view.result import ResultFolder
from gmmhet.engine.wording import view as wording

__all__ = ["Nonce", "page", "policy"]

_SHARED = ("surface.js", "surface_gl.js")
_SCRIPTS = ("server.js", "landscape.js", "panes.js", "selection.js", "travel.js", "commands.js", "app.js")

_ALLOWED = {"default-src": "'none'", "connect-src": "'self'", "img-src": "blob: data:", "media-src": "blob:",
            "form-action": "'none'", "base-uri": "'none'", "frame-ancestors": "'none'"}


class Nonce(NamedTuple):
    """A word that the page's own scripts and styles carry, and the policy that allows these alone."""

    name: str
    policy: str


def policy() -> Nonce:
    """Another one for every answer."""
    name = secrets.token_urlsafe(16)
    allowed = {**_ALLOWED, "script-src": f"'nonce-{name}'", "style-src": f"'nonce-{name}'"}
    return Nonce(name, "; ".join(f"{kind} {source}" for kind, source in allowed.items()))


def page(result: ResultFolder, token: str, nonce: str) -> str:
    """The page of a result.

    Args:
        nonce: of its policy.
    """
    scripts = "\n".join([*(script(name) for name in _SHARED), *(_asset(name) for name in _SCRIPTS)])
    texts = json.dumps({"token": token, "words": wording.PAGE}).replace("<", "\\u003c")
    return Template(_asset("page.html")).substitute(
        title=escape(f"{result.root.name}: gmmhet view"), style=_asset("view.css"), nonce=nonce,
        script=f'"use strict";(() => {{\nconst GIVEN = {texts};\n{scripts}}})();')


def _asset(name: str) -> str:
    return resources.files("gmmhet.engine.view").joinpath(name).read_text(encoding="utf-8")
