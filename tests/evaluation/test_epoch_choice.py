import pytest

from eoinas_tf.evaluation.epoch_choice import best_epoch, is_stopped


def lines(*accuracies):
    return [{"epoch": epoch, "validation_accuracy": accuracy} for epoch, accuracy in enumerate(accuracies, 1)]


@pytest.mark.parametrize(
    ("accuracies", "best"), [((0.5,), 1), ((0.5, 0.75, 0.6), 2), ((0.5, 0.75, 0.75), 2), ((0.0, 0.0), 1)]
)
def test_the_first_of_the_highest_is_the_best(accuracies, best):
    assert best_epoch(lines(*accuracies)) == best


def test_without_validation_there_is_no_best_one():
    assert best_epoch([]) is None
    assert best_epoch([{"epoch": 1, "test_accuracy": 0.5}]) is None
    assert not is_stopped([{"epoch": 1, "test_accuracy": 0.5}, {"epoch": 2, "test_accuracy": 0.1}], 1)


@pytest.mark.parametrize(
    ("accuracies", "stops_after"),
    [
        # The best is epoch 2; epochs 3 and 4 are two in a row without a better one.
        ((0.5, 0.75, 0.6, 0.7, 0.8), 4),
        # Equal is not higher.
        ((0.5, 0.5, 0.5, 0.9), 3),
        ((0.1, 0.2, 0.1, 0.3, 0.2, 0.4), None),
    ],
)
def test_two_epochs_without_a_higher_one_end_it(accuracies, stops_after):
    stops = [count for count in range(1, len(accuracies) + 1) if is_stopped(lines(*accuracies[:count]), 2)]
    assert (stops[0] if stops else None) == stops_after
    assert not any(is_stopped(lines(*accuracies[:count]), 0) for count in range(len(accuracies) + 1))
