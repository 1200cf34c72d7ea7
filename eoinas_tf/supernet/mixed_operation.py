"""One edge of the super network: holds all candidate operations and runs those chosen (Eqs. 1, 4)."""

import keras
import tensorflow as tf

from eoinas_tf.space.operation_names import OPERATION_NAMES
from eoinas_tf.supernet.candidate_operations import CandidateOperations
from eoinas_tf.supernet.choice import EdgeChoice, OperationMixture


@keras.saving.register_keras_serializable(package="eoinas_tf")
class MixedOperation(keras.layers.Layer):
    """Runs one of its candidate operations, or the weighted sum of all living ones.

    Args:
        channels: Input and output channels.
        stride: 1 or 2.
        operation_names: The candidates, in the order of the index.
        candidates: Traced function of an edge of this kind, shared with other edges that have the same channels, stride
            and operations; by default a new one.

    Call arguments:
        inputs: [batch, height, width, channels], float.
        choice: A `SampledOperation` (its gate, if any, receives the gradient of the architecture parameters), or an
            `OperationMixture`.
        train_weights: Whether a gradient with respect to the edge's weights may be requested.

    Example:
        edge = MixedOperation(channels=16, stride=1)
        outputs = edge(images, SampledOperation(tf.constant(2)))  # runs sep_conv_3x3
    """

    def __init__(
        self,
        channels: int,
        stride: int = 1,
        operation_names: tuple[str, ...] = OPERATION_NAMES,
        candidates: CandidateOperations | None = None,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.channels = channels
        self.stride = stride
        self.operation_names = tuple(operation_names)
        self.candidates = candidates or CandidateOperations(channels, stride, self.operation_names)

    def build(self, input_shape) -> None:
        """Creates the weights of all candidates, as one vector."""
        self.operation_weights = self.add_weight(
            name="operation_weights",
            shape=(self.candidates.weight_count,),
            initializer=lambda shape, dtype: self.candidates.initial_weights(dtype),
        )

    def call(self, inputs: tf.Tensor, choice: EdgeChoice, train_weights: bool = True) -> tf.Tensor:
        """Returns the output of the choice, [batch, ceil(height / stride), ceil(width / stride), channels]."""
        weights = tf.convert_to_tensor(self.operation_weights)
        if isinstance(choice, OperationMixture):
            return self.candidates.mix(inputs, weights, choice, train_weights)
        outputs = self.candidates(inputs, weights, choice.operation_index, train_weights)
        return outputs if choice.gate is None else open_gate(outputs, choice.gate)

    def compute_output_shape(self, input_shape, *call_arguments):
        """Returns the output's shape for an input's shape."""
        return self.candidates.output_shape(input_shape)

    def get_config(self) -> dict:
        """Returns the constructor's arguments, without the function that is shared with other edges."""
        own = {"channels": self.channels, "stride": self.stride, "operation_names": list(self.operation_names)}
        return {**super().get_config(), **own}


@tf.custom_gradient
def open_gate(outputs: tf.Tensor, gate: tf.Tensor):
    """Multiplies by a gate that is always 1: nothing to compute forward; backward, the gate gets its gradient.

    Args:
        outputs: An operation's output, float, any shape.
        gate: Float scalar of value 1.

    Returns:
        The outputs, and the gradient function: the outputs' gradient passes unchanged, the gate's is the inner product
        of the outputs and their gradient.
    """

    def gradient(output_gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return output_gradient, tf.reduce_sum(tf.cast(output_gradient * outputs, gate.dtype))

    return tf.identity(outputs), gradient
