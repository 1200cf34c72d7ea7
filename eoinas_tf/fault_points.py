"""Named places at which a test can kill the process, as a power failure does, or send it another signal.

They do nothing unless EOINAS_FAULT gives the name and number of one, as in
`EOINAS_FAULT=after_architecture_step:17` or `EOINAS_FAULT=after_test:2:SIGTERM`.
"""

import os
import signal

FAULT_VARIABLE = "EOINAS_FAULT"
FAULT_POINTS = frozenset(
    {
        "after_run_folder_opened",
        "after_weight_step",
        "after_architecture_step",
        "after_training_step",
        "after_drops",
        "after_test",
        "after_metrics_line",
        "before_checkpoint_has_its_name",
        "after_checkpoint",
        "after_genotype",
        "after_cell_scored",
    }
)


def fault_point(name: str, number: int) -> None:
    """Sends the process a signal if EOINAS_FAULT names this place: the signal it names, or SIGKILL.

    Args:
        name: One of `FAULT_POINTS`.
        number: The global step, the epoch or the cell, counted from 1; 0 before there is one.
    """
    fault = os.environ.get(FAULT_VARIABLE)
    if fault:
        wanted_name, wanted_number, *signal_name = fault.split(":")
        if (wanted_name, int(wanted_number)) == (name, number):
            os.kill(os.getpid(), signal.Signals[signal_name[0] if signal_name else "SIGKILL"])
