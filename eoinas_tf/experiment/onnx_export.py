"""A network as an ONNX model in float32: images of one size, any batch."""

from pathlib import Path

from eoinas_tf.experiment.atomic_files import write_bytes
from eoinas_tf.experiment.exported_classifier import ExportedClassifier

FILE_NAME = "model.onnx"
# Supported by ONNX Runtime since version 1.12 of 2022.
OPERATOR_SET = 17


def write_onnx(classifier: ExportedClassifier, folder: Path) -> None:
    """Writes an ONNX model; needs the package tf2onnx.

    It takes `image`, uint8 [batch, height, width, channels] of any batch and the network's height and width, and
    returns `probabilities`, float32 [batch, classes], and `label`, int64 [batch].

    Args:
        classifier: The classifier to export.
        folder: Receives `model.onnx`; it exists.

    Raises:
        StorageError: It could not be written.
    """
    # Imported here because only this format needs it and it is not installed everywhere.
    import tf2onnx

    function = classifier.classify_resized
    model, _ = tf2onnx.convert.from_function(function, function.input_signature, opset=OPERATOR_SET)
    write_bytes(folder / FILE_NAME, model.SerializeToString())
