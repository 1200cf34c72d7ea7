import itertools

from eoinas_tf.experiment.cell_drawing import draw_cell, genotype_graph, operation_colors, operation_line_styles

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
    assert words == sorted([name for name, _ in PAIRS] + ["0: $c_{k-2}$", "1: $c_{k-1}$", "$c_k$", "2", "3", "4", "5"])
    boxes = [text.get_window_extent() for text in texts]
    assert not any(first.overlaps(second) for first, second in itertools.combinations(boxes, 2))


def test_many_operations_on_an_edge_are_counted():
    figure = draw_cell({(0, 2): ["a", "b", "c"], (1, 2): ["a", "b"]}, "a cell")
    words = [text.get_text() for text in figure.axes[0].texts]
    assert "3 operations" in words
    assert "a\nb" in words


def test_the_output_takes_what_the_genotype_says_and_colours_tell_operations_apart():
    figure = draw_cell(genotype_graph(PAIRS), "a cell", concatenated=(4, 5))
    assert len(figure.axes[0].patches) == len(PAIRS) + 2
    names = [str(number) for number in range(32)]
    colors, styles = operation_colors(names), operation_line_styles(names)
    assert len({(colors[name], styles[name]) for name in names}) == 32
    assert len({colors[name] for name in names[:8]}) == 8
