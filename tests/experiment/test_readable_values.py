import pytest

from eoinas_tf.experiment.readable_values import duration, rounded_count, thread_count


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00:00"), (59.6, "0:01:00"), (3725, "1:02:05"), (360000, "100:00:00"), (-3, "0:00:00")]
)
def test_duration(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1.00 k"),
        (4926, "4.93 k"),
        (9996, "10.0 k"),
        (81_856, "81.9 k"),
        (999_499, "999 k"),
        (999_600, "1.00 M"),
        (11_849_738, "11.8 M"),
        (588_000_000, "588 M"),
        (1_234_000_000, "1.23 G"),
    ],
)
def test_rounded_counts_have_three_digits(count, text):
    assert rounded_count(count) == text


def test_threads_in_words():
    assert [thread_count(threads) for threads in (1, 2, 16)] == ["1 thread", "2 threads", "16 threads"]
