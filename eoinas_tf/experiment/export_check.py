"""Compares an export with its network, in a process that does not import this package."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from eoinas_tf.cpu_threads import OPERATIONS_AT_A_TIME, THREADS_OF_AN_OPERATION
from eoinas_tf.errors import StorageError
from eoinas_tf.experiment.export_measurement import ExportCost, ExportMeasurement, ExportTest, export_cost, measured
from eoinas_tf.experiment.write_failures import write_failure

PROGRAM = Path(__file__).with_name("exported_predictions.py")
# Between two probabilities. Graphs and converted models round differently from single operations, and a deep network
# magnifies that: with one of 20 untrained cells, changing pixels by 1e-7 of their values changed a probability by 2e-4.
LARGEST_DIFFERENCE = 1e-3
LONGEST_RUN_SECONDS = 1800
LONGEST_SECONDS_AN_IMAGE = 2
# The variables from which TensorFlow takes its threads; the other runtimes receive them as arguments.
THREAD_VARIABLES = (THREADS_OF_AN_OPERATION, OPERATIONS_AT_A_TIME)
# On the CPU, because a GPU rounds float32 more coarsely, and this process may have reserved all of its memory.
ENVIRONMENT = {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}


def run_export(
    format_name: str, folder: Path, images: np.ndarray, test_images: np.ndarray | None = None, threads: int = 1
) -> dict[str, np.ndarray]:
    """Runs an export in a new process.

    Args:
        format_name: The export's format.
        folder: The export.
        images: uint8 [batch, height, width, channels].
        test_images: uint8 [n, height, width, channels] to classify as well; None: no test.
        threads: Threads that the export's runtime uses in a test.

    Returns:
        `probabilities`, float [batch, classes], and `label`, int [batch]; with test images also `test_label`, int [n],
        and `milliseconds`, float [runs], the times of runs with one image.

    Raises:
        StorageError: The export cannot be loaded or run, or there is no space for the images.
    """
    with tempfile.TemporaryDirectory() as exchange:
        images_file, outputs_file = Path(exchange, "images.npy"), Path(exchange, "outputs.npz")
        _save(images_file, images)
        environment, seconds = {**os.environ, **ENVIRONMENT}, LONGEST_RUN_SECONDS
        # Read from standard input, so that modules in the program's folder cannot be imported by accident.
        command = [sys.executable, "-", format_name, folder.absolute(), images_file, outputs_file]
        if test_images is not None:
            test_file = Path(exchange, "test_images.npy")
            _save(test_file, test_images)
            command += [test_file, threads]
            environment.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
            seconds += LONGEST_SECONDS_AN_IMAGE * len(test_images)
        try:
            process = subprocess.run(
                [str(part) for part in command],
                input=PROGRAM.read_text(encoding="utf-8"),
                cwd=exchange,
                env=environment,
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise StorageError(
                f"the export to {folder} gave no answer for {seconds} seconds; it was not kept"
            ) from None
        if process.returncode:
            reason = (process.stderr.strip().splitlines() or [f"exit status {process.returncode}"])[-1]
            raise StorageError(f"the export to {folder} cannot be run and was not kept: {reason}")
        with np.load(outputs_file) as outputs:
            return dict(outputs)


def _save(path: Path, array: np.ndarray) -> None:
    try:
        np.save(path, array)
    except OSError as error:
        raise write_failure(path, error, array.nbytes) from None


def check_export(
    format_name: str,
    folder: Path,
    images: np.ndarray,
    probabilities: np.ndarray,
    test: ExportTest,
    is_exact: bool = True,
) -> ExportMeasurement:
    """Runs an export in a new process, compares its outputs with the network's, tests it and times it.

    Args:
        format_name: The export's format.
        folder: The export.
        images: uint8 [batch, height, width, channels].
        probabilities: The network's probabilities for them, float [batch, classes].
        test: The test images, and the runtime's threads.
        is_exact: Whether the outputs must agree up to rounding. Those of a quantized export need not: it is
            judged by its accuracy.

    Returns:
        The measurements, including the largest difference between two probabilities.

    Raises:
        StorageError: The export cannot be run, or its outputs differ.
    """
    outputs = run_export(format_name, folder, images, test.images, test.threads)
    said = outputs["probabilities"]
    if said.shape != probabilities.shape:
        raise StorageError(f"the export to {folder} returns {said.shape}, the network {probabilities.shape}")
    difference = float(np.max(np.abs(said - probabilities)))
    if not difference <= (LARGEST_DIFFERENCE if is_exact else 1.0):
        raise StorageError(
            f"the export to {folder} differs from the network by {difference:.3g} in a probability; it was not kept"
        )
    # If several classes are equally probable, as can happen in eight bits, the label may be any of them.
    if not np.array_equal(np.take_along_axis(said, outputs["label"][:, np.newaxis], axis=1)[:, 0], said.max(axis=1)):
        raise StorageError(f"the export to {folder} returns labels that are not its most probable classes")
    return measured(outputs, folder, test, difference)


def time_export(format_name: str, folder: Path, images: np.ndarray, threads: int) -> ExportCost:
    """Runs an export in a new process and times it; its outputs are ignored.

    Args:
        format_name: The export's format.
        folder: The export.
        images: uint8 [batch, height, width, channels].
        threads: Threads that the export's runtime uses.

    Returns:
        Its size and latency.

    Raises:
        StorageError: The export cannot be run.
    """
    return export_cost(run_export(format_name, folder, images, images, threads), folder, threads)
