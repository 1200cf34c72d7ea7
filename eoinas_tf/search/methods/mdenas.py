"""MdeNAS: multinomial distributions, updated by comparing operations' epochs and accuracies instead of by gradients.

Zheng et al., "Multinomial Distribution Learning for Effective Neural Architecture Search", ICCV 2019, arXiv
1905.07529.
"""

import numpy as np
import tensorflow as tf

from eoinas_tf.config import SearchConfig
from eoinas_tf.random_seeds import stateless_seed
from eoinas_tf.search.search_method import Evidence, Schedule, SearchMethod, SearchProblem
from eoinas_tf.space.operation_names import OPERATION_NAMES
from eoinas_tf.supernet.choice import Sampled
from eoinas_tf.supernet.multinomial_sampling import draw_operations


class Mdenas(SearchMethod[Sampled]):
    """Runs one sample of cells per epoch and, at its end, compares all pairs of operations of an edge.

    The warm-up, which the paper does not have, draws a new sample at every step: all operations are trained equally,
    and nothing is counted.

    Attributes:
        probabilities: Probability of each operation, float64 [cell types, edges, operations]; they sum to 1 on each
            edge.
        operation_epochs: Epochs after the warm-up in which each operation was trained, H^e, int64 of the same shape.
        operation_accuracies: Accuracy on D_V, a fraction, in the last of these epochs, H^a, float64 of the same shape;
            0 before there is one.
        sampled_operations: What the last architecture step ran, int32 [cell types, edges].
        accuracy_sum: Sum of the accuracies of this epoch's architecture steps, float64 scalar.
        architecture_steps: Architecture steps of this epoch, int64 scalar.
    """

    title = "MdeNAS"
    column_labels = {
        "probability": "probability",
        "training_epochs": "epochs of training",
        "accuracy": "validation accuracy of its last epoch",
    }

    def __init__(self, problem: SearchProblem) -> None:
        super().__init__(problem)
        *edges, operations = shape = problem.shape
        self.probabilities = tf.Variable(tf.fill(shape, tf.constant(1 / operations, tf.float64)), trainable=False)
        self.operation_epochs = tf.Variable(tf.zeros(shape, tf.int64), trainable=False)
        self.operation_accuracies = tf.Variable(tf.zeros(shape, tf.float64), trainable=False)
        self.sampled_operations = tf.Variable(tf.zeros(edges, tf.int32), trainable=False)
        self.accuracy_sum = tf.Variable(tf.zeros([], tf.float64), trainable=False)
        self.architecture_steps = tf.Variable(tf.zeros([], tf.int64), trainable=False)

    @classmethod
    def check(cls, config: SearchConfig) -> tuple[str, ...]:
        """Warns of fewer epochs than operations as well: an epoch trains one of them on each edge."""
        operations = len(config.operations or OPERATION_NAMES)
        epochs = config.epochs - config.warmup_epochs
        if not 0 < epochs < operations:
            return super().check(config)
        return (
            *super().check(config),
            f"{epochs} epochs after the warm-up train at most {epochs} of {operations} operations of an edge; where "
            "nothing tells operations apart, the first in the list is taken",
        )

    def weight_choice(self, step: tf.Tensor, schedule: Schedule) -> Sampled:
        """Returns the epoch's sample; in the warm-up, a new sample at each step."""
        epoch_steps = self.problem.steps_per_epoch
        is_warmup = step < self.config.warmup_epochs * epoch_steps
        drawn_at = tf.where(is_warmup, step, step - step % epoch_steps)
        # The seed depends on the step alone, so every replica draws the same sample.
        seed = stateless_seed(self.config.seed, "multinomial sample", drawn_at)
        return Sampled(draw_operations(tf.convert_to_tensor(self.probabilities), seed))

    def architecture_choice(self, step: tf.Tensor, schedule: Schedule) -> Sampled:
        """Returns the same sample, to measure its accuracy on D_V."""
        return self.weight_choice(step, schedule)

    def after_architecture_step(self, choice: Sampled, accuracy: tf.Tensor) -> None:
        """Adds the mini-batch's accuracy to the epoch's."""
        self.sampled_operations.assign(choice.operation_index)
        self.accuracy_sum.assign_add(tf.cast(accuracy, tf.float64))
        self.architecture_steps.assign_add(1)

    def end_epoch(self, epoch: int) -> None:
        """Records the sample's epoch and accuracy, and updates the probabilities."""
        steps = int(self.architecture_steps.numpy())
        if not steps:
            return
        sampled = np.eye(self.problem.shape[-1], dtype=bool)[self.sampled_operations.numpy()]
        epochs = self.operation_epochs.numpy() + sampled
        accuracies = np.where(sampled, self.accuracy_sum.numpy() / steps, self.operation_accuracies.numpy())
        living = np.asarray(self.living_operations)
        balance = comparison_balance(epochs, accuracies, living)
        moved = self.probabilities.numpy() + self.config.probability_learning_rate * balance
        self.probabilities.assign(as_distribution(moved, living))
        self.operation_epochs.assign(epochs)
        self.operation_accuracies.assign(accuracies)
        self.accuracy_sum.assign(0.0)
        self.architecture_steps.assign(0)

    def evidence(self) -> Evidence:
        """Returns the probability, which is the score, and the records that update it."""
        living = np.asarray(self.living_operations)
        epochs = self.operation_epochs.numpy()
        columns = {
            "probability": self.probabilities.numpy(),
            "training_epochs": epochs.astype(np.float64),
            "accuracy": np.where(epochs > 0, self.operation_accuracies.numpy(), np.nan),
        }
        columns = {name: np.where(living, values, np.nan) for name, values in columns.items()}
        return Evidence(columns, "probability", living)

    def drop(self, dropped: np.ndarray) -> None:
        """Takes operations out of the search and rescales the rest of the edge's distribution."""
        super().drop(dropped)
        if dropped.any():
            left = as_distribution(self.probabilities.numpy(), np.asarray(self.living_operations))
            self.probabilities.assign(left)

    def state(self) -> dict[str, list]:
        """Returns the method's variables, including distributions and records."""
        return {
            **super().state(),
            "probabilities": [self.probabilities],
            "operation_epochs": [self.operation_epochs],
            "operation_accuracies": [self.operation_accuracies],
            "epoch_results": [self.sampled_operations, self.accuracy_sum, self.architecture_steps],
        }


