"""The operations' names: the candidates of a search, further ones in published cells, and a user's own.

The names are those of DARTS-style genotypes; the candidates are in the order of the architecture parameters' last axis.
This module imports nothing, so that genotypes can be checked without loading TensorFlow.
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

# In final networks only: the search space does not contain them.
FINAL_NETWORK_OPERATION_NAMES = ("sep_conv_7x7", "conv_7x1_1x7")

_REGISTERED: list[str] = []


def operation_names() -> tuple[str, ...]:
    """Returns the names of all known operations, including those that a user registered."""
    return (*OPERATION_NAMES, *FINAL_NETWORK_OPERATION_NAMES, *_REGISTERED)


def add_operation_name(name: str) -> None:
    """Makes a name known; `operations.register_operation` calls it.

    Args:
        name: A name that is not known yet.
    """
    _REGISTERED.append(name)
