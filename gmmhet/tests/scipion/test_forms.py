"""Options of the engine on the forms of the protocols."""

import unittest
from pathlib import Path

from pwem.objects import VolumeMask
from pyworkflow.protocol.params import Section

from gmmhet.engine.commands.export import ExportCommand
from gmmhet.engine.commands.input import ImportCommand
from gmmhet.engine.commands.stages import RunCommand
from gmmhet.engine.config import AT_POINTS, AnalyzeConfig, FitConfig, ReconstructConfig
from gmmhet.engine.errors import InputError
from gmmhet.engine.export.criteria import Criteria
from gmmhet.engine.options import REQUIRED, Content, Level, options_of, words
from gmmhet.headless import open_project
from gmmhet.protocols import (
    ProtGmmHetAnalyze,
    ProtGmmHetExport,
    ProtGmmHetImport,
    ProtGmmHetModel,
    ProtGmmHetMotion,
    ProtGmmHetReconstruct,
)
from gmmhet.protocols.forms import options_from_form, options_on_form, values_on_form
from gmmhet.protocols.reference import _OF_THE_FRAMEWORK, protocol_reference

#: what each form offers
FORMS = {ProtGmmHetImport: (ImportCommand,), ProtGmmHetModel: (FitConfig,), ProtGmmHetAnalyze: (AnalyzeConfig,),
         ProtGmmHetReconstruct: (ReconstructConfig,), ProtGmmHetExport: (Criteria, ExportCommand)}
#: parameters of 0.3: projects hold values under these names
KNOWN = {
    ProtGmmHetImport: "particlesFile passthroughFile rootFolder findBeside mapFile mapPixelSize",
    ProtGmmHetModel: "inputVolume inputParticles nGaussians resolution inputMask symmetry seed",
    ProtGmmHetAnalyze: "inputParticles inputModel method nModes resolution motion occupancy poses focusMask localPose "
                       "symmetry smoothness follow check scratch seed",
    ProtGmmHetReconstruct: "inputParticles mode nMaps by pointsFile inputMask symmetry sharpen seed",
    ProtGmmHetExport: "inputParticles mode low high confidence inputClasses classNumbers idsFile keep fraction half "
                      "onePerImage refinedPoses originalFile passthroughFile rootFolder",
}
#: what a newcomer sees at Normal level
NORMAL = {
    ProtGmmHetImport: "particlesFile mapFile",
    ProtGmmHetModel: "inputVolume inputParticles symmetry",
    ProtGmmHetAnalyze: "inputParticles inputModel symmetry",
    ProtGmmHetReconstruct: "inputParticles mode nMaps",
    ProtGmmHetMotion: "inputParticles inputVolume symmetry nMaps",
    ProtGmmHetExport: "inputParticles mode low high inputClasses classNumbers originalFile",
}


