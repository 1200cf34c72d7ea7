"""One weight update and one architecture update, each with its own sample (Algorithm 1, lines 2 to 5)."""

import dataclasses
from collections.abc import Iterator

import keras
import tensorflow as tf

from eoinas_tf.config import SearchConfig
from eoinas_tf.distribution.replicas import Replicas
from eoinas_tf.optimization.precision import LossScale, NoLossScale, build_loss_scale
from eoinas_tf.optimization.repeated_steps import repeat_steps
from eoinas_tf.optimization.step_results import StepResults
from eoinas_tf.optimization.weight_gradients import clip_and_decay
from eoinas_tf.optimization.weight_update import ReplicaResults, update_weights
from eoinas_tf.random_seeds import stateless_seed
from eoinas_tf.search.graph_rewriting import called_functions_as_traced
from eoinas_tf.search.operation_statistics import OperationStatistics
from eoinas_tf.space.operation_names import OPERATION_NAMES
from eoinas_tf.supernet.gumbel_sampling import sample_operations
from eoinas_tf.supernet.search_network import SearchNetwork


@dataclasses.dataclass(frozen=True)
class SearchState:
    """Everything that a search changes; a checkpoint holds all of it.

    Args:
        network: Super network with its weights, alpha and the living mask.
        weights_optimizer: SGD on the weights.
        architecture_optimizer: Adam on alpha.
        statistics: What was counted per operation.
        weight_results: Sums over the epoch's weight steps.
        architecture_results: Sums over the epoch's architecture steps.
        weights_loss_scale: The weight steps' loss scale in float16; nothing in other precisions.
        architecture_loss_scale: The architecture steps', likewise.
    """

    network: SearchNetwork
    weights_optimizer: keras.optimizers.Optimizer
    architecture_optimizer: keras.optimizers.Optimizer
    statistics: OperationStatistics
    weight_results: StepResults
    architecture_results: StepResults
    weights_loss_scale: LossScale | NoLossScale
    architecture_loss_scale: LossScale | NoLossScale

    def variables(self) -> dict[str, list]:
        """Returns all variables by what they belong to: the state manifest. All else follows from seed and step."""
        return {
            "network_weights": self.network.network_weights,
            "operation_logits": [self.network.operation_logits],
            "living_operations": [self.network.living_operations],
            "weights_optimizer": self.weights_optimizer.variables,
            "architecture_optimizer": self.architecture_optimizer.variables,
            "statistics": list(self.statistics.variables),
            "weight_results": list(self.weight_results.variables),
            "architecture_results": list(self.architecture_results.variables),
            "weights_loss_scale": list(self.weights_loss_scale.variables),
            "architecture_loss_scale": list(self.architecture_loss_scale.variables),
        }

    def reset_results(self) -> None:
        """Forgets losses and accuracies, at the start of an epoch."""
        self.weight_results.reset()
        self.architecture_results.reset()

    def check_finite(self, epoch: int) -> None:
        """Makes sure that no step of the epoch went wrong.

        Args:
            epoch: The epoch, for the message.

        Raises:
            NonFiniteError: A loss or gradient of the epoch was NaN or infinite.
        """
        self.weight_results.check_finite(epoch)
        self.architecture_results.check_finite(epoch)


