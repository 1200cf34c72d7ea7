"""The weights that training begins with: those of a trained network, with a new classifier."""

import hashlib
import json
from typing import NamedTuple

import keras
import numpy as np

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.evaluation.final_networks import FinalNetwork, backbone_layers
from eoinas_tf.evaluation.keras_file import read_keras_file
from eoinas_tf.evaluation.trained_network import restore_network
from eoinas_tf.evaluation.weight_source import read_weight_source

GREY, COLOUR = 1, 3


class InitialWeights(NamedTuple):
    """A trained network whose weights another network takes over.

    Args:
        path: Where the network comes from.
        network: The network.
        channels: Channels of its images.
        sha256: Digest of its weights and moving statistics, in hexadecimal digits.
    """

    path: str
    network: FinalNetwork
    channels: int
    sha256: str

    def record(self) -> dict[str, str]:
        """Returns a run's record of it."""
        return {"initial_weights": self.path, "initial_weights_sha256": self.sha256}


def read_initial_weights(config: EvaluationConfig, channels: int) -> InitialWeights | None:
    """Reads the network that the initial weights come from; None if they are drawn at random.

    Args:
        config: `initial_weights`.
        channels: Channels of the images to train on.

    Raises:
        EoinasError: It cannot be read, or its images have channels that cannot be matched.
    """
    if config.initial_weights is None:
        return None
    source = read_weight_source(config.initial_weights)
    own = source.image_shape[2]
    if own != channels and {own, channels} != {GREY, COLOUR}:
        raise ConfigurationError(
            f"--initial_weights={source.path} is a network for images of {own} channels, and these have {channels}; "
            "only grey and colour images fit networks for the other"
        )
    network = read_keras_file(source) if source.is_file else restore_network(source.path).network
    return InitialWeights(config.initial_weights, network, own, weights_digest(network))


def weights_digest(network: FinalNetwork) -> str:
    """Returns the SHA-256 of a network's weights and moving statistics, concatenated as float32.

    Args:
        network: The network.
    """
    digest = hashlib.sha256()
    for variable in network.variables:
        digest.update(np.ascontiguousarray(variable.numpy(), "<f4").tobytes())
    return digest.hexdigest()


def load_backbone(source: FinalNetwork, target: FinalNetwork) -> None:
    """Copies weights and moving statistics of all layers except the classifiers, whose classes differ.

    The auxiliary head, except its classifier, is copied if both networks have one with the same shapes. If one network
    takes grey images and the other colour images, the first convolution is converted so that it gives the same output
    for a grey image: its kernel is summed over the colours, or divided by three for each colour.

    Args:
        source: The trained network.
        target: A new network with the same cells, depth, width and stem.

    Raises:
        ConfigurationError: The networks differ.
    """
    trained, untrained = (
        [variable for layer in backbone_layers(network) for variable in layer.variables] for network in (source, target)
    )
    if len(trained) != len(untrained):
        raise ConfigurationError("--initial_weights are those of another network; leave its settings out")
    for new, old in zip(untrained, trained, strict=True):
        new.assign(fitting_values(old.numpy(), tuple(new.shape)))
    heads = (source.auxiliary_head, target.auxiliary_head)
    if None in heads:
        return
    old_head, new_head = (_without_classifier(head) for head in heads)
    # The second kernel of the head is smaller on the maps of small images.
    if [variable.shape for variable in old_head] == [variable.shape for variable in new_head]:
        for new, old in zip(new_head, old_head, strict=True):
            new.assign(old.numpy())


def fitting_values(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Returns a trained variable's values for a new variable, converted to other channels if it is the first kernel.

    Args:
        values: The values, float32.
        shape: The new variable's shape.

    Raises:
        ConfigurationError: They do not fit.
    """
    if values.shape == shape:
        return values
    is_kernel = values.ndim == len(shape) == 4 and (*values.shape[:2], values.shape[3]) == (*shape[:2], shape[3])
    if is_kernel and (values.shape[2], shape[2]) == (COLOUR, GREY):
        return values.sum(axis=2, keepdims=True)
    if is_kernel and (values.shape[2], shape[2]) == (GREY, COLOUR):
        return np.repeat(values / COLOUR, COLOUR, axis=2)
    raise ConfigurationError(
        f"--initial_weights are those of another network: a variable is {json.dumps(list(values.shape))} there and "
        f"{json.dumps(list(shape))} here; leave its settings out"
    )


def _without_classifier(head: keras.layers.Layer) -> list[keras.Variable]:
    last = {id(variable) for variable in head.classifier.variables}
    return [variable for variable in head.variables if id(variable) not in last]
