"""A tiny search with a method that weights all operations, and its network written without the package's edges."""

import math

import keras
import numpy as np
import tensorflow as tf

from eoinas_tf.config import SearchConfig
from eoinas_tf.distribution.replicas import Replicas
from eoinas_tf.search.search_method import SearchProblem, load_method
from eoinas_tf.search.search_step import SearchStep, build_search_state
from eoinas_tf.search.updater import Updater
from eoinas_tf.space.operations import build_operation

# One of each kind: tracing takes most of the time.
NAMES = ("none", "skip_connect", "sep_conv_3x3", "max_pool_3x3")


def build_method(name, operation_names=NAMES, **settings):
    config = SearchConfig(run_dir="unused", method=name, **settings)
    return load_method(name)(SearchProblem(config, operation_names, steps_per_epoch=5))


class WeightedSearch:
    """3 cells of 2 channels on 8x8 grey images of 3 classes; a batch of D_T and one of D_V."""

    def __init__(self, name):
        keras.utils.set_random_seed(0)
        self.method = build_method(
            name, init_channels=2, cells=3, batch_size=4, epochs=4, architecture_learning_rate=0.01
        )
        (stage,) = self.method.stages(self.method.config)
        self.state = build_search_state(self.method, stage, (8, 8, 1), num_classes=3)
        self.network = self.state.network
        self.step = SearchStep(self.state)
        self.updater = Updater(self.network, Replicas(), self.state.architecture_loss_scale, self.state.weights)
        generator = np.random.default_rng(0)
        self.weight_batch, self.architecture_batch = (
            (tf.constant(generator.normal(size=(4, 8, 8, 1)), tf.float32), tf.constant(labels, tf.int32))
            for labels in ([0, 1, 2, 0], [2, 2, 1, 0])
        )
        # Far enough from equal weights to tell them apart.
        self.method.operation_logits.assign(generator.normal(size=self.method.problem.shape))


def mean_cross_entropy(batch, logits):
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(batch[1], logits))


def explicit_logits(network, images, weights):
    """Returns the logits of a super network whose edges are sums written out here.

    Args:
        network: The network, for its layers and weights.
        images: float32 [batch, height, width, channels].
        weights: Weight of each operation, float32 [cell types, edges, operations].
    """
    stem = tf.nn.relu(network.stem_normalization(network.stem(images)))
    before, previous = stem, stem
    for cell, cell_type in zip(network.cells, network.cell_types, strict=True):
        nodes = [cell.fit_before_previous(before), cell.fit_previous(previous)]
        edge = 0
        for _ in range(4):
            total = 0.0
            for node in list(nodes):
                total += explicit_edge(cell.edges[edge], node, weights[cell_type, edge])
                edge += 1
            nodes.append(total)
        before, previous = previous, tf.nn.relu(tf.concat(nodes[2:], -1))
    return network.classifier(tf.reduce_mean(tf.concat(nodes[2:], -1), axis=[1, 2]))


def explicit_edge(edge, inputs, weights):
    vector, offset, total = tf.convert_to_tensor(edge.operation_weights), 0, 0.0
    for name, weight in zip(edge.operation_names, tf.unstack(weights), strict=True):
        layer = build_operation(name, edge.channels, edge.stride, affine=False)
        layer.build((None, None, None, edge.channels))
        kernels = []
        for variable in layer.trainable_variables:
            length = math.prod(variable.shape)
            kernels.append(tf.reshape(vector[offset : offset + length], variable.shape))
            offset += length
        total += weight * layer.stateless_call(kernels, [], inputs)[0]
    return total


def adam_step(values, gradient, learning_rate, beta_1=0.5, beta_2=0.999, epsilon=1e-8):
    """Returns the values after Adam's first step (Kingma and Ba, section 2, with bias correction before epsilon)."""
    first, second = (1 - beta_1) * gradient, (1 - beta_2) * gradient**2
    rate = learning_rate * np.sqrt(1 - beta_2) / (1 - beta_1)
    return values - rate * first / (np.sqrt(second) + epsilon)
