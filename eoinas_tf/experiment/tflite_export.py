"""A network as a TensorFlow Lite model in float32: images of one size, any batch."""

from pathlib import Path

import tensorflow as tf

from eoinas_tf.experiment.atomic_files import write_bytes
from eoinas_tf.experiment.exported_classifier import ExportedClassifier

FILE_NAME = "model.tflite"


def write_tflite(classifier: ExportedClassifier, folder: Path) -> None:
    """Writes a TensorFlow Lite model.

    Its signature `serving_default` takes `image`, uint8 [batch, height, width, channels] of the
    network's height and width, and returns `probabilities`, float32 [batch, classes], and `label`,
    int64 [batch]. The batch is one image until the interpreter resizes its input; the runner of
    the signature does so by itself. All operations are TensorFlow Lite's own.

    Args:
        classifier: What to export.
        folder: Receives `model.tflite`; it exists.

    Raises:
        StorageError: It could not be written.
    """
    function = classifier.classify_resized.get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], classifier)
    write_bytes(folder / FILE_NAME, converter.convert())
