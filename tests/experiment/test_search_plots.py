import numpy as np
import tensorflow as tf

from eoinas_tf.experiment.curve_plots import draw_curves
from eoinas_tf.experiment.search_plots import TRAINING_PANELS, draw_pruning, draw_scores, write_search_plots

OPERATIONS = ["none", "skip_connect", "sep_conv_3x3"]
EDGES = ["0-2", "1-2"]
SCORE = ("importance", "importance I")


def metrics():
    records = []
    for epoch in (1, 2, 3):
        last = None if epoch > 2 else 0.1 * epoch
        importance = [[0.5, 0.2, last], [0.3, 0.4, 0.6]]
        records.append(
            {
                "epoch": epoch,
                "weights_loss": 2.0 / epoch,
                "weights_accuracy": 0.3 * epoch,
                "architecture_loss": None if epoch == 1 else 1.0,
                "architecture_accuracy": None if epoch == 1 else 0.5,
                "temperature": 5.0 / epoch,
                "learning_rate": 0.1 / epoch,
                "importance": {"normal": importance, "reduce": importance},
            }
        )
    return records


DROPS = [{"epoch": 2, "cell": "normal", "edge": 0, "operation": "sep_conv_3x3"}]


def test_all_pictures_are_written(tmp_path):
    cells = {"normal": [("skip_connect", 0), ("none", 1)], "reduce": [("skip_connect", 0), ("none", 1)]}
    paths = write_search_plots(tmp_path / "plots", metrics(), DROPS, cells, OPERATIONS, EDGES, SCORE)
    assert sorted(path.name for path in paths) == [
        "importance_normal.png", "importance_reduction.png", "normal_cell.png", "pruning.png", "reduction_cell.png",
        "training.png",
    ]  # fmt: skip
    for path in paths:
        assert tf.io.decode_png(path.read_bytes()).shape[1] > 500


def test_a_line_of_importance_ends_where_its_operation_is_dropped():
    figure = draw_scores(metrics(), "normal", OPERATIONS, EDGES, SCORE)
    lines = {line.get_label(): line.get_ydata() for line in figure.axes[0].lines}
    np.testing.assert_array_equal(lines["none"], [0.5, 0.5, 0.5])
    np.testing.assert_array_equal(lines["sep_conv_3x3"], [0.1, 0.2, np.nan])


def test_the_warm_up_has_no_architecture_curve():
    curve = {line.get_label(): line.get_ydata() for line in draw_curves(metrics(), TRAINING_PANELS).axes[0].lines}
    np.testing.assert_array_equal(curve["architecture, D_V"], [np.nan, 1.0, 1.0])


def test_the_table_of_drops_shows_epochs_and_what_is_left():
    normal, reduction = draw_pruning(DROPS, OPERATIONS, EDGES).axes[:2]
    assert [text.get_text() for text in normal.texts] == ["left", "left", "2", "left", "left", "left"]
    assert {text.get_text() for text in reduction.texts} == {"left"}
