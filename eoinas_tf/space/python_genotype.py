"""Genotypes in Python notation, as printed by the code of DARTS and other papers: read, never executed.

`Genotype(normal=[('sep_conv_3x3', 1), ...], normal_concat=range(2, 6), reduce=[...], reduce_concat=[2, 3, 4, 5])`,
optionally with a name and `=` before it, with comments, and with a weight after each pair's node as GDAS's code prints
it.
"""

import ast
import re
import warnings
from typing import NoReturn

from eoinas_tf.errors import GenotypeError
from eoinas_tf.space.genotype import LARGEST_DEPTH, LARGEST_FILE_BYTES, LARGEST_NODE_COUNT, CellEdges, Genotype

# Everything that the notation consists of: nothing else reaches Python's parser, and no call's result is called.
NOTATION = re.compile(
    r"""\s+ | \#[^\n]* | '[^'\\\n]*' | "[^"\\\n]*" | [A-Za-z_]\w* | \d+(\.\d*)?([eE][+-]?\d+)? | [()\[\],=]""",
    re.VERBOSE | re.ASCII,
)
BRACKETS = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"|#[^\n]*|([(\[])|([)\]])")
CALLED_AGAIN = re.compile(r"[)\]]\s*[(\[]")
CONCATS, CELLS = ("normal_concat", "reduce_concat"), ("normal", "reduce")


def genotype_from_text(text: str) -> Genotype:
    """Reads a genotype from JSON or from Python notation.

    Args:
        text: JSON if it begins with a brace.

    Returns:
        The genotype; in Python notation, a name before it becomes its `source`.

    Raises:
        GenotypeError: The text is neither.
    """
    # Text that does not begin with a name goes to the JSON reader, whose messages say what a genotype.json needs.
    if not re.match(r"\s*(#|[A-Za-z_])", text) or not re.search(r"\bGenotype\s*\(", text):
        return Genotype.from_json(text)
    return _python_genotype(text)


def _python_genotype(text: str) -> Genotype:
    if len(text.encode("utf-8", "surrogatepass")) > LARGEST_FILE_BYTES:
        raise GenotypeError(f"genotype: more than {LARGEST_FILE_BYTES} bytes: not a genotype")
    if NOTATION.sub("", text) or CALLED_AGAIN.search(text) or _depth(text) > LARGEST_DEPTH:
        _refuse("more than names, numbers, texts, lists and tuples in it")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # About numbers that touch words; the error says as much.
            statements = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        _refuse(f"not Python ({ascii(str(error))[1:61]})")
    if len(statements) != 1:
        _refuse(f"{len(statements)} statements; keep one")
    statement = statements[0]
    source = ""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name):
        source = statement.targets[0].id
    elif not isinstance(statement, ast.Expr):
        _refuse("not Genotype(...)")
    call = statement.value
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Genotype"):
        _refuse("not Genotype(...)")
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if call.args or set(given) != {*CELLS, *CONCATS} or len(given) != len(call.keywords):
        _refuse(f"needed, each once: {', '.join((*CELLS, *CONCATS))}")
    normal, reduce = (_pairs(name, given[name]) for name in CELLS)
    normal_concat, reduce_concat = (_nodes(name, given[name]) for name in CONCATS)
    return Genotype(normal, normal_concat, reduce, reduce_concat, source)


def _pairs(name: str, node: ast.expr) -> CellEdges:
    """Returns a cell's (operation, node) pairs; a weight after them is ignored, as networks do not use it."""
    pairs = []
    for element in _elements(name, node):
        parts = _elements(name, element)
        if len(parts) == 3 and isinstance(_constant(name, parts[2]), float):
            parts = parts[:2]
        operation = _constant(name, parts[0]) if len(parts) == 2 else None
        if not isinstance(operation, str):
            _refuse(f"{name} must hold (operation, node) pairs")
        pairs.append((operation, _node(name, parts[1])))
    return tuple(pairs)


def _nodes(name: str, node: ast.expr) -> tuple[int, ...]:
    is_range = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range"
    if isinstance(node, ast.Call) and is_range and not node.keywords and 1 <= len(node.args) <= 2:
        return tuple(range(*(_node(name, bound) for bound in node.args)))
    return tuple(_node(name, element) for element in _elements(name, node))


def _node(name: str, node: ast.expr) -> int:
    value = _constant(name, node)
    if not isinstance(value, int) or value > 2 * LARGEST_NODE_COUNT:
        _refuse(f"{name} must hold node numbers")
    return value


def _elements(name: str, node: ast.expr) -> list[ast.expr]:
    if not isinstance(node, (ast.List, ast.Tuple)):
        _refuse(f"{name} must be a list")
    return node.elts


def _constant(name: str, node: ast.expr) -> str | int | float:
    value = node.value if isinstance(node, ast.Constant) else None
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        _refuse(f"{name} must hold texts and numbers only")
    return value


def _depth(text: str) -> int:
    """Returns how deeply brackets nest, ignoring those in texts and comments."""
    depth = deepest = 0
    for match in BRACKETS.finditer(text):
        depth += bool(match[1]) - bool(match[2])
        deepest = max(deepest, depth)
    return deepest


def _refuse(reason: str) -> NoReturn:
    raise GenotypeError(f"genotype: neither JSON nor Genotype(...) in Python's notation: {reason}")
