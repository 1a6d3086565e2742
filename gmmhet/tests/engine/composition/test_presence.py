"""Blocks, presence and states from equations of planted particles, whose images are never made."""

import unittest
from dataclasses import replace

import numpy as np

from gmmhet.engine.composition.blocks import amplitude_covariance, found_blocks, model_of, support
from gmmhet.engine.composition.particle_equations import ParticleEquations
from gmmhet.engine.composition.presence import BlockModel, fitted, log_evidence, presence, with_shapes
from gmmhet.engine.composition.settings import BLOCKS
from gmmhet.engine.composition.states import order_of_blocks, states_of

PIXELS = 60


def planted(occupancy: np.ndarray, block: np.ndarray, *, information: float, seed: int, contrast: float = 0.05,
            ) -> ParticleEquations:
    """Particles that have blocks [n, B]: random parcel images [PIXELS, P] for each, noise of unit variance.

    Args:
        block: [P] of each parcel, from 1; 0: always there. information: mean squared length of a parcel's image, at
            the density of the mean map.
    """
    rng = np.random.default_rng(seed)
    n, count = len(occupancy), len(block)
    mean = np.concatenate([[1.0], occupancy.mean(0)])[block]
    full = np.sqrt(information / PIXELS) * rng.normal(size=(n, PIXELS, count))
    amplitude = np.column_stack([np.ones(n), occupancy])[:, block] / np.maximum(mean, 1e-9)
    scale = 1 + contrast * rng.normal(size=n)
    data = scale[:, None] * np.einsum("nfp,np->nf", full, amplitude) + rng.normal(size=(n, PIXELS))
    matrix = np.einsum("nfp,nfq->npq", full, full, optimize=True)
    vector = np.einsum("nfp,nf->np", full, data)
    return ParticleEquations(matrix.astype(np.float32), vector.astype(np.float32), np.zeros((n, 0)),
                             np.square(data).sum(1).astype(np.float32))


class TestLikelihood(unittest.TestCase):

    def test_evidence_is_that_of_the_normal_distribution_with_the_contrast_in_its_covariance(self) -> None:
        rng = np.random.default_rng(0)
        images, data = rng.normal(size=(12, 4)), rng.normal(size=12) * 2
        equations = ParticleEquations((images.T @ images)[None].astype(np.float32),
                                      (images.T @ data)[None].astype(np.float32), np.zeros((1, 0)),
                                      np.ones(1, np.float32))
        members = np.array([[1.0, 0, 0], [0.3, 1.5, 0], [0, 1.2, 0], [0, 0, 2.0]])
        model = BlockModel(members, np.array([[0, 0], [1, 0], [0, 1], [1, 1]], float), np.full(4, 0.25), 0.2)
        found = log_evidence(equations, model)[0][0]
        expected = []
        for row in model.combinations:
            mean = images @ (members @ np.array([1.0, *row]))
            covariance = np.eye(12) + 0.2**2 * np.outer(mean, mean)
            rest = data - mean
            expected.append(-0.5 * rest @ np.linalg.solve(covariance, rest) - 0.5 * np.linalg.slogdet(covariance)[1])
        np.testing.assert_allclose(found - found[0], np.array(expected) - expected[0], atol=1e-3)

    def test_presence_is_calibrated_and_shares_are_the_planted_ones(self) -> None:
        rng = np.random.default_rng(1)
        occupancy = (rng.random((3000, 2)) < [0.3, 0.8]).astype(float)
        block = np.array([0, 0, 0, 1, 1, 2, 2, 2])
        equations = planted(occupancy, block, information=0.9, seed=2)
        model = fitted(equations, model_of(block, np.full(2, 0.5), equations), 40)
        probability = presence(equations, model).of_blocks(model)
        np.testing.assert_allclose(probability.mean(0), occupancy.mean(0), atol=0.03)
        for low, high in ((0.1, 0.3), (0.3, 0.7), (0.7, 0.9)):
            inside = (probability > low) & (probability < high)
            error = 4 * np.sqrt(0.25 / inside.sum())
            self.assertAlmostEqual(float(occupancy[inside].mean()), float(probability[inside].mean()), delta=error)


class TestShapes(unittest.TestCase):

    def test_what_else_changes_with_a_block_is_found_and_supported_by_others(self) -> None:
        """Parcels 0 and 1 are weaker by 0.4 where the block is present, as no block can be."""
        rng = np.random.default_rng(8)
        block, present = np.array([0, 0, 0, 0, 1, 1]), (rng.random(2000) < 0.5).astype(float)
        images = np.sqrt(1.2 / PIXELS) * rng.normal(size=(2000, PIXELS, 6))
        members = np.array([[1.2, -0.4], [1.2, -0.4], [1, 0], [1, 0], [0, 2], [0, 2.0]])
        amplitude = np.column_stack([np.ones(2000), present]) @ members.T
        data = np.einsum("nfp,np->nf", images, amplitude) + rng.normal(size=(2000, PIXELS))
        equations = ParticleEquations(np.einsum("nfp,nfq->npq", images, images, optimize=True).astype(np.float32),
                                      np.einsum("nfp,nf->np", images, data).astype(np.float32), np.zeros((2000, 0)),
                                      np.square(data).sum(1).astype(np.float32))
        half = np.arange(2000) % 2 == 0
        start = fitted(equations.some(half), model_of(block, np.full(1, 0.5), equations), 15)
        free = with_shapes(equations.some(half), start)
        np.testing.assert_allclose(free.members, members, atol=0.2)
        self.assertGreater(support(free, start, equations.some(~half)), 1)
        alike = with_shapes(equations.some(half), free)
        self.assertLess(support(alike, free, equations.some(~half)), 1)
        right = [np.mean((presence(equations, m).of_blocks(m)[:, 0] > 0.5) == (present > 0.5)) for m in (start, free)]
        self.assertGreater(right[1], right[0])


