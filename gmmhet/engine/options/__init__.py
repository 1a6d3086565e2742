"""Options of the commands: each is described once, and command line, forms, checks and documents are made from it.

To add an option, add a field to the options class of its stage (gmmhet/engine/config) or of its command
(gmmhet/engine/commands), with :func:`option`. It is then typed, checked, listed in the help and in the command
reference; with ``form`` it is on the form of the protocol, and in the arguments that the protocol passes on.
"""

from gmmhet.engine.options.checks import (
    COUNT_AUTO_OR_ALL,
    COUNT_OR_AUTO,
    NOT_NEGATIVE,
    NUMBERS,
    POSITIVE,
    SEED,
    Choice,
    Choices,
    Range,
    point_group,
)
from gmmhet.engine.options.declared import (
    REQUIRED,
    Declared,
    OptionsClass,
    check_options,
    flag_of,
    options_of,
    options_with_parts,
    parts_of,
    result_options,
    sentence,
)
from gmmhet.engine.options.description import (
    Content,
    Level,
    OnForm,
    Spelling,
    Typed,
    Where,
    bookkeeping,
    option,
    part,
    required,
)
from gmmhet.engine.options.words import build, for_result, words

__all__ = [
    "COUNT_AUTO_OR_ALL", "COUNT_OR_AUTO", "NOT_NEGATIVE", "NUMBERS", "POSITIVE", "REQUIRED", "SEED", "Choice",
    "Choices", "Content", "Declared", "Level", "OnForm", "OptionsClass", "Range", "Spelling", "Typed", "Where",
    "bookkeeping", "build", "check_options", "flag_of", "for_result", "option", "options_of", "options_with_parts",
    "part", "parts_of", "point_group", "required", "result_options", "sentence", "words",
]
