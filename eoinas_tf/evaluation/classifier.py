"""The dense layer that a network and its auxiliary head end with."""

import keras

from eoinas_tf.space.initializers import FanInUniform


def classifier(num_classes: int, fan_in: int, name: str = "classifier") -> keras.layers.Dense:
    """Returns a dense layer whose kernel and bias start uniform within 1 / sqrt(fan_in), as PyTorch's do.

    Args:
        num_classes: Outputs, the classes' logits.
        fan_in: Inputs, for the initial weights.
        name: Layer name.
    """
    return keras.layers.Dense(
        num_classes,
        kernel_initializer=FanInUniform(fan_in),
        bias_initializer=FanInUniform(fan_in),
        dtype="float32",  # Also where the other layers compute in a shorter type.
        name=name,
    )
