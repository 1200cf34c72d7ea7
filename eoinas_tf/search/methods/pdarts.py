"""P-DARTS: the search approaches the final network's depth in three stages, with fewer operations in each.

Chen, Xie, Wu and Tian, "Progressive Differentiable Architecture Search", arXiv 1904.12760, section 3.
"""

import dataclasses
import math
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from eoinas_tf.config import SearchConfig
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.random_seeds import ALGORITHM, stateless_seed
from eoinas_tf.search.gradient_method import GradientMethod
from eoinas_tf.search.operation_pruning import lowest_operations
from eoinas_tf.search.search_method import Evidence, Schedule, SearchProblem, Stage
from eoinas_tf.supernet.choice import Mixed, SkipDropout
from eoinas_tf.supernet.gumbel_sampling import VERY_NEGATIVE

STAGES = 3
INITIAL_LOGIT_DEVIATION = 1e-3
# Number of e-foldings of the dropout over a stage's epochs after the warm-up: 0.2 an epoch, 15 epochs.
DROPOUT_DECAY = 3.0


class StageEpoch(NamedTuple):
    """The place of an epoch in the search.

    Args:
        stage: Its stage, counted from 0.
        number: The epoch in its stage, counted from 0.
        epochs: Epochs of the stage.
        warmup_epochs: The first epochs of the stage, which train the weights only.
    """

    stage: int
    number: int
    epochs: int
    warmup_epochs: int


class PDarts(GradientMethod[Mixed]):
    """Every edge runs the softmax-weighted sum of its living operations, with dropout on identities.

    At the end of the first and the second stage, each edge loses its operations with the lowest weights; the next stage
    starts with new weights, a new alpha and new optimizers in a deeper network.
    """

    title = "P-DARTS"

    def __init__(self, problem: SearchProblem) -> None:
        super().__init__(problem)
        self.architecture = dataclasses.replace(self.architecture, clip_norm=problem.config.gradient_clip_norm)
        self._new_optimizer = [
            keras.ops.convert_to_numpy(variable).copy() for variable in self.architecture.optimizer.variables
        ]
        self._stage = 0

    @classmethod
    def stages(cls, config: SearchConfig) -> tuple[Stage, ...]:
        """Returns three stages of equal length, or with the first ones an epoch longer."""
        if config.epochs < STAGES:
            raise ConfigurationError(
                f"--epochs must be at least {STAGES} with --method={config.method}, which searches in {STAGES} stages. "
                f"Received: {config.epochs}"
            )
        growth = (1.0, *config.depth_growth)
        return tuple(
            Stage((config.epochs + STAGES - 1 - stage) // STAGES, round(config.cells * growth[stage]))
            for stage in range(STAGES)
        )

    @classmethod
    def check(cls, config: SearchConfig) -> tuple[str, ...]:
        """Refuses fewer epochs than stages, so that each stage has at least one epoch after its warm-up."""
        cls.stages(config)
        return ()

    def begin_stage(self, stage: int) -> None:
        """Draws a new alpha from N(0, 0.001^2) and resets Adam's moments."""
        self._stage = stage
        seed = stateless_seed(self.config.seed, "initial alpha of a stage", stage)
        draws = tf.random.stateless_normal(self.problem.shape, seed, alg=ALGORITHM)
        self.operation_logits.assign(INITIAL_LOGIT_DEVIATION * draws)
        for variable, value in zip(self.architecture.optimizer.variables, self._new_optimizer, strict=True):
            variable.assign(value)

    @classmethod
    def is_warmup_of(cls, config: SearchConfig, epoch: int) -> bool:
        """Tells whether an epoch, counted from 1, belongs to its stage's warm-up."""
        place = cls._place(config, epoch)
        return place.number < place.warmup_epochs

    def schedule(self, epoch: int) -> dict[str, float]:
        """Returns the rate of the dropout on identities.

        In the warm-up it falls linearly, on a line that would reach 0 at the end of the stage; then it starts again at
        the stage's initial rate and falls exponentially.
        """
        place = self._place(self.config, epoch)
        if place.number < place.warmup_epochs:
            left = (place.epochs - place.number - 1) / place.epochs
        else:
            done = (place.number - place.warmup_epochs) / (place.epochs - place.warmup_epochs)
            left = math.exp(-DROPOUT_DECAY * done)
        return {"skip_dropout": self.config.skip_dropout[place.stage] * left}

    def weight_choice(self, step: tf.Tensor, schedule: Schedule) -> Mixed:
        """Returns all living operations with their weights."""
        return self._mixture("skip dropout, weight step", step, schedule)

    def architecture_choice(self, step: tf.Tensor, schedule: Schedule) -> Mixed:
        """Returns the same operations and weights, with its own dropout masks."""
        return self._mixture("skip dropout, architecture step", step, schedule)

    def drops(self, epoch: int, evidence: Evidence) -> np.ndarray:
        """Returns the operations with the lowest weights on each edge at the end of every stage but the last."""
        stage, number, epochs, _ = self._place(self.config, epoch)
        living = evidence.living_operations
        dropped = np.zeros_like(living)
        if stage == STAGES - 1 or number < epochs - 1:
            return dropped
        kept = self.config.operations_kept[stage]
        while ((living & ~dropped).sum(axis=-1) > kept).any():
            left = living & ~dropped
            dropped |= lowest_operations(evidence.scores, left) & (left.sum(axis=-1, keepdims=True) > kept)
        return dropped

    def _mixture(self, purpose: str, step: tf.Tensor, schedule: Schedule) -> Mixed:
        logits, living = self.architecture_tensors()
        weights = tf.nn.softmax(tf.where(living, logits, VERY_NEGATIVE))
        dropout = None
        if self.config.skip_dropout[self._stage] > 0:
            dropout = SkipDropout(schedule["skip_dropout"], stateless_seed(self.config.seed, purpose, step))
        return Mixed(weights, living, dropout)

    @classmethod
    def _place(cls, config: SearchConfig, epoch: int) -> StageEpoch:
        number = epoch - 1
        lengths = [stage.epochs for stage in cls.stages(config)]
        for stage, epochs in enumerate(lengths):
            if number < epochs:
                warmup_epochs = min(round(config.stage_warmup * epochs), epochs - 1)
                return StageEpoch(stage, number, epochs, warmup_epochs)
            number -= epochs
        raise ValueError(f"epoch must be in [1, {sum(lengths)}]. Received: {epoch}")
