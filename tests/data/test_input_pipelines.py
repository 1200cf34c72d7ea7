import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.data import input_pipelines
from eoinas_tf.data.augmentation import cutout, horizontal_flip, normalize_channels, pad_crop
from eoinas_tf.data.color_jitter import flip_jitter_and_normalize
from eoinas_tf.data.image_decoding import decode_to_shape
from eoinas_tf.data.image_split import ImageSplit
from eoinas_tf.data.input_pipelines import (
    Preprocessing,
    SearchBatches,
    TrainingBatches,
    steps_per_epoch,
)
from eoinas_tf.data.rand_augment import rand_augment
from eoinas_tf.data.random_erasing import erase_rectangles
from eoinas_tf.data.random_resized_crop import draw_crops
from eoinas_tf.data.split_indices import class_balanced_halves
from eoinas_tf.errors import DatasetError
from eoinas_tf.random_seeds import epoch_order, stateless_seed

# Image n is 2 n everywhere, so that pixels tell which image they are of, and black none.
COUNT = 23
SPLIT = ImageSplit.from_pixels(
    np.tile(2 * np.arange(1, COUNT + 1, dtype=np.uint8)[:, None, None, None], [1, 4, 4, 1]), np.arange(COUNT) % 3
)
HALVES = (np.arange(0, 12), np.arange(12, 23))
PLAIN = Preprocessing(np.zeros(1, np.float32), np.full(1, 2.0, np.float32))
AUGMENTED = Preprocessing(np.ones(1, np.float32), np.full(1, 2.0, np.float32), 2, True, 2)

RESIZED = AUGMENTED._replace(random_resized_crop=True, color_jitter=0.4, hue_jitter=0.2)
MODERN = AUGMENTED._replace(randaugment_layers=1, randaugment_magnitude=9.0, random_erasing_probability=0.5)


def indices_of(images):
    """The image numbers of a batch of images made with PLAIN, whose values are n + 1."""
    return (images.numpy()[:, 0, 0, 0].round() - 1).astype(int).tolist()


def all_epochs_of_search(**kwargs):
    return SearchBatches(SPLIT, HALVES, **{"preprocessing": PLAIN, "batch_size": 4, "seed": 0} | kwargs)


def all_epochs_of_training(**kwargs):
    return TrainingBatches(SPLIT, **{"preprocessing": PLAIN, "batch_size": 5, "seed": 0} | kwargs)


def search(epoch=1, first_step=0, **kwargs):
    return all_epochs_of_search(**kwargs).epoch(epoch, first_step)


def training(epoch=1, first_step=0, **kwargs):
    return all_epochs_of_training(**kwargs).epoch(epoch, first_step)


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


@pytest.mark.parametrize("preprocessing", [AUGMENTED, RESIZED, MODERN], ids=["pad", "random_resized", "modern"])
@pytest.mark.parametrize(
    ("make", "steps"), [(all_epochs_of_search, 3), (all_epochs_of_training, 7)], ids=["search", "training"]
)
def test_an_epoch_entered_at_a_step_yields_the_tail(make, steps, preprocessing):
    whole = arrays(make(preprocessing=preprocessing, batch_size=3).epoch(2))
    assert len(whole) == steps
    # Of another process: nothing but the seed, the epoch and the step is known to it.
    continued = make(preprocessing=preprocessing, batch_size=3)
    for first_step in (1, len(whole) - 1, len(whole)):
        tail = arrays(continued.epoch(2, first_step))
        assert len(tail) == len(whole) - first_step
        for expected, found in zip(whole[first_step:], tail, strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("make", "steps"), [(search, 1), (training, 2)], ids=["search", "training"])
def test_a_shortened_epoch_uses_the_first_images_of_its_order_and_other_epochs_others(make, steps):
    def images(**change):
        batches = make(**change) if make is search else ((batch,) for batch in make(**change))
        return [indices_of(images) for batch in batches for images, _ in batch]

    whole, short = images(), images(steps=steps)
    assert len(short) < len(whole)
    assert short == whole[: len(short)]
    assert images(steps=steps, epoch=2) == images(epoch=2)[: len(short)] != short


@pytest.mark.parametrize("make", [search, training], ids=["search", "training"])
def test_shortened_epochs_continue_the_count_of_steps_by_which_augmentation_is_drawn(make):
    # Steps 1 and 2 of the run: the second epoch of one step and the first epoch of two.
    single = AUGMENTED._replace(horizontal_flip=False, cutout_length=0)
    second = arrays(make(preprocessing=single, steps=1, epoch=2, batch_size=4))
    again = arrays(make(preprocessing=single, steps=2, epoch=2, batch_size=4))
    assert len(second) == 1
    assert second[0].tolist() != again[0].tolist()  # The same images, cropped as steps 1 and 2.


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
        images, _ = next(iter(TrainingBatches(split, preprocessing, batch_size=40, seed=0).epoch(1)))
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


