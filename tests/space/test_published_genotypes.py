import ast

import pytest

from eoinas_tf.errors import GenotypeError
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.published_genotypes import (
    PUBLISHED_GENOTYPES,
    list_genotypes,
    load_genotype,
    published_name,
)

# As printed in the papers' repositories.
PRINTED = {
    "DARTS_V1": (
        "[('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 0), ('sep_conv_3x3', 1), ('skip_connect', 0), "
        "('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 2)]",
        "[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 0), ('max_pool_3x3', 0), "
        "('skip_connect', 2), ('skip_connect', 2), ('avg_pool_3x3', 0)]",
    ),
    "DARTS_V2": (
        "[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 1), "
        "('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)]",
        "[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), ('max_pool_3x3', 0), "
        "('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)]",
    ),
    "GDAS_V1": (
        "[('skip_connect', 0), ('skip_connect', 1), ('skip_connect', 0), ('sep_conv_5x5', 2), ('sep_conv_3x3', 3), "
        "('skip_connect', 0), ('sep_conv_5x5', 4), ('sep_conv_3x3', 3)]",
        "[('sep_conv_5x5', 0), ('sep_conv_3x3', 1), ('sep_conv_5x5', 2), ('sep_conv_5x5', 1), ('dil_conv_5x5', 2), "
        "('sep_conv_3x3', 1), ('sep_conv_5x5', 0), ('sep_conv_5x5', 1)]",
    ),
    "SNAS": (
        "[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('skip_connect', 0), ('dil_conv_3x3', 1), "
        "('skip_connect', 0), ('skip_connect', 1), ('skip_connect', 0), ('sep_conv_3x3', 1)]",
        "[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('max_pool_3x3', 1), ('skip_connect', 2), "
        "('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 0), ('dil_conv_5x5', 2)]",
    ),
    "PDARTS": (
        "[('skip_connect', 0), ('dil_conv_3x3', 1), ('skip_connect', 0),('sep_conv_3x3', 1), ('sep_conv_3x3', "
        "1), ('sep_conv_3x3', 3), ('sep_conv_3x3',0), ('dil_conv_5x5', 4)]",
        "[('avg_pool_3x3', 0), ('sep_conv_5x5', 1), ('sep_conv_3x3', 0), ('dil_conv_5x5', 2), "
        "('max_pool_3x3', 0), ('dil_conv_3x3', 1), ('dil_conv_3x3', 1), ('dil_conv_5x5', 3)]",
    ),
    "PC_DARTS_cifar": (
        "[('sep_conv_3x3', 1), ('skip_connect', 0), ('sep_conv_3x3', 0), ('dil_conv_3x3', 1), "
        "('sep_conv_5x5', 0), ('sep_conv_3x3', 1), ('avg_pool_3x3', 0), ('dil_conv_3x3', 1)]",
        "[('sep_conv_5x5', 1), ('max_pool_3x3', 0), ('sep_conv_5x5', 1), ('sep_conv_5x5', 2), "
        "('sep_conv_3x3', 0), ('sep_conv_3x3', 3), ('sep_conv_3x3', 1), ('sep_conv_3x3', 2)]",
    ),
    "PC_DARTS_image": (
        "[('skip_connect', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 0), ('skip_connect', 1), "
        "('sep_conv_3x3', 1), ('sep_conv_3x3', 3), ('sep_conv_3x3', 1), ('dil_conv_5x5', 4)]",
        "[('sep_conv_3x3', 0), ('skip_connect', 1), ('dil_conv_5x5', 2), ('max_pool_3x3', 1), "
        "('sep_conv_3x3', 2), ('sep_conv_3x3', 1), ('sep_conv_5x5', 0), ('sep_conv_3x3', 3)]",
    ),
    "MdeNAS": (
        "[[('sep_conv_5x5', 1), ('sep_conv_3x3', 0)], [('skip_connect', 0), ('sep_conv_5x5', 1)], "
        "[('sep_conv_5x5', 3), ('sep_conv_3x3', 1)], [('dil_conv_5x5', 3), ('max_pool_3x3', 4)]]",
        "[[('max_pool_3x3', 0), ('sep_conv_5x5', 1)], [('skip_connect', 0), ('skip_connect', 1)], "
        "[('sep_conv_3x3', 3), ('skip_connect', 2)], [('dil_conv_3x3', 3), ('sep_conv_5x5', 0)]]",
    ),
    "NASNet_A": (
        "[('sep_conv_5x5', 1), ('sep_conv_3x3', 0), ('sep_conv_5x5', 0), ('sep_conv_3x3', 0), "
        "('avg_pool_3x3', 1), ('skip_connect', 0), ('avg_pool_3x3', 0), ('avg_pool_3x3', 0), ('sep_conv_3x3', "
        "1), ('skip_connect', 1)]",
        "[('sep_conv_5x5', 1), ('sep_conv_7x7', 0), ('max_pool_3x3', 1), ('sep_conv_7x7', 0), "
        "('avg_pool_3x3', 1), ('sep_conv_5x5', 0), ('skip_connect', 3), ('avg_pool_3x3', 2), ('sep_conv_3x3', "
        "2), ('max_pool_3x3', 1)]",
    ),
    "AmoebaNet_A": (
        "[('avg_pool_3x3', 0), ('max_pool_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_5x5', 2), "
        "('sep_conv_3x3', 0), ('avg_pool_3x3', 3), ('sep_conv_3x3', 1), ('skip_connect', 1), ('skip_connect', "
        "0), ('avg_pool_3x3', 1)]",
        "[('avg_pool_3x3', 0), ('sep_conv_3x3', 1), ('max_pool_3x3', 0), ('sep_conv_7x7', 2), "
        "('sep_conv_7x7', 0), ('avg_pool_3x3', 1), ('max_pool_3x3', 0), ('max_pool_3x3', 1), ('conv_7x1_1x7', "
        "0), ('sep_conv_3x3', 5)]",
    ),
}
# If it is not all of the nodes 2 to 5.
CONCATENATED = {"NASNet_A": ((2, 3, 4, 5, 6), (4, 5, 6)), "AmoebaNet_A": ((4, 5, 6), (3, 4, 6))}


