"""The genotype and the network that the settings of a training run name, within their budgets."""

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import keras
import tensorflow as tf

from eoinas_tf.config import CELLS, EvaluationConfig
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.evaluation.final_networks import FINAL_NETWORKS, FinalNetwork
from eoinas_tf.evaluation.model_cost import NetworkSize, count_multiply_adds, count_parameters
from eoinas_tf.evaluation.network_budget import fit_to_budget
from eoinas_tf.evaluation.peak_memory import peak_memory_bytes
from eoinas_tf.evaluation.served_network import ServedNetwork
from eoinas_tf.evaluation.weight_source import NETWORK_SETTINGS, read_weight_source
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.operation_modules import import_operations
from eoinas_tf.space.published_genotypes import load_genotype


def configured_genotype(config: EvaluationConfig, given: Genotype | None = None) -> Genotype | None:
    """Returns the genotype that the settings name; None for a network that is not made of cells.

    Args:
        config: The settings.
        given: The genotype itself, if it is already known.

    Raises:
        ConfigurationError: They name no genotype, or a different network from that of `initial_weights`.
        GenotypeError: It is not a genotype.
        WeightsError: `initial_weights` names no network.
    """
    source = read_weight_source(config.initial_weights) if config.initial_weights else None
    if source is not None:
        source.refuse_others({name: getattr(config, name) for name in NETWORK_SETTINGS})
    if config.network != CELLS or (source is None and given is not None):
        return given
    if not config.genotype and source is None:
        raise ConfigurationError("--genotype is missing: name a genotype.json file or a published one such as DARTS_V2")
    import_operations(config.operation_modules)
    if given is None and config.genotype:
        given = load_genotype(config.genotype)
    own = None if source is None else source.genotype()
    if given is not None and own is not None and given.cells != own.cells:
        raise ConfigurationError(
            f"--genotype contradicts --initial_weights={config.initial_weights}, whose network has other cells; leave "
            f"--genotype out. Received: {config.genotype}"
        )
    return given or own


def build_network(
    config: EvaluationConfig, genotype: Genotype | None, image_shape: tuple[int, int, int], num_classes: int
) -> FinalNetwork:
    """Builds the network; initial weights come from Keras's global seed.

    Args:
        config: The kind, depth, width and stem of the network, and whether it has an auxiliary head
            (`auxiliary_weight` above 0; networks of cells only).
        genotype: The cells; None for a network that is not made of cells.
        image_shape: Height, width and channels of an image.
        num_classes: Number of classes.

    Raises:
        ConfigurationError: The settings do not fit together.
    """
    network = FINAL_NETWORKS[config.network](config, genotype, num_classes)
    network.build((None, *image_shape))
    return network


def network_size(
    config: EvaluationConfig,
    genotype: Genotype | None,
    image_shape: tuple[int, int, int],
    num_classes: int,
    with_peak_memory: bool = False,
) -> NetworkSize:
    """Measures the network that `build_network` would build, without drawing its weights.

    Args:
        config: As for `build_network`.
        genotype: The cells.
        image_shape: Height, width and channels of an image.
        num_classes: Number of classes.
        with_peak_memory: Whether to compute the peak memory too, for which the network is traced.

    Raises:
        ConfigurationError: The settings do not fit together, or the peak memory cannot be computed.
    """

    def measure() -> NetworkSize:
        with keras.StatelessScope(initialize_variables=False):
            network = build_network(config, genotype, image_shape, num_classes)
        peak = peak_memory_bytes(_with_zeros(network), image_shape) if with_peak_memory else None
        return NetworkSize(*count_parameters(network), count_multiply_adds(network, image_shape), peak)

    # For each thread, Keras keeps a list of the variables without values, and would draw all of them at the next
    # chance; the list ends with the thread.
    with ThreadPoolExecutor(max_workers=1) as executor:
        return executor.submit(measure).result()


def _with_zeros(network: FinalNetwork) -> Callable[[tf.Tensor], tf.Tensor]:
    """Returns a network's forward pass for testing, with zeros in place of weights that have no values."""

    def call(images: tf.Tensor) -> tf.Tensor:
        zeros = {shape: tf.zeros(shape) for shape in {variable.shape for variable in network.variables}}
        values = [(variable, zeros[variable.shape]) for variable in network.variables]
        with keras.StatelessScope(values, initialize_variables=False):
            return ServedNetwork(network)(images)

    return call


def config_within_budget(
    config: EvaluationConfig, genotype: Genotype | None, image_shape: tuple[int, int, int], num_classes: int
) -> tuple[EvaluationConfig, str]:
    """Lowers `init_channels` to the largest number within all budgets except `max_latency_ms`, which must be measured.

    Args:
        config: The settings.
        genotype: The cells.
        image_shape: Height, width and channels of an image.
        num_classes: Number of classes.

    Returns:
        The settings with as many channels as fit, and a sentence about the choice; it is empty without a budget.

    Raises:
        ConfigurationError: Even the narrowest network is too large, or its peak memory cannot be computed.
    """

    def measure(channels: int) -> NetworkSize:
        narrower = dataclasses.replace(config, init_channels=channels)
        return network_size(narrower, genotype, image_shape, num_classes, config.max_peak_memory_mib > 0)

    return fit_to_budget(config, measure)
