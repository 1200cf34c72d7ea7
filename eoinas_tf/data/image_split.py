"""The common form of every image source: labels, and a function that loads images by index."""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from eoinas_tf.data.random_resized_crop import crop_image, decode_crop
from eoinas_tf.data.unreadable_images import reading_images
from eoinas_tf.errors import DatasetError

# Splits up to this size are decoded once and kept as pixels; larger ones are read and decoded per batch.
DECODED_BYTES_LIMIT = 2**30
# The characters that represent bytes of a file name that are not UTF-8.
NO_UTF_8 = re.compile("[\ud800-\udfff]")


@dataclasses.dataclass(frozen=True, eq=False)
class ImageSplit:
    """One part of a data set.

    Attributes:
        labels: int32 array of shape [n], the class of each image.
        load_batch: Takes int64 indices of shape [b], returns uint8 images of shape
            [b, height, width, channels]. Works eagerly and inside a `tf.data` map.
        crop_originals: Takes indices and the random values of `draw_crops`, cuts the crops from the images as they were
            before resizing, and returns what `load_batch` does. `None` if there are only the images of `load_batch` to
            cut from.
        image_digests: uint64 array of shape [n], a 64-bit digest of each image's content (for a folder, and of its
            name); `None` if the source gives none.
    """

    labels: np.ndarray
    load_batch: Callable[[tf.Tensor], tf.Tensor]
    crop_originals: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None = None
    image_digests: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def load_crops(self, indices: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
        """Loads a random-resized crop of each image.

        Args:
            indices: int64 [b].
            draws: Random values of `draw_crops`, float32 [b, attempts, 4].

        Returns:
            uint8 images of the shape that `load_batch` returns.
        """
        if self.crop_originals is not None:
            return self.crop_originals(indices, draws)
        images = self.load_batch(indices)
        return tf.map_fn(
            lambda image_and_draws: crop_image(image_and_draws[0], image_and_draws[1], images.shape[1:3]),
            (images, draws),
            fn_output_signature=tf.TensorSpec(images.shape[1:], images.dtype),
        )

    @classmethod
    def from_pixels(
        cls, images: np.ndarray, labels: np.ndarray, image_digests: np.ndarray | None = None
    ) -> "ImageSplit":
        """Makes a split from decoded images.

        Args:
            images: uint8 array of shape [n, height, width, channels].
            labels: Integer array of shape [n].
            image_digests: uint64 array of shape [n].
        """
        # On the CPU, because the input pipeline runs there.
        with tf.device("CPU:0"):
            pixels = tf.constant(images, tf.uint8)
        return cls(
            np.asarray(labels, np.int32), lambda indices: tf.gather(pixels, indices), image_digests=image_digests
        )

    @classmethod
    def from_sources(
        cls,
        sources: list[bytes] | tuple[np.ndarray, ...],
        labels: np.ndarray,
        read: Callable[..., tf.Tensor],
        decode: Callable[..., tf.Tensor],
        image_shape: tuple[int, int, int],
        image_digests: np.ndarray | None = None,
        crop: Callable[..., tf.Tensor] = decode_crop,
    ) -> "ImageSplit":
        """Makes a split whose images are read and decoded each time they are requested.

        Args:
            sources: The argument of `read`: n byte strings, or arrays of n numbers each.
            labels: Integer array of shape [n].
            read: Takes an image's source, returns the argument of `decode` and `crop`: the encoded image, a string
                tensor of shape [], or a tuple of it and further values that they need.
            decode: Takes that, returns a uint8 image of `image_shape`.
            image_shape: (height, width, channels).
            image_digests: uint64 array of shape [n].
            crop: Takes that, an image's random values of `draw_crops` and `image_shape`, returns a crop.
        """
        columns = sources if isinstance(sources, tuple) else (sources,)
        with tf.device("CPU:0"):
            held = tuple(tf.constant(column) for column in columns)
        signature = tf.TensorSpec(image_shape, tf.uint8)

        def load_batch(indices: tf.Tensor) -> tf.Tensor:
            chosen = tuple(tf.gather(column, indices) for column in held)
            return tf.map_fn(lambda source: decode(read(*source)), chosen, fn_output_signature=signature)

        def crop_originals(indices: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
            chosen = tuple(tf.gather(column, indices) for column in held)
            return tf.map_fn(
                lambda source_and_draws: crop(read(*source_and_draws[0]), source_and_draws[1], image_shape),
                (chosen, draws),
                fn_output_signature=signature,
            )

        return cls(np.asarray(labels, np.int32), load_batch, crop_originals, image_digests)

    def read(self, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """Reads images at once, not in a `tf.data` pipeline.

        Args:
            indices: Positions of the images, [n].

        Returns:
            uint8 [n, height, width, channels].

        Raises:
            DatasetError: An image cannot be read any more.
        """
        with reading_images():
            return self.load_batch(tf.constant(np.asarray(indices, np.int64))).numpy()

    def subset(self, indices: np.ndarray) -> "ImageSplit":
        """Returns the split of the images at `indices`, an integer array of shape [m], in that order."""
        with tf.device("CPU:0"):
            positions = tf.constant(indices, tf.int64)
        crop_originals = self.crop_originals
        return ImageSplit(
            self.labels[np.asarray(indices)],
            lambda chosen: self.load_batch(tf.gather(positions, chosen)),
            crop_originals and (lambda chosen, draws: crop_originals(tf.gather(positions, chosen), draws)),
            None if self.image_digests is None else self.image_digests[np.asarray(indices)],
        )


@dataclasses.dataclass(frozen=True, eq=False)
class ImageDataset:
    """A labelled data set for training and testing.

    Attributes:
        name: The name by which it was loaded.
        class_names: A name for each class, in the order of the labels.
        image_shape: (height, width, channels) of every image.
        train: The images that networks are trained on.
        test: The images that a finished network is tested on.
        validation: Training images held out for choosing an epoch; None if there are none.
        source: Further information that identifies it, such as its version, and what the test part is.
        remarks: Notes for the user on how the images were found, each a phrase.

    Raises:
        DatasetError: A class has a name with which results cannot be written.
    """

    name: str
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    train: ImageSplit
    test: ImageSplit
    source: Mapping[str, str] = dataclasses.field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    validation: ImageSplit | None = None

    def __post_init__(self) -> None:
        for name in self.class_names:
            if NO_UTF_8.search(name):
                raise DatasetError(f"the name of the class {name!r} is not UTF-8 text; rename its folder")

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def size(self) -> str:
        """The images of each part and the classes, as one line for display."""
        validation = "" if self.validation is None else f"{len(self.validation)} validation images, "
        images = f"{len(self.train)} training images, {validation}{len(self.test)} test images"
        return f"{self.name}: {images}, {self.num_classes} classes"

    @property
    def counts(self) -> str:
        """The size and the remarks, as one line for display."""
        return "; ".join([self.size, *self.remarks])


def fits_in_memory(count: int, image_shape: tuple[int, int, int]) -> bool:
    """Tells whether `count` decoded images of `image_shape` are few enough to be kept as pixels."""
    return count * int(np.prod(image_shape)) <= DECODED_BYTES_LIMIT