class TestSearch(unittest.TestCase):

    BLOCK = np.array([0] * 10 + [1] * 3 + [2] * 3 + [3] * 2)

    def _found(self, occupancy: np.ndarray, seed: int, information: float = 4.0) -> BlockModel | None:
        equations = planted(occupancy, self.BLOCK, information=information, seed=seed)
        half = np.arange(len(occupancy)) % 2 == 0
        return found_blocks(equations.some(half), equations.some(~half))

    def test_planted_blocks_are_found_with_their_parcels(self) -> None:
        for seed in (0, 1):
            with self.subTest(seed=seed):
                rng = np.random.default_rng(10 + seed)
                first = rng.random(1000) < 0.6
                second, third = first & (rng.random(1000) < 0.5), rng.random(1000) < 0.25
                occupancy = np.stack([first, second, third], 1).astype(float)
                model = self._found(occupancy, seed)
                assert model is not None
                own = {frozenset(np.flatnonzero(model.block == b).tolist()) for b in range(1, model.blocks + 1)}
                planted_sets = {frozenset(np.flatnonzero(b == self.BLOCK).tolist()) for b in (1, 2, 3)}
                self.assertEqual(own, planted_sets)

    def test_the_amount_of_what_is_seldom_there_is_found_from_its_own_density_on(self) -> None:
        """In 6 % of the particles an amplitude is 17 times its mean; EM that starts at half the mean stays there."""
        occupancy = (np.random.default_rng(40).random((1500, 1)) < 0.06).astype(float)
        block = np.array([0, 0, 0, 1, 1, 1])
        equations = planted(occupancy, block, information=0.02, seed=41)  # of the faint mean
        share = occupancy.mean()
        found = amplitude_covariance(equations, BLOCKS.first_spread / np.where(block == 1, share, 1.0))
        for variance in np.diag(found.matrix)[3:]:
            self.assertLess(abs(np.log2(variance / ((1 - share) / share))), 1)
        from_below = amplitude_covariance(equations)
        self.assertLess(np.diag(from_below.matrix)[3:].max(), 5)

    def test_particles_that_are_all_alike_have_no_block(self) -> None:
        for seed in (0, 1):
            with self.subTest(seed=seed):
                self.assertIsNone(self._found(np.ones((700, 3)), seed))

    def test_amounts_that_vary_a_little_are_no_block(self) -> None:
        rng = np.random.default_rng(5)
        occupancy = 1 + 0.25 * rng.normal(size=(700, 3))  # never absent
        model = self._found(occupancy, 7, information=2.0)
        self.assertTrue(model is None or model.frequency().min() > 0.9, model)


class TestStates(unittest.TestCase):

    def test_states_their_shares_and_their_order_are_the_planted_ones(self) -> None:
        rng = np.random.default_rng(3)
        states = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1.0]])
        true = np.array([0.15, 0.4, 0.3, 0.15])
        number = rng.choice(4, 1600, p=true)
        block = np.array([0, 0, 0, 1, 1, 2, 2, 3, 3])
        equations = planted(states[number], block, information=3.0, seed=4)
        model = fitted(equations, model_of(block, np.full(3, 0.5), equations), 15)
        found = states_of(equations, model, 1 + np.arange(1600) % 2)
        self.assertEqual({tuple(row) for row in found.combinations}, {tuple(row) for row in states})
        share = {tuple(row): s for row, s in zip(found.combinations, found.shares, strict=True)}
        counted = np.bincount(number) / 1600
        np.testing.assert_allclose([share[tuple(row)] for row in states], counted, atol=0.02)
        self.assertFalse(found.independent)
        self.assertEqual(set(order_of_blocks(found.combinations)), {(1, 0), (2, 1)})

    def test_blocks_that_are_independent_are_said_to_be(self) -> None:
        rng = np.random.default_rng(6)
        occupancy = (rng.random((1600, 3)) < [0.4, 0.5, 0.7]).astype(float)
        block = np.array([0, 0, 0, 1, 1, 2, 2, 3, 3])
        equations = planted(occupancy, block, information=3.0, seed=7)
        model = fitted(equations, model_of(block, np.full(3, 0.5), equations), 15)
        found = states_of(equations, model, 1 + np.arange(1600) % 2)
        self.assertTrue(found.independent)
        np.testing.assert_allclose(found.frequency, occupancy.mean(0), atol=0.03)

    def test_errors_of_shares_are_those_of_repeated_sets(self) -> None:
        shares, errors = [], []
        for seed in range(12):
            rng = np.random.default_rng(20 + seed)
            occupancy = (rng.random((500, 1)) < 0.4).astype(float)
            block = np.array([0, 0, 1])
            equations = planted(occupancy, block, information=2.0, seed=seed)
            model = fitted(equations, model_of(block, np.full(1, 0.5), equations), 15)
            found = states_of(equations, replace(model), 1 + np.arange(500) % 2)
            shares.append(found.frequency[0])
            errors.append(found.frequency_error[0])
        self.assertLess(np.std(shares), 1.7 * np.mean(errors))
        self.assertGreater(np.std(shares), 0.55 * np.mean(errors))


if __name__ == "__main__":
    unittest.main()
