"""Times a final network's training step on random images: `python benchmarks/evaluation_step.py --genotype=DARTS_V2`.

The last line is one JSON object: `seconds_to_first_step` from the start of the process to the end of the first step,
and `seconds_per_step`, the median over `--steps` steps.
"""

import json
import statistics
import time

from eoinas_tf.commands.lean_imports import lean_imports
from eoinas_tf.onednn import turn_on_onednn

turn_on_onednn()  # Like the commands, and so is the way of importing.
with lean_imports():
    import numpy as np
    import tensorflow as tf
    from absl import app, flags

    from eoinas_tf.command_line import choose_threads
    from eoinas_tf.config import EvaluationConfig
    from eoinas_tf.evaluation.configured_network import build_network, configured_genotype
    from eoinas_tf.evaluation.evaluation_step import EvaluationStep, build_evaluation_state
    from eoinas_tf.optimization.precision import use_precision
    from eoinas_tf.resource_usage import peak_memory_gib, seconds_since_process_start

GENOTYPE = flags.DEFINE_string("genotype", "DARTS_V2", "Name of a published genotype, or a genotype file.")
INIT_CHANNELS = flags.DEFINE_integer("init_channels", 36, "Channels C of the first cell.")
CELLS = flags.DEFINE_integer("cells", 20, "Cells in the network.")
BATCH_SIZE = flags.DEFINE_integer("batch_size", 32, "Images in a batch.")
IMAGE_SIDE = flags.DEFINE_integer("image_side", 32, "Height and width in pixels.")
STEM = flags.DEFINE_enum("stem", "cifar", ["cifar", "imagenet"], "First layers of the network.")
CLASSES = flags.DEFINE_integer("classes", 10, "Number of classes.")
MIXED_PRECISION = flags.DEFINE_enum(
    "mixed_precision", "float32", ["float32", "bfloat16", "float16"], "Type that layers compute in."
)
STEPS = flags.DEFINE_integer("steps", 10, "Steps to time.")
TOTAL_STEPS = 1_000_000


def main(_: list[str]) -> None:
    """Builds a network, trains it for some steps and prints the times."""
    choose_threads()  # Like the commands.
    config = EvaluationConfig(
        run_dir="none",
        genotype=GENOTYPE.value,
        init_channels=INIT_CHANNELS.value,
        cells=CELLS.value,
        batch_size=BATCH_SIZE.value,
        stem=STEM.value,
        mixed_precision=MIXED_PRECISION.value,
    )
    use_precision(config.mixed_precision)
    side = IMAGE_SIDE.value
    network = build_network(config, configured_genotype(config), (side, side, 3), CLASSES.value)
    state = build_evaluation_state(config, network, TOTAL_STEPS)
    step = EvaluationStep(state, config, TOTAL_STEPS)
    generator = np.random.default_rng(0)
    images = tf.constant(generator.normal(size=(BATCH_SIZE.value, side, side, 3)).astype(np.float32))
    labels = tf.constant(generator.integers(0, CLASSES.value, BATCH_SIZE.value), tf.int32)

    def seconds(number: int) -> float:
        started = time.monotonic()
        step.train(images, labels, tf.constant(number, tf.int64))
        state.results.wait()
        return time.monotonic() - started

    seconds(0)
    to_first_step = seconds_since_process_start()
    per_step = statistics.median(seconds(number) for number in range(1, STEPS.value + 1))
    print(
        json.dumps(
            {
                "seconds_per_step": round(per_step, 4),
                "images_per_second": round(BATCH_SIZE.value / per_step, 1),
                "seconds_to_first_step": round(to_first_step, 1),
                "peak_memory_gib": round(peak_memory_gib(), 2),
            }
        )
    )


if __name__ == "__main__":
    app.run(main)
