import dataclasses

import pytest

from eoinas_tf.evaluation import genotype_table
from eoinas_tf.evaluation.configured_network import network_size
from eoinas_tf.evaluation.genotype_table import (
    CIFAR,
    COUNTED_SIZES,
    IMAGENET,
    PUBLISHED_SIZES,
    USUAL_CLASSES,
    USUAL_IMAGE_SIZES,
)
from eoinas_tf.space.published_genotypes import PUBLISHED_GENOTYPES

# DARTS's PyTorch code (github.com/quark0/darts, NetworkCIFAR and NetworkImageNet) counted COUNTED_SIZES with each
# genotype: parameters without "auxiliary", and kernel elements times output positions of its convolutions and dense
# layer.
MOST_PERCENT_WITHOUT_NOTE = 8.0


@pytest.fixture(scope="module")
def lines():
    return list(genotype_table.genotype_table())


def test_every_published_genotype_has_published_figures_and_counts():
    assert set(PUBLISHED_SIZES) == set(PUBLISHED_GENOTYPES) == set(COUNTED_SIZES)
    assert all(published.source for published in PUBLISHED_SIZES.values())


@pytest.mark.parametrize("name", COUNTED_SIZES)
def test_the_networks_are_as_large_as_the_table_says(name):
    counted = []
    for network in (CIFAR, IMAGENET):
        image_shape = (*USUAL_IMAGE_SIZES[network.stem], 3)
        size = network_size(network, PUBLISHED_GENOTYPES[name], image_shape, USUAL_CLASSES[network.stem])
        counted += [size.parameters, size.multiply_adds]
    assert tuple(counted) == COUNTED_SIZES[name]


def test_a_row_shows_millions_and_what_is_published(lines):
    (row,) = (line for line in lines if line.startswith("DARTS_V2 "))
    assert row.split("  ")[0] == "DARTS_V2"
    assert " ".join(row.split()) == "DARTS_V2 3.35 M (3.3) 4.72 M (4.7) 530 M (574)"
    (row,) = (line for line in lines if line.startswith("DARTS_V1 "))
    assert " ".join(row.split()) == "DARTS_V1 3.17 M (3.3) 4.51 M 506 M"


def test_records_hold_exact_counts():
    records = {record["name"]: record for record in genotype_table.genotype_records()}
    assert list(records) == list(PUBLISHED_GENOTYPES)
    assert records["SNAS"]["imagenet_multiply_adds"] == COUNTED_SIZES["SNAS"].imagenet_multiply_adds
    assert records["SNAS"]["published"]["cifar_parameters"] == 2.9


@pytest.mark.parametrize("name", COUNTED_SIZES)
def test_what_differs_by_more_than_rounding_or_counting_has_a_note(name):
    published = PUBLISHED_SIZES[name]
    cifar_parameters, _, imagenet_parameters, multiply_adds = COUNTED_SIZES[name]
    differs = not is_rounded(cifar_parameters, published.cifar_parameters)
    differs |= not is_rounded(imagenet_parameters, published.imagenet_parameters)
    if published.imagenet_multiply_adds is not None:
        percent = 100 * (multiply_adds / (published.imagenet_multiply_adds * 1e6) - 1)
        differs |= abs(percent) > MOST_PERCENT_WITHOUT_NOTE
    assert bool(published.note) == differs


def is_rounded(measured, published):
    """Whether a published number of millions is the counted one, rounded to the published digits."""
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
    paragraphs = " ".join(" ".join(lines).split())
    for name, published in PUBLISHED_SIZES.items():
        assert f"{name}: {PUBLISHED_GENOTYPES[name].source} published figures: {published.source}" in paragraphs
        assert f"{published.source} note: {published.note}" in paragraphs or not published.note
    assert lines[0] == "cifar: 20 cells, 36 channels, 10 classes, 32x32"
    assert lines[1] == "imagenet: 14 cells, 48 channels, 1000 classes, 224x224"


def test_the_table_fits_80_columns(lines):
    assert max(map(len, lines)) <= 80
