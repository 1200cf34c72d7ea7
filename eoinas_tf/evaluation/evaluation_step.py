"""One training step and one test step of a final network, as graph functions (paper, section 4.3)."""

import dataclasses
from collections.abc import Iterator
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.data.image_mixing import mix_images
from eoinas_tf.distribution.replicas import Replicas
from eoinas_tf.evaluation.best_weights import BEST_NETWORK, BestWeights
from eoinas_tf.evaluation.drop_path import DropPath, drop_path_probability
from eoinas_tf.evaluation.final_networks import FinalNetwork, backbone_layers
from eoinas_tf.evaluation.training_results import TrainingResults
from eoinas_tf.optimization.classification_metrics import cross_entropy, is_among_likeliest, is_correct, mean_accuracy
from eoinas_tf.optimization.learning_rate_schedule import LearningRateSchedule
from eoinas_tf.optimization.moving_average import average_decay, update_averages
from eoinas_tf.optimization.optimizers import build_optimizer
from eoinas_tf.optimization.precision import LossScale, NoLossScale, build_loss_scale
from eoinas_tf.optimization.repeated_steps import repeat_steps
from eoinas_tf.optimization.training_targets import TrainingTargets
from eoinas_tf.optimization.weight_gradients import clip_and_decay
from eoinas_tf.optimization.weight_update import ReplicaResults, update_weights
from eoinas_tf.random_seeds import ALGORITHM, stateless_seed

# The name of the averages of the network's variables in checkpoints.
AVERAGES = "averages"


@dataclasses.dataclass(frozen=True)
class EvaluationState:
    """Everything that training changes; a checkpoint holds all of it.

    Args:
        network: The network with its weights and moving statistics.
        optimizer: The optimizer of its weights.
        results: Sums over the epoch's training steps.
        loss_scale: The loss scale of float16; empty in other precisions.
        averaged_network: A network whose variables are moving averages of the first one's; None if there is none.
        best: The weights of the best epoch so far, if they are kept.
        schedule: The course of the optimizer's learning rate, if it has one.
    """

    network: FinalNetwork
    optimizer: keras.optimizers.Optimizer
    results: TrainingResults
    loss_scale: LossScale | NoLossScale
    averaged_network: FinalNetwork | None = None
    best: BestWeights | None = None
    schedule: LearningRateSchedule | None = None

    @property
    def epoch_learning_rate(self) -> float:
        """The learning rate at the end of an epoch: of the step that follows, or, if it changes from epoch to epoch
        only, of the steps of this epoch."""
        if self.schedule is None or self.schedule.steps_per_update == 1:
            return float(self.optimizer.learning_rate)
        return float(self.schedule(self.optimizer.iterations - 1))

    @property
    def tested_network(self) -> FinalNetwork:
        """The network that is tested and exported: the averaged one, if there is one."""
        return self.averaged_network or self.network

    def variables(self) -> dict[str, list]:
        """Returns all variables by owner: the state manifest. All else follows from seed and step."""
        return {
            "network": self.network.variables,
            "optimizer": self.optimizer.variables,
            "results": list(self.results.variables),
            "loss_scale": list(self.loss_scale.variables),
            AVERAGES: self.averaged_network.variables if self.averaged_network else [],
            **({} if self.best is None else {BEST_NETWORK: self.best.variables}),
        }


def build_evaluation_state(
    config: EvaluationConfig, network: FinalNetwork, total_steps: int, averaged_network: FinalNetwork | None = None
) -> EvaluationState:
    """Builds the optimizer and its schedule for a built network.

    Args:
        config: The optimizer, learning rates, their schedule, momentum and weight decay.
        network: The network.
        total_steps: Training steps of the whole run, the length of the schedule.
        averaged_network: A second network of the same kind, for the averages; its own weights are not used.

    Returns:
        The state of a run that has not begun.
    """
    learning_rate = LearningRateSchedule(
        config.learning_rate_schedule,
        config.learning_rate,
        config.learning_rate_end,
        total_steps=total_steps,
        warmup_steps=config.warmup_epochs * total_steps // config.epochs,
        steps_per_update=total_steps // config.epochs if config.learning_rate_updates == "epoch" else 1,
    )
    optimizer = build_optimizer(
        config.optimizer,
        network.trainable_variables,
        learning_rate,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        late_weights=[weight for layer in backbone_layers(network) for weight in layer.trainable_variables]
        if config.freeze_backbone_epochs
        else (),
    )
    loss_scale = build_loss_scale(config.mixed_precision)
    best = BestWeights(averaged_network or network) if config.keep_best else None
    return EvaluationState(network, optimizer, TrainingResults(), loss_scale, averaged_network, best, learning_rate)


class TestMeans(NamedTuple):
    """Means over the test images.

    Args:
        loss: Mean cross-entropy, without label smoothing.
        accuracy: Fraction classified correctly.
        top_5_accuracy: Fraction whose class is among the network's five most likely ones.
    """

    loss: float
    accuracy: float
    top_5_accuracy: float


