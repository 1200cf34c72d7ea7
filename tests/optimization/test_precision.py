import contextlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.config import RunConfig
from eoinas_tf.optimization.precision import (
    DTYPE_POLICIES,
    FIRST_SCALE,
    STEPS_UNTIL_DOUBLED,
    LossScale,
    NoLossScale,
    build_loss_scale,
    computing_in,
    use_precision,
)


@pytest.fixture(autouse=True)
def float32_afterwards():
    yield
    use_precision("float32")


@pytest.mark.parametrize(
    ("precision", "dtype"), [("float32", "float32"), ("bfloat16", "bfloat16"), ("float16", "float16")]
)
def test_layers_compute_in_the_type_and_keep_their_weights_in_float32(precision, dtype):
    use_precision(precision)
    layer = keras.layers.Dense(2)
    assert layer(np.ones((1, 3), np.float32)).dtype == dtype
    assert layer.kernel.dtype == "float32"


def test_the_policy_of_before_comes_back_after_an_error_too():
    use_precision("bfloat16")
    with contextlib.suppress(ValueError), computing_in("float16"):
        assert keras.layers.Dense(2).compute_dtype == "float16"
        raise ValueError("any")
    assert keras.config.dtype_policy().name == "mixed_bfloat16"


def test_there_is_a_policy_for_every_choice_of_the_flag():
    assert set(RunConfig.__dataclass_fields__["mixed_precision"].metadata["choices"]) == set(DTYPE_POLICIES)


def test_only_float16_has_a_loss_scale():
    assert isinstance(build_loss_scale("float16"), LossScale)
    for precision in ("float32", "bfloat16"):
        scale = build_loss_scale(precision)
        assert isinstance(scale, NoLossScale)
        assert len(scale.variables) == 0
        assert scale.scale(2.0) == 2.0
        assert scale.unscale([1.0]) == [1.0]


def test_the_scale_saves_a_gradient_that_float16_would_lose():
    scale = LossScale()
    x = tf.Variable(1.0)
    with tf.GradientTape(persistent=True) as tape:
        loss = tf.cast(x, tf.float16) * tf.constant(1e-3, tf.float16) * tf.constant(1e-5, tf.float16)
        loss32 = tf.cast(x, tf.float32) * 1e-8
        scaled = scale.scale(loss32)
    assert float(tape.gradient(loss, x)) != pytest.approx(1e-8, rel=0.1)
    assert scale.unscale([tape.gradient(scaled, x)])[0].numpy() == pytest.approx(1e-8)
    assert float(scale.scale(tf.constant(2.0))) == 2 * FIRST_SCALE


def test_an_overflow_halves_the_scale_and_many_good_steps_double_it():
    scale = LossScale()
    scale.update(tf.constant(False))
    assert float(scale.factor) == FIRST_SCALE / 2
    scale.good_steps.assign(STEPS_UNTIL_DOUBLED - 2)
    scale.update(tf.constant(True))
    assert (float(scale.factor), int(scale.good_steps)) == (FIRST_SCALE / 2, STEPS_UNTIL_DOUBLED - 1)
    scale.update(tf.constant(True))
    assert (float(scale.factor), int(scale.good_steps)) == (FIRST_SCALE, 0)
    scale.good_steps.assign(5)
    scale.update(tf.constant(False))
    assert (float(scale.factor), int(scale.good_steps)) == (FIRST_SCALE / 2, 0)


def test_the_scale_stays_between_1_and_2_to_the_24():
    scale = LossScale()
    scale.factor.assign(1.0)
    scale.update(tf.constant(False))
    assert float(scale.factor) == 1.0
    scale.factor.assign(2.0**24)
    scale.good_steps.assign(STEPS_UNTIL_DOUBLED - 1)
    scale.update(tf.constant(True))
    assert float(scale.factor) == 2.0**24
