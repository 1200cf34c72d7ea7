"""What Keras runs on: these layers are made of TensorFlow's operations, whatever else Keras knows."""

import keras

from eoinas_tf.errors import KerasBackendError


def require_tensorflow() -> None:
    """Makes sure that Keras runs on TensorFlow in this process.

    Raises:
        KerasBackendError: It runs on something else, which cannot be changed any more.
    """
    backend = keras.config.backend()
    if backend != "tensorflow":
        raise KerasBackendError(
            f"eoinas_tf's layers need Keras on TensorFlow. Received: Keras on {backend}; set KERAS_BACKEND=tensorflow "
            "before keras is imported, or use a process of its own"
        )
