"""From two arrays to a trained Keras model: `python examples/arrays.py`, a few minutes on two cores.

It searches on the digits of scikit-learn, trains what it finds by the paper's recipe, and trains the same network with
Keras's own `fit`. Everything it writes is below runs/arrays; run it again, and it continues where it was.
"""

from pathlib import Path

import keras
import numpy as np
from sklearn.datasets import load_digits

import eoinas_tf as eoinas

NETWORK = {"cells": 3, "crop_padding": 1, "horizontal_flip": False, "batch_size": 32}
SEARCH = {**NETWORK, "init_channels": 4, "epochs": 24, "architecture_learning_rate": 0.01}
TRAINING = {**NETWORK, "init_channels": 12, "epochs": 10, "learning_rate": 0.05, "cutout_length": 0, "drop_path": 0.1}
FIT_EPOCHS = 5


def main(folder: str | Path = "runs/arrays", search=SEARCH, training=TRAINING, fit_epochs: int = FIT_EPOCHS) -> None:
    """Searches, trains and classifies.

    Args:
        folder: Receives all that is written.
        search: Settings of the search, by the names of the flags.
        training: Settings of the training.
        fit_epochs: Epochs of Keras's `fit`.
    """
    folder = Path(folder)
    digits = load_digits()
    x = np.round(digits.images * (255 / 16)).astype("uint8")[..., np.newaxis]
    y = digits.target

    found = eoinas.search((x, y), run_dir=folder / "search", **search)
    print(found.genotype)
    found.plot().savefig(folder / "normal_cell.png")

    trained = eoinas.train(found, (x, y), run_dir=folder / "eval", **training)
    print(f"test accuracy {trained.test_accuracy:.4f}")
    print("the first ten digits:", trained.model.predict(x[:10], verbose=0).argmax(axis=1))

    model = eoinas.build_model(
        found, x.shape[1:], num_classes=10, cells=training["cells"], init_channels=training["init_channels"], seed=0
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x, y, batch_size=training["batch_size"], epochs=fit_epochs, validation_split=0.2, verbose=2)
    model.save(folder / "fit.keras")
    again = keras.models.load_model(folder / "fit.keras")
    assert np.array_equal(again.predict(x[:10], verbose=0), model.predict(x[:10], verbose=0))


if __name__ == "__main__":
    main()
