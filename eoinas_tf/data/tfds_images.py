"""Image classification sets of TensorFlow Datasets, from a prepared folder, without using the network."""

import contextlib
import difflib
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import json_format  # type: ignore[import-untyped]

from eoinas_tf.cpu_threads import usable_cpus
from eoinas_tf.data.image_decoding import decode_to_shape
from eoinas_tf.data.image_folder import existing_folder
from eoinas_tf.data.image_split import ImageDataset, ImageSplit, fits_in_memory
from eoinas_tf.data.pipeline_tuning import without_autotuning
from eoinas_tf.data.record_files import digest_texts, index_records, read_encoded_image
from eoinas_tf.data.split_indices import HELD_OUT, held_out_fifth
from eoinas_tf.data.suggested_size import header_shapes, size_advice
from eoinas_tf.data.unsupported_tasks import other_task_error, task_of_features
from eoinas_tf.errors import DatasetError
from eoinas_tf.quiet_logging import without_warnings

# A name, optionally with /configuration and :version. A namespace (`huggingface:name`) would use the network.
NAME_PATTERN = re.compile(r"[A-Za-z]\w*(/[\w.+-]+)?(:[\d*]+\.[\d*]+\.[\d*]+)?")
IMAGES_PER_CHUNK = 1024
# Read to suggest a size.
IMAGES_PER_ADVICE = 64


def load_tfds_images(
    name: str,
    *,
    data_dir: str | None = None,
    download: bool = False,
    image_size: tuple[int, int] | None = None,
    resize_side: int | None = None,
    keep_originals: bool = False,
) -> ImageDataset:
    """Loads an image classification set of TensorFlow Datasets.

    The `train` part is for training. The test part is `test`, or `validation` if there is no `test` with labels; if
    there is neither, a class-balanced fifth of `train` is held out. A part that is too large to be kept as pixels stays
    in its files, and its images are read from there one by one.

    Args:
        name: Name as in TensorFlow Datasets, such as `cifar10`, `name/configuration` or `name:1.0.0`.
        data_dir: Folder of prepared data sets; `None` for TensorFlow Datasets' own default.
        download: Whether to download and prepare the set if it is missing. If false, the network is never used.
        image_size: (height, width) in pixels to resize to; if `None`, the images keep their size.
        resize_side: Resizes by the shorter side and cuts out the middle; see `load_image_dataset`.
        keep_originals: Whether crops of training images are cut from the images as they are in the files.

    Returns:
        The data set.

    Raises:
        DatasetError: The name is unknown, the set is missing or damaged, it is not an image classification set, or its
            images differ in size and no `image_size` is given.
    """
    builder = _prepared_builder(name, data_dir, download)
    image_feature, label_feature = _image_and_label(name, builder.info.features)
    height, width, channels = image_feature.shape
    if image_size is None and (height is None or width is None):
        raise _many_sizes(name, builder)
    height, width = image_size or (int(height), int(width))
    image_shape = (height, width, 1 if channels == 1 else 3)
    if "train" not in builder.info.splits:
        raise DatasetError(f"{name} has no part called train. Received: {', '.join(builder.info.splits) or 'no parts'}")
    test_name = next((part for part in ("test", "validation") if _has_labels(name, builder, part)), None)
    resize = image_size is not None

    def decode(encoded: tf.Tensor) -> tf.Tensor:
        return decode_to_shape(encoded, image_shape, resize, resize_side)

    train = _load_split(name, builder, "train", image_shape, decode, keep_originals)
    if test_name is None:
        kept, held_out = held_out_fifth(train.labels)
        train, test = train.subset(kept), train.subset(held_out)
    else:
        test = _load_split(name, builder, test_name, image_shape, decode)
    source = {"version": str(builder.version), "test part": test_name or HELD_OUT}
    return ImageDataset(name, tuple(label_feature.names), image_shape, train, test, source)


def tfds_outline(
    name: str, data_dir: str | None, image_size: tuple[int, int] | None
) -> tuple[tuple[int, int, int], int]:
    """Returns a set's image shape and classes from its description; its files need not be there.

    Args:
        name: As for `load_tfds_images`.
        data_dir: Folder of prepared data sets; `None` for TensorFlow Datasets' own default.
        image_size: (height, width) in pixels to resize to; if `None`, the images keep their size.

    Returns:
        (height, width, channels), and the number of classes.

    Raises:
        DatasetError: The name is unknown, it is not an image classification set, or its images differ in size and no
            `image_size` is given.
    """
    builder, _ = _builder(name, data_dir)
    image_feature, label_feature = _image_and_label(name, builder.info.features)
    height, width, channels = image_feature.shape
    if image_size is None and (height is None or width is None):
        raise _many_sizes(name, builder)
    height, width = image_size or (int(height), int(width))
    return (height, width, 1 if channels == 1 else 3), int(label_feature.num_classes)


