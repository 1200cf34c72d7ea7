"""Rows about a run's images, shown before it begins."""

import textwrap

from eoinas_tf.data.image_split import ImageDataset
from eoinas_tf.data.split_indices import HELD_OUT

MOST_CLASS_NAMES = 100


def image_rows(dataset: ImageDataset) -> dict[str, str]:
    """Returns texts by label, without the number of images in each part and of classes.

    Args:
        dataset: The data set.
    """
    height, width, channels = dataset.image_shape
    names = textwrap.shorten(", ".join(dataset.class_names), MOST_CLASS_NAMES, placeholder=" ...")
    part = dataset.source.get("test part")
    tests = "a fifth of each class, held out from the training images" if part == HELD_OUT else part or ""
    # If the images were found in a folder, a remark says where the test images come from.
    remarks = "; ".join(dataset.remarks)
    validation = "" if dataset.validation is None else "drawn from the training images by the seed, class by class"
    return {
        "image size": f"{height}x{width} pixels, {'grey' if channels == 1 else 'colour'}",
        "classes": names,
        "validation": validation,
        "test images": "" if "test part" in remarks else tests,
        "found": remarks,
    }
