"""Gradients of the super network's loss on one batch, computed by each replica and averaged over all."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from eoinas_tf.distribution.replicas import Replicas
from eoinas_tf.optimization.classification_metrics import cross_entropy, mean_accuracy
from eoinas_tf.optimization.parameter_group import ParameterGroup
from eoinas_tf.optimization.precision import LossScale, NoLossScale
from eoinas_tf.optimization.weighted_loss import mean_loss
from eoinas_tf.supernet.choice import Choice, Mixed
from eoinas_tf.supernet.search_network import SearchNetwork

Batch = tuple[tf.Tensor, tf.Tensor]


class BatchGradients(NamedTuple):
    """The results of one batch.

    Args:
        gradients: Of the requested architecture variables, averaged over the replicas; empty if none were requested.
        weight_gradients: Of the network's weights, likewise.
        loss: Mean cross-entropy of the replica's share of the batch, weighted by class if requested, float32 scalar.
        accuracy: Fraction of the share that was classified correctly, float32 scalar.
        choice: What the edges ran.
    """

    gradients: list[tf.Tensor]
    weight_gradients: list[tf.Tensor]
    loss: tf.Tensor
    accuracy: tf.Tensor
    choice: Choice


class Updater:
    """Computes gradients inside a replica; hides the other replicas and the loss scale.

    Args:
        network: The super network.
        replicas: Its copies.
        loss_scale: Scales the loss while float16 gradients are computed.
        weight_group: The network's weights with their optimizer, which are only read.
        class_factors: Factor of an image's loss for each class, float32 [classes]; None: all 1.
    """

    def __init__(
        self,
        network: SearchNetwork,
        replicas: Replicas,
        loss_scale: LossScale | NoLossScale,
        weight_group: ParameterGroup,
        class_factors: np.ndarray | None = None,
    ) -> None:
        self.network = network
        self.replicas = replicas
        self.loss_scale = loss_scale
        self.weight_group = weight_group
        self.class_factors = class_factors

    def gradients(
        self,
        batch: Batch,
        choose: Callable[[], Choice],
        variables: Sequence[keras.Variable] = (),
        *,
        with_weights: bool = False,
        weights: Sequence[tf.Tensor] | None = None,
    ) -> BatchGradients:
        """Runs the network on a batch, forward and backward.

        Args:
            batch: Images, float32 [share, height, width, channels], and their classes, int32 [share].
            choose: Makes the choice; its dependence on `variables` is differentiated.
            variables: Architecture variables whose gradients are requested.
            with_weights: Whether the gradients of the network's weights are requested.
            weights: Used instead of the network's own weights, in the same order; by default its own.

        Returns:
            The gradients and the batch's other results.
        """
        images, labels = batch
        asked = [variable.value for variable in variables]
        own = [weight.value for weight in self.network.trainable_variables] if weights is None else list(weights)
        asked_weights = own if with_weights else []
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([*asked, *asked_weights])
            choice = self._with_own_draws(choose())
            logits = self._logits(images, choice, with_weights, weights)
            loss = mean_loss(cross_entropy(labels, logits), labels, self.class_factors)
            scaled_loss = self.loss_scale.scale(loss)
        gradients: list[tf.Tensor] = []
        if asked or asked_weights:
            # In a graph every operation has a gradient, zero if it did not run; eagerly, such an operation has none.
            zero = tf.UnconnectedGradients.ZERO
            gradients = self.loss_scale.unscale(
                tape.gradient(scaled_loss, [*asked, *asked_weights], unconnected_gradients=zero)
            )
            gradients = self.replicas.average_gradients(gradients)
        return BatchGradients(
            gradients[: len(asked)], gradients[len(asked) :], loss, mean_accuracy(labels, logits), choice
        )

    def _with_own_draws(self, choice: Choice) -> Choice:
        """Returns the same choice for all replicas, with each replica's own dropout."""
        if not isinstance(choice, Mixed) or choice.skip_dropout is None:
            return choice
        dropout = choice.skip_dropout
        return choice._replace(skip_dropout=dropout._replace(seed=self.replicas.own_seed(dropout.seed)))

    def _logits(
        self, images: tf.Tensor, choice: Choice, train_weights: bool, weights: Sequence[tf.Tensor] | None
    ) -> tf.Tensor:
        if weights is None:
            return self.network(images, choice, train_weights=train_weights)
        logits, _ = self.network.stateless_call(list(weights), [], images, choice, train_weights=train_weights)
        return logits
