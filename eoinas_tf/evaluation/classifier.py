"""The dense layer at the end of a network and of its auxiliary head."""

import keras

from eoinas_tf.space.initializers import FanInUniform


def classifier(num_classes: int, fan_in: int, name: str = "classifier") -> keras.layers.Dense:
    """Returns a dense layer with kernel and bias initialized uniformly within 1 / sqrt(fan_in), as in PyTorch.

    Args:
        num_classes: Outputs, the classes' logits.
        fan_in: Inputs, for the initial weights.
        name: Layer name.
    """
    return keras.layers.Dense(
        num_classes,
        kernel_initializer=FanInUniform(fan_in),
        bias_initializer=FanInUniform(fan_in),
        dtype="float32",  # Even if the other layers compute in a shorter type.
        name=name,
    )
