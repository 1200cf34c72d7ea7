"""Whether a schedule of drops lets the search learn anything before it decides, and decide everything.

Drops compare what was learned: where no architecture step comes before one, all operations of an
edge are equal and go by their order in the list, which looks like a result and is none.
"""

from eoinas_tf.config import SearchConfig
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.space.operation_names import OPERATION_NAMES

FEWEST_EPOCHS = len(OPERATION_NAMES)


def check_pruning_schedule(config: SearchConfig) -> tuple[str, ...]:
    """Refuses a schedule that cannot search, unless the user gave all of it or only tries a few steps.

    Args:
        config: The settings of a search whose method drops operations.

    Returns:
        A sentence for each fault of a schedule that is run all the same; to be shown and kept in summary.json.

    Raises:
        ConfigurationError: The schedule has a fault, and a part of it follows from the number of epochs.
    """
    faults = schedule_faults(config)
    if config.gives_whole_schedule or config.max_steps:
        return faults
    if config.epochs < FEWEST_EPOCHS:
        faults = (*faults, f"an eighth of fewer than {FEWEST_EPOCHS} epochs is no epoch to warm up in")
    if not faults:
        return ()
    settings = ", ".join(
        f"--{name}={getattr(config, name)}"
        for name in ("epochs", "warmup_epochs", "pruning_after_epoch", "pruning_every_epochs")
    )
    raise ConfigurationError(
        f"{'; '.join(faults)}. Received: {settings}; use at least {FEWEST_EPOCHS} epochs and leave out the other "
        "three, which then are an eighth of them each, or give all three to search all the same"
    )


def schedule_faults(config: SearchConfig) -> tuple[str, ...]:
    """Returns what is wrong with a schedule of drops, a sentence each; nothing in most cases.

    Args:
        config: The settings; `max_steps` does not count.
    """
    epochs, warmup, every = config.epochs, config.warmup_epochs, config.pruning_every_epochs
    first_drop = (config.pruning_after_epoch // every + 1) * every
    drops = max(0, epochs // every - config.pruning_after_epoch // every)
    faults = []
    if warmup >= epochs:
        faults.append(
            f"the architecture is never trained: the warm-up takes {warmup} of {epochs} epochs, so that the cell "
            "depends on the order of the list of operations"
        )
    elif drops and warmup >= first_drop:
        faults.append(
            f"operations are dropped before the architecture is trained: the first drop is at the end of epoch "
            f"{first_drop}, the warm-up takes {warmup} epochs, so that drops go by the order of the list of operations"
        )
    left = max(1, len(OPERATION_NAMES) - drops)
    if left > 1:
        faults.append(
            f"{left} of {len(OPERATION_NAMES)} operations are left on each edge at the end: {epochs} epochs have "
            f"{drops} drops, {len(OPERATION_NAMES) - 1} are needed"
        )
    return tuple(faults)
