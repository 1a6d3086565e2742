"""The Scipion plugin: where the engine runs, and how it is started."""

import os
import shlex
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from subprocess import CalledProcessError

import pwem
from pyworkflow.exceptions import PyworkflowException
from pyworkflow.utils import Environ

from gmmhet import __version__
from gmmhet.constants import (
    ENGINE_PACKAGE,
    ENV_ACTIVATION_VAR,
    ENV_NAME,
    ENV_TENSORFLOW,
    LOG_TO_OUTPUT,
    LOG_VAR,
    PROGRAM_NAME,
    PYTHON_VAR,
)
from gmmhet.engine.commands.command import Process
from gmmhet.engine.options import flag_of, words

__all__ = ["Plugin"]

_PACKAGE = Path(__file__).resolve().parent
_INSTALLED = "installed"  # a file beside the environment, once the engine has run in it
#: commands of a few seconds that need all that an analysis needs
_TRIAL = ("simulate --preset null --particles 2 --box 24 --pixel-size 10", "fit --resolution 40")


class Plugin(pwem.Plugin):
    """Runs the engine as a program, in the framework's own interpreter or in one of its own."""

    def __init__(self):
        super().__init__()
        # The framework would take both from the module that holds this class, which is not the package.
        self._name = PROGRAM_NAME
        self._path = str(_PACKAGE)

    @classmethod
    def _defineVariables(cls):
        cls._defineVar(PYTHON_VAR, "", description="Python interpreter with TensorFlow that runs the gmmhet engine; "
                       "empty: Scipion's own, or the one installed by the plugin manager")
        cls._defineVar(ENV_ACTIVATION_VAR, "", description="Shell command that makes such an interpreter the 'python' "
                       "of the PATH, for instance a conda activation; used when GMMHET_PYTHON is empty")

    @classmethod
    def getEnviron(cls):
        environ = Environ(os.environ)
        environ[LOG_VAR] = LOG_TO_OUTPUT
        if not cls._usesOwnInterpreter():
            for name in ("PYTHONPATH", "PYTHONHOME"):  # they would lead another interpreter to Scipion's packages
                environ.pop(name, None)
        return environ

    @classmethod
    def getEnvPython(cls) -> Path:
        """The interpreter of the environment that the plugin manager installs."""
        return cls._engineFolder() / ENV_NAME / "bin" / "python"

    @classmethod
    def _engineFolder(cls) -> Path:
        return Path(pwem.Config.EM_ROOT) / f"{ENGINE_PACKAGE}-{__version__}"

    @classmethod
    def _usesOwnInterpreter(cls) -> bool:
        return not (cls.getVar(PYTHON_VAR) or cls.getVar(ENV_ACTIVATION_VAR)) and _has_tensorflow()

    @classmethod
    def getEngineProgram(cls) -> str:
        """Shell text that starts the engine; the variables come first, then Scipion's own interpreter, then ours."""
        if cls.getVar(PYTHON_VAR):
            python = shlex.quote(os.path.expanduser(cls.getVar(PYTHON_VAR)))
        elif cls.getVar(ENV_ACTIVATION_VAR):
            python = f"{cls.getVar(ENV_ACTIVATION_VAR).rstrip('; &')} && python"
        elif _has_tensorflow():
            python = shlex.quote(sys.executable)
        else:
            python = shlex.quote(str(cls.getEnvPython()))
        return f"{python} -m gmmhet.engine"

    @classmethod
    def getRankProgram(cls) -> tuple[str, list[str]]:
        """Program and first arguments that start one rank of an MPI job: one program, which mpirun can start."""
        if cls.getVar(PYTHON_VAR) or not cls.getVar(ENV_ACTIVATION_VAR):
            python, *arguments = shlex.split(cls.getEngineProgram())
            return shlex.quote(python), arguments
        return which("bash") or "bash", ["-c", f'{cls.getEngineProgram()} "$@"', PROGRAM_NAME]

    @classmethod
    def getRankEnviron(cls):
        """That of the engine, with the mpirun beside its interpreter, which fits its mpi4py, where there is one."""
        environ = cls.getEnviron()
        if cls.getVar(ENV_ACTIVATION_VAR) and not cls.getVar(PYTHON_VAR):
            return environ  # the shell finds the interpreter later; what lies beside the shell is of no concern
        folder = os.path.dirname(shlex.split(cls.getEngineProgram())[0])
        if os.access(os.path.join(folder, "mpirun"), os.X_OK):
            environ.set("PATH", folder, position=Environ.BEGIN)
        return environ

    @classmethod
    def validateInstallation(cls):
        given = cls.getVar(PYTHON_VAR)
        if given:
            path = os.path.expanduser(given)
            return [] if os.access(path, os.X_OK) else [
                f"{PYTHON_VAR} is {given}; expected a Python interpreter that can be run"]
        if cls.getVar(ENV_ACTIVATION_VAR) or _has_tensorflow() or (cls._engineFolder() / _INSTALLED).exists():
            return []
        return [f"gmmhet finds no TensorFlow: install its own environment (scipion installb "
                f"{ENGINE_PACKAGE}-{__version__}), or TensorFlow beside Scipion, or set {PYTHON_VAR} to an interpreter "
                "that has gmmhet and TensorFlow"]

    @classmethod
    def runEngine(cls, protocol, command: str, arguments: Sequence[object], *, ranks: int = 1) -> None:
        """Run one command of the engine through the framework (queues, hosts and logs as for any program).

        Args:
            protocol: its GPU list, if it has one, becomes CUDA_VISIBLE_DEVICES; its threads are passed on.
            arguments: each is quoted for the shell.
            ranks: processes that share the work, started by the host's command for parallel programs.
        Raises:
            PyworkflowException: the engine's own line about bad input, or that it failed and where to read more.
        """
        error_file = Path(protocol._getExtraPath(f"{command}.error"))
        error_file.unlink(missing_ok=True)
        program, environ = cls.getEngineProgram(), cls.getEnviron()
        first: list[str] = []
        if ranks > 1:
            (program, first), environ = cls.getRankProgram(), cls.getRankEnviron()
        without = protocol.allowsGpu() and not protocol.usesGpu()
        options = words(Process(threads=protocol.numberOfThreads.get(), gpu="none" if without else None,
                                error_file=error_file))
        gpus = protocol.usesGpu() and protocol.getGpuList()
        text = shlex.join(str(a) for a in [*first, command, *arguments, *options])
        if gpus and ranks > 1:  # which may be on machines that would not see the variable
            text = text.replace("%", "%%") + f" {flag_of(Process, 'gpu')} '%(GPU)s'"
        elif gpus:
            # The framework puts commas between the GPUs of this step only where it sees this variable in the program.
            program = f"export CUDA_VISIBLE_DEVICES=%(GPU)s && {program.replace('%', '%%')}"
            text = text.replace("%", "%%")
        try:
            protocol.runJob(program, text, env=environ, numberOfMpi=ranks)
        except CalledProcessError as error:
            if not error_file.exists():
                raise PyworkflowException(f"gmmhet {command} failed (exit status {error.returncode}); the last lines "
                                          f"of {protocol.getStdoutLog()} say why") from error
        if error_file.exists():  # a queue gives no exit status back
            raise PyworkflowException(error_file.read_text(encoding="utf-8").strip())

    @classmethod
    def defineBinaries(cls, env):
        """The environment of its own: needed only where Scipion's interpreter has no TensorFlow."""
        source = str(_PACKAGE.parent) if (_PACKAGE.parent / "setup.py").exists() else f"{PROGRAM_NAME}=={__version__}"
        fitting = "tensorflow[and-cuda]" if which("nvidia-smi") else "tensorflow-cpu"
        tensorflow = os.environ.get(ENV_TENSORFLOW, "none").strip()
        if tensorflow == "none":  # of Scipion's own interpreter: this one is there to have it
            tensorflow = fitting
        engine = f"{ENV_NAME}/bin/python -m gmmhet.engine"
        install = f"{ENV_NAME}/bin/python -m pip install {shlex.quote(source)}"
        # It counts as installed when the engine has run there, and not before.
        trial = (f"{engine} {_TRIAL[0]} -o trial && {engine} {_TRIAL[1]} trial/consensus.mrc -o trial/model.npz && "
                 f"rm -r trial && touch {_INSTALLED}")
        commands = [
            (f"{shlex.quote(sys.executable)} -m venv {ENV_NAME}", [f"{ENV_NAME}/bin/python"]),
            (f"{ENV_TENSORFLOW}={shlex.quote(tensorflow)} {install} && {trial}", [_INSTALLED]),
        ]
        env.addPackage(ENGINE_PACKAGE, version=__version__, tar="void.tgz", commands=commands,
                       default=not _has_tensorflow())


def _has_tensorflow() -> bool:
    return find_spec("tensorflow") is not None
