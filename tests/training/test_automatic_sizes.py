"""The rules of sizes, against figures worked out by hand from docs/choosing_settings.md."""

import json

import pytest

from eoinas_tf.config import EvaluationConfig, SearchConfig
from eoinas_tf.search.search_schedule import check_pruning_schedule
from eoinas_tf.training.automatic_sizes import (
    SEARCH,
    SHARES,
    TRAINING,
    Images,
    automatic_settings,
    batch_size,
    kept_settings,
    recommended_settings,
)

CIFAR = Images(50_000, 32, 32, 10)


def network(kind, images, hours, cpus=2):
    settings = automatic_settings(kind, images, hours, cpus)
    return settings["cells"], settings["init_channels"]


# An image of 32x32 pixels takes 9.5e-8 * cells * channels^1.25 * 1024^0.785 s, that is 2.192e-5 s times cells times
# channels^1.25: 0.885 ms with (3, 8), 3.507 ms with (5, 16), 5.611 ms with (8, 16), 9.314 ms with (8, 24),
# 16.30 ms with (14, 24), 38.65 ms with (20, 36). 40 epochs of 50,000 images are 2 million: 0.49, 1.95, 3.12, 5.17,
# 9.06 and 21.5 hours. A search has 16 epochs at 1.2 times that: 0.94 hours with (5, 16), 1.50 with (8, 16).
@pytest.mark.parametrize(
    ("kind", "hours", "expected"),
    [
        (TRAINING, 0.01, (3, 8)),
        (TRAINING, 1.93, (5, 8)),
        (TRAINING, 1.96, (5, 16)),
        (TRAINING, 3.10, (5, 16)),
        (TRAINING, 3.13, (8, 16)),
        (TRAINING, 5.2, (8, 24)),
        (TRAINING, 9.1, (14, 24)),
        (TRAINING, 21.4, (14, 24)),
        (TRAINING, 21.6, (20, 36)),
        (SEARCH, 0.92, (5, 8)),
        (SEARCH, 0.95, (5, 16)),
        (SEARCH, 1.48, (5, 16)),
        (SEARCH, 1.51, (8, 16)),
        (SEARCH, 1000.0, (8, 16)),
    ],
)
def test_the_largest_network_that_has_time_for_its_epochs(kind, hours, expected):
    assert network(kind, CIFAR, hours) == expected


def test_cells_behind_the_first_layers_for_imagenet_see_an_eighth_of_each_side():
    seen = automatic_settings(TRAINING, Images(5_000, 28, 28, 10), None, cpus=2)
    whole = automatic_settings(TRAINING, Images(5_000, 224, 224, 10), None, cpus=2, stem="imagenet")
    assert (whole["cells"], whole["init_channels"]) == (seen["cells"], seen["init_channels"]) == (8, 24)
    assert whole["crop_padding"] == 4  # Of the whole image.
    assert recommended_settings(TRAINING, Images(5_000, 224, 224, 10), None, stem="imagenet")["cells"] > 3


def test_twice_the_cpus_are_twice_the_time():
    assert network(TRAINING, CIFAR, 1.6, cpus=4) == network(TRAINING, CIFAR, 3.2, cpus=2) == (8, 16)
    assert network(TRAINING, CIFAR, 0.4, cpus=64) == network(TRAINING, CIFAR, 3.2, cpus=2)  # At most 16 count.


@pytest.mark.parametrize(
    ("images", "largest"), [(1_999, (5, 16)), (2_000, (8, 24)), (19_999, (8, 24)), (20_000, (20, 36))]
)
def test_few_images_get_small_networks_however_much_time_there_is(images, largest):
    assert network(TRAINING, Images(images, 32, 32, 10), 1e5) == largest


@pytest.mark.parametrize(("side", "cells"), [(16, 3), (17, 20)])
def test_tiny_images_get_three_cells(side, cells):
    assert network(TRAINING, Images(50_000, side, 40, 10), 1e5) == (cells, 36)


@pytest.mark.parametrize(("classes", "channels"), [(50, 8), (51, 16)])
def test_many_classes_get_wider_networks(classes, channels):
    assert network(SEARCH, Images(50_000, 32, 32, classes), 0.01)[1] == channels


