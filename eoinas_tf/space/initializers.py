"""PyTorch's default initial weights, which the reference implementations use, and new initial values for a layer."""

import math

import keras

from eoinas_tf.keras_backend import require_tensorflow

require_tensorflow()  # Here, because all layers need this module.


@keras.saving.register_keras_serializable(package="eoinas_tf")
class FanInUniform(keras.initializers.Initializer):
    """Draws uniformly within 1 / sqrt(fan_in).

    The fan-in is passed rather than derived from the shape, because for a depthwise kernel Keras counts size * size *
    channels where PyTorch counts size * size.

    Args:
        fan_in: Number of inputs that one output value is computed from.
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


def initializers_by_variable(layer: keras.layers.Layer) -> dict[int, keras.initializers.Initializer]:
    """Returns the initializer of each of a built layer's trainable variables.

    Args:
        layer: The layer. It, or the layer inside it that created the variable, keeps the initializer of a variable `x`
            as the attribute `x_initializer`, as Keras's own layers do.

    Returns:
        Initializers by `id` of the variable.

    Raises:
        ValueError: The layer does not keep a variable's initializer.
    """
    found = {}
    for part in _layers_inside(layer):
        for name, value in vars(part).items():
            if isinstance(value, keras.Variable):
                initializer = getattr(part, f"{name.lstrip('_')}_initializer", None)
                if initializer is not None:
                    found[id(value)] = keras.initializers.get(initializer)
    for variable in layer.trainable_variables:
        if id(variable) not in found:
            raise ValueError(
                f"{type(layer).__name__} does not keep the initializer of {variable.path} as the attribute "
                f"{variable.name}_initializer of the layer that makes it, as Keras's layers do"
            )
    return found


def fresh_initializer(initializer: keras.initializers.Initializer) -> keras.initializers.Initializer:
    """Returns an initializer of the same kind that draws other values, from Keras's global seed.

    Args:
        initializer: Any initializer; for one that draws nothing, an equal one is returned.
    """
    config = initializer.get_config()
    return type(initializer).from_config({**config, **({"seed": None} if "seed" in config else {})})


def _layers_inside(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Returns the layer and all layers that it holds, as attributes or in lists."""
    found: list[keras.layers.Layer] = []
    waiting: list = [layer]
    while waiting:
        part = waiting.pop()
        if isinstance(part, keras.layers.Layer) and not any(part is known for known in found):
            found.append(part)
            waiting += vars(part).values()
        elif isinstance(part, (list, tuple)):
            waiting += part
    return found
