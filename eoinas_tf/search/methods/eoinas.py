"""EoiNAS: gradual pruning by operation importance, I = beta + lambda * Ca / Ce (section 3.2, Algorithm 1)."""

import numpy as np
import tensorflow as tf

from eoinas_tf.search.methods.gdas_pruning import GdasPruning
from eoinas_tf.search.operation_importance import mean_accuracy, operation_importance, training_iterations
from eoinas_tf.search.operation_statistics import OperationStatistics
from eoinas_tf.search.search_method import Evidence, SearchProblem
from eoinas_tf.supernet.choice import Sampled


class Eoinas(GdasPruning):
    """Counts how often each operation is trained and how well the network does with it."""

    title = "EoiNAS"
    column_labels = {
        **GdasPruning.column_labels,
        "accuracy": "validation accuracy Ca",
        "training_iterations": "training iterations Ce",
        "weight_steps": "weight steps",
        "importance": "importance I",
    }

    def __init__(self, problem: SearchProblem) -> None:
        super().__init__(problem)
        self.statistics = OperationStatistics(problem.shape)

    def after_weight_step(self, choice: Sampled, accuracy: tf.Tensor) -> None:
        """Counts the operations that were trained (Ce)."""
        self.statistics.add_weight_step(choice.operation_index)

    def after_architecture_step(self, choice: Sampled, accuracy: tf.Tensor) -> None:
        """Adds the mini-batch's accuracy to the operations that were run (Ca)."""
        self.statistics.add_architecture_step(choice.operation_index, accuracy)

    def evidence(self) -> Evidence:
        """Returns beta, Ca, Ce in its unit and in weight steps, and the score I (Eqs. 2, 6, 7)."""
        living = np.asarray(self.living_operations)
        counts = self.statistics.counts()
        config, steps_per_epoch = self.config, self.problem.steps_per_epoch
        unit = config.importance_iterations
        importance = operation_importance(
            np.asarray(self.operation_logits),
            living,
            counts,
            importance_weight=config.importance_weight,
            unit=unit,
            steps_per_epoch=steps_per_epoch,
        )
        columns = {
            "accuracy": mean_accuracy(counts),
            "training_iterations": training_iterations(counts.weight_steps, living, unit, steps_per_epoch),
            "weight_steps": counts.weight_steps.astype(np.float64),
            "importance": importance,
        }
        columns = {name: np.where(living, values, np.nan) for name, values in columns.items()}
        return Evidence({**super().evidence().columns, **columns}, "importance", living)

    def state(self) -> dict[str, list]:
        """Returns the method's variables, including the statistics."""
        return {**super().state(), "statistics": list(self.statistics.variables)}
