"""Where the engine runs, how it is started, and what a user reads when it cannot be."""

import os
import shlex
import shutil
import sys
import tempfile
import unittest
from pathlib import Path
from subprocess import CalledProcessError
from unittest import mock

import pwem
from pyworkflow.exceptions import PyworkflowException
from pyworkflow.utils.process import buildRunCommand

import gmmhet
from gmmhet.engine.commands.parser import parser_of_all
from gmmhet.plugin import Plugin
from gmmhet.protocols.engine_steps import EngineSteps


class StandInProtocol:
    """As much of a protocol as starting a program needs; the command is built by the framework's own function."""

    def __init__(self, folder, gpus=None, uses_gpu=True, fails=None, message=None):
        self.folder, self.gpus, self.uses_gpu, self.fails, self.message = folder, gpus, uses_gpu, fails, message
        self.numberOfThreads = mock.Mock(get=lambda: 3)

    def _getExtraPath(self, name):
        return os.path.join(self.folder, name)

    def allowsGpu(self):
        return self.gpus is not None

    def usesGpu(self):
        return self.allowsGpu() and self.uses_gpu

    def getGpuList(self):
        return self.gpus

    def getStdoutLog(self):
        return "logs/run.stdout"

    def runJob(self, program, arguments, env, numberOfMpi):
        placeholder = "%(GPU)s" in program + arguments
        host = mock.Mock()
        host.mpiCommand.get.return_value = "mpirun -np %(JOB_NODES)d %(COMMAND)s"
        self.environ = env
        self.command = buildRunCommand(program, arguments, numberOfMpi, host, env=env, context={},
                                       gpuList=self.gpus if placeholder else [])
        if self.message:
            Path(shlex.split(self.command)[-1]).write_text(self.message + "\n", encoding="utf-8")
        if self.fails:
            raise CalledProcessError(self.fails, self.command)


class PluginCase(unittest.TestCase):

    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        self.enterContext(mock.patch.dict(Plugin._vars, {"GMMHET_PYTHON": "", "GMMHET_ENV_ACTIVATION": ""}))
        self.tensorflow(True)

    def tensorflow(self, there):
        self.enterContext(mock.patch("gmmhet.plugin.find_spec", return_value=object() if there else None))


