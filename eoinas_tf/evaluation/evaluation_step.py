"""One training step and one test step of a final network, as graph functions (paper, section 4.3)."""

import dataclasses
from typing import NamedTuple

import keras
import tensorflow as tf

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.evaluation.drop_path import DropPath, drop_path_probability
from eoinas_tf.evaluation.evaluation_network import EvaluationNetwork
from eoinas_tf.evaluation.learning_rate_schedule import LearningRateSchedule
from eoinas_tf.optimization.step_results import StepResults
from eoinas_tf.optimization.weight_gradients import clip_and_decay
from eoinas_tf.random_seeds import stateless_seed


@dataclasses.dataclass(frozen=True)
class EvaluationState:
    """Everything that a training changes; a checkpoint holds all of it.

    Args:
        network: The network with its weights and moving statistics.
        optimizer: SGD with momentum.
        results: Sums over the epoch's training steps.
    """

    network: EvaluationNetwork
    optimizer: keras.optimizers.Optimizer
    results: StepResults

    def variables(self) -> dict[str, list]:
        """Returns all variables by what they belong to: the state manifest. All else follows from seed and step."""
        return {
            "network": self.network.variables,
            "optimizer": self.optimizer.variables,
            "results": list(self.results.variables),
        }


def build_evaluation_state(config: EvaluationConfig, network: EvaluationNetwork, total_steps: int) -> EvaluationState:
    """Builds the optimizer and its schedule for a built network.

    Args:
        config: Learning rates, their schedule, and momentum.
        network: The network.
        total_steps: Training steps of the whole training, the length of the schedule.

    Returns:
        The state of a training that has not begun.
    """
    learning_rate = LearningRateSchedule(
        config.learning_rate_schedule,
        config.learning_rate,
        config.learning_rate_end,
        total_steps=total_steps,
        warmup_steps=config.warmup_epochs * total_steps // config.epochs,
    )
    optimizer = keras.optimizers.SGD(learning_rate, momentum=config.momentum)
    optimizer.build(network.trainable_variables)
    return EvaluationState(network, optimizer, StepResults())


class TestMeans(NamedTuple):
    """Means over the test images.

    Args:
        loss: Mean cross-entropy, without label smoothing.
        accuracy: Fraction classified correctly.
        top_5_accuracy: Fraction whose class is among the five that the network finds likeliest.
    """

    loss: float
    accuracy: float
    top_5_accuracy: float


