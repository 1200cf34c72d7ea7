import dataclasses

import pytest

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.evaluation.configured_network import build_network, config_within_budget
from eoinas_tf.evaluation.final_networks import FINAL_NETWORKS
from eoinas_tf.evaluation.model_cost import count_multiply_adds
from eoinas_tf.space.published_genotypes import PUBLISHED_GENOTYPES

HAND_DESIGNED = [name for name in FINAL_NETWORKS if name != "cells"]


def test_the_setting_knows_every_network():
    field = {field.name: field for field in dataclasses.fields(EvaluationConfig)}["network"]
    assert field.metadata["choices"] == tuple(FINAL_NETWORKS)


def test_cells_need_a_genotype():
    config = EvaluationConfig(cells=3, init_channels=2)
    with pytest.raises(ValueError, match="needs a genotype"):
        FINAL_NETWORKS["cells"](config, None, 3)
    network = FINAL_NETWORKS["cells"](config, PUBLISHED_GENOTYPES["DARTS_V2"], 3)
    assert (len(network.cells), network.num_classes) == (3, 3)


@pytest.mark.parametrize("name", HAND_DESIGNED)
def test_a_budget_finds_the_width_of_hand_designed_networks(name):
    config = EvaluationConfig(network=name, cells=3, init_channels=64, max_multiply_adds=1_000_000)
    fitted, message = config_within_budget(config, None, (8, 8, 3), 10)
    assert "--init_channels lowered from 64" in message
    sizes = [
        count_multiply_adds(
            build_network(dataclasses.replace(config, init_channels=channels), None, (8, 8, 3), 10), (8, 8, 3)
        )
        for channels in (fitted.init_channels, fitted.init_channels + 1)
    ]
    assert sizes[0] <= 1_000_000 < sizes[1]
