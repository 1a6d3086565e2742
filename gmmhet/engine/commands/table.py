"""All commands of gmmhet, in the order of the help."""

from gmmhet.engine.commands.command import Command
from gmmhet.engine.commands.export import ExportCommand
from gmmhet.engine.commands.input import CheckCommand, ImportCommand, ReorientCommand, SimulateCommand
from gmmhet.engine.commands.landscape import MapCommand, MovieCommand, PathCommand
from gmmhet.engine.commands.stages import (
    AnalyzeCommand,
    CompositionCommand,
    FitCommand,
    ReconstructCommand,
    ReportCommand,
    RunCommand,
)
from gmmhet.engine.commands.view import ViewCommand

__all__ = ["COMMANDS", "DESCRIPTION", "EXAMPLES"]

DESCRIPTION = ("Motions and changes of a molecule in single-particle cryo-EM data. Lengths are Angstrom, angles "
               "degrees.")
COMMANDS: dict[str, type[Command]] = {command.NAME: command for command in (
    SimulateCommand, ImportCommand, CheckCommand, ReorientCommand, FitCommand, AnalyzeCommand, CompositionCommand,
    ReconstructCommand, MapCommand, PathCommand, MovieCommand, ExportCommand, ReportCommand, RunCommand, ViewCommand)}
#: of the list of all commands
EXAMPLES = (
    ("gmmhet check particles.star map.mrc", "do the particles fit the map?"),
    ("gmmhet run particles.star map.mrc -o result", "everything, from refined particles to motions and maps"),
)
