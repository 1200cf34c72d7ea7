"""The command `eoinas`: runs the subcommand that its first argument names."""

import difflib
import importlib
import sys

from eoinas_tf import __version__
from eoinas_tf.command_line import HELP_WORDS, VERSION_WORDS, exit_with_error
from eoinas_tf.enduring_output import enduring_output
from eoinas_tf.errors import EoinasError

PROGRAM = "eoinas"
TRAINING = "eval"
# Each is the `main()` of a module, which reads sys.argv and is imported only if it is needed.
SUBCOMMANDS = {
    "auto": ("automatic_run", "searches, trains and exports for a folder of images"),
    "search": ("search", "searches for a cell"),
    TRAINING: ("evaluation", "trains, tests and exports a cell's network"),
    "predict": ("prediction", "names the classes of images with an exported network"),
    "describe": ("description", "prints the size of a cell's network"),
    "list": ("genotype_list", "lists the published cells"),
    "report": ("report", "writes the page of a finished run, or compares several"),
    "study": ("study", "compares methods over seeds and data sets"),
}


def main() -> None:
    """Runs the subcommand that the command line names, and exits."""
    word, *rest = sys.argv[1:] or ["--help"]
    if word in SUBCOMMANDS:
        module, _ = SUBCOMMANDS[word]
        sys.argv = [f"{PROGRAM} {word}", *rest]
        importlib.import_module(f"eoinas_tf.commands.{module}").main()
        return
    with enduring_output():
        if word in HELP_WORDS or word == "help":
            sys.stdout.write(overview())
        elif word in VERSION_WORDS:
            sys.stdout.write(f"eoinas_tf {__version__}\n")
        else:
            close = difflib.get_close_matches(word, SUBCOMMANDS, n=1)
            hint = f"; did you mean {close[0]}?" if close else f"; see {PROGRAM} --help"
            names = ", ".join(SUBCOMMANDS)
            exit_with_error(f"the command must be one of {names}. Received: {word}{hint}", EoinasError.exit_status)


def overview() -> str:
    """Returns the text that `eoinas --help` prints."""
    return "".join(
        [
            "Neural architecture search by operation importance, for images.\n\n",
            f"usage: {PROGRAM} COMMAND ...\n\n",
            *(f"  {name:<10}{summary}\n" for name, (_, summary) in SUBCOMMANDS.items()),
            f"\n{PROGRAM} COMMAND --help says what a command takes; {PROGRAM} --version prints the version.\n",
        ]
    )
