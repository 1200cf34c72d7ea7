"""The candidate operations of one kind of edge, as traced functions of input, weights and choice.

A network of 8 cells has 112 edges but only five kinds (channels, stride). Tracing every edge on its own takes minutes,
so all edges of a kind call the same function and pass it their weights. An edge's weights are ONE flat vector, the
concatenation of the kernels of all its operations: one variable for the optimizer, one argument, one gradient.
"""

import itertools
import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from eoinas_tf.kernels.branch_choice import run_one_of, run_with_frozen_weights
from eoinas_tf.kernels.ordered_sums import fan_out, ordered_sum
from eoinas_tf.kernels.tensorflow_internals import uninlined_function
from eoinas_tf.random_seeds import ALGORITHM
from eoinas_tf.space.initializers import fresh_initializer, initializers_by_variable
from eoinas_tf.space.operation_names import NONE, OPERATION_NAMES, SKIP_CONNECT
from eoinas_tf.space.operations import build_operation
from eoinas_tf.supernet.choice import OperationMixture, SkipDropout

# By size in bytes.
INTEGERS = {2: tf.int16, 4: tf.int32, 8: tf.int64}


class CandidateOperations:
    """All operations that an edge can run, as functions that run exactly one of them or add up all living ones.

    The Keras layers held here are templates: their own variables are never used; a call replaces them with slices of
    the weights it is given.

    Args:
        channels: Input and output channels.
        stride: 1 or 2.
        operation_names: Names of the operations, in the order of the choice's index. If `none` is not among them, the
            index after the last one stands for it.
    """

    def __init__(self, channels: int, stride: int, operation_names: tuple[str, ...] = OPERATION_NAMES) -> None:
        self.channels = channels
        self.stride = stride
        self.operation_names = operation_names
        # Derived cells omit edges: if `none` is not a candidate, the index after the candidates runs it.
        names = operation_names if NONE in operation_names else (*operation_names, NONE)
        self._layers = [build_operation(name, channels, stride, affine=False) for name in names]
        for layer in self._layers:
            layer.build((None, None, None, channels))
        self._initializers = [initializers_by_variable(layer) for layer in self._layers]
        lengths = [sum(math.prod(weight.shape) for weight in layer.trainable_variables) for layer in self._layers]
        self._offsets = np.cumsum([0, *lengths]).tolist()
        # Inlined, they would be copied into each of the 112 places that call them.
        self._run = uninlined_function(self._run_one)
        self._run_with_frozen_weights = uninlined_function(self._run_one_frozen)
        self._mix = uninlined_function(self._mix_all)
        self._mix_with_frozen_weights = uninlined_function(self._mix_all_frozen)

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
        for layer, initializers in zip(self._layers, self._initializers, strict=True):
            for weight in layer.trainable_variables:
                values = fresh_initializer(initializers[id(weight)])(weight.shape, dtype)
                pieces.append(tf.reshape(tf.convert_to_tensor(values), [-1]))
        return tf.concat(pieces, axis=0)

    def operation_weights(self, weights: tf.Tensor, operation: int) -> list[tf.Tensor]:
        """Cuts one operation's kernels out of an edge's weights.

        Args:
            weights: Vector [weight_count].
            operation: The operation's index.

        Returns:
            Its kernels, in the order of its layer's `trainable_variables`.
        """
        return self._cut(operation, weights[self._offsets[operation] : self._offsets[operation + 1]])

    def __call__(
        self, inputs: tf.Tensor, weights: tf.Tensor, operation_index: tf.Tensor, train_weights: bool = True
    ) -> tf.Tensor:
        """Runs the chosen operation, and only that one.

        Args:
            inputs: [batch, height, width, channels], float.
            weights: Vector [weight_count].
            operation_index: int32 scalar.
            train_weights: Whether a gradient with respect to the weights may be requested; without it, none is
                computed, unless the batch is so small that another trace would take longer.

        Returns:
            [batch, ceil(height / stride), ceil(width / stride), channels].
        """
        if train_weights:
            return self._run(inputs, weights, operation_index)
        return run_with_frozen_weights(self._run, self._run_with_frozen_weights, inputs, weights, operation_index)

    def mix(
        self, inputs: tf.Tensor, weights: tf.Tensor, mixture: OperationMixture, train_weights: bool = True
    ) -> tf.Tensor:
        """Runs all living operations and adds their outputs, each multiplied by its weight (Eq. 1).

        Args:
            inputs: [batch, height, width, channels], float.
            weights: Vector [weight_count].
            mixture: The operations' weights, the mask of living operations, and the dropout on an identity.
            train_weights: As for a call.

        Returns:
            [batch, ceil(height / stride), ceil(width / stride), channels].
        """
        if train_weights:
            return self._mix(inputs, weights, mixture)
        return run_with_frozen_weights(self._mix, self._mix_with_frozen_weights, inputs, weights, mixture)

    def trace_count(self) -> int:
        """Returns how often the functions were traced so far."""
        functions = (self._run, self._run_with_frozen_weights, self._mix, self._mix_with_frozen_weights)
        return sum(function.experimental_get_tracing_count() for function in functions)

    def _run_one(self, inputs: tf.Tensor, weights: tf.Tensor, operation_index: tf.Tensor) -> tf.Tensor:
        return self._switch(inputs, operation_index, lambda: weights)

    def _run_one_frozen(self, inputs: tf.Tensor, weights: tf.Tensor, operation_index: tf.Tensor) -> tf.Tensor:
        return self._switch(inputs, operation_index, _without_gradient(weights))

    def _switch(self, inputs: tf.Tensor, operation_index: tf.Tensor, get_weights: Callable[[], tf.Tensor]) -> tf.Tensor:
        def branch(operation: int):
            return lambda: self._outputs(operation, inputs, self.operation_weights(get_weights(), operation))

        outputs = run_one_of([branch(operation) for operation in range(len(self._layers))], operation_index, inputs)
        outputs.set_shape(self.output_shape(inputs.shape))
        return outputs

    def _outputs(self, operation: int, inputs: tf.Tensor, kernels: list[tf.Tensor]) -> tf.Tensor:
        outputs, _ = self._layers[operation].stateless_call(kernels, [], inputs)
        return outputs

    def _mix_all(self, inputs: tf.Tensor, weights: tf.Tensor, mixture: OperationMixture) -> tf.Tensor:
        # Split once, not by each operation, so that the gradients of the pieces are concatenated rather than added.
        lengths = [end - start for start, end in itertools.pairwise(self._offsets)]
        pieces = tf.split(weights, lengths)
        return self._weighted_sum(inputs, lambda operation: pieces[operation], mixture)

    def _mix_all_frozen(self, inputs: tf.Tensor, weights: tf.Tensor, mixture: OperationMixture) -> tf.Tensor:
        get_weights = _without_gradient(weights)
        start_end = list(itertools.pairwise(self._offsets))
        return self._weighted_sum(inputs, lambda operation: get_weights()[slice(*start_end[operation])], mixture)

    def _weighted_sum(
        self, inputs: tf.Tensor, get_weights: Callable[[int], tf.Tensor], mixture: OperationMixture
    ) -> tf.Tensor:
        factors = tf.unstack(tf.cast(mixture.weights, inputs.dtype))
        living = tf.unstack(mixture.living_operations)
        # `none` adds nothing to the sum.
        summands = [operation for operation, name in enumerate(self.operation_names) if name != NONE]
        copies = dict(zip(summands, fan_out(inputs, len(summands)), strict=True))
        batch = tf.shape(inputs)[0]
        _, height, width, channels = self.output_shape(inputs.shape)

        def zeros() -> tf.Tensor:
            return tf.zeros([batch, height, width, channels], inputs.dtype)

        def run(operation: int) -> Callable[[], tf.Tensor]:
            def weighted() -> tf.Tensor:
                outputs = self._outputs(operation, copies[operation], self._cut(operation, get_weights(operation)))
                if self._is_identity(operation) and mixture.skip_dropout is not None:
                    outputs = drop_elements(outputs, mixture.skip_dropout)
                return factors[operation] * outputs

            return weighted

        terms = [tf.cond(living[operation], run(operation), zeros) for operation in summands]
        outputs = ordered_sum(terms) if terms else zeros()
        outputs.set_shape(self.output_shape(inputs.shape))
        return outputs

    def _is_identity(self, operation: int) -> bool:
        # At stride 2 it is a factorized reduction, which has weights.
        return self.operation_names[operation] == SKIP_CONNECT and self.stride == 1

    def _cut(self, operation: int, weights: tf.Tensor) -> list[tf.Tensor]:
        shapes = [variable.shape for variable in self._layers[operation].trainable_variables]
        if not shapes:
            return []
        pieces = tf.split(weights, [math.prod(shape) for shape in shapes])
        return [tf.reshape(piece, shape) for piece, shape in zip(pieces, shapes, strict=True)]


def drop_elements(outputs: tf.Tensor, dropout: SkipDropout) -> tf.Tensor:
    """Sets random elements to 0 and divides the others by the probability of being kept.

    Args:
        outputs: Float, any shape.
        dropout: Rate and seed.

    Returns:
        Float of the same shape.
    """
    draws = tf.random.stateless_uniform(tf.shape(outputs), dropout.seed, alg=ALGORITHM)
    kept = tf.cast(draws >= tf.cast(dropout.rate, draws.dtype), outputs.dtype)
    return outputs * kept / tf.cast(1.0 - dropout.rate, outputs.dtype)


def _without_gradient(weights: tf.Tensor) -> Callable[[], tf.Tensor]:
    """Returns a function that returns the weights, to be called where they are used."""
    # Integers have no gradient. With `tf.stop_gradient` alone, each branch would still compute one that nobody uses.
    bits = tf.bitcast(weights, INTEGERS[weights.dtype.size])
    return lambda: tf.bitcast(bits, weights.dtype)
