"""The command `eoinas report`, the same as `python -m eoinas_tf.experiment.report_command`."""

import sys

from eoinas_tf.enduring_output import enduring_output
from eoinas_tf.experiment import report_command


def main() -> None:
    """Reads the command line and writes the report."""
    with enduring_output():
        report_command.main(sys.argv[1:], sys.argv[0])
