"""The part of a trained network that is exported: its forward pass in a test, without the auxiliary head."""

import keras
import tensorflow as tf

from eoinas_tf.evaluation.final_networks import FinalNetwork
from eoinas_tf.kernels.ordered_sums import without_gradients
from eoinas_tf.kernels.quantizable_operations import quantizable_operations


class ServedNetwork:
    """Maps images to logits as in a test, and names the variables that this requires.

    Exporting the network itself would also store the auxiliary head, which is about a tenth of a large network and most
    of a small one, and refer to gradients that no export holds.

    Args:
        network: The trained network.
        is_quantizable: Whether it is built from operations that can be converted to integers; its logits are the same.
    """

    def __init__(self, network: FinalNetwork, is_quantizable: bool = False) -> None:
        self._network = network
        self._is_quantizable = is_quantizable
        head = network.auxiliary_head
        left_out = set() if head is None else {id(variable) for variable in head.variables}
        self.variables: list[keras.Variable] = [
            variable for variable in network.variables if id(variable) not in left_out
        ]

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        """Returns logits [batch, classes] for normalized images [batch, height, width, channels]."""
        with without_gradients(), quantizable_operations(self._is_quantizable):
            return self._network(images, training=False)
