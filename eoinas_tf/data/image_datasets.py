"""One entry point for every source of images: `load_image_dataset(name)`."""

from collections.abc import Callable

import numpy as np

from eoinas_tf.config import ARRAYS
from eoinas_tf.data.dataset_fingerprint import pixel_digests
from eoinas_tf.data.image_arrays import refuse_arrays
from eoinas_tf.data.image_folder import load_image_folder
from eoinas_tf.data.image_resizing import fit_pixels
from eoinas_tf.data.image_split import ImageDataset, ImageSplit
from eoinas_tf.data.split_indices import HELD_OUT, held_out_fifth
from eoinas_tf.data.tfds_images import load_tfds_images
from eoinas_tf.errors import DatasetError

__all__ = ["ImageDataset", "ImageSplit", "load_image_dataset"]


def load_image_dataset(
    name: str,
    *,
    data_dir: str | None = None,
    download: bool = False,
    image_size: tuple[int, int] | None = None,
    resize_side: int | None = None,
    keep_originals: bool = False,
    skip_bad_images: bool = False,
) -> ImageDataset:
    """Loads a labelled image data set.

    Args:
        name: `digits`, `folder:PATH`, or the name of a TensorFlow Datasets image classification set.
        data_dir: Folder of prepared TensorFlow Datasets; `None` for their own default.
        download: Whether a TensorFlow Datasets set may be downloaded. If false, the network is never used.
        image_size: (height, width) in pixels to which all images are resized with antialiased bilinear interpolation;
            if `None`, they keep their size.
        resize_side: Pixels that the shorter side is resized to before a centre crop of `image_size`. If `None`, height
            and width are resized independently.
        keep_originals: Whether crops of the training images are cut from the images as they were before resizing; they
            are then read and decoded each time.
        skip_bad_images: Whether files of a folder that are not images are left out; see `load_image_folder`.

    Returns:
        The data set, with uint8 images of one shape.

    Raises:
        DatasetError: The set is unknown, missing, or contains something that is not an image.
    """
    source, _, location = name.partition(":")
    if source in LOCAL_SOURCES:
        return LOCAL_SOURCES[source](
            location,
            image_size=image_size,
            resize_side=resize_side,
            keep_originals=keep_originals,
            skip_bad_images=skip_bad_images,
        )
    return load_tfds_images(
        name,
        data_dir=data_dir,
        download=download,
        image_size=image_size,
        resize_side=resize_side,
        keep_originals=keep_originals,
    )


def load_digits_images(
    location: str = "",
    *,
    image_size: tuple[int, int] | None = None,
    resize_side: int | None = None,
    keep_originals: bool = False,
    skip_bad_images: bool = False,
) -> ImageDataset:
    """Loads the 1,797 handwritten digits of 8x8 pixels that ship inside scikit-learn.

    A class-balanced fifth is held out for testing, always the same one. The values 0 to 16 are scaled to 0 to 255.

    Args:
        location: Must be empty; there is only one such set.
        image_size: (height, width) in pixels to resize to; 8x8 if `None`.
        resize_side: Resizes by the shorter side and cuts out the middle; see `load_image_dataset`.
        keep_originals: Has no effect: crops are cut from the resized images.
        skip_bad_images: Has no effect: no image is bad.

    Returns:
        The data set, with one channel and ten classes.

    Raises:
        DatasetError: `location` is not empty.
    """
    if location:
        raise DatasetError(f"digits takes nothing after its name. Received: 'digits:{location}'; use --dataset=digits")
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.round(digits.images[..., np.newaxis] * (255 / 16)).astype(np.uint8)
    digests = pixel_digests(images)
    if image_size is not None:
        images = fit_pixels(images, image_size, resize_side)
    kept, held_out = held_out_fifth(digits.target)
    return ImageDataset(
        name="digits",
        class_names=tuple(str(name) for name in digits.target_names),
        image_shape=tuple(images.shape[1:]),
        train=ImageSplit.from_pixels(images[kept], digits.target[kept], digests[kept]),
        test=ImageSplit.from_pixels(images[held_out], digits.target[held_out], digests[held_out]),
        source={"test part": HELD_OUT},
    )


# Sources by the part of a name before the colon; any other name is one of TensorFlow Datasets.
LOCAL_SOURCES: dict[str, Callable[..., ImageDataset]] = {
    "digits": load_digits_images,
    "folder": load_image_folder,
    ARRAYS: refuse_arrays,
}