class EvaluationStep:
    """The training step and the test step; both leave their results on the device.

    Args:
        state: What they change.
        config: The settings.
        total_steps: Training steps of the whole training, over which drop path rises.
    """

    def __init__(self, state: EvaluationState, config: EvaluationConfig, total_steps: int) -> None:
        self.state = state
        self.config = config
        self.total_steps = total_steps
        # Neither step has control flow on tensors; leaving AutoGraph out saves seconds of start-up.
        self.train = tf.function(self._train, autograph=False)
        self.test = tf.function(self._test, autograph=False)
        self._test_sums = tf.Variable([0.0, 0.0, 0.0, 0.0], dtype=tf.float64, trainable=False)

    def drop_path_probability(self, step: tf.Tensor) -> tf.Tensor:
        """Returns the probability of dropping a path in a training step, float32 scalar.

        Args:
            step: Global step, counted from 0, int64 scalar.
        """
        return drop_path_probability(step, self.total_steps, self.config.drop_path)

    def _drop_path(self, step: tf.Tensor) -> DropPath | None:
        if self.config.drop_path == 0.0:
            return None
        return DropPath(self.drop_path_probability(step), stateless_seed(self.config.seed, "drop path", step))

    def _train(self, images: tf.Tensor, labels: tf.Tensor, step: tf.Tensor) -> None:
        """Descends the loss by one step; images to logits, cross-entropy plus the weighted auxiliary head's.

        Args:
            images: float32 [batch, height, width, channels].
            labels: Classes, int32 [batch].
            step: Global step, counted from 0, int64 scalar.
        """
        network, config = self.state.network, self.config
        weights = network.trainable_variables
        with tf.GradientTape() as tape:
            outputs = network(images, training=True, drop_path=self._drop_path(step))
            logits, *auxiliary = outputs if network.auxiliary_head is not None else (outputs,)
            loss = tf.reduce_mean(cross_entropy(labels, logits, config.label_smoothing))
            for auxiliary_logits in auxiliary:
                auxiliary_losses = cross_entropy(labels, auxiliary_logits, config.label_smoothing)
                loss += config.auxiliary_weight * tf.reduce_mean(auxiliary_losses)
        # Zero and not None where a genotype leaves an operation's output unused; only TensorFlow's own
        # variables, not Keras's around them, can be asked for that.
        gradients = tape.gradient(
            loss, [weight.value for weight in weights], unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        gradients, norm = clip_and_decay(gradients, weights, config.gradient_clip_norm, config.l2)
        self.state.optimizer.apply_gradients(zip(gradients, weights, strict=True))
        accuracy = tf.reduce_mean(tf.cast(is_correct(labels, logits), tf.float32))
        self.state.results.add(step, loss, accuracy, norm)

    def _test(self, images: tf.Tensor, labels: tf.Tensor, weights: tf.Tensor) -> None:
        """Adds a batch's test results; the auxiliary head has no part in them.

        Args:
            images: float32 [batch, height, width, channels].
            labels: Classes, int32 [batch].
            weights: 1 where the image counts, 0 where it only fills the batch; float32 [batch].
        """
        logits = self.state.network(images, training=False)
        hits = [is_correct(labels, logits), is_among_likeliest(labels, logits)]
        results = tf.stack([cross_entropy(labels, logits), *(tf.cast(hit, tf.float32) for hit in hits)])
        weighted = results * weights
        sums = tf.concat([tf.reduce_sum(weighted, axis=1), [tf.reduce_sum(weights)]], axis=0)
        self._test_sums.assign_add(tf.cast(sums, tf.float64))

    def test_all(self, batches: tf.data.Dataset) -> TestMeans:
        """Tests the network on all images.

        Args:
            batches: Yields (images, labels, weights).

        Returns:
            Mean loss and accuracies.
        """
        self._test_sums.assign([0.0, 0.0, 0.0, 0.0])
        for images, labels, weights in batches:
            self.test(images, labels, weights)
        *sums, count = self._test_sums.numpy().tolist()
        return TestMeans(*(total / count for total in sums))


def cross_entropy(labels: tf.Tensor, logits: tf.Tensor, label_smoothing: float = 0.0) -> tf.Tensor:
    """Returns each image's cross-entropy with its label or, where it is smoothed, with a mixture.

    Args:
        labels: Classes, int32 [batch].
        logits: float32 [batch, classes].
        label_smoothing: Part of the label that is spread evenly over all classes, its own among them.

    Returns:
        float32 [batch].
    """
    if label_smoothing == 0.0:
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    classes = logits.shape[-1]
    share = label_smoothing / classes
    targets = tf.one_hot(labels, classes, on_value=1.0 - label_smoothing + share, off_value=share, dtype=logits.dtype)
    return tf.nn.softmax_cross_entropy_with_logits(targets, logits)


def is_correct(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Returns whether each image is classified correctly, bool [batch]."""
    return tf.argmax(logits, axis=-1, output_type=tf.int32) == tf.cast(labels, tf.int32)


def is_among_likeliest(labels: tf.Tensor, logits: tf.Tensor, count: int = 5) -> tf.Tensor:
    """Returns whether each image's class is among the likeliest ones, bool [batch].

    Args:
        labels: Classes, int32 [batch].
        logits: float32 [batch, classes].
        count: How many classes are looked at; all of them where there are fewer.
    """
    return tf.math.in_top_k(labels, logits, count)
