"""A network as a SavedModel that takes raw images and needs nothing of ours to run."""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from eoinas_tf.errors import StorageError
from eoinas_tf.experiment.atomic_files import sync_file, sync_folder

LARGEST_DIFFERENCE = 1e-5


class ImageClassifier(tf.Module):
    """What is exported: resizing, normalization, network and class names in one function.

    Args:
        network: Maps normalized images, float32 [batch, height, width, channels], to logits.
        image_shape: Height, width and channels that the network takes.
        class_names: A name for each class.
        mean: Channels' means, [channels], on the scale 0 to 255.
        standard_deviation: Channels' standard deviations, likewise.
        fit_images: Brings uint8 images of another size to `image_shape`, as in the test. Where not given,
            their height and width are resized each on its own.
    """

    def __init__(
        self,
        network: Callable[[tf.Tensor], tf.Tensor],
        image_shape: tuple[int, int, int],
        class_names: Sequence[str],
        mean: np.ndarray,
        standard_deviation: np.ndarray,
        fit_images: Callable[[tf.Tensor], tf.Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.variables_of_network = [variable.value for variable in getattr(network, "variables", [])]
        self.image_shape = image_shape
        self.fit_images = fit_images or self._resize
        self.class_names = tf.constant(list(class_names))
        self.mean = tf.constant(mean, tf.float32)
        self.standard_deviation = tf.constant(standard_deviation, tf.float32)
        signature = tf.TensorSpec([None, None, None, image_shape[-1]], tf.uint8, name="image")
        self.classify = tf.function(self._classify, input_signature=[signature], autograph=False)

    def _resize(self, images: tf.Tensor) -> tf.Tensor:
        # Rounded as the training's images are.
        return tf.saturate_cast(tf.round(tf.image.resize(images, self.image_shape[:2], antialias=True)), tf.uint8)

    def _classify(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns `probabilities` [batch, classes], `label` [batch] and `class_name` [batch] for uint8 images."""
        height, width, channels = self.image_shape
        is_other_size = tf.reduce_any(tf.shape(image)[1:3] != [height, width])
        fitted = tf.cond(is_other_size, lambda: self.fit_images(image), lambda: image)
        pixels = tf.cast(tf.ensure_shape(fitted, [None, height, width, channels]), tf.float32)
        probabilities = tf.nn.softmax(self.network((pixels - self.mean) / self.standard_deviation))
        label = tf.argmax(probabilities, axis=-1)
        return {
            "probabilities": probabilities,
            "label": label,
            "class_name": tf.gather(self.class_names, label),
        }


def export_saved_model(
    classifier: ImageClassifier, folder: Path, images: np.ndarray, probabilities: np.ndarray
) -> float:
    """Writes a SavedModel, reloads it, compares it, and only then gives it its name.

    Args:
        classifier: What to export. Its signature `serving_default` takes `image`, uint8
            [batch, height, width, channels] of any batch, height and width, and returns
            `probabilities`, `label` and `class_name`.
        folder: The SavedModel's folder; an older export in it is replaced at the end.
        images: Images to compare on, uint8 [batch, height, width, channels].
        probabilities: What the network says of them, float [batch, classes].

    Returns:
        The largest difference between the two's probabilities.

    Raises:
        StorageError: It could not be written, or it says something else than the network.
    """
    temporary = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        tf.saved_model.save(classifier, str(temporary), signatures={"serving_default": classifier.classify})
        reloaded = tf.saved_model.load(str(temporary)).signatures["serving_default"]
        said = reloaded(image=tf.constant(images, tf.uint8))["probabilities"].numpy()
        difference = float(np.max(np.abs(said - probabilities)))
        if not difference <= LARGEST_DIFFERENCE:
            raise StorageError(
                f"the export to {folder} differs from the network by {difference:.3g} in a probability; "
                "it was not written"
            )
        for path in temporary.rglob("*"):
            (sync_folder if path.is_dir() else sync_file)(path)
        sync_folder(temporary)
        old = folder.with_name(f"{folder.name}.{os.getpid()}.old.tmp")
        if folder.exists():
            folder.rename(old)
        temporary.rename(folder)
        sync_folder(folder.parent)
        # Also what killed exports left: their process numbers were others.
        for remains in folder.parent.glob(f"{folder.name}.*.tmp"):
            shutil.rmtree(remains, ignore_errors=True)
    except (OSError, tf.errors.OpError) as error:
        raise StorageError(f"the export to {folder} could not be written: {error}") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return difference
