import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from small_trained_run import CELLS, shifted

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.evaluation.configured_network import build_network
from eoinas_tf.evaluation.evaluation_step import EvaluationStep, build_evaluation_state
from eoinas_tf.evaluation.final_networks import backbone_layers
from eoinas_tf.evaluation.frozen_backbone import FrozenBackboneStep, frozen
from eoinas_tf.random_seeds import initial_weights_seed

pytestmark = pytest.mark.usefixtures("untraced")

STEPS = 4
CONFIG = EvaluationConfig(
    initial_weights="unused", cells=3, init_channels=2, auxiliary_weight=0.0, drop_path=0.5,
    learning_rate=0.5, l2=0.01, gradient_clip_norm=1e-2, momentum=0.9,
)  # fmt: skip
IMAGES = tf.random.stateless_normal([6, 8, 8, 3], [1, 2])
LABELS = np.array([0, 1, 2, 0, 1, 1], np.int32)


def state_of(config=CONFIG):
    genotype = CELLS if config.network == "cells" else None
    with initial_weights_seed(0):
        network = shifted(build_network(config, genotype, (8, 8, 3), 3))
        averaged = build_network(config, genotype, (8, 8, 3), 3) if config.ema_decay else None
    return build_evaluation_state(config, network, STEPS, averaged)


def values(layers):
    return [value for layer in layers for value in layer.get_weights()]


def changed(before, after):
    return [not np.array_equal(old, new) for old, new in zip(before, after, strict=True)]


def train(step, count=2, first=0):
    for number in range(first, first + count):
        step.train(IMAGES, tf.constant(LABELS), tf.constant(number, tf.int64))


@pytest.mark.parametrize("changes", [{}, {"auxiliary_weight": 0.4}, {"network": "residual"}])
def test_no_backbone_variable_moves_and_the_heads_do(changes):
    config = dataclasses.replace(CONFIG, **changes)
    state = state_of(config)
    network = state.network
    heads = [head for head in (network.classifier, network.auxiliary_head) if head is not None]
    before = values(backbone_layers(network)), values(heads)
    step = FrozenBackboneStep(state, config, STEPS)
    train(step)
    assert float(step.drop_path_probability(tf.constant(2, tf.int64))) == 0.0
    assert not any(changed(before[0], values(backbone_layers(network))))
    assert all(changed(before[1], values(heads)))
    assert int(state.optimizer.iterations.numpy()) == 2
    # Afterwards the same state is trained completely: weights and moving statistics.
    train(EvaluationStep(state, config, STEPS), first=2)
    assert all(changed(before[0], values(backbone_layers(network))))
    assert int(state.optimizer.iterations.numpy()) == 4


def test_adamw_counts_the_backbones_own_steps():
    config = dataclasses.replace(CONFIG, optimizer="adamw", freeze_backbone_epochs=1, l2=0.0, gradient_clip_norm=1e6)
    state = state_of(config)
    train(FrozenBackboneStep(state, config, STEPS), count=3)
    before = values(backbone_layers(state.network))
    train(EvaluationStep(state, config, STEPS), count=1, first=3)
    counts = [int(count.numpy()) for count in (state.optimizer.iterations, state.optimizer.late_iterations)]
    assert counts == [4, 1]
    rate = 0.5 * config.learning_rate * (1 + np.cos(np.pi * 3 / STEPS))
    moved = [np.abs(new - old).max() for old, new in zip(before, values(backbone_layers(state.network)), strict=True)]
    # The first step of Adam is as long as the learning rate; moving statistics go their own way.
    assert sum(np.isclose(length, rate, rtol=0.03) for length in moved) >= len(state.network.trainable_variables) // 2


