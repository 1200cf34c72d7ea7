"""Named places at which a test lets the process die, as it does when the power goes.

They do nothing unless EOINAS_FAULT names one of them with its number, as in
`EOINAS_FAULT=after_architecture_step:17`.
"""

import os
import signal

FAULT_VARIABLE = "EOINAS_FAULT"
FAULT_POINTS = frozenset(
    {
        "after_weight_step",
        "after_architecture_step",
        "after_training_step",
        "after_drops",
        "after_test",
        "after_metrics_line",
        "before_checkpoint_has_its_name",
        "after_checkpoint",
        "after_genotype",
    }
)


def fault_point(name: str, number: int) -> None:
    """Kills the process if this is the place that EOINAS_FAULT names.

    Args:
        name: One of `FAULT_POINTS`.
        number: The global step or the epoch; counts from 1.
    """
    if os.environ.get(FAULT_VARIABLE) == f"{name}:{number}":
        os.kill(os.getpid(), signal.SIGKILL)
