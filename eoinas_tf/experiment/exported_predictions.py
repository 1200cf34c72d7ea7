"""Runs an export with TensorFlow, TensorFlow Lite or ONNX Runtime alone, and imports nothing of ours.

`export_check.py` starts it as a program in a process of its own: FORMAT FOLDER IMAGES OUTPUTS, where
IMAGES is a .npy file of uint8 images and OUTPUTS the .npz file that receives `probabilities` and `label`.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

Outputs = dict[str, np.ndarray]


def saved_model_outputs(folder: Path, images: np.ndarray) -> Outputs:
    """Returns what a SavedModel says.

    Args:
        folder: Its folder.
        images: uint8 [batch, height, width, channels].

    Returns:
        Arrays by the name of the output.
    """
    return saved_model_function(folder)(images)


def saved_model_function(folder: Path) -> Callable[[np.ndarray], Outputs]:
    """Loads a SavedModel once, for several calls; what it returns takes and gives what `saved_model_outputs` does."""
    import tensorflow as tf

    model = tf.saved_model.load(str(folder))
    signature = model.signatures["serving_default"]

    def outputs(images: np.ndarray) -> Outputs:
        return {name: output.numpy() for name, output in signature(image=tf.constant(images)).items()}

    outputs.model = model  # type: ignore[attr-defined]  # Its variables live as long as it does.
    return outputs


def tflite_outputs(folder: Path, images: np.ndarray) -> Outputs:
    """Returns what a TensorFlow Lite model says; arguments and result as in `saved_model_outputs`."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:  # TensorFlow's own interpreter is the same one, and is to leave TensorFlow some day.
        import tensorflow as tf

        Interpreter = tf.lite.Interpreter
    return Interpreter(str(folder / "model.tflite")).get_signature_runner("serving_default")(image=images)


def onnx_outputs(folder: Path, images: np.ndarray) -> Outputs:
    """Returns what an ONNX model says; arguments and result as in `saved_model_outputs`."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"image": images}), strict=True))


READERS: dict[str, Callable[[Path, np.ndarray], Outputs]] = {
    "saved_model": saved_model_outputs,
    "tflite": tflite_outputs,
    "onnx": onnx_outputs,
}


def main(format_name: str, folder: str, images_file: str, outputs_file: str) -> None:
    """Runs an export on the images of one file and writes probabilities and labels to another."""
    outputs = READERS[format_name](Path(folder), np.load(images_file))
    np.savez(outputs_file, probabilities=outputs["probabilities"], label=outputs["label"])


if __name__ == "__main__":
    main(*sys.argv[1:])