def test_the_classifier_moves_by_the_gradient_of_a_linear_classifier():
    """Softmax regression on features computed as in a test, in NumPy: clipping, weight decay, momentum, cosine."""
    state = state_of()
    network = state.network
    inputs = []
    call = network.classifier.call
    network.classifier.call = lambda features, **_: inputs.append(features) or call(features)
    network(IMAGES, training=False)
    network.classifier.call = call
    features = np.asarray(inputs[0], np.float64)
    kernel, bias = (value.astype(np.float64) for value in network.classifier.get_weights())
    velocity = [np.zeros_like(kernel), np.zeros_like(bias)]
    for number in range(2):
        logits = features @ kernel + bias
        errors = np.exp(logits - logits.max(axis=1, keepdims=True))
        errors = errors / errors.sum(axis=1, keepdims=True) - np.eye(3)[LABELS]
        gradients = [features.T @ errors / len(LABELS), errors.mean(axis=0)]
        norm = np.sqrt(sum(np.sum(gradient**2) for gradient in gradients))
        assert norm > CONFIG.gradient_clip_norm
        rate = 0.5 * CONFIG.learning_rate * (1 + np.cos(np.pi * number / STEPS))
        for position, weights in enumerate((kernel, bias)):
            gradient = gradients[position] * CONFIG.gradient_clip_norm / norm + CONFIG.l2 * weights
            velocity[position] = CONFIG.momentum * velocity[position] - rate * gradient
            weights += velocity[position]
    train(FrozenBackboneStep(state, CONFIG, STEPS))
    for received, expected in zip(network.classifier.get_weights(), (kernel, bias), strict=True):
        np.testing.assert_allclose(received, expected, rtol=1e-4, atol=1e-5)


def test_the_network_is_frozen_only_while_a_step_is_traced():
    state = state_of()
    network = state.network
    before = [variable.path for variable in network.trainable_variables]
    with frozen(network):
        own = [variable.path for variable in network.trainable_variables]
    assert own == [variable.path for variable in network.classifier.trainable_variables]
    assert [variable.path for variable in network.trainable_variables] == before
    train(FrozenBackboneStep(state, CONFIG, STEPS))
    assert [variable.path for variable in network.trainable_variables] == before


def test_several_steps_in_a_call_are_the_same_steps():
    results = []
    for several in (False, True):
        state = state_of()
        step = FrozenBackboneStep(state, CONFIG, STEPS)
        if several:
            batches = iter(tf.data.Dataset.from_tensors((IMAGES, tf.constant(LABELS))).repeat())
            step.train_repeatedly(batches, tf.constant(0, tf.int64), tf.constant(2, tf.int64))
        else:
            train(step)
        results.append(values([state.network.classifier]))
    assert not any(changed(*results))


def test_averages_are_the_heads_on_the_way_and_the_frozen_backbone():
    config = dataclasses.replace(CONFIG, ema_decay=0.9, keep_best=True, validation_fraction=0.2)
    state = state_of(config)
    step = FrozenBackboneStep(state, config, STEPS)
    heads = []
    for number in range(3):
        train(step, 1, number)
        heads.append(state.network.classifier.get_weights())
    # Decays of 0, 1/10 and 2/11.
    expected = [0.1 * first + 0.9 * second for first, second in zip(heads[0], heads[1], strict=True)]
    expected = [(2 * average + 9 * third) / 11 for average, third in zip(expected, heads[2], strict=True)]
    averaged = state.tested_network
    for received, value in zip(averaged.classifier.get_weights(), expected, strict=True):
        np.testing.assert_allclose(received, value, rtol=1e-5, atol=1e-6)
    backbones = [values(backbone_layers(network)) for network in (averaged, state.network)]
    for received, value in zip(*backbones, strict=True):
        np.testing.assert_allclose(received, value, rtol=1e-5)
    # The best weights are those of the network that is tested.
    state.best.keep()
    assert all(changed(averaged.classifier.get_weights(), state.network.classifier.get_weights()))
    kept = [value.numpy() for value in state.best.variables]
    assert not any(changed(kept, [variable.numpy() for variable in averaged.variables]))
