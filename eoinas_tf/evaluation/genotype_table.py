"""The output of `--list_genotypes`: the sizes of the published cells' networks, as counted here and as published.

The counts are stored here rather than computed, so that the table appears at once, without TensorFlow; a test recounts
them.
"""

import dataclasses
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.space.published_genotypes import PUBLISHED_GENOTYPES

# The networks in the papers' tables, with the usual classes and image sizes of the stems.
CIFAR = EvaluationConfig(cells=20, init_channels=36, stem="cifar", auxiliary_weight=0.0)
IMAGENET = EvaluationConfig(cells=14, init_channels=48, stem="imagenet", auxiliary_weight=0.0)
USUAL_IMAGE_SIZES = {"cifar": (32, 32), "imagenet": (224, 224)}
USUAL_CLASSES = {"cifar": 10, "imagenet": 1000}
MILLION = 1e6
COLUMNS = 80


class CountedSize(NamedTuple):
    """The sizes of a cell's two networks, without the auxiliary head, and their cost for one image."""

    cifar_parameters: int
    cifar_multiply_adds: int
    imagenet_parameters: int
    imagenet_multiply_adds: int


COUNTED_SIZES = {
    "DARTS_V1": CountedSize(3_169_414, 500_987_520, 4_510_432, 505_864_704),
    "DARTS_V2": CountedSize(3_349_342, 528_359_040, 4_718_752, 529_911_552),
    "GDAS_V1": CountedSize(3_368_782, 519_428_736, 4_969_216, 537_597_888),
    "SNAS": CountedSize(2_661_382, 422_218_368, 3_939_328, 438_042_432),
    "PDARTS": CountedSize(3_433_798, 532_174_464, 4_944_352, 542_819_328),
    "PC_DARTS_cifar": CountedSize(3_634_678, 556_670_592, 5_270_560, 571_137_408),
    "PC_DARTS_image": CountedSize(3_721_510, 570_466_944, 5_342_464, 581_627_328),
    "MdeNAS": CountedSize(3_783_286, 599_110_272, 5_325_760, 595_513_536),
    "NASNet_A": CountedSize(3_830_950, 603_452_448, 5_564_320, 604_031_616),
    "AmoebaNet_A": CountedSize(3_145_078, 488_931_552, 4_627_360, 526_746_624),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishedSize:
    """The published figures of a cell's networks, in millions; None where none is published.

    Args:
        cifar_parameters: Parameters of the CIFAR network.
        imagenet_parameters: Parameters of the ImageNet network.
        imagenet_multiply_adds: Its multiply-adds; those of CIFAR networks are not published.
        source: Where the figures are published.
        note: Why the counted figures differ, if they do by more than rounding or the way of counting.
    """

    cifar_parameters: float | None
    imagenet_parameters: float | None
    imagenet_multiply_adds: float | None
    source: str
    note: str = ""


EOINAS_TABLES = "arXiv 1911.10511, tables 1 and 2"
PC_DARTS_README = "multiply-adds: README of github.com/yuhuixu1993/PC-DARTS"
OTOV3_TABLE = "multiply-adds: ImageNet table of OTOv3 (Towards Automatic Sub-Network Search)"
TE_NAS_TABLES = "parameters: arXiv 2102.11535, tables 2 and 3"
PORT = (
    "this is DARTS's port of the cell to its own network, counted as DARTS's code counts it; the published network "
    "stacks its cells otherwise"
)

PUBLISHED_SIZES = {
    "DARTS_V1": PublishedSize(
        cifar_parameters=3.3,
        imagenet_parameters=None,
        imagenet_multiply_adds=None,
        source=TE_NAS_TABLES,
        note="DARTS's own code counts 3,169,414 parameters too",
    ),
    "DARTS_V2": PublishedSize(
        cifar_parameters=3.3,
        imagenet_parameters=4.7,
        imagenet_multiply_adds=574,
        source=f"{TE_NAS_TABLES}; {PC_DARTS_README}",
    ),
    "GDAS_V1": PublishedSize(
        cifar_parameters=3.4,
        imagenet_parameters=5.3,
        imagenet_multiply_adds=581,
        source=EOINAS_TABLES,
        note="the published ImageNet network has 50 channels (AutoDL-Projects, NAS-IMAGENET-GDAS_V1.config): "
        "5,345,075 parameters and 581,009,000 multiply-adds with --init_channels=50",
    ),
    "SNAS": PublishedSize(
        cifar_parameters=2.9,
        imagenet_parameters=4.3,
        imagenet_multiply_adds=522,
        source=EOINAS_TABLES,
        note="DARTS's code counts the cell of the authors' repository as it is counted here, and FairDARTS lists "
        "2.66 M parameters for it; the published sizes do not follow from the published cell",
    ),
    "PDARTS": PublishedSize(
        cifar_parameters=3.4,
        imagenet_parameters=4.9,
        imagenet_multiply_adds=557,
        source=f"{TE_NAS_TABLES}; {OTOV3_TABLE}",
    ),
    "PC_DARTS_cifar": PublishedSize(
        cifar_parameters=3.6,
        imagenet_parameters=5.3,
        imagenet_multiply_adds=586,
        source=f"{TE_NAS_TABLES}; {OTOV3_TABLE}",
    ),
    "PC_DARTS_image": PublishedSize(
        cifar_parameters=None,
        imagenet_parameters=5.3,
        imagenet_multiply_adds=597,
        source=f"{TE_NAS_TABLES}; {PC_DARTS_README}",
    ),
    "MdeNAS": PublishedSize(
        cifar_parameters=3.61,
        imagenet_parameters=6.1,
        imagenet_multiply_adds=596,
        source=EOINAS_TABLES,
        note="DARTS's code counts the cell of the authors' repository as it is counted here, and FairDARTS lists "
        "3.78 M parameters for it; the published numbers of parameters do not follow from the published cell",
    ),
    "NASNet_A": PublishedSize(
        cifar_parameters=3.3,
        imagenet_parameters=5.3,
        imagenet_multiply_adds=564,
        source=EOINAS_TABLES,
        note=PORT,
    ),
    "AmoebaNet_A": PublishedSize(
        cifar_parameters=3.2,
        imagenet_parameters=5.1,
        imagenet_multiply_adds=555,
        source=EOINAS_TABLES,
        note=PORT,
    ),
}

# Name; parameters for CIFAR; parameters and multiply-adds for ImageNet.
WIDTHS = (16, 18, 18, 18)


def genotype_table(names: Iterable[str] = tuple(PUBLISHED_GENOTYPES)) -> Iterator[str]:
    """Lists published cells with the sizes of their networks, in lines of at most 80 columns.

    Args:
        names: Keys of `PUBLISHED_GENOTYPES`.

    Yields:
        The table line by line, then each cell's source, the source of its published figures, and the reason for large
        differences.
    """
    names = tuple(names)
    for network in (CIFAR, IMAGENET):
        height, width = USUAL_IMAGE_SIZES[network.stem]
        yield (
            f"{network.stem}: {network.cells} cells, {network.init_channels} channels, "
            f"{USUAL_CLASSES[network.stem]} classes, {height}x{width}"
        )
    yield "without the auxiliary head; multiply-adds of convolutions and dense layers; in"
    yield "brackets what is published, where others may count more"
    yield ""
    yield _row(("", "cifar", "imagenet", "imagenet"))
    yield _row(("genotype", "parameters", "parameters", "multiply-adds"))
    for name in names:
        counted, published = COUNTED_SIZES[name], PUBLISHED_SIZES[name]
        yield _row(
            (
                name,
                _beside(counted.cifar_parameters, published.cifar_parameters, 2),
                _beside(counted.imagenet_parameters, published.imagenet_parameters, 2),
                _beside(counted.imagenet_multiply_adds, published.imagenet_multiply_adds, 0),
            )
        )
    for name in names:
        yield ""
        yield from _paragraph(f"{name}: {PUBLISHED_GENOTYPES[name].source}", 0)
        yield from _paragraph(f"published figures: {PUBLISHED_SIZES[name].source}", 2)
        if PUBLISHED_SIZES[name].note:
            yield from _paragraph(f"note: {PUBLISHED_SIZES[name].note}", 2)


def genotype_records(names: Iterable[str] = tuple(PUBLISHED_GENOTYPES)) -> list[dict[str, Any]]:
    """Returns the table as JSON objects, with exact counts.

    Args:
        names: Keys of `PUBLISHED_GENOTYPES`.

    Returns:
        For each cell its name, its source, the counts and, under `published`, the published figures in millions.
    """
    return [
        {
            "name": name,
            "source": PUBLISHED_GENOTYPES[name].source,
            **COUNTED_SIZES[name]._asdict(),
            "published": dataclasses.asdict(PUBLISHED_SIZES[name]),
        }
        for name in names
    ]


def _beside(counted: int, published: float | None, digits: int) -> str:
    """Returns a count followed by the published one in brackets, both in millions."""
    return f"{counted / MILLION:.{digits}f} M" + ("" if published is None else f" ({published:g})")


def _row(texts: Iterable[str]) -> str:
    return "".join(text.ljust(width) for text, width in zip(texts, WIDTHS, strict=True)).rstrip()


def _paragraph(text: str, indent: int) -> list[str]:
    return textwrap.wrap(
        text,
        COLUMNS,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 2),
        break_on_hyphens=False,
    )
