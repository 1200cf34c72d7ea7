"""The formats that a network can be exported to, and the steps that make every export."""

import dataclasses
import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from eoinas_tf.errors import ConfigurationError
from eoinas_tf.experiment import onnx_export, tflite_export
from eoinas_tf.experiment.export_check import check_export, time_export
from eoinas_tf.experiment.export_folder import new_export
from eoinas_tf.experiment.export_measurement import ExportCost, ExportMeasurement, ExportTest
from eoinas_tf.experiment.exported_classifier import ExportedClassifier
from eoinas_tf.experiment.onnx_export import write_onnx
from eoinas_tf.experiment.saved_model_export import write_saved_model
from eoinas_tf.experiment.tflite_export import (
    has_converter,
    write_tflite,
    write_tflite_float16,
    write_tflite_int8,
)
from eoinas_tf.quiet_logging import without_warnings


@dataclasses.dataclass(frozen=True)
class ExportFormat:
    """A format that a network can be exported to.

    Attributes:
        write: Writes a classifier into an existing folder.
        file_name: Path to give to a program that serves it, relative to the folder; empty: the folder.
        takes_any_size: Whether it resizes images itself.
        packages: Packages needed for writing and checking, in addition to this one's own dependencies.
        is_exact: Whether its outputs equal the network's up to rounding; a quantized export is judged by its accuracy.
        is_calibrated: Whether its ranges come from calibration images.
        is_tflite: Whether TensorFlow Lite's converter writes it.
    """

    write: Callable[[ExportedClassifier, Path], None]
    file_name: str = ""
    takes_any_size: bool = False
    packages: tuple[str, ...] = ()
    is_exact: bool = True
    is_calibrated: bool = False
    is_tflite: bool = False


EXPORT_FORMATS: dict[str, ExportFormat] = {
    "saved_model": ExportFormat(write_saved_model, takes_any_size=True),
    "tflite": ExportFormat(write_tflite, file_name=tflite_export.FILE_NAME, is_tflite=True),
    "onnx": ExportFormat(
        write_onnx,
        file_name=onnx_export.FILE_NAME,
        packages=("tf2onnx", "onnx", "onnxruntime"),
    ),
    "tflite_float16": ExportFormat(
        write_tflite_float16, file_name=tflite_export.FILE_NAME, is_exact=False, is_tflite=True
    ),
    "tflite_int8": ExportFormat(
        write_tflite_int8, file_name=tflite_export.FILE_NAME, is_exact=False, is_calibrated=True, is_tflite=True
    ),
}


def check_packages(format_names: Sequence[str], asked: str = "--export_formats={}") -> None:
    """Refuses formats whose packages are not installed, before training rather than after it.

    Args:
        format_names: Keys of `EXPORT_FORMATS`.
        asked: The flag that asks for a format, for the message; `{}` is replaced by the format's name.

    Raises:
        ConfigurationError: A package is missing.
    """
    for name in format_names:
        missing = [package for package in EXPORT_FORMATS[name].packages if importlib.util.find_spec(package) is None]
        if missing:
            raise ConfigurationError(
                f"{asked.format(name)} needs packages that are not installed ({', '.join(missing)}); install the "
                f"extra of this name: pip install '.[{name}]'"
            )
        if EXPORT_FORMATS[name].is_tflite and not has_converter():
            raise ConfigurationError(
                f"{asked.format(name)} needs TensorFlow Lite's converter, tf.lite.TFLiteConverter, which TensorFlow "
                f"{tf.__version__} does not have; install a TensorFlow that has it, such as 2.21, or leave this out"
            )


def export_classifier(
    classifier: ExportedClassifier,
    format_name: str,
    folder: Path,
    images: np.ndarray,
    probabilities: np.ndarray,
    test: ExportTest,
    resize_side: int | None = None,
) -> ExportMeasurement:
    """Writes an export, runs it in another process, compares and measures it, and only then gives it its name.

    Args:
        classifier: The classifier to export.
        format_name: A key of `EXPORT_FORMATS`.
        folder: The export's folder; an older export in it is replaced at the end.
        images: Images for the comparison, uint8 [batch, height, width, channels] in the network's size.
        probabilities: The network's probabilities for them, float [batch, classes].
        test: The test images, and the runtime's threads for test and timing.
        resize_side: The run's setting, for programs that resize images before they give them to the export.

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
        "resize_side": resize_side,
        "class_names": list(classifier.class_names),
    }
    with new_export(folder, description) as temporary:
        # TensorFlow warns about each custom gradient that an export leaves out, and every export leaves them all out.
        with without_warnings("tensorflow"):
            export_format.write(classifier, temporary)
        return check_export(format_name, temporary, images, probabilities, test, export_format.is_exact)


def measure_export(
    classifier: ExportedClassifier, format_name: str, folder: Path, images: np.ndarray, threads: int
) -> ExportCost:
    """Writes an export, runs it in another process and times it; its outputs are not compared with the network's.

    Args:
        classifier: The classifier to export.
        format_name: A key of `EXPORT_FORMATS`.
        folder: A new folder for the export, created here; the caller should delete it.
        images: Images to classify, uint8 [batch, height, width, channels] of the network's size.
        threads: Threads that the export's runtime uses.

    Returns:
        Its size and latency.

    Raises:
        StorageError: It could not be written or run.
    """
    folder.mkdir(parents=True)
    with without_warnings("tensorflow"):
        EXPORT_FORMATS[format_name].write(classifier, folder)
    return time_export(format_name, folder, images, threads)
