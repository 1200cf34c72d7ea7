import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from eoinas_tf.data import image_resizing
from eoinas_tf.data.image_resizing import fit_images, fit_pixels, image_fitter, resize_images

RANDOM = np.random.default_rng(0)


def test_shrinking_averages_as_a_triangle_filter_does():
    # Halving with antialiasing weights four neighbours 1, 3, 3, 1; pixels outside have no weight.
    row = np.array([0, 0, 80, 160, 240, 255, 255, 255], np.uint8)
    expected = [
        (3 * 0 + 3 * 0 + 80) / 7,
        (0 + 3 * 80 + 3 * 160 + 240) / 8,
        (160 + 3 * 240 + 3 * 255 + 255) / 8,
        (255 + 3 * 255 + 3 * 255) / 7,
    ]
    image = np.tile(row[np.newaxis, :, np.newaxis], [8, 1, 1])
    resized = resize_images(image, (4, 4))
    assert resized.dtype == tf.uint8
    np.testing.assert_array_equal(resized[1, :, 0], np.round(expected))


def test_own_size_changes_nothing_and_batches_are_resized_alike():
    images = RANDOM.integers(0, 256, [2, 6, 5, 3], np.uint8)
    np.testing.assert_array_equal(resize_images(images, (6, 5)), images)
    np.testing.assert_array_equal(resize_images(images, (3, 9))[1], resize_images(images[1], (3, 9)))


def test_resizing_keeps_black_white_and_the_order_of_height_and_width():
    for value in (0, 255):
        resized = resize_images(np.full([5, 7, 1], value, np.uint8), (11, 3)).numpy()
        assert resized.shape == (11, 3, 1)
        assert np.all(resized == value)


@pytest.mark.parametrize(("height", "width", "top", "left"), [(8, 13, 2, 4), (13, 8, 4, 2), (8, 8, 2, 2), (9, 8, 2, 2)])
def test_the_middle_of_an_image_whose_shorter_side_fits(height, width, top, left):
    # Nothing is resized, so the pixels are the image's own. Margins of 9 and 5 pixels are halved, rounded to even.
    image = RANDOM.integers(0, 256, [height, width, 3], np.uint8)
    middle = fit_images(image, (4, 4), 8)
    np.testing.assert_array_equal(middle, image[top : top + 4, left : left + 4])
    np.testing.assert_array_equal(fit_images(image[None], (4, 4), 8)[0], middle)


@pytest.mark.parametrize(("size", "resized_size"), [((20, 33), (10, 16)), ((45, 20), (22, 10)), ((7, 5), (14, 10))])
def test_the_shorter_side_is_resized_and_the_middle_cut_out_as_by_pillow(size, resized_size):
    image = RANDOM.integers(0, 256, [*size, 3], np.uint8)
    resized = Image.fromarray(image).resize(resized_size[::-1], Image.Resampling.BILINEAR)
    top, left = (int(np.round((side - 8) / 2)) for side in resized_size)
    expected = np.asarray(resized)[top : top + 8, left : left + 8]
    np.testing.assert_allclose(fit_images(image, (8, 8), 10).numpy().astype(int), expected, atol=1)


def test_images_of_many_sizes_are_not_compiled_one_by_one(monkeypatch):
    compiled_shapes = []
    plain = image_resizing._turn_and_round
    monkeypatch.setattr(
        image_resizing, "_turn_and_round_compiled", lambda images: compiled_shapes.append(images.shape) or plain(images)
    )
    for height in (9, 11, 13):
        image = np.zeros([height, 8, 3], np.uint8)
        fit_images(image, (4, 4), resize_side=6)
        resize_images(image, (4, 5))
    assert set(map(tuple, compiled_shapes)) == {(1, 5, 4, 3)}


