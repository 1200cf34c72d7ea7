"""The command `eoinas report`, the same as `python -m eoinas_tf.experiment.report_command`."""

import sys

from eoinas_tf.experiment import report_command


def main() -> None:
    """Reads the command line and writes the report."""
    report_command.main(sys.argv[1:], sys.argv[0])
