"""The command `eoinas study`, the same as `python -m eoinas_tf.study`."""

import sys

from eoinas_tf.study import command


def main() -> None:
    """Does what the command line says."""
    command.main(sys.argv[1:])
