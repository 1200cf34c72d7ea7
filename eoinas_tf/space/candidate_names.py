"""The candidate operations of a search, checked without loading TensorFlow."""

from collections.abc import Sequence

from eoinas_tf.errors import ConfigurationError
from eoinas_tf.space.cell_topology import INTERMEDIATE_NODES
from eoinas_tf.space.genotype import INPUTS_PER_NODE
from eoinas_tf.space.operation_names import NONE, OPERATION_NAMES, SKIP_CONNECT, operation_names

# All operations of a derived cell.
MOST_IDENTITIES = INPUTS_PER_NODE * INTERMEDIATE_NODES


def candidate_names(names: Sequence[str] | None, max_skip_connections: int | None = None) -> tuple[str, ...]:
    """Returns the candidate operations of a search.

    Args:
        names: The names that the user gave; None: the paper's eight.
        max_skip_connections: Most identity operations in the found normal cell; None: no limit.

    Raises:
        ConfigurationError: A name is unknown or given twice, fewer than two are left to choose from, or the limit
            leaves no operation to choose.
    """
    if names is None:
        return OPERATION_NAMES
    for name in names:
        if name not in operation_names():
            raise ConfigurationError(
                f"--operations: {name} is not known; known: {', '.join(operation_names())}. Operations of your own are "
                "registered by a module that --operation_modules names"
            )
    if len(set(names)) < len(names) or not set(names) - {NONE} or len(names) < 2:
        raise ConfigurationError(
            f"--operations must name two or more different operations. Received: {','.join(names)}"
        )
    if (
        max_skip_connections is not None
        and max_skip_connections < MOST_IDENTITIES
        and not set(names) - {NONE, SKIP_CONNECT}
    ):
        raise ConfigurationError(
            f"--max_skip_connections={max_skip_connections} needs an operation other than {NONE} and "
            f"{SKIP_CONNECT}; add one to --operations, or give --max_skip_connections={MOST_IDENTITIES}. Received: "
            f"--operations={','.join(names)}"
        )
    return tuple(names)
