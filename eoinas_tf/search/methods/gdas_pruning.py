"""GDAS with gradual operation pruning: the operation with the lowest architecture weight goes (Table 3, "+ GOP")."""

import keras
import numpy as np

from eoinas_tf.config import LAST_DECISION, SearchConfig
from eoinas_tf.search.methods.gdas import Gdas
from eoinas_tf.search.operation_pruning import is_pruning_epoch, lowest_operations
from eoinas_tf.search.search_method import Evidence, SearchProblem
from eoinas_tf.search.search_schedule import check_pruning_schedule


class GdasPruning(Gdas):
    """Every few epochs, each edge loses its operation with the lowest score, until one is left."""

    title = "GDAS with gradual operation pruning"

    def __init__(self, problem: SearchProblem) -> None:
        super().__init__(problem)
        # Kept when they are made: alpha goes on towards 0 where it has no gradient any more, and beta with it.
        self._decision_scores = None
        if self.config.edge_ranking == LAST_DECISION:
            undecided = np.full(problem.shape, np.nan)
            self._decision_scores = keras.Variable(undecided, dtype="float64", trainable=False, name="decision_scores")

    @classmethod
    def check(cls, config: SearchConfig) -> tuple[str, ...]:
        """Refuses a pruning schedule that goes by the order of a list or leaves more than one operation."""
        return check_pruning_schedule(config)

    def drops(self, epoch: int, evidence: Evidence) -> np.ndarray:
        """Returns the living operation with the lowest score on each edge, if drops are due (Algorithm 1, line 6)."""
        if not is_pruning_epoch(epoch, self.config.pruning_after_epoch, self.config.pruning_every_epochs):
            return super().drops(epoch, evidence)
        return lowest_operations(evidence.scores, evidence.living_operations)

    def drop(self, dropped: np.ndarray) -> None:
        """Takes operations out of the search for good, and keeps the scores of the decision if they are needed."""
        if self._decision_scores is not None:
            decided = np.any(dropped, axis=-1, keepdims=True)
            scores = np.where(decided, self.evidence().scores, np.asarray(self._decision_scores))
            self._decision_scores.assign(scores)
        super().drop(dropped)

    def final_scores(self, evidence: Evidence, drop_epochs: np.ndarray) -> np.ndarray:
        """Returns the scores that rank edges as `edge_ranking` says."""
        if self._decision_scores is None:
            return evidence.scores
        scores = np.asarray(self._decision_scores)
        is_single = np.sum(evidence.living_operations, axis=-1, keepdims=True) == 1
        return np.where(is_single & ~np.isnan(scores), scores, evidence.scores)

    def state(self) -> dict[str, list]:
        """Returns the method's variables, including the scores of the last decisions if they are needed."""
        kept = {} if self._decision_scores is None else {"decision_scores": [self._decision_scores]}
        return {**super().state(), **kept}
