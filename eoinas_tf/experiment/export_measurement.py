"""Measurements of an export: its test accuracy, its size, and how long one image takes on this machine."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from eoinas_tf.experiment.export_folder import DESCRIPTION
from eoinas_tf.experiment.readable_values import rounded_count, thread_count

# A quantized export that loses more accuracy than this causes a warning.
LARGEST_LOSS = 0.01


@dataclasses.dataclass(frozen=True, eq=False)
class ExportTest:
    """The test that every export of a network goes through.

    Attributes:
        images: uint8 [n, height, width, channels].
        labels: Their classes, int [n].
        network_accuracy: The network's own accuracy on them, a fraction.
        threads: Threads that the export's runtime uses.
    """

    images: np.ndarray
    labels: np.ndarray
    network_accuracy: float
    threads: int = 1


class ExportCost(NamedTuple):
    """The size of an export and its latency on this machine, which do not depend on the values of its weights.

    Args:
        size_bytes: Size of the model: all files of the export except its description.
        latency_milliseconds: Median time of a run with one image.
        latency_threads: Threads that the export's runtime used.
    """

    size_bytes: int
    latency_milliseconds: float
    latency_threads: int

    def figures(self) -> dict[str, Any]:
        """Returns the figures by name."""
        return {**self._asdict(), "latency_milliseconds": round(self.latency_milliseconds, 4)}


class ExportMeasurement(NamedTuple):
    """The measurements of an export.

    Args:
        difference: The largest difference of its probabilities from the network's.
        test_accuracy: Fraction of the test images classified correctly.
        test_images: Number of test images.
        network_accuracy: The network's accuracy on the same images.
        cost: Its size and latency.
    """

    difference: float
    test_accuracy: float
    test_images: int
    network_accuracy: float
    cost: ExportCost

    @property
    def lost_accuracy(self) -> float:
        """Returns how much less accurate than the network it is; negative if it is more accurate."""
        return self.network_accuracy - self.test_accuracy

    def figures(self) -> dict[str, Any]:
        """Returns the figures to keep, by name."""
        return {
            "test_accuracy": self.test_accuracy,
            "test_images": self.test_images,
            "network_accuracy": self.network_accuracy,
            **self.cost.figures(),
        }


def export_cost(outputs: dict[str, np.ndarray], folder: Path, threads: int) -> ExportCost:
    """Returns an export's size and latency.

    Args:
        outputs: `milliseconds`, as written by the export's own process.
        folder: The export.
        threads: Threads that the export's runtime used.
    """
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.name != DESCRIPTION)
    return ExportCost(size, float(np.median(outputs["milliseconds"])), threads)


def cost_in_words(figures: Mapping[str, Any]) -> str:
    """Returns the size and latency of an export in words.

    Args:
        figures: `size_bytes`, `latency_milliseconds` and `latency_threads`.
    """
    return (
        f"{rounded_count(figures['size_bytes'])}B, {figures['latency_milliseconds']:.3g} ms an image on "
        f"{thread_count(figures['latency_threads'])}"
    )


def measured(outputs: dict[str, np.ndarray], folder: Path, test: ExportTest, difference: float) -> ExportMeasurement:
    """Returns an export's measurement.

    Args:
        outputs: `test_label` and `milliseconds`, as written by the export's own process.
        folder: The export.
        test: The test that produced them.
        difference: Largest difference of its probabilities from the network's.
    """
    return ExportMeasurement(
        difference,
        float(np.mean(outputs["test_label"] == test.labels)),
        len(test.labels),
        test.network_accuracy,
        export_cost(outputs, folder, test.threads),
    )


def accuracy_warning(format_name: str, measurement: ExportMeasurement, is_calibrated: bool = True) -> str | None:
    """Returns a one-line warning if an export is more than a percentage point behind its network, else None.

    Args:
        format_name: The export's format.
        measurement: Its measurement.
        is_calibrated: Whether calibration images determine its accuracy.
    """
    # The tolerance allows for rounding; a difference of one image exceeds it.
    if not measurement.lost_accuracy > LARGEST_LOSS + 1e-9:
        return None
    return (
        f"the {format_name} export classifies {100 * measurement.test_accuracy:.2f} % of {measurement.test_images} "
        f"test images correctly, {100 * measurement.lost_accuracy:.2f} percentage points less than the network "
        f"({100 * measurement.network_accuracy:.2f} %)"
        + ("; more --calibration_images may help, or tflite_float16" if is_calibrated else "")
    )
