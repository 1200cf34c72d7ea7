"""The optimizers of a final training by name, all of them Keras's own, and which weights decay."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import keras

from eoinas_tf.optimization.late_adamw import LateAdamW

# As in PyTorch, and in this package's Adam for searches; Keras's default is 1e-7.
EPSILON = 1e-8

LearningRate: TypeAlias = float | keras.optimizers.schedules.LearningRateSchedule


def _sgd(
    learning_rate: LearningRate, momentum: float, weight_decay: float, late_weights: Sequence[keras.Variable]
) -> keras.optimizers.Optimizer:
    # Momentum that begins at 0 fits a weight's first step whenever that is.
    return keras.optimizers.SGD(learning_rate, momentum=momentum, weight_decay=weight_decay or None)


def _adamw(
    learning_rate: LearningRate, momentum: float, weight_decay: float, late_weights: Sequence[keras.Variable]
) -> keras.optimizers.Optimizer:
    settings = {"learning_rate": learning_rate, "weight_decay": weight_decay, "epsilon": EPSILON}
    return LateAdamW(late_weights, **settings) if late_weights else keras.optimizers.AdamW(**settings)


OPTIMIZERS: dict[str, Callable[[LearningRate, float, float, Sequence[keras.Variable]], keras.optimizers.Optimizer]] = {
    "sgd": _sgd,
    "adamw": _adamw,
}


def build_optimizer(
    name: str,
    weights: Sequence[keras.Variable],
    learning_rate: LearningRate,
    *,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    late_weights: Sequence[keras.Variable] = (),
) -> keras.optimizers.Optimizer:
    """Builds an optimizer for weights; all of its state is in its `variables`.

    Args:
        name: `sgd`, with momentum and without Nesterov's step, or `adamw` (Loshchilov and Hutter, arXiv 1711.05101).
        weights: The weights to train.
        learning_rate: A number, or a schedule.
        momentum: SGD's momentum; AdamW's decays are 0.9 and 0.999.
        weight_decay: Decoupled weight decay: in each step, a weight for which `decays` holds shrinks by the learning
            rate times this part of its value.
        late_weights: Weights that are not trained from the first step on.

    Raises:
        ValueError: There is no such optimizer.
    """
    if name not in OPTIMIZERS:
        raise ValueError(f"name must be one of {', '.join(OPTIMIZERS)}. Received: {name}")
    optimizer = OPTIMIZERS[name](learning_rate, momentum, weight_decay, late_weights)
    if weight_decay:
        optimizer.exclude_from_weight_decay(var_list=[weight for weight in weights if not decays(weight)])
    optimizer.build(weights)
    return optimizer


def decays(weight: keras.Variable) -> bool:
    """Returns whether decoupled weight decay applies: to kernels, not to scales, shifts and biases, which are vectors.

    Args:
        weight: A weight.
    """
    return len(weight.shape) > 1
