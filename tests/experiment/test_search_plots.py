import numpy as np

from eoinas_tf.experiment.curve_plots import draw_curves
from eoinas_tf.experiment.search_plots import TRAINING_PANELS, draw_pruning, draw_scores, search_figures

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


def test_all_pictures_are_drawn():
    cells = {"normal": [("skip_connect", 0), ("none", 1)], "reduce": [("skip_connect", 0), ("none", 1)]}
    figures = search_figures(metrics(), DROPS, cells, OPERATIONS, EDGES, SCORE)
    assert sorted(figures) == [
        "importance_normal", "importance_reduction", "normal_cell", "pruning", "reduction_cell", "training",
    ]  # fmt: skip
    assert sorted(search_figures([], [], cells, OPERATIONS, EDGES, SCORE)) == ["normal_cell", "reduction_cell"]


def test_a_line_of_importance_ends_where_its_operation_is_dropped():
    figure = draw_scores(metrics(), DROPS, "normal", OPERATIONS, EDGES, SCORE)
    lines = {line.get_label(): line.get_ydata() for line in figure.axes[0].lines}
    np.testing.assert_array_equal(lines["none"], [0.5, 0.5, 0.5])
    np.testing.assert_array_equal(lines["sep_conv_3x3"], [0.1, 0.2, np.nan])
    (cross,) = [line for line in figure.axes[0].lines if line.get_marker() == "x"]
    np.testing.assert_array_equal([cross.get_xdata(), cross.get_ydata()], [[2], [0.2]])
    assert not [line for line in figure.axes[1].lines if line.get_marker() == "x"]


def test_the_highest_that_was_left_stands_out_and_panels_have_one_range():
    # On the second edge, the highest at the end is dropped after it.
    drops = [*DROPS, {"epoch": 3, "cell": "normal", "edge": 1, "operation": "sep_conv_3x3"}]
    figure = draw_scores(metrics(), drops, "normal", OPERATIONS, EDGES, SCORE)
    assert [axes.get_title() for axes in figure.axes[:2]] == ["edge 0-2: none", "edge 1-2: skip_connect"]
    for axes, winner in zip(figure.axes, ("none", "skip_connect"), strict=False):
        widths = {line.get_label(): line.get_linewidth() for line in axes.lines if line.get_marker() != "x"}
        assert [name for name, width in widths.items() if width > 2] == [winner]
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
    looks = {(line.get_color(), line.get_linestyle()) for line in figure.axes[0].lines if line.get_marker() != "x"}
    assert len(looks) == len(OPERATIONS)
    assert [text.get_text() for text in figure.axes[2].get_legend().get_texts()] == [*OPERATIONS, "dropped"]


def test_the_warm_up_has_no_architecture_curve():
    curve = {line.get_label(): line.get_ydata() for line in draw_curves(metrics(), TRAINING_PANELS).axes[0].lines}
    np.testing.assert_array_equal(curve["architecture, D_V"], [np.nan, 1.0, 1.0])


def test_the_table_of_drops_shows_epochs_and_what_is_left():
    normal, reduction = draw_pruning(DROPS, OPERATIONS, EDGES).axes[:2]
    assert [text.get_text() for text in normal.texts] == ["left", "left", "2", "left", "left", "left"]
    assert {text.get_text() for text in reduction.texts} == {"left"}