def count_tfds_images(name: str, data_dir: str | None, download: bool = False) -> int:
    """Returns the number of training images from a set's description; approximate if it has no test part.

    Args:
        name: As for `load_tfds_images`.
        data_dir: Folder of prepared data sets; `None` for TensorFlow Datasets' own default.
        download: Whether to download and prepare a set that is not prepared.

    Raises:
        DatasetError: The name is unknown, or the set is not prepared or cannot be.
    """
    builder = _prepared_builder(name, data_dir, download) if download else _builder(name, data_dir)[0]
    splits = builder.info.splits
    if "train" not in splits:
        raise DatasetError(f"{name} is not prepared in {builder.data_path}; give --download once, or all sizes")
    count = int(splits["train"].num_examples)
    return count if "test" in splits or "validation" in splits else count * 4 // 5


def _many_sizes(name: str, builder: Any) -> DatasetError:
    """Returns the error for images that differ in size, suggesting a size if some of them are there."""
    import tensorflow_datasets as tfds

    encoded: list[bytes] = []
    if builder.is_prepared() and "train" in builder.info.splits:
        decoders = {"image": tfds.decode.SkipDecoding()}
        with _read_errors(name, builder, "train"):
            examples = builder.as_dataset(split="train", shuffle_files=False, decoders=decoders)
            encoded = [example["image"] for example in examples.take(IMAGES_PER_ADVICE).as_numpy_iterator()]
    return DatasetError(f"the images of {name} differ in size; {size_advice(header_shapes(encoded))}")


def _builder(name: str, data_dir: str | None) -> tuple[Any, bool]:
    """Returns the set's builder, and whether its files are there."""
    import tensorflow_datasets as tfds

    if not NAME_PATTERN.fullmatch(name):
        raise _unknown_name(name)
    try:
        with without_warnings("absl"):  # About sets that are not prepared: the error says so in one line.
            builder = tfds.builder(name, data_dir=data_dir)
            is_prepared = builder.is_prepared()
    except tfds.core.registered.DatasetNotFoundError as error:
        raise _unknown_name(name) from error
    except (OSError, ValueError, ImportError, AssertionError, json_format.Error, tf.errors.OpError) as error:
        raise DatasetError(f"TensorFlow Datasets cannot open {name}: {_first_line(error)}") from error
    return builder, is_prepared


def _prepared_builder(name: str, data_dir: str | None, download: bool) -> Any:
    """Returns the set's builder, after making sure that its files are there."""
    builder, is_prepared = _builder(name, data_dir)
    if is_prepared:
        return builder
    if not download:
        raise DatasetError(
            f"{name} is not there: looked for {builder.data_path}; "
            "give the folder that holds it as --data_dir, or --download to download it"
        )
    try:
        builder.download_and_prepare()
    # Each set has its own preparation code, which can raise anything.
    except Exception as error:
        raise DatasetError(
            f"{name} could not be downloaded and prepared in {builder.data_path}: {_first_line(error)}"
        ) from error
    return builder


def _unknown_name(name: str) -> DatasetError:
    import tensorflow_datasets as tfds

    if existing_folder(name):
        return DatasetError(
            f"unknown data set: {name!r}; a folder of class folders is given as --dataset=folder:{name}"
        )
    # The names in the installed package: nothing is looked up elsewhere.
    known = ["digits", *tfds.list_builders(with_community_datasets=False)]
    close = difflib.get_close_matches(name, known, n=3)
    hint = f"close names are {', '.join(close)}" if close else "no name is close to it"
    return DatasetError(
        f"unknown data set: {name!r}; {hint}; give a name of TensorFlow Datasets, digits, or folder:PATH"
    )


def _image_and_label(name: str, features: Any) -> tuple[Any, Any]:
    """Returns the `image` and the `label` feature."""
    import tensorflow_datasets as tfds

    found = dict(features.items()) if isinstance(features, tfds.features.FeaturesDict) else {}
    image, label = found.get("image"), found.get("label")
    is_image = isinstance(image, tfds.features.Image) and image.np_dtype == np.uint8
    if not is_image or not isinstance(label, tfds.features.ClassLabel):
        task = None if image is None or isinstance(label, tfds.features.ClassLabel) else task_of_features(found)
        listing = ", ".join(f"{key} ({type(feature).__name__})" for key, feature in sorted(found.items()))
        if task is not None:
            raise other_task_error(task, f"{name} with {listing}")
        raise DatasetError(
            f"{name} is not an image classification set: it needs image (8-bit Image) and label (ClassLabel). "
            f"Received: {listing or type(features).__name__}"
        )
    if label.num_classes is None or label.num_classes < 2:
        raise DatasetError(f"{name} has no classes to tell apart. Received: {label.num_classes} classes")
    return image, label


def _encoded_chunks(builder: Any, part: str) -> tf.data.Dataset:
    """Returns a part's (encoded images, labels) in chunks; for TFRecord files, in their order."""
    import tensorflow_datasets as tfds

    if builder.info.file_format.value == "tfrecord":
        features = {"image": tf.io.FixedLenFeature([], tf.string), "label": tf.io.FixedLenFeature([], tf.int64)}
        # Reading whole chunks takes a tenth of the time that TensorFlow Datasets needs one by one.
        records = tf.data.TFRecordDataset([os.fspath(path) for path in builder.info.splits[part].filepaths])
        parsed = records.batch(IMAGES_PER_CHUNK).map(
            tf.autograph.experimental.do_not_convert(lambda chunk: tf.io.parse_example(chunk, features))
        )
        return without_autotuning(parsed.map(lambda example: (example["image"], example["label"])))
    examples = builder.as_dataset(
        split=part,
        shuffle_files=False,
        decoders={"image": tfds.decode.SkipDecoding()},
        read_config=tfds.ReadConfig(try_autocache=False),
    )
    chunks = examples.map(lambda example: (example["image"], example["label"])).batch(IMAGES_PER_CHUNK)
    return without_autotuning(chunks)


