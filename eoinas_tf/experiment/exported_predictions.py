"""Runs an export with TensorFlow, TensorFlow Lite or ONNX Runtime alone, and imports nothing from this package.

`export_check.py` runs it as a program in a separate process, with the arguments FORMAT FOLDER IMAGES OUTPUTS.
IMAGES is a .npy file of uint8 images and OUTPUTS the .npz file that receives `probabilities` and `label`.
If TEST_IMAGES, a .npy file, and THREADS follow, OUTPUTS receives `test_label` and `milliseconds` too.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

Outputs = dict[str, np.ndarray]
Function = Callable[[np.ndarray], Outputs]
BATCH_SIZE = 32
# For timing: untimed runs at the start, the fewest and the most timed runs, and the seconds after which no further run
# begins.
WARM_UP_RUNS, FEWEST_RUNS, MOST_RUNS, LONGEST_SECONDS = 3, 11, 101, 2.0


def saved_model_function(folder: Path, threads: int | None = None) -> Function:
    """Loads a SavedModel for several calls.

    Args:
        folder: The folder of the SavedModel.
        threads: Not used: TensorFlow takes its threads from environment variables, once per process.

    Returns:
        A function that takes uint8 images [batch, height, width, channels] and returns arrays by output name.
    """
    import tensorflow as tf

    model = tf.saved_model.load(str(folder))
    signature = model.signatures["serving_default"]

    def outputs(images: np.ndarray) -> Outputs:
        return {name: output.numpy() for name, output in signature(image=tf.constant(images)).items()}

    outputs.model = model  # type: ignore[attr-defined]  # Keeps the model, and so its variables, alive.
    return outputs


def tflite_function(folder: Path, threads: int | None = None) -> Function:
    """Loads a TensorFlow Lite model; arguments and result as for `saved_model_function`, but `threads` is used."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:  # TensorFlow's own interpreter is the same, but a later release is to remove it.
        import tensorflow as tf

        Interpreter = tf.lite.Interpreter
    interpreter = Interpreter(str(folder / "model.tflite"), num_threads=threads)
    runner = interpreter.get_signature_runner("serving_default")
    return lambda images: runner(image=images)


def onnx_function(folder: Path, threads: int | None = None) -> Function:
    """Loads an ONNX model; arguments and result as for `saved_model_function`, but `threads` is used."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return lambda images: dict(zip(names, session.run(names, {"image": images}), strict=True))


LOADERS: dict[str, Callable[..., Function]] = {
    "saved_model": saved_model_function,
    "tflite": tflite_function,
    "tflite_float16": tflite_function,
    "tflite_int8": tflite_function,
    "onnx": onnx_function,
}


def export_outputs(
    format_name: str, folder: Path, images: np.ndarray, test_images: np.ndarray | None = None, threads: int = 1
) -> Outputs:
    """Returns an export's outputs for images and, with test images, the labels it gives those and its run times.

    Args:
        format_name: A key of `LOADERS`.
        folder: The export's folder.
        images: uint8 [batch, height, width, channels].
        test_images: uint8 [n, height, width, channels], or None.
        threads: Threads that the export's runtime uses.

    Returns:
        `probabilities` and `label` of `images`; with test images also `test_label` [n] and `milliseconds`, float64
        [runs], the times of runs with one image each.
    """
    run = LOADERS[format_name](folder, threads)
    outputs = run(images)
    found = {"probabilities": outputs["probabilities"], "label": outputs["label"]}
    if test_images is not None:
        batches = [test_images[first : first + BATCH_SIZE] for first in range(0, len(test_images), BATCH_SIZE)]
        found["test_label"] = np.concatenate([run(batch)["label"] for batch in batches])
        found["milliseconds"] = single_image_milliseconds(run, images)
    return found


def single_image_milliseconds(run: Function, images: np.ndarray) -> np.ndarray:
    """Returns the milliseconds of runs with one image each, float64 [runs], without the first runs."""
    started, found = time.perf_counter(), []
    for number in range(WARM_UP_RUNS + MOST_RUNS):
        image = images[number % len(images)][np.newaxis]
        before = time.perf_counter()
        run(image)
        after = time.perf_counter()
        if number >= WARM_UP_RUNS:
            found.append(1000 * (after - before))
        if len(found) >= FEWEST_RUNS and after - started > LONGEST_SECONDS:
            break
    return np.array(found)


def main(
    format_name: str, folder: str, images_file: str, outputs_file: str, test_images_file: str = "", threads: str = "1"
) -> None:
    """Runs an export on the images of one file and writes the result of `export_outputs` to another."""
    test_images = np.load(test_images_file, mmap_mode="r") if test_images_file else None
    outputs = export_outputs(format_name, Path(folder), np.load(images_file), test_images, int(threads))
    np.savez(outputs_file, allow_pickle=False, **outputs)


if __name__ == "__main__":
    main(*sys.argv[1:])
