"""Times the search's two steps on random images: `python benchmarks/search_step.py --init_channels=16 --cells=8`.

The last line is one JSON object: `seconds_to_first_step` from the start of the process to the end of the first pair of
steps; other times are medians over `--steps` pairs.
"""

import itertools
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
    from eoinas_tf.config import SearchConfig
    from eoinas_tf.distribution.replicas import Replicas
    from eoinas_tf.kernels.graph_rewriting import rewriting_where_it_pays
    from eoinas_tf.optimization.precision import use_precision
    from eoinas_tf.resource_usage import peak_memory_gib, seconds_since_process_start
    from eoinas_tf.search.search_method import SearchProblem, load_method
    from eoinas_tf.search.search_step import SearchStep, build_search_state
    from eoinas_tf.search_methods import SEARCH_METHODS
    from eoinas_tf.space.operation_names import OPERATION_NAMES

METHOD = flags.DEFINE_enum("method", "eoinas", list(SEARCH_METHODS), "Search method.")
INIT_CHANNELS = flags.DEFINE_integer("init_channels", 16, "Channels C of the first cell.")
CELLS = flags.DEFINE_integer("cells", 8, "Cells in the network.")
BATCH_SIZE = flags.DEFINE_integer("batch_size", 64, "Images in a batch.")
IMAGE_SIDE = flags.DEFINE_integer("image_side", 32, "Height and width in pixels.")
CANDIDATES = flags.DEFINE_integer(
    "candidates", 0, "Candidates of every edge, all of them 3x3 separable convolutions; 0: the search's own eight."
)
LOGICAL_CPUS = flags.DEFINE_integer("logical_cpus", 1, "Replicas, which divide the CPU among them.")
MIXED_PRECISION = flags.DEFINE_enum(
    "mixed_precision", "float32", ["float32", "bfloat16", "float16"], "Type that layers compute in."
)
STEPS = flags.DEFINE_integer("steps", 10, "Pairs of steps to time.")


def main(_: list[str]) -> None:
    """Builds a search, runs its steps and prints the times."""
    choose_threads()  # Like the commands.
    config = SearchConfig(
        run_dir="none",
        method=METHOD.value,
        init_channels=INIT_CHANNELS.value,
        cells=CELLS.value,
        batch_size=BATCH_SIZE.value,
        strategy="mirrored" if LOGICAL_CPUS.value > 1 else "one",
        logical_cpus=LOGICAL_CPUS.value,
        mixed_precision=MIXED_PRECISION.value,
    )
    use_precision(config.mixed_precision)
    side = IMAGE_SIDE.value
    with rewriting_where_it_pays((side, side, 3), config.init_channels, config.batch_size):
        print(json.dumps(step_times(config)))


def step_times(config: SearchConfig) -> dict[str, str | float]:
    """Runs the steps of a search and returns their times.

    Args:
        config: The search's settings.
    """
    replicas = Replicas.of(config)
    side, classes = IMAGE_SIDE.value, 10
    operation_names = ("sep_conv_3x3",) * CANDIDATES.value or OPERATION_NAMES
    method_class = load_method(config.method)
    stages = method_class.stages(config)
    if not stages:
        raise app.UsageError(f"--method={config.method} trains nothing: there is no step to time")
    with replicas.strategy.scope():
        method = method_class(SearchProblem(config, operation_names, steps_per_epoch=390))
        state = build_search_state(method, stages[0], (side, side, 3), classes)
        method.begin_stage(0)
    step = SearchStep(state, replicas)
    generator = np.random.default_rng(0)
    images = generator.normal(size=(BATCH_SIZE.value, side, side, 3)).astype(np.float32)
    labels = generator.integers(0, classes, BATCH_SIZE.value).astype(np.int32)
    batch = next(iter(replicas.share_out(tf.data.Dataset.from_tensors((images, labels)))))

    epoch = next(epoch for epoch in itertools.count(1) if not method.is_warmup(epoch))
    schedule = {name: tf.constant(value) for name, value in method.schedule(epoch).items()}
    trains_architecture = step.trains_architecture_with_weights(searches=True)

    def update_weights(number: tf.Tensor) -> None:
        step.update_weights(batch, number, schedule, trains_architecture=trains_architecture)

    def update_architecture(number: tf.Tensor) -> None:
        if method.has_architecture_steps:
            step.update_architecture(batch, batch, number, schedule)

    def seconds(update, results, number: int) -> float:
        started = time.monotonic()
        update(tf.constant(number, tf.int64))
        results.wait()
        return time.monotonic() - started

    kinds = (update_weights, state.weight_results), (update_architecture, state.architecture_results)
    for update, results in kinds:
        seconds(update, results, 0)
    to_first_step = seconds_since_process_start()
    traces = state.network.trace_count()
    pairs = [[seconds(update, results, number) for update, results in kinds] for number in range(1, STEPS.value + 1)]
    weight_step, architecture_step = (statistics.median(times) for times in zip(*pairs, strict=True))
    return {
        "method": config.method,
        "seconds_per_weight_step": round(weight_step, 4),
        "seconds_per_architecture_step": round(architecture_step, 4),
        "images_per_second": round(2 * BATCH_SIZE.value / (weight_step + architecture_step), 1),
        "seconds_to_first_step": round(to_first_step, 1),
        "peak_memory_gib": round(peak_memory_gib(), 2),
        "retraces": state.network.trace_count() - traces,
    }


if __name__ == "__main__":
    app.run(main)
