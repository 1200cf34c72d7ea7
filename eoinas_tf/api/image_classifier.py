"""`eoinas_tf.ImageClassifier`: search and training with one `fit`, for users of scikit-learn or AutoKeras."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from eoinas_tf.api.cell_search import search
from eoinas_tf.api.network_training import check_training, setting_of_weights, train
from eoinas_tf.api.run_folders import SearchRun, TrainingRun
from eoinas_tf.api.run_settings import checked_config, size_of
from eoinas_tf.config import ARRAYS, EvaluationConfig, SearchConfig
from eoinas_tf.data.image_arrays import labels_of, pixels_of
from eoinas_tf.data.image_resizing import fit_pixels
from eoinas_tf.errors import ConfigurationError, StorageError
from eoinas_tf.evaluation.inherited_settings import SETTINGS_OF_SEARCH
from eoinas_tf.evaluation.weight_source import NETWORK_SETTINGS, read_weight_source
from eoinas_tf.training.automatic_sizes import (
    SEARCH,
    SHARES,
    TRAINING,
    Images,
    kept_settings,
    recommended_settings,
)

BATCH_SIZE = 128
# What the classifier passes to both runs itself.
OWN_ARGUMENTS = {"data", "genotype", "initial_weights", "run_dir", "test_data"}
# If neither epochs nor hours are given.
SEARCH_EPOCHS, EPOCHS = 160, 100


class ImageClassifier:
    """Finds a network for images, trains it, and classifies.

    Args:
        hours: Time budget in hours of wall-clock time for both runs: a third for the search, the rest for training.
            Each run times some steps and chooses its epochs; sizes that the settings below do not give depend on the
            images, the machine and the time, as in `eoinas auto --hours`. Not to be combined with
            `search_epochs` or `epochs`.
        search_epochs: Epochs of the search, at least 8; by default the paper's 160, unless `hours` is given.
        epochs: Epochs of the final training run; by default 100, unless `hours` is given.
        run_dir: Folder that receives both runs, `search` and `training`; the same `fit` resumes a stopped one. By
            default new folders below `runs`.
        initial_weights: A trained network to begin with: the result of `eoinas_tf.train`, its run folder, or a .keras
            file of this package. `fit` then skips the search and fine-tunes that network, with a new classifier.
        search_settings: Further settings of the search, by flag name.
        train_settings: Further settings of the training run, likewise.

    Attributes:
        found: The search, after `fit`; None with `initial_weights`.
        trained: The training run, after `fit`.
        classes_: The classes' labels in the order of the probabilities, after `fit`.

    Example:
        classifier = eoinas_tf.ImageClassifier(hours=2, run_dir="runs/mine").fit(x, y)  # the same call resumes it
        classifier.predict(more_images)
    """

    found: SearchRun | None
    trained: TrainingRun
    classes_: np.ndarray

    def __init__(
        self,
        *,
        hours: float | None = None,
        search_epochs: int | None = None,
        epochs: int | None = None,
        run_dir: str | Path | None = None,
        initial_weights: TrainingRun | str | Path | None = None,
        search_settings: dict[str, Any] | None = None,
        train_settings: dict[str, Any] | None = None,
    ) -> None:
        if hours is not None and not (search_epochs is None and epochs is None):
            raise ConfigurationError(
                "hours chooses the epochs of both runs: leave out hours, or search_epochs and epochs. "
                f"Received: hours={hours!r}, search_epochs={search_epochs!r}, epochs={epochs!r}"
            )
        for further in (search_settings or {}, train_settings or {}):
            for name in OWN_ARGUMENTS & further.keys():
                raise ConfigurationError(
                    f"{name} cannot be set for one of the two runs; leave it out there. "
                    f"Received: {name}={further[name]!r}"
                )
        self.hours = hours
        self.search_epochs = SEARCH_EPOCHS if search_epochs is None and hours is None else search_epochs
        self.epochs = EPOCHS if epochs is None and hours is None else epochs
        self.run_dir = run_dir
        self.initial_weights = initial_weights
        self.search_settings = dict(search_settings or {})
        self.train_settings = dict(train_settings or {})

    def fit(self, x: Any, y: Any, test_data: Any = None) -> "ImageClassifier":
        """Searches for a cell and trains its network, or fine-tunes the network of `initial_weights`.

        Args:
            x: Images, [n, height, width(, 1 or 3)], whole numbers from 0 to 255.
            y: Labels [n], integers or strings.
            test_data: Test images and labels; by default a fifth of each class is held out.

        Returns:
            Itself.

        Raises:
            EoinasError: See `eoinas_tf.search` and `eoinas_tf.train`.
        """
        folders = {kind: None if self.run_dir is None else Path(self.run_dir) / kind for kind in (SEARCH, TRAINING)}
        found = None
        of_training = self._settings(TRAINING, folders[TRAINING], x, y, test_data)
        if self.initial_weights is None:
            check_training((x, y), test_data=test_data, **of_training)
            settings = self._settings(SEARCH, folders[SEARCH], x, y, test_data)
            found = search((x, y), test_data=test_data, run_dir=folders[SEARCH], **settings)
        elif self.search_settings:
            raise ConfigurationError(
                "search_settings cannot be used with initial_weights, whose cells are known; leave one of them out. "
                f"Received: {', '.join(self.search_settings)}"
            )
        trained = train(
            found,
            (x, y),
            test_data=test_data,
            run_dir=folders[TRAINING],
            initial_weights=self.initial_weights,
            **of_training,
        )
        names = trained.class_names
        is_text = labels_of(y).dtype.kind == "U"
        self.found, self.trained = found, trained
        self.classes_ = np.array(names) if is_text else np.arange(len(names))
        return self

    def _settings(self, kind: str, folder: Path | None, x: Any, y: Any, test_data: Any) -> dict[str, Any]:
        """Returns a run's settings, with sizes chosen by the rules if there is a time budget."""
        given = self.search_settings
        if kind == TRAINING:  # It has the images of the search.
            shared = {name: given[name] for name in SETTINGS_OF_SEARCH if name in given}
            shared = kept_settings(folder, shared)  # Earlier versions did not pass them on.
            given = {**shared, **self.train_settings}
        if self.hours is None:
            return {"epochs": self.search_epochs if kind == SEARCH else self.epochs, **given}
        hours, source = SHARES[kind] * self.hours, None
        if self.initial_weights is not None:  # There is no search, and the network has its own sizes.
            hours, source = self.hours, read_weight_source(setting_of_weights(self.initial_weights))
        if "image_size" in given:  # The rules need it, and check nothing themselves.
            checked_config(
                SearchConfig if kind == SEARCH else EvaluationConfig, kind, ARRAYS, {"image_size": given["image_size"]}
            )
        size = size_of(given.get("image_size"))
        pixels, classes = pixels_of(x), len(np.unique(labels_of(y)))
        height, width = size or (pixels.shape[1:3] if source is None else source.image_shape[:2])
        images = Images(len(pixels) if test_data is not None else len(pixels) * 4 // 5, height, width, classes)
        named = {name: given.get(name) for name in ("method", "optimizer", "stem")}
        recommended = recommended_settings(kind, images, hours, **named)
        if source is not None:
            recommended = {name: value for name, value in recommended.items() if name not in NETWORK_SETTINGS}
        chosen = kept_settings(folder, recommended)
        return {"hours": hours, **chosen, **given}

    def predict_proba(self, x: Any) -> np.ndarray:
        """Returns the classes' probabilities, float32 [n, classes].

        Args:
            x: Images as for `fit`: with the size and channels of the training images before any resizing.

        Raises:
            EoinasError: It is not fitted, or `x` does not hold such images.
        """
        model = self._fitted().model
        pixels = pixels_of(x)
        settings = self._fitted().settings
        if settings.get("image_size") is not None:  # Like the images of `fit`.
            pixels = fit_pixels(pixels, model.input_shape[1:3], settings.get("resize_side"))
        if pixels.shape[1:] != model.input_shape[1:]:
            raise ConfigurationError(f"x must be images of {model.input_shape[1:]}. Received: {pixels.shape[1:]}")
        return model.predict(pixels, batch_size=BATCH_SIZE, verbose=0)

    def predict(self, x: Any) -> np.ndarray:
        """Returns the most likely class of each image, as its label in the `y` of `fit`, [n].

        Args:
            x: As for `predict_proba`.
        """
        probabilities = self.predict_proba(x)
        return self.classes_[probabilities.argmax(axis=1)]

    def evaluate(self, x: Any, y: Any) -> float:
        """Returns the fraction of images that are classified correctly.

        Args:
            x: As for `predict_proba`.
            y: Labels, as for `fit`.
        """
        predicted, labels = self.predict(x), labels_of(y)
        if (labels.dtype.kind == "U") != (self.classes_.dtype.kind == "U"):
            raise ConfigurationError(
                f"y must hold labels like those of fit, {self.classes_[:3]}. Received: {labels[:3]}"
            )
        if len(predicted) != len(labels):
            raise ConfigurationError(f"x and y must be of one length. Received: {len(predicted)} and {len(labels)}")
        return float(np.mean(predicted == labels))

    def export(self, path: str | Path) -> Path:
        """Copies the trained network out of its run folder.

        Args:
            path: A new file that ends in `.keras`, or a new folder for a SavedModel, which runs without this package.

        Returns:
            The path.

        Raises:
            StorageError: The path already exists, or cannot be written, or there is no SavedModel.
        """
        target, run_dir = Path(path).expanduser(), self._fitted().run_dir
        if target.exists():
            raise StorageError(f"{target} exists and is not replaced; name another path")
        if target.suffix != ".keras" and not (run_dir / "saved_model").is_dir():
            raise StorageError(
                f"{run_dir} holds no SavedModel, because export_formats left it out; name a file that ends in .keras, "
                'or repeat fit with the same run_dir and train_settings={"export_formats": ("saved_model",)}. '
                f"Received: {target}"
            )
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.suffix == ".keras":
                shutil.copyfile(run_dir / "model.keras", target)
            else:
                shutil.copytree(run_dir / "saved_model", target)
        except OSError as error:
            raise StorageError(f"{target} could not be written: {error}") from None
        return target

    def _fitted(self) -> TrainingRun:
        if not hasattr(self, "trained"):
            raise ConfigurationError("the classifier is not fitted yet; call fit first")
        return self.trained