@pytest.mark.parametrize("make", [lambda **steps: search(batch_size=3, **steps), lambda **steps: training(**steps)])
def test_more_steps_than_the_images_make_name_the_flag(make):
    most = len(list(make()))
    assert len(list(make(steps=most))) == most
    with pytest.raises(DatasetError, match=rf"--steps_per_epoch must be at most {most}, .* Received: {most + 1}$"):
        make(steps=most + 1)


@pytest.mark.parametrize("make", [search, training], ids=["search", "training"])
def test_each_image_comes_at_most_once_an_epoch_and_epochs_share_no_order(make):
    orders = [[], [], []]
    for epoch, order in enumerate(orders, start=1):
        for batch in make(epoch=epoch):
            for images, labels in batch if make is search else [batch]:
                indices = indices_of(images)
                assert labels.numpy().tolist() == [index % 3 for index in indices]
                order.extend(indices)
        assert len(order) == len(set(order)) == {search: 16, training: 20}[make]
    assert len(set(map(tuple, orders))) == 3


def test_search_pairs_come_from_the_right_halves_of_a_divided_set():
    halves = class_balanced_halves(SPLIT.labels, 3)
    for seed in range(3):
        for pair in SearchBatches(SPLIT, halves, PLAIN, batch_size=5, seed=seed).epoch(4):
            for half, (images, _) in zip(halves, pair, strict=True):
                assert set(indices_of(images)) <= set(half.tolist())


def sources_of(count):
    """A split whose images are decoded per batch, as of sets that are too large to be kept as pixels."""
    encoded = [tf.io.encode_png(image).numpy() for image in SPLIT.load_batch(tf.range(count, dtype=tf.int64)).numpy()]
    decode = lambda source: decode_to_shape(source, (4, 4, 1), resize=False)  # noqa: E731
    return ImageSplit.from_sources(encoded, SPLIT.labels[:count], tf.identity, decode, (4, 4, 1))


def test_images_decoded_per_batch_make_the_same_batches_as_pixels():
    encoded = sources_of(COUNT)
    for split_batches, other_batches in (
        (
            SearchBatches(split, HALVES, AUGMENTED, batch_size=4, seed=0).epoch(2, first_step=1)
            for split in (SPLIT, encoded)
        ),
        (TrainingBatches(split, AUGMENTED, batch_size=4, seed=0).epoch(2) for split in (SPLIT, encoded)),
        (input_pipelines.test_batches(split, AUGMENTED, batch_size=4) for split in (SPLIT, encoded)),
    ):
        assert split_batches.element_spec == other_batches.element_spec
        for expected, found in zip(arrays(split_batches), arrays(other_batches), strict=True):
            np.testing.assert_array_equal(found, expected)


def test_a_batch_is_what_the_augmentation_makes_of_the_step_s_images():
    # Epochs of 4 steps: step 2 of epoch 3 is global step 10.
    order = epoch_order(COUNT, 9, "training", 3)[10:15]
    images = SPLIT.load_batch(tf.constant(order))
    images = pad_crop(images, 2, stateless_seed(9, "training: crop", 10))
    images = horizontal_flip(images, stateless_seed(9, "training: flip", 10))
    expected = cutout(normalize_channels(images, *AUGMENTED[:2]), 2, stateless_seed(9, "training: cutout", 10))
    found, labels = next(iter(training(preprocessing=AUGMENTED, epoch=3, seed=9, first_step=2)))
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(labels, order % 3)


def test_a_batch_of_random_resized_crops_with_other_colours_is_made_in_this_order():
    pixels = np.random.default_rng(0).integers(0, 256, [6, 8, 8, 3], np.uint8)
    split = ImageSplit.from_pixels(pixels, np.zeros(6))
    preprocessing = RESIZED._replace(mean=np.full(3, 9.0, np.float32))
    order = epoch_order(6, 9, "training", 3)[3:6]
    # Epochs of 2 steps: step 1 of epoch 3 is global step 5.
    images = split.load_crops(tf.constant(order), draw_crops(3, stateless_seed(9, "training: crop", 5)))
    images = horizontal_flip(images, stateless_seed(9, "training: flip", 5))
    images = flip_jitter_and_normalize(images, 0.4, 0.2, stateless_seed(9, "training: colors", 5))
    images = normalize_channels(images, preprocessing.mean, preprocessing.standard_deviation)
    expected = cutout(images, 2, stateless_seed(9, "training: cutout", 5))
    batches = TrainingBatches(split, preprocessing, batch_size=3, seed=9).epoch(3, first_step=1)
    assert batches.element_spec[0] == tf.TensorSpec([3, 8, 8, 3], tf.float32)
    np.testing.assert_allclose(next(iter(batches))[0], expected, atol=1e-3)


