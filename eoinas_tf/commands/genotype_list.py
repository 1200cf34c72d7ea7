"""The command `eoinas list`."""

from eoinas_tf.commands.argument_parser import CommandParser, run_parsed
from eoinas_tf.commands.evaluation import print_genotypes


def main() -> None:
    """Reads the command line and lists the published cells."""
    parser = CommandParser("Lists the published cells with their networks' sizes.")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    run_parsed(parser, lambda options: print_genotypes(options.json))
