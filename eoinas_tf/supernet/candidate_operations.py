"""The candidate operations of one kind of edge, as one traced function of input, weights and choice.

A network of 8 cells has 112 edges but only five kinds (channels, stride): tracing every
edge on its own takes minutes, so all edges of a kind call the same function and hand it
their weights. An edge's weights are ONE flat vector, the concatenation of all its
operations' kernels: one variable for the optimizer, one argument, one gradient.
"""

import functools
import math
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from eoinas_tf.space.initializers import FanInUniform
from eoinas_tf.space.operation_names import OPERATION_NAMES
from eoinas_tf.space.operations import build_operation
from eoinas_tf.supernet.branch_choice import are_few, run_one_of

# By their size in bytes.
WHOLE_NUMBERS = {2: tf.int16, 4: tf.int32, 8: tf.int64}


class CandidateOperations:
    """All operations that an edge can run, as a function that runs exactly one of them.

    The Keras layers held here are templates: their own variables are never used, a call
    replaces them by slices of the weights it is given.

    Args:
        channels: Input and output channels.
        stride: 1 or 2.
        operation_names: Names of the operations, in the order of the choice's index.
    """

    def __init__(self, channels: int, stride: int, operation_names: tuple[str, ...] = OPERATION_NAMES) -> None:
        self.channels = channels
        self.stride = stride
        self.operation_names = operation_names
        self._layers = [build_operation(name, channels, stride, affine=False) for name in operation_names]
        for layer in self._layers:
            layer.build((None, None, None, channels))
        lengths = [sum(math.prod(weight.shape) for weight in layer.trainable_variables) for layer in self._layers]
        self._offsets = np.cumsum([0, *lengths]).tolist()
        # Without "_noinline" the graph optimizer copies the function into each of the 112 places that call it.
        traced = functools.partial(tf.function, autograph=False, experimental_attributes={"_noinline": True})
        self._run = traced(self._run_one)
        self._run_with_frozen_weights = traced(self._run_one_frozen)

    @property
    def weight_count(self) -> int:
        """Length of an edge's weight vector."""
        return self._offsets[-1]

    def output_shape(self, input_shape: tuple) -> tuple:
        """Returns the shape of every operation's output for an input's shape."""
        return self._layers[0].compute_output_shape(input_shape)

    def initial_weights(self, dtype: str = "float32") -> tf.Tensor:
        """Draws initial weights for one edge from Keras's global seed.

        Args:
            dtype: Type of the result.

        Returns:
            Vector [weight_count].
        """
        pieces = [tf.zeros([0], dtype)]
        for layer in self._layers:
            for weight in layer.trainable_variables:
                pieces.append(tf.reshape(_fresh_values(weight, dtype), [-1]))
        return tf.concat(pieces, axis=0)

    def operation_weights(self, weights: tf.Tensor, operation: int) -> list[tf.Tensor]:
        """Cuts one operation's kernels out of an edge's weights.

        Args:
            weights: Vector [weight_count].
            operation: The operation's index.

        Returns:
            Its kernels, in the order of its layer's `trainable_variables`.
        """
        variables = self._layers[operation].trainable_variables
        if not variables:
            return []
        own = weights[self._offsets[operation] : self._offsets[operation + 1]]
        pieces = tf.split(own, [math.prod(variable.shape) for variable in variables])
        return [tf.reshape(piece, variable.shape) for piece, variable in zip(pieces, variables, strict=True)]

    def __call__(
        self, inputs: tf.Tensor, weights: tf.Tensor, operation_index: tf.Tensor, train_weights: bool = True
    ) -> tf.Tensor:
        """Runs the chosen operation, and only that one.

        Args:
            inputs: [batch, height, width, channels], float.
            weights: Vector [weight_count].
            operation_index: int32 scalar.
            train_weights: Whether a gradient with respect to the weights can be asked for;
                without, none is computed, unless images are so few that another trace would take longer.

        Returns:
            [batch, ceil(height / stride), ceil(width / stride), channels].
        """
        if train_weights:
            return self._run(inputs, weights, operation_index)
        if are_few(inputs):
            return self._run(inputs, tf.stop_gradient(weights), operation_index)
        return self._run_with_frozen_weights(inputs, weights, operation_index)

    def trace_count(self) -> int:
        """Returns how often the function was traced so far."""
        return (
            self._run.experimental_get_tracing_count() + self._run_with_frozen_weights.experimental_get_tracing_count()
        )

    def _run_one(self, inputs: tf.Tensor, weights: tf.Tensor, operation_index: tf.Tensor) -> tf.Tensor:
        return self._switch(inputs, operation_index, lambda: weights)

    def _run_one_frozen(self, inputs: tf.Tensor, weights: tf.Tensor, operation_index: tf.Tensor) -> tf.Tensor:
        # Whole numbers have no gradient: where it is only stopped, each branch would still compute it, for nobody.
        bits = tf.bitcast(weights, WHOLE_NUMBERS[weights.dtype.size])
        return self._switch(inputs, operation_index, lambda: tf.bitcast(bits, weights.dtype))

    def _switch(self, inputs: tf.Tensor, operation_index: tf.Tensor, get_weights: Callable[[], tf.Tensor]) -> tf.Tensor:
        def branch(operation: int):
            def run() -> tf.Tensor:
                layer = self._layers[operation]
                outputs, _ = layer.stateless_call(self.operation_weights(get_weights(), operation), [], inputs)
                return outputs

            return run

        outputs = run_one_of([branch(operation) for operation in range(len(self._layers))], operation_index, inputs)
        outputs.set_shape(self.output_shape(inputs.shape))
        return outputs


def _fresh_values(variable: keras.Variable, dtype: str) -> tf.Tensor:
    """Draws new values as a new layer would: its kernels are depthwise [k, k, C, 1] or pointwise [1, 1, C, D]."""
    size, _, channels, _ = variable.shape
    fan_in = size * size if size > 1 else channels
    return tf.convert_to_tensor(FanInUniform(fan_in)(variable.shape, dtype))
