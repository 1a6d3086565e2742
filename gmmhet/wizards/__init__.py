"""Help on forms."""

from gmmhet.wizards.wizard_values import GmmHetValueWizard

__all__ = ["GmmHetValueWizard"]
