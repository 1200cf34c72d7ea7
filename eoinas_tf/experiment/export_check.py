"""Compares an export with the network it was made of, in a process that knows nothing of this package."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from eoinas_tf.errors import StorageError
from eoinas_tf.experiment.write_failures import write_failure

PROGRAM = Path(__file__).with_name("exported_predictions.py")
# Of a probability. Graphs and converted models round otherwise than single operations, and a deep network magnifies
# that: one of 20 untrained cells answered by 2e-4 otherwise when its pixels changed by 1e-7 of their values.
LARGEST_DIFFERENCE = 1e-3
LONGEST_RUN_SECONDS = 1800
# On the processor, where float32 is float32: a GPU rounds more coarsely, and this process may have taken all of it.
ENVIRONMENT = {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}


def run_export(format_name: str, folder: Path, images: np.ndarray) -> dict[str, np.ndarray]:
    """Runs an export in a new process.

    Args:
        format_name: The export's format.
        folder: The export.
        images: uint8 [batch, height, width, channels].

    Returns:
        `probabilities`, float [batch, classes], and `label`, int [batch].

    Raises:
        StorageError: The export cannot be loaded or run, or there is no room for the images.
    """
    with tempfile.TemporaryDirectory() as exchange:
        images_file, outputs_file = Path(exchange, "images.npy"), Path(exchange, "outputs.npz")
        try:
            np.save(images_file, images)
        except OSError as error:
            raise write_failure(images_file, error, images.nbytes) from None
        # Read from the standard input, so that the modules beside the program cannot be imported by accident.
        command = [sys.executable, "-", format_name, folder.absolute(), images_file, outputs_file]
        try:
            process = subprocess.run(
                [str(part) for part in command],
                input=PROGRAM.read_text(encoding="utf-8"),
                cwd=exchange,
                env={**os.environ, **ENVIRONMENT},
                capture_output=True,
                text=True,
                timeout=LONGEST_RUN_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise StorageError(
                f"the export to {folder} gave no answer for {LONGEST_RUN_SECONDS} seconds; it was not kept"
            ) from None
        if process.returncode:
            reason = (process.stderr.strip().splitlines() or [f"exit status {process.returncode}"])[-1]
            raise StorageError(f"the export to {folder} cannot be run and was not kept: {reason}")
        with np.load(outputs_file) as outputs:
            return dict(outputs)


def check_export(format_name: str, folder: Path, images: np.ndarray, probabilities: np.ndarray) -> float:
    """Runs an export in a new process and compares what it says with what the network says.

    Args:
        format_name: The export's format.
        folder: The export.
        images: uint8 [batch, height, width, channels].
        probabilities: What the network says of them, float [batch, classes].

    Returns:
        The largest difference of two probabilities.

    Raises:
        StorageError: The export cannot be run or says something else.
    """
    outputs = run_export(format_name, folder, images)
    said = outputs["probabilities"]
    if said.shape != probabilities.shape:
        raise StorageError(f"the export to {folder} returns {said.shape}, the network {probabilities.shape}")
    difference = float(np.max(np.abs(said - probabilities)))
    if not difference <= LARGEST_DIFFERENCE:
        raise StorageError(
            f"the export to {folder} differs from the network by {difference:.3g} in a probability; it was not kept"
        )
    if not np.array_equal(outputs["label"], said.argmax(-1)):
        raise StorageError(f"the export to {folder} returns labels that are not its most probable classes")
    return difference