class TestInterpreter(PluginCase):

    def test_scipions_own_where_tensorflow_is(self):
        self.assertEqual(Plugin.getEngineProgram(), f"{sys.executable} -m gmmhet.engine")
        self.assertEqual(Plugin.validateInstallation(), [])

    def test_the_environment_of_the_plugin_manager_elsewhere(self):
        self.tensorflow(False)
        with mock.patch.object(pwem.Config, "EM_ROOT", self.folder):
            python = f"{self.folder}/gmmhet_engine-{gmmhet.__version__}/env/bin/python"
            self.assertEqual(Plugin.getEngineProgram(), f"{python} -m gmmhet.engine")
            (message,) = Plugin.validateInstallation()
            self.assertRegex(message, r"finds no TensorFlow.*scipion installb gmmhet_engine-\d.*GMMHET_PYTHON")
            Path(python).parent.mkdir(parents=True)
            Path(python).touch()
            self.assertEqual(len(Plugin.validateInstallation()), 1)  # a failed installation leaves one behind
            (Path(python).parents[2] / "installed").touch()
            self.assertEqual(Plugin.validateInstallation(), [])

    def test_variables_come_first(self):
        Plugin._vars["GMMHET_ENV_ACTIVATION"] = ". /opt/my env/activate;"
        self.assertEqual(Plugin.getEngineProgram(), ". /opt/my env/activate && python -m gmmhet.engine")
        Plugin._vars["GMMHET_PYTHON"] = "/opt/my env/bin/python"
        self.assertEqual(Plugin.getEngineProgram(), "'/opt/my env/bin/python' -m gmmhet.engine")
        self.assertEqual(Plugin.validateInstallation(), [
            "GMMHET_PYTHON is /opt/my env/bin/python; expected a Python interpreter that can be run"])
        Plugin._vars["GMMHET_PYTHON"] = sys.executable
        self.assertEqual(Plugin.validateInstallation(), [])

    def test_scipions_packages_are_kept_from_another_interpreter(self):
        with mock.patch.dict(os.environ, {"PYTHONPATH": "/scipion"}):
            self.assertEqual(Plugin.getEnviron()["PYTHONPATH"], "/scipion")
            Plugin._vars["GMMHET_PYTHON"] = "/other/python"
            self.assertNotIn("PYTHONPATH", Plugin.getEnviron())

    def test_the_framework_finds_the_plugin_as_a_package(self):
        plugin = pwem.Domain.getPlugins()["gmmhet"]._pluginInstance
        self.assertEqual((plugin.getName(), plugin.getPath()), ("gmmhet", str(Path(gmmhet.__file__).parent)))
        self.assertTrue((Path(plugin.getPath()) / gmmhet._logo).is_file())

    def test_the_environment_is_offered_to_the_plugin_manager(self):
        for there, default in ((True, False), (False, True)):
            self.tensorflow(there)
            env = mock.Mock()
            Plugin.defineBinaries(env)
            name, options = env.addPackage.call_args.args[0], env.addPackage.call_args.kwargs
            self.assertEqual((name, options["version"], options["tar"]),
                             ("gmmhet_engine", gmmhet.__version__, "void.tgz"))
            self.assertEqual(options["default"], default)
            (make, python), (install, last) = options["commands"]
            self.assertEqual((make, python), (f"{sys.executable} -m venv env", ["env/bin/python"]))
            self.assertEqual(last, ["installed"])
            self.assertRegex(install, r"env/bin/python -m pip install .* && env/bin/python -m gmmhet.engine simulate "
                                      r".* && env/bin/python -m gmmhet.engine fit .* && touch installed$")

    def test_the_environment_fits_the_machine_unless_told_otherwise(self):
        def installed():
            env = mock.Mock()
            Plugin.defineBinaries(env)
            return env.addPackage.call_args.kwargs["commands"][1][0]

        for program, expected in (("/usr/bin/nvidia-smi", "'tensorflow[and-cuda]'"), (None, "tensorflow-cpu")):
            with mock.patch("gmmhet.plugin.which", return_value=program):
                self.assertTrue(installed().startswith(f"GMMHET_TENSORFLOW={expected} env/bin/python"))
        with mock.patch.dict(os.environ, {"GMMHET_TENSORFLOW": "tensorflow==2.20"}):
            self.assertTrue(installed().startswith("GMMHET_TENSORFLOW=tensorflow==2.20 "))

    def test_a_scipion_without_tensorflow_has_an_environment_with_it(self):
        """The variable is for Scipion's own interpreter."""
        env = mock.Mock()
        with mock.patch.dict(os.environ, {"GMMHET_TENSORFLOW": "none"}), mock.patch("gmmhet.plugin.which",
                                                                                    return_value=None):
            Plugin.defineBinaries(env)
        self.assertTrue(env.addPackage.call_args.kwargs["commands"][1][0].startswith(
            "GMMHET_TENSORFLOW=tensorflow-cpu env/bin/python"))

    def test_the_trial_of_an_environment_is_what_the_engine_takes(self):
        parser, env = parser_of_all(), mock.Mock()
        Plugin.defineBinaries(env)
        steps = env.addPackage.call_args.kwargs["commands"][1][0].split(" && ")
        simulate, fit = (shlex.split(command)[3:] for command in steps[1:3])
        self.assertEqual(parser.parse_args(simulate).particles, 2)
        self.assertEqual(parser.parse_args(fit).resolution, 40.0)

    def test_the_log_of_the_engine_is_in_the_output_of_the_protocol(self):
        self.assertEqual(Plugin.getEnviron()["GMMHET_LOG"], "stdout")


