"""A network as a SavedModel that takes raw images of any size and runs without this package."""

from pathlib import Path

import tensorflow as tf

from eoinas_tf.experiment.exported_classifier import ExportedClassifier


def write_saved_model(classifier: ExportedClassifier, folder: Path) -> None:
    """Writes a SavedModel.

    Its signature `serving_default` takes `image`, uint8 [batch, height, width, channels] of any batch, height and
    width, and returns `probabilities`, float32 [batch, classes], `label`, int64 [batch], and `class_name`, string
    [batch]. Its signature `class_names` takes no input and returns `class_names`, string [classes].

    Args:
        classifier: The classifier to export.
        folder: Becomes the SavedModel's folder; it exists.

    Raises:
        OSError, tf.errors.OpError: It could not be written.
    """
    signatures = {"serving_default": classifier.classify, "class_names": classifier.name_classes}
    tf.saved_model.save(classifier, str(folder), signatures=signatures)
