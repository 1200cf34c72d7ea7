"""What every source of images is turned into: labels, and a function that loads images by index."""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

# Splits up to this size are decoded once and kept as pixels; larger ones are decoded per batch.
DECODED_BYTES_LIMIT = 2**30


@dataclasses.dataclass(frozen=True, eq=False)
class ImageSplit:
    """One part of a data set.

    Attributes:
        labels: int32 array of shape [n], the class of each image.
        load_batch: Takes int64 indices of shape [b], returns uint8 images of shape
            [b, height, width, channels]. Works eagerly and inside a `tf.data` map.
    """

    labels: np.ndarray
    load_batch: Callable[[tf.Tensor], tf.Tensor]

    def __len__(self) -> int:
        return len(self.labels)

    @classmethod
    def from_pixels(cls, images: np.ndarray, labels: np.ndarray) -> "ImageSplit":
        """Makes a split of decoded images.

        Args:
            images: uint8 array of shape [n, height, width, channels].
            labels: Integer array of shape [n].
        """
        # On the CPU, because the input pipeline runs there.
        with tf.device("CPU:0"):
            pixels = tf.constant(images, tf.uint8)
        return cls(np.asarray(labels, np.int32), lambda indices: tf.gather(pixels, indices))

    @classmethod
    def from_sources(
        cls,
        sources: list[bytes],
        labels: np.ndarray,
        decode: Callable[[tf.Tensor], tf.Tensor],
        image_shape: tuple[int, int, int],
    ) -> "ImageSplit":
        """Makes a split whose images are decoded each time they are asked for.

        Args:
            sources: n byte strings: encoded images, or whatever else `decode` takes.
            labels: Integer array of shape [n].
            decode: Takes a string tensor of shape [], returns a uint8 image of `image_shape`.
            image_shape: (height, width, channels).
        """
        with tf.device("CPU:0"):
            held = tf.constant(sources, tf.string)
        signature = tf.TensorSpec(image_shape, tf.uint8)

        def load_batch(indices: tf.Tensor) -> tf.Tensor:
            return tf.map_fn(decode, tf.gather(held, indices), fn_output_signature=signature)

        return cls(np.asarray(labels, np.int32), load_batch)

    def subset(self, indices: np.ndarray) -> "ImageSplit":
        """Returns the split of the images at `indices`, an integer array of shape [m], in that order."""
        with tf.device("CPU:0"):
            positions = tf.constant(indices, tf.int64)
        return ImageSplit(
            self.labels[np.asarray(indices)], lambda chosen: self.load_batch(tf.gather(positions, chosen))
        )


@dataclasses.dataclass(frozen=True, eq=False)
class ImageDataset:
    """A labelled data set for training and testing.

    Attributes:
        name: The name it was asked for by.
        class_names: A name for each class, in the order of the labels.
        image_shape: (height, width, channels) of every image.
        train: The images that networks are trained on.
        test: The images that a finished network is tested on.
    """

    name: str
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    train: ImageSplit
    test: ImageSplit

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)


def fits_in_memory(count: int, image_shape: tuple[int, int, int]) -> bool:
    """Tells whether `count` decoded images of `image_shape` are few enough to be kept as pixels."""
    return count * int(np.prod(image_shape)) <= DECODED_BYTES_LIMIT
