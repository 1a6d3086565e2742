"""The page and its parts from templates. Every value is escaped, but for what a template has made."""

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gmmhet.engine.wording import report, report_composition, report_maps, report_trust
from gmmhet.engine.wording.numbers import number

__all__ = ["Markup", "one_number", "render"]


def _exact(value: float | None) -> str:
    return "" if value is None else repr(value)


def _environment() -> Environment:
    made = Environment(loader=PackageLoader("gmmhet.engine.report"), autoescape=True, undefined=StrictUndefined,
                       trim_blocks=True, lstrip_blocks=True)
    made.globals.update(text=report, composition=report_composition, maps=report_maps, trust=report_trust)
    made.filters.update(number=number, exact=_exact)
    made.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    return made


_ENVIRONMENT = _environment()


def render(template: str, /, **values: object) -> Markup:
    """A part of the page from the template of this name.

    Raises:
        jinja2.UndefinedError: the template asks for a value that is not given.
    """
    return Markup(_ENVIRONMENT.get_template(f"{template}.html").render(**values))


def one_number(title: str, value: float, caption: str, unit: str = "") -> Markup:
    """What would be a chart of a single bar or dot."""
    return render("one_number", title=title, value=value, caption=caption, unit=unit)
