"""Records the outputs of TensorFlow Addons for fixed inputs, as references for our counterparts.

TensorFlow Addons ended in May 2024 and can be imported with TensorFlow 2.15 at most, so this runs in a separate
environment, which the tests do not need:

    python3.11 -m venv addons && addons/bin/pip install tensorflow-cpu==2.15.1 tensorflow-addons==0.23.0
    addons/bin/python tests/reference/record_tensorflow_addons.py tests/reference/recorded/tensorflow_addons.npz
"""

import argparse
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_addons as tfa

IMAGES, HEIGHT, WIDTH, CHANNELS = 6, 9, 12, 3
# Rows and columns of the squares' centres: in the middle, on each side, and in two corners.
CENTRES = [[4, 6], [0, 5], [8, 5], [3, 0], [3, 11], [8, 11]]
SIDES = (2, 6)
STEPS = 5
LEARNING_RATE, MOMENTUM, WEIGHT_DECAY = 0.1, 0.9, 0.02
SURVIVAL = 0.75
CALLS = 400


def cutouts(generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Returns images with a square set to zero, for each side of the square."""
    images = generator.normal(size=(IMAGES, HEIGHT, WIDTH, CHANNELS)).astype(np.float32)
    results = {
        f"cutout/side_{side}": tfa.image.cutout(images, (side, side), tf.constant(CENTRES)).numpy() for side in SIDES
    }
    return {"cutout/images": images, "cutout/centres": np.array(CENTRES), **results}


def trajectory(optimizer, start: np.ndarray, gradients: np.ndarray, l2: float = 0.0) -> np.ndarray:
    """Returns a variable after each step, float32 [steps, size]; `l2` times the variable is added to each gradient."""
    variable = tf.Variable(start)
    values = []
    for gradient in gradients:
        optimizer.apply_gradients([(gradient + l2 * variable, variable)])
        values.append(variable.numpy())
    return np.stack(values)


def decays(generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Returns trajectories with decoupled weight decay, and with L2 decay as a part of the gradient."""
    start = generator.normal(size=7).astype(np.float32)
    gradients = generator.normal(size=(STEPS, 7)).astype(np.float32)
    return {
        "decay/start": start,
        "decay/gradients": gradients,
        "decay/settings": np.array([LEARNING_RATE, MOMENTUM, WEIGHT_DECAY]),
        "decay/sgdw": trajectory(
            tfa.optimizers.SGDW(weight_decay=WEIGHT_DECAY, learning_rate=LEARNING_RATE, momentum=MOMENTUM),
            start,
            gradients,
        ),
        "decay/adamw": trajectory(
            tfa.optimizers.AdamW(weight_decay=WEIGHT_DECAY, learning_rate=LEARNING_RATE), start, gradients
        ),
        # Not from the add-ons: the other reading of "weight decay", with the optimizer that SGDW is based on.
        "decay/coupled": trajectory(
            tf.keras.optimizers.legacy.SGD(LEARNING_RATE, MOMENTUM), start, gradients, WEIGHT_DECAY
        ),
    }


def stochastic_depths(generator: np.random.Generator) -> dict[str, np.ndarray]:
    """Returns outputs of the layer in a test and in many training steps."""
    shortcut, residual = generator.normal(size=(2, 4, 3, 2, 2)).astype(np.float32)
    layer = tfa.layers.StochasticDepth(SURVIVAL)
    tf.random.set_seed(0)
    training = np.stack([layer([shortcut, residual], training=True).numpy() for _ in range(CALLS)])
    kept = np.abs(training - shortcut).reshape(CALLS, len(shortcut), -1).max(axis=-1) > 0
    return {
        "depth/shortcut": shortcut,
        "depth/residual": residual,
        "depth/survival": np.array(SURVIVAL),
        "depth/test": layer([shortcut, residual], training=False).numpy(),
        # [calls, images]: whether a path was kept; then an output of each kind.
        "depth/is_kept": kept,
        "depth/training_kept": training[kept.all(axis=1)][0],
        "depth/training_dropped": training[~kept.any(axis=1)][0],
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path, help="receives the record (.npz)")
    draws = np.random.default_rng(0)
    versions = np.array(f"tensorflow {tf.__version__}, tensorflow-addons {tfa.__version__}")
    record = {"versions": versions, **cutouts(draws), **decays(draws), **stochastic_depths(draws)}
    np.savez_compressed(parser.parse_args().file, **record)
