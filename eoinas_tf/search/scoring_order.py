"""The order in which the validation half is scored, and so which images share a batch.

The super network normalizes with the statistics of each batch, so the prediction for an image depends on the images
beside it. A folder of class folders lists its images class by class: in that order a batch would hold a single class,
with statistics that no training step has seen.
"""

import numpy as np
import tensorflow as tf

from eoinas_tf.data.image_split import ImageSplit
from eoinas_tf.data.input_pipelines import Preprocessing, test_batches
from eoinas_tf.random_seeds import epoch_order

# Not the run's seed: searches that share a validation half are scored on the very same batches.
SCORING_SEED = 0


def scoring_batches(
    split: ImageSplit, preprocessing: Preprocessing, *, batch_size: int, indices: np.ndarray, seed: int = SCORING_SEED
) -> tf.data.Dataset:
    """Returns batches that hold every image of the validation half once, mixed as training batches are.

    The images that fill up the last batch are the first ones of the same random order, so they too are drawn from all
    images.

    Args:
        split: The training images.
        preprocessing: Normalization; the augmentation is left out.
        batch_size: Images in a batch.
        indices: The validation half D_V, int64 [n].
        seed: Chooses the order; other seeds serve only to measure how far the score moves.

    Returns:
        Yields (images, labels, weights): float32 [batch, height, width, channels], int32 [batch] and
        float32 [batch]; the weights of the images that fill up the last batch are 0.
    """
    order = epoch_order(len(indices), seed, "scoring", 0)
    return test_batches(split, preprocessing, batch_size=batch_size, indices=np.asarray(indices)[order])