def comparison_balance(epochs: np.ndarray, accuracies: np.ndarray, living_operations: np.ndarray) -> np.ndarray:
    """Returns how many operations of its edge each one beats, minus those that beat it (the paper's update of p).

    An operation beats another if it has fewer epochs of training and a higher accuracy.

    Args:
        epochs: H^e, int [..., operations].
        accuracies: H^a, float of the same shape.
        living_operations: bool of the same shape; dropped operations are not compared.

    Returns:
        int64 of the same shape; sums to 0 on each edge.
    """
    has_fewer_epochs = epochs[..., :, np.newaxis] < epochs[..., np.newaxis, :]
    is_better = accuracies[..., :, np.newaxis] > accuracies[..., np.newaxis, :]
    both_live = living_operations[..., :, np.newaxis] & living_operations[..., np.newaxis, :]
    beats = has_fewer_epochs & is_better & both_live
    return beats.sum(axis=-1) - beats.sum(axis=-2)


def as_distribution(values: np.ndarray, living_operations: np.ndarray) -> np.ndarray:
    """Returns the distribution over the living operations of each edge that is nearest to the values.

    Args:
        values: float [..., operations]; negative ones count as 0.
        living_operations: bool of the same shape; at least one is true per edge.

    Returns:
        float64 of the same shape, sums to 1 on each edge, 0 where dropped; uniform if no positive value is left.
    """
    positive = np.where(living_operations, np.maximum(values, 0.0), 0.0)
    positive = np.where(positive.sum(axis=-1, keepdims=True) > 0, positive, living_operations)
    return positive / positive.sum(axis=-1, keepdims=True)
