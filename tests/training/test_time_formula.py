import pytest

from eoinas_tf.training.time_formula import SEARCH_FACTOR, seconds_of_an_image


# Milliseconds an image, measured: "How long an image takes" in docs/performance_log.md.
@pytest.mark.parametrize(
    ("cells", "channels", "side", "milliseconds"),
    [
        (3, 8, 32, 1.134), (5, 8, 32, 1.689), (5, 16, 32, 3.066), (8, 16, 32, 4.902), (8, 24, 32, 8.564),
        (20, 36, 32, 42.981), (3, 16, 8, 0.277), (5, 16, 16, 1.147), (5, 16, 64, 12.488),
    ],
)  # fmt: skip
def test_it_meets_measured_trainings(cells, channels, side, milliseconds):
    assert 1e3 * seconds_of_an_image(cells, channels, side * side) == pytest.approx(milliseconds, rel=0.22)


@pytest.mark.parametrize(("cells", "channels", "side", "milliseconds"), [(5, 16, 32, 3.716), (8, 16, 32, 6.188)])
def test_it_meets_measured_searches_with_16_channels(cells, channels, side, milliseconds):
    found = 1e3 * SEARCH_FACTOR * seconds_of_an_image(cells, channels, side * side)
    assert found == pytest.approx(milliseconds, rel=0.22)
