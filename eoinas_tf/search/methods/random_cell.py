"""A uniformly drawn valid cell: the baseline that every search has to beat. Nothing is trained; no image is read."""

from collections.abc import Callable

import numpy as np

from eoinas_tf.config import SearchConfig
from eoinas_tf.search.discretization import DerivedCells
from eoinas_tf.search.random_cells import drawn_cells, random_cells, uniform_evidence
from eoinas_tf.search.search_method import Evidence, SearchMethod, Stage


class RandomCell(SearchMethod):
    """Draws the cells from the seed: the first ones that random search with the same seed scores."""

    title = "Random cell"
    has_architecture_steps = False
    column_labels = {"probability": "probability"}

    @classmethod
    def stages(cls, config: SearchConfig) -> tuple[Stage, ...]:
        """Returns none: nothing is trained."""
        return ()

    def evidence(self) -> Evidence:
        """Returns the same probability for all operations of an edge."""
        return uniform_evidence(np.asarray(self.living_operations))

    def derive(
        self,
        evidence: Evidence,
        drop_epochs: np.ndarray,
        cell_accuracy: Callable[[np.ndarray], float],
        source: str,
    ) -> DerivedCells:
        """Returns the cells that the seed draws."""
        names = self.problem.operation_names
        cell = next(random_cells(self.config.seed, names, self.config.max_skip_connections))
        return drawn_cells(cell, names, source)
