"""One protocol a file: parameters, one run of the engine, outputs."""

from gmmhet.protocols.protocol_analyze import ProtGmmHetAnalyze
from gmmhet.protocols.protocol_export import ProtGmmHetExport
from gmmhet.protocols.protocol_import import ProtGmmHetImport
from gmmhet.protocols.protocol_model import ProtGmmHetModel
from gmmhet.protocols.protocol_motion import ProtGmmHetMotion
from gmmhet.protocols.protocol_reconstruct import ProtGmmHetReconstruct

__all__ = ["ProtGmmHetAnalyze", "ProtGmmHetExport", "ProtGmmHetImport", "ProtGmmHetModel", "ProtGmmHetMotion",
           "ProtGmmHetReconstruct"]
