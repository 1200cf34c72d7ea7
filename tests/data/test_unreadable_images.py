import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from eoinas_tf.data.image_split import ImageSplit
from eoinas_tf.data.unreadable_images import named_read_failures
from eoinas_tf.errors import DatasetError


def remove(path):
    path.unlink()


def cut_off(path):
    path.write_bytes(path.read_bytes()[:300])


@pytest.mark.parametrize("is_compiled", [True, False])
@pytest.mark.parametrize(("spoil", "reason"), [(remove, "No such file"), (cut_off, "JPEG|jpeg|decode")])
def test_an_image_that_is_lost_or_changed_during_a_run_is_one_line(tmp_path, spoil, reason, is_compiled):
    paths = [tmp_path / f"{number}.jpg" for number in range(2)]
    for path in paths:
        Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(path)
    images = tf.data.Dataset.from_tensor_slices([str(path) for path in paths])
    images = images.map(tf.io.read_file).map(lambda encoded: tf.io.decode_jpeg(encoded, channels=3))

    def brightest(iterator):
        return tf.reduce_max(next(iterator))

    brightest = tf.function(brightest) if is_compiled else brightest
    iterator = iter(images)
    spoil(paths[1])
    with named_read_failures():
        assert int(brightest(iterator)) == 0
    with (
        pytest.raises(
            DatasetError, match=rf"^an image could not be read: [^{{]*({reason})[^\[]*; put it back, and repeat"
        ),
        named_read_failures(),
    ):
        brightest(iterator)


@pytest.mark.parametrize("kind", [tf.errors.UnknownError, tf.errors.AbortedError, tf.errors.FailedPreconditionError])
def test_a_drive_that_fails_is_one_line(kind):
    """As TensorFlow reports EIO, ESTALE and ENOTCONN."""
    text = "{{function_node __wrapped__IteratorGetNext}} /x/a.png; Input/output error\n\t [[{{node ReadFile}}]]"
    with (
        pytest.raises(DatasetError, match=r"could not be read: /x/a\.png; Input/output error; put"),
        named_read_failures(),
    ):
        raise kind(None, None, text)


@pytest.mark.parametrize(("spoil", "reason"), [(remove, "No such file"), (cut_off, "JPEG|jpeg|decode")])
def test_an_image_that_is_read_without_a_pipeline_is_one_line_too(tmp_path, spoil, reason):
    paths = [str(tmp_path / f"{number}.jpg") for number in range(2)]
    for path in paths:
        Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(path)
    split = ImageSplit.from_sources(
        (paths,), np.zeros(2), tf.io.read_file, lambda encoded: tf.io.decode_jpeg(encoded, channels=3), (32, 32, 3)
    )
    assert split.read([0, 1]).shape == (2, 32, 32, 3)
    spoil(tmp_path / "1.jpg")
    with pytest.raises(DatasetError, match=rf"^an image could not be read: [^{{]*({reason})[^\[]*; put it back, and"):
        split.read([0, 1])


def test_other_errors_are_left_alone():
    with pytest.raises(tf.errors.InvalidArgumentError), named_read_failures():
        tf.reshape(tf.zeros([3]), [2, tf.constant(2)])
    with pytest.raises(tf.errors.NotFoundError), named_read_failures():
        tf.io.read_file("nowhere")