@pytest.fixture
def pixels_made(monkeypatch):
    """Records how many pixels each step of resizing makes."""
    made = []
    real = image_resizing._resize_lines

    def noted(images, lines, *others):
        # Before the step, because it could need more memory than the machine has.
        made.append(int(tf.reduce_prod(tf.shape(images)[:-1])) // int(tf.shape(images)[1]) * int(lines))
        assert made[-1] <= 2 * image_resizing.MOST_RESIZED_PIXELS
        return real(images, lines, *others)

    monkeypatch.setattr(image_resizing, "_resize_lines", noted)
    return made


@pytest.mark.parametrize("size", [(2, 20000), (20000, 2), (1, 3_000_000), (3_000_000, 1), (9_000_000, 1)])
def test_a_long_thin_image_takes_little_more_memory_than_it_has(size, pixels_made):
    # 2x20000 pixels by the shorter side are 256 x 2,560,000: 8.8 GB, of which 224x224 pixels are needed.
    image = np.full([*size, 1], 77, np.uint8)
    np.testing.assert_array_equal(fit_images(image, (224, 224), 256), np.full([224, 224, 1], 77))
    assert max(pixels_made) < 300_000
    pixels_made.clear()
    np.testing.assert_array_equal(resize_images(image, (224, 256)), np.full([224, 256, 1], 77))
    assert max(pixels_made) < max(300_000, image_resizing.MOST_RESIZED_PIXELS)


@pytest.mark.parametrize("size", [(40, 20), (20, 61), (7, 7), (3, 90), (200, 31), (1, 9)])
@pytest.mark.parametrize(("image_size", "resize_side"), [((8, 8), 10), ((16, 9), 40), ((5, 7), 7)])
@pytest.mark.parametrize("batch", [False, True], ids=["image", "batch"])
def test_what_is_cut_before_it_is_resized_has_the_pixels_of_what_is_cut_afterwards(
    size, image_size, resize_side, batch, monkeypatch
):
    image = RANDOM.integers(0, 256, [*([2] if batch else []), *size, 3], np.uint8)
    expected = fit_images(image, image_size, resize_side).numpy().astype(int)
    monkeypatch.setattr(image_resizing, "MOST_RESIZED_PIXELS", 0)
    unknown = tf.TensorSpec([None] * (image.ndim - 1) + [3], tf.uint8)
    in_graph = tf.function(lambda images: fit_images(images, image_size, resize_side), input_signature=[unknown])
    for cut_first in (fit_images(image, image_size, resize_side), in_graph(image)):
        difference = np.abs(cut_first.numpy().astype(int) - expected)
        # Sums in another order can round to the neighbour, for values midway between two.
        assert difference.max() <= 1
        assert np.mean(difference > 0) < 0.1


@pytest.mark.parametrize("size", [(50, 9), (9, 50), (12, 12)])
def test_which_side_is_resized_first_makes_no_difference_but_for_rounding(size, monkeypatch):
    image = RANDOM.integers(0, 256, [*size, 3], np.uint8)
    expected = resize_images(image, (20, 30)).numpy().astype(int)
    monkeypatch.setattr(image_resizing, "MOST_RESIZED_PIXELS", 0)
    difference = np.abs(resize_images(image, (20, 30)).numpy().astype(int) - expected)
    assert difference.max() <= 1
    assert np.mean(difference > 0) < 0.01


@pytest.mark.parametrize("size", [(375, 500), (3000, 4000), (240, 2400)])
def test_ordinary_photographs_keep_their_bytes(size):
    image = RANDOM.integers(0, 256, [*size, 3], np.uint8)
    sides = [256 * side // min(size) for side in size]
    top, left = (int(np.round((side - 224) / 2)) for side in sides)
    rows = tf.raw_ops.ScaleAndTranslate(
        images=tf.reshape(image, [1, 1, size[0], -1]),
        size=[1, sides[0]],
        scale=[1.0, np.float32(sides[0] / size[0])],
        translation=[0.0, 0.0],
        kernel_type="triangle",
    )
    turned = tf.transpose(tf.reshape(rows, [sides[0], size[1], 3]), [1, 0, 2])
    columns = tf.raw_ops.ScaleAndTranslate(
        images=tf.reshape(turned, [1, 1, size[1], -1]),
        size=[1, sides[1]],
        scale=[1.0, np.float32(sides[1] / size[1])],
        translation=[0.0, 0.0],
        kernel_type="triangle",
    )
    expected = tf.round(tf.transpose(tf.reshape(columns, [sides[1], sides[0], 3]), [1, 0, 2]))
    np.testing.assert_array_equal(fit_images(image, (224, 224), 256), expected[top : top + 224, left : left + 224])


@pytest.mark.parametrize("resize_side", [None, 12])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_fitter_gives_the_bytes_of_single_calls(resize_side, channels):
    fit = image_fitter((9, 8), resize_side)
    for size in [(9, 8), (32, 32), (40, 20), (7, 61), (1, 1), (300, 2)]:
        image = RANDOM.integers(0, 256, [*size, channels], np.uint8)
        np.testing.assert_array_equal(fit(image), fit_images(image, (9, 8), resize_side))


@pytest.mark.parametrize("resize_side", [None, 12])
def test_many_images_are_resized_some_at_a_time_to_the_same_bytes(monkeypatch, resize_side):
    images = RANDOM.integers(0, 256, [7, 20, 30, 3], np.uint8)
    expected = fit_images(images, (9, 8), resize_side)
    sizes = []
    resized = image_resizing.fit_images
    monkeypatch.setattr(image_resizing, "MOST_RESIZED_PIXELS", 3 * 20 * 30)
    monkeypatch.setattr(
        image_resizing, "fit_images", lambda some, *others: sizes.append(len(some)) or resized(some, *others)
    )
    np.testing.assert_array_equal(fit_pixels(images, (9, 8), resize_side), expected)
    assert sizes == [3, 3, 1]
    assert fit_pixels(images, (20, 30), resize_side) is images


def test_a_fitter_is_traced_once_for_all_sizes(monkeypatch):
    traced = []
    monkeypatch.setattr(image_resizing, "resize_images", lambda image, _: traced.append(image.shape) or image)
    fit = image_fitter((4, 4))
    for side in range(5, 9):
        fit(np.zeros([side, 5, 3], np.uint8))
        fit(np.zeros([side, side, 1], np.uint8))
    assert [shape.as_list() for shape in traced] == [[None, None, 3], [None, None, 1]]


@pytest.mark.parametrize("resize_side", [None, 12])
@pytest.mark.parametrize("in_graph", [False, True])
def test_what_has_the_size_already_is_not_resized(resize_side, in_graph):
    fit = image_fitter((9, 8), resize_side) if in_graph else lambda images: fit_images(images, (9, 8), resize_side)
    images = RANDOM.integers(0, 256, [2, 9, 8, 3], np.uint8)
    np.testing.assert_array_equal(fit(images), images)
    np.testing.assert_array_equal(fit(images[0]), images[0])
    larger = RANDOM.integers(0, 256, [2, 9, 40, 3], np.uint8)
    once = fit(larger)
    assert once.shape == (2, 9, 8, 3)
    np.testing.assert_array_equal(fit(once), once)
    # Only one side of these is the result's.
    for size in ((9, 9), (8, 8), (8, 9)):
        assert fit(RANDOM.integers(0, 256, [*size, 3], np.uint8)).shape == (9, 8, 3)
