"""GDAS: one operation per edge by the hard Gumbel softmax, ranked by its architecture weight (the paper's baseline).

Dong and Yang, "Searching for a Robust Neural Architecture in Four GPU Hours", arXiv 1910.04465; Table 3 of the
paper starts from it. Nothing is dropped.
"""

import tensorflow as tf

from eoinas_tf.random_seeds import stateless_seed
from eoinas_tf.search.gradient_method import GradientMethod
from eoinas_tf.search.search_method import Schedule
from eoinas_tf.search.temperature import temperature
from eoinas_tf.supernet.choice import Sampled
from eoinas_tf.supernet.gumbel_sampling import sample_operations


class Gdas(GradientMethod[Sampled]):
    """The weight step and the architecture step draw a sample each; alpha descends the validation loss."""

    title = "GDAS"

    def schedule(self, epoch: int) -> dict[str, float]:
        """Returns the temperature of the epoch."""
        config = self.config
        return {"temperature": temperature(epoch, config.epochs, config.temperature_start, config.temperature_end)}

    def weight_choice(self, step: tf.Tensor, schedule: Schedule) -> Sampled:
        """Returns a sample without gates: the weight step computes no gradient for alpha."""
        return Sampled(self._sample("weight step sample", step, schedule).operation_index)

    def architecture_choice(self, step: tf.Tensor, schedule: Schedule) -> Sampled:
        """Returns a sample of its own, with gates."""
        return self._sample("architecture step sample", step, schedule)

    def _sample(self, purpose: str, step: tf.Tensor, schedule: Schedule) -> Sampled:
        # The seed depends on the step alone, so every replica draws the same sample.
        seed = stateless_seed(self.config.seed, purpose, step)
        return sample_operations(*self.architecture_tensors(), schedule["temperature"], seed)
