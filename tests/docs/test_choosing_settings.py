"""docs/choosing_settings.md: its estimates, sizes, memory and settings are those of the code and the benchmarks."""

import dataclasses
import itertools
import re

import pytest
from docs_pages import cells_of

from eoinas_tf.commands import automatic_run
from eoinas_tf.config import EvaluationConfig, SearchConfig
from eoinas_tf.evaluation.network_description import describe_network
from eoinas_tf.experiment.report.settings_as_flags import flag_text
from eoinas_tf.training.automatic_sizes import (
    EFFORTS,
    MANY_CLASSES,
    MOST_CPUS,
    RECIPES,
    SEARCH,
    SHARES,
    SIZES,
    TINY_SIDE,
    TRAINING,
    USUAL_HOURS,
)
from eoinas_tf.training.time_formula import SEARCH_FACTOR, seconds_of_an_image


@pytest.fixture(scope="module")
def page(docs_folder):
    return (docs_folder / "choosing_settings.md").read_text(encoding="utf-8")


def marked_rows(page, name):
    table = page.split(f"<!-- {name}: begin -->")[1].split(f"<!-- {name}: end -->")[0].strip().splitlines()[2:]
    return [cells_of(line) for line in table]


def flags_of(words):
    return {name: int(value) for name, value in re.findall(r"--(\w+)=(\d+)(?![\d.])", " ".join(words))}


def hours(images, side, flags, factor):
    image = seconds_of_an_image(flags["cells"], flags["init_channels"], side * side)
    return images * flags["epochs"] * image * factor / 3600


def in_words(hours):
    return f"{hours:.1f} h" if hours >= 1 else f"{60 * hours:.0f} min"


def test_the_hours_follow_from_the_studies_formula_and_the_automatic_settings(page):
    search, training = flags_of(automatic_run.SEARCH_FLAGS), flags_of(automatic_run.TRAINING_FLAGS)
    assert (search["epochs"], search["cells"], search["init_channels"]) == (16, 5, 16)
    assert (training["epochs"], training["cells"], training["init_channels"]) == (40, 8, 16)
    for images, *figures in marked_rows(page, "estimates"):
        count = int(images.replace(",", ""))
        expected = [
            hours(count, side, flags, factor)
            for side in (32, 64)
            for flags, factor in ((search, SEARCH_FACTOR), (training, 1.0))
        ]
        assert figures == [in_words(value) for value in expected]


def test_the_papers_sizes_take_fifteen_hours_and_thirteen_days(page):
    assert "about 15 hours for one search" in " ".join(page.split())
    assert "thirteen days for one final training" in " ".join(page.split())
    search = {"cells": SearchConfig().cells, "init_channels": SearchConfig().init_channels, "epochs": 160}
    training = {"cells": 20, "init_channels": 36, "epochs": 600}
    assert hours(50_000, 32, search, SEARCH_FACTOR) == pytest.approx(15, abs=0.5)
    assert hours(50_000, 32, training, 1.0) / 24 == pytest.approx(13, abs=0.5)


def test_the_sizes_are_counted(page):
    for settings, parameters, multiply_adds in marked_rows(page, "sizes"):
        config = dataclasses.replace(EvaluationConfig(), genotype="DARTS_V2", **flags_of([settings]))
        description = describe_network(config)
        assert [f"{description[name]:,}" for name in ("parameters", "multiply_adds")] == [parameters, multiply_adds]


def test_the_memory_is_that_of_the_benchmarks(page, docs_folder):
    benchmarks = (docs_folder / "performance_log.md").read_text(encoding="utf-8")
    for line, shown in (
        ("| channels of the first cell | 16 |", "1.7"),
        ("| height and width in pixels | 64 |", "3.2"),
        ("| images in a batch | 128 |", "3.2"),
        ("| channels of the first cell | 32 |", "2.4"),
    ):
        (row,) = (text for text in benchmarks.splitlines() if text.startswith(line))
        measured = float(re.search(r"([\d.]+) GiB", row).group(1))
        assert float(shown) == pytest.approx(measured, abs=0.051)
        assert f"| {shown} GiB |" in page


def test_every_flag_that_it_names_exists(page):
    known = {field.name for config in (SearchConfig, EvaluationConfig) for field in dataclasses.fields(config)}
    known |= {f"no{name}" for name in known} | {"preset"}
    known |= {"search_flags", "train_flags"}  # Of `eoinas auto`.
    assert set(re.findall(r"--(\w+)", page)) <= known


def test_the_rules_of_sizes_are_those_of_the_code(page):
    bounds = [f"below {effort.below:,}" for effort in EFFORTS[:-1]] + ["more"]
    assert marked_rows(page, "efforts") == [
        [bound, str(effort.epochs[SEARCH]), str(effort.epochs[TRAINING]), "{}, {}".format(*effort.largest)]
        for bound, effort in zip(bounds, EFFORTS, strict=True)
    ]
    assert marked_rows(page, "networks") == [
        [kind, "; ".join(f"{cells}, {channels}" for cells, channels in SIZES[kind])] for kind in (SEARCH, TRAINING)
    ]
    words = " ".join(page.split())
    assert (SHARES[SEARCH], USUAL_HOURS, TINY_SIDE, MANY_CLASSES, MOST_CPUS) == (pytest.approx(1 / 3), 3, 16, 50, 16)
    assert "the search a third of the hours and the training two thirds" in words
    for recipe in RECIPES.values():
        assert " ".join(itertools.starmap(flag_text, recipe.items())) in words
