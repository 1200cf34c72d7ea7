"""Exports to TensorFlow Lite: in float32, with float16 weights, or in integers; any batch size, one image size."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from eoinas_tf.errors import StorageError
from eoinas_tf.experiment.atomic_files import write_bytes
from eoinas_tf.experiment.exported_classifier import ExportedClassifier
from eoinas_tf.quiet_logging import held_back_library_logs

FILE_NAME = "model.tflite"
# Scale and zero point of the integer input: pixel values are used as they are.
GREY_VALUES = (1.0, 0)


def has_converter() -> bool:
    """Returns whether this TensorFlow has TensorFlow Lite's converter, which a later release is to remove."""
    try:
        return hasattr(tf.lite, "TFLiteConverter")
    except (AttributeError, ImportError):
        return False


def write_tflite(classifier: ExportedClassifier, folder: Path) -> None:
    """Writes a TensorFlow Lite model.

    Its signature `serving_default` takes `image`, uint8 [batch, height, width, channels] of the
    network's height and width, and returns `probabilities`, float32 [batch, classes], and `label`,
    int64 [batch]. The batch is one image until the interpreter resizes its input; the signature
    runner does this itself. All operations are TensorFlow Lite built-ins.

    Args:
        classifier: The classifier to export.
        folder: Existing folder for `model.tflite`.

    Raises:
        StorageError: It could not be written.
    """
    write_bytes(folder / FILE_NAME, _converted(_converter(classifier, classifier.classify_resized)))


def write_tflite_float16(classifier: ExportedClassifier, folder: Path) -> None:
    """Writes a TensorFlow Lite model with float16 weights, half the size; it computes in float32 on CPUs.

    Args:
        classifier: The classifier to export.
        folder: Existing folder for `model.tflite`, with the signature of `write_tflite`.

    Raises:
        StorageError: It could not be written.
    """
    converter = _converter(classifier, classifier.classify_resized)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    write_bytes(folder / FILE_NAME, _converted(converter))


def write_tflite_int8(classifier: ExportedClassifier, folder: Path) -> None:
    """Writes a TensorFlow Lite model that computes in 8-bit integers, from the pixels to the probabilities.

    Weights have a scale per output channel; all other scales come from the calibration images. Pixels are passed as
    they are; the probabilities, multiples of 1/256, are returned as float32.

    Args:
        classifier: The classifier to export, with calibration images.
        folder: Existing folder for `model.tflite`, with the signature of `write_tflite`.

    Raises:
        StorageError: It could not be written.
        ValueError: There are no calibration images.
    """
    if classifier.calibration_images is None or not len(classifier.calibration_images):
        raise ValueError("a model of integers needs calibration images")
    pixels = tf.TensorSpec([None, *classifier.image_shape], tf.float32, name="image")
    function = tf.function(classifier.classify_pixels, input_signature=[pixels], autograph=False)
    converter = _converter(classifier, function)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: _calibration_inputs(classifier.calibration_images)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    model = _converted(converter)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # About its removal from a later TensorFlow.
        (details,) = tf.lite.Interpreter(model_content=model).get_input_details()
    if details["quantization"] != GREY_VALUES:
        raise StorageError(
            f"the export to {folder} takes pixels with scale and zero point {details['quantization']}, not as they are"
        )
    write_bytes(folder / FILE_NAME, model)


def _converter(classifier: ExportedClassifier, function: tf.types.experimental.PolymorphicFunction):
    return tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], classifier)


def _converted(converter) -> bytes:
    """Converts without the converter's log lines and its warnings of a later TensorFlow."""
    with warnings.catch_warnings(), held_back_library_logs():
        warnings.simplefilter("ignore")
        return converter.convert()


def _calibration_inputs(images: np.ndarray | None) -> Iterator[dict[str, np.ndarray]]:
    """Yields the calibration images one by one, the first with a black and a white pixel.

    These pixels make the input's range 0 to 255 for any images, so that its scale is 1.
    """
    assert images is not None
    for number, image in enumerate(images):
        pixels = image[np.newaxis].astype(np.float32)
        if number == 0:
            pixels[0, 0, 0], pixels[0, -1, -1] = 0, 255
        yield {"image": pixels}
