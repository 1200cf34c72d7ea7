"""GDAS with gradual operation pruning: the operation with the lowest architecture weight goes (Table 3, "+ GOP")."""

import dataclasses
from collections.abc import Callable

import numpy as np

from eoinas_tf.config import SearchConfig
from eoinas_tf.search.discretization import DerivedCells
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

    def derive(
        self,
        evidence: Evidence,
        drop_epochs: np.ndarray,
        cell_accuracy: Callable[[np.ndarray], float],
        source: str,
    ) -> DerivedCells:
        """Derives the cells from the operations that are left, with edges ranked as `edge_ranking` says."""
        living = evidence.living_operations
        ranked = self.evidence_among(ranked_operations(living, drop_epochs, self.config.edge_ranking))
        ranked = dataclasses.replace(ranked, living_operations=living)
        return super().derive(ranked, drop_epochs, cell_accuracy, source)
