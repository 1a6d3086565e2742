"""Settings of the documentation (Sphinx). The pages in docs/generated are made when the build begins."""

import os
import re
import sys
from pathlib import Path

from docutils.nodes import Element, SkipNode
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

HERE = Path(__file__).resolve().parent
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
sys.path[:0] = [str(HERE), str(HERE.parent)]

from generate import write_pages  # noqa: E402

from gmmhet import __version__  # noqa: E402

project = "gmmhet"
author = "The gmmhet authors"
version = release = __version__
extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["**/.*"]
templates_path: list[str] = []

html_theme = "alabaster"
html_title = f"gmmhet {__version__}"
html_theme_options = {
    "description": "Motions of macromolecules in single-particle cryo-EM data",
    "page_width": "1100px", "sidebar_width": "240px", "fixed_sidebar": True,
}
html_show_sourcelink = False
html_copy_source = False
html_math_renderer = "mathml"

napoleon_use_rtype = False
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
# Pages of other projects cannot be looked up without a network, and our own pages describe the interface only.
nitpicky = True
nitpick_ignore_regex = [
    ("py:.*", r"(numpy|np|pathlib|os|collections|typing|tensorflow|_typing)\..*"),
    ("py:.*", r"(NDArray|ArrayLike|Array|Path|Any|Sequence|optional|Population|Optics|Preset|CheckResult|StarTable)"),
    ("py:.*", r"gmmhet\.engine\..*"), ("py:func", r"sharpening_b"),
]


def _inline_math(translator: HTML5Translator, node: Element) -> None:
    translator.body.append(tex2mathml(node.astext()))
    raise SkipNode


def _block_math(translator: HTML5Translator, node: Element) -> None:
    number = f'<span class="eqno">({node["number"]})</span>' if node.get("number") else ""
    target = f' id="equation-{node["label"]}"' if node.get("label") else ""
    translator.body.append(f'<div class="math"{target}>{number}{tex2mathml(node.astext(), as_block=True)}</div>')
    raise SkipNode


def _literal(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Stars and bars of docstrings are products, globs and absolute values, but for code between backquotes."""
    for number, line in enumerate(lines):
        parts = re.split(r"(``.*?``)", line)
        lines[number] = "".join(p if p.startswith("``") else re.sub(r"([*|])", r"\\\1", p) for p in parts)


def setup(app: Sphinx) -> None:
    """Formulae as MathML, which browsers draw without a script from elsewhere; pages that are made from the code."""
    app.add_html_math_renderer("mathml", (_inline_math, None), (_block_math, None))
    app.connect("autodoc-process-docstring", _literal, priority=100)  # before napoleon, which adds emphasis
    app.connect("builder-inited", lambda app: write_pages(HERE / "generated"))
