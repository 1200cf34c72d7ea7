"""A final network as a Keras model: raw pixels in, class probabilities out, each cell a separate layer."""

from collections.abc import Sequence

import keras
import numpy as np

from eoinas_tf.evaluation.auxiliary_classifier import AuxiliaryClassifier
from eoinas_tf.evaluation.evaluation_network import EvaluationNetwork
from eoinas_tf.evaluation.final_networks import FinalNetwork

POOLINGS = {
    None: None,
    "avg": keras.layers.GlobalAveragePooling2D,
    "max": keras.layers.GlobalMaxPooling2D,
}


@keras.saving.register_keras_serializable(package="eoinas_tf")
class CellClassifier(keras.Model):
    """A functional Keras model whose training loss includes that of the `AuxiliaryClassifier` among its layers."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Returns the compiled loss; in training, plus the weighted loss of the auxiliary classifier."""
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        for layer in self.layers if training else ():
            outputs = layer.take_outputs() if isinstance(layer, AuxiliaryClassifier) else None
            if outputs is not None:
                # This includes what layers add to the loss, which must count only once.
                auxiliary_loss = super().compute_loss(x, y, outputs, sample_weight, training)
                added = sum(keras.ops.sum(addition) for addition in self.losses)
                loss = loss + layer.loss_weight * (auxiliary_loss - added)
        return loss

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Rebuilds the model; the layers inside its layers compute in the type with which those were saved."""
        own = (layer for layer in config["layers"] if str(layer["registered_name"]).startswith("eoinas_tf>"))
        saved = next((layer["config"].get("dtype") for layer in own), None)
        before = keras.config.dtype_policy()
        # Layers create their inner layers without a type, which then take the policy of the process.
        keras.config.set_dtype_policy(before if saved is None else keras.dtype_policies.get(saved))
        try:
            return super().from_config(config, custom_objects)
        finally:
            keras.config.set_dtype_policy(before)


def keras_classifier(
    network: FinalNetwork,
    image_shape: tuple[int, int, int],
    *,
    mean: Sequence[float] | np.ndarray | None,
    standard_deviation: Sequence[float] | np.ndarray | None,
    include_top: bool = True,
    pooling: str | None = None,
    activation: str | None = "softmax",
    auxiliary_weight: float = 0.0,
    name: str | None = None,
) -> keras.Model:
    """Makes a functional model from a network's own layers, which share their weights with it.

    Args:
        network: The built network; its auxiliary head, if any, is not used.
        image_shape: Height, width and channels of an image.
        mean: Channels' means on the scale of the pixels, which a first layer subtracts; None: there is no such layer.
        standard_deviation: Channels' standard deviations, by which it divides.
        include_top: Whether pooling and the dense layer are part of it (networks of cells).
        pooling: Without the top: `avg` or `max` over the pixels, or None for the last cell's map.
        activation: Activation of the logits; None: none.
        auxiliary_weight: Weight of a new auxiliary head's loss; 0: no auxiliary head.
        name: Name of the model.

    Returns:
        The model, with inputs [batch, height, width, channels].
    """
    inputs = outputs = keras.Input(image_shape, name="images")
    if mean is not None and standard_deviation is not None:
        deviations = np.asarray(standard_deviation, np.float64)
        layer = keras.layers.Normalization(
            mean=np.asarray(mean, np.float64).tolist(),
            variance=(deviations**2).tolist(),
            dtype="float32",  # As images are normalized in training.
            name="normalization",
        )
        outputs = layer(outputs)
    if isinstance(network, EvaluationNetwork):
        auxiliary = None
        if auxiliary_weight > 0 and include_top:
            auxiliary = AuxiliaryClassifier(
                network.num_classes,
                network.stem,
                auxiliary_weight,
                activation,
                dtype=network.dtype_policy,
                name="auxiliary_classifier",
            )
        outputs = _through_cells(network, outputs, auxiliary)
        if include_top:
            pool = keras.layers.GlobalAveragePooling2D(dtype=network.dtype_policy, name="average_pool")
            outputs = network.classifier(pool(outputs))
        elif pooling is not None:
            outputs = POOLINGS[pooling](dtype=network.dtype_policy, name=f"{pooling}_pool")(outputs)
    else:
        outputs = network(outputs)
    if include_top and activation is not None:
        outputs = keras.layers.Activation(activation, dtype="float32", name="predictions")(outputs)
    return CellClassifier(inputs, outputs, name=name)


def _through_cells(network: EvaluationNetwork, images, auxiliary: AuxiliaryClassifier | None):
    """Runs stem and cells as `EvaluationNetwork.call` does, on symbolic tensors."""
    outputs = [images]
    for convolution in network.stem_convolutions:
        outputs.append(convolution(outputs[-1]))
    first, second = (outputs[-1] if network.stem == "cifar" else outputs[-2]), outputs[-1]
    for position, cell in enumerate(network.cells):
        output = cell([first, second])
        if auxiliary is not None and position == network.auxiliary_position:
            output = auxiliary(output)
        first, second = second, output
    return second
