"""Images, cells and settings that are small enough for the tests of the Python API."""

import numpy as np
import pytest

from eoinas_tf.space.genotype import Genotype

EDGES = (("max_pool_3x3", 0), ("skip_connect", 1))
CELLS = Genotype(normal=EDGES, normal_concat=(2,), reduce=EDGES, reduce_concat=(2,))


@pytest.fixture(scope="session")
def cells():
    return CELLS


@pytest.fixture
def arrays():
    """Dark and bright images, uint8 [40, 8, 8, 1], and their labels."""
    labels = np.arange(40) % 2
    images = np.random.default_rng(0).integers(0, 100, (40, 8, 8, 1)) + 120 * labels[:, None, None, None]
    return images.astype(np.uint8), labels
