"""The clock is replaced by a rule: half a millisecond a channel, times a factor that a test may change."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.data.image_split import ImageDataset, ImageSplit
from eoinas_tf.errors import ConfigurationError, RunDirectoryError
from eoinas_tf.evaluation import latency_budget
from eoinas_tf.evaluation.configured_network import network_size
from eoinas_tf.evaluation.evaluation_loop import run_evaluation
from eoinas_tf.evaluation.latency_budget import config_within_all_budgets, kept_within_budgets
from eoinas_tf.experiment.export_measurement import ExportCost
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.training.time_budget import ChosenEpochs, RunCost

pytestmark = pytest.mark.usefixtures("pictures_are_not_drawn", "untraced")

EDGES = (("skip_connect", 0), ("max_pool_3x3", 1))
CELLS = Genotype(normal=EDGES, normal_concat=(2,), reduce=EDGES, reduce_concat=(2,))
OTHER_CELLS = dataclasses.replace(CELLS, normal=(("max_pool_3x3", 0), ("skip_connect", 1)))
NETWORK = CELLS, (8, 8, 3), 2
IMAGES = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 3), dtype=np.uint8)
SPLIT = ImageSplit.from_pixels(IMAGES, np.arange(9) % 2)
DATASET = ImageDataset("small", ("dark", "bright"), (8, 8, 3), SPLIT, SPLIT.subset(np.arange(5)))


class Clock:
    """What stands in for exports and their timing."""

    def __init__(self):
        self.slowness = 1.0
        self.channels = []

    def measure(self, config, genotype, image_shape, num_classes, format_names, asked):
        assert (image_shape, num_classes, format_names) == ((8, 8, 3), 2, ("tflite",))
        self.channels.append(config.init_channels)
        milliseconds = self.slowness * 0.5 * config.init_channels
        return {"tflite": ExportCost(1000 * config.init_channels, milliseconds, config.latency_threads)}


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(latency_budget, "measure_untrained", clock.measure)
    return clock


@pytest.fixture
def config(tmp_path):
    return EvaluationConfig(
        genotype="genotype.json", run_dir=str(tmp_path / "run"), cells=3, init_channels=12, batch_size=3, epochs=2,
        tensorboard=False, max_latency_ms=2.2, cutout_length=0,
    )  # fmt: skip


@pytest.mark.parametrize(("budget", "channels"), [(2.2, 4), (2.0, 4), (1.99, 3), (0.5, 1), (6.0, 12), (50.0, 12)])
def test_the_widest_network_that_is_fast_enough(clock, config, budget, channels):
    fitted, message, cost = config_within_all_budgets(
        dataclasses.replace(config, max_latency_ms=budget, latency_threads=2), *NETWORK
    )
    assert fitted.init_channels == channels
    assert cost == ExportCost(1000 * channels, 0.5 * channels, 2)
    how = "=12 keeps to it with" if channels == 12 else f" lowered from 12 to {channels},"
    in_words = f"{0.5 * channels:.4g} ms an image as tflite on 2 threads"
    assert message == f"--max_latency_ms={budget:g}: --init_channels{how} {in_words}"
    assert len(set(clock.channels)) == len(clock.channels) <= 6


def test_the_tightest_budget_counts(clock, config):
    size = network_size(dataclasses.replace(config, init_channels=2), *NETWORK)
    both = dataclasses.replace(config, max_parameters=size.parameters)
    fitted, message, _ = config_within_all_budgets(both, *NETWORK)
    assert fitted.init_channels == 2
    assert clock.channels == [2]
    assert message.startswith(f"--max_parameters={size.parameters}: --init_channels lowered from 12 to 2, ")
    assert message.endswith(
        "; --max_latency_ms=2.2: --init_channels=2 keeps to it with 1 ms an image as tflite on 1 thread"
    )
    fitted, _, _ = config_within_all_budgets(dataclasses.replace(config, max_parameters=10**6), *NETWORK)
    assert fitted.init_channels == 4


def test_without_a_budget_nothing_is_measured(clock, config):
    free = dataclasses.replace(config, max_latency_ms=0.0)
    assert config_within_all_budgets(free, *NETWORK) == (free, "", None)
    with RunDirectory(free) as run:
        assert kept_within_budgets(run, free, *NETWORK) == (free, "")
        assert not run.latency_budget.exists()
    assert clock.channels == []


def test_even_the_narrowest_network_is_too_slow(clock, config):
    with pytest.raises(ConfigurationError) as refusal:
        config_within_all_budgets(dataclasses.replace(config, max_latency_ms=0.49), *NETWORK)
    assert str(refusal.value) == (
        "--max_latency_ms=0.49 is too little: even --init_channels=1 takes 0.5 ms an image as tflite on 1 thread; "
        "allow more, or lower --cells"
    )
    assert clock.channels == [12, 1]


def test_a_run_keeps_its_choice_whatever_the_clock_says_later(clock, config, capsys):
    with RunDirectory(config) as run:
        fitted, message = kept_within_budgets(run, config, *NETWORK)
        stored = json.loads(run.latency_budget.read_text())
        assert (stored["init_channels"], stored["latency_milliseconds"], stored["latency_threads"]) == (4, 2.0, 1)
        assert stored["size_bytes"] == 4000
        said = capsys.readouterr().out
        assert said.count("--max_latency_ms=2.2: exporting and timing the network with 12 channels") == 1
        clock.slowness, clock.channels = 3.0, []
        assert kept_within_budgets(run, config, *NETWORK) == (fitted, message)
        run.metrics.write_text("")
        assert kept_within_budgets(run, config, *NETWORK) == (fitted, message)
        # More threads, too, change nothing of a run that has begun.
        again = dataclasses.replace(config, latency_threads=4)
        assert kept_within_budgets(run, again, *NETWORK)[0].init_channels == fitted.init_channels
        assert clock.channels == []
        assert capsys.readouterr().out == ""


def test_on_other_threads_it_is_measured_anew_before_the_first_step(clock, config):
    with RunDirectory(config) as run:
        kept_within_budgets(run, config, *NETWORK)
    slower = dataclasses.replace(config, latency_threads=4)
    with RunDirectory(slower) as run:
        clock.slowness, clock.channels = 2.0, []
        fitted, _ = kept_within_budgets(run, slower, *NETWORK)
        assert clock.channels
        stored = json.loads(run.latency_budget.read_text())
        assert (stored["init_channels"], stored["latency_threads"]) == (fitted.init_channels, 4) == (2, 4)


@pytest.mark.parametrize(
    ("changes", "network"),
    [
        ({"max_latency_ms": 1.0}, NETWORK),
        ({"init_channels": 3}, NETWORK),
        ({"cells": 4}, NETWORK),
        ({}, (OTHER_CELLS, *NETWORK[1:])),
    ],
)
def test_another_network_is_measured_anew_before_the_run_has_begun_and_refused_after(clock, config, changes, network):
    with RunDirectory(config) as run:
        kept_within_budgets(run, config, *NETWORK)
    other = dataclasses.replace(config, **changes)
    with RunDirectory(other) as run:
        clock.channels = []
        kept_within_budgets(run, other, *network)
        assert clock.channels
        run.metrics.write_text("")
        with pytest.raises(RunDirectoryError, match=r"latency_budget\.json was measured for another network"):
            kept_within_budgets(run, config, *NETWORK)


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"init_channels": 3}', '{"init_channels": [], "message": "", "asked": {}}']
)
def test_a_damaged_choice_is_one_line(clock, config, content):
    with RunDirectory(config) as run:
        run.latency_budget.write_text(content)
        with pytest.raises(RunDirectoryError, match=r"^[^\n]*latency_budget\.json cannot be read[^\n]*$"):
            kept_within_budgets(run, config, *NETWORK)


def left_behind(folder):
    names = ("metrics.jsonl", "summary.json", "class_accuracy.csv", "latency_budget.json", "genotype.json")
    found = {name: (folder / name).read_bytes() for name in names if (folder / name).exists()}
    newest = max((folder / "checkpoints").iterdir())
    reader = tf.train.load_checkpoint(str(newest / "variables"))
    # Without the names of layers, which a process counts up from run to run.
    variables = sorted(name for name in reader.get_variable_to_shape_map() if not name.startswith("_"))
    assert len(variables) > 10
    return {**found, newest.name: [(name, reader.get_tensor(name).tobytes()) for name in variables]}


def test_a_continued_training_is_an_uninterrupted_one_and_the_one_that_is_asked_for(
    clock, config, tmp_path, exports_are_checked_in_this_process
):
    summary = run_evaluation(config, DATASET, CELLS)
    assert summary["init_channels"] == 4
    pieces = dataclasses.replace(config, run_dir=str(tmp_path / "pieces"))
    run_evaluation(dataclasses.replace(pieces, max_steps=2), DATASET, CELLS)
    # By now, the machine is slower.
    clock.slowness, clock.channels = 4.0, []
    assert run_evaluation(pieces, DATASET, CELLS) == summary
    assert clock.channels == []
    whole = left_behind(tmp_path / "run")
    assert "latency_budget.json" in whole
    assert left_behind(tmp_path / "pieces") == whole
    asked = dataclasses.replace(config, run_dir=str(tmp_path / "asked"), max_latency_ms=0.0, init_channels=4)
    run_evaluation(asked, DATASET, CELLS)
    del whole["latency_budget.json"]
    assert left_behind(tmp_path / "asked") == whole


@pytest.mark.slow
def test_with_a_time_budget_it_is_measured_once_and_rehearsed_with_that_width(
    clock, config, tmp_path, monkeypatch, exports_are_checked_in_this_process
):
    rehearsed = []

    def choose(cost, config, spent):
        rehearsed.append(json.loads((tmp_path / "run" / "latency_budget.json").read_text())["init_channels"])
        clock.slowness = 4.0
        return ChosenEpochs(2, None)

    monkeypatch.setattr(RunCost, "choose_epochs", choose)
    summary = run_evaluation(dataclasses.replace(config, epochs=None, hours=1.0), DATASET, CELLS)
    assert (rehearsed, summary["init_channels"], summary["epochs"]) == ([4], 4, 2)
    assert len(clock.channels) == len(set(clock.channels))
    run_evaluation(
        dataclasses.replace(config, run_dir=str(tmp_path / "asked"), max_latency_ms=0.0, init_channels=4),
        DATASET,
        CELLS,
    )
    left = left_behind(tmp_path / "run")
    del left["latency_budget.json"]
    assert left == left_behind(tmp_path / "asked")
