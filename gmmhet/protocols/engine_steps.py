"""What the protocols share: compute options on the form, the engine as a step that can be resumed, checks."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from pyworkflow.object import Integer
from pyworkflow.protocol.constants import GPU_LIST, USE_GPU
from pyworkflow.protocol.params import BooleanParam, Form, StringParam

from gmmhet.engine.commands.table import COMMANDS
from gmmhet.engine.config.shared import Resumable
from gmmhet.engine.errors import InputError
from gmmhet.engine.options import flag_of, for_result
from gmmhet.plugin import Plugin

__all__ = ["EngineSteps", "messages_of"]



def messages_of(check: Callable[[], object]) -> list[str]:
    """The line that a check raises as InputError, in a list; empty when it raises none."""
    try:
        check()
    except InputError as error:
        return [str(error)]
    return []


class EngineSteps:
    """Mixed into protocols that run one command of the engine.

    The command's arguments are arguments of the step, so that the framework repeats it when one of them changes; it
    goes on from its checkpoints only where all are as they were.
    """

    # Of the protocol that this is mixed into.
    _getExtraPath: Callable[..., str]
    isContinued: Callable[[], bool]
    numberOfMpi: Integer

    def _defineCompute(self, form: Form, gpu: bool, mpi: bool = False) -> None:
        if gpu:
            form.addHidden(USE_GPU, BooleanParam, default=True, label="Use GPU for the execution?",
                           help="TensorFlow takes the processor where it finds no GPU.")
            form.addHidden(GPU_LIST, StringParam, default="0", label="Choose GPU IDs",
                           help="Number of the GPU to use, as nvidia-smi lists them." + (
                               " Several, with blanks between, are shared out over the MPI processes." if mpi else ""))
        form.addParallelSection(threads=4, mpi=int(mpi))

    def _runResumable(self, command: str, arguments: Sequence[str], inputs: Sequence[object], folder: Path,
                      record: str = "") -> None:
        """Run a command that writes into ``folder``; resume it if it was interrupted with these very arguments.

        Args:
            record: name under which the arguments are kept, where the command is run for several folders.
        """
        kept = Path(self._getExtraPath(f"{record or command}.json"))
        described = json.dumps([for_result(COMMANDS[command], arguments), inputs])
        resume = self.isContinued() and kept.exists() and kept.read_text(encoding="utf-8") == described
        if not resume:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        kept.write_text(described, encoding="utf-8")
        Plugin.runEngine(self, command, [*arguments, *([flag_of(Resumable, "resume")] if resume else [])],
                         ranks=max(1, self.numberOfMpi.get()))
