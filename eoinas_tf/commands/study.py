"""The command `eoinas study`, the same as `python -m eoinas_tf.study`."""

import sys

from eoinas_tf.study import command


def main() -> None:
    """Reads the command line and runs the study."""
    command.main(sys.argv[1:])