def build_search_state(
    config: SearchConfig,
    image_shape: tuple[int, int, int],
    num_classes: int,
    steps_per_epoch: int,
    operation_names: tuple[str, ...] = OPERATION_NAMES,
) -> SearchState:
    """Builds the network, both optimizers and the statistics; initial weights come from Keras's global seed.

    Args:
        config: The search's settings.
        image_shape: (height, width, channels) of an image.
        num_classes: Classes to tell apart.
        steps_per_epoch: Weight steps in an epoch.
        operation_names: Candidate operations of every edge.

    Returns:
        The state of a search that has not begun.
    """
    network = SearchNetwork(image_shape, num_classes, config.init_channels, config.cells, operation_names)
    learning_rate = keras.optimizers.schedules.CosineDecay(
        config.weights_learning_rate,
        decay_steps=config.epochs * steps_per_epoch,
        alpha=config.weights_learning_rate_end / config.weights_learning_rate if config.weights_learning_rate else 0.0,
    )
    weights_optimizer = keras.optimizers.SGD(learning_rate, momentum=config.weights_momentum)
    weights_optimizer.build(network.network_weights)
    architecture_optimizer = keras.optimizers.Adam(
        config.architecture_learning_rate,
        beta_1=config.architecture_beta_1,
        beta_2=config.architecture_beta_2,
        epsilon=1e-8,
    )
    architecture_optimizer.build([network.operation_logits])
    return SearchState(
        network,
        weights_optimizer,
        architecture_optimizer,
        OperationStatistics(tuple(network.operation_logits.shape)),
        StepResults("weight step"),
        StepResults("architecture step"),
        build_loss_scale(config.mixed_precision),
        build_loss_scale(config.mixed_precision),
    )


