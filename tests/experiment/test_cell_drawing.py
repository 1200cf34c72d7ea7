import itertools
import warnings

import numpy as np
import tensorflow as tf

from eoinas_tf.experiment.cell_drawing import (
    draw_cell,
    figure_to_png,
    genotype_graph,
    hint_at_missing_glyphs,
    operation_colors,
)
from eoinas_tf.experiment.curve_plots import new_figure

PAIRS = [
    ("skip_connect", 0), ("skip_connect", 1), ("skip_connect", 0), ("sep_conv_5x5", 2),
    ("sep_conv_3x3", 3), ("skip_connect", 0), ("sep_conv_5x5", 4), ("sep_conv_3x3", 3),
]  # fmt: skip


def test_a_genotype_s_edges():
    assert genotype_graph(PAIRS) == {
        (0, 2): ["skip_connect"],
        (1, 2): ["skip_connect"],
        (0, 3): ["skip_connect"],
        (2, 3): ["sep_conv_5x5"],
        (3, 4): ["sep_conv_3x3"],
        (0, 4): ["skip_connect"],
        (4, 5): ["sep_conv_5x5"],
        (3, 5): ["sep_conv_3x3"],
    }


def test_every_operation_and_node_is_written_and_no_two_texts_overlap():
    figure = draw_cell(genotype_graph(PAIRS), "a cell", operation_colors(["skip_connect", "sep_conv_3x3"]))
    figure.canvas.draw()
    texts = figure.axes[0].texts
    words = sorted(text.get_text() for text in texts)
    assert words == sorted([name for name, _ in PAIRS] + ["$c_{k-2}$", "$c_{k-1}$", "$c_k$", "0", "1", "2", "3"])
    boxes = [text.get_window_extent() for text in texts]
    assert not any(first.overlaps(second) for first, second in itertools.combinations(boxes, 2))


def test_many_operations_on_an_edge_are_counted():
    figure = draw_cell({(0, 2): ["a", "b", "c"], (1, 2): ["a", "b"]}, "a cell")
    words = [text.get_text() for text in figure.axes[0].texts]
    assert "3 operations" in words
    assert "a\nb" in words


def test_the_png_is_a_picture_with_something_on_it():
    pixels = tf.io.decode_png(figure_to_png(draw_cell(genotype_graph(PAIRS), "a cell"), dots_per_inch=50)).numpy()
    assert pixels.shape[:2] == (325, 650)
    assert len(np.unique(pixels)) > 20


def test_characters_that_the_font_lacks_are_one_hint_and_other_warnings_stay(caplog, recwarn):
    hint_at_missing_glyphs.cache_clear()
    for name in ("猫犬鳥", "馬"):
        figure = new_figure(2, 2)
        figure.text(0.5, 0.5, name)
        figure_to_png(figure)
    assert len(caplog.messages) == 1
    assert "the pictures' font lacks characters" in caplog.messages[0]
    assert not recwarn.list
    figure = new_figure(2, 2)
    figure.savefig = lambda *_, **__: warnings.warn("something else", stacklevel=1)
    figure_to_png(figure)
    assert [str(entry.message) for entry in recwarn.list] == ["something else"]
