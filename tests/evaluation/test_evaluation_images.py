import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.data.augmentation import cutout
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.evaluation import evaluation_images
from eoinas_tf.evaluation.evaluation_images import check_cutout, choose_preprocessing, load_images


@pytest.fixture(scope="module")
def digits():
    return load_images(EvaluationConfig(dataset="digits", image_size=(6, 8)))


def test_images_have_the_size_that_is_asked_for(digits):
    assert digits.image_shape == (6, 8, 1)
    assert len(digits.class_names) == 10


@pytest.mark.parametrize(
    ("crop", "image_size", "keeps_originals"),
    [("pad", (8, 8), False), ("random_resized", (8, 8), True), ("random_resized", None, False)],
)
def test_random_crops_are_cut_from_originals_where_images_are_resized(crop, image_size, keeps_originals, monkeypatch):
    calls = []
    monkeypatch.setattr(evaluation_images, "load_image_dataset", lambda *args, **kwargs: calls.append((args, kwargs)))
    resize_side = None if image_size is None else 9
    load_images(EvaluationConfig(crop=crop, image_size=image_size, resize_side=resize_side, data_dir="somewhere"))
    expected = {"data_dir": "somewhere", "download": False, "image_size": image_size, "resize_side": resize_side}
    assert calls == [(("cifar10",), {**expected, "keep_originals": keeps_originals, "skip_bad_images": False})]
    load_images(EvaluationConfig(on_bad_image="skip"))
    assert calls[1][1]["skip_bad_images"]


def test_the_settings_of_augmentation_arrive_under_their_own_names(digits):
    config = EvaluationConfig(
        crop="random_resized",
        color_jitter=0.25,
        hue_jitter=0.125,
        crop_padding=3,
        cutout_length=5,
        horizontal_flip=False,
        randaugment_layers=2,
        randaugment_magnitude=7.0,
        random_erasing_probability=0.125,
    )
    preprocessing = choose_preprocessing(config, digits)
    assert preprocessing.random_resized_crop
    assert (preprocessing.color_jitter, preprocessing.hue_jitter) == (0.25, 0.125)
    assert (preprocessing.crop_padding, preprocessing.cutout_length) == (3, 5)
    assert not preprocessing.horizontal_flip
    assert (preprocessing.randaugment_layers, preprocessing.randaugment_magnitude) == (2, 7.0)
    assert preprocessing.random_erasing_probability == 0.125
    assert not choose_preprocessing(EvaluationConfig(), digits).random_resized_crop


@pytest.mark.parametrize(
    ("length", "shape", "result"),
    [
        (0, (8, 8, 1), None),
        (4, (8, 8, 1), None),
        (16, (32, 32, 3), None),
        (16, (16, 40, 3), None),
        (16, (16, 16, 3), "blanks 56% of a training image on average; the images have 16x16 pixels"),
        (15, (8, 7, 1), "would blank every training image completely; the images have 8x7 pixels"),
        (16, (8, 8, 1), "would blank every training image completely; the images have 8x8 pixels"),
        (16, (8, 9, 1), "blanks 99% of"),
    ],
)
def test_a_cutout_as_large_as_the_image_is_told_or_refused(length, shape, result, caplog):
    try:
        check_cutout(length, shape)
        message = "".join(record.message for record in caplog.records)
    except ConfigurationError as error:
        message = str(error)
    assert (result or "") in message
    assert bool(result) == bool(message)
    images = tf.ones([400, *shape])
    left = cutout(images, length, tf.constant([1, 2])).numpy().mean()
    # Refused exactly where nothing is left.
    assert (left == 0.0) == message.startswith("--cutout_length would")
    assert (left < 0.5) == bool(result)


def test_normalization_is_measured_where_no_recipe_is_named(digits):
    pixels = digits.train.load_batch(np.arange(len(digits.train))).numpy().astype(np.float64)
    measured = choose_preprocessing(EvaluationConfig(), digits)
    np.testing.assert_allclose(measured.mean, pixels.mean(axis=(0, 1, 2)), rtol=1e-4)
    np.testing.assert_allclose(measured.standard_deviation, pixels.std(axis=(0, 1, 2)), rtol=1e-4)