def _has_labels(name: str, builder: Any, part: str) -> bool:
    """Tells whether a part exists, is not empty, and is labelled; competitions' test parts have the label -1."""
    if part not in builder.info.splits or not builder.info.splits[part].num_examples:
        return False
    with _read_errors(name, builder, part):
        return all(int(labels[0]) >= 0 for _, labels in _encoded_chunks(builder, part).take(1))


def _load_split(
    name: str,
    builder: Any,
    part: str,
    image_shape: tuple[int, int, int],
    decode: Callable[[tf.Tensor], tf.Tensor],
    keep_originals: bool = False,
) -> ImageSplit:
    """Loads a part: as pixels if they are few enough and sufficient, otherwise as positions in its files."""
    size = builder.info.splits[part].num_examples
    keep_pixels = fits_in_memory(size, image_shape) and not keep_originals
    if not keep_pixels and builder.info.file_format.value != "tfrecord":
        raise DatasetError(
            f"{part} of {name} is to be read image by image, which needs TFRecord files. "
            f"Received: {builder.info.file_format.value}; prepare the set as tfrecord"
        )
    with _read_errors(name, builder, part):
        split = (_pixel_split if keep_pixels else _record_split)(builder, part, image_shape, decode)
    if len(split) != size or not size:
        raise DatasetError(
            f"{part} of {name} is incomplete in {builder.data_path}: {size} images should be there. "
            f"Received: {len(split)}; prepare the set again"
        )
    if split.labels.min() < 0:
        raise DatasetError(f"{part} of {name} has images without a label. Received: label {split.labels.min()}")
    return split


def _pixel_split(
    builder: Any, part: str, image_shape: tuple[int, int, int], decode: Callable[[tf.Tensor], tf.Tensor]
) -> ImageSplit:
    """Decodes all images of a part; raises a DatasetError if it has more than it should."""
    size = builder.info.splits[part].num_examples
    signature = tf.TensorSpec(image_shape, tf.uint8)
    chunks = _encoded_chunks(builder, part).map(
        lambda encoded, labels: (
            tf.map_fn(decode, encoded, fn_output_signature=signature),
            labels,
            digest_texts(encoded),
        ),
        num_parallel_calls=usable_cpus() or 1,
        deterministic=True,
    )
    images, labels = np.empty((size, *image_shape), np.uint8), np.empty(size, np.int32)
    digests = np.empty(size, np.uint64)
    position = 0
    for chunk, chunk_labels, chunk_digests in chunks.prefetch(1).as_numpy_iterator():
        if position + len(chunk) > size:
            raise DatasetError(
                f"{part} of {builder.name} has more images in {builder.data_path} than its description says, {size}; "
                "prepare the set again"
            )
        images[position : position + len(chunk)] = chunk
        labels[position : position + len(chunk)] = chunk_labels
        digests[position : position + len(chunk)] = chunk_digests
        position += len(chunk)
    return ImageSplit.from_pixels(images[:position], labels[:position], digests[:position])


def _record_split(
    builder: Any, part: str, image_shape: tuple[int, int, int], decode: Callable[[tf.Tensor], tf.Tensor]
) -> ImageSplit:
    """Leaves the images in their files and records the position of each."""
    paths = [os.fspath(path) for path in builder.info.splits[part].filepaths]
    index = index_records(paths)
    with tf.device("CPU:0"):
        held_paths = tf.constant(paths)
    return ImageSplit.from_sources(
        (index.file_numbers, index.offsets),
        index.labels,
        lambda *place: read_encoded_image(held_paths, *place),
        decode,
        image_shape,
        index.digests,
    )


@contextlib.contextmanager
def _read_errors(name: str, builder: Any, part: str) -> Iterator[None]:
    """Turns the errors of reading damaged files into one line that names the set and its folder."""
    try:
        yield
    except (NotImplementedError, ImportError) as error:  # As TensorFlow Datasets raises for other files.
        raise DatasetError(
            f"{part} of {name} cannot be read from {builder.data_path}, whose files are of the format "
            f"{builder.info.file_format.value}: {_first_line(error)}; prepare the set as tfrecord"
        ) from error
    except (tf.errors.OpError, OSError) as error:
        raise DatasetError(
            f"{part} of {name} cannot be read from {builder.data_path}: {_first_line(error)}; prepare the set again"
        ) from error


def _first_line(error: BaseException) -> str:
    """Returns the start of an exception's message, on one line."""
    message = error.message if isinstance(error, tf.errors.OpError) else str(error)
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__