@pytest.mark.parametrize(("side", "padding"), [(7, 0), (8, 1), (16, 2), (32, 4), (224, 4)])
def test_the_padding_is_an_eighth_of_the_side(side, padding):
    assert automatic_settings(SEARCH, Images(100, side, side + 9, 2), 1.0)["crop_padding"] == padding


@pytest.mark.parametrize(("images", "batch"), [(10, 4), (100, 4), (200, 8), (900, 32), (50000, 64)])
def test_small_sets_get_small_batches(images, batch):
    assert batch_size(images) == batch


@pytest.mark.parametrize(
    ("images", "epochs"), [(500, {SEARCH: 24, TRAINING: 100}), (5_000, {SEARCH: 16, TRAINING: 60})]
)
def test_without_hours_the_epochs_follow_from_the_number_of_images(images, epochs):
    for kind, count in epochs.items():
        assert automatic_settings(kind, Images(images, 32, 32, 10), None)["epochs"] == count
        assert "epochs" not in automatic_settings(kind, Images(images, 32, 32, 10), 1.0)


def test_without_hours_sizes_are_those_of_three():
    # A third of 3 hours and two thirds.
    assert network(SEARCH, CIFAR, None) == network(SEARCH, CIFAR, 1.0) == (5, 16)
    assert network(TRAINING, CIFAR, None) == network(TRAINING, CIFAR, 2.0) == (5, 16)
    assert sum(SHARES.values()) == 1


def test_what_is_recommended_makes_runs():
    for images in (Images(40, 8, 8, 2), Images(1_000, 30, 200, 60), CIFAR, Images(1_200_000, 224, 224, 1000)):
        searched = SearchConfig(**recommended_settings(SEARCH, images, None))
        check_pruning_schedule(searched)
        assert (searched.importance_iterations, searched.architecture_learning_rate) == ("relative", 0.003)
        assert EvaluationConfig(**recommended_settings(TRAINING, images, None)).drop_path == 0.1


def test_other_methods_keep_their_own_learning_rates():
    settings = recommended_settings(SEARCH, CIFAR, 1.0, "random_search")
    assert not {"importance_iterations", "architecture_learning_rate"} & settings.keys()
    assert SearchConfig(method="random_search", hours=1.0, **settings).cells == 5


def test_other_optimizers_keep_their_own_learning_rates():
    config = EvaluationConfig(optimizer="adamw", **recommended_settings(TRAINING, CIFAR, None, optimizer="adamw"))
    assert (config.learning_rate, config.drop_path) == (0.001, 0.1)
    assert recommended_settings(TRAINING, CIFAR, None, optimizer="sgd")["learning_rate"] == 0.05


def test_a_run_keeps_what_it_began_with(tmp_path):
    chosen = {"cells": 5, "image_size": (8, 8), "batch_size": 64}
    assert kept_settings(None, chosen) == kept_settings(tmp_path, chosen) == chosen
    stored = {"kind": "SearchConfig", "cells": 3, "image_size": [16, 16], "seed": 4}
    (tmp_path / "config.json").write_text(json.dumps(stored))
    assert kept_settings(tmp_path, chosen) == chosen  # It has taken no step, such as one that was refused.
    (tmp_path / "metrics.jsonl").write_text("")
    assert kept_settings(tmp_path, chosen) == {"cells": 3, "image_size": (16, 16), "batch_size": 64}
    for content in ("[1]", "{", ""):
        (tmp_path / "config.json").write_text(content)
        assert kept_settings(str(tmp_path), chosen) == chosen


def test_epochs_that_were_left_to_a_time_budget_are_not_kept(tmp_path):
    (tmp_path / "metrics.jsonl").write_text("")
    for stored, expected in ((None, 60), (7, 7)):
        (tmp_path / "config.json").write_text(json.dumps({"epochs": stored, "image_size": None}))
        kept = kept_settings(tmp_path, {"epochs": 60, "image_size": (8, 8)})
        assert kept == {"epochs": expected, "image_size": None}
