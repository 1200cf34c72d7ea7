import pytest

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.evaluation.network_description import describe_network
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


def test_describe_describes_the_network_within_the_budget(capsys):
    free = describe_network(EvaluationConfig(**SMALL))
    described = describe_network(EvaluationConfig(**SMALL, max_parameters=free["parameters"] - 1))
    assert described["init_channels"] == 3
    assert described["parameters"] < free["parameters"]
    written = capsys.readouterr()
    assert written.out == ""
    assert written.err.count("\n") == 1
    assert "--init_channels lowered from 4 to 3" in written.err


def test_weight_zero_leaves_the_auxiliary_head_out():
    assert describe_network(EvaluationConfig(**SMALL))["auxiliary_parameters"] > 0
    assert describe_network(EvaluationConfig(**SMALL, auxiliary_weight=0.0))["auxiliary_parameters"] == 0
