"""Runs steps on two replicas, in a separate process: a process can divide its CPU only once.

Prints one JSON object; `test_replicas.py` compares it with the results of a single replica.
"""

import json
import sys

import keras
import numpy as np
import tensorflow as tf

from eoinas_tf.config import EvaluationConfig, SearchConfig
from eoinas_tf.distribution.replicas import Replicas
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.evaluation.configured_network import build_network
from eoinas_tf.evaluation.evaluation_step import EvaluationStep, build_evaluation_state
from eoinas_tf.optimization.precision import use_precision
from eoinas_tf.search.search_method import SearchProblem, load_method
from eoinas_tf.search.search_step import SearchStep, build_search_state
from eoinas_tf.space.genotype import Genotype

SETTINGS = {"run_dir": "unused", "init_channels": 2, "cells": 3, "batch_size": 8, "epochs": 4}
STEPS = 3
OPERATIONS = ("none", "skip_connect", "avg_pool_3x3", "sep_conv_3x3")
# A network of blocks, which is traced in half the time of one of cells.
MODERN = {
    "network": "residual", "auxiliary_weight": 0.0, "optimizer": "adamw", "learning_rate": 0.001, "weight_decay": 20.0,
    "ema_decay": 0.9,
}  # fmt: skip
# One node per cell: tracing takes most of the time.
EDGES = (("sep_conv_3x3", 0), ("max_pool_3x3", 1))
GENOTYPE = Genotype(normal=EDGES, normal_concat=(2,), reduce=EDGES, reduce_concat=(2,))


def batch(same_shares):
    """Eight images; with `same_shares` the second four repeat the first, so that both replicas share statistics."""
    generator = np.random.default_rng(0)
    images = generator.normal(size=(8, 8, 8, 3)).astype(np.float32)
    labels = np.array([0, 1, 2, 0, 2, 1, 1, 0], np.int32)
    if same_shares:
        images[4:], labels[4:] = images[:4], labels[:4]
    return images, labels


def batches(same_shares=True):
    return tf.data.Dataset.from_tensors(batch(same_shares)).repeat(STEPS)


def values(variables):
    return [np.asarray(tf.convert_to_tensor(variable)).ravel().tolist() for variable in variables]


def is_same_everywhere(replicas, variable):
    parts = replicas.strategy.experimental_local_results(variable.value)
    assert len(parts) == replicas.count
    return all(np.array_equal(part.numpy(), parts[0].numpy()) for part in parts)


def trained(replicas, same_shares=True, **settings):
    """Trains a final network for some steps and returns its mean loss, weights and moving statistics."""
    config = EvaluationConfig(
        **{**SETTINGS, "drop_path": 0.0, "auxiliary_weight": 0.4, "learning_rate": 0.01, **settings}
    )
    use_precision(config.mixed_precision)
    keras.utils.set_random_seed(0)
    with replicas.strategy.scope():
        genotype = GENOTYPE if config.network == "cells" else None
        network = build_network(config, genotype, (8, 8, 3), 3)
        averaged = build_network(config, genotype, (8, 8, 3), 3) if config.ema_decay else None
        state = build_evaluation_state(config, network, 10, averaged)
    use_precision("float32")
    step = EvaluationStep(state, config, 10, replicas)
    for number, (images, labels) in enumerate(replicas.share_out(batches(same_shares))):
        step.train(images, labels, tf.constant(number, tf.int64))
    means = state.results.means(1)
    step.agree_on_statistics()
    return {
        "loss": means.loss,
        "accuracy": means.accuracy,
        "steps": int(state.optimizer.iterations.numpy()),
        "weights": values(network.trainable_variables),
        "statistics": values(network.non_trainable_variables),
        "averages": values(averaged.variables if averaged else []),
        "averages_agree": averaged and all(is_same_everywhere(replicas, variable) for variable in averaged.variables),
    }


def searched(replicas):
    """Runs both search steps several times and returns alpha, weights, counts and losses."""
    config = SearchConfig(**SETTINGS, architecture_learning_rate=0.01)
    keras.utils.set_random_seed(0)
    with replicas.strategy.scope():
        method_class = load_method(config.method)
        method = method_class(SearchProblem(config, OPERATIONS, steps_per_epoch=5))
        state = build_search_state(method, method_class.stages(config)[0], (8, 8, 3), num_classes=3)
    step, schedule = SearchStep(state, replicas), {"temperature": tf.constant(1.0)}
    for number, pair in enumerate(replicas.share_out(batches())):
        step.update_weights(pair, tf.constant(number, tf.int64), schedule)
        step.update_architecture(pair, pair, tf.constant(number, tf.int64), schedule)
    counts = method.statistics.counts()
    return {
        "loss": state.weight_results.means(1).loss,
        "architecture_loss": state.architecture_results.means(1).loss,
        "operation_logits": values(method.architecture.variables),
        "weights": values(state.network.trainable_variables),
        "weight_steps": counts.weight_steps.ravel().tolist(),
        "accuracy_sums": counts.accuracy_sums.ravel().tolist(),
    }


def shares(replicas):
    """The share that each replica receives of every batch, and of every batch of two tensors."""
    numbers = tf.data.Dataset.range(16).batch(8, drop_remainder=True)
    return [
        [part.numpy().tolist() for part in replicas.strategy.experimental_local_results(number)]
        for number, _ in replicas.share_out(tf.data.Dataset.zip((numbers, numbers)))
    ]


def own_statistics(replicas):
    """Gives each replica another moving mean and returns each one's value after they have agreed."""
    with replicas.strategy.scope():
        layer = keras.layers.BatchNormalization(momentum=0.0)
        layer.build((None, 1))
    network = keras.Sequential([layer])

    @tf.function(autograph=False)
    def differ(inputs):
        replicas.strategy.run(lambda own: layer(own, training=True), (inputs,))

    for (inputs,) in replicas.share_out(tf.data.Dataset.from_tensors((tf.constant([[1.0], [1.0], [4.0], [4.0]]),))):
        differ(inputs)
    local = replicas.strategy.experimental_local_results
    before = [float(part[0]) for part in local(layer.moving_mean.value)]
    tf.function(replicas.agree_on_statistics, autograph=False)(network)
    return before, [float(part[0]) for part in local(layer.moving_mean.value)]


def seeds(replicas):
    drawn = replicas.strategy.run(lambda: replicas.own_seed(tf.constant([1, 2], tf.int64)))
    return [part.numpy().tolist() for part in replicas.strategy.experimental_local_results(drawn)]


def refusal(action):
    try:
        action()
    except ConfigurationError as error:
        return str(error)
    return None


def main():
    mirrored = {"strategy": "mirrored", "logical_cpus": 2}
    replicas = Replicas.of(SearchConfig(**SETTINGS, **mirrored))
    json.dump(
        {
            "count": replicas.count,
            "shares": shares(replicas),
            "statistics": own_statistics(replicas),
            "seeds": seeds(replicas),
            "trained": trained(replicas),
            "modern": trained(replicas, **MODERN),
            "mixed": trained(replicas, same_shares=False, mixup_alpha=0.4, **MODERN),
            "searched": searched(replicas),
            "agreement": refusal(lambda: replicas.check_agreement("it", "the same")),
            "odd_batch": refusal(lambda: Replicas.of(SearchConfig(**{**SETTINGS, "batch_size": 7}, **mirrored))),
            "too_late": refusal(
                lambda: Replicas.of(SearchConfig(**SETTINGS, strategy="mirrored", logical_cpus=3)),
            ),
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