class SearchStep:
    """The two updates of an iteration, as graph functions that leave their results on the device.

    Args:
        state: What the updates change.
        config: The search's settings.
        replicas: The copies of the network; one where not given.
    """

    def __init__(self, state: SearchState, config: SearchConfig, replicas: Replicas | None = None) -> None:
        self.state = state
        self.config = config
        self.replicas = replicas or Replicas()
        self.update_weights = tf.function(self._update_weights, autograph=False)
        self.update_architecture = tf.function(self._update_architecture, autograph=False)
        self.update_repeatedly = tf.function(self._update_repeatedly, autograph=False)
        self.classify = tf.function(self._classify, autograph=False)

    @called_functions_as_traced()
    def _update_weights(self, images: tf.Tensor, labels: tf.Tensor, step: tf.Tensor, temperature: tf.Tensor) -> None:
        """Draws a sample and descends the training loss on w; computes no gradient for alpha.

        Args:
            images: D_T mini-batch, float32 [share, height, width, channels] of each replica.
            labels: Classes, int32 [share] of each replica.
            step: Global step, int64 scalar.
            temperature: T, float32 scalar.
        """
        state, replicas = self.state, self.replicas
        with replicas.strategy.scope():
            # Drawn once for all replicas: they run the same sub-network.
            operation_index = self._sample("weight step sample", step, temperature).operation_index
            results = replicas.strategy.run(self._weight_results, (images, labels, operation_index))
            norm = update_weights(
                state.weights_optimizer,
                results.gradients,
                state.network.network_weights,
                replicas.first(results.gradient_norm),
                state.weights_loss_scale,
            )
            state.statistics.add_weight_step(operation_index)
            state.weight_results.add(step, replicas.mean(results.loss), replicas.mean(results.accuracy), norm)

    def _weight_results(self, images: tf.Tensor, labels: tf.Tensor, operation_index: tf.Tensor) -> ReplicaResults:
        """Returns a replica's loss on D_T and the gradients for w that all replicas agree on."""
        network, loss_scale = self.state.network, self.state.weights_loss_scale
        weights = network.network_weights
        watched = [weight.value for weight in weights]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(watched)
            logits = network(images, operation_index)
            loss = cross_entropy(labels, logits)
            scaled_loss = loss_scale.scale(loss)
        # In a graph every operation has a gradient, of zero where it was not sampled; eagerly it has none.
        zero = tf.UnconnectedGradients.ZERO
        gradients = loss_scale.unscale(tape.gradient(scaled_loss, watched, unconnected_gradients=zero))
        gradients = self.replicas.average_gradients(gradients)
        gradients, norm = clip_and_decay(gradients, weights, self.config.gradient_clip_norm, self.config.weights_l2)
        return ReplicaResults(gradients, norm, loss, accuracy(labels, logits))

    @called_functions_as_traced()
    def _update_architecture(
        self, images: tf.Tensor, labels: tf.Tensor, step: tf.Tensor, temperature: tf.Tensor
    ) -> None:
        """Draws a sample and descends the validation loss on alpha; no weight gets a gradient.

        Args:
            images: D_V mini-batch, float32 [share, height, width, channels] of each replica.
            labels: Classes, int32 [share] of each replica.
            step: Global step, int64 scalar.
            temperature: T, float32 scalar.
        """
        state, replicas = self.state, self.replicas
        with replicas.strategy.scope():
            results, sampled = replicas.strategy.run(self._architecture_results, (images, labels, step, temperature))
            norm = update_weights(
                state.architecture_optimizer,
                results.gradients,
                [state.network.operation_logits],
                replicas.first(results.gradient_norm),
                state.architecture_loss_scale,
            )
            batch_accuracy = replicas.mean(results.accuracy)
            state.statistics.add_architecture_step(replicas.first(sampled), batch_accuracy)
            state.architecture_results.add(step, replicas.mean(results.loss), batch_accuracy, norm)

    def _architecture_results(
        self, images: tf.Tensor, labels: tf.Tensor, step: tf.Tensor, temperature: tf.Tensor
    ) -> tuple[ReplicaResults, tf.Tensor]:
        """Returns a replica's loss on D_V, the gradient for alpha that all replicas agree on, and their sample."""
        operation_logits, loss_scale = self.state.network.operation_logits, self.state.architecture_loss_scale
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(operation_logits.value)
            # The seed is made of the step alone, so that every replica draws the same sample.
            sample = self._sample("architecture step sample", step, temperature)
            logits = self.state.network(images, sample.operation_index, gates=sample.gates)
            loss = cross_entropy(labels, logits)
            scaled_loss = loss_scale.scale(loss)
        gradients = loss_scale.unscale([tape.gradient(scaled_loss, operation_logits)])
        (gradient,) = self.replicas.average_gradients(gradients)
        decayed = gradient + self.config.architecture_l2 * operation_logits
        results = ReplicaResults([decayed], tf.norm(gradient), loss, accuracy(labels, logits))
        return results, sample.operation_index

    def _update_repeatedly(
        self, batches: Iterator, first: tf.Tensor, count: tf.Tensor, temperature: tf.Tensor, searches: bool
    ) -> None:
        """Runs several iterations: a weight step each and, after the warm-up, an architecture step.

        Args:
            batches: Iterator of pairs of batches.
            first: Global number of the first iteration, int64 scalar.
            count: Iterations, int64 scalar.
            temperature: T, float32 scalar.
            searches: Whether the warm-up is over.
        """

        def iteration(pair, number: tf.Tensor) -> None:
            weight_batch, architecture_batch = pair
            self.update_weights(*weight_batch, number, temperature)
            if searches:
                self.update_architecture(*architecture_batch, number, temperature)

        repeat_steps(iteration, batches, first, count)

    @called_functions_as_traced()
    def _classify(self, images: tf.Tensor, operation_index: tf.Tensor) -> tf.Tensor:
        """Returns the predicted classes, int64 [batch], of one sub-network.

        Args:
            images: float32 [batch, height, width, channels].
            operation_index: The sub-network, int32 [cell types, edges].
        """
        return tf.argmax(self.state.network(images, operation_index), axis=-1)

    def _sample(self, purpose: str, step: tf.Tensor, temperature: tf.Tensor):
        network = self.state.network
        return sample_operations(
            tf.convert_to_tensor(network.operation_logits),
            tf.convert_to_tensor(network.living_operations),
            temperature,
            stateless_seed(self.config.seed, purpose, step),
        )


def cross_entropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Returns the mean cross-entropy of a batch, float32 scalar."""
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))


def accuracy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Returns the fraction of a batch that is classified correctly, float32 scalar."""
    return tf.reduce_mean(tf.cast(tf.argmax(logits, -1, tf.int32) == tf.cast(labels, tf.int32), tf.float32))
