"""A copy of a network's weights and moving statistics, kept while training goes on."""

import tensorflow as tf

from eoinas_tf.evaluation.final_networks import FinalNetwork

# Its name in checkpoints.
BEST_NETWORK = "best_network"


class BestWeights:
    """The weights of the best epoch so far; a checkpoint holds them as well as the network's own.

    Attributes:
        variables: A copy of each of the network's variables, in their order.

    Args:
        network: The built network.
    """

    def __init__(self, network: FinalNetwork) -> None:
        self._network = network
        self.variables = [tf.Variable(tf.convert_to_tensor(own.value), trainable=False) for own in network.variables]

    def keep(self) -> None:
        """Copies the network's values; all replicas must agree on its statistics."""
        for copy, own in zip(self.variables, self._network.variables, strict=True):
            copy.assign(tf.convert_to_tensor(own.value))

    def restore(self) -> None:
        """Restores the kept values in the network."""
        for copy, own in zip(self.variables, self._network.variables, strict=True):
            own.assign(tf.convert_to_tensor(copy))
