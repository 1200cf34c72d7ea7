import dataclasses
import gc
import weakref

import pytest
from small_trained_run import CELLS, write_trained_run

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.errors import ConfigurationError, GenotypeError
from eoinas_tf.evaluation import configured_network
from eoinas_tf.evaluation.configured_network import (
    build_network,
    config_within_budget,
    configured_genotype,
    network_size,
)
from eoinas_tf.evaluation.model_cost import count_multiply_adds, count_parameters
from eoinas_tf.evaluation.peak_memory import MEBIBYTE, peak_memory_bytes
from eoinas_tf.evaluation.served_network import ServedNetwork
from eoinas_tf.space.published_genotypes import PUBLISHED_GENOTYPES

SMALL = {"genotype": "DARTS_V2", "cells": 3, "init_channels": 4}


def test_the_size_is_that_of_the_built_network():
    config = EvaluationConfig(**SMALL)
    genotype = PUBLISHED_GENOTYPES["AmoebaNet_A"]
    size = network_size(config, genotype, (12, 16, 3), 5)
    network = build_network(config, genotype, (12, 16, 3), 5)
    assert size == (*count_parameters(network), count_multiply_adds(network, (12, 16, 3)), None)
    with_memory = network_size(config, genotype, (12, 16, 3), 5, with_peak_memory=True)
    assert with_memory[:3] == size[:3]
    assert with_memory.peak_memory_bytes == peak_memory_bytes(ServedNetwork(network), (12, 16, 3))


@pytest.mark.parametrize("stem", ["cifar", "imagenet"])
def test_a_budget_gives_the_widest_network_within_it(stem):
    """Checked against the sizes of all widths."""
    config = EvaluationConfig(genotype="DARTS_V2", cells=3, init_channels=9, stem=stem)
    network = PUBLISHED_GENOTYPES["DARTS_V2"], (16, 16, 3), 10
    sizes = {
        channels: network_size(dataclasses.replace(config, init_channels=channels), *network)
        for channels in range(2, 10)
    }
    for budget in (sizes[4].parameters, sizes[5].parameters - 1):
        fitted, message = config_within_budget(dataclasses.replace(config, max_parameters=budget), *network)
        assert fitted.init_channels == 4
        assert f"--init_channels lowered from 9 to 4, {sizes[4].parameters} parameters" in message
    for budget in (sizes[7].multiply_adds, sizes[8].multiply_adds - 1):
        fitted, _ = config_within_budget(dataclasses.replace(config, max_multiply_adds=budget), *network)
        assert fitted.init_channels == 7


def test_a_budget_of_memory_gives_the_widest_network_within_it():
    config = EvaluationConfig(genotype="DARTS_V2", cells=3, init_channels=9)
    network = PUBLISHED_GENOTYPES["DARTS_V2"], (8, 8, 3), 10
    five = network_size(dataclasses.replace(config, init_channels=5), *network, with_peak_memory=True)
    for less, channels in ((0, 5), (1, 4)):
        budget = (five.peak_memory_bytes - less) / MEBIBYTE
        fitted, _ = config_within_budget(dataclasses.replace(config, max_peak_memory_mib=budget), *network)
        assert fitted.init_channels == channels


def test_measuring_leaves_nothing_behind(monkeypatch):
    """Keras lists variables without values and would draw them at its next chance."""
    built = []

    def recorded(*arguments):
        network = build_network(*arguments)
        built.append(weakref.ref(network.variables[0]))
        return network

    monkeypatch.setattr(configured_network, "build_network", recorded)
    for with_memory in (False, True):
        network_size(EvaluationConfig(**SMALL), PUBLISHED_GENOTYPES["DARTS_V2"], (8, 8, 3), 2, with_memory)
    gc.collect()
    assert [reference() is None for reference in built] == [True, True]


def test_a_missing_genotype_is_one_line():
    with pytest.raises(ConfigurationError, match=r"^--genotype is missing[^\n]*$"):
        configured_genotype(EvaluationConfig())
    with pytest.raises(GenotypeError, match=r"^--genotype must be[^\n]*'nothing.json'$"):
        configured_genotype(EvaluationConfig(genotype="nothing.json"))


def test_the_cells_of_initial_weights_need_not_be_named(tmp_path):
    write_trained_run(tmp_path / "run")
    config = EvaluationConfig(initial_weights=str(tmp_path / "run"), cells=3, init_channels=2)
    assert configured_genotype(config) == CELLS
    # The same cells from elsewhere; the first text of the source is kept.
    same = dataclasses.replace(CELLS, source="elsewhere")
    assert configured_genotype(config, same) == same
    for other in (
        lambda: configured_genotype(dataclasses.replace(config, genotype="DARTS_V2")),
        lambda: configured_genotype(config, PUBLISHED_GENOTYPES["PDARTS"]),
    ):
        with pytest.raises(ConfigurationError, match=r"--genotype contradicts --initial_weights=.*has other cells"):
            other()
    with pytest.raises(ConfigurationError, match=r"--cells contradicts --initial_weights=.* has 3; .* Received: 20"):
        configured_genotype(EvaluationConfig(initial_weights=str(tmp_path / "run"), init_channels=2))


def test_a_hand_designed_network_of_initial_weights_has_no_cells(tmp_path):
    write_trained_run(tmp_path / "run", genotype=None, network="residual")
    settings = {"initial_weights": str(tmp_path / "run"), "cells": 3, "init_channels": 2}
    assert configured_genotype(EvaluationConfig(network="residual", **settings)) is None
    with pytest.raises(ConfigurationError, match="--network contradicts"):
        configured_genotype(EvaluationConfig(genotype="DARTS_V2", **settings))
