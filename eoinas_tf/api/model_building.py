"""`eoinas_tf.build_model`: a genotype's network as a Keras model that behaves like those of `keras.applications`."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from eoinas_tf.api.network_training import as_genotype
from eoinas_tf.api.run_folders import Run
from eoinas_tf.config import EvaluationConfig
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.evaluation.configured_network import build_network
from eoinas_tf.evaluation.evaluation_network import EvaluationNetwork
from eoinas_tf.evaluation.keras_classifier import POOLINGS, keras_classifier
from eoinas_tf.evaluation.keras_file import read_keras_file
from eoinas_tf.evaluation.trained_network import restore_network
from eoinas_tf.evaluation.weight_source import WeightSource, read_weight_source
from eoinas_tf.published_weights import weights_setting
from eoinas_tf.random_seeds import initial_weights_seed
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.operation_modules import import_operations

# The default mean and standard deviation, which map pixels from 0 to 255 to values from -1 to 1.
MIDDLE = 127.5


def build_model(
    genotype: Genotype | Run | str | Path | None = None,
    input_shape: tuple[int, int, int] | None = None,
    num_classes: int | None = None,
    *,
    classes: int | None = None,
    include_top: bool = True,
    pooling: str | None = None,
    weights: str | Path | None = None,
    classifier_activation: str | None = "softmax",
    cells: int | None = None,
    init_channels: int | None = None,
    stem: str | None = None,
    auxiliary_weight: float = EvaluationConfig.auxiliary_weight,
    include_preprocessing: bool = True,
    mean: float | tuple[float, ...] | None = None,
    standard_deviation: float | tuple[float, ...] | None = None,
    seed: int | None = None,
    name: str | None = None,
) -> keras.Model:
    """Builds a functional Keras model from a genotype's cells, one layer each.

    It takes pixels from 0 to 255 and normalizes them itself, by default to values from -1 to 1. `fit` trains it like
    any Keras model: the loss then includes the auxiliary head's; for drop path, cutout and the paper's schedule, use
    `eoinas_tf.train`.

    Args:
        genotype: A `Genotype`, the result of `search`, a published name such as `DARTS_V2`, or a genotype.json. With
            `weights`, this and all settings of the network default to those of the weights.
        input_shape: Height, width and channels of an image.
        num_classes: Number of classes, if `include_top`.
        classes: Another name for `num_classes`, as in `keras.applications`.
        include_top: Whether pooling and the dense layer are part of the model; without them it is a backbone.
        pooling: Without the top: `avg`, `max`, or None for a map [batch, height, width, channels].
        weights: None for new weights, or a trained network with the same architecture: its run folder, its
            `model.keras`, or its name if it is published, such as `cifar10_small`. The model takes its weights
            (without the top: all but the dense layer's) and its normalization.
        classifier_activation: Activation of the logits; None: none.
        cells: Number of cells; by default that of `weights`, if given, or 20.
        init_channels: Channels C of the first cell; by default that of `weights`, if given, or 36.
        stem: First layers: `cifar` or `imagenet`; by default that of `weights`, if given, or `cifar`.
        auxiliary_weight: Weight of the auxiliary head's loss in `fit`; 0: no auxiliary head.
        include_preprocessing: Whether the model normalizes pixels; if not, it takes them as they are.
        mean: Mean for the normalization, one value or one per channel, on the scale 0 to 255.
        standard_deviation: Standard deviation, likewise.
        seed: Seed of the initial weights; by default drawn from Python's random generator.
        name: The model's name.

    Returns:
        The model, not compiled.

    Raises:
        EoinasError: The arguments do not fit together, or the genotype or weights cannot be read.

    Example:
        model = eoinas_tf.build_model("DARTS_V2", (32, 32, 3), 10, cells=8, init_channels=16)
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        trained = eoinas_tf.build_model(weights="cifar10_small")
        backbone = eoinas_tf.build_model(weights="cifar10_small", include_top=False, pooling="avg")
    """
    source = None if weights is None else _weight_source(weights)
    if source is not None:
        genotype = source.genotype() if genotype is None else genotype
        input_shape = source.image_shape if input_shape is None else input_shape
        if num_classes is None and classes is None and include_top:
            num_classes = source.num_classes
    if genotype is None or input_shape is None:
        raise ConfigurationError(
            "genotype and input_shape are missing: give them, or weights that have them. Received: "
            f"{genotype} and {input_shape}"
        )
    count = _number_of_classes(num_classes, classes, include_top)
    if pooling not in POOLINGS:
        raise ConfigurationError(f"pooling must be None, avg or max. Received: {pooling!r}")
    if len(input_shape) != 3 or not all(isinstance(side, (int, np.integer)) and side > 0 for side in input_shape):
        raise ConfigurationError(f"input_shape must be (height, width, channels). Received: {input_shape}")
    normalization: dict[str, Sequence[float] | None] = {
        argument: None if value is None else _by_channel(argument, value, int(input_shape[2]))
        for argument, value in (("mean", mean), ("standard_deviation", standard_deviation))
    }
    described = {"cells": cells, "init_channels": init_channels, "stem": stem}
    given = {name: value for name, value in described.items() if value is not None}
    own = {name: source.settings[name] for name in described if source is not None and name in source.settings}
    config = EvaluationConfig(**{**own, **given}, auxiliary_weight=0.0)
    height, width, channels = map(int, input_shape)
    with contextlib.nullcontext() if seed is None else initial_weights_seed(seed):
        network = build_network(config, as_genotype(genotype), (height, width, channels), count)
        if source is not None:
            _take_weights(network, source, include_top)
            trained = zip(normalization, source.normalization or (), strict=False)
            normalization |= {argument: values for argument, values in trained if normalization[argument] is None}
        own_mean, own_deviation = (list(values or [MIDDLE] * channels) for values in normalization.values())
        return keras_classifier(
            network,
            (height, width, channels),
            mean=own_mean if include_preprocessing else None,
            standard_deviation=own_deviation if include_preprocessing else None,
            include_top=include_top,
            pooling=pooling,
            activation=classifier_activation,
            auxiliary_weight=auxiliary_weight,
            name=name,
        )


def _number_of_classes(num_classes: int | None, classes: int | None, include_top: bool) -> int:
    if None not in (num_classes, classes) and num_classes != classes:
        raise ConfigurationError(f"num_classes and classes are the same setting. Received: {num_classes} and {classes}")
    count = num_classes if num_classes is not None else classes
    if count is None and include_top:
        raise ConfigurationError("num_classes is missing: give it, or include_top=False for a backbone")
    if count is not None and count < 1:
        raise ConfigurationError(f"num_classes must be at least 1. Received: {count}")
    return count or 1  # A backbone does not use it.


def _by_channel(argument: str, value: Any, channels: int) -> list[float]:
    try:
        values = np.broadcast_to(np.asarray(value, np.float64), (channels,))
    except (TypeError, ValueError):
        raise ConfigurationError(
            f"{argument} must be a number, or one for each of the {channels} channels. Received: {value!r}"
        ) from None
    if not np.isfinite(values).all() or (argument == "standard_deviation" and (values <= 0).any()):
        kind = "finite and above 0" if argument == "standard_deviation" else "finite"
        raise ConfigurationError(f"{argument} must be {kind}. Received: {value!r}")
    return values.tolist()


def _weight_source(weights: str | Path) -> WeightSource:
    source = read_weight_source(weights_setting(weights), "weights")
    if source.genotype_data is None:
        raise ConfigurationError(f"weights={weights} are those of a network that is not made of cells")
    import_operations(source.settings.get("operation_modules"))
    return source


def _take_weights(network: Any, source: WeightSource, include_top: bool) -> None:
    """Copies a trained network's weights."""
    trained = read_keras_file(source) if source.is_file else restore_network(source.path).network
    if include_top and source.num_classes is None:
        raise ConfigurationError(f"weights={source.path} are those of a backbone; give include_top=False")
    pairs = list(zip(_parts(network), _parts(trained), strict=False))
    if not include_top:
        pairs = pairs[:-1]
    fits = len(_parts(network)) == len(_parts(trained)) and network.genotype.cells == trained.genotype.cells
    for own, other in pairs if fits else ():
        fits = fits and [weight.shape for weight in own.weights] == [weight.shape for weight in other.weights]
    if not fits:
        raise ConfigurationError(
            f"weights={source.path} are those of another network; leave genotype, cells, init_channels and stem out, "
            "and give its image channels and, with the top, classes"
        )
    for own, other in pairs:
        own.set_weights(other.get_weights())


def _parts(network: EvaluationNetwork) -> list[keras.layers.Layer]:
    return [*network.stem_convolutions, *network.cells, network.classifier]
