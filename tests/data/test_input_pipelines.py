import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.data import input_pipelines
from eoinas_tf.data.image_split import ImageSplit
from eoinas_tf.data.input_pipelines import (
    Preprocessing,
    search_batches,
    steps_per_epoch,
    training_batches,
)
from eoinas_tf.errors import DatasetError
from eoinas_tf.random_seeds import epoch_order

# Image n is 2 n everywhere, so that pixels tell which image they are of, and black none.
COUNT = 23
SPLIT = ImageSplit.from_pixels(
    np.tile(2 * np.arange(1, COUNT + 1, dtype=np.uint8)[:, None, None, None], [1, 4, 4, 1]), np.arange(COUNT) % 3
)
HALVES = (np.arange(0, 12), np.arange(12, 23))
PLAIN = Preprocessing(np.zeros(1, np.float32), np.full(1, 2.0, np.float32))
AUGMENTED = Preprocessing(np.ones(1, np.float32), np.full(1, 2.0, np.float32), 2, True, 2)


def indices_of(images):
    """The image numbers of a batch of images made with PLAIN, whose values are n + 1."""
    return (images.numpy()[:, 0, 0, 0].round() - 1).astype(int).tolist()


def search(**kwargs):
    return search_batches(SPLIT, HALVES, **{"preprocessing": PLAIN, "batch_size": 4, "epoch": 1, "seed": 0} | kwargs)


def training(**kwargs):
    return training_batches(SPLIT, **{"preprocessing": PLAIN, "batch_size": 5, "epoch": 1, "seed": 0} | kwargs)


def arrays(batches):
    return [np.concatenate([part.numpy().ravel() for part in tf.nest.flatten(batch)]) for batch in batches]


def test_shapes_are_static():
    images, labels = tf.TensorSpec([4, 4, 4, 1], tf.float32), tf.TensorSpec([4], tf.int32)
    assert search(preprocessing=AUGMENTED).element_spec == ((images, labels), (images, labels))
    assert training(batch_size=4, preprocessing=AUGMENTED).element_spec == (images, labels)
    tests = input_pipelines.test_batches(SPLIT, AUGMENTED, batch_size=4)
    assert tests.element_spec == (images, labels, tf.TensorSpec([4], tf.float32))


def test_each_half_comes_in_its_own_order():
    batches = list(search())
    # 11 images in the smaller half make two batches of 4.
    assert len(batches) == 2
    seen = ([], [])
    for pair in batches:
        for half, (images, labels) in enumerate(pair):
            indices = indices_of(images)
            assert labels.numpy().tolist() == [index % 3 for index in indices]
            seen[half].extend(indices)
    for half, stream in enumerate(("weight half", "architecture half")):
        order = epoch_order(len(HALVES[half]), 0, stream, 1)
        assert seen[half] == HALVES[half][order][:8].tolist()


def test_training_visits_all_images_but_the_rest():
    seen = [index for images, _ in training() for index in indices_of(images)]
    assert len(seen) == len(set(seen)) == 20
    assert set(seen) <= set(range(COUNT))
    assert seen != sorted(seen)


@pytest.mark.parametrize("make", [search, training], ids=["search", "training"])
def test_an_epoch_entered_at_a_step_yields_the_tail(make):
    whole = arrays(make(preprocessing=AUGMENTED, batch_size=3, epoch=2))
    assert len(whole) == {search: 3, training: 7}[make]
    for first_step in range(len(whole) + 1):
        tail = arrays(make(preprocessing=AUGMENTED, batch_size=3, epoch=2, first_step=first_step))
        assert len(tail) == len(whole) - first_step
        for expected, found in zip(whole[first_step:], tail, strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("make", [search, training], ids=["search", "training"])
def test_epochs_and_seeds_differ(make):
    first, again, epoch, seed = (
        np.concatenate(arrays(make(**change))) for change in ({}, {}, {"epoch": 2}, {"seed": 1})
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, epoch)
    assert not np.array_equal(first, seed)


@pytest.mark.parametrize("change", [{"crop_padding": 2}, {"cutout_length": 2}], ids=["crop", "cutout"])
def test_both_halves_are_changed_at_every_step_in_another_way(change):
    # Every value of an image is n + 1 or, where it is changed, 0: the places of zeros are the change.
    batches = search(preprocessing=PLAIN._replace(**change), batch_size=5)
    masks = [images.numpy() == 0 for pair in batches for images, _ in pair]
    assert len(masks) == 4
    assert all(mask.any() for mask in masks)
    assert len({mask.tobytes() for mask in masks}) == 4


def test_flips_mirror_some_images():
    pixels = np.tile(np.arange(4, dtype=np.uint8)[None, None, :, None], [40, 4, 1, 1])
    split = ImageSplit.from_pixels(pixels, np.zeros(40))
    firsts = {}
    for flip in (False, True):
        preprocessing = PLAIN._replace(standard_deviation=np.ones(1, np.float32), horizontal_flip=flip)
        images, _ = next(iter(training_batches(split, preprocessing, batch_size=40, epoch=1, seed=0)))
        firsts[flip] = set(images.numpy()[:, 0, 0, 0].tolist())
    assert firsts == {False: {0.0}, True: {0.0, 3.0}}


def test_padding_is_black_before_and_cutout_zero_after_normalization():
    padded = next(iter(training(preprocessing=Preprocessing(np.full(1, 100.0, np.float32), np.ones(1, np.float32), 4))))
    assert padded[0].numpy().min() == -100.0
    blanked = Preprocessing(np.full(1, 100.0, np.float32), np.ones(1, np.float32), cutout_length=2)
    images, _ = next(iter(training(preprocessing=blanked)))
    assert images.numpy().max() == 0.0
    assert images.numpy().min() > -100.0


def test_every_test_image_counts_once_in_full_batches():
    batches = list(input_pipelines.test_batches(SPLIT, AUGMENTED._replace(mean=np.zeros(1)), batch_size=5))
    assert len(batches) == 5
    counted, filler = [], []
    for images, labels, weights in batches:
        indices = indices_of(images)
        assert labels.numpy().tolist() == [index % 3 for index in indices]
        for index, weight in zip(indices, weights.numpy(), strict=True):
            {1.0: counted, 0.0: filler}[weight].append(index)
    assert counted == list(range(COUNT))
    assert filler == [0, 1]


def test_test_batches_of_chosen_images_fewer_than_a_batch():
    images, _, weights = next(iter(input_pipelines.test_batches(SPLIT, PLAIN, batch_size=5, indices=np.array([7, 3]))))
    assert indices_of(images) == [7, 3, 7, 3, 7]
    assert weights.numpy().tolist() == [1, 1, 0, 0, 0]


def test_full_batches_need_no_filler():
    batches = list(input_pipelines.test_batches(SPLIT, PLAIN, batch_size=23))
    assert len(batches) == 1
    assert batches[0][2].numpy().sum() == 23


def test_steps_are_the_full_batches():
    assert [steps_per_epoch(count, 4) for count in (4, 7, 8)] == [1, 1, 2]


@pytest.mark.parametrize("make", [lambda: search(batch_size=12), lambda: training(batch_size=24)])
def test_too_few_images_for_a_batch_name_the_flag(make):
    with pytest.raises(DatasetError, match=r"--batch_size=(12 .*\b11|24 .*\b23) images"):
        make()
