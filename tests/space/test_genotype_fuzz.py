"""Mutated genotype files: each is read, or refused in one line, whatever the mutation.

A mutation depends on its seed alone: `Genotype.from_json(mutation(SEED))`, or `genotype_from_text` of a
`python_mutation(SEED)`, replays the one that a failure names.
"""

import json
import random
import re

import pytest

from eoinas_tf.errors import GenotypeError
from eoinas_tf.space.genotype import LARGEST_FILE_BYTES, Genotype
from eoinas_tf.space.published_genotypes import PUBLISHED_GENOTYPES
from eoinas_tf.space.python_genotype import genotype_from_text

LONGEST_MESSAGE = 200
TEXTS = [genotype.to_json() for genotype in PUBLISHED_GENOTYPES.values()]
FRAGMENTS = (
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    '"',
    "\\",
    "\\ud800",
    "NaN",
    "-Infinity",
    "1e999",
    "-",
    "9" * 50,
    "9" * 5000,
    "[" * 20,
    '{"a":' * 20,
    '"format": "", ',
    " " * LARGEST_FILE_BYTES,
    "null",
    "\0",
    "\u2028",
    " ",
)
JUNK = (
    None,
    True,
    -1,
    0,
    2,
    7,
    10**30,
    0.5,
    float("inf"),
    "",
    "none",
    "a\nb",
    "\udcff",
    "x" * LARGEST_FILE_BYTES,
    [],
    {},
    [[]],
    ["none", 0],
)
PYTHON_TEXTS = [
    f"{prefix}Genotype(normal={list(genotype.normal)}, normal_concat={concat}, reduce={list(genotype.reduce)}, "
    f"reduce_concat={list(genotype.reduce_concat)}{end})"
    for genotype in PUBLISHED_GENOTYPES.values()
    for prefix, concat, end in (
        ("", f"range({min(genotype.normal_concat)}, {max(genotype.normal_concat) + 1})", ""),
        ("# a comment (\nNAME = ", list(genotype.normal_concat), ",\n"),
    )
]
PYTHON_FRAGMENTS = (
    "(" * 30,
    "[" * 300,
    "-" * 3000 + "1",
    "not " * 3000 + "1",
    "()" * 3000,
    "[0]" * 3000,
    "x=" * 3000,
    "lambda: " * 1000 + "0",
    "1 if 1 else " * 1000 + "0",
    "__import__('os').system('false')",
    "().__class__",
    "f'{1}'",
    "'''",
    "\\",
    "range(10 ** 9)",
    "range(999999999)",
    "range(0, 2, 1)",
    "True",
    "None",
    "1e999",
    "9" * 5000,
    "1j",
    "*",
    "**x",
    "normal=[], normal",
    "\n",
    ";",
    "\0",
    " " * LARGEST_FILE_BYTES,
)
PYTHON_LIMITS = (
    "more than 65536 bytes",
    "more than names, numbers",
    "not Python (",
    "statements; keep one",
    "needed, each once",
    "must be a list",
    "pairs",
    "node numbers",
    "texts and numbers only",
)
# The mutations must produce these, or they would prove nothing about them.
LIMITS = (
    "more than 65536 bytes",
    "nested more than 16 levels",
    "must be a JSON object",
    "a key stands twice",
    "NaN is not allowed",
    "Infinity is not allowed",
    "Exceeds the limit",
    "source must be text. Received: '",
    "Received: inf",
)


def mutation(seed):
    """Returns a published genotype's JSON with one to four changes."""
    chance = random.Random(seed)
    text = chance.choice(TEXTS)
    for _ in range(chance.choice((1, 1, 2, 4))):
        text = chance.choice((mutated_text, mutated_structure))(text, chance)
    return text


