"""The backend of Keras: this package's layers consist of TensorFlow operations and need TensorFlow."""

import os

from eoinas_tf.errors import KerasBackendError


def choose_tensorflow() -> None:
    """Makes Keras run on TensorFlow; call this before it is imported.

    It overrides the environment and ~/.keras/keras.json, which are meant for other programs.
    """
    os.environ["KERAS_BACKEND"] = "tensorflow"


def require_tensorflow() -> None:
    """Makes sure that Keras runs on TensorFlow in this process.

    Raises:
        KerasBackendError: It runs on another backend, which can no longer be changed.
    """
    import keras  # Here, so that the choice above comes before it.

    backend = keras.config.backend()
    if backend != "tensorflow":
        raise KerasBackendError(
            f"eoinas_tf's layers need Keras on TensorFlow. Received: Keras on {backend}; set KERAS_BACKEND=tensorflow "
            "before keras is imported, or use a process of its own"
        )
