"""SNAS: every edge adds up all operations, weighted by a sample of the concrete distribution (relaxed Gumbel softmax).

Xie, Zheng, Liu and Lin, "SNAS: Stochastic Neural Architecture Search", arXiv 1812.09926, without its resource
constraint. Weights and alpha descend the same training loss. Nothing is dropped.
"""

import numpy as np
import tensorflow as tf

from eoinas_tf.random_seeds import ALGORITHM, stateless_seed
from eoinas_tf.search.gradient_method import GradientMethod
from eoinas_tf.search.search_method import Schedule, SearchProblem
from eoinas_tf.search.temperature import temperature
from eoinas_tf.supernet.choice import Mixed
from eoinas_tf.supernet.gumbel_sampling import gumbel_noise, relaxed_operation_weights

INITIAL_DEVIATION = 0.01


class Snas(GradientMethod[Mixed]):
    """Every weight step draws relaxed weights, through which alpha gets its share of the step's one gradient."""

    title = "SNAS"
    has_architecture_steps = False
    learns_with_weights = True

    @staticmethod
    def initial_logits(problem: SearchProblem) -> np.ndarray:
        """Returns alpha at the start, float32 [cell types, edges, operations]: normal, deviation 0.01."""
        seed = stateless_seed(problem.config.seed, "initial alpha", 0)
        return tf.random.stateless_normal(problem.shape, seed, stddev=INITIAL_DEVIATION, alg=ALGORITHM).numpy()

    def schedule(self, epoch: int) -> dict[str, float]:
        """Returns the temperature of the epoch."""
        config = self.config
        return {"temperature": temperature(epoch, config.epochs, config.temperature_start, config.temperature_end)}

    def weight_choice(self, step: tf.Tensor, schedule: Schedule) -> Mixed:
        """Returns all operations, with relaxed weights that the step draws from the concrete distribution."""
        logits, living = self.architecture_tensors()
        # The seed depends on the step alone, so every replica draws the same sample.
        noise = gumbel_noise(self.problem.shape, stateless_seed(self.config.seed, "relaxed sample", step))
        return Mixed(relaxed_operation_weights(logits, living, schedule["temperature"], noise), living)
