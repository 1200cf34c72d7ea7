"""Measures how much the score that ranks seeds varies for reasons other than the cell.

    python benchmarks/score_noise.py --flagfile=flags/search_digits.flags --run_dir=FOLDER

It runs a search for each of `--seeds` seeds, all with the same `--split_seed` and the other flags, and scores each
derived cell on the validation half in `--orders` random orders and in that of a folder of class folders. Because the
searches share their validation half, the standard deviation of the difference of two scores follows from the single
images; it is printed with the value for two different halves. The last line is one JSON object.
"""

import argparse
import dataclasses
import itertools
import json
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl import flags

from eoinas_tf.config import SearchConfig
from eoinas_tf.data.input_pipelines import test_batches
from eoinas_tf.flag_definitions import config_from_flags, define_flags
from eoinas_tf.search import search_session
from eoinas_tf.search.derived_cell_accuracy import derived_cell_accuracy
from eoinas_tf.search.scoring_order import scoring_batches
from eoinas_tf.search.search_loop import run_search


def search_and_score(config: SearchConfig, orders: int) -> dict:
    """Runs one search and scores its cell in several orders; the search itself scores it once.

    Args:
        config: The settings of the search; its run folder must not be finished.
        orders: Number of random orders.

    Returns:
        The accuracy in each random order, the accuracy in the order of classes, and whether each image was classified
        correctly, bool [n].
    """
    found: dict = {}

    def keep_arguments(split, preprocessing, *, batch_size: int, indices: np.ndarray) -> tf.data.Dataset:
        found["batches"] = [
            scoring_batches(split, preprocessing, batch_size=batch_size, indices=indices, seed=seed)
            for seed in range(orders)
        ]
        by_class = indices[np.argsort(split.labels[indices], kind="stable")]
        found["by_class"] = test_batches(split, preprocessing, batch_size=batch_size, indices=by_class)
        return found["batches"][0]

    def score(step, operation_index: np.ndarray, batches: tf.data.Dataset) -> float:
        found["scores"] = [derived_cell_accuracy(step, operation_index, order) for order in found["batches"]]
        found["score_by_class"] = derived_cell_accuracy(step, operation_index, found["by_class"])
        right = [
            (step.classify(images, tf.constant(operation_index, tf.int32)).numpy() == labels)[weights == 1]
            for images, labels, weights in batches.as_numpy_iterator()
        ]
        found["right"] = np.concatenate(right)
        return found["scores"][0]

    search_session.scoring_batches, search_session.derived_cell_accuracy = keep_arguments, score
    run_search(config)
    return found


def deviation_of_difference(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """Returns the standard deviation, by the choice of images, of a score difference on the same and on other images.

    Args:
        first: Whether a network classified each image correctly, bool [n].
        second: Whether another network did.
    """
    paired = np.std(first.astype(float) - second)
    return float(paired / np.sqrt(len(first))), float(np.sqrt((np.var(first) + np.var(second)) / len(first)))


def main() -> None:
    """Runs the searches and prints the measurements."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--seeds", type=int, default=4, help="Searches.")
    parser.add_argument("--orders", type=int, default=10, help="Random orders in which each cell is scored.")
    own, rest = parser.parse_known_args()
    flag_values = flags.FlagValues()
    define_flags(SearchConfig, flag_values)
    flag_values([sys.argv[0], *rest])
    config = config_from_flags(SearchConfig, flag_values)
    searches = []
    for seed in range(config.seed, config.seed + own.seeds):
        folder = str(Path(config.run_dir) / f"seed_{seed}")
        searches.append(
            search_and_score(dataclasses.replace(config, seed=seed, num_seeds=1, run_dir=folder), own.orders)
        )
    pairs = itertools.combinations([search["right"] for search in searches], 2)
    deviations = np.mean([deviation_of_difference(*pair) for pair in pairs], axis=0).tolist()
    result = {
        "images": len(searches[0]["right"]),
        "scores": [search["scores"] for search in searches],
        "deviation_between_orders": [float(np.std(search["scores"], ddof=1)) for search in searches],
        "class_by_class": [search["score_by_class"] for search in searches],
        "deviation_between_seeds": float(np.std([search["scores"][0] for search in searches], ddof=1)),
        "deviation_of_a_difference_on_one_half": deviations[0],
        "deviation_of_a_difference_on_two_halves": deviations[1],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
