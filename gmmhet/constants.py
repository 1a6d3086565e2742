"""Names shared by the plugin's parts."""

__all__ = [
    "ANALYSIS_DIR", "COMPOSITION_DIR", "CONTRAST", "COORDINATE", "COORDINATE_SD", "ENGINE_PACKAGE",
    "ENV_ACTIVATION_VAR", "ENV_NAME", "ENV_TENSORFLOW", "LATENT", "LATENT_SD", "LOG_LIKELIHOOD", "LOG_TO_OUTPUT",
    "LOG_VAR", "MAPS_DIR", "MAPS_OF_STATES_DIR", "MODEL_DIR", "MODEL_FILE", "OLD_COORDINATE", "OLD_COORDINATE_SD",
    "PARTICLE_ID", "PROGRAM_NAME", "PYTHON_VAR", "REPORT_FILE", "SELECTIONS",
]

PYTHON_VAR = "GMMHET_PYTHON"
ENV_ACTIVATION_VAR = "GMMHET_ENV_ACTIVATION"
# Where the engine writes its log: on the stream of the protocol's output, which Scipion shows while it runs.
LOG_VAR, LOG_TO_OUTPUT = "GMMHET_LOG", "stdout"
# As the plugin manager lists it; the package's own name it would take for installed wherever the plugin is.
ENGINE_PACKAGE = "gmmhet_engine"
ENV_NAME = "env"
ENV_TENSORFLOW = "GMMHET_TENSORFLOW"

PROGRAM_NAME = "gmmhet"

# The folders that gmmhet report expects side by side.
MODEL_DIR, ANALYSIS_DIR, MAPS_DIR = "model", "analysis", "maps"
COMPOSITION_DIR, MAPS_OF_STATES_DIR = "composition", "maps_states"
MODEL_FILE = "model.npz"
REPORT_FILE = "report.html"
# Of the live page, in the folder of the analysis.
SELECTIONS = "view/*_selection/selection.star"

# Columns of the STAR files, and (with an underscore before) attributes of the particles.
PARTICLE_ID = "gmmhetParticleId"
LATENT, LATENT_SD = "gmmhetLatent", "gmmhetLatentSd"
COORDINATE, COORDINATE_SD = "gmmhetCoordinate", "gmmhetCoordinateSd"
OLD_COORDINATE, OLD_COORDINATE_SD = "gmmhetPlaced", "gmmhetPlacedSd"  # the same in version 0.3
CONTRAST, LOG_LIKELIHOOD = "gmmhetContrast", "gmmhetLogLikelihood"
