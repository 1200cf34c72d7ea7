import json
import random
import time

import pytest

from eoinas_tf.errors import GenotypeError
from eoinas_tf.space.genotype import LARGEST_FILE_BYTES, LARGEST_NODE_COUNT, Genotype
from eoinas_tf.space.published_genotypes import PUBLISHED_GENOTYPES

LONGEST_MESSAGE = 220
MUTATIONS = 10_000
VALID = PUBLISHED_GENOTYPES["DARTS_V2"]
SEPARABLE = "sep_conv_3x3"


def content():
    return json.loads(VALID.to_json())


def changed(**entries):
    """The valid genotype's JSON with other entries; None takes an entry out."""
    return json.dumps({key: value for key, value in {**content(), **entries}.items() if value is not None})


def with_pair(position, pair, cell="normal"):
    pairs = content()[cell]
    pairs[position] = pair
    return changed(**{cell: pairs})


def valid_text(old, new):
    text = VALID.to_json()
    assert old in text
    return text.replace(old, new, 1)


# What it is -> (text, what the message says)
HOSTILE = {
    "empty": ("", "not valid JSON"),
    "only space": (" \n ", "not valid JSON"),
    "not JSON": ("normal: sep_conv_3x3", "not valid JSON"),
    "cut": (VALID.to_json()[:100], "not valid JSON"),
    "two objects": (VALID.to_json() * 2, "not valid JSON"),
    "byte order mark": ("\ufeff" + VALID.to_json(), "not valid JSON"),
    "NaN": (valid_text("[2, 3, 4, 5]", "[NaN]"), "NaN is not allowed"),
    "Infinity": (valid_text("[2, 3, 4, 5]", "[Infinity]"), "Infinity is not allowed"),
    "-Infinity": (valid_text("[2, 3, 4, 5]", "[-Infinity]"), "-Infinity is not allowed"),
    "1e999": (valid_text("[2, 3, 4, 5]", "[1e999]"), "must be a list of node numbers"),
    "5,000 digits": (valid_text("[2, 3, 4, 5]", "[" + "9" * 5000 + "]"), "not valid JSON"),
    "4,000 digits": (valid_text("[2, 3, 4, 5]", "[" + "9" * 4000 + "]"), "must name different nodes from 2 to 5"),
    "30,000 levels": ("[" * 30_000 + "]" * 30_000, "not valid JSON"),
    "60,000 open brackets": ("[" * 60_000, "not valid JSON"),
    "nested pair": (valid_text("[2, 3, 4, 5]", "[" * 900 + "]" * 900), "must be a list of node numbers"),
    "too long": (changed(source="x" * LARGEST_FILE_BYTES), "more than 65536 bytes"),
    "a key twice": (valid_text('"normal_concat"', '"source": "a", "normal_concat"'), "a key stands twice"),
    "a list": ("[]", r"must be a JSON object. Received: \[\]"),
    "a number": ("1", "must be a JSON object. Received: 1"),
    "null": ("null", "must be a JSON object. Received: None"),
    "no format": (changed(format=None), '"format" must be "eoinas-genotype/1". Received: None'),
    "later format": (changed(format="eoinas-genotype/2"), "Received: 'eoinas-genotype/2'"),
    "format a list": (changed(format=["eoinas-genotype/1"]), '"format" must be'),
    "unknown key": (changed(stem="cifar"), "unknown key 'stem'; needed: normal, normal_concat, reduce"),
    "unknown long key": (changed(**{"k" * 500: 1}), "unknown key 'kkk"),
    "surrogate key": (changed(**{"\ud800": 1}), "unknown key"),
    "missing cell": (changed(reduce=None), "missing key 'reduce'; needed:"),
    "missing concat": (changed(normal_concat=None), "missing key 'normal_concat'"),
    "cell is text": (changed(normal="sep_conv_3x3"), '"normal" must be a list of'),
    "cell is an object": (changed(reduce={SEPARABLE: 0}), '"reduce" must be a list of'),
    "empty cell": (changed(normal=[]), '"normal" must hold two pairs a node, for 1 to 64 nodes. Received: 0 pairs'),
    "odd number of pairs": (changed(normal=content()["normal"][:7]), "Received: 7 pairs"),
    "million nodes": ('{"format": "eoinas-genotype/1", "normal": [' + '["a",0],' * 8000 + "[]]}", "missing key"),
    "65 nodes": (changed(normal=[[SEPARABLE, 0]] * 130), "Received: 130 pairs"),
    "pair of one": (with_pair(0, [SEPARABLE]), r"must hold \[operation, node\] pairs. Received: \['sep_conv_3x3'\]"),
    "pair of three": (with_pair(0, [SEPARABLE, 0, 1]), "pairs. Received:"),
    "pair reversed": (with_pair(0, [0, SEPARABLE]), "pairs. Received: "),
    "pair is text": (with_pair(0, "ab"), "pairs. Received: 'ab'"),
    "node is a float": (with_pair(0, [SEPARABLE, 0.0]), "pairs. Received: "),
    "node is true": (with_pair(1, [SEPARABLE, True]), "pairs. Received: "),
    "node is text": (with_pair(0, [SEPARABLE, "0"]), "pairs. Received: "),
    "unknown operation": (with_pair(3, ["conv_1x1", 0]), "pair 3 of \"normal\" names operation 'conv_1x1'; known: avg"),
    "none on an edge": (with_pair(0, ["none", 0], "reduce"), "pair 0 of \"reduce\" names operation 'none'"),
    "operation is code": (with_pair(0, ["__import__('os').system('id')", 0]), "names operation"),
    "very long operation": (with_pair(0, ["x" * 10_000, 0]), "names operation 'xxx"),
    "operation of many lines": (with_pair(0, ["a\nb\rc\u2028d", 0]), r"names operation 'a\\nb\\rc\\u2028d'"),
    "surrogate operation": (with_pair(0, ["\udcff", 0]), "names operation"),
    "edge from itself": (with_pair(0, [SEPARABLE, 2]), 'pair 0 of "normal" reads node 2; node 2 can read 0 to 1'),
    "edge from a later node": (with_pair(5, [SEPARABLE, 5]), "reads node 5; node 4 can read 0 to 3"),
    "negative node": (with_pair(0, [SEPARABLE, -1]), "reads node -1"),
    "huge node": (with_pair(7, [SEPARABLE, 10**3000]), "reads node 1000"),
    "concat is a number": (changed(normal_concat=5), '"normal_concat" must be a list of node numbers. Received: 5'),
    "concat of an input": (changed(reduce_concat=[1, 2, 3]), '"reduce_concat" must name different nodes from 2 to 5'),
    "concat of a missing node": (changed(normal_concat=[2, 6]), r"from 2 to 5. Received: \[2, 6\]"),
    "concat twice": (changed(normal_concat=[2, 2]), "must name different nodes"),
    "concat empty": (changed(normal_concat=[]), "must name different nodes"),
    "concat of floats": (changed(normal_concat=[2.0]), "must be a list of node numbers"),
    "source a number": (changed(source=3), "source must be text. Received: 3"),
    "source an object": (changed(source={"a": 1}), "source must be text"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_text_is_refused_with_one_line(case):
    text, message = HOSTILE[case]
    start = time.perf_counter()
    with pytest.raises(GenotypeError, match=message) as refusal:
        Genotype.from_json(text)
    assert time.perf_counter() - start < 0.5
    assert_one_line(refusal.value)


def assert_one_line(error):
    message = str(error)
    assert message.isprintable()
    assert message.isascii()
    assert len(message) <= LONGEST_MESSAGE


@pytest.mark.parametrize("nodes", [1, 2, 5, LARGEST_NODE_COUNT])
def test_round_trip_of_other_sizes(nodes):
    cell = tuple((SEPARABLE, position // 2) for position in range(2 * nodes))
    genotype = Genotype(cell, (nodes + 1,), VALID.reduce, (5, 2), source='free "text"\n\u00e4\ud800')
    again = Genotype.from_json(genotype.to_json())
    assert again == genotype
    assert again.to_json() == genotype.to_json()


def test_json_form():
    entries = content()
    assert list(entries) == ["format", "normal", "normal_concat", "reduce", "reduce_concat", "source"]
    assert entries["format"] == "eoinas-genotype/1"
    assert entries["normal"][0] == ["sep_conv_3x3", 0]
    assert entries["normal_concat"] == [2, 3, 4, 5]


def test_source_may_be_missing():
    assert Genotype.from_json(changed(source=None)).source == ""


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"normal": None}, "must hold"),
        ({"normal": [["sep_conv_3x3", 0]] * 8}, "must hold"),
        ({"normal": (("sep_conv_3x3", 0),) * 7}, "Received: 7 pairs"),
        ({"normal": ((["sep_conv_3x3"], 0),) * 8}, "must hold"),
        ({"normal": (("sep_conv_3x3", True),) * 8}, "must hold"),
        ({"reduce_concat": None}, "must hold node numbers"),
        ({"reduce_concat": (2.0,)}, "must hold node numbers"),
        ({"source": None}, "source must be text"),
    ],
)
def test_construction_refuses_what_could_not_be_written_and_read(entries, message):
    fields = {key: getattr(VALID, key) for key in ("normal", "normal_concat", "reduce", "reduce_concat")}
    with pytest.raises(GenotypeError, match=message) as refusal:
        Genotype(**{**fields, **entries})
    assert_one_line(refusal.value)


