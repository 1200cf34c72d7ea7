import dataclasses
import re

import pytest

from eoinas_tf.evaluation import genotype_table
from eoinas_tf.evaluation.genotype_table import IMAGENET, PUBLISHED_SIZES
from eoinas_tf.evaluation.network_description import network_size
from eoinas_tf.space.published_genotypes import PUBLISHED_GENOTYPES

# Counted by DARTS's PyTorch code (github.com/quark0/darts, NetworkCIFAR and NetworkImageNet) with each genotype:
# parameters without "auxiliary", and kernel entries times output positions of its convolutions and dense layer.
# Genotype -> CIFAR parameters, multiply-adds, ImageNet parameters, multiply-adds
REFERENCE = {
    "DARTS_V1": (3_169_414, 500_987_520, 4_510_432, 505_864_704),
    "DARTS_V2": (3_349_342, 528_359_040, 4_718_752, 529_911_552),
    "GDAS_V1": (3_368_782, 519_428_736, 4_969_216, 537_597_888),
    "SNAS": (2_661_382, 422_218_368, 3_939_328, 438_042_432),
    "PDARTS": (3_433_798, 532_174_464, 4_944_352, 542_819_328),
    "PC_DARTS_cifar": (3_634_678, 556_670_592, 5_270_560, 571_137_408),
    "PC_DARTS_image": (3_721_510, 570_466_944, 5_342_464, 581_627_328),
    "MdeNAS": (3_783_286, 599_110_272, 5_325_760, 595_513_536),
    "NASNet_A": (3_830_950, 603_452_448, 5_564_320, 604_031_616),
    "AmoebaNet_A": (3_145_078, 488_931_552, 4_627_360, 526_746_624),
}
MOST_PERCENT_WITHOUT_NOTE = 8.0


@pytest.fixture(scope="module")
def lines():
    """The whole table: it measures twenty networks."""
    return list(genotype_table.genotype_table())


@pytest.fixture(scope="module")
def rows(lines):
    """Cells of the table by genotype and network."""
    found, name = {}, None
    for line in lines:
        cells = re.split(r" {2,}", line)
        if len(cells) == 8 and cells[1] in ("cifar", "imagenet"):
            name = cells[0] or name
            found[name, cells[1]] = cells[2:]
    return found


def number(text):
    return int(text.replace(",", ""))


def test_every_published_genotype_has_published_figures_and_a_reference():
    assert set(PUBLISHED_SIZES) == set(PUBLISHED_GENOTYPES) == set(REFERENCE)
    assert all(published.source for published in PUBLISHED_SIZES.values())


@pytest.mark.parametrize("name", REFERENCE)
def test_measured_sizes_are_those_of_the_reference_code(name, rows):
    cifar, imagenet = rows[name, "cifar"], rows[name, "imagenet"]
    assert tuple(map(number, (cifar[0], cifar[3], imagenet[0], imagenet[3]))) == REFERENCE[name]


def test_differences_are_in_percent_of_what_is_published(rows):
    assert rows["DARTS_V2", "imagenet"] == ["4,718,752", "4.7 M", "+0.4 %", "529,911,552", "574 M", "-7.7 %"]
    assert rows["DARTS_V1", "imagenet"] == ["4,510,432", "-", "-", "505,864,704", "-", "-"]


@pytest.mark.parametrize("name", REFERENCE)
def test_what_differs_by_more_than_rounding_or_counting_has_a_note(name):
    published = PUBLISHED_SIZES[name]
    cifar_parameters, _, imagenet_parameters, multiply_adds = REFERENCE[name]
    differs = not is_rounded(cifar_parameters, published.cifar_parameters)
    differs |= not is_rounded(imagenet_parameters, published.imagenet_parameters)
    if published.imagenet_multiply_adds is not None:
        percent = 100 * (multiply_adds / (published.imagenet_multiply_adds * 1e6) - 1)
        differs |= abs(percent) > MOST_PERCENT_WITHOUT_NOTE
    assert bool(published.note) == differs


def is_rounded(measured, published):
    """Whether a published number of millions is the measured one, rounded to the digits that are given."""
    if published is None:
        return True
    return round(measured / 1e6, len(str(published).partition(".")[2])) == published


def test_the_published_network_of_gdas_is_as_large_as_its_note_says():
    genotype = PUBLISHED_GENOTYPES["GDAS_V1"]
    size = network_size(dataclasses.replace(IMAGENET, init_channels=50), genotype, (224, 224, 3), 1000)
    assert f"{size.parameters:,} parameters and {size.multiply_adds:,} multiply-adds" in PUBLISHED_SIZES["GDAS_V1"].note
    assert is_rounded(size.parameters, PUBLISHED_SIZES["GDAS_V1"].imagenet_parameters)
    assert is_rounded(size.multiply_adds, PUBLISHED_SIZES["GDAS_V1"].imagenet_multiply_adds)


def test_sources_and_notes_follow(lines):
    for name, published in PUBLISHED_SIZES.items():
        start = lines.index(f"{name}: {PUBLISHED_GENOTYPES[name].source}")
        assert lines[start + 1] == f"  published figures: {published.source}"
        if published.note:
            assert lines[start + 2] == f"  note: {published.note}"
    assert lines[0] == "cifar: 20 cells, 36 channels, 10 classes, 32x32"
    assert lines[1] == "imagenet: 14 cells, 48 channels, 1000 classes, 224x224"


def test_columns_stand_below_each_other(lines):
    header = next(line for line in lines if line.startswith("genotype"))
    end = header.index("multiply-adds") + len("multiply-adds")
    table = [line for line in lines if re.search(r"^\S* +(cifar|imagenet) ", line)]
    assert len(table) == 2 * len(REFERENCE)
    assert all(re.fullmatch(r".*\d", line[:end]) and not line[end:].startswith(tuple("0123456789")) for line in table)
