"""Images in TFRecord files, each read directly at its position, so that a set of any size can be shuffled by index.

Only the position, label and digest of each record are kept in memory: 24 bytes per image.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from eoinas_tf.data.pipeline_tuning import without_autotuning

# A record's length and the checksums of the length and of the content.
BYTES_AROUND_RECORD = 16
# Number of values to which TensorFlow's hash of a string is reduced.
DIGESTS = 2**63 - 1
FILES_AT_ONCE = 16
RECORDS_PER_CHUNK = 1024


class RecordIndex(NamedTuple):
    """The position of each record, in the order of the files.

    Args:
        file_numbers: Index of the file, int32 [n].
        offsets: First byte in it, int64 [n].
        labels: The image's class, int32 [n].
        digests: Digest of the encoded image, uint64 [n].
    """

    file_numbers: np.ndarray
    offsets: np.ndarray
    labels: np.ndarray
    digests: np.ndarray


def index_records(paths: Sequence[str]) -> RecordIndex:
    """Reads every record once, which verifies it, and records its position.

    Args:
        paths: TFRecord files of examples that hold an integer `label` and an encoded `image`.

    Returns:
        The index of all records.

    Raises:
        tf.errors.OpError: A file cannot be read, or a record is damaged.
    """
    unconverted = tf.autograph.experimental.do_not_convert

    @unconverted
    def label_length_and_digest(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        features = {"image": tf.io.FixedLenFeature([], tf.string), "label": tf.io.FixedLenFeature([], tf.int64)}
        example = tf.io.parse_single_example(record, features)
        return example["label"], tf.strings.length(record), digest_texts(example["image"])

    @unconverted
    def records_of(number: tf.Tensor, path: tf.Tensor) -> tf.data.Dataset:
        records = tf.data.TFRecordDataset(path).map(label_length_and_digest)
        return tf.data.Dataset.zip((tf.data.Dataset.from_tensors(number).repeat(), records))

    files = tf.data.Dataset.from_tensor_slices((np.arange(len(paths), dtype=np.int32), list(paths)))
    records = files.interleave(
        records_of, cycle_length=FILES_AT_ONCE, num_parallel_calls=FILES_AT_ONCE, deterministic=True
    )
    chunks = [
        np.stack([np.asarray(number, np.int64), *columns])
        for number, columns in without_autotuning(records.batch(RECORDS_PER_CHUNK)).as_numpy_iterator()
    ]
    numbers, labels, lengths, digests = np.concatenate([np.empty((4, 0), np.int64), *chunks], axis=1)
    # The files were read in parallel; within a file the order is that of its records.
    order = np.argsort(numbers, kind="stable")
    numbers, labels, lengths, digests = numbers[order], labels[order], lengths[order], digests[order]
    ends = np.cumsum(lengths + BYTES_AROUND_RECORD)
    starts = ends - lengths - BYTES_AROUND_RECORD
    first_of_file = np.searchsorted(numbers, numbers)
    offsets = starts - starts[first_of_file]
    return RecordIndex(numbers.astype(np.int32), offsets, labels.astype(np.int32), digests.astype(np.uint64))


def digest_texts(texts: tf.Tensor) -> tf.Tensor:
    """Returns a 63-bit digest of each string, the same in every version of TensorFlow: int64 of the strings' shape.

    Args:
        texts: string, any shape.
    """
    return tf.strings.to_hash_bucket_fast(texts, DIGESTS)


def read_encoded_image(paths: tf.Tensor, file_number: tf.Tensor, offset: tf.Tensor) -> tf.Tensor:
    """Reads one record's encoded image; works eagerly and inside a `tf.data` map.

    Args:
        paths: The files, string [files].
        file_number: Index of the file, int32 scalar.
        offset: First byte of the record in the file, int64 scalar.

    Returns:
        The `image` of the record's example, string scalar.

    Raises:
        tf.errors.OpError: The file cannot be read, or the record is damaged.
    """
    records = tf.raw_ops.TFRecordDatasetV2(
        filenames=[tf.gather(paths, file_number)],
        compression_type="",
        buffer_size=0,  # For a single record, a buffer would only be another copy.
        byte_offsets=[offset],
    )
    record = tf.data.experimental.from_variant(records, tf.TensorSpec([], tf.string)).take(1).get_single_element()
    return tf.io.parse_single_example(record, {"image": tf.io.FixedLenFeature([], tf.string)})["image"]