def mutated_text(text, chance):
    """Cuts out, copies or inserts a piece."""
    start, end = sorted(chance.randrange(len(text) + 1) for _ in range(2))
    end = min(end, start + chance.choice((1, 2, 10, 100)))
    kind = chance.randrange(5)
    if kind == 0:
        return text[:start] + text[end:]
    if kind == 1:
        return text[:end] + text[start:]
    if kind == 2:
        return text[:start] + chance.choice(FRAGMENTS) + text[start:]
    if kind == 3:
        return text[:start] + chr(chance.randrange(32, 0x3000)) + text[start + 1 :]
    return text[:start] + chance.choice("0123456789") + text[start + 1 :]


def mutated_structure(text, chance):
    """Replaces, removes, doubles or swaps entries of the JSON tree, or replaces it; leaves text that is not JSON."""
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        return text
    containers = []
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, (list, dict)) and node:
            containers.append(node)
            pending.extend(node.values() if isinstance(node, dict) else node)
    if not containers or chance.randrange(50) == 0:
        return json.dumps(chance.choice(JUNK))
    container = chance.choice(containers)
    keys = list(container) if isinstance(container, dict) else list(range(len(container)))
    key, other = chance.choice(keys), chance.choice(keys)
    kind = chance.randrange(6)
    if kind == 0:
        container[key] = chance.choice(JUNK)
    elif kind == 1:
        del container[key]
    elif kind == 2:
        container[key], container[other] = container[other], container[key]
    elif kind == 3 and isinstance(container, list):
        container.insert(key, container[other])
    elif kind == 4 and isinstance(container, dict):
        container[chance.choice(("format", "source", "stem", "normal"))] = container[key]
    elif isinstance(container[key], int):
        container[key] += chance.choice((-1, 1, 2))
    return json.dumps(tree).replace("Infinity", "1e999")


def python_mutation(seed):
    """Returns a published genotype in Python's notation with one to four changes."""
    chance = random.Random(seed)
    text = chance.choice(PYTHON_TEXTS)
    for _ in range(chance.choice((1, 1, 2, 4))):
        words = re.findall(r"\w+|\W+", text)
        place, kind = chance.randrange(len(words) or 1), chance.randrange(4)
        if kind == 0 and words:
            words[place] = chance.choice(PYTHON_FRAGMENTS)
        elif kind == 1 and words:
            words.insert(place, chance.choice((" ", "\n", "# a comment\n")))
        elif kind == 2 and words:
            words[place] = chance.choice([word for word in words if word.isdigit() == words[place].isdigit()])
        text = "".join(words) if kind < 3 else mutated_text(text, chance)
    return text


def outcome(seed, mutation=mutation, read=Genotype.from_json):
    """Returns the message with which a mutation is refused, None if it is read; anything else fails the test."""
    try:
        genotype = read(mutation(seed))
    except GenotypeError as error:
        message = str(error)
        if not (message.isascii() and message.isprintable() and len(message) <= LONGEST_MESSAGE):
            pytest.fail(f"seed {seed}: not one line of at most {LONGEST_MESSAGE} characters: {error!r}")
        return message
    except Exception as error:
        raise AssertionError(f"seed {seed}: neither read nor refused") from error
    if Genotype.from_json(genotype.to_json()) != genotype:
        pytest.fail(f"seed {seed}: what was read and written is not the same when read again")
    return None


@pytest.mark.parametrize("count", [10_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_mutations_of_python_s_notation_are_read_or_refused_in_one_line(count):
    assert all(genotype_from_text(text) for text in PYTHON_TEXTS)
    missing = set(PYTHON_LIMITS)
    read = 0
    for seed in range(count):
        message = outcome(seed, python_mutation, genotype_from_text)
        read += message is None
        missing -= {limit for limit in missing if message and limit in message}
    assert count // 50 < read < 3 * count // 4
    assert not missing


@pytest.mark.parametrize("count", [10_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_mutations_are_read_or_refused_in_one_line(count):
    missing = set(LIMITS)
    read = 0
    for seed in range(count):
        message = outcome(seed)
        read += message is None
        missing -= {limit for limit in missing if message and limit in message}
    # The mutations are neither all harmless, nor do they all fail at the first bracket.
    assert count // 50 < read < 3 * count // 4
    assert not missing
