"""Shape and classes of a data set's images without loading them, for `--describe`."""

from typing import NamedTuple

from eoinas_tf.config import ARRAYS
from eoinas_tf.data.image_folder import existing_folder
from eoinas_tf.data.image_folder_layout import FolderLayout, find_layout
from eoinas_tf.data.suggested_size import header_shapes, size_advice
from eoinas_tf.data.tfds_images import count_tfds_images, tfds_outline
from eoinas_tf.errors import DatasetError

DIGITS, DIGITS_IMAGES = ((8, 8, 1), 10), 1797


class ImageOutline(NamedTuple):
    """Shape of a data set's images, (height, width, channels), and the number of its classes."""

    image_shape: tuple[int, int, int]
    num_classes: int


def outline_images(name: str, data_dir: str | None, image_size: tuple[int, int] | None) -> ImageOutline:
    """Finds shape and classes from file headers and descriptions; the images need not be prepared.

    Args:
        name: As for `load_image_dataset`.
        data_dir: Folder of prepared TensorFlow Datasets; `None` for their own default.
        image_size: (height, width) in pixels that images are resized to; if `None`, they keep their size.

    Raises:
        DatasetError: The set is unknown or not laid out as a data set, or its images differ in size and no `image_size`
            is given.
    """
    source, _, location = name.partition(":")
    _refuse_arrays(name)
    if name == "digits":
        shape, num_classes = DIGITS
        return ImageOutline((*(image_size or shape[:2]), shape[2]), num_classes)
    if source == "folder":
        return _outline_folder(location, image_size)
    return ImageOutline(*tfds_outline(name, data_dir, image_size))


def count_training_images(name: str, data_dir: str | None, download: bool = False) -> int:
    """Counts a data set's training images from files and descriptions, without loading them.

    If it has no test part, a fifth of each class is held out, and the count is accurate to within a few images.

    Args:
        name: As for `load_image_dataset`.
        data_dir: Folder of prepared TensorFlow Datasets; `None` for their own default.
        download: Whether to download and prepare one that is not prepared.

    Raises:
        DatasetError: The set is unknown, not prepared, cannot be downloaded or is not laid out as a data set.
    """
    source, _, location = name.partition(":")
    _refuse_arrays(name)
    if name == "digits":
        return DIGITS_IMAGES * 4 // 5
    if source == "folder":
        return _layout(location).training_images
    return count_tfds_images(name, data_dir, download)


def _refuse_arrays(name: str) -> None:
    if name == ARRAYS:
        from eoinas_tf.data.image_arrays import refuse_arrays  # Here, because it imports TensorFlow.

        refuse_arrays()


def _layout(location: str) -> FolderLayout:
    root = existing_folder(location)
    if root is None:
        raise DatasetError(
            f"no such folder: {location!r}; give --dataset=folder:PATH the path of a folder of class folders"
        )
    return find_layout(root)


def _outline_folder(location: str, image_size: tuple[int, int] | None) -> ImageOutline:
    layout = _layout(location)
    shapes = header_shapes([path for part in layout.parts for path in part.paths])
    if not shapes:
        raise DatasetError(f"no file in {location} can be read as an image; replace them")
    channels = max(shape[2] for shape in shapes)
    sizes = {shape[:2] for shape in shapes}
    if image_size is None and len(sizes) > 1:
        raise DatasetError(f"the images of folder:{location} differ in size; {size_advice(shapes)}")
    height, width = image_size or sizes.pop()
    return ImageOutline((height, width, channels), len(layout.class_names))
