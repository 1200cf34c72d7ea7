import pytest

from eoinas_tf.training.time_formula import seconds_of_an_image


# Images per second of three final training runs that were measured: docs/results and docs/performance_log.md.
@pytest.mark.parametrize(
    ("cells", "channels", "pixels", "measured"), [(5, 16, 16 * 16, 1150), (8, 16, 32 * 32, 242), (20, 36, 32 * 32, 29)]
)
def test_it_meets_three_measured_trainings(cells, channels, pixels, measured):
    assert 1 / seconds_of_an_image(cells, channels, pixels) == pytest.approx(measured, rel=0.03)
