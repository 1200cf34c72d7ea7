import json

import numpy as np

from eoinas_tf.optimization.step_results import Means
from eoinas_tf.search.search_method import Evidence
from eoinas_tf.search.search_records import (
    EDGE_NAMES,
    count_skip_connections,
    drop_epochs,
    drop_records,
    log_epoch,
    log_found_cells,
    metrics_record,
)
from eoinas_tf.space.operation_names import OPERATION_NAMES
from eoinas_tf.space.published_genotypes import PUBLISHED_GENOTYPES

SHAPE = (2, 14, 8)
SCHEDULE = {"temperature": 2.5}


class RecordedLogger:
    def __init__(self):
        self.values = {}

    def scalars(self, step, values):
        self.values.update({(tag, step): value for tag, value in values.items()})

    def histograms(self, step, values):
        self.scalars(step, values)

    def image(self, step, tag, figure):
        self.scalars(step, {tag: figure})

    text = image


class RecordedLog:
    def __init__(self):
        self.tensorboard = RecordedLogger()
        self.curves = {}

    def curve_run(self, name):
        return self.curves.setdefault(name, RecordedLogger())


def evidence():
    living = np.ones(SHAPE, bool)
    living[1, 4, 3] = False
    importance = np.full(SHAPE, 0.25)
    importance[0, :3, OPERATION_NAMES.index("none")] = 0.5
    importance[0, 3:5, OPERATION_NAMES.index("skip_connect")] = 0.5
    beta = np.full(SHAPE, 1 / 8)
    beta[1, 4] = 1 / 7
    columns = {"operation_weight": beta, "importance": importance}
    return Evidence({name: np.where(living, values, np.nan) for name, values in columns.items()}, "importance", living)


def record():
    return metrics_record(7, SCHEDULE, 0.01, Means(1.5, 0.5), Means(None, None), evidence(), OPERATION_NAMES)


def test_a_record_is_json_with_null_where_dropped():
    line = json.loads(json.dumps(record(), allow_nan=False))
    assert {key: line[key] for key in list(line)[:8]} == {
        "epoch": 7,
        "weights_loss": 1.5,
        "weights_accuracy": 0.5,
        "architecture_loss": None,
        "architecture_accuracy": None,
        "temperature": 2.5,
        "learning_rate": 0.01,
        "operations": list(OPERATION_NAMES),
    }
    for key in ("operation_weight", "importance"):
        assert line[key]["reduce"][4][3] is None
        assert np.array(line[key]["normal"], float).shape == (14, 8)
    assert line["importance"]["reduce"][4][2] == 0.25


def test_a_record_a_drop_with_everything_that_led_to_it():
    dropped = np.zeros(SHAPE, bool)
    dropped[1, 4, 2] = dropped[0, 2, 7] = True
    known = evidence()
    known.columns["importance"][0, 2, 7] = np.nan
    without_evidence, last = drop_records(40, dropped, known, OPERATION_NAMES)
    assert last == {
        "epoch": 40,
        "cell": "reduce",
        "edge": 4,
        "from_node": 2,
        "to_node": 3,
        "operation": "sep_conv_3x3",
        "operation_weight": 1 / 7,
        "importance": 0.25,
        "remaining": ["none", "skip_connect", "sep_conv_5x5", "dil_conv_5x5", "avg_pool_3x3", "max_pool_3x3"],
    }
    assert (without_evidence["cell"], without_evidence["importance"]) == ("normal", None)


def test_records_give_back_the_epochs_of_the_drops():
    dropped = np.zeros(SHAPE, bool)
    dropped[1, 4, 2] = dropped[0, 2, 7] = True
    records = drop_records(40, dropped, evidence(), OPERATION_NAMES)
    np.testing.assert_array_equal(drop_epochs(records, OPERATION_NAMES), 40 * dropped)


def test_an_epoch_goes_to_tensorboard_without_what_there_is_not():
    log = RecordedLog()
    log_epoch(log, record(), SCHEDULE, 100.0, evidence(), OPERATION_NAMES)
    logger = log.tensorboard
    # In the warm-up there is no curve of the validation half.
    assert {name: part.values for name, part in log.curves.items()} == {
        "training": {("loss", 7): 1.5, ("accuracy", 7): 0.5}
    }
    assert logger.values["schedule/temperature", 7] == 2.5
    assert logger.values["cells/living_operations", 7] == 2 * 14 * 8 - 1
    assert logger.values["speed/images_per_second", 7] == 100.0
    np.testing.assert_allclose(logger.values["cells/entropy_of_operation_weights_normal", 7], np.log(8))
    mean = (13 * np.log(8) + np.log(7)) / 14
    np.testing.assert_allclose(logger.values["cells/entropy_of_operation_weights_reduce", 7], mean)
    # If scores are equal, none leads.
    assert logger.values["cells/edges_led_by_none_normal", 7] == 3
    assert logger.values["cells/edges_led_by_skip_connect_normal", 7] == 2
    assert logger.values["importance/normal", 7].size == 14 * 8
    assert logger.values["importance/reduce", 7].size == 14 * 8 - 1


def test_the_found_cells_are_pictures_and_text():
    logger, genotype = RecordedLogger(), PUBLISHED_GENOTYPES["DARTS_V2"]
    log_found_cells(logger, 40, genotype, OPERATION_NAMES)
    words = {
        cell: {text.get_text() for text in logger.values[f"cells/found_{cell}", 40].axes[0].texts}
        for cell in ("normal", "reduction")
    }
    assert "sep_conv_3x3" in words["normal"]
    assert "max_pool_3x3" in words["reduction"]
    assert "max_pool_3x3" not in words["normal"]
    assert genotype.to_json() in logger.values["search/genotype", 40]


def test_names_and_counts():
    assert EDGE_NAMES[:3] == ("0-2", "1-2", "0-3")
    assert count_skip_connections(PUBLISHED_GENOTYPES["GDAS_V1"]) == {"normal": 4, "reduce": 0}
    assert count_skip_connections(PUBLISHED_GENOTYPES["DARTS_V2"]) == {"normal": 2, "reduce": 3}
