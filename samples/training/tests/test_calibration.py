"""Probabilities that mean what they say."""

import unittest

import torch

from guardian_training.calibration import Calibrated, calibration_error, find_temperature


class Temperature(unittest.TestCase):
    def overconfident(self, factor: float):
        """Scores of a network that is `factor` times too sure of itself: labels drawn from softmax(scores / factor)."""
        torch.manual_seed(3)
        scores = torch.randn(4000, 2) * 2
        truth = torch.multinomial(torch.softmax(scores, 1), 1)[:, 0].tolist()
        return scores * factor, truth

    def test_is_found_where_it_is_known(self):
        scores, truth = self.overconfident(3)
        self.assertAlmostEqual(find_temperature(scores, truth), 3, delta=0.2)

    def test_brings_the_probabilities_near_to_the_truth(self):
        scores, truth = self.overconfident(3)
        before = calibration_error(scores, truth)
        after = calibration_error(scores / find_temperature(scores, truth), truth)
        self.assertGreater(before, 0.08)
        self.assertLess(after, 0.03)

    def test_never_makes_answers_surer(self):
        right = torch.tensor([[4.0, -4.0], [-4.0, 4.0]])
        self.assertEqual(find_temperature(right, [0, 1]), 1)

    def test_changes_no_label(self):
        scores, _ = self.overconfident(3)
        calibrated = Calibrated(torch.nn.Identity(), 2.5)(scores)
        self.assertTrue(torch.equal(calibrated.argmax(1), scores.argmax(1)))

    def test_error_of_known_answers(self):
        # Ten answers given with 0.9 of which five are right: off by 0.4.
        scores = torch.tensor([[0.9, 0.1]]).log().repeat(10, 1)
        self.assertAlmostEqual(calibration_error(scores, [0] * 5 + [1] * 5), 0.4, places=5)


if __name__ == "__main__":
    unittest.main()
