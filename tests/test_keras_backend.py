import subprocess
import sys

import keras
import pytest

from eoinas_tf.errors import EoinasError
from eoinas_tf.keras_backend import require_tensorflow


def test_tensorflow_is_taken():
    require_tensorflow()


def test_another_backend_is_one_line(monkeypatch):
    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    with pytest.raises(EoinasError, match=r"^eoinas_tf's layers .* Keras on jax; set KERAS_BACKEND=[^\n]*$"):
        require_tensorflow()


# Imitates a program that runs Keras on JAX, which need not be installed here.
PROGRAM = """
import keras
keras.config.backend = lambda: "jax"
for module in ("space.convolution_blocks", "supernet.search_network", "evaluation.evaluation_network"):
    try:
        __import__("eoinas_tf." + module)
    except ImportError as error:
        print(error)
from eoinas_tf.space.genotype import Genotype
"""


def test_layers_cannot_be_imported_beside_another_backend_and_genotypes_can():
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("eoinas_tf's layers need Keras on TensorFlow") == len(run.stdout.splitlines()) == 3


def test_the_choice_counts_whatever_the_environment_says(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    program = (
        "from eoinas_tf import keras_backend; keras_backend.choose_tensorflow(); keras_backend.require_tensorflow()"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
