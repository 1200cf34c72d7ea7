"""Shared by the commands with flags: parses them, prints one line for each user error, and sets the exit status."""

import logging
import os
import sys
from collections.abc import Callable, Set
from typing import Any, NoReturn

from absl import app, flags
from absl import logging as absl_logging

from eoinas_tf import __version__
from eoinas_tf.cpu_threads import FEW_CPUS, THREADS_OF_AN_OPERATION, usable_cpus
from eoinas_tf.enduring_output import enduring_output
from eoinas_tf.errors import ConfigurationError, EoinasError
from eoinas_tf.flag_definitions import Completion, Config, config_from_flags, define_flags
from eoinas_tf.flag_help import command_help
from eoinas_tf.keras_backend import choose_tensorflow
from eoinas_tf.onednn import turn_on_onednn
from eoinas_tf.preset_files import AUTOMATIC, FLAG, with_preset_files
from eoinas_tf.stop_signals import StopSignals

Inheritance = Callable[[dict[str, Any], Set[str]], tuple[dict[str, Any], Set[str]]]
BYTE_ORDER_MARK = "\ufeff"
HELP_WORDS = {"-h", "-?", "-help", "--help", "-helpshort", "--helpshort", "-helpfull", "--helpfull"}
VERSION_WORDS = {"-version", "--version"}


class FlagfileError(ConfigurationError):
    """A flagfile cannot be read."""


def run_command(
    config_class: type[Config],
    command: Callable[[Config], None],
    about: str = "",
    inherit: Inheritance | None = None,
    complete_automatically: Completion | None = None,
) -> None:
    """Parses the command line, calls the command with the config, and exits.

    Args:
        config_class: The config that the flags describe.
        command: Called once with the config. It imports TensorFlow itself, so that a wrong flag is reported at once.
        about: The purpose of the command, in one sentence, for `--help`.
        inherit: Fills in settings that were not given, like `complete` of `config_from_flags`, and returns the names
            that are determined now: the given ones and those that it took from elsewhere.
        complete_automatically: Fills in settings that are not determined yet, with `--preset=auto`; None: there is no
            such preset.
    """

    def main(arguments: list[str]) -> None:
        # Warnings from this package and libraries become plain lines; all other output is progress, and printed.
        absl_logging.set_verbosity(absl_logging.WARNING)
        absl_logging.get_absl_handler().setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
        try:
            if len(arguments) > 1:
                raise EoinasError(f"unexpected argument {arguments[1]!r}: every setting is a flag, --name=value")
            choose_tensorflow()  # Already here, because settings may be completed by modules of the user's.
            choose_threads()
            turn_on_onednn()
            with StopSignals():
                command(config_from_flags(config_class, complete=_both(inherit, complete_automatically)))
        except EoinasError as error:
            exit_with_error(str(error), error.exit_status, error.heading)

    with enduring_output():
        print_information(config_class, about)
        define_flags(config_class)
        if complete_automatically is not None:  # Presets in files have been replaced by their files.
            help_text = "Sizes that fit the images."
            flags.DEFINE_enum(FLAG, None, [AUTOMATIC], help_text, flag_values=flags.FLAGS, module_name=__name__)
        app.run(main, flags_parser=_parse_flags)


def _both(inherit: Inheritance | None, complete_automatically: Completion | None) -> Completion:
    """Returns the function that fills in settings: with `--preset=auto`, both are applied in turn."""

    def fill(values: dict[str, Any], given: Set[str]) -> dict[str, Any]:
        if inherit is not None:
            values, given = inherit(values, given)
        if complete_automatically is None or flags.FLAGS[FLAG].value != AUTOMATIC:
            return values
        return complete_automatically(values, given)

    return fill


def choose_threads() -> None:
    """Lets TensorFlow run each operation on one thread if there are few CPUs; call this before it computes anything.

    The environment variable TF_NUM_INTRAOP_THREADS, if set, overrides the number of threads.
    """
    if (usable_cpus() or FEW_CPUS + 1) <= FEW_CPUS:
        os.environ.setdefault(THREADS_OF_AN_OPERATION, "1")


def print_information(config_class: type[Config], about: str) -> None:
    """Prints help or the version and exits, if the command line asks for it; absl's own help would fail.

    Args:
        config_class: The config that the flags describe.
        about: The purpose of the command, in one sentence.
    """
    given = sys.argv[1:]
    words = set(given[: given.index("--")] if "--" in given else given)
    if words & HELP_WORDS:
        sys.stdout.write(command_help(config_class, sys.argv[0], about))
        sys.exit(0)
    if words & VERSION_WORDS:
        sys.stdout.write(f"eoinas_tf {__version__}\n")
        sys.exit(0)


def _parse_flags(arguments: list[str]) -> list[str]:
    try:
        return flags.FLAGS([arguments[0], *with_flagfiles(arguments[1:])])
    except FlagfileError as error:
        exit_with_error(str(error), EoinasError.exit_status)
    except (flags.Error, ValueError, ConfigurationError) as error:  # absl's own flags raise ValueError.
        exit_with_error(f"{error}; see {arguments[0]} --help", EoinasError.exit_status)


def with_flagfiles(arguments: list[str]) -> list[str]:
    """Replaces presets and flagfiles with their lines, without the byte-order marks that some editors add.

    Args:
        arguments: The command line without the command's name.

    Returns:
        The flags. `--preset=auto` stands for no file and stays.

    Raises:
        ConfigurationError: There is no such preset.
        FlagfileError: A file cannot be read.
    """
    try:
        lines = flags.FLAGS.read_flags_from_files(with_preset_files(arguments), force_gnu=False)
    except flags.CantOpenFlagFileError as error:
        cause = error.__context__
        reason = cause.strerror if isinstance(cause, OSError) else str(error)
        name = f" {cause.filename}" if isinstance(cause, OSError) else ""
        raise FlagfileError(f"the flagfile{name} cannot be read: {reason}") from None
    except UnicodeDecodeError as error:
        raise FlagfileError(f"a flagfile is not UTF-8 text: {error}") from None
    if not any(line.startswith(BYTE_ORDER_MARK) for line in lines):
        # A flagfile may name presets; a preset names no other.
        replaced = with_preset_files(lines)
        return lines if replaced == lines else with_flagfiles(replaced)
    texts = [(line, line.removeprefix(BYTE_ORDER_MARK)) for line in lines]
    kept = [text for line, text in texts if text == line or (text.strip() and not text.startswith(("#", "//")))]
    return with_flagfiles(kept)  # After a mark, absl does not recognize a line that names a flagfile.


def exit_with_error(message: str, status: int, heading: str = EoinasError.heading) -> NoReturn:
    """Writes an error as one line and exits.

    Args:
        message: The description of the error.
        status: The process's exit status.
        heading: The beginning of the line.
    """
    write_error(message, heading)
    sys.exit(status)


def write_error(message: str, heading: str = EoinasError.heading) -> None:
    """Writes an error as one line.

    Args:
        message: The description of the error.
        heading: The beginning of the line.
    """
    sys.stderr.write(f"{heading}: {' '.join(message.split())}\n")
