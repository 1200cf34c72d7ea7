"""Random search with shared weights: train uniform samples, then keep the best of N random cells by accuracy.

Li and Talwalkar, "Random Search and Reproducibility for Neural Architecture Search", UAI 2019, arXiv 1902.07638.
"""

import itertools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from eoinas_tf.fault_points import fault_point
from eoinas_tf.random_seeds import stateless_seed
from eoinas_tf.resource_usage import seconds_since_process_start
from eoinas_tf.search.discretization import DerivedCells
from eoinas_tf.search.random_cells import drawn_cells, random_cells, uniform_evidence
from eoinas_tf.search.search_method import Evidence, Schedule, SearchMethod
from eoinas_tf.supernet.choice import Sampled
from eoinas_tf.supernet.multinomial_sampling import draw_operations
from eoinas_tf.training.progress import Progress


class RandomSearch(SearchMethod[Sampled]):
    """Learns nothing about the architecture; the trained super network ranks random cells at the end."""

    title = "Random"
    has_architecture_steps = False
    column_labels = {"probability": "probability"}

    def weight_choice(self, step: tf.Tensor, schedule: Schedule) -> Sampled:
        """Returns a sample in which all operations of an edge, including `none`, are equally likely."""
        seed = stateless_seed(self.config.seed, "uniform sample", step)
        return Sampled(draw_operations(tf.cast(self.living_operations, tf.float32), seed))

    def evidence(self) -> Evidence:
        """Returns the probabilities with which operations are drawn, which never change."""
        return uniform_evidence(np.asarray(self.living_operations))

    def derive(
        self,
        evidence: Evidence,
        drop_epochs: np.ndarray,
        cell_accuracy: Callable[[np.ndarray], float],
        source: str,
    ) -> DerivedCells:
        """Returns the best of `--random_search_cells` random cells by accuracy on D_V; ties: the first."""
        names, count = self.problem.operation_names, self.config.random_search_cells
        progress = Progress(count, is_quiet=self.config.quiet)
        accuracies: list[float] = []
        cells = list(itertools.islice(random_cells(self.config.seed, names, self.config.max_skip_connections), count))
        for done, cell in enumerate(cells, start=1):
            accuracies.append(cell_accuracy(cell))
            fault_point("after_cell_scored", done)
            if done == 1:
                progress.pace.first_step_done(done, seconds_since_process_start())
            if progress.due():
                progress.show(done, f"random cell {done}/{count}  best accuracy {max(accuracies):.3f}")
        best = int(np.argmax(accuracies))
        progress.say(
            f"random cell {best + 1} is the best of {count}: accuracy {accuracies[best]:.3f}, mean of all "
            f"{np.mean(accuracies):.3f}"
        )
        return drawn_cells(cells[best], names, source)
