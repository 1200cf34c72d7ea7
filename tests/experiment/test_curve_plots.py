import numpy as np
import pytest

from eoinas_tf.experiment.curve_plots import draw_curves

PANELS = {
    "loss": {"train_loss": "training", "test_loss": "test"},
    "accuracy": {"accuracy": ""},
    "rate": {"rate": ""},
    "path": {"path": ""},
}


def record(epoch, test_loss):
    return {"epoch": epoch, "train_loss": 1.0 / epoch, "test_loss": test_loss, "accuracy": 0.5, "rate": 0.1, "path": 0}


def test_each_curve_is_drawn_over_its_epochs_in_its_panel():
    figure = draw_curves([record(1, None), record(2, 0.7)], PANELS)
    assert [axes.get_title() for axes in figure.axes] == list(PANELS)
    training, test = figure.axes[0].lines
    assert [line.get_label() for line in (training, test)] == ["training", "test"]
    np.testing.assert_array_equal(training.get_xdata(), [1, 2])
    np.testing.assert_array_equal(training.get_ydata(), [1.0, 0.5])
    np.testing.assert_array_equal(test.get_ydata(), [np.nan, 0.7])
    assert [axes.get_legend() is not None for axes in figure.axes] == [True, False, False, False]


@pytest.mark.parametrize("epochs", [0, 1])
def test_a_run_without_a_line_to_draw_is_drawn_all_the_same(epochs):
    figure = draw_curves([record(1, 0.5)][:epochs], PANELS)
    assert [len(axes.lines) for axes in figure.axes] == [2, 1, 1, 1]
    assert (figure.axes[1].lines[0].get_marker() == ".") == (epochs == 1)


@pytest.mark.parametrize("epochs", [1, 2, 3, 7, 160])
def test_epochs_are_counted_in_whole_numbers(epochs):
    figure = draw_curves([record(epoch, 0.5) for epoch in range(1, epochs + 1)], PANELS)
    figure.canvas.draw()
    for axes in figure.axes:
        ticks = axes.get_xticks()
        assert len(ticks)
        np.testing.assert_array_equal(ticks, np.round(ticks))


def test_a_curve_that_no_record_knows_is_left_out():
    figure = draw_curves([record(1, 0.5)], {"loss": {"train_loss": "training", "cross_entropy": "newer"}})
    assert [line.get_label() for line in figure.axes[0].lines] == ["training"]
