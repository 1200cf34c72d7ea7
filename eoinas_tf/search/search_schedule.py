"""Whether warm-up and drops let the search learn something before it decides, and leave one operation on each edge.

Drops compare what was learned. Without an architecture step before the first drop, all operations of an edge are equal
and are dropped in the order of their list, which looks like a result but is none.
"""

from eoinas_tf.config import SCHEDULE_SETTINGS, SearchConfig, schedule_parts
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.space.operation_names import OPERATION_NAMES


def check_warmup(config: SearchConfig) -> tuple[str, ...]:
    """Finds a warm-up that leaves no epoch after it; only a user can set one.

    Args:
        config: The settings of a search whose method drops nothing.

    Returns:
        A sentence about it, to be shown and kept in summary.json; none if the warm-up is shorter.
    """
    return _warmup_faults(config)


def check_pruning_schedule(config: SearchConfig) -> tuple[str, ...]:
    """Refuses a schedule that cannot search, unless the user set all of it or only tries a few steps.

    Args:
        config: The settings of a search; one that drops nothing, or whose epochs are yet to be chosen, has no schedule.

    Returns:
        A sentence for each fault in a schedule that is accepted nevertheless; to be shown and kept in summary.json.

    Raises:
        ConfigurationError: The schedule has a fault, and part of it was derived from the number of epochs.
    """
    if config.epochs is None or config.pruning_every_epochs is None:
        return ()
    if config.max_steps or not is_refused(config):
        return schedule_faults(config)
    faults, fewest_epochs = _faults_of_a_derived_schedule(config), _candidates(config)
    values = {name: getattr(config, name) for name in ("epochs", *SCHEDULE_SETTINGS)}
    settings = ", ".join(f"--{name}={value}" for name, value in values.items() if value is not None)
    raise ConfigurationError(
        f"{'; '.join(faults)}. Received: {settings}; use at least {fewest_epochs} epochs and leave out the others, "
        f"which default to {_part_name(config)} of --epochs each, or give them all to search anyway"
    )


def is_refused(config: SearchConfig) -> bool:
    """Returns whether the whole search is refused for its schedule.

    Args:
        config: The settings; `max_steps` is ignored.
    """
    return not config.gives_whole_schedule and bool(_faults_of_a_derived_schedule(config))


def schedule_faults(config: SearchConfig) -> tuple[str, ...]:
    """Returns the faults of a pruning schedule, a sentence each; none in most cases.

    Args:
        config: The settings; `max_steps` is ignored.
    """
    epochs, warmup, every = config.epochs, config.warmup_epochs, config.pruning_every_epochs
    first_drop = (config.pruning_after_epoch // every + 1) * every
    drops = max(0, epochs // every - config.pruning_after_epoch // every)
    faults = [*_warmup_faults(config)]
    if not faults and drops and warmup is not None and warmup >= first_drop:
        faults.append(
            f"operations are dropped before the architecture is trained: the first drop is at the end of epoch "
            f"{first_drop}, the warm-up takes {warmup} epochs, so that drops go by the order of the list of operations"
        )
    candidates = _candidates(config)
    left = max(1, candidates - drops)
    if left > 1:
        faults.append(
            f"{left} of {candidates} operations are left on each edge at the end: {epochs} epochs have "
            f"{drops} drops, {candidates - 1} are needed"
        )
    return tuple(faults)


def _faults_of_a_derived_schedule(config: SearchConfig) -> tuple[str, ...]:
    """Returns the faults, with that of a warm-up that has no epoch."""
    faults, fewest_epochs = schedule_faults(config), _candidates(config)
    if config.warmup_epochs is None or config.epochs >= fewest_epochs:
        return faults
    return (*faults, f"fewer than {fewest_epochs} epochs leave no epoch for the warm-up")


def _warmup_faults(config: SearchConfig) -> tuple[str, ...]:
    if (config.warmup_epochs or 0) < config.epochs:  # None if the method has its own warm-up.
        return ()
    return (
        f"the architecture is never trained: the warm-up takes {config.warmup_epochs} of {config.epochs} epochs, so "
        "that the cell depends on the order of the list of operations",
    )


def _part_name(config: SearchConfig) -> str:
    parts = schedule_parts(config.operations)
    return "an eighth" if parts == 8 else f"1/{parts}"


def _candidates(config: SearchConfig) -> int:
    return len(config.operations or OPERATION_NAMES)