class TestForms(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.project = open_project(cls.__name__)
        cls.protocols = {kind: cls.project.newProtocol(kind) for kind in FORMS}

    def test_names_of_parameters_stay(self):
        for kind, names in KNOWN.items():
            there = {name for name, _ in self.protocols[kind].getDefinition().iterAllParams()}
            self.assertEqual(set(names.split()) - there, set(), kind.__name__)

    def test_every_option_is_on_its_form_at_its_level(self):
        for kind, classes in FORMS.items():
            definition = self.protocols[kind].getDefinition()
            for options in classes:
                shown = options_on_form(options)
                self.assertTrue(shown)
                for declared in shown:
                    with self.subTest(f"{kind.__name__}.{declared.name}"):
                        param = definition.getParam(declared.parameter)
                        self.assertEqual(param.expertLevel.get() > 0, declared.level is Level.ADVANCED)
                        self.assertTrue(param.label.get().startswith(declared.form.label))
                        self.assertIn((declared.form.help or declared.option.help)[1:], param.help.get())

    def test_what_no_protocol_can_give_is_not_offered(self):
        by = self.protocols[ProtGmmHetReconstruct].getDefinition().getParam("by")
        self.assertIn("clusters", by.choices)
        self.assertNotIn("states", by.choices)
        self.assertNotIn("states of gmmhet composition", by.help.get())

    def test_a_newcomer_sees_only_what_has_to_be_decided(self):
        for kind, names in NORMAL.items():
            params = self.project.newProtocol(kind).getDefinition().iterAllParams()
            seen = [name for name, param in params if not param.expertLevel.get() and name not in _OF_THE_FRAMEWORK
                    and not isinstance(param, Section)]
            self.assertEqual(seen, names.split(), kind.__name__)

    def test_help_says_default_unit_and_when_to_change(self):
        definition = self.protocols[ProtGmmHetAnalyze].getDefinition()
        self.assertEqual(definition.getParam("resolution").help.get().splitlines()[1:], [
            "Empty (default): that of the model.", "Unit: Å.",
            "Change it for small motions of a sharp map, which need finer detail; the time grows with its fifth "
            "power."])
        self.assertIn("Default: integrate out.", definition.getParam("poses").help.get())
        self.assertIn("Default: yes.", definition.getParam("motion").help.get())
        maps = self.protocols[ProtGmmHetReconstruct].getDefinition()
        self.assertIn("Default: 5.", maps.getParam("nMaps").help.get())
        for kind, classes in FORMS.items():
            for options in classes:
                for declared in options_on_form(options):
                    text = self.protocols[kind].getDefinition().getParam(declared.parameter).help.get()
                    if declared.default not in (REQUIRED, None, ()) and not declared.form.help:
                        self.assertRegex(text, r"[Dd]efault|Empty", f"{kind.__name__}.{declared.name}")

    def test_defaults_agree(self):
        for kind, classes in FORMS.items():
            for options in classes:
                values = values_on_form(self.protocols[kind], options)
                for declared in options_on_form(options):
                    with self.subTest(f"{kind.__name__}.{declared.name}"):
                        expected = None if declared.default is REQUIRED else declared.default or None
                        self.assertEqual(values.get(declared.name) or None,
                                         None if declared.form.where is not None else expected)
        for kind, options in ((ProtGmmHetModel, FitConfig), (ProtGmmHetAnalyze, AnalyzeConfig),
                              (ProtGmmHetReconstruct, ReconstructConfig), (ProtGmmHetExport, Criteria)):
            self.assertEqual(options_from_form(self.protocols[kind], options), options())
        self.assertEqual(values_on_form(self.protocols[ProtGmmHetAnalyze], RunCommand, ["check"]), {"check": True})

    def test_every_entry_reaches_the_arguments(self):
        """Each option of a stage set on the form, alone, is in the words that the engine gets."""
        texts = {"symmetry": "D2", "sharpen": "-80", "modes": "3", "n_gaussians": "3"}
        others = {"local_pose": "focus", "points": "by", "gradients": "method"}
        for kind, classes in FORMS.items():
            options = classes[0]
            if options is ImportCommand:
                continue
            for declared in options_on_form(options):
                protocol = self.project.newProtocol(kind)
                for name in (declared.name, others.get(declared.name)):
                    chosen = next((d for d in options_of(options) if d.name == name), None)
                    if chosen is not None:
                        self._set(getattr(protocol, chosen.parameter), chosen, texts)
                if declared.name == "fraction":
                    protocol.keep.set(1)
                if declared.name in ("mode", "low", "high") and options is Criteria:
                    protocol.mode.set(2)
                    protocol.low.set(0.0)
                with self.subTest(f"{kind.__name__}.{declared.name}"):
                    config = options_from_form(protocol, options)
                    self.assertNotEqual(getattr(config, declared.name), declared.default)
                    self.assertNotEqual(words(config), words(options()))

    def _set(self, parameter, declared, texts):
        if declared.name == "by":  # a choice that makes maps at points, which ``points`` needs
            parameter.set([choice.value for choice in declared.choices].index(AT_POINTS[-1]))
        elif declared.choices:
            # The last: after any entry for nothing.
            parameter.set(len(declared.choices) - (0 if declared.optional else 1))
        elif declared.kind is Path and declared.form.content is Content.MASK:
            mask = VolumeMask()
            mask.setFileName("mask.mrc")
            parameter.set(mask)
        else:
            parameter.set(texts.get(declared.name) or {bool: declared.default is not True, int: 3, float: 0.75,
                                                       Path: "a b", str: "x"}[declared.kind])

    def test_empty_fields_are_the_default(self):
        protocol = self.project.newProtocol(ProtGmmHetAnalyze)
        for name, value in (("nModes", " "), ("resolution", 0.0), ("symmetry", ""), ("scratch", " "),
                            ("smoothness", None)):
            getattr(protocol, name).set(value)
        self.assertEqual(options_from_form(protocol, AnalyzeConfig), AnalyzeConfig())

    def test_a_number_that_counts_may_be_zero(self):
        protocol = self.project.newProtocol(ProtGmmHetExport)
        protocol.mode.set(1)
        protocol.low.set(0.0)
        self.assertEqual(options_from_form(protocol, Criteria), Criteria(mode=1, low=0.0))

    def test_a_wrong_entry_is_named(self):
        protocol = self.project.newProtocol(ProtGmmHetModel)
        protocol.nGaussians.set("some")
        with self.assertRaisesRegex(InputError, "Number of Gaussians is 'some'"):
            options_from_form(protocol, FitConfig)

    def test_options_that_do_not_count_are_left_out(self):
        protocol = self.project.newProtocol(ProtGmmHetReconstruct)
        protocol.pointsFile.set("points.csv")
        self.assertIsNone(options_from_form(protocol, ReconstructConfig).points)
        protocol.by.set(2)
        config = options_from_form(protocol, ReconstructConfig)
        self.assertEqual((config.by, config.points), ("kernel", Path("points.csv")))
        self.assertNotIn("--n", words(config))

    def test_the_reference_has_every_protocol_output_and_parameter(self):
        text = protocol_reference()
        for kind, names in KNOWN.items():
            self.assertIn(f"\n{kind._label}\n{'-' * len(kind._label)}\n", text)
            for name in (*names.split(), *(o.name for o in kind._possibleOutputs)):
                self.assertIn(f"``{name}``", text)
        self.assertNotIn("numberOfThreads", text)


if __name__ == "__main__":
    unittest.main()
