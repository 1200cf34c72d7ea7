import json

import numpy as np

from eoinas_tf.optimization.step_results import Means
from eoinas_tf.search.search_records import (
    EDGE_NAMES,
    count_skip_connections,
    log_epoch,
    log_living_cells,
    metrics_record,
)
from eoinas_tf.space.operation_names import OPERATION_NAMES
from eoinas_tf.space.published_genotypes import PUBLISHED_GENOTYPES


class RecordedLogger:
    def __init__(self):
        self.values = {}

    def scalars(self, step, values):
        self.values.update({(tag, step): value for tag, value in values.items()})

    def histograms(self, step, values):
        self.scalars(step, values)

    def per_edge(self, step, prefix, values, *names):
        self.scalars(step, {prefix: values})

    def image(self, step, tag, figure):
        self.scalars(step, {tag: figure})


def record():
    importance = np.full((2, 14, 8), 0.25)
    importance[1, 4, 3] = np.nan
    beta = np.full((2, 14, 8), 1 / 8)
    beta[1, 4] = [1 / 7, 1 / 7, 1 / 7, 0, 1 / 7, 1 / 7, 1 / 7, 1 / 7]
    return metrics_record(7, 2.5, 0.01, Means(1.5, 0.5), Means(None, None), beta, importance)


def test_a_record_is_json_with_null_where_dropped():
    line = json.loads(json.dumps(record(), allow_nan=False))
    assert {key: line[key] for key in list(line)[:7]} == {
        "epoch": 7,
        "weights_loss": 1.5,
        "weights_accuracy": 0.5,
        "architecture_loss": None,
        "architecture_accuracy": None,
        "temperature": 2.5,
        "learning_rate": 0.01,
    }
    for key in ("operation_weights", "importance"):
        assert line[key]["reduce"][4][3] is None
        assert np.array(line[key]["normal"], float).shape == (14, 8)
    assert line["importance"]["reduce"][4][2] == 0.25


def test_an_epoch_goes_to_tensorboard_without_what_there_is_not():
    logger = RecordedLogger()
    log_epoch(logger, record(), 100.0, np.zeros((2, 14, 8)), OPERATION_NAMES)
    assert logger.values["loss/weights", 7] == 1.5
    assert ("loss/architecture", 7) not in logger.values
    assert logger.values["cells/living_operations", 7] == 2 * 14 * 8 - 1
    assert logger.values["speed/images_per_second", 7] == 100.0
    np.testing.assert_allclose(logger.values["cells/entropy_of_beta_normal", 7], np.log(8))
    np.testing.assert_allclose(logger.values["cells/entropy_of_beta_reduce", 7], (13 * np.log(8) + np.log(7)) / 14)
    assert np.isnan(logger.values["alpha", 7][1, 4, 3])
    assert logger.values["importance/all_edges", 7].size == 2 * 14 * 8 - 1


def test_living_cells_are_drawn_with_what_lives():
    logger = RecordedLogger()
    living = np.zeros((2, 14, 8), bool)
    living[0, :, 2] = True
    living[1, :, 6] = True
    log_living_cells(logger, 40, living, OPERATION_NAMES)
    words = {
        cell: {text.get_text() for text in logger.values[f"cells/{cell}", 40].axes[0].texts}
        for cell in ("normal", "reduce")
    }
    assert "sep_conv_3x3" in words["normal"]
    assert "avg_pool_3x3" in words["reduce"]
    assert "avg_pool_3x3" not in words["normal"]


def test_names_and_counts():
    assert EDGE_NAMES[:3] == ("0-2", "1-2", "0-3")
    assert count_skip_connections(PUBLISHED_GENOTYPES["GDAS_V1"]) == {"normal": 4, "reduce": 0}
    assert count_skip_connections(PUBLISHED_GENOTYPES["DARTS_V2"]) == {"normal": 2, "reduce": 3}
