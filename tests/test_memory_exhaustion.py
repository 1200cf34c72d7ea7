import pytest
import tensorflow as tf

from eoinas_tf.errors import MemoryExhaustedError
from eoinas_tf.memory_exhaustion import named_memory_exhaustion


def test_what_tensorflow_cannot_allocate_is_one_line_with_the_flags_to_lower():
    with (
        pytest.raises(MemoryExhaustedError, match=r"(?s)out of memory \(.*\); lower --batch_size$") as raised,
        named_memory_exhaustion("--batch_size"),
    ):
        tf.zeros([2**50])
    assert "\n" not in str(raised.value)


def test_what_python_cannot_allocate_is_too():
    with (
        pytest.raises(MemoryExhaustedError, match=r"out of memory \(no details\); lower --cells$"),
        named_memory_exhaustion("--cells"),
    ):
        raise MemoryError


def test_other_errors_are_left_alone():
    with pytest.raises(ZeroDivisionError), named_memory_exhaustion("--cells"):
        raise ZeroDivisionError
