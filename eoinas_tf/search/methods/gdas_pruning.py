"""GDAS with gradual operation pruning: the operation with the lowest architecture weight goes (Table 3, "+ GOP")."""

import numpy as np

from eoinas_tf.config import SearchConfig
from eoinas_tf.search.edge_ranking import ranked_operations
from eoinas_tf.search.methods.gdas import Gdas
from eoinas_tf.search.operation_pruning import is_pruning_epoch, lowest_operations
from eoinas_tf.search.search_method import Evidence
from eoinas_tf.search.search_schedule import check_pruning_schedule


class GdasPruning(Gdas):
    """Every few epochs, each edge loses its operation with the lowest score, until one is left."""

    title = "GDAS with gradual operation pruning"

    @classmethod
    def check(cls, config: SearchConfig) -> tuple[str, ...]:
        """Refuses a pruning schedule that goes by the order of a list or leaves more than one operation."""
        return check_pruning_schedule(config)

    def drops(self, epoch: int, evidence: Evidence) -> np.ndarray:
        """Returns the living operation with the lowest score on each edge, if drops are due (Algorithm 1, line 6)."""
        if not is_pruning_epoch(epoch, self.config.pruning_after_epoch, self.config.pruning_every_epochs):
            return super().drops(epoch, evidence)
        return lowest_operations(evidence.scores, evidence.living_operations)

    def final_scores(self, evidence: Evidence, drop_epochs: np.ndarray) -> np.ndarray:
        """Returns the scores that rank edges as `edge_ranking` says."""
        ranked = ranked_operations(evidence.living_operations, drop_epochs, self.config.edge_ranking)
        return self.evidence_among(ranked).scores