class TestStart(PluginCase):

    def started(self, *arguments, ranks=1, **kwargs):
        protocol = StandInProtocol(self.folder, **kwargs)
        Plugin.runEngine(protocol, "analyze", arguments, ranks=ranks)
        self.environ = protocol.environ
        return protocol.command

    def test_arguments_reach_the_program_whole(self):
        words = shlex.split(self.started("a b.star", "--modes", 3, "50% $x.mrc"))
        self.assertEqual(words, [sys.executable, "-m", "gmmhet.engine", "analyze", "a b.star", "--modes", "3",
                                 "50% $x.mrc", "--threads", "3", "--error-file", f"{self.folder}/analyze.error"])

    def test_gpus_are_told_with_commas(self):
        words = shlex.split(self.started("50%.star", gpus=[1, 3]))
        self.assertEqual(words[:3], ["export", "CUDA_VISIBLE_DEVICES=1,3", "&&"])
        self.assertIn("50%.star", words)
        self.assertEqual(shlex.split(self.started(gpus=[2]))[1], "CUDA_VISIBLE_DEVICES=2")

    def test_ranks_are_started_by_the_command_of_the_host(self):
        words = shlex.split(self.started("a b.star", "50% $x.mrc", ranks=4))
        self.assertEqual(words[:10], ["mpirun", "-np", "4", sys.executable, "-m", "gmmhet.engine", "analyze",
                                      "a b.star", "50% $x.mrc", "--threads"])
        Plugin._vars["GMMHET_ENV_ACTIVATION"] = ". /opt/my env/activate;"
        words = shlex.split(self.started("a b.star", ranks=2))
        self.assertEqual(words[3:], [
            shutil.which("bash"), "-c", '. /opt/my env/activate && python -m gmmhet.engine "$@"', "gmmhet", "analyze",
            "a b.star", "--threads", "3", "--error-file", f"{self.folder}/analyze.error"])

    def test_gpus_of_ranks_are_told_to_each_on_whatever_machine_it_is(self):
        words = shlex.split(self.started("50%.star", ranks=2, gpus=[1, 3]))
        self.assertEqual(words[:4], ["mpirun", "-np", "2", sys.executable])
        self.assertEqual(words[-2:], ["--gpu", "1 3"])
        self.assertIn("50%.star", words)

    def test_mpirun_beside_the_interpreter_is_taken(self):
        Plugin._vars["GMMHET_PYTHON"] = python = os.path.join(self.folder, "python")
        for name in ("python", "mpirun"):
            Path(self.folder, name).touch(mode=0o755)
        self.started(ranks=2)
        self.assertEqual(shutil.which("mpirun", path=self.environ["PATH"]), os.path.join(self.folder, "mpirun"))
        self.assertIn(python, self.started(ranks=2))

    def test_mpirun_beside_the_shell_is_not(self):
        """With an activation the rank's program is the shell; the interpreter is found only when it runs."""
        Plugin._vars["GMMHET_ENV_ACTIVATION"] = ". activate"
        for name in ("bash", "mpirun"):
            Path(self.folder, name).touch(mode=0o755)
        with mock.patch("gmmhet.plugin.which", return_value=os.path.join(self.folder, "bash")):
            self.assertEqual(Plugin.getRankEnviron(), Plugin.getEnviron())

    def test_blanks_in_the_path_of_the_interpreter(self):
        Plugin._vars["GMMHET_PYTHON"] = "/opt/my env/bin/python"
        self.assertEqual(shlex.split(self.started(ranks=2))[3:5], ["/opt/my env/bin/python", "-m"])

    def test_no_gpu_when_the_user_says_so_and_no_placeholder_when_the_list_is_empty(self):
        self.assertIn("--gpu none", self.started(gpus=[0], uses_gpu=False))
        command = self.started(gpus=[])
        self.assertNotIn("CUDA_VISIBLE_DEVICES", command)
        self.assertNotIn("%(GPU)s", command)

    def test_bad_input_is_told_in_the_engines_words(self):
        for status in (2, None):  # a queue gives none back
            with self.subTest(status=status), self.assertRaises(PyworkflowException) as caught:
                self.started(fails=status, message="a.star: row 3: rlnAngleRot is 'x'; expected a finite number")
            self.assertEqual(str(caught.exception), "a.star: row 3: rlnAngleRot is 'x'; expected a finite number")

    def test_other_failures_name_the_log(self):
        with self.assertRaisesRegex(PyworkflowException, r"gmmhet analyze failed \(exit status 1\).*logs/run.stdout"):
            self.started(fails=1)

    def test_an_old_message_is_not_taken_for_a_new_one(self):
        Path(self.folder, "analyze.error").write_text("old", encoding="utf-8")
        self.assertIn("gmmhet.engine", self.started())


class TestResume(unittest.TestCase):
    """An interrupted command goes on from its checkpoints only with the arguments and inputs it had."""

    class Steps(EngineSteps):
        def __init__(self, folder, continued):
            self.folder, self.continued = folder, continued
            self.numberOfMpi = mock.Mock(get=lambda: 3)

        def _getExtraPath(self, *names):
            return os.path.join(self.folder, *names)

        def isContinued(self):
            return self.continued

    def run_once(self, arguments, inputs, continued=True):
        """Run with a stand-in for the engine that leaves a checkpoint; returns its arguments and what it found."""
        out, found = Path(self.folder, "analysis"), []

        def engine(protocol, command, given, ranks):
            found.extend(p.name for p in out.iterdir())
            (out / "checkpoint").touch()
            found.append(given)
            self.assertEqual(ranks, 3)

        with mock.patch.object(Plugin, "runEngine", engine):
            self.Steps(self.folder, continued)._runResumable("analyze", arguments, inputs, out)
        return found

    def test_resumes_with_another_scratch_folder(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        self.run_once(["a.star", "--scratch", "one", "-o", "x"], [4])
        for words in (["a.star", "--scratch", "two", "-o", "x"], ["a.star", "-o", "x"]):
            self.assertEqual(self.run_once(words, [4]), ["checkpoint", [*words, "--resume"]])
        self.assertEqual(len(self.run_once(["b.star", "-o", "x"], [4])), 1)

    def test_resumes_only_what_is_the_same(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        self.assertEqual(self.run_once(["a.star", "--modes", "2"], [4]), [["a.star", "--modes", "2"]])
        self.assertEqual(self.run_once(["a.star", "--modes", "2"], [4]),
                         ["checkpoint", ["a.star", "--modes", "2", "--resume"]])
        self.assertEqual(self.run_once(["a.star", "--modes", "3"], [4]), [["a.star", "--modes", "3"]])
        self.assertEqual(self.run_once(["a.star", "--modes", "3"], [5]), [["a.star", "--modes", "3"]])
        self.assertEqual(self.run_once(["a.star", "--modes", "3"], [5], continued=False), [["a.star", "--modes", "3"]])


if __name__ == "__main__":
    unittest.main()
