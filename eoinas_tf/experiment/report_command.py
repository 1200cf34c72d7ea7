"""The command `python -m eoinas_tf.experiment.report_command`: pages of finished runs."""

import argparse
import sys
from pathlib import Path
from typing import NoReturn

from eoinas_tf.errors import ConfigurationError, EoinasError

DESCRIPTION = """Writes report.html into the folder of a finished search or evaluation. Of several folders, or of a
search with several seeds, writes one page that compares them. A page needs no other file and no network."""
COMPARISON_NAME = "comparison.html"
MODULE = "python -m eoinas_tf.experiment.report_command"


def main(arguments: list[str], program: str = MODULE) -> None:
    """Runs a command line; exits with an error's status if there is one.

    Args:
        arguments: The command line without the program.
        program: The program's name in messages.
    """
    try:
        print(write_page(arguments, program), flush=True)
    except EoinasError as error:
        sys.stderr.write(f"{error.heading}: {' '.join(str(error).split())}\n")
        sys.exit(error.exit_status)


def write_page(arguments: list[str], program: str = MODULE) -> Path:
    """Writes the page that a command line requests.

    Args:
        arguments: The command line without the program.
        program: The program's name in messages.

    Returns:
        The page.

    Raises:
        EoinasError: The command line is wrong, a folder does not hold a finished run, or the page could not be written.
    """
    parser = _Parser(prog=program, description=DESCRIPTION, allow_abbrev=False)
    parser.add_argument("folders", metavar="DIR", nargs="+", type=Path, help="folder of a finished run")
    parser.add_argument("--output", type=Path, help=f"page that compares several folders; {COMPARISON_NAME} here")
    options = parser.parse_args(arguments)
    # Here, because importing matplotlib takes a second that a wrong command line need not wait for.
    from eoinas_tf.experiment.report.report_page import REPORT_NAME, write_report
    from eoinas_tf.experiment.report.run_comparison import compared_folders, write_comparison

    if len(options.folders) == 1:
        if options.output is not None:
            raise ConfigurationError(
                f"--output is for several folders; of one the page is its report.html. Received: {options.output}"
            )
        (folder,) = options.folders
        if searches := compared_folders(folder):
            write_comparison(searches, folder / REPORT_NAME)
            return folder / REPORT_NAME
        return write_report(folder)
    path = (options.output or Path(COMPARISON_NAME)).expanduser()
    write_comparison(options.folders, path)
    return path


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigurationError(f"{message}; see {self.prog} --help")


if __name__ == "__main__":
    main(sys.argv[1:])
