"""The reference of the protocols as reStructuredText, from their forms.

    python -m gmmhet.protocols.reference > protocols.rst
"""

import inspect
import sys
from collections.abc import Iterable, Iterator

from pyworkflow.protocol import Protocol
from pyworkflow.protocol.params import (
    BooleanParam,
    EnumParam,
    FormElement,
    LabelParam,
    Param,
    PointerParam,
    Section,
)

from gmmhet.engine.commands.reference import escaped, list_table
from gmmhet.protocols import (
    ProtGmmHetAnalyze,
    ProtGmmHetExport,
    ProtGmmHetImport,
    ProtGmmHetModel,
    ProtGmmHetMotion,
    ProtGmmHetReconstruct,
)

__all__ = ["protocol_reference"]

#: in the order of a workflow
_PROTOCOLS = (ProtGmmHetImport, ProtGmmHetMotion, ProtGmmHetModel, ProtGmmHetAnalyze, ProtGmmHetReconstruct,
              ProtGmmHetExport)
#: parameters of the framework, which every protocol has
_OF_THE_FRAMEWORK = ("runName", "runMode", "numberOfThreads", "numberOfMpi", "hostName", "useQueue", "useGpu",
                     "gpuList", "queueParams", "binThreads", "comment")


def protocol_reference() -> str:
    """A section for each protocol: what it does, its inputs, its outputs, and the parameters of its form."""
    lines = ["Protocol reference", "==================", ""]
    for kind in _PROTOCOLS:
        lines += _section(kind)
    return "\n".join(lines).rstrip() + "\n"


def _section(kind: type[Protocol]) -> Iterator[str]:
    protocol = kind()
    label = kind._label
    yield from ("", f".. _{kind.__name__}:", "", label, "-" * len(label), "")
    yield from (inspect.getdoc(kind) or "").splitlines()
    yield ""
    params = [(n, p) for n, p in protocol.getDefinition().iterAllParams()
              if n not in _OF_THE_FRAMEWORK and not isinstance(p, (LabelParam, Section))]
    inputs = [(n, p) for n, p in params if isinstance(p, PointerParam)]
    if inputs:
        yield from ("**Inputs**", "")
        yield from list_table(["Input", "Type", "Meaning"], [
            [_label(n, p), str(p.pointerClass).replace(",", ", ").replace("  ", " "), _help(p)] for n, p in inputs],
            [30, 20, 50])
    yield from ("**Outputs**", "")
    yield from list_table(["Output", "Type"], [
        [f"``{o.name}``", getattr(o.value, "__name__", type(o.value).__name__)] for o in kind._possibleOutputs],
        [50, 50])
    yield from ("**Parameters**", "")
    yield from list_table(["Parameter", "Default", "Level", "Meaning"], [
        [_label(n, p), _default(p), "advanced" if p.expertLevel.get() else "normal", _help(p)]
        for n, p in params if not isinstance(p, PointerParam)], [28, 15, 10, 47])


def _label(name: str, param: FormElement) -> str:
    return f"{escaped(param.label.get())}\n``{name}``"


def _default(param: Param) -> str:
    if isinstance(param, EnumParam):
        return escaped(str(param.choices[int(param.default.get())]))
    if isinstance(param, BooleanParam):
        return "yes" if str(param.default.get()) == "True" else "no"
    value = param.default.get()
    return "" if value in (None, "") else escaped(str(value))


def _help(param: FormElement) -> str:
    return escaped("\n".join(_lines(param.help.get() or "")))


def _lines(text: str) -> Iterable[str]:
    return (line.strip() for line in text.splitlines() if line.strip())


if __name__ == "__main__":
    sys.stdout.write(protocol_reference())
