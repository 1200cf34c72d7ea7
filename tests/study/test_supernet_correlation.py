import dataclasses

import pandas as pd
import pytest

from eoinas_tf.study.supernet_correlation import supernet_pictures, supernet_tables


def test_taus_by_hand(results):
    """eoinas: validation 80, 72, 64 and test 79, 82, 84: -1. gdas: validation 78, 70, 59, test 78, 80, 79: -1/3."""
    # Of the cells trained twice, eoinas/0 went from 80 to 78, DARTS_V2 from 81 to 83: two more make a ceiling.
    twice = results.trainings[results.trainings["cell"] == "DARTS_V2"]
    more = [
        twice.assign(cell=name, test_accuracy=accuracies) for name, accuracies in (("a", [0.7, 0.8]), ("b", [0.9, 0.7]))
    ]
    trainings = pd.concat([results.trainings, *more])
    table = supernet_tables(dataclasses.replace(results, trainings=trainings))["supernet_correlation"]
    short = table[table["training"] == "short"].set_index("cells")
    assert short.loc["eoinas", "tau"] == pytest.approx(-1)
    assert short.loc["gdas", "tau"] == pytest.approx(-1 / 3)
    assert short.loc["all methods", "sample_size"] == 6
    assert "random" not in short.index
    # First 80, 81, 70, 90 and then 78, 83, 80, 70: of six pairs, two agree.
    assert short.loc["noise ceiling: two trainings", "tau"] == pytest.approx((2 - 4) / 6)


def test_a_point_a_cell(results):
    pictures = supernet_pictures(results)
    assert list(pictures) == ["supernet_correlation", "supernet_correlation_2"]
    (dots,) = pictures["supernet_correlation"].axes[0].collections
    assert len(dots.get_offsets()) == 6
