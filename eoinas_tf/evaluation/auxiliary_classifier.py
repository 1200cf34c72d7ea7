"""The auxiliary head for `fit`: a layer in the middle of a Keras model that classifies during training."""

import threading

import keras
import tensorflow as tf

from eoinas_tf.evaluation.auxiliary_head import AuxiliaryHead
from eoinas_tf.kernels.ordered_sums import fan_out


class _LatestOutputs(threading.local):
    """By layer and, because a strategy's replicas run in threads of their own, by thread."""

    def __init__(self) -> None:
        self.by_layer: dict[int, tf.Tensor] = {}


_LATEST = _LatestOutputs()


@keras.saving.register_keras_serializable(package="eoinas_tf")
class AuxiliaryClassifier(keras.layers.Layer):
    """Passes its input on; in training it also classifies from it, and `CellClassifier` adds the loss of its outputs.

    Args:
        num_classes: Number of classes.
        stem: `cifar` or `imagenet`; see `AuxiliaryHead`.
        loss_weight: Weight of the loss of its outputs.
        activation: Activation of its outputs, the same as the model's own.

    Call arguments:
        inputs: [batch, height, width, channels], float, height and width known.
        training: Whether it classifies.
    """

    def __init__(
        self,
        num_classes: int,
        stem: str = "cifar",
        loss_weight: float = 0.4,
        activation: str | None = "softmax",
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.stem = stem
        self.loss_weight = loss_weight
        self.activation = activation
        self.head = AuxiliaryHead(num_classes, stem, name="head")
        self.supports_jit = False

    def build(self, input_shape) -> None:
        """Creates the head's weights."""
        self.head.build(input_shape)

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        """Returns the inputs."""
        if not training:
            return inputs
        outputs, for_head = fan_out(inputs, 2)
        activation = keras.activations.get(self.activation)
        _LATEST.by_layer[id(self)] = activation(self.head(for_head, training=True))
        return outputs

    def take_outputs(self) -> tf.Tensor | None:
        """Returns the outputs [batch, num_classes] of the last call in training, only once; None if there are none."""
        return _LATEST.by_layer.pop(id(self), None)

    def compute_output_shape(self, input_shape):
        """Returns the input's shape."""
        return input_shape

    def get_config(self) -> dict:
        """Returns the constructor's arguments."""
        own = {
            "num_classes": self.num_classes,
            "stem": self.stem,
            "loss_weight": self.loss_weight,
            "activation": self.activation,
        }
        return {**super().get_config(), **own}
