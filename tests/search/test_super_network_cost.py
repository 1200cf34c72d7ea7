import pytest

from eoinas_tf.search.super_network_cost import mean_multiply_adds
from eoinas_tf.supernet.search_network import SearchNetwork

# With 3 cells of C channels on H x W images, cells 1 and 2 are reduction cells.
CLASSES, C = 5, 2


def separable(channels, positions):
    return 2 * (9 * channels + channels**2) * positions


def without_edges(height, width, image_channels=1):
    """Counts the stem, the inputs' convolutions of each cell, and the dense layer by hand."""
    size, half = height * width, -(-height // 2) * -(-width // 2)
    quarter_channels = 4 * C
    total = 9 * image_channels * 3 * C * size
    total += 2 * 3 * C * C * size  # Cell 0: both inputs are the stem's.
    total += (3 * C + 4 * C) * 2 * C * size  # Cell 1: the stem's and cell 0's.
    total += (4 * C + 8 * C) * quarter_channels * half  # Cell 2: cell 0's halved, cell 1's.
    return total + 4 * quarter_channels * CLASSES


@pytest.mark.parametrize(("height", "width"), [(8, 8), (7, 9)])
@pytest.mark.parametrize("operations", [("sep_conv_3x3",), ("none", "sep_conv_3x3"), ("max_pool_3x3",)])
def test_it_is_the_mean_over_the_operations_by_hand(height, width, operations):
    network = SearchNetwork((height, width, 1), CLASSES, C, 3, operations)
    half = -(-height // 2), -(-width // 2)
    quarter = -(-half[0] // 2), -(-half[1] // 2)
    edges = 0
    if "sep_conv_3x3" in operations:
        sizes = ((C, height * width), (2 * C, half[0] * half[1]), (4 * C, quarter[0] * quarter[1]))
        edges = sum(14 * separable(channels, positions) for channels, positions in sizes)
    expected = without_edges(height, width) + edges // len(operations)
    assert mean_multiply_adds(network, (height, width, 1)) == expected