def test_read(tmp_path):
    path = tmp_path / "genotype.json"
    path.write_text(VALID.to_json())
    assert Genotype.read(path) == VALID


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe{}", "not UTF-8 text"),
        (b"{", "genotype.json: genotype: not valid JSON"),
        (b" " * (LARGEST_FILE_BYTES + 10), "more than 65536 bytes"),
    ],
)
def test_read_names_the_file(tmp_path, content, message):
    path = tmp_path / "genotype.json"
    path.write_bytes(content)
    with pytest.raises(GenotypeError, match=message) as refusal:
        Genotype.read(path)
    assert str(path) in str(refusal.value)


def test_read_of_a_missing_file_names_it(tmp_path):
    with pytest.raises(GenotypeError, match=r"genotype file .*absent.json: No such file or directory"):
        Genotype.read(tmp_path / "absent.json")


def test_seeded_mutations_give_a_genotype_or_a_one_line_error():
    chance = random.Random(20240611)
    texts = [genotype.to_json() for genotype in PUBLISHED_GENOTYPES.values()]
    read, refused = 0, 0
    start = time.perf_counter()
    for _ in range(MUTATIONS):
        text = chance.choice(texts)
        for _ in range(chance.choice((1, 1, 2, 4))):
            text = chance.choice((mutated_text, mutated_structure))(text, chance)
        try:
            genotype = Genotype.from_json(text)
        except GenotypeError as error:
            assert_one_line(error)
            refused += 1
        else:
            assert Genotype.from_json(genotype.to_json()) == genotype
            read += 1
    assert time.perf_counter() - start < 10
    # Neither are the mutations all harmless, nor does everything fail at the first bracket.
    assert read > MUTATIONS // 50
    assert refused > MUTATIONS // 4


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
    "1e999",
    "-",
    "9" * 50,
    "null",
    "\0",
    "\u2028",
    " ",
)
JUNK = (None, True, -1, 0, 2, 7, 10**30, 0.5, float("1e308"), "", "none", "a\nb", "\udcff", [], {}, [[]], ["none", 0])


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
    """Replaces, removes, doubles or swaps entries of the JSON tree; text that is no JSON is left alone."""
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
    if not containers:
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
    return json.dumps(tree)
