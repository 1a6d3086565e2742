"""How close coordinates and poses are to the truth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from scipy.stats import rankdata, spearmanr
from sklearn.isotonic import IsotonicRegression
from sklearn.mixture import GaussianMixture

from gmmhet.engine.conventions import euler_to_matrix

__all__ = [
    "RefinementErrors", "area_under_curve", "canonical_correlations", "coverage", "held_out_correlation",
    "held_out_estimate", "multiple_correlation", "neighbour_read_out", "peak_angle", "pose_errors", "rank_correlation",
    "refinement_errors", "share_in_right_half", "turn_read_out",
]

Array = NDArray[np.float64]

_NEIGHBOURS = (5, 10, 20, 30, 50)


def rank_correlation(coordinate: Array, truth: Array) -> float:
    """|Spearman|: the sign of a mode is arbitrary."""
    return abs(float(spearmanr(coordinate, truth).statistic))


def share_in_right_half(coordinate: Array, state: Array) -> float:
    """Share of particles on the right side of a two-component Gaussian mixture; the better of the two labellings."""
    labels = GaussianMixture(2, n_init=5, random_state=0).fit_predict(coordinate[:, None])
    agreement = float((labels == state).mean())
    return max(agreement, 1 - agreement)


def canonical_correlations(latents: Array, truth: Array) -> Array:
    """[D], falling: of latents [n, K] with true coordinates [n, D]; 0 for what K < D latents cannot hold."""
    correlations = np.linalg.svd(_orthonormal(latents).T @ _orthonormal(truth), compute_uv=False)
    out = np.zeros(truth.shape[1])
    out[:len(correlations)] = correlations[:len(out)]
    return out


def multiple_correlation(latents: Array, truth: Array) -> float:
    """Correlation of one true coordinate [n] with its best linear estimate from latents [n, K]."""
    return float(canonical_correlations(latents, truth[:, None])[0])


def _orthonormal(columns: Array) -> Array:
    """Of the columns' span, without their means; a column that does not vary adds nothing."""
    left, values, _ = np.linalg.svd(columns - columns.mean(axis=0), full_matrices=False)
    return np.asarray(left[:, values > 1e-9 * max(values.max(initial=0.0), 1e-300)])


