import json
import subprocess
import sys
from pathlib import Path

import pytest

from eoinas_tf.errors import GenotypeError
from eoinas_tf.space.genotype import LARGEST_DEPTH, LARGEST_FILE_BYTES, LARGEST_NODE_COUNT, Genotype
from eoinas_tf.space.published_genotypes import PUBLISHED_GENOTYPES

LONGEST_MESSAGE = 200
ROOT = Path(__file__).parents[2]
VALID = PUBLISHED_GENOTYPES["DARTS_V2"]
SEPARABLE = "sep_conv_3x3"


def content():
    return json.loads(VALID.to_json())


def changed(**entries):
    """The valid genotype's JSON with other entries; None removes an entry."""
    return json.dumps({key: value for key, value in {**content(), **entries}.items() if value is not None})


def with_pair(position, pair, cell="normal"):
    pairs = content()[cell]
    pairs[position] = pair
    return changed(**{cell: pairs})


def valid_text(old, new):
    text = VALID.to_json()
    assert old in text
    return text.replace(old, new, 1)


# Description -> (text, expected message)
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
    "5,000 digits": (valid_text("[2, 3, 4, 5]", "[" + "9" * 5000 + "]"), "not valid JSON .'Exceeds the limit"),
    "5,000 digits and a point": (valid_text("[2, 3, 4, 5]", "[" + "9" * 5000 + ".0]"), "must be a list of node"),
    "4,000 digits": (valid_text("[2, 3, 4, 5]", "[" + "9" * 4000 + "]"), "must name different nodes from 2 to 5"),
    "30,000 levels": ("[" * 30_000 + "]" * 30_000, "nested more than 16 levels deep"),
    "60,000 open brackets": ("[" * 60_000, "nested more than 16 levels deep"),
    "60,000 open braces in texts that do not end": ('"\\' * 30_000 + '{"a":' * 100, "not valid JSON"),
    "levels after a text with quotes": (valid_text("[2, 3, 4, 5]", '["\\\\\\"", ' + "[" * 16), "nested more than 16"),
    "nested pair": (valid_text("[2, 3, 4, 5]", "[" * 15 + "]" * 15), "must be a list of node numbers"),
    "too long": (changed(source="x" * LARGEST_FILE_BYTES), "more than 65536 bytes"),
    "a key twice": (valid_text('"normal_concat"', '"source": "a", "normal_concat"'), "a key stands twice"),
    "a key twice, once escaped": (valid_text('"reduce"', '"\\u0072educe": [], "reduce"'), "a key stands twice"),
    "a key twice further in": (changed(source={}).replace("{}", '{"a": 1, "a": 2}'), "a key stands twice"),
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
    "a third cell": (changed(reduce2=content()["reduce"]), "unknown key 'reduce2'"),
    "cells as lists of cells": (changed(normal=[content()["normal"]] * 3), "pairs. Received: "),
    "cell is null": (json.dumps({**content(), "reduce": None}), '"reduce" must be a list of'),
    "8,000 pairs": ('{"format": "eoinas-genotype/1", "normal": [' + '["a",0],' * 8000 + "[]]}", "missing key"),
    "65 nodes": (changed(normal=[[SEPARABLE, 0]] * 130), "Received: 130 pairs"),
    "pair of one": (with_pair(0, [SEPARABLE]), r"must hold \[operation, node\] pairs. Received: \['sep_conv_3x3'\]"),
    "pair of three": (with_pair(0, [SEPARABLE, 0, 1]), "pairs. Received:"),
    "pair is an object": (with_pair(0, {"operation": SEPARABLE, "node": 0}), "pairs. Received: "),
    "pair is null": (with_pair(7, None), "pairs. Received: None"),
    "pair reversed": (with_pair(0, [0, SEPARABLE]), "pairs. Received: "),
    "pair is text": (with_pair(0, "ab"), "pairs. Received: 'ab'"),
    "node is a float": (with_pair(0, [SEPARABLE, 0.0]), "pairs. Received: "),
    "node is true": (with_pair(1, [SEPARABLE, True]), "pairs. Received: "),
    "node is null": (with_pair(0, [SEPARABLE, None]), "pairs. Received: "),
    "node is a list": (with_pair(0, [SEPARABLE, [0]]), "pairs. Received: "),
    "node is text": (with_pair(0, [SEPARABLE, "0"]), "pairs. Received: "),
    "unknown operation": (with_pair(3, ["conv_1x1", 0]), "pair 3 of \"normal\" names operation 'conv_1x1'; known: avg"),
    "operation in capitals": (with_pair(0, ["SKIP_CONNECT", 0]), "names operation 'SKIP_CONNECT'"),
    "operation with a space": (with_pair(0, ["skip_connect ", 0]), "names operation 'skip_connect '"),
    "operation with a foreign letter": (with_pair(0, ["skip_c\u043ennect", 0]), "names operation 'skip_c"),
    "operation is empty": (with_pair(0, ["", 0]), "names operation ''"),
    "operation is null": (with_pair(0, [None, 0]), "pairs. Received: "),
    "operation is a list": (with_pair(0, [[SEPARABLE], 0]), "pairs. Received: "),
    "none on an edge": (with_pair(0, ["none", 0], "reduce"), "pair 0 of \"reduce\" names operation 'none'"),
    "operation is code": (with_pair(0, ["__import__('os').system('id')", 0]), "names operation"),
    "very long operation": (with_pair(0, ["x" * 10_000, 0]), "names operation 'xxx"),
    "operation of many lines": (with_pair(0, ["a\nb\rc\u2028d", 0]), r"names operation 'a\\nb\\rc\\u2028d'"),
    "surrogate operation": (with_pair(0, ["\udcff", 0]), "names operation"),
    "edge from itself": (with_pair(0, [SEPARABLE, 2]), 'pair 0 of "normal" reads node 2; node 2 can read 0 to 1'),
    "edge from a later node": (with_pair(5, [SEPARABLE, 5]), "reads node 5; node 4 can read 0 to 3"),
    "negative node": (with_pair(0, [SEPARABLE, -1]), "reads node -1"),
    "the largest number": (with_pair(7, [SEPARABLE, 2**63]), "reads node 9223372036854775808"),
    "huge node": (with_pair(7, [SEPARABLE, 10**3000]), "reads node 1000"),
    "concat is a number": (changed(normal_concat=5), '"normal_concat" must be a list of node numbers. Received: 5'),
    "concat of an input": (changed(reduce_concat=[1, 2, 3]), '"reduce_concat" must name different nodes from 2 to 5'),
    "concat of a missing node": (changed(normal_concat=[2, 6]), r"from 2 to 5. Received: \[2, 6\]"),
    "concat twice": (changed(normal_concat=[2, 2]), "must name different nodes"),
    "concat empty": (changed(normal_concat=[]), "must name different nodes"),
    "concat of true": (changed(normal_concat=[True, 2]), "must be a list of node numbers"),
    "concat of text": (changed(normal_concat=["2"]), "must be a list of node numbers"),
    "concat of lists": (changed(normal_concat=[[2]]), "must be a list of node numbers"),
    "concat of the node after the last": (changed(reduce_concat=[6]), r"from 2 to 5. Received: \[6\]"),
    "concat of a negative node": (changed(reduce_concat=[-1]), r"from 2 to 5. Received: \[-1\]"),
    "concat of 10,000 nodes": (changed(normal_concat=list(range(2, 10_002))), r"from 2 to 5. Received: \[2, 3"),
    "concat of floats": (changed(normal_concat=[2.0]), "must be a list of node numbers"),
    "source a number": (changed(source=3), "source must be text. Received: 3"),
    "source with half a pair": (changed(source="a\ud800"), r"source must be text. Received: 'a\\ud800'"),
    "source with the other half": (changed(source="\udfffa"), "source must be text"),
    "source an object": (changed(source={"a": 1}), "source must be text"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_text_is_refused_with_one_line(case):
    text, message = HOSTILE[case]
    with pytest.raises(GenotypeError, match=message) as refusal:
        Genotype.from_json(text)
    assert_one_line(refusal.value)


def assert_one_line(error):
    message = str(error)
    assert message.isprintable()
    assert message.isascii()
    assert len(message) <= LONGEST_MESSAGE


ALL_REFUSED = """
import json, sys
from eoinas_tf.errors import GenotypeError
from eoinas_tf.space.genotype import Genotype
for name, text in json.load(sys.stdin).items():
    try:
        Genotype.from_json(text)
    except GenotypeError:
        continue
    sys.exit(f"{name} is not refused")
loaded = {"tensorflow", "keras", "numpy"} & set(sys.modules)
sys.exit(f"{sorted(loaded)} loaded" if loaded else 0)
"""


def test_all_are_refused_before_tensorflow_is_loaded():
    """Refused before any layer is made, wherever this is called from."""
    texts = json.dumps({name: text for name, (text, _) in HOSTILE.items()})
    command = [sys.executable, "-c", ALL_REFUSED]
    run = subprocess.run(command, cwd=ROOT, input=texts, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_size_and_depth_are_limited_before_anything_is_parsed(monkeypatch):
    def parsed(*_, **__):
        raise AssertionError("parsed")

    monkeypatch.setattr(json, "loads", parsed)
    deepest = "[" * LARGEST_DEPTH + "]" * LARGEST_DEPTH
    million_nodes = VALID.to_json().replace('"normal": [', '"normal": [' + '["skip_connect", 0],' * 2_000_000)
    for refused in (million_nodes, " " * (LARGEST_FILE_BYTES + 1), "\u00e4" * 32_769, f"[{deepest}]"):
        with pytest.raises(GenotypeError, match=r"more than 65536 bytes|nested more than 16 levels deep"):
            Genotype.from_json(refused)
    for accepted in (" " * LARGEST_FILE_BYTES, deepest, f'["[{deepest}", "\\\\", "\\"{deepest}"]'):
        with pytest.raises(AssertionError, match="parsed"):
            Genotype.from_json(accepted)


def test_brackets_in_texts_do_not_nest():
    text = changed(source='[{"' * 1000 + "\\")
    assert Genotype.from_json(text).source == '[{"' * 1000 + "\\"


@pytest.mark.parametrize("nodes", [1, 2, 5, LARGEST_NODE_COUNT])
def test_round_trip_of_other_sizes(nodes):
    cell = tuple((SEPARABLE, position // 2) for position in range(2 * nodes))
    genotype = Genotype(cell, (nodes + 1,), VALID.reduce, (5, 2), source='free "text"\n\u00e4\U0001f600')
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
        ({"source": "\ud800"}, "source must be text"),
        ({"normal": (("sep_conv_3x3", 0),) * 2_000_000}, "Received: 2000000 pairs"),
        ({"reduce_concat": tuple(range(2, 1_000_002))}, "must name different nodes from 2 to 5"),
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
