import pytest
import tensorflow as tf

from eoinas_tf.learning_rate_shapes import LEARNING_RATE_SHAPES


@pytest.mark.parametrize(
    ("name", "left"),
    [("cosine", [1, 0.75, 0.5, 0]), ("linear", [1, 2 / 3, 0.5, 0]), ("constant", [1, 1, 1, 1])],
)
def test_what_is_left_by_hand(name, left):
    # One third of the way is 60 degrees, whose cosine is 1/2.
    found = [float(LEARNING_RATE_SHAPES[name](tf.constant(progress))) for progress in (0.0, 1 / 3, 0.5, 1.0)]
    assert found == pytest.approx(left, abs=1e-6)


def test_every_shape_starts_with_everything():
    assert {float(shape(tf.constant(0.0))) for shape in LEARNING_RATE_SHAPES.values()} == {1.0}
