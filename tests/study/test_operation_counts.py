from eoinas_tf.study.operation_counts import count_pictures, count_tables


def test_means_over_the_searches_at_the_quarters(results):
    table = count_tables(results)["operation_counts"]
    own = table[table["contestant"] == "gdas"]
    assert own["epoch"].tolist() == [2, 4, 6, 8]
    # Of three searches epoch, epoch + 1 and epoch + 2.
    assert own["skip_edges"].tolist() == [3, 5, 7, 9]
    assert own["none_edges"].tolist() == [1, 2, 3, 4]


def test_a_line_a_search_and_a_mean_a_method(results):
    (figure,) = count_pictures(results).values()
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 8]
    assert len(lines) == 2 * 3 + 2
