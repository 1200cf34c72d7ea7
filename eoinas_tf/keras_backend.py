"""The backend of Keras: this package's layers consist of TensorFlow operations and need TensorFlow."""

import keras

from eoinas_tf.errors import KerasBackendError


def require_tensorflow() -> None:
    """Makes sure that Keras runs on TensorFlow in this process.

    Raises:
        KerasBackendError: It runs on another backend, which can no longer be changed.
    """
    backend = keras.config.backend()
    if backend != "tensorflow":
        raise KerasBackendError(
            f"eoinas_tf's layers need Keras on TensorFlow. Received: Keras on {backend}; set KERAS_BACKEND=tensorflow "
            "before keras is imported, or use a process of its own"
        )
