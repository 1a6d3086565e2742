"""How close coordinates and poses are to the truth."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from scipy.stats import spearmanr
from sklearn.isotonic import IsotonicRegression
from sklearn.mixture import GaussianMixture

from gmmhet.engine.conventions import euler_to_matrix

__all__ = [
    "canonical_correlations", "coverage", "multiple_correlation", "neighbour_read_out", "peak_angle", "pose_errors",
    "rank_correlation", "share_in_right_half", "turn_read_out",
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
