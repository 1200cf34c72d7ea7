"""The contract of a search method: everything in which EoiNAS and its rivals differ, and nothing else.

The loop, the super network, the steps, the records and the pictures know only this contract. A method owns its
architecture parameters, its mask of living operations and its statistics; it decides what the edges run in a step, what
an architecture step does, how operations are scored, which are dropped, and how the cells are derived.
"""

import dataclasses
import importlib
from collections.abc import Callable
from typing import Generic, TypeVar

import keras
import numpy as np
import tensorflow as tf

from eoinas_tf.config import SearchConfig
from eoinas_tf.optimization.parameter_group import ParameterGroup
from eoinas_tf.search.discretization import DerivedCells, derive_cells
from eoinas_tf.search.search_schedule import check_warmup
from eoinas_tf.search.updater import Batch, BatchGradients, Updater
from eoinas_tf.search_methods import SEARCH_METHODS
from eoinas_tf.space.cell_topology import CELL_TYPES, EDGE_COUNT
from eoinas_tf.supernet.choice import Choice

# Values that depend on the epoch only, as scalars in the steps' graphs.
Schedule = dict[str, tf.Tensor]
ChoiceType = TypeVar("ChoiceType", bound=Choice)


@dataclasses.dataclass(frozen=True)
class SearchProblem:
    """The search that a method is built for.

    Args:
        config: The search's settings.
        operation_names: Candidate operations of every edge.
        steps_per_epoch: Weight steps in an epoch.
    """

    config: SearchConfig
    operation_names: tuple[str, ...]
    steps_per_epoch: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """(cell types, edges, operations)."""
        return len(CELL_TYPES), EDGE_COUNT, len(self.operation_names)


