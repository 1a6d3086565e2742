"""Pages that are made from the code: settings of the method, commands, protocols.

    python docs/generate.py FOLDER

The build of the documentation does it by itself.
"""

import argparse
import dataclasses
import importlib.util
import inspect
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from gmmhet.engine.settings import described  # noqa: E402

SETTINGS = """\
Settings of the method
======================

The numbers that steer an estimate, with unit, reason and origin. They are fields of frozen classes in the
``settings.py`` of each folder of the engine; this page is made from them. An origin says what set the number: a
formula, a published source, a measurement, or that it was chosen and not measured.
"""


def write_pages(folder: Path) -> None:
    """Write settings.rst, commands.rst and protocols.rst; files that would not change are left alone."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (("settings.rst", settings_page()), ("commands.rst", commands_page()),
                       ("protocols.rst", protocols_page())):
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def settings_page() -> str:
    """A table for each settings class of the engine."""
    parts = [SETTINGS]
    for module in _settings_modules():
        classes = list(_instances(module))
        if classes:
            parts.append(_heading(module.__name__.removeprefix("gmmhet.engine.").removesuffix(".settings"), "-"))
            parts += [_settings_table(instance) for instance in classes]
    return "\n".join(parts)


def _settings_modules() -> Iterator[ModuleType]:
    """The settings.py of every folder of the engine, loaded without the rest of the folder, which takes long."""
    engine = ROOT / "gmmhet" / "engine"
    for path in sorted(engine.rglob("settings.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        spec = importlib.util.spec_from_file_location(name, path) if path.parent != engine else None
        if spec is not None and spec.loader is not None:
            module = importlib.util.module_from_spec(spec)
            sys.modules.setdefault(name, module)  # dataclasses look for the module that they are in
            spec.loader.exec_module(module)
            yield module


def _instances(module: ModuleType) -> Iterator[Any]:
    """Instances of the settings classes that a module defines, each once."""
    seen: set[int] = set()
    for value in vars(module).values():
        own = dataclasses.is_dataclass(value) and not isinstance(value, type) and (
            type(value).__module__ == module.__name__)
        if own and id(value) not in seen:
            seen.add(id(value))
            yield value


def _settings_table(instance: Any) -> str:
    cls = type(instance)
    lines = [_heading(cls.__name__, "~"), inspect.cleandoc(cls.__doc__ or ""), "", ".. list-table::",
             "   :header-rows: 1", "   :widths: 22 12 12 34 20", ""]
    rows = [("Setting", "Value", "Unit", "Reason", "Origin")]
    rows += [(f"``{d.name}``", _value(d.value), _plain(d.unit), _plain(d.reason), _plain(d.origin))
             for d in described(instance)]
    for row in rows:
        lines += [f"   {'*' if i == 0 else ' '} - {cell}" for i, cell in enumerate(row)]
    return "\n".join([*lines, ""])


def _value(value: Any) -> str:
    """A number, or several, as it would be typed."""
    if isinstance(value, float):
        return f"``{value:.6g}``"
    if isinstance(value, tuple):
        return ", ".join(_value(v) for v in value)
    return f"``{value!r}``"


def _plain(text: str) -> str:
    """Text in which nothing is markup."""
    return "".join("\\" + c if c in "\\*`|_" else c for c in text)


def _heading(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}\n"


def commands_page() -> str:
    """From the table of options."""
    return _run("-m", "gmmhet.engine.commands.reference")


def protocols_page() -> str:
    """From the protocols and their forms."""
    return _run("-m", "gmmhet.protocols.reference")


def _run(*arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "110"}
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)}: exit status {done.returncode}\n{done.stderr}")
    return done.stdout


def main() -> None:
    """Write the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    write_pages(parser.parse_args().folder)


if __name__ == "__main__":
    main()
