"""The object that is exported: a network with its normalization and class names, as functions of raw images."""

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf


class ExportedClassifier(tf.Module):
    """Normalization, network and class names in one function, with and without resizing before them.

    Args:
        network: Maps normalized images, float32 [batch, height, width, channels], to logits. An export stores its
            `variables`, if it has any.
        image_shape: Height, width and channels of the network's input.
        class_names: A name for each class.
        mean: Channels' means, [channels], on the scale 0 to 255.
        standard_deviation: Channels' standard deviations, likewise.
        fit_images: Resizes uint8 images of another size to the network's, as in the test, and changes no others.
        calibration_images: Images of the network's size that determine the ranges of integers, uint8 [n, height, width,
            channels]; only needed for integer formats.
        quantizable_network: The same network, built from operations that can be converted to integers; by default
            `network`.

    Attributes:
        classify: Graph function of images of any size: `probabilities`, `label` and `class_name`.
        classify_resized: Graph function of images of the network's own size: `probabilities` and `label`.
        name_classes: Graph function without arguments: `class_names`, string [classes].
    """

    def __init__(
        self,
        network: Callable[[tf.Tensor], tf.Tensor],
        image_shape: tuple[int, int, int],
        class_names: Sequence[str],
        *,
        mean: np.ndarray,
        standard_deviation: np.ndarray,
        fit_images: Callable[[tf.Tensor], tf.Tensor],
        calibration_images: np.ndarray | None = None,
        quantizable_network: Callable[[tf.Tensor], tf.Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.variables_of_network = [variable.value for variable in getattr(network, "variables", [])]
        self.image_shape = tuple(image_shape)
        self.fit_images = fit_images
        self.calibration_images = calibration_images
        self.quantizable_network = quantizable_network or network
        self.class_names = tuple(class_names)
        # Not tensors: an ONNX model would treat them as inputs.
        self.mean = np.asarray(mean, np.float32)
        self.standard_deviation = np.asarray(standard_deviation, np.float32)
        any_size = tf.TensorSpec([None, None, None, image_shape[-1]], tf.uint8, name="image")
        own_size = tf.TensorSpec([None, *image_shape], tf.uint8, name="image")
        self.classify = tf.function(self._classify, input_signature=[any_size], autograph=False)
        self.classify_resized = tf.function(self._classify_resized, input_signature=[own_size], autograph=False)
        self.name_classes = tf.function(self._name_classes, input_signature=[], autograph=False)

    def _classify(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns `probabilities` [batch, classes], `label` [batch] and `class_name` [batch] for uint8 images."""
        height, width, channels = self.image_shape
        fitted = tf.ensure_shape(self.fit_images(image), [None, height, width, channels])
        outputs = self._outputs(tf.cast(fitted, tf.float32))
        return {**outputs, "class_name": tf.gather(tf.constant(self.class_names), outputs["label"])}

    def _classify_resized(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns `probabilities` [batch, classes] and `label` [batch] for uint8 images of the network's size."""
        return self._outputs(tf.cast(image, tf.float32))

    def classify_pixels(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns `probabilities` [batch, classes] and `label` [batch] for float32 images of the network's size.

        Not a graph function: every export contains all graph functions of a module, and only integer converters need
        this one. The label is the class of the largest logit, because many 8-bit probabilities are equal.
        """
        # One convolution, in which each channel's factor keeps its own scale.
        factors = (1 / self.standard_deviation).reshape(1, 1, -1, 1)
        normalized = tf.nn.depthwise_conv2d(image, factors, [1, 1, 1, 1], "VALID")
        logits = self.quantizable_network(tf.nn.bias_add(normalized, -self.mean / self.standard_deviation))
        return {"probabilities": tf.nn.softmax(logits), "label": tf.argmax(logits, axis=-1)}

    def _outputs(self, pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        probabilities = tf.nn.softmax(self.network((pixels - self.mean) / self.standard_deviation))
        return {"probabilities": probabilities, "label": tf.argmax(probabilities, axis=-1)}

    def _name_classes(self) -> dict[str, tf.Tensor]:
        """Returns `class_names` [classes], in the order of `probabilities`."""
        return {"class_names": tf.constant(self.class_names)}
