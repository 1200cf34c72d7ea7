"""Genotype: a pair of found cells as data, its validation, and its JSON form `eoinas-genotype/1`.

Reading a genotype executes nothing, imports no TensorFlow, and refuses anything it does not understand with a one-line
`GenotypeError`.
"""

import dataclasses
import itertools
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from eoinas_tf.errors import GenotypeError
from eoinas_tf.space.cell_topology import INPUT_NODES
from eoinas_tf.space.operation_names import NONE, operation_names

FORMAT = "eoinas-genotype/1"
INPUTS_PER_NODE = 2
LARGEST_FILE_BYTES = 64 * 1024
LARGEST_DEPTH = 16
LARGEST_NODE_COUNT = 64
MOST_PAIRS = INPUTS_PER_NODE * LARGEST_NODE_COUNT

# Brackets inside texts do not nest. In malformed JSON the last text may be unterminated.
JSON_TEXTS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
BRACKETS = re.compile(r"[\[\]{}]")

CellEdges = tuple[tuple[str, int], ...]


@dataclasses.dataclass(frozen=True)
class Genotype:
    """A normal and a reduction cell.

    Args:
        normal: (operation name, node) pairs of the normal cell, two per node in the order of the nodes; the node is the
            operation's input: 0 and 1 are the cell's inputs.
        normal_concat: Nodes whose outputs are concatenated into the cell's output.
        reduce: The reduction cell's pairs.
        reduce_concat: The reduction cell's concatenated nodes.
        source: Where the genotype comes from; free text, without lone surrogates.

    Raises:
        GenotypeError: A pair names an operation or a node that does not exist, or the
            numbers of pairs and nodes do not fit together.
    """

    normal: CellEdges
    normal_concat: tuple[int, ...]
    reduce: CellEdges
    reduce_concat: tuple[int, ...]
    source: str = ""

    def __post_init__(self) -> None:
        _check_cell("normal", self.normal, self.normal_concat)
        _check_cell("reduce", self.reduce, self.reduce_concat)
        if not isinstance(self.source, str) or not _is_unicode(self.source):
            raise GenotypeError(f"genotype: source must be text. Received: {_short(self.source)}")

    @property
    def cells(self) -> tuple[CellEdges, tuple[int, ...], CellEdges, tuple[int, ...]]:
        """Everything the cells consist of; not the source, which may differ between genotypes of the same cells."""
        return self.normal, self.normal_concat, self.reduce, self.reduce_concat

    def to_json(self) -> str:
        """Returns the genotype as JSON text, one pair per line."""

        def pairs(edges: CellEdges) -> str:
            return "[\n" + ",\n".join(f"    {json.dumps(list(edge))}" for edge in edges) + "\n  ]"

        entries = {
            "format": json.dumps(FORMAT),
            "normal": pairs(self.normal),
            "normal_concat": json.dumps(list(self.normal_concat)),
            "reduce": pairs(self.reduce),
            "reduce_concat": json.dumps(list(self.reduce_concat)),
            "source": json.dumps(self.source),
        }
        return "{\n" + ",\n".join(f'  "{key}": {value}' for key, value in entries.items()) + "\n}\n"

    @classmethod
    def from_json(cls, text: str) -> "Genotype":
        """Reads a genotype from JSON text.

        Args:
            text: As written by `to_json`; unknown keys are refused.

        Returns:
            The genotype.

        Raises:
            GenotypeError: The text is not a genotype.
        """
        if len(text.encode("utf-8", "surrogatepass")) > LARGEST_FILE_BYTES:
            raise GenotypeError(f"genotype: more than {LARGEST_FILE_BYTES} bytes: not a genotype")
        if _depth(text) > LARGEST_DEPTH:
            raise GenotypeError(f"genotype: nested more than {LARGEST_DEPTH} levels deep: not a genotype")
        try:
            content = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_unique_keys)
        except ValueError as error:
            raise GenotypeError(f"genotype: not valid JSON ({_short(str(error), 120)})") from None
        if not isinstance(content, dict):
            raise GenotypeError(f"genotype: must be a JSON object. Received: {_short(content)}")
        if content.get("format") != FORMAT:
            raise GenotypeError(f'genotype: "format" must be "{FORMAT}". Received: {_short(content.get("format"))}')
        fields = {field.name for field in dataclasses.fields(cls)}
        unknown = sorted(set(content) - fields - {"format"})
        missing = sorted(fields - set(content) - {"source"})
        if unknown or missing:
            what = f"unknown key {_short(unknown[0])}" if unknown else f"missing key {missing[0]!r}"
            raise GenotypeError(f"genotype: {what}; needed: {', '.join(sorted(fields))}, format")
        return cls(
            normal=_as_pairs("normal", content["normal"]),
            normal_concat=_as_nodes("normal_concat", content["normal_concat"]),
            reduce=_as_pairs("reduce", content["reduce"]),
            reduce_concat=_as_nodes("reduce_concat", content["reduce_concat"]),
            source=content.get("source", ""),
        )

    @classmethod
    def read(cls, path: str | Path, parse: "Callable[[str], Genotype] | None" = None) -> "Genotype":
        """Reads a genotype file.

        Args:
            path: The file.
            parse: Makes a genotype from the text; by default `from_json`.

        Returns:
            The genotype.

        Raises:
            GenotypeError: The file cannot be read or is not a genotype; the message names the file.
        """
        try:
            with open(path, "rb") as file:
                content = file.read(LARGEST_FILE_BYTES + 1)
            return (parse or cls.from_json)(content.decode("utf-8"))
        except OSError as error:
            raise GenotypeError(f"genotype file {path}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise GenotypeError(f"genotype file {path}: not UTF-8 text") from None
        except GenotypeError as error:
            raise GenotypeError(f"{path}: {error}") from None


def _check_cell(name: str, edges: CellEdges, concat: tuple[int, ...]) -> None:
    if not isinstance(edges, tuple) or not all(_is_pair(pair, tuple) for pair in edges[:MOST_PAIRS]):
        raise GenotypeError(f'genotype: "{name}" must hold (operation, node) pairs. Received: {_short(edges)}')
    if not edges or len(edges) % INPUTS_PER_NODE or len(edges) > MOST_PAIRS:
        raise GenotypeError(
            f'genotype: "{name}" must hold two pairs a node, for 1 to {LARGEST_NODE_COUNT} nodes. '
            f"Received: {len(edges)} pairs"
        )
    if not (isinstance(concat, tuple) and all(type(node) is int for node in concat)):
        raise GenotypeError(f'genotype: "{name}_concat" must hold node numbers. Received: {_short(concat)}')
    for position, (operation, node) in enumerate(edges):
        known = set(operation_names()) - {NONE}
        if operation not in known:
            raise GenotypeError(
                f'genotype: pair {position} of "{name}" names operation {_short(operation, 20)}; '
                f"known: {', '.join(sorted(known))}"
            )
        own_node = INPUT_NODES + position // INPUTS_PER_NODE
        if not 0 <= node < own_node:
            raise GenotypeError(
                f'genotype: pair {position} of "{name}" reads node {_short(node)}; node {own_node} can read 0 to '
                f"{own_node - 1}"
            )
    last_node = INPUT_NODES + len(edges) // INPUTS_PER_NODE - 1
    if not concat or len(set(concat)) != len(concat) or not all(INPUT_NODES <= node <= last_node for node in concat):
        raise GenotypeError(
            f'genotype: "{name}_concat" must name different nodes from {INPUT_NODES} to {last_node}. '
            f"Received: {_short(list(concat))}"
        )


def _as_pairs(name: str, value: Any) -> CellEdges:
    if not isinstance(value, list):
        raise GenotypeError(f'genotype: "{name}" must be a list of [operation, node] pairs. Received: {_short(value)}')
    for pair in value:
        if not _is_pair(pair, list):
            raise GenotypeError(f'genotype: "{name}" must hold [operation, node] pairs. Received: {_short(pair)}')
    return tuple((operation, node) for operation, node in value)


def _is_pair(value: Any, container: type[tuple] | type[list]) -> bool:
    return isinstance(value, container) and len(value) == 2 and isinstance(value[0], str) and type(value[1]) is int


def _as_nodes(name: str, value: Any) -> tuple[int, ...]:
    if not (isinstance(value, list) and all(type(node) is int for node in value)):
        raise GenotypeError(f'genotype: "{name}" must be a list of node numbers. Received: {_short(value)}')
    return tuple(value)


def _depth(text: str) -> int:
    """Returns how deeply a JSON text's brackets nest, without parsing it."""
    steps = (1 if bracket in "[{" else -1 for bracket in BRACKETS.findall(JSON_TEXTS.sub("", text)))
    return max(itertools.accumulate(steps), default=0)


def _is_unicode(text: str) -> bool:
    """Tells whether a text can be written and printed, which lone surrogates cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not allowed")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError("a key stands twice")
    return dict(pairs)


def _short(value: Any, longest: int = 60) -> str:
    """Shows a received value in at most `longest` printable characters, on one line."""
    text = ascii(value)
    return text if len(text) <= longest else text[: longest - 3] + "..."
