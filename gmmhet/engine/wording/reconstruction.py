"""Sentences of ``gmmhet reconstruct``: notes in summary.json, warnings, and results in the log."""

from collections.abc import Sequence

from gmmhet.engine.wording.numbers import counted, plural

__all__ = [
    "CROSS_FITTED", "HALVES_FOR_KERNELS", "HALVES_FOR_PARTS", "NO_RESOLUTION", "REFINED_POSES", "RISING_AMPLITUDES",
    "all_maps_alike", "finished_map", "islands", "mode_is_noise", "modes_about_the_average", "no_finufft", "no_fit",
    "no_half", "no_particles_at_point", "no_particles_at_points", "not_sharpened", "points_follow_particles",
    "rigid_parts", "shares_noise", "sharpened",
]

# --- Maps at points ---

HALVES_FOR_KERNELS = "from which the widths of the kernels are estimated"
HALVES_FOR_PARTS = "whose correlation filters the map of each part"
_OUTSIDE = {
    "kernel": ("the map shows the particles nearest to it", "the maps show the particles nearest to them"),
    "motion": ("the map shows the arrangement of the parts that the Gaussian model predicts",
               "the maps show the arrangements of the parts that the Gaussian model predicts"),
}


def islands(shares: list[tuple[float, float]], mode: int) -> str:
    """Particles that an empty gap divides; shares: of each island, with its standard error. mode: from 1."""
    parts = ", ".join(f"{100 * share:.0f} ± {max(100 * error, 0.5):.0f} %" for share, error in shares)
    return f"empty gaps along mode {mode} divide the particles into {len(shares)} groups ({parts}); no map reaches " \
           "across a gap"


def no_particles_at_point(kind: str) -> str:
    """Note of one map. kind: "kernel" or "motion"."""
    return f"no particles are at the point: {_OUTSIDE[kind][0]}"


def no_particles_at_points(kind: str, maps: str, count: int) -> str:
    """Warning about some maps. maps: their numbers, listed; count: how many there are."""
    return f"no particles are at the {plural('point', count)} of {plural('map', count)} {maps}: " \
           f"{_OUTSIDE[kind][count != 1]}"


def all_maps_alike(n_particles: int, fewest: int) -> str:
    """Warning and note where no window is narrower than all particles."""
    return f"all maps are the same, because each is made of all {n_particles} particles; maps that differ need more " \
           f"than {fewest}"


def points_follow_particles(maps: str, count: int) -> str:
    """The points were moved to where particles are."""
    return f"no particles are at the mean coordinates of {plural('map', count)} {maps}: the points are put along the " \
           "particles instead"


# --- Half-sets and resolution ---


def no_half(half: int) -> str:
    """Note of a map of which one half-set has no particles."""
    return f"no particles in half {half}: there is no Fourier shell correlation and no resolution"


def finished_map(file: str, n_particles: int, effective: bool, resolution: float | None, why: str | None) -> str:
    """A map in the log. resolution: Angstrom; why: the note, where there is no resolution."""
    number = f"{'effectively ' if effective else ''}{counted(n_particles, 'particle')}"
    if resolution is not None:
        return f"{file}: {number}, resolution {resolution:.1f} Å (FSC 0.143)"
    return f"{file}: {number}, {why or 'the half-maps do not correlate at any resolution'}"


# --- Motion-corrected maps ---


def modes_about_the_average(path: str) -> str:
    """Warning about an analysis whose modes are linear."""
    return f"{path}: the modes are linear changes of the average map. A part that moves by more than the resolution " \
           "is shown too close to its mean position and blurred; for large motions use an analysis with --follow yes"


def rigid_parts(misfit: float, gaussians: Sequence[int]) -> str:
    """Parts that move as rigid bodies: deviation from that (Angstrom), and Gaussians of each."""
    return f"the molecule is divided into {counted(len(gaussians), 'rigid part')} of " \
           f"{', '.join(str(count) for count in gaussians)} Gaussians; the Gaussians deviate by {misfit:.1f} Å (root " \
           "mean square) from rigid motion"


REFINED_POSES = "the poses refined by the analysis are used"

# --- What the maps can show ---

CROSS_FITTED = ("Each half of the Fourier pixels of an image is sorted by coordinates from the other half, under the "
                "modes of the other half-set: what changes between these maps is no noise that coordinates follow.")


def mode_is_noise(mode: int) -> str:
    """Before maps along a mode (from 1) that is not significant."""
    return f"mode {mode} is not significant: what changes along these maps may be noise alone"


def shares_noise(beyond: float | None, slope: float | None) -> str:
    """Coordinates and maps are of the same pixels. beyond: resolution of the analysis, Angstrom; slope: of the change
    by noise alone on that of the model; None: not known."""
    where = "Maps" if beyond is None else f"At {beyond:.1f} Å and coarser, the maps"
    size = "changed by it" if slope is None else f"{slope:.1f} times as large as that of the model"
    finer = "" if beyond is None else " Finer detail is independent of the coordinates."
    return (f"{where} share noise with the coordinates that sort the particles: without any motion, the change between "
            f"them would be {size}.{finer} With --cross-fit yes they share none.")


# --- Sharpening ---


def sharpened(b_factor: float, fitted: tuple[float, float] | None) -> str:
    """B factor (square Angstrom, negative) and the range of its fit (Angstrom), or None where it was given."""
    origin = "" if fitted is None else f", fitted to the amplitudes between {fitted[0]:g} and {fitted[1]:.1f} Å"
    return f"maps sharpened by a B factor of {b_factor:.0f} Å²{origin}"


def not_sharpened(note: str) -> str:
    """Warning."""
    return f"no sharpened maps: {note}"


NO_RESOLUTION = "no map has a resolution at which the sharpening could end"
RISING_AMPLITUDES = "the amplitudes do not fall with frequency, so there is nothing to sharpen"


def no_fit(lowest: float, shells: int) -> str:
    """The resolution is too low for a fit from ``lowest`` (Angstrom) in so many shells."""
    return f"no map has {shells} shells beyond {lowest:g} Å, which the fit of a B factor needs; give the B factor as " \
           "a number"


# --- Gridding ---


def no_finufft(error: BaseException) -> str:
    """Warning where the library is missing."""
    return f"finufft cannot be imported ({error}): maps are made by trilinear gridding, which is less accurate"
