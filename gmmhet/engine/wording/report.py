"""Text of the report: headline, the box at the top, headings, and notes beside pictures and tables."""

from gmmhet.engine.wording.numbers import angstrom, counted, number

__all__ = [
    "ALL_MODES", "CAUTIONS", "CHOOSE", "COLOURING_UNITS", "DRAWING", "FACTS", "FIRST_SCREEN", "GAUSSIANS",
    "MODE_COLUMNS", "MOVIE",
    "NOT_SIGNIFICANT", "NOT_TESTED", "NO_MODE_KEPT", "NO_MOVIE", "NO_POSE_SCORES", "NO_RECORD", "NO_SIGNIFICANT_MODE",
    "OTHER_MODES", "RIGID_COLUMN", "SECTIONS", "STAGES", "TESTED", "VERDICT_TOPICS", "best_tried", "contrast", "footer",
    "frame_label", "gaussians_note", "how_sure", "kicker", "local_motion_only", "map_label", "mode_colouring",
    "mode_columns_note", "motion_found", "movie_note", "no_motion", "poses", "significant_of", "symmetry", "too_few",
    "topic", "untested",
]

# --- Headline and lead: (headline, lead) ---


def too_few(n_particles: int, least: int) -> tuple[str, str]:
    """Fewer particles than an analysis needs."""
    return ("Too few particles to detect motion",
            f"{counted(n_particles, 'particle')} {'is' if n_particles == 1 else 'are'} too few to distinguish motion "
            f"from noise; at least {least} are needed, and usually some thousands. The page shows the other results.")


def untested() -> tuple[str, str]:
    """A method without a test of significance."""
    return ("Directions of variation, not tested",
            "Gradient PCA orders directions of variation by their variance and does not test them against noise. The "
            "default method (likelihood) does.")


def local_motion_only(n_particles: int, resolution: float) -> tuple[str, str]:
    """A part in focus moves as a rigid body; no mode is significant."""
    return ("The part in focus moves as a rigid body",
            f"Beside this movement, no mode passes its tests: one structure explains these "
            f"{counted(n_particles, 'particle')} at {angstrom(resolution)} as well as any further motion does.")


def no_motion(n_particles: int, resolution: float) -> tuple[str, str]:
    """No mode is significant."""
    return ("No motion found",
            f"No mode passes its tests: one rigid structure explains these {counted(n_particles, 'particle')} at "
            f"{angstrom(resolution)} as well as any motion does.")


def motion_found(found: int, largest: float | None, few: int | None) -> tuple[str, str]:
    """Significant modes. largest: displacement of a Gaussian at one standard deviation, Angstrom, or None where no
    Gaussian moves; few: number of particles where it is small, or None."""
    lead = f"{'One mode raises' if found == 1 else f'{found} modes raise'} the log-likelihood of held-out particles " \
           "above the level of noise."
    if largest is not None:
        lead += f" The largest displacement of a Gaussian is {angstrom(largest, 2)} (one standard deviation)."
    if few is not None:
        lead += f" {counted(few, 'particle')} are few: confirm the result with more particles."
    return "A motion was found" if found == 1 else f"Motion found: {found} significant modes", lead


# --- The box at the top ---

VERDICT_TOPICS = ("Summary", "Analysis")
FACTS = {"particles": "particles", "gaussians": "Gaussians", "resolution": "analysis resolution", "method": "method"}
CAUTIONS = {"local": "Part in focus", "poses": "Pose errors", "rigid": "Whole molecule",
            "imaging": "Imaging conditions"}
NO_MODE_KEPT = "No mode was kept: none raised the log-likelihood of held-out particles."
NOT_TESTED = "No mode was tested on held-out particles."
NO_POSE_SCORES = "The analysis holds no scores at shuffled poses."


def significant_of(n_modes: int) -> str:
    """Below the number of significant modes."""
    return f"significant of {counted(n_modes, 'mode')}"


def topic(name: str, mode: int | None = None) -> str:
    """Topic of a sentence: "significance", "poses" or "contrast"; mode: where it is about one of several."""
    title = {"significance": "Significance", "poses": "Poses", "contrast": "Contrast"}[name]
    return title if mode is None else f"{title}, mode {mode}"


def how_sure(gain: float | None, null: float | None, halves: tuple[float, str] | None,
             posterior: tuple[float, str] | None) -> str:
    """Evidence for a mode.

    Args:
        gain, null: held-out gain in log-likelihood per particle, and that of noise. halves: correlation of the
            half-sets' coordinates with "full", "partial" or "no". posterior: median posterior standard deviation of a
            coordinate with "well", "roughly" or "poorly".
    """
    parts = []
    if gain is not None and null is not None:
        parts.append(f"The held-out gain in log-likelihood is {number(gain)} per particle; noise reaches "
                     f"{number(null)}.")
    if halves is not None:
        parts.append(f"Coordinates from the two half-sets correlate to {number(halves[0])} ({halves[1]} agreement).")
    if posterior is not None:
        parts.append(f"The coordinate of a single particle is {posterior[1]} determined: its standard deviation is "
                     f"{number(posterior[0], 2)}, that of all particles is 1.")
    return " ".join(parts) or "The analysis holds no figures for this mode."


def best_tried(n_modes: int, gain: float, null: float | None) -> str:
    """The best of the modes that are not significant."""
    noise = f"; noise reaches {number(null)}" if null is not None else ""
    said = f"The best of {counted(n_modes, 'mode')} tried changes the log-likelihood of a held-out particle by " \
           f"{number(gain)}{noise}."
    return said + (" Below 0, particles that were not fitted are explained worse with the mode than without it, as by "
                   "a mode of noise." if gain < 0 else "")


