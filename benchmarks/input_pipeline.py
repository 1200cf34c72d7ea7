"""Times the input pipelines alone: `python benchmarks/input_pipeline.py --data_dir=FOLDER`.

The last line is one JSON object: images per second of the pipelines of a search and of a training on CIFAR-10 and, if
`imagenet2012` is in the folder, of a training on ImageNet. The latter is compared with three pipelines of plain
tf.data: one that only decodes the same files, one that decodes random-resized crops of them, and one that does the same
augmentation with TensorFlow's own operations. Each figure is the median of several rounds over all pipelines, so that a
short disturbance of the machine does not count.
"""

import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl import app, flags

from eoinas_tf.command_line import choose_threads
from eoinas_tf.data.image_datasets import load_image_dataset
from eoinas_tf.data.input_pipelines import Preprocessing, SearchBatches, TrainingBatches
from eoinas_tf.data.split_indices import class_balanced_halves

DATA_DIR = flags.DEFINE_string("data_dir", None, "Folder of prepared TensorFlow Datasets.", required=True)
SECONDS = flags.DEFINE_float("seconds", 10.0, "Seconds to time each pipeline, over all rounds.")
ROUNDS = 5
CIFAR_BATCH, IMAGENET_BATCH, IMAGENET_SIDE = 64, 16, 224
FEWEST_IMAGES = 10_000
COLOR_JITTER, HUE_JITTER = 0.4, 0.2
NO_CHANGE = (np.zeros(3, np.float32), np.ones(3, np.float32))
# Takes the epoch, counted from 1, and returns its batches.
MakeBatches = Callable[[int], tf.data.Dataset]


def main(_: list[str]) -> None:
    """Times the pipelines alternately and prints their median speeds."""
    choose_threads()  # Like the commands.
    pipelines = [*cifar_pipelines()]
    if (Path(DATA_DIR.value) / "imagenet2012").is_dir():
        pipelines += imagenet_pipelines()
    paces = {name: [] for name, _, _ in pipelines}
    for _ in range(ROUNDS):
        for name, make_batches, images in pipelines:
            paces[name].append(images_per_second(make_batches, images, SECONDS.value / ROUNDS))
    print(json.dumps({name: round(statistics.median(measured), 1) for name, measured in paces.items()}))


def images_per_second(make_batches: MakeBatches, images_in_a_batch: int, seconds: float) -> float:
    """Returns the speed of a pipeline, without its first batch.

    Args:
        make_batches: Takes the epoch, counted from 1, and returns its batches.
        images_in_a_batch: Images in an element.
        seconds: Seconds to measure.
    """
    started, done, epoch = None, 0, 0
    while True:
        epoch += 1
        for _ in make_batches(epoch):
            now = time.monotonic()
            if started is None:
                started = now
                continue
            done += 1
            if now - started > seconds:
                return done * images_in_a_batch / (now - started)


def cifar_pipelines() -> Iterator[tuple[str, MakeBatches, int]]:
    """Yields each pipeline of CIFAR-10: its name, the function that makes its batches, and the images in an element."""
    cifar = load_image_dataset("cifar10", data_dir=DATA_DIR.value)
    halves = class_balanced_halves(cifar.train.labels, 0)
    augmented = Preprocessing(*NO_CHANGE, crop_padding=4, horizontal_flip=True)
    blanked = Preprocessing(*NO_CHANGE, crop_padding=4, horizontal_flip=True, cutout_length=16)
    yield (
        "cifar10_search",
        SearchBatches(cifar.train, halves, augmented, batch_size=CIFAR_BATCH, seed=0).epoch,
        2 * CIFAR_BATCH,
    )
    yield (
        "cifar10_training",
        TrainingBatches(cifar.train, blanked, batch_size=CIFAR_BATCH, seed=0).epoch,
        CIFAR_BATCH,
    )


def imagenet_pipelines() -> Iterator[tuple[str, MakeBatches, int]]:
    """Yields the same for ImageNet's pipeline and the plain ones."""
    side = (IMAGENET_SIDE, IMAGENET_SIDE)
    imagenet = load_image_dataset("imagenet2012", data_dir=DATA_DIR.value, image_size=side, keep_originals=True)
    cropped = Preprocessing(
        *NO_CHANGE, horizontal_flip=True, random_resized_crop=True, color_jitter=COLOR_JITTER, hue_jitter=HUE_JITTER
    )
    # Repeated, because a sample of the set has few batches per epoch, and creating the pipeline must not count.
    train = imagenet.train.subset(np.arange(FEWEST_IMAGES) % len(imagenet.train))
    yield (
        "imagenet_training",
        TrainingBatches(train, cropped, batch_size=IMAGENET_BATCH, seed=0).epoch,
        IMAGENET_BATCH,
    )
    for what, prepare, batch in (
        ("decoding_alone", decode_whole, 1),  # Images of different sizes cannot be batched.
        ("cropping_alone", decode_resized_crop, IMAGENET_BATCH),
        ("training_by_plain_operations", augment_by_plain_operations, IMAGENET_BATCH),
    ):
        batches = prepared_batches("imagenet2012", prepare, batch)
        yield f"imagenet_{what}", lambda _, batches=batches: batches, batch


def prepared_batches(name: str, prepare: Callable[[tf.Tensor], tf.Tensor], batch_size: int) -> tf.data.Dataset:
    """Returns batches of a set's training images, prepared one by one in parallel, in TensorFlow Datasets' order.

    Args:
        name: Name of the set.
        prepare: Takes the contents of an image file and returns its pixels.
        batch_size: Images in a batch.
    """
    import tensorflow_datasets as tfds

    examples = tfds.load(name, split="train", data_dir=DATA_DIR.value, decoders={"image": tfds.decode.SkipDecoding()})
    images = examples.map(lambda example: prepare(example["image"]), num_parallel_calls=tf.data.AUTOTUNE).repeat(100)
    return images.batch(batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


def decode_whole(encoded: tf.Tensor) -> tf.Tensor:
    """Returns the pixels of an image file."""
    return tf.io.decode_jpeg(encoded, channels=3)


def decode_resized_crop(encoded: tf.Tensor) -> tf.Tensor:
    """Returns a random-resized crop of an image file, by TensorFlow's own operations."""
    shape, no_boxes = tf.image.extract_jpeg_shape(encoded), tf.zeros([1, 0, 4])
    begin, size, _ = tf.image.sample_distorted_bounding_box(
        shape, no_boxes, area_range=(0.08, 1.0), use_image_if_no_bounding_boxes=True
    )
    window = tf.concat([begin[:2], size[:2]], axis=0)
    image = tf.image.decode_and_crop_jpeg(encoded, window, channels=3)
    return tf.image.resize(image, [IMAGENET_SIDE, IMAGENET_SIDE], antialias=True)


def augment_by_plain_operations(encoded: tf.Tensor) -> tf.Tensor:
    """Returns a random-resized crop, flipped, with changed colours and normalized, by TensorFlow's own operations."""
    image = tf.image.random_flip_left_right(decode_resized_crop(encoded)) / 255
    image = tf.image.random_brightness(image, COLOR_JITTER)
    image = tf.image.random_contrast(image, 1 - COLOR_JITTER, 1 + COLOR_JITTER)
    image = tf.image.random_saturation(image, 1 - COLOR_JITTER, 1 + COLOR_JITTER)
    image = tf.image.random_hue(tf.clip_by_value(image, 0, 1), HUE_JITTER)
    return (image - NO_CHANGE[0]) / NO_CHANGE[1]


if __name__ == "__main__":
    app.run(main)
