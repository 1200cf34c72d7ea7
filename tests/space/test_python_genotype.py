import pytest

from eoinas_tf.errors import GenotypeError
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.published_genotypes import PUBLISHED_GENOTYPES, load_genotype
from eoinas_tf.space.python_genotype import genotype_from_text

DARTS_V2 = PUBLISHED_GENOTYPES["DARTS_V2"]
# As DARTS's code prints it.
PRINTED = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), "
    "('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], normal_concat=range(2, 6), "
    "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), ('max_pool_3x3', 0), "
    "('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], reduce_concat=range(2, 6))"
)
PAIRS = "[('skip_connect', 0), ('skip_connect', 1)]"
SMALL = f"Genotype(normal={PAIRS}, normal_concat=[2], reduce={PAIRS}, reduce_concat=[2])"


def cells(genotype):
    return genotype.normal, genotype.normal_concat, genotype.reduce, genotype.reduce_concat


@pytest.mark.parametrize(
    "text",
    [
        PRINTED,
        f"\n{PRINTED}\n",
        PRINTED.replace("range(2, 6)", "[2, 3, 4, 5]"),
        PRINTED.replace("range(2, 6)", "(2, 3, 4, 5)"),
        PRINTED.replace("'", '"'),
        "# found by DARTS (second order)\n" + PRINTED.replace(", ", ",\n  # next\n  "),
        # With weights, as GDAS's code prints them.
        PRINTED.replace("0)", "0, 0.13)").replace("1)", "1, 1e-05)"),
    ],
)
def test_what_papers_code_prints_is_read(text):
    genotype = genotype_from_text(text)
    assert cells(genotype) == cells(DARTS_V2)
    assert genotype.source == ""


def test_a_name_before_it_is_its_source():
    assert genotype_from_text(f"DARTS_V2 = {PRINTED}").source == "DARTS_V2"


def test_json_is_read_as_before():
    assert genotype_from_text(DARTS_V2.to_json()) == DARTS_V2
    with pytest.raises(GenotypeError, match="not valid JSON"):
        genotype_from_text("{'normal': 3}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SMALL.replace("[2]", "[2 + 0]", 1), "more than names, numbers"),
        (SMALL.replace("[2]", "open('x').read()", 1), "more than names, numbers"),
        (SMALL.replace("[2]", "f(2)", 1), "normal_concat must be a list"),
        (SMALL.replace("[2]", "range(2, 3, 1)", 1), "normal_concat must be a list"),
        (SMALL.replace("[2]", "range(2, 999999999)", 1), "normal_concat must hold node numbers"),
        (SMALL.replace("[2]", "range(True)", 1), "texts and numbers only"),
        (SMALL.replace("[2]", "[2.0]", 1), "normal_concat must hold node numbers"),
        (SMALL.replace("[2]", "[7]", 1), '"normal_concat" must name different nodes'),
        (
            SMALL.replace("('skip_connect', 0)", "('skip_connect', 0, 'x')", 1),
            "normal must hold .operation, node. pairs",
        ),
        (SMALL.replace("skip_connect", "conv_9x9", 1), "names operation 'conv_9x9'"),
        (SMALL.replace(", reduce_concat=[2]", ""), "needed, each once: normal, reduce,"),
        (SMALL.replace("reduce_concat", "normal_concat"), "needed, each once: normal, reduce,"),
        (SMALL.replace("Genotype(", "Genotype(1, "), "needed, each once"),
        (SMALL.replace("Genotype(", "f(Genotype("), "not Python"),
        (SMALL.replace("Genotype", "print"), "not valid JSON"),
        (f"a = b = {SMALL}", r"not Genotype\(...\)"),
        (f"f({SMALL})", r"not Genotype\(...\)"),
        (f"{SMALL}\n{SMALL}", "2 statements; keep one"),
        ("[" * 20 + "]" * 20, "nested more than 16 levels"),
        ("Genotype(" + "[" * 20 + "]" * 20 + ")", "more than names, numbers"),
        ("Genotype(" + "()" * 9, "more than names, numbers"),
        (SMALL + " " * 70_000, "more than 65536 bytes"),
        ("Genotype(" + "a" * 60_000 + " " * 5000 + "!", "more than names, numbers"),
    ],
)
def test_anything_else_is_refused_in_one_line(text, message):
    with pytest.raises(GenotypeError, match=message) as error:
        genotype_from_text(text)
    assert "\n" not in str(error.value)


def test_a_file_in_python_s_notation_is_named_by_the_setting(tmp_path):
    path = tmp_path / "genotype.txt"
    path.write_text(PRINTED)
    assert cells(load_genotype(str(path))) == cells(DARTS_V2)
    path.write_text(PRINTED.replace("sep", "sip"))
    with pytest.raises(GenotypeError, match=r"genotype\.txt: genotype: pair 0 of \"normal\" names operation"):
        load_genotype(str(path))
    with pytest.raises(GenotypeError, match="not valid JSON"):
        Genotype.read(path)  # Run folders only contain JSON.
