import itertools

import pytest

from eoinas_tf.search.temperature import temperature


def test_ends_and_middle_of_the_paper_s_schedule():
    assert temperature(1, 160, 5.0, 0.1) == 5.0
    assert temperature(160, 160, 5.0, 0.1) == pytest.approx(0.1)
    # Halfway through, an exponential is at the geometric mean: sqrt(5 * 0.1) = 0.70711 between epochs 80 and 81.
    assert temperature(80, 160, 5.0, 0.1) == pytest.approx(0.70711 * 50 ** (0.5 / 159), rel=1e-4)
    assert temperature(81, 160, 5.0, 0.1) == pytest.approx(0.70711 * 50 ** (-0.5 / 159), rel=1e-4)


def test_falls_by_the_same_factor_each_epoch():
    values = [temperature(epoch, 10, 5.0, 0.1) for epoch in range(1, 11)]
    ratios = [later / earlier for earlier, later in itertools.pairwise(values)]
    assert ratios == pytest.approx([50 ** (-1 / 9)] * 9)


def test_a_search_of_one_epoch_stays_at_the_start():
    assert temperature(1, 1, 5.0, 0.1) == 5.0