def poses(given: float, shuffled: float, fit: bool) -> str:
    """Mean Fourier ring correlations at the given and at shuffled poses."""
    figures = f"mean Fourier ring correlation {number(given)} at the given poses, {number(shuffled)} at shuffled ones"
    if fit:
        return f"The poses fit the images: {figures}."
    return f"The given poses fit the images no better than shuffled ones ({figures}). Check poses, pixel size and " \
           "map before you use any other result of this page."


def contrast(sign: float | None) -> str:
    """Sign of the images relative to the map; None where it is not known."""
    if not sign:
        return "The sign of the image contrast is not known."
    if sign > 0:
        return "Particles and map have the same contrast."
    return "Particles and map have opposite contrast (one of them is black on white); this is taken into account."


# --- Headings and notes ---

FIRST_SCREEN = "At first sight"
SECTIONS = {
    "know": "How we know", "motion": "Molecule and motion", "composition": "What comes and goes",
    "maps": "Maps from the particles",
    "modes": "Modes and their significance", "trust": "Alternative explanations",
    "coordinates": "Distribution of the particles", "subunits": "Subunits",
    "checks": "Checks of the input", "run": "Parameters and run times",
}
STAGES = {"fit": "Fit of the Gaussian model", "analyze": "Analysis", "reconstruct": "Reconstruction",
          "run": "The whole run"}
GAUSSIANS = ("Gaussian model", "The Gaussians in 3D")
MOVIE = ("The motion", "Movie of the motion")
NO_MOVIE = {
    "none": "No motion is shown, because none was found.",
    "maps": "There is no movie, because the folder holds no maps along the modes.",
    "note": "A movie of a mode that is not significant looks convincing too, but shows noise.",
}
NOT_SIGNIFICANT = " (not tested for significance)"
NO_SIGNIFICANT_MODE = "No mode is significant, so there are no coordinates along a motion."
OTHER_MODES = ("Coordinates of modes that are not significant",
               "These distributions show noise; they are no evidence of motion.")
NO_RECORD = "The folder holds no record of the run."
DRAWING = ("Drawing …", "This picture needs JavaScript.")
ALL_MODES = "All modes"
MODE_COLUMNS = ("variance", "held-out gain", "null quantile", "half-set correlation", "posterior sd (median)")
RIGID_COLUMN = "rigid share"
TESTED = {True: "yes", False: "no", None: "not tested"}
CHOOSE = (
    "Choose particles",
    "Draw around particles with the lasso or the rectangle. Shift adds to the selection, Alt removes from it. "
    "<i>Save row numbers</i> writes a text file for <code>gmmhet export --ids</code>, which extracts these particles "
    "from the original file.",
)


def gaussians_note(moving: bool) -> str:
    """Below the molecule; moving: whether modes are shown."""
    modes = "Flexibility is the displacement of a Gaussian, occupancy change the change of its density; both are " \
            "root mean squares over all particles, from the modes found. " if moving else ""
    return f"Each sphere is a Gaussian. {modes}Raw gradients show how strongly the images would move or scale each " \
           "Gaussian of the rigid model; they contain noise and grow with its weight, so they vary over the molecule " \
           "even where nothing moves. Drag to rotate; click, then use the wheel to zoom."


def movie_note() -> str:
    """Below the movie of the model."""
    return "Maps of the Gaussian model along the mode, all at one threshold and one grey scale. Arrows run from the " \
           "first map to the last. These maps show the model; maps reconstructed from the particles, if there are " \
           "any, are shown below."


def mode_columns_note(rigid: bool) -> str:
    """What the columns of the table of modes mean; rigid: whether the rigid share is one of them."""
    share = "Rigid share: fraction of the displacement that moves the molecule (or the part in focus) as a whole. " \
        if rigid else ""
    return "Held-out gain: log-likelihood per particle that was not used in the estimate. Null quantile: gain that " \
           "modes of noise reach. Posterior sd: standard deviation of the coordinate of one particle; that of all " \
           f"particles is 1. {share}Hold the pointer over a value for all its digits."


def symmetry(group: str, words: str) -> str:
    """The point group and what the analysis says about it."""
    return f"{group} symmetry. {words}" if group else words


def footer(version: str) -> str:
    """The last line of the page."""
    return f"Made by gmmhet {version}. This page is complete in itself and loads nothing from the network."


def kicker(name: str) -> str:
    """Above the headline. name: of the folder."""
    return f"gmmhet report on {name}"


# --- Labels of the pictures that can be rotated ---

COLOURING_UNITS = {
    "flexibility": ("flexibility", "Å, root mean square"),
    "occupancy": ("occupancy change", "%, root mean square"),
    "raw flexibility": ("flexibility, raw gradient", "relative"),
    "raw occupancy": ("occupancy change, raw gradient", "relative"),
}


def mode_colouring(mode: int) -> tuple[tuple[str, str], tuple[str, str]]:
    """Names and units of a mode's displacement and density change."""
    return ((f"mode {mode}: displacement", "Å per standard deviation"),
            (f"mode {mode}: density change", "% per standard deviation"))


def frame_label(coordinate: float) -> str:
    """A frame of the movie of a mode."""
    return f"coordinate {number(coordinate, 2)}"


def map_label(map_number: int, coordinate: float | None) -> str:
    """A frame of the movie of maps."""
    return f"map {map_number}, at {number(coordinate, 2)}"

