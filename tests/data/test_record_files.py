from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.data.record_files import BYTES_AROUND_RECORD, digest_texts, index_records, read_encoded_image


def example(number):
    features = {
        "file_name": tf.train.Feature(bytes_list=tf.train.BytesList(value=[f"image {number}".encode()])),
        "image": tf.train.Feature(bytes_list=tf.train.BytesList(value=[content(number)])),
        "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[number % 7])),
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def content(number):
    return bytes([number]) * (1 + 37 * number)


@pytest.fixture
def paths(tmp_path):
    """Three files of 9, 0 and 4 records; the images are numbered consecutively."""
    number, paths = 0, []
    for file_number, count in enumerate((9, 0, 4)):
        paths.append(str(tmp_path / f"records-{file_number}"))
        with tf.io.TFRecordWriter(paths[-1]) as writer:
            for _ in range(count):
                writer.write(example(number))
                number += 1
    return paths


def read(paths, index, position):
    return read_encoded_image(tf.constant(paths), index.file_numbers[position], index.offsets[position])


def test_the_index_says_where_each_record_lies(paths):
    index = index_records(paths)
    assert index.file_numbers.tolist() == [0] * 9 + [2] * 4
    assert index.labels.tolist() == [number % 7 for number in range(13)]
    assert (index.file_numbers.dtype, index.labels.dtype, index.offsets.dtype) == (np.int32, np.int32, np.int64)
    assert index.digests.dtype == np.uint64
    assert len(set(index.digests.tolist())) == 13
    # Run folders contain it: every version must give the same digest.
    assert int(digest_texts(tf.constant(b"content"))) == 2535603848844879869
    sizes = [len(example(number)) for number in range(13)]
    assert BYTES_AROUND_RECORD == 8 + 4 + 4
    starts = [
        sum(size + 16 for size in sizes[first:number])
        for first, number in [(0, number) for number in range(9)] + [(9, number) for number in range(9, 13)]
    ]
    assert index.offsets.tolist() == starts


def test_any_record_can_be_read_in_any_order(paths):
    index = index_records(paths)
    for position in (12, 0, 8, 9, 3, 3):
        assert read(paths, index, position).numpy() == content(position)


def test_records_are_read_inside_a_pipeline(paths):
    index = index_records(paths)
    places = tf.data.Dataset.from_tensor_slices((index.file_numbers, index.offsets))
    images = places.map(lambda *place: read_encoded_image(tf.constant(paths), *place))
    assert images.element_spec == tf.TensorSpec([], tf.string)
    assert list(images.as_numpy_iterator()) == [content(number) for number in range(13)]


def test_no_record_makes_an_empty_index(paths):
    index = index_records(paths[1:2])
    assert [len(column) for column in index] == [0, 0, 0, 0]


def damage(path):
    content = bytearray(Path(path).read_bytes())
    content[-10] ^= 1
    Path(path).write_bytes(content)


def test_a_damaged_record_is_found_by_the_index_and_by_reading(paths):
    index = index_records(paths)
    damage(paths[2])
    with pytest.raises(tf.errors.DataLossError):
        index_records(paths)
    with pytest.raises(tf.errors.DataLossError):
        read(paths, index, 12)
    assert read(paths, index, 11).numpy() == content(11)