@dataclasses.dataclass(frozen=True)
class Stage:
    """A part of a search that trains one super network.

    Args:
        epochs: Its epochs.
        cells: Cells of its network.
    """

    epochs: int
    cells: int


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What a method knows about every operation at the end of an epoch, before operations are dropped.

    Args:
        columns: Arrays [cell types, edges, operations] by the names under which they are recorded; NaN where nothing is
            known, and where an operation was dropped.
        score: Name of the column that ranks operations.
        living_operations: The operations that are not dropped, bool of the same shape.
    """

    columns: dict[str, np.ndarray]
    score: str
    living_operations: np.ndarray

    @property
    def scores(self) -> np.ndarray:
        """The column that ranks operations; NaN where dropped."""
        return self.columns[self.score]


class SearchMethod(Generic[ChoiceType]):
    """Base of all methods, with the defaults that most of them share.

    `weight_choice`, `architecture_choice` and `architecture_gradients` are called inside a replica while a graph is
    traced, `after_weight_step` and `after_architecture_step` once for all replicas; the others in plain Python. Random
    values depend on the seed and the step alone, and every variable is in `state`.

    Attributes:
        title: The method's name in prose.
        architecture: The trained architecture parameters; None if nothing is trained by gradient.
        has_architecture_steps: Whether an iteration has an architecture step after the warm-up.
        learns_with_weights: Whether `architecture` descends the training loss together with the weights.
        column_labels: Label of each column of the evidence, for pictures.

    Args:
        problem: The search that the method is built for.
    """

    title = ""
    has_architecture_steps = True
    learns_with_weights = False
    column_labels: dict[str, str] = {}

    def __init__(self, problem: SearchProblem) -> None:
        self.problem = problem
        self.config = problem.config
        self.architecture: ParameterGroup | None = None
        self.living_operations = keras.Variable(
            np.ones(problem.shape, bool), dtype="bool", trainable=False, name="living_operations"
        )

    @classmethod
    def stages(cls, config: SearchConfig) -> tuple[Stage, ...]:
        """Returns the parts of the search, each with a super network of its own; none if nothing is trained.

        Args:
            config: The search's settings.
        """
        return (Stage(config.epochs, config.cells),)

    @classmethod
    def check(cls, config: SearchConfig) -> tuple[str, ...]:
        """Refuses settings with which the method would learn nothing, before any data is loaded.

        Args:
            config: The search's settings.

        Returns:
            A sentence for each fault in settings that are accepted nevertheless, for the console and summary.json.

        Raises:
            ConfigurationError: The settings make no search.
        """
        return check_warmup(config) if cls.has_architecture_steps or cls.learns_with_weights else ()

    def begin_stage(self, stage: int) -> None:
        """Prepares the method's variables for the next stage.

        Args:
            stage: Its position in `stages()`, counted from 0.
        """

    @classmethod
    def is_warmup_of(cls, config: SearchConfig, epoch: int) -> bool:
        """Tells whether an epoch of a search with these settings, counted from 1, trains the weights only."""
        return epoch <= (config.warmup_epochs or 0)

    def is_warmup(self, epoch: int) -> bool:
        """Tells whether an epoch, counted from 1, trains the weights only."""
        return self.is_warmup_of(self.config, epoch)

    def schedule(self, epoch: int) -> dict[str, float]:
        """Returns values for an epoch, counted from 1, such as a temperature; logged and passed to the steps."""
        return {}

    def weight_choice(self, step: tf.Tensor, schedule: Schedule) -> ChoiceType:
        """Returns what the edges run in a weight step.

        Args:
            step: Global step, counted from 0, int64 scalar.
            schedule: Values of `schedule`, float32 scalars.
        """
        raise NotImplementedError

    def after_weight_step(self, choice: ChoiceType, accuracy: tf.Tensor) -> None:
        """Records the result of a weight step.

        Args:
            choice: What the edges ran.
            accuracy: Fraction of the mini-batch that was classified correctly, float32 scalar.
        """

    def architecture_choice(self, step: tf.Tensor, schedule: Schedule) -> ChoiceType:
        """Returns what the edges run in an architecture step; same arguments as `weight_choice`."""
        raise NotImplementedError

    def architecture_gradients(
        self, updater: Updater, weight_batch: Batch, architecture_batch: Batch, step: tf.Tensor, schedule: Schedule
    ) -> BatchGradients:
        """Returns the gradients of an architecture step: here those of the validation loss.

        Args:
            updater: Computes gradients of the super network's loss.
            weight_batch: The D_T mini-batch that the weight step of this iteration took.
            architecture_batch: A D_V mini-batch.
            step: Global step, counted from 0, int64 scalar.
            schedule: Values of `schedule`, float32 scalars.
        """
        variables = [] if self.architecture is None else self.architecture.variables
        return updater.gradients(architecture_batch, lambda: self.architecture_choice(step, schedule), variables)

    def after_architecture_step(self, choice: ChoiceType, accuracy: tf.Tensor) -> None:
        """Records the result of an architecture step; same arguments as `after_weight_step`."""

    def end_epoch(self, epoch: int) -> None:
        """Learns what can only be learned from a whole epoch, counted from 1."""

    def evidence(self) -> Evidence:
        """Returns what the method knows about every operation now."""
        raise NotImplementedError

    def drops(self, epoch: int, evidence: Evidence) -> np.ndarray:
        """Returns which operations are dropped at the end of an epoch, bool [cell types, edges, operations].

        Args:
            epoch: The epoch, counted from 1.
            evidence: What is known at its end.
        """
        return np.zeros(self.problem.shape, bool)

    def drop(self, dropped: np.ndarray) -> None:
        """Takes operations out of the search for good.

        Args:
            dropped: bool [cell types, edges, operations].
        """
        self.living_operations.assign(np.asarray(self.living_operations) & ~dropped)

    def derive(
        self,
        evidence: Evidence,
        drop_epochs: np.ndarray,
        cell_accuracy: Callable[[np.ndarray], float],
        source: str,
    ) -> DerivedCells:
        """Derives the cells at the end of the search (section 3.3).

        Args:
            evidence: What is known after the last drop.
            drop_epochs: Epoch at whose end each operation was dropped, int of the evidence's shape; 0: living.
            cell_accuracy: Returns the accuracy on D_V, a fraction, of a sub-network of the super network, given as
                int32 [cell types, edges]. Takes a pass over D_V.
            source: Text for the genotype's `source`.
        """
        return derive_cells(
            self.final_scores(evidence, drop_epochs),
            evidence.living_operations,
            drop_epochs,
            self.problem.operation_names,
            source=source,
            max_skip_connections=self.config.max_skip_connections,
        )

    def final_scores(self, evidence: Evidence, drop_epochs: np.ndarray) -> np.ndarray:
        """Returns the scores from which the cells are derived; same arguments as `derive`."""
        return evidence.scores

    def state(self) -> dict[str, list]:
        """Returns all variables of the method by owner: its part of the state manifest."""
        architecture = self.architecture
        return {
            **({} if architecture is None else {"operation_logits": architecture.variables}),
            "living_operations": [self.living_operations],
            **({} if architecture is None else {"architecture_optimizer": architecture.optimizer.variables}),
        }


def load_method(name: str) -> type[SearchMethod]:
    """Returns the class of a search method, whose module is imported only now.

    Args:
        name: A key of `SEARCH_METHODS`.
    """
    module, _, class_name = SEARCH_METHODS[name].path.partition(":")
    return getattr(importlib.import_module(module), class_name)