def flat(printed):
    """A cell's pairs, whether printed in a row or as one list per node."""
    cell = ast.literal_eval(printed)
    return tuple(pair for node in cell for pair in node) if isinstance(cell[0], list) else tuple(cell)


def test_every_published_genotype_is_held_to_its_print():
    assert set(PUBLISHED_GENOTYPES) == set(PRINTED)


@pytest.mark.parametrize("name", PUBLISHED_GENOTYPES)
def test_genotype_is_the_printed_one_and_names_its_source(name):
    genotype = PUBLISHED_GENOTYPES[name]
    normal, reduce = map(flat, PRINTED[name])
    assert genotype.normal == normal
    assert genotype.reduce == reduce
    concatenated = CONCATENATED.get(name, ((2, 3, 4, 5), (2, 3, 4, 5)))
    assert (genotype.normal_concat, genotype.reduce_concat) == concatenated
    assert "arXiv" in genotype.source
    assert "github.com" in genotype.source


@pytest.mark.parametrize("name", PUBLISHED_GENOTYPES)
def test_genotype_survives_json(name):
    assert Genotype.from_json(PUBLISHED_GENOTYPES[name].to_json()) == PUBLISHED_GENOTYPES[name]


def test_load_genotype_takes_a_name_or_a_file(tmp_path):
    path = tmp_path / "genotype.json"
    path.write_text(PUBLISHED_GENOTYPES["GDAS_V1"].to_json())
    assert load_genotype(str(path)) == PUBLISHED_GENOTYPES["GDAS_V1"]
    assert load_genotype("DARTS_V2") is PUBLISHED_GENOTYPES["DARTS_V2"]


@pytest.mark.parametrize("name", ["", "DARTS_V3", "darts v2", "no/such/genotype.json", "a\0b", "x" * 5000, "a\nb"])
def test_load_genotype_refuses_what_is_neither(name):
    with pytest.raises(
        GenotypeError, match="--genotype must be a file or one of DARTS_V1, DARTS_V2, GDAS_V1"
    ) as refusal:
        load_genotype(name)
    assert "\n" not in str(refusal.value)


def test_load_genotype_refuses_a_folder(tmp_path):
    with pytest.raises(GenotypeError, match=r"Is a directory"):
        load_genotype(str(tmp_path))


@pytest.mark.parametrize("text", ["darts_v2", "DARTS-V2", "dartsv2", "Darts-v_2"])
def test_names_match_without_regard_to_case_and_dashes(text):
    assert load_genotype(text) is PUBLISHED_GENOTYPES["DARTS_V2"]


def test_a_file_comes_before_a_name_that_is_only_like_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "darts_v2").write_text(PUBLISHED_GENOTYPES["SNAS"].to_json())
    assert load_genotype("darts_v2") == PUBLISHED_GENOTYPES["SNAS"]
    assert load_genotype("DARTS_V2") is PUBLISHED_GENOTYPES["DARTS_V2"]


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("DARTS_V9", "'DARTS_V9'; did you mean DARTS_V2 or DARTS_V1?"),
        ("amoeba-net", "'amoeba-net'; did you mean AmoebaNet_A?"),
        ("runs/nowhere/genotype.json", "'runs/nowhere/genotype.json'"),
    ],
)
def test_a_wrong_name_is_answered_with_the_nearest_ones(text, end):
    with pytest.raises(GenotypeError) as caught:
        load_genotype(text)
    assert str(caught.value).endswith(f"Received: {end}")


def test_no_two_names_are_the_same_but_for_case_and_dashes():
    assert [published_name(name) for name in PUBLISHED_GENOTYPES] == list(PUBLISHED_GENOTYPES)


def test_names_are_listed_by_a_pattern_in_either_case():
    assert list_genotypes() == sorted(PUBLISHED_GENOTYPES)
    assert list_genotypes("darts*") == ["DARTS_V1", "DARTS_V2"]
    assert list_genotypes("*nothing*") == []
