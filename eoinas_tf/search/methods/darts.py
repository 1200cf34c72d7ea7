"""DARTS, first order: every edge adds up all operations, weighted by the softmax of alpha.

Liu, Simonyan and Yang, "DARTS: Differentiable Architecture Search", arXiv 1806.09055, with xi = 0. Nothing is dropped.
"""

import numpy as np
import tensorflow as tf

from eoinas_tf.random_seeds import ALGORITHM, stateless_seed
from eoinas_tf.search.gradient_method import GradientMethod
from eoinas_tf.search.search_method import Schedule, SearchProblem
from eoinas_tf.supernet.choice import Mixed
from eoinas_tf.supernet.gumbel_sampling import log_operation_weights

INITIAL_DEVIATION = 1e-3


class Darts(GradientMethod[Mixed]):
    """Alpha descends the validation loss of the weighted sums (Eq. 2 of its paper); w is held fixed meanwhile."""

    title = "DARTS"

    @staticmethod
    def initial_logits(problem: SearchProblem) -> np.ndarray:
        """Returns alpha at the start, float32 [cell types, edges, operations]: normal, deviation 0.001."""
        seed = stateless_seed(problem.config.seed, "initial alpha", 0)
        return tf.random.stateless_normal(problem.shape, seed, stddev=INITIAL_DEVIATION, alg=ALGORITHM).numpy()

    def weight_choice(self, step: tf.Tensor, schedule: Schedule) -> Mixed:
        """Returns all operations with the softmax of alpha over the living ones."""
        logits, living = self.architecture_tensors()
        return Mixed(tf.exp(log_operation_weights(logits, living)), living)

    def architecture_choice(self, step: tf.Tensor, schedule: Schedule) -> Mixed:
        """Returns what the weight step runs: nothing is drawn."""
        return self.weight_choice(step, schedule)
