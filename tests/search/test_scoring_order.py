import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.data import input_pipelines
from eoinas_tf.data.augmentation import normalize_channels
from eoinas_tf.data.image_split import ImageSplit
from eoinas_tf.data.input_pipelines import Preprocessing
from eoinas_tf.search import search_session
from eoinas_tf.search.derived_cell_accuracy import derived_cell_accuracy
from eoinas_tf.search.scoring_order import scoring_batches
from eoinas_tf.space.operation_names import OPERATION_NAMES

PLAIN = Preprocessing(np.zeros(1, np.float32), np.ones(1, np.float32))
CLASSES, OF_EACH = 3, 40
# In the order of a folder of class folders: image n of class c has the value 40 c + n.
NUMBERS = np.arange(CLASSES * OF_EACH)
BY_CLASS = ImageSplit.from_pixels(
    np.tile(NUMBERS.astype(np.uint8)[:, None, None, None], [1, 8, 8, 1]), NUMBERS // OF_EACH
)
HALF = NUMBERS[::2]


def batches_of(split=BY_CLASS, batch_size=16, indices=HALF, **arguments):
    """Returns (image numbers, labels, weights) of each batch."""
    return [
        (images.numpy()[:, 0, 0, 0].astype(int), labels.numpy(), weights.numpy())
        for images, labels, weights in scoring_batches(
            split, PLAIN, batch_size=batch_size, indices=indices, **arguments
        )
    ]


def test_every_image_counts_once_with_its_label():
    counted = []
    for numbers, labels, weights in batches_of():
        assert labels.tolist() == (numbers // OF_EACH).tolist()
        counted.extend(numbers[weights == 1.0])
    assert sorted(counted) == HALF.tolist()


def test_batches_are_mixed_where_the_images_are_listed_class_by_class():
    for _, labels, _ in batches_of():
        assert np.bincount(labels, minlength=CLASSES).min() >= 2


def test_the_images_that_fill_up_the_last_batch_are_mixed_too_and_no_image_is_twice_in_it():
    numbers, labels, weights = batches_of()[-1]
    assert weights.tolist() == [1.0] * 12 + [0.0] * 4
    assert len(set(numbers)) == 16
    assert len(set(labels[weights == 0.0])) > 1


def test_the_order_is_the_same_each_time_and_another_seed_s_is_another():
    first, again, other = (np.concatenate([part[0] for part in batches_of(seed=seed)]) for seed in (0, 0, 1))
    assert first.tolist() == again.tolist() == np.concatenate([part[0] for part in batches_of()]).tolist()
    assert first.tolist() != other.tolist()


def test_fewer_images_than_a_batch_fill_it():
    ((numbers, _, weights),) = batches_of(indices=HALF[:5])
    assert sorted(numbers[:5]) == HALF[:5].tolist()
    assert weights.tolist() == [1.0] * 5 + [0.0] * 11


def test_the_search_scores_in_this_order():
    assert search_session.scoring_batches is scoring_batches
    assert not hasattr(search_session, "test_batches")


@pytest.fixture
def noisy_classes(generator):
    """Images of three classes that differ in brightness, which normalization by one class's own statistics hides."""
    labels = np.repeat(np.arange(3), 40)
    images = 60 * labels[:, None, None, None] + generator.integers(0, 60, (120, 8, 8, 1))
    return images.astype(np.uint8), labels


def test_the_score_does_not_depend_on_how_a_folder_lists_its_images(search, noisy_classes):
    images, labels = noisy_classes
    preprocessing = Preprocessing(np.full(1, 90.0, np.float32), np.full(1, 50.0, np.float32))
    skip_connections = np.full((2, 14), OPERATION_NAMES.index("skip_connect"))
    search.method.living_operations.assign(np.eye(8, dtype=bool)[skip_connections])
    mixed = np.random.default_rng(3).permutation(120)
    for number in range(90):
        chosen = np.resize(mixed, 360)[4 * number : 4 * number + 4]
        batch = normalize_channels(tf.constant(images[chosen]), preprocessing.mean, preprocessing.standard_deviation)
        schedule = {"temperature": tf.constant(1.0)}
        chosen_labels = tf.constant(labels[chosen], tf.int32)
        search.step.update_weights((batch, chosen_labels), tf.constant(number, tf.int64), schedule)

    def score(make_batches, order):
        split = ImageSplit.from_pixels(images[order], labels[order])
        batches = make_batches(split, preprocessing, batch_size=4, indices=np.arange(120))
        return derived_cell_accuracy(search.step, skip_connections, batches)

    assert score(scoring_batches, np.arange(120)) == pytest.approx(score(scoring_batches, mixed), abs=0.15)
    # Hidden by the order: a batch of one class says nothing about its brightness.
    assert score(input_pipelines.test_batches, np.arange(120)) < score(scoring_batches, mixed) - 0.3
