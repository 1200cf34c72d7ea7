"""Functions compiled by XLA, and pairs of a forward and a backward function that also work inside a branch."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

compiled = functools.partial(tf.function, jit_compile=True, autograph=False)

# Result of `forward`: the outputs, and the tensors that `backward` needs.
Forward = Callable[..., tuple[Any, Sequence[tf.Tensor]]]


def differentiable(forward: Forward, backward: Callable[..., Any]) -> Callable[..., Any]:
    """Joins a forward and a backward function, usually compiled ones, into one that can be differentiated.

    TensorFlow finds no gradient for tensors that a compiled function captures from outside a branch of
    `tf.switch_case`. Both functions therefore receive copies made inside the branch; nothing is copied in memory.

    Args:
        forward: Takes the inputs; returns the outputs, one or a sequence of them, and the residuals. Only the residuals
            are kept for the backward function, so they determine how much memory a step needs.
        backward: Takes the residuals as a list, then the gradient of each output; returns the gradient of each input.

    Returns:
        A function of the inputs that returns the outputs.
    """

    @tf.custom_gradient
    def function(*inputs: tf.Tensor):
        outputs, residuals = forward(*_copies(inputs))

        def gradients(*output_gradients: tf.Tensor):
            return backward(_copies(residuals), *_copies(output_gradients))

        return outputs, gradients

    return function


def _copies(tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    return [tf.identity(tensor) for tensor in tensors]
