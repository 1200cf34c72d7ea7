"""The formats that a network can be exported to, and the one way in which every export is made."""

import dataclasses
import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from eoinas_tf.errors import ConfigurationError
from eoinas_tf.experiment import onnx_export, tflite_export
from eoinas_tf.experiment.export_check import check_export
from eoinas_tf.experiment.export_folder import new_export
from eoinas_tf.experiment.export_measurement import ExportMeasurement, ExportTest
from eoinas_tf.experiment.exported_classifier import ExportedClassifier
from eoinas_tf.experiment.onnx_export import write_onnx
from eoinas_tf.experiment.saved_model_export import write_saved_model
from eoinas_tf.experiment.tflite_export import write_tflite, write_tflite_float16, write_tflite_int8
from eoinas_tf.quiet_logging import without_warnings


@dataclasses.dataclass(frozen=True)
class ExportFormat:
    """A format that a network can be exported to.

    Attributes:
        write: Writes a classifier into a folder that exists.
        file_name: Path to give to a program that serves it, relative to the folder; empty: the folder.
        takes_any_size: Whether it resizes images itself.
        packages: Packages needed for writing and checking, in addition to this one's own dependencies.
        is_exact: Whether its outputs equal the network's up to rounding; a quantized export is judged by its accuracy.
        is_calibrated: Whether its ranges come from calibration images.
    """

    write: Callable[[ExportedClassifier, Path], None]
    file_name: str = ""
    takes_any_size: bool = False
    packages: tuple[str, ...] = ()
    is_exact: bool = True
    is_calibrated: bool = False


EXPORT_FORMATS: dict[str, ExportFormat] = {
    "saved_model": ExportFormat(write_saved_model, takes_any_size=True),
    "tflite": ExportFormat(write_tflite, file_name=tflite_export.FILE_NAME),
    "onnx": ExportFormat(
        write_onnx,
        file_name=onnx_export.FILE_NAME,
        packages=("tf2onnx", "onnx", "onnxruntime"),
    ),
    "tflite_float16": ExportFormat(write_tflite_float16, file_name=tflite_export.FILE_NAME, is_exact=False),
    "tflite_int8": ExportFormat(
        write_tflite_int8, file_name=tflite_export.FILE_NAME, is_exact=False, is_calibrated=True
    ),
}


def check_packages(format_names: Sequence[str]) -> None:
    """Refuses formats whose packages are not installed, before training rather than after it.

    Args:
        format_names: Keys of `EXPORT_FORMATS`.

    Raises:
        ConfigurationError: A package is missing.
    """
    for name in format_names:
        missing = [package for package in EXPORT_FORMATS[name].packages if importlib.util.find_spec(package) is None]
        if missing:
            raise ConfigurationError(
                f"--export_formats={name} needs packages that are not installed ({', '.join(missing)}); install the "
                f"extra of this name: pip install '.[{name}]'"
            )


def export_classifier(
    classifier: ExportedClassifier,
    format_name: str,
    folder: Path,
    images: np.ndarray,
    probabilities: np.ndarray,
    test: ExportTest,
) -> ExportMeasurement:
    """Writes an export, runs it in another process, compares and measures it, and only then gives it its name.

    Args:
        classifier: The classifier to export.
        format_name: A key of `EXPORT_FORMATS`.
        folder: The export's folder; an older export in it is replaced at the end.
        images: Images for the comparison, uint8 [batch, height, width, channels] in the network's size.
        probabilities: The network's probabilities for them, float [batch, classes].
        test: The test images, and the runtime's threads for test and timing.

    Returns:
        Its measurements, including the largest difference between its probabilities and the network's.

    Raises:
        StorageError: It could not be written, or its outputs differ from the network's; an older export is unchanged.
    """
    export_format = EXPORT_FORMATS[format_name]
    height, width, channels = classifier.image_shape
    sides = [None, None] if export_format.takes_any_size else [height, width]
    description = {
        "format": format_name,
        "image": {"dtype": "uint8", "shape": [None, *sides, channels]},
        "class_names": list(classifier.class_names),
    }
    with new_export(folder, description) as temporary:
        # TensorFlow warns about each custom gradient that an export leaves out, and every export leaves them all out.
        with without_warnings("tensorflow"):
            export_format.write(classifier, temporary)
        return check_export(format_name, temporary, images, probabilities, test, export_format.is_exact)
