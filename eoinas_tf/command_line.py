"""What the two commands share: flags in, one line for each error a user can cause, an exit status out."""

import logging
import sys
from collections.abc import Callable
from typing import NoReturn

from absl import app, flags
from absl import logging as absl_logging

from eoinas_tf.enduring_output import enduring_output
from eoinas_tf.errors import EoinasError
from eoinas_tf.flag_definitions import Config, config_from_flags, define_flags
from eoinas_tf.processors import choose_threads
from eoinas_tf.stop_signals import StopSignals


def run_command(config_class: type[Config], command: Callable[[Config], None]) -> None:
    """Parses the command line, calls the command with the config, and exits.

    Args:
        config_class: The config that the flags describe.
        command: Called once with the config. It imports TensorFlow itself, so that a wrong
            flag is answered at once.
    """

    def main(arguments: list[str]) -> None:
        # Warnings of ours and of libraries as plain lines; what is not a warning is progress, and printed.
        absl_logging.set_verbosity(absl_logging.WARNING)
        absl_logging.get_absl_handler().setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
        try:
            if len(arguments) > 1:
                raise EoinasError(f"unexpected argument {arguments[1]!r}: every setting is a flag, --name=value")
            choose_threads()
            with StopSignals():
                command(config_from_flags(config_class))
        except EoinasError as error:
            _exit_with_error(str(error), error.exit_status, error.heading)

    define_flags(config_class)
    with enduring_output():
        app.run(main, flags_parser=_parse_flags)


def _parse_flags(arguments: list[str]) -> list[str]:
    try:
        return flags.FLAGS(arguments)
    except (flags.Error, ValueError) as error:  # The latter where a flagfile is not text, and by absl's own flags.
        _exit_with_error(f"{error}; see {arguments[0]} --help", EoinasError.exit_status)


def _exit_with_error(message: str, status: int, heading: str = EoinasError.heading) -> NoReturn:
    sys.stderr.write(f"{heading}: {' '.join(message.split())}\n")
    sys.exit(status)
