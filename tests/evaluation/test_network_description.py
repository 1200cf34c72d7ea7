import dataclasses

import pytest

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.evaluation import latency_budget, network_description
from eoinas_tf.evaluation.configured_network import network_size
from eoinas_tf.evaluation.network_description import describe_network, description_text
from eoinas_tf.experiment.export_measurement import ExportCost
from eoinas_tf.space.published_genotypes import PUBLISHED_GENOTYPES

SMALL = {"genotype": "DARTS_V2", "cells": 3, "init_channels": 4}


@pytest.mark.parametrize(
    ("arguments", "image_shape", "num_classes"),
    [
        ({}, [32, 32, 3], 10),
        ({"stem": "imagenet"}, [224, 224, 3], 1000),
        ({"stem": "imagenet", "num_classes": 7, "image_size": (40, 48)}, [40, 48, 3], 7),
    ],
)
def test_sizes_without_a_data_set(arguments, image_shape, num_classes):
    described = describe_network(EvaluationConfig(**SMALL, **arguments))
    assert (described["image_shape"], described["num_classes"]) == (image_shape, num_classes)
    assert described["genotype_source"] == PUBLISHED_GENOTYPES["DARTS_V2"].source
    # The dense layer's inputs: four nodes of 4C channels.
    without_dense = describe_network(EvaluationConfig(**SMALL, **{**arguments, "num_classes": 1}))
    assert described["parameters"] - without_dense["parameters"] == (num_classes - 1) * (4 * 16 + 1)
    assert described["multiply_adds"] - without_dense["multiply_adds"] == (num_classes - 1) * 4 * 16


def test_of_cells_that_were_found_on_arrays_the_images_are_to_be_given():
    config = EvaluationConfig(**SMALL, dataset="arrays", image_size=(28, 30), num_classes=7)
    described = describe_network(config)
    assert (described["image_shape"], described["num_classes"]) == ([28, 30, 3], 7)
    for missing in ({"image_size": None}, {"num_classes": None}):
        with pytest.raises(ConfigurationError, match="give --image_size and --num_classes"):
            describe_network(dataclasses.replace(config, **missing))


def test_describe_describes_the_network_within_the_budget(capsys):
    free = describe_network(EvaluationConfig(**SMALL))
    described = describe_network(EvaluationConfig(**SMALL, max_parameters=free["parameters"] - 1))
    assert described["init_channels"] == 3
    assert described["parameters"] < free["parameters"]
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.count("\n") == 1
    assert "--init_channels lowered from 4 to 3" in written.err


def test_the_peak_memory_is_described_and_has_a_budget(capsys):
    described = describe_network(EvaluationConfig(**SMALL))
    size = network_size(EvaluationConfig(**SMALL), PUBLISHED_GENOTYPES["DARTS_V2"], (32, 32, 3), 10, True)
    assert described["peak_memory_bytes"] == size.peak_memory_bytes > 0
    mebibytes = described["peak_memory_bytes"] / 2**20
    (line,) = (line for line in description_text(described).splitlines() if line.startswith("peak memory "))
    assert line == f"peak memory           {mebibytes:.3g} MiB of an image's activations in float32"
    narrower = describe_network(EvaluationConfig(**SMALL, max_peak_memory_mib=0.999 * mebibytes))
    assert narrower["init_channels"] == 3
    assert f"--max_peak_memory_mib={0.999 * mebibytes}: --init_channels lowered from 4 to 3" in capsys.readouterr().err


def test_measure_adds_what_exports_take(monkeypatch):
    asked_for = []

    def measure(config, genotype, image_shape, num_classes, formats, asked):
        asked_for.append((config.init_channels, image_shape, num_classes, formats, asked))
        return {name: ExportCost(12_345, 1.25, 2) for name in formats}

    monkeypatch.setattr(network_description, "measure_untrained", measure)
    assert "measured" not in describe_network(EvaluationConfig(**SMALL))
    config = EvaluationConfig(**SMALL, measure=True, export_formats=("saved_model", "tflite_int8"))
    described = describe_network(config)
    assert asked_for == [(4, (32, 32, 3), 10, ("tflite", "tflite_int8"), "--measure")]
    figures = {"size_bytes": 12_345, "latency_milliseconds": 1.25, "latency_threads": 2}
    assert described["measured"] == {"tflite": figures, "tflite_int8": figures}
    lines = description_text(described).splitlines()
    assert "tflite                12.3 kB, 1.25 ms an image on 2 threads, with random weights" in lines
    assert sum("ms an image" in line for line in lines) == 2


def test_a_budget_of_latency_is_described_too(monkeypatch, capsys):
    def measure(config, *_):
        return {"tflite": ExportCost(1, config.init_channels, 1)}

    monkeypatch.setattr(latency_budget, "measure_untrained", measure)
    described = describe_network(EvaluationConfig(**SMALL, max_latency_ms=2.5))
    assert described["init_channels"] == 2
    assert "--max_latency_ms=2.5: --init_channels lowered from 4 to 2, 2 ms an image" in capsys.readouterr().err


def test_weight_zero_leaves_the_auxiliary_head_out():
    assert describe_network(EvaluationConfig(**SMALL))["auxiliary_parameters"] > 0
    assert describe_network(EvaluationConfig(**SMALL, auxiliary_weight=0.0))["auxiliary_parameters"] == 0
