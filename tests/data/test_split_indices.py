import numpy as np
import pytest

from eoinas_tf.data.split_indices import class_balanced_halves, held_out_fifth, held_out_fraction
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


def label_sets():
    """20 sets of up to 12 classes of 1 to 30 images, in any order; classes may be missing."""
    generator = np.random.default_rng(0)
    for _ in range(20):
        classes = generator.choice(50, generator.integers(2, 13), replace=False)
        yield generator.permutation(np.repeat(classes, generator.integers(1, 31, len(classes)))).astype(np.int32)


@pytest.mark.parametrize("labels", list(label_sets()), ids=len)
@pytest.mark.parametrize("seed", [0, 1])
def test_halves_of_any_set(labels, seed):
    halves = class_balanced_halves(labels, seed)
    np.testing.assert_array_equal(np.sort(np.concatenate(halves)), np.arange(len(labels)))
    assert abs(len(halves[0]) - len(halves[1])) <= 1
    first, second = (np.bincount(labels[half], minlength=50) for half in halves)
    assert np.abs(first - second).max() <= 1


@pytest.mark.parametrize("labels", list(label_sets()), ids=len)
def test_held_out_fifth_of_any_set(labels):
    kept, held_out = held_out_fifth(labels)
    np.testing.assert_array_equal(np.sort(np.concatenate([kept, held_out])), np.arange(len(labels)))
    np.testing.assert_array_equal(held_out, np.sort(held_out))
    counts, held_out_counts = (np.bincount(labels[part], minlength=50) for part in (slice(None), held_out))
    # Within half an image of a fifth, but for classes that give one of their 2 images, or keep their only one.
    several = counts > 2
    assert np.abs(held_out_counts - counts / 5)[several].max() <= 0.5
    assert set(held_out_counts[counts == 2]) <= {1}
    assert set(held_out_counts[counts <= 1]) <= {0}


def test_every_image_is_equally_often_in_a_half():
    labels = np.array([0, 1, 0, 1, 0, 1])
    counts = sum(np.bincount(class_balanced_halves(labels, seed)[0], minlength=6) for seed in range(1000))
    # Class 0 gives 2 of its 3 images to the first half, class 1 one: 667 and 333 expected, a deviation is 15.
    assert np.abs(counts - [667, 333] * 3).max() < 75, counts


def test_the_halves_orders_do_not_depend_on_other_classes():
    alone = np.zeros(9, np.int32)
    together = np.concatenate([alone, np.full(4, 1)])
    first, second = class_balanced_halves(alone, 5)[0], class_balanced_halves(together, 5)[0]
    np.testing.assert_array_equal(first, second[second < 9])


def test_recorded_divisions():
    # If these values changed, a resumed search would train on images of the other half.
    labels = np.arange(20) % 3
    weight, architecture = class_balanced_halves(labels, 0)
    assert weight.tolist() == [0, 1, 2, 3, 5, 10, 15, 17, 18, 19]
    assert architecture.tolist() == [4, 6, 7, 8, 9, 11, 12, 13, 14, 16]
    assert held_out_fifth(labels)[1].tolist() == [0, 7, 8]


@pytest.mark.parametrize(
    ("fraction", "expected"),
    [
        (0.25, [3, 2, 1, 0, 2]),  # Of 10, 8, 2, 1 and 7: 2.5, 2, 0.5, 0.25 and 1.75, rounded.
        (0.1, [1, 1, 1, 0, 1]),
        (0.9, [9, 7, 1, 0, 6]),
    ],
)
def test_held_out_fraction_of_every_class(fraction, expected):
    labels = np.random.default_rng(1).permutation(np.repeat([0, 1, 2, 3, 4], [10, 8, 2, 1, 7]))
    kept, held_out = held_out_fraction(labels, fraction, 0)
    assert np.bincount(labels[held_out], minlength=5).tolist() == expected
    np.testing.assert_array_equal(np.sort(np.concatenate([kept, held_out])), np.arange(28))
    assert kept.dtype == held_out.dtype == np.int64
    np.testing.assert_array_equal(held_out, np.sort(held_out))


def test_held_out_fraction_follows_the_seed_and_is_not_the_held_out_fifth():
    labels = np.zeros(50, np.int32)
    held_out = [held_out_fraction(labels, 0.2, seed)[1].tolist() for seed in (3, 3, 4, 0)]
    assert held_out[0] == held_out[1] != held_out[2]
    assert held_out[3] != held_out_fifth(labels)[1].tolist()


def test_no_validation_images_are_refused():
    with pytest.raises(DatasetError, match=r"--validation_fraction=0\.5: no images .*Received: 2 training images in 2"):
        held_out_fraction(np.array([1, 2]), 0.5, 0)
