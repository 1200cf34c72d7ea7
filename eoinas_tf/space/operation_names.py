"""The candidate operations' names, in the order of the architecture parameters' last axis.

The names are those of DARTS-style genotypes, the order is design's. This module imports
nothing, so that genotypes can be checked without loading TensorFlow.
"""

NONE = "none"
SKIP_CONNECT = "skip_connect"

OPERATION_NAMES = (
    NONE,
    SKIP_CONNECT,
    "sep_conv_3x3",
    "dil_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_5x5",
    "avg_pool_3x3",
    "max_pool_3x3",
)
