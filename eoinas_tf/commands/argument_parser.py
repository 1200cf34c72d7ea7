"""Commands whose arguments are no settings: argparse, with this package's errors and exit statuses."""

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
    """A parser that is named as the command is, and raises what it has to say.

    Args:
        about: What the command does, in a sentence.
    """

    def __init__(self, about: str) -> None:
        super().__init__(prog=sys.argv[0], description=about, allow_abbrev=False)
        self.add_argument("--version", action="version", version=f"eoinas_tf {__version__}", help="print the version")

    def error(self, message: str) -> NoReturn:
        """Raises a ConfigurationError instead of printing the usage."""
        raise ConfigurationError(f"{message}; see {self.prog} --help")


def run_parsed(parser: CommandParser, command: Callable[[argparse.Namespace], None]) -> None:
    """Parses the command line, calls the command, and exits where there is an error a user can cause.

    Args:
        parser: Its arguments.
        command: Called once with their values.
    """
    with enduring_output():
        try:
            with StopSignals():
                command(parser.parse_args(sys.argv[1:]))
        except EoinasError as error:
            exit_with_error(str(error), error.exit_status, error.heading)
