import pytest

from eoinas_tf.distribution.batch_division import check_batch_size
from eoinas_tf.errors import ConfigurationError


@pytest.mark.parametrize("arguments", [(7,), (1,), (8, 4, 2), (8, 4, 1, 2), (16, 4, 2, 2)])
def test_what_can_be_divided_is_accepted(arguments):
    check_batch_size(*arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((128, 3), "must be a multiple of 3 to be divided into 3 pieces. Received: 128"),
        ((7, 1, 1, 2), "must be a multiple of 2 to be divided into 2 replicas. Received: 7"),
        ((8, 3, 1, 2), "must be a multiple of 6 to be divided into 2 replicas, 3 pieces each. Received: 8"),
        ((1, 1, 2), "must be at least 2, for normalization needs 2 images or more at a time. Received: 1"),
        (
            (8, 8, 2),
            "must be at least 16 to be divided into 8 pieces, for normalization needs 2 images or more at a time. "
            "Received: 8",
        ),
    ],
)
def test_what_cannot_be_divided_is_refused(arguments, message):
    with pytest.raises(ConfigurationError) as refusal:
        check_batch_size(*arguments)
    assert str(refusal.value) == f"--batch_size {message}"
