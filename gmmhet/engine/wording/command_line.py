"""What the command line says of commands and options, and at the end of a command."""

from gmmhet.engine.wording.numbers import counted

__all__ = ["COMPLETION", "HELP_OF_COMMANDS", "did_you_mean", "more_help", "more_options", "next_step",
           "unknown_command", "unknown_option", "written"]

COMPLETION = "print the script that completes commands and options in a shell"
HELP_OF_COMMANDS = "gmmhet COMMAND --help lists what is needed most, gmmhet COMMAND --help-all every option."


def did_you_mean(name: str) -> str:
    """What may have been meant; "" for nothing."""
    return f"; did you mean {name}?" if name else ""


def unknown_command(word: str, meant: str) -> str:
    """No command has this name."""
    return f"there is no command {word!r}" + did_you_mean(meant)


def unknown_option(word: str, command: str, meant: str) -> str:
    """The command does not take this word."""
    return f"{command} has no option {word}" + did_you_mean(meant) if word.startswith("-") else (
        f"{command} does not expect {word!r}")


def more_help(program: str) -> str:
    """Where the options are listed."""
    return f"{program} --help says more."


def more_options(count: int, command: str) -> str:
    """Options that the short help leaves out."""
    return f"{counted(count, 'further option')} for experts: gmmhet {command} --help-all"


def written(path: str, what: str) -> str:
    """A file that a command has made."""
    return f"{path}: {what}" if what else path


def next_step(command: str) -> str:
    """The command that usually follows."""
    return f"Next: {command}"
