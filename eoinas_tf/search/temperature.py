"""The Gumbel softmax's temperature over the search (Eq. 5; section 4.2: exponential decay from 5)."""


def temperature(epoch: int, epochs: int, start: float, end: float) -> float:
    """Returns the temperature T of an epoch, decaying exponentially from start to end.

    In the paper T falls to 0, which an exponential never reaches; here it ends at `end`.

    Args:
        epoch: The epoch, counted from 1.
        epochs: Epochs of the search.
        start: T of epoch 1.
        end: T of the last epoch.

    Returns:
        T, above 0.
    """
    if epochs == 1:
        return start
    return start * (end / start) ** ((epoch - 1) / (epochs - 1))
