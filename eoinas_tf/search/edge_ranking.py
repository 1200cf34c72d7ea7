"""How edges compare once drops have left one operation on each: by scores with or without the last drop."""

import numpy as np

END = "end"
LAST_DECISION = "last_decision"


def ranked_operations(living_operations: np.ndarray, drop_epochs: np.ndarray, ranking: str) -> np.ndarray:
    """Returns the operations among which scores are taken to rank the edges.

    A single operation has beta = 1 whatever it learned. The scores by which it was kept say more about its edge: those
    with its last rival, which was dropped last, still there.

    Args:
        living_operations: bool [..., operations].
        drop_epochs: Epoch at whose end each operation was dropped, int of the same shape; 0: living.
        ranking: `end`, the living operations alone (section 3.3), or `last_decision`, on edges with a single living
            operation also the one that was dropped last.

    Returns:
        bool of the same shape.
    """
    if ranking == END:
        return living_operations
    is_single = np.sum(living_operations, axis=-1, keepdims=True) == 1
    last = (drop_epochs > 0) & (drop_epochs == np.max(drop_epochs, axis=-1, keepdims=True))
    return living_operations | (is_single & last)