def turn_read_out(latents: Array, angles: Array, seed: int = 0) -> tuple[float, int]:
    """Median error (degrees) of angles read out from latents [n, K] by nearest neighbours, and how many of these.

    Half of the particles, drawn at random, have their true angles [n]; each of the others gets the circular mean of
    its neighbours among them. The number of neighbours is the best at leaving out one of the first half.
    """
    order = np.random.default_rng(seed).permutation(len(latents))
    known, asked = order[:len(order) // 2], order[len(order) // 2:]
    tree, phases = cKDTree(latents[known]), np.exp(1j * np.deg2rad(angles[known]))
    most = min(max(_NEIGHBOURS), len(known) - 1)
    _, near = tree.query(latents[known], most + 1)  # the first is the particle itself
    candidates = [k for k in _NEIGHBOURS if k <= most] or [most]
    left_out = [_median_error(phases[near[:, 1:k + 1]], angles[known]) for k in candidates]
    best = candidates[int(np.argmin(left_out))]
    _, near = tree.query(latents[asked], best)
    return _median_error(phases[near.reshape(len(asked), best)], angles[asked]), best


def neighbour_read_out(latents: Array, truth: Array, seed: int = 0) -> float:
    """Rank correlation of a true coordinate [n] with what is read out of latents [n, K], whatever their shape.

    Half of the particles, drawn at random, have their truth; each of the others gets the mean of its nearest
    neighbours among them. The number of neighbours is the best at leaving out one of the first half. No relation gives
    0 on average, of either sign.
    """
    order = np.random.default_rng(seed).permutation(len(latents))
    known, asked = order[:len(order) // 2], order[len(order) // 2:]
    tree, most = cKDTree(latents[known]), min(max(_NEIGHBOURS), len(known) - 1)
    _, near = tree.query(latents[known], most + 1)  # the first is the particle itself
    candidates = [k for k in _NEIGHBOURS if k <= most] or [most]
    left_out = [np.mean((truth[known][near[:, 1:k + 1]].mean(axis=1) - truth[known]) ** 2) for k in candidates]
    _, near = tree.query(latents[asked], candidates[int(np.argmin(left_out))])
    return float(spearmanr(truth[known][near.reshape(len(asked), -1)].mean(axis=1), truth[asked]).statistic)


def _median_error(phases: NDArray[np.complex128], angles: Array) -> float:
    estimate = np.angle(phases.mean(axis=1), deg=True)
    return float(np.median(np.abs((estimate - angles + 180) % 360 - 180)))


def peak_angle(probabilities: Array, step: float) -> Array:
    """[n] angle of largest posterior, degrees, from probabilities [n, S] at equal steps around the circle.

    A parabola through the logarithms at the largest and its neighbours, so that the answer is not bound to the steps:
    an estimate that does not know them could not be.
    """
    logs, rows = np.log(probabilities + 1e-300), np.arange(len(probabilities))
    top = probabilities.argmax(axis=1)
    count = probabilities.shape[1]
    before, here, after = (logs[rows, (top + shift) % count] for shift in (-1, 0, 1))
    return np.asarray(step * (top + 0.5 * (before - after) / (before - 2 * here + after)))


def coverage(mean: Array, deviation: Array, truth: Array) -> float:
    """Share of particles whose true coordinate lies within two posterior standard deviations of the posterior mean.

    The truth is put on the scale of the means by a monotone fit of mean on truth, stretched so that its variance is
    that of the means plus the mean posterior variance: posterior means are drawn towards the average, truths are not.
    """
    sign = np.sign(spearmanr(truth, mean).statistic) or 1.0
    fitted = sign * IsotonicRegression().fit_transform(truth, sign * mean)
    stretch = np.sqrt((mean.var() + np.mean(deviation**2)) / max(fitted.var(), 1e-12))
    placed = fitted.mean() + stretch * (fitted - fitted.mean())
    return float((np.abs(placed - mean) <= 2 * deviation).mean())


def pose_errors(true_angles: Array, given_angles: Array, true_origins: Array, given_origins: Array) -> dict[str, float]:
    """Root mean square errors per axis: in and out of the image plane (degrees), and of the shift (Angstrom).

    Orientations: the rotation vector of A_true A_given^T, in the frame of the view.
    """
    between = euler_to_matrix(true_angles) @ np.swapaxes(euler_to_matrix(given_angles), 1, 2)
    vectors = np.rad2deg(Rotation.from_matrix(between).as_rotvec())
    return {"in_plane_degrees": float(np.sqrt(np.mean(vectors[:, 2] ** 2))),
            "out_of_plane_degrees": float(np.sqrt(np.mean(vectors[:, :2] ** 2))),
            "shift_angstrom": float(np.sqrt(np.mean((given_origins - true_origins) ** 2)))}


@dataclass(frozen=True)
class RefinementErrors:
    """Errors of refined poses after the best common turn and shift of the model: a refinement fixes neither."""

    median_degrees: float
    beyond_10_degrees: float
    median_angstrom: float


def refinement_errors(true_angles: Array, given_angles: Array, true_origins: Array, given_origins: Array,
                      ) -> RefinementErrors:
    """Of n particles: angles [n, 3], origins [n, 2].

    The common turn is the mean of A_given^T A_true over the particles nearest to each other in it, found from the
    median of many; the common shift t is that of least squares, o_given - o_true = (A t)_xy.
    """
    true, given = euler_to_matrix(true_angles), euler_to_matrix(given_angles)
    between = Rotation.from_matrix(np.swapaxes(given, 1, 2) @ true)
    candidates = between[:: max(1, len(between) // 200)]
    distances = [float(np.median((c.inv() * between).magnitude())) for c in candidates]
    turn = candidates[int(np.argmin(distances))]
    for _ in range(3):
        near = (turn.inv() * between).magnitude() < np.deg2rad(15)
        turn = between[near].mean() if near.any() else turn
    errors = np.rad2deg((turn.inv() * between).magnitude())
    difference, right = given_origins - true_origins, errors < 15
    rows = true[right][:, :2].reshape(-1, 3)
    shift = np.linalg.lstsq(rows, difference[right].ravel(), rcond=None)[0] if right.any() else np.zeros(3)
    left = np.linalg.norm(difference - true[:, :2] @ shift, axis=1)
    return RefinementErrors(float(np.median(errors)), float((errors > 10).mean()), float(np.median(left)))


def held_out_estimate(latents: Array, truth: Array, seed: int = 0) -> Array:
    """[n] linear estimate of a true coordinate [n] from latents [n, K], fitted to the other half of the particles."""
    order = np.random.default_rng(seed).permutation(len(latents))
    terms = np.column_stack([latents, np.ones(len(latents))])
    estimate = np.empty(len(latents))
    for some, others in ((order[::2], order[1::2]), (order[1::2], order[::2])):
        estimate[some] = terms[some] @ np.linalg.lstsq(terms[others], truth[others], rcond=None)[0]
    return estimate


def held_out_correlation(latents: Array, truth: Array, seed: int = 0) -> float:
    """Correlation of a true coordinate [n] with its held-out estimate from latents [n, K]."""
    return float(np.corrcoef(held_out_estimate(latents, truth, seed), truth)[0, 1])


def area_under_curve(values: Array, positive: NDArray[np.bool_]) -> float:
    """Share of pairs (one positive, one not) of which the positive has the larger value; ties count half."""
    ranks = rankdata(values)
    count = int(positive.sum())
    return float((ranks[positive].sum() - count * (count + 1) / 2) / (count * (len(values) - count)))