def test_images_are_changed_after_their_crop_and_erased_at_the_end():
    order = epoch_order(COUNT, 9, "training", 3)[10:15]
    images = pad_crop(SPLIT.load_batch(tf.constant(order)), 2, stateless_seed(9, "training: crop", 10))
    images = rand_augment(images, 1, 9.0, stateless_seed(9, "training: RandAugment", 10))
    images = horizontal_flip(images, stateless_seed(9, "training: flip", 10))
    images = cutout(normalize_channels(images, *MODERN[:2]), 2, stateless_seed(9, "training: cutout", 10))
    expected = erase_rectangles(images, 0.5, stateless_seed(9, "training: erasing", 10))
    found, _ = next(iter(training(preprocessing=MODERN, epoch=3, seed=9, first_step=2)))
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert (expected != images).numpy().any()


def test_training_uses_every_image_where_batches_fill_up():
    batches = list(training(batch_size=1))
    assert sorted(index for images, _ in batches for index in indices_of(images)) == list(range(COUNT))


@pytest.mark.parametrize("batch_size", [1, 2, 22, 23, 24, 60])
def test_every_test_image_has_weight_1_once_at_every_batch_size(batch_size):
    counted = []
    for images, labels, weights in input_pipelines.test_batches(SPLIT, PLAIN, batch_size=batch_size):
        assert len(images) == len(labels) == len(weights) == batch_size
        counted.extend(np.array(indices_of(images))[weights.numpy() == 1].tolist())
        assert set(weights.numpy().tolist()) <= {0.0, 1.0}
    assert counted == list(range(COUNT))


def test_test_images_are_not_augmented():
    preprocessing = RESIZED._replace(mean=PLAIN.mean, randaugment_layers=2, random_erasing_probability=1.0)
    first, second = (
        arrays(input_pipelines.test_batches(SPLIT, chosen, batch_size=5)) for chosen in (PLAIN, preprocessing)
    )
    for expected, found in zip(first, second, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_batch_that_is_too_large_is_one_line_before_anything_is_read():
    def refuse(indices):
        raise AssertionError("an image was read")

    split = ImageSplit(SPLIT.labels, refuse)
    with pytest.raises(DatasetError) as caught:
        SearchBatches(split, HALVES, PLAIN, batch_size=12, seed=0)
    assert str(caught.value) == "--batch_size=12 is larger than the 11 images to draw from; lower --batch_size"


@pytest.mark.parametrize(
    "make",
    [
        lambda split: SearchBatches(split, HALVES, AUGMENTED, batch_size=4, seed=0),
        lambda split: TrainingBatches(split, AUGMENTED, batch_size=4, seed=0),
    ],
    ids=["search", "training"],
)
def test_epochs_after_the_first_trace_nothing(make):
    traced = []

    def load_batch(indices):
        traced.append(indices)
        return SPLIT.load_batch(indices)

    batches = make(ImageSplit(SPLIT.labels, load_batch))
    first = arrays(batches.epoch(1))
    in_one_epoch = len(traced)
    assert in_one_epoch >= 1
    others = [arrays(batches.epoch(number)) for number in (2, 3)]
    assert len(traced) == in_one_epoch
    for other in others:
        assert any((one != another).any() for one, another in zip(first, other, strict=True))


def test_no_pipeline_is_tuned_while_it_runs():
    """The thread that does so made the end of an epoch wait for it, for seconds."""
    for batches in (search(), training(), input_pipelines.test_batches(SPLIT, PLAIN, batch_size=5)):
        assert batches.options().autotune.enabled is False
        assert batches.options().threading.max_intra_op_parallelism == 1


def test_the_same_epoch_read_twice_and_by_threads_is_the_same():
    batches = search(preprocessing=AUGMENTED, batch_size=3, epoch=5)
    first, second = arrays(batches), arrays(batches)
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    for expected, again, alone in zip(first, second, arrays(batches.with_options(options)), strict=True):
        np.testing.assert_array_equal(again, expected)
        np.testing.assert_array_equal(alone, expected)


@pytest.mark.parametrize(
    "preprocessing", [AUGMENTED, RESIZED, MODERN], ids=["pad crop", "random-resized crop", "modern"]
)
def test_the_parts_that_workers_load_make_up_the_whole_batch(preprocessing):
    """Drawn for the whole batch, so that the number of workers changes no image."""

    def joined(make, **kwargs):
        parts = [list(make(**kwargs, rows=rows)) for rows in (slice(0, 2), slice(2, 4))]
        return [
            [np.concatenate(pair) for pair in zip(*map(tf.nest.flatten, batch), strict=True)]
            for batch in zip(*parts, strict=True)
        ]

    def tests(**kwargs):
        return input_pipelines.test_batches(SPLIT, preprocessing, batch_size=4, **kwargs)

    for make, kwargs in (
        (training, {"batch_size": 4, "preprocessing": preprocessing}),
        (search, {"batch_size": 4, "preprocessing": preprocessing}),
        (tests, {}),
    ):
        whole = [tf.nest.flatten(batch) for batch in make(**kwargs)]
        assert len(whole) >= 2
        for batch, parts in zip(whole, joined(make, **kwargs), strict=True):
            for one, other in zip(batch, parts, strict=True):
                np.testing.assert_allclose(one, other, atol=1e-4)
