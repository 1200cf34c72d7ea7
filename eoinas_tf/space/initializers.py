"""PyTorch's default initial weights, which the reference implementations train from."""

import math

import keras

from eoinas_tf.keras_backend import require_tensorflow

require_tensorflow()  # Here, for all layers need this module.


@keras.saving.register_keras_serializable(package="eoinas_tf")
class FanInUniform(keras.initializers.Initializer):
    """Draws uniformly within 1 / sqrt(fan_in).

    The fan-in is given and not derived from the shape, because Keras counts that of a
    depthwise kernel as size * size * channels where PyTorch counts size * size.

    Args:
        fan_in: Inputs that one output value is computed from.
        seed: Whole number, or None: then drawn from Keras's global seed at construction.
    """

    def __init__(self, fan_in: int, seed: int | None = None) -> None:
        self.fan_in = fan_in
        limit = 1.0 / math.sqrt(fan_in)
        self._uniform = keras.initializers.RandomUniform(-limit, limit, seed=seed)

    def __call__(self, shape, dtype=None):
        """Returns a tensor of the shape, uniform within 1 / sqrt(fan_in)."""
        return self._uniform(shape, dtype)

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        return {"fan_in": self.fan_in, "seed": self._uniform.seed if isinstance(self._uniform.seed, int) else None}
