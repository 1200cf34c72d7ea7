"""One weight update and one architecture update of any method (Algorithm 1, lines 2 to 5)."""

import dataclasses
from collections.abc import Iterator
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from eoinas_tf.distribution.replicas import Replicas
from eoinas_tf.kernels.graph_rewriting import called_functions_as_traced
from eoinas_tf.optimization.learning_rate_schedule import LearningRateSchedule
from eoinas_tf.optimization.parameter_group import ParameterGroup, descend
from eoinas_tf.optimization.precision import LossScale, NoLossScale, build_loss_scale
from eoinas_tf.optimization.repeated_steps import repeat_steps
from eoinas_tf.optimization.step_results import StepResults
from eoinas_tf.search.search_method import Schedule, SearchMethod, Stage
from eoinas_tf.search.updater import Batch, Updater
from eoinas_tf.supernet.choice import Choice, Sampled
from eoinas_tf.supernet.search_network import SearchNetwork


@dataclasses.dataclass(frozen=True)
class SearchState:
    """Everything that a search changes; a checkpoint holds all of it.

    Args:
        network: The super network.
        weights: Its weights with SGD.
        method: The search method, with its architecture parameters, living mask and statistics.
        weight_results: Sums over the epoch's weight steps.
        architecture_results: Sums over the epoch's architecture steps.
        weights_loss_scale: The loss scale of float16 weight steps; empty in other precisions.
        architecture_loss_scale: That of the architecture steps, likewise.
    """

    network: SearchNetwork
    weights: ParameterGroup
    method: SearchMethod
    weight_results: StepResults
    architecture_results: StepResults
    weights_loss_scale: LossScale | NoLossScale
    architecture_loss_scale: LossScale | NoLossScale

    def variables(self) -> dict[str, list]:
        """Returns all variables by owner: the state manifest. All else follows from seed and step."""
        return {
            "network_weights": self.weights.variables,
            "weights_optimizer": self.weights.optimizer.variables,
            **self.method.state(),
            "weight_results": list(self.weight_results.variables),
            "architecture_results": list(self.architecture_results.variables),
            "weights_loss_scale": list(self.weights_loss_scale.variables),
            "architecture_loss_scale": list(self.architecture_loss_scale.variables),
        }

    def reset_results(self) -> None:
        """Resets losses and accuracies at the start of an epoch."""
        self.weight_results.reset()
        self.architecture_results.reset()

    def check_finite(self, epoch: int) -> None:
        """Makes sure that every loss and gradient of the epoch was finite.

        Args:
            epoch: The epoch, for the message.

        Raises:
            NonFiniteError: A loss or gradient of the epoch was NaN or infinite.
        """
        self.weight_results.check_finite(epoch)
        self.architecture_results.check_finite(epoch)


def build_search_state(
    method: SearchMethod, stage: Stage, image_shape: tuple[int, int, int], num_classes: int
) -> SearchState:
    """Builds the network, its optimizer and the results; initial weights come from Keras's global seed.

    Args:
        method: The search method, already built.
        stage: The part of the search that trains this network.
        image_shape: (height, width, channels) of an image.
        num_classes: Classes to tell apart.

    Returns:
        The state of a stage that has not begun.
    """
    problem, config = method.problem, method.config
    network = SearchNetwork(image_shape, num_classes, config.init_channels, stage.cells, problem.operation_names)
    learning_rate = LearningRateSchedule(
        config.weights_learning_rate_schedule,
        config.weights_learning_rate,
        config.weights_learning_rate_end,
        total_steps=stage.epochs * problem.steps_per_epoch,
    )
    # Named, because Keras would number the networks of a process and a checkpoint holds the names.
    optimizer = keras.optimizers.SGD(learning_rate, momentum=config.weights_momentum, name="sgd")
    optimizer.build(network.trainable_variables)
    return SearchState(
        network,
        ParameterGroup(network.trainable_variables, optimizer, config.weights_l2, config.gradient_clip_norm),
        method,
        StepResults("weight step"),
        StepResults("architecture step"),
        build_loss_scale(config.mixed_precision),
        build_loss_scale(config.mixed_precision),
    )


class ReplicaResults(NamedTuple):
    """Results of one replica in a step; after averaging, gradients and norm are those of all replicas.

    Args:
        gradients: By group of parameters, one per variable, ready for the optimizer.
        norm: Sum of the gradients' norms before clipping and decay, float32 scalar.
        loss: Mean loss of the replica's share of the batch, float32 scalar.
        accuracy: Fraction of the share that was classified correctly, float32 scalar.
        choice: What the edges ran.
    """

    gradients: list[list[tf.Tensor]]
    norm: tf.Tensor
    loss: tf.Tensor
    accuracy: tf.Tensor
    choice: Choice


