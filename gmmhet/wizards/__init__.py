"""Help on forms."""

from gmmhet.wizards.wizard_pickers import (
    GmmHetMaskWizard,
    GmmHetModeWizard,
    GmmHetResolutionWizard,
    GmmHetStretchWizard,
)
from gmmhet.wizards.wizard_values import GmmHetValueWizard

__all__ = ["GmmHetMaskWizard", "GmmHetModeWizard", "GmmHetResolutionWizard", "GmmHetStretchWizard",
           "GmmHetValueWizard"]
