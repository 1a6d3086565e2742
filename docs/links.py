"""Check the links of the built pages: files and anchors of links within them, and the pictures.

    python docs/links.py [FOLDER]

FOLDER is that of ``make site`` (build/docs). Exit status 1 where a link leads nowhere. Links to other sites must be
https; whether these answer is not asked, since pages are built without a network.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_BUILT = Path(__file__).resolve().parents[1] / "build" / "docs"


class _Page(HTMLParser):
    """What a page links to, and what can be linked to in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links, self.anchors = list[str](), set[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            elif value and (name == "src" or (name == "href" and tag == "a")):
                self.links.append(value)


def broken(folder: Path) -> list[str]:
    """Links that lead nowhere, as "page: link"."""
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.html"))}
    if not pages:
        return [f"{folder}: no page; run make site"]
    return [f"{path.relative_to(folder)}: {link}" for path, page in pages.items() for link in page.links
            if not _leads_somewhere(path, link, pages)]


def _leads_somewhere(path: Path, link: str, pages: dict[Path, _Page]) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return parts.scheme in ("https", "mailto", "data")
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if parts.fragment and target in pages:
        return unquote(parts.fragment) in pages[target].anchors
    return target.is_file()


def main(arguments: list[str]) -> int:
    """Say what is broken; returns the exit status."""
    found = broken(Path(arguments[0]).resolve() if arguments else _BUILT)
    sys.stdout.write("\n".join([*found, f"{len(found)} broken links"]) + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