class SearchStep:
    """The two updates of an iteration, as graph functions that leave their results on the device.

    Args:
        state: What the updates change.
        replicas: The copies of the network; by default one.
        class_factors: Factor of an image's loss for each class, float32 [classes]; None: all 1.
    """

    def __init__(
        self, state: SearchState, replicas: Replicas | None = None, class_factors: np.ndarray | None = None
    ) -> None:
        self.state = state
        self.method = state.method
        self.replicas = replicas or Replicas()
        self.class_factors = class_factors
        self.update_weights = tf.function(self._update_weights, autograph=False)
        self.update_architecture = tf.function(self._update_architecture, autograph=False)
        self.update_repeatedly = tf.function(self._update_repeatedly, autograph=False)
        self.classify = tf.function(self._classify, autograph=False)

    @called_functions_as_traced()
    def _update_weights(
        self, batch: Batch, step: tf.Tensor, schedule: Schedule, trains_architecture: bool = False
    ) -> None:
        """Descends the training loss on w, and also on alpha if the method learns it from that loss.

        Args:
            batch: D_T mini-batch of each replica: images, float32 [share, height, width, channels], and classes, int32
                [share].
            step: Global step, int64 scalar.
            schedule: The epoch's schedule values, float32 scalars.
            trains_architecture: Whether the method's architecture parameters descend the same loss.
        """
        state, method, replicas = self.state, self.method, self.replicas
        groups = [state.weights, *self._architecture_groups(trains_architecture)]
        with replicas.strategy.scope():
            results = replicas.strategy.run(self._weight_results, (batch, step, schedule, trains_architecture))
            norm = descend(
                list(zip(groups, results.gradients, strict=True)),
                replicas.first(results.norm),
                state.weights_loss_scale,
            )
            batch_accuracy = replicas.mean(results.accuracy)
            method.after_weight_step(self._first_choice(results), batch_accuracy)
            state.weight_results.add(step, replicas.mean(results.loss), batch_accuracy, norm)

    def _weight_results(
        self, batch: Batch, step: tf.Tensor, schedule: Schedule, trains_architecture: bool
    ) -> ReplicaResults:
        """Returns a replica's loss on D_T and the gradients averaged over all replicas."""
        state = self.state
        updater = Updater(state.network, self.replicas, state.weights_loss_scale, state.weights, self.class_factors)
        architecture = self._architecture_groups(trains_architecture)
        variables = [variable for group in architecture for variable in group.variables]
        found = updater.gradients(
            batch, lambda: self.method.weight_choice(step, schedule), variables, with_weights=True
        )
        gradients, norm = state.weights.clipped_and_decayed(found.weight_gradients)
        all_gradients = [gradients]
        for group in architecture:
            gradients, own_norm = group.clipped_and_decayed(found.gradients)
            all_gradients.append(gradients)
            norm += own_norm
        return ReplicaResults(all_gradients, norm, found.loss, found.accuracy, found.choice)

    @called_functions_as_traced()
    def _update_architecture(
        self, weight_batch: Batch, architecture_batch: Batch, step: tf.Tensor, schedule: Schedule
    ) -> None:
        """Makes the method's architecture step: most descend the validation loss on alpha. No weight is changed.

        Args:
            weight_batch: The D_T mini-batch of this iteration, as `update_weights` takes it.
            architecture_batch: D_V mini-batch, likewise.
            step: Global step, int64 scalar.
            schedule: The epoch's schedule values, float32 scalars.
        """
        state, method, replicas = self.state, self.method, self.replicas
        with replicas.strategy.scope():
            results = replicas.strategy.run(
                self._architecture_results, (weight_batch, architecture_batch, step, schedule)
            )
            groups = self._architecture_groups(True)
            norm = replicas.first(results.norm)
            if groups:
                norm = descend(list(zip(groups, results.gradients, strict=True)), norm, state.architecture_loss_scale)
            batch_accuracy = replicas.mean(results.accuracy)
            method.after_architecture_step(self._first_choice(results), batch_accuracy)
            state.architecture_results.add(step, replicas.mean(results.loss), batch_accuracy, norm)

    def _architecture_results(
        self, weight_batch: Batch, architecture_batch: Batch, step: tf.Tensor, schedule: Schedule
    ) -> ReplicaResults:
        """Returns a replica's loss on D_V and the gradients averaged over all replicas."""
        state = self.state
        updater = Updater(
            state.network, self.replicas, state.architecture_loss_scale, state.weights, self.class_factors
        )
        found = self.method.architecture_gradients(updater, weight_batch, architecture_batch, step, schedule)
        if self.method.architecture is None:
            return ReplicaResults([], tf.zeros([]), found.loss, found.accuracy, found.choice)
        gradients, norm = self.method.architecture.clipped_and_decayed(found.gradients)
        return ReplicaResults([gradients], norm, found.loss, found.accuracy, found.choice)

    def _architecture_groups(self, are_trained: bool) -> list[ParameterGroup]:
        architecture = self.method.architecture
        return [architecture] if are_trained and architecture is not None else []

    def trains_architecture_with_weights(self, searches: bool) -> bool:
        """Tells whether weight steps train the architecture parameters too.

        Args:
            searches: Whether the warm-up is over.
        """
        return searches and self.method.learns_with_weights

    def _first_choice(self, results: ReplicaResults) -> Choice:
        # All replicas ran the same choice.
        return tf.nest.map_structure(self.replicas.first, results.choice)

    def _update_repeatedly(
        self, batches: Iterator, first: tf.Tensor, count: tf.Tensor, schedule: Schedule, searches: bool
    ) -> None:
        """Runs several iterations: a weight step each and, after the warm-up, an architecture step.

        Args:
            batches: Iterator of pairs of batches.
            first: Global number of the first iteration, int64 scalar.
            count: Iterations, int64 scalar.
            schedule: The epoch's schedule values, float32 scalars.
            searches: Whether the warm-up is over.
        """
        has_architecture_step = searches and self.method.has_architecture_steps

        def iteration(pair, number: tf.Tensor) -> None:
            weight_batch, architecture_batch = pair
            self.update_weights(
                weight_batch, number, schedule, trains_architecture=self.trains_architecture_with_weights(searches)
            )
            if has_architecture_step:
                self.update_architecture(weight_batch, architecture_batch, number, schedule)

        repeat_steps(iteration, batches, first, count)

    @called_functions_as_traced()
    def _classify(self, images: tf.Tensor, operation_index: tf.Tensor) -> tf.Tensor:
        """Returns the predicted classes, int64 [batch], of one sub-network.

        Args:
            images: float32 [batch, height, width, channels].
            operation_index: The sub-network, int32 [cell types, edges].
        """
        return tf.argmax(self.state.network(images, Sampled(operation_index)), axis=-1)
