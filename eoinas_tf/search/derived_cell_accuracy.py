"""Scores derived cells: their accuracy inside their own super network on all of D_V (section 4.2)."""

import numpy as np
import tensorflow as tf

from eoinas_tf.search.search_step import SearchStep


def derived_cell_accuracy(step: SearchStep, operation_index: np.ndarray, batches: tf.data.Dataset) -> float:
    """Returns the fraction of the validation half that the derived sub-network classifies correctly.

    The super network normalizes with the statistics of each batch, so the figure depends on
    which images share a batch (see `scoring_order`) and a little on the batch size. It ranks
    the seeds of a search; it is not the accuracy of the final network.

    Args:
        step: Holds the trained super network.
        operation_index: The derived cells, int32 [cell types, edges].
        batches: Yields (images, labels, weights), full batches; images of weight 0 do not count.
    """
    correct, total = 0.0, 0.0
    for images, labels, weights in batches:
        predictions = step.classify(images, tf.constant(operation_index, tf.int32)).numpy()
        correct += float(np.sum((predictions == labels.numpy()) * weights.numpy()))
        total += float(np.sum(weights.numpy()))
    return correct / total
