import numpy as np
import pytest

from eoinas_tf.data.split_indices import class_balanced_halves, held_out_fifth
from eoinas_tf.errors import DatasetError

# Classes of 7, 3, 5, 4 and 1 images, mixed; four of them odd.
LABELS = np.random.default_rng(0).permutation(np.repeat([0, 1, 2, 5, 9], [7, 3, 5, 4, 1]))


def test_halves_are_disjoint_and_complete():
    weight, architecture = class_balanced_halves(LABELS, 0)
    assert weight.dtype == architecture.dtype == np.int64
    np.testing.assert_array_equal(np.sort(np.concatenate([weight, architecture])), np.arange(20))
    np.testing.assert_array_equal(weight, np.sort(weight))
    np.testing.assert_array_equal(architecture, np.sort(architecture))


def test_extra_images_of_odd_classes_alternate():
    weight, architecture = class_balanced_halves(LABELS, 0)
    # Odd classes in order: 0 (7), 1 (3), 2 (5), 9 (1).
    assert np.bincount(LABELS[weight], minlength=10)[[0, 1, 2, 5, 9]].tolist() == [4, 1, 3, 2, 0]
    assert np.bincount(LABELS[architecture], minlength=10)[[0, 1, 2, 5, 9]].tolist() == [3, 2, 2, 2, 1]


def test_halves_depend_on_the_seed_alone():
    first, again, other = (class_balanced_halves(LABELS, seed)[0].tolist() for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_two_images_of_two_classes_make_two_halves():
    weight, architecture = class_balanced_halves(np.array([4, 2]), 0)
    assert (weight.tolist(), architecture.tolist()) == ([1], [0])


@pytest.mark.parametrize("labels", [[], [3]])
def test_a_half_without_images_is_refused(labels):
    with pytest.raises(DatasetError, match=rf"at least 2 training images.*Received: {len(labels)}"):
        class_balanced_halves(np.array(labels, np.int32), 0)


def test_held_out_fifth_of_every_class():
    labels = np.repeat([0, 1, 2, 3, 4], [10, 8, 2, 1, 7])
    kept, held_out = held_out_fifth(labels)
    # A fifth rounded to the nearest, at least one; a single image stays.
    assert np.bincount(labels[held_out], minlength=5).tolist() == [2, 2, 1, 0, 1]
    np.testing.assert_array_equal(np.sort(np.concatenate([kept, held_out])), np.arange(28))
    assert kept.dtype == held_out.dtype == np.int64


def test_held_out_fifth_is_the_same_every_time_and_not_the_first_images():
    labels = np.zeros(50, np.int32)
    assert held_out_fifth(labels)[1].tolist() == held_out_fifth(labels)[1].tolist()
    assert held_out_fifth(labels)[1].tolist() != list(range(10))
    assert held_out_fifth(labels)[1].tolist() != held_out_fifth(labels, seed=1)[1].tolist()


def test_nothing_to_hold_out_is_refused():
    with pytest.raises(DatasetError, match=r"2 images\. Received: 3 images in 3 classes"):
        held_out_fifth(np.array([0, 1, 2]))
