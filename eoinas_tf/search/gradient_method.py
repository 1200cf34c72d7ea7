"""What methods that learn alpha by gradient share: alpha with its optimizer, and beta as the score (Eq. 2)."""

from typing import TypeVar

import numpy as np
import tensorflow as tf

from eoinas_tf.optimization.parameter_group import ParameterGroup
from eoinas_tf.search.architecture_parameters import architecture_parameters, operation_weights
from eoinas_tf.search.search_method import Evidence, SearchMethod, SearchProblem
from eoinas_tf.supernet.choice import Choice

ChoiceType = TypeVar("ChoiceType", bound=Choice)


class GradientMethod(SearchMethod[ChoiceType]):
    """Learns alpha by gradient and ranks operations by beta, the softmax of alpha over the living ones.

    Attributes:
        operation_logits: Alpha, float32 [cell types, edges, operations].
    """

    column_labels = {"operation_logit": "alpha", "operation_weight": "architecture weight beta"}

    architecture: ParameterGroup

    def __init__(self, problem: SearchProblem) -> None:
        super().__init__(problem)
        self.architecture = architecture_parameters(problem.config, self.initial_logits(problem))
        (self.operation_logits,) = self.architecture.variables

    @staticmethod
    def initial_logits(problem: SearchProblem) -> np.ndarray:
        """Returns alpha at the start, float [cell types, edges, operations]: zero, which favours no operation."""
        return np.zeros(problem.shape)

    def evidence(self) -> Evidence:
        """Returns alpha and beta of the living operations; beta is the score."""
        living = np.asarray(self.living_operations)
        logits = np.asarray(self.operation_logits)
        columns = {"operation_logit": logits.astype(np.float64), "operation_weight": operation_weights(logits, living)}
        columns = {name: np.where(living, values, np.nan) for name, values in columns.items()}
        return Evidence(columns, "operation_weight", living)

    def architecture_tensors(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns alpha and the mask of living operations as tensors, for a choice."""
        return tf.convert_to_tensor(self.operation_logits), tf.convert_to_tensor(self.living_operations)
