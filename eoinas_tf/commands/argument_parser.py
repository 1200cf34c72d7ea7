"""Commands whose arguments are not settings: argparse, with this package's errors and exit statuses."""

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

from eoinas_tf import __version__
from eoinas_tf.command_line import exit_with_error
from eoinas_tf.enduring_output import enduring_output
from eoinas_tf.errors import ConfigurationError, EoinasError
from eoinas_tf.stop_signals import StopSignals


class CommandParser(argparse.ArgumentParser):
    """A parser that has the name of its command and raises its errors instead of printing them.

    Args:
        about: The purpose of the command, in one sentence.
    """

    def __init__(self, about: str) -> None:
        super().__init__(prog=sys.argv[0], description=about, allow_abbrev=False)
        self.add_argument("--version", action="version", version=f"eoinas_tf {__version__}", help="print the version")

    def error(self, message: str) -> NoReturn:
        """Raises a ConfigurationError instead of printing the usage."""
        raise ConfigurationError(f"{message}; see {self.prog} --help")


def run_parsed(parser: CommandParser, command: Callable[[argparse.Namespace], None]) -> None:
    """Parses the command line, calls the command, and exits on an error that a user can cause.

    Args:
        parser: The parser of its arguments.
        command: Called once with the values of the arguments.
    """
    with enduring_output():
        try:
            with StopSignals():
                command(parser.parse_args(sys.argv[1:]))
        except EoinasError as error:
            exit_with_error(str(error), error.exit_status, error.heading)
