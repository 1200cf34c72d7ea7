"""The training step while all but the heads is frozen: the backbone's weights and moving statistics stay the same."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from eoinas_tf.evaluation.evaluation_step import EvaluationStep
from eoinas_tf.evaluation.final_networks import FinalNetwork, backbone_layers


@contextlib.contextmanager
def frozen(network: FinalNetwork) -> Iterator[None]:
    """Makes the backbone's weights untrainable inside the block; its normalization then uses moving statistics.

    Args:
        network: The network.
    """
    layers = backbone_layers(network)
    for layer in layers:
        layer.trainable = False
    try:
        yield
    finally:
        for layer in layers:
            layer.trainable = True


class FrozenBackboneStep(EvaluationStep):
    """Trains only the classifier and the auxiliary head, on features computed as in a test.

    Gradient clipping, weight decay and momentum act on the heads' weights only, and no path is dropped. The learning
    rate and the step count advance as in every step. The network is frozen only while a step is traced, so that all
    other code sees it unfrozen.
    """

    def _train(self, images: tf.Tensor, labels: tf.Tensor, step: tf.Tensor) -> None:
        with frozen(self.state.network):
            super()._train(images, labels, step)

    def drop_path_probability(self, step: tf.Tensor) -> tf.Tensor:
        """Returns 0, float32 scalar.

        Args:
            step: Global step, counted from 0, int64 scalar.
        """
        return tf.zeros([])

    def _drop_path_seed(self, step: tf.Tensor) -> tf.Tensor | None:
        return None