class EvaluationStep:
    """The training step and the test step; both leave their results on the device.

    Args:
        state: What the steps change.
        config: The settings.
        total_steps: Training steps of the whole run, over which drop path rises.
        replicas: The copies of the network; by default one.
        class_factors: Factor of an image's training loss for each class, float32 [classes]; None: all 1.
    """

    def __init__(
        self,
        state: EvaluationState,
        config: EvaluationConfig,
        total_steps: int,
        replicas: Replicas | None = None,
        class_factors: np.ndarray | None = None,
    ) -> None:
        self.state = state
        self.config = config
        self.total_steps = total_steps
        self.replicas = replicas or Replicas()
        self.class_factors = class_factors
        # Neither step has control flow on tensors; skipping AutoGraph saves seconds of start-up.
        self.train = tf.function(self._train, autograph=False)
        self.train_repeatedly = tf.function(self._train_repeatedly, autograph=False)
        self.test = tf.function(self._test, autograph=False)
        # Before a test, a checkpoint, an export.
        self.agree_on_statistics = tf.function(self._agree_on_statistics, autograph=False)
        self._test_sums = tf.Variable([0.0, 0.0, 0.0, 0.0], dtype=tf.float64, trainable=False)

    def drop_path_probability(self, step: tf.Tensor) -> tf.Tensor:
        """Returns the probability of dropping a path in a training step, float32 scalar.

        Args:
            step: Global step, counted from 0, int64 scalar.
        """
        return drop_path_probability(step, self.total_steps, self.config.drop_path)

    def _train(self, images: tf.Tensor, labels: tf.Tensor, step: tf.Tensor) -> None:
        """Descends the loss by one step; every replica processes its share of the batch.

        Args:
            images: float32 [share, height, width, channels] of each replica.
            labels: Classes, int32 [share] of each replica.
            step: Global step, counted from 0, int64 scalar.
        """
        replicas, state = self.replicas, self.state
        with replicas.strategy.scope():
            results, bare_loss = replicas.strategy.run(self._replica_results, (images, labels, step))
            norm = replicas.first(results.gradient_norm)
            weights = state.network.trainable_variables
            norm = update_weights(state.optimizer, results.gradients, weights, norm, state.loss_scale)
            if state.averaged_network is not None:
                decay = average_decay(step, self.config.ema_decay)
                update_averages(state.averaged_network.variables, state.network.variables, decay)
            state.results.add(step, replicas.mean(results.loss), replicas.mean(results.accuracy), norm)
            state.results.add_cross_entropy(replicas.mean(bare_loss))

    def _train_repeatedly(self, batches: Iterator, first: tf.Tensor, count: tf.Tensor) -> None:
        """Runs several training steps.

        Args:
            batches: Iterator of (images, labels).
            first: Global number of the first step, int64 scalar.
            count: Steps, int64 scalar.
        """
        repeat_steps(lambda batch, number: self.train(*batch, number), batches, first, count)

    def _replica_results(
        self, images: tf.Tensor, labels: tf.Tensor, step: tf.Tensor
    ) -> tuple[ReplicaResults, tf.Tensor]:
        """Runs forward and backward on a replica's share, piece by piece, and averages over all replicas.

        Returns:
            The results, and the share's mean bare cross-entropy, float32 scalar.
        """
        weights = self.state.network.trainable_variables
        pieces = self.config.accumulation_steps
        images, targets = self._mixed(images, labels, step)
        if pieces == 1:
            gradients, *means = self._piece_gradients(images, targets, step, self._drop_path_seed(step))
        else:
            gradients, *means = self._accumulated_gradients(images, targets, step, pieces)
        loss, accuracy, bare_loss = means
        gradients = self.replicas.average_gradients(self.state.loss_scale.unscale(gradients))
        gradients, norm = clip_and_decay(gradients, weights, self.config.gradient_clip_norm, self.config.l2)
        return ReplicaResults(gradients, norm, loss, accuracy), bare_loss

    def _mixed(self, images: tf.Tensor, labels: tf.Tensor, step: tf.Tensor) -> tuple[tf.Tensor, TrainingTargets]:
        """Returns a replica's share of the batch after mixup and CutMix, with its targets."""
        mixup_alpha, cutmix_alpha = self.config.mixup_alpha, self.config.cutmix_alpha
        if mixup_alpha == cutmix_alpha == 0.0:
            return images, TrainingTargets(labels)
        seed = self.replicas.own_seed(stateless_seed(self.config.seed, "image mixing", step))
        mixed = mix_images(images, labels, mixup_alpha, cutmix_alpha, seed)
        return mixed.images, TrainingTargets(labels, mixed.partner_labels, mixed.shares)

    def _accumulated_gradients(self, images: tf.Tensor, targets: TrainingTargets, step: tf.Tensor, pieces: int):
        """Averages the gradients of equal pieces of a replica's share; one piece is in memory at a time."""
        size = images.shape[0] // pieces
        weights = self.state.network.trainable_variables
        seed = self._drop_path_seed(step)

        def add_piece(number: tf.Tensor, gradients: list[tf.Tensor], *means: tf.Tensor):
            own = slice(number * size, (number + 1) * size)
            piece_images = tf.ensure_shape(images[own], (size, *images.shape[1:]))
            piece_seed = None if seed is None else tf.random.fold_in(seed, number, alg=ALGORITHM)
            more, *piece_means = self._piece_gradients(piece_images, targets.part(own), step, piece_seed)
            summed = [total + gradient for total, gradient in zip(gradients, more, strict=True)]
            return number + 1, summed, *(total + mean for total, mean in zip(means, piece_means, strict=True))

        _, gradients, *sums = tf.while_loop(
            lambda number, *_: number < pieces,
            add_piece,
            (0, [tf.zeros(weight.shape) for weight in weights], *(tf.constant(0.0) for _ in range(3))),
            parallel_iterations=1,
            maximum_iterations=pieces,
        )
        return [gradient / pieces for gradient in gradients], *(total / pieces for total in sums)

    def _drop_path_seed(self, step: tf.Tensor) -> tf.Tensor | None:
        """Returns the seed of a step's dropped paths on this replica, or None if no path is dropped."""
        if self.config.drop_path == 0.0:
            return None
        return self.replicas.own_seed(stateless_seed(self.config.seed, "drop path", step))

    def _piece_gradients(self, images: tf.Tensor, targets: TrainingTargets, step: tf.Tensor, seed: tf.Tensor | None):
        """Returns gradients (times the loss scale), loss, accuracy and bare cross-entropy of some images.

        The loss is the logits' mean cross-entropy plus the weighted one of the auxiliary head, both with smoothed
        labels and the classes' factors; the bare cross-entropy has none of these. A mixed image counts as correct if it
        is classified as the class that has the larger share in it.

        Args:
            images: float32 [images, height, width, channels].
            targets: Their targets.
            step: Global step, counted from 0, int64 scalar.
            seed: Seed of the dropped paths, integer [2], or None if no path is dropped.
        """
        network, config = self.state.network, self.config
        drop_path = None if seed is None else DropPath(self.drop_path_probability(step), seed)
        with tf.GradientTape() as tape:
            outputs = network(images, training=True, drop_path=drop_path)
            logits, *auxiliary = outputs if network.auxiliary_head is not None else (outputs,)
            kind = config.label_smoothing, self.class_factors
            loss = bare_loss = targets.mean_cross_entropy(logits, *kind)
            for auxiliary_logits in auxiliary:
                loss += config.auxiliary_weight * targets.mean_cross_entropy(auxiliary_logits, *kind)
            scaled_loss = self.state.loss_scale.scale(loss)
        # Zero, not None, where a genotype leaves an operation's output unused; only TensorFlow's own variables support
        # that, not the Keras variables around them.
        gradients = tape.gradient(
            scaled_loss,
            [weight.value for weight in network.trainable_variables],
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        if config.label_smoothing > 0.0 or self.class_factors is not None:
            bare_loss = targets.mean_cross_entropy(logits)
        return gradients, loss, mean_accuracy(targets.main_labels(), logits), bare_loss

    def _test(self, images: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> None:
        """Adds a batch's test results; the auxiliary head is not used.

        Args:
            images: float32 [share, height, width, channels] of each replica.
            labels: Classes, int32 [share] of each replica.
            weights: 1 where the image counts, 0 where it only fills the batch; float32 [share].
        """
        sums = self.replicas.strategy.run(self._replica_test_sums, (images, labels, weights))
        self._test_sums.assign_add(tf.cast(self.replicas.sum(sums), tf.float64))

    def _replica_test_sums(self, images: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        logits = self.state.tested_network(images, training=False)
        hits = [is_correct(labels, logits), is_among_likeliest(labels, logits)]
        results = tf.stack([cross_entropy(labels, logits), *(tf.cast(hit, tf.float32) for hit in hits)])
        return tf.concat([tf.reduce_sum(results * weights, axis=1), [tf.reduce_sum(weights)]], axis=0)

    def _agree_on_statistics(self) -> None:
        self.replicas.agree_on_statistics(self.state.network)
        if self.state.averaged_network is not None:
            self.replicas.agree_on_statistics(self.state.averaged_network)

    def test_all(self, batches: tf.data.Dataset) -> TestMeans:
        """Tests the network on all images, each replica on its share, with the statistics averaged over all replicas.

        Args:
            batches: Yields (images, labels, weights).

        Returns:
            Mean loss and accuracies.
        """
        self.agree_on_statistics()
        self._test_sums.assign([0.0, 0.0, 0.0, 0.0])
        for images, labels, weights in self.replicas.share_out(batches):
            self.test(images, labels, weights)
        *sums, count = self._test_sums.numpy().tolist()
        return TestMeans(*(total / count for total in sums))
