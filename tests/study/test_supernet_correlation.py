import dataclasses

import numpy as np
import pandas as pd
import pytest

from eoinas_tf.study.supernet_correlation import supernet_pictures, supernet_tables


def test_taus_by_hand(results):
    """eoinas: validation 80, 72, 64 and test 79, 82, 84: -1. gdas: validation 78, 70, 59, test 78, 80, 79: -1/3."""
    # Of the found cells, eoinas/0 was trained twice, 80 and 78; so are three more. DARTS_V2 is none of them.
    template = results.trainings[results.trainings["cell"] == "eoinas/0"].iloc[[0]].assign(training_seed=1)
    second = {"eoinas/1": ("eoinas", 0.83), "gdas/0": ("gdas", 0.70), "gdas/1": ("gdas", 0.81)}
    more = [
        template.assign(cell=cell, contestant=name, test_accuracy=accuracy) for cell, (name, accuracy) in second.items()
    ]
    trainings = pd.concat([results.trainings, *more])
    table = supernet_tables(dataclasses.replace(results, trainings=trainings))["supernet_correlation"]
    short = table[table["training"] == "short"].set_index("cells")
    assert short.loc["eoinas", "tau"] == pytest.approx(-1)
    assert short.loc["gdas", "tau"] == pytest.approx(-1 / 3)
    assert short.loc["all methods", "sample_size"] == 6
    assert "random" not in short.index
    # First 80, 82, 78, 80 and then 78, 83, 70, 81: one of six pairs is tied at first, all others agree.
    twice = short.loc["two trainings of the same cells"]
    assert (twice["tau"], twice["sample_size"]) == (pytest.approx(5 / np.sqrt(5 * 6)), 4)
    ceiling = short.loc["noise ceiling (estimate)"]
    assert ceiling["sample_size"] == 6
    # The noise is that of all networks with two runs, DARTS_V2 (81 and 83) among them.
    noise = np.mean([2, 0.5, 32, 0.5, 2])
    means = [79, 82.5, 84, 74, 80.5, 79]
    own = 1 - noise * np.mean([1 / 2, 1 / 2, 1, 1 / 2, 1 / 2, 1]) / np.var(means, ddof=1)
    assert ceiling["tau"] == pytest.approx(2 / np.pi * np.arcsin(np.sqrt(max(0, own))))


def test_a_point_a_cell(results):
    pictures = supernet_pictures(results)
    assert list(pictures) == ["supernet_correlation", "supernet_correlation_2"]
    (dots,) = pictures["supernet_correlation"].axes[0].collections
    assert len(dots.get_offsets()) == 6
