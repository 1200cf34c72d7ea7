"""What `--list_genotypes` prints: the published cells' networks, measured, beside what is published of their size."""

import dataclasses
from collections.abc import Iterable, Iterator

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.evaluation.network_description import USUAL_CLASSES, USUAL_IMAGE_SIZES, describe_network
from eoinas_tf.space.published_genotypes import PUBLISHED_GENOTYPES

# The networks that the papers' tables are about; the stems' usual classes and image sizes go with them.
CIFAR = EvaluationConfig(cells=20, init_channels=36, stem="cifar", auxiliary_weight=0.0)
IMAGENET = EvaluationConfig(cells=14, init_channels=48, stem="imagenet", auxiliary_weight=0.0)
MILLION = 1e6


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishedSize:
    """What is published of a cell's networks, in millions; None where nothing is.

    Args:
        cifar_parameters: Parameters of the CIFAR network.
        imagenet_parameters: Parameters of the ImageNet network.
        imagenet_multiply_adds: Its multiply-adds; those of CIFAR networks are not published.
        source: Where these figures stand.
        note: Why the measured ones differ, where they do by more than rounding or ways of counting.
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

COLUMNS = ("genotype", "network", "parameters", "published", "differ by", "multiply-adds", "published", "differ by")
WIDTHS = (-14, -8, 10, 9, 9, 13, 9, 9)


def genotype_table(names: Iterable[str] = tuple(PUBLISHED_GENOTYPES)) -> Iterator[str]:
    """Measures the networks of published cells, one after the other, as they take a second each.

    Args:
        names: Keys of `PUBLISHED_GENOTYPES`.

    Yields:
        The table line by line, then each cell's source, that of its published figures, and the
        reason of large differences.
    """
    names = tuple(names)
    for network in (CIFAR, IMAGENET):
        height, width = USUAL_IMAGE_SIZES[network.stem]
        yield (
            f"{network.stem}: {network.cells} cells, {network.init_channels} channels, "
            f"{USUAL_CLASSES[network.stem]} classes, {height}x{width}"
        )
    yield "without the auxiliary head; multiply-adds of convolutions and dense layers, where others may count more"
    yield ""
    yield _row(COLUMNS)
    for name in names:
        published = PUBLISHED_SIZES[name]
        yield _measured_row(name, name, CIFAR, published.cifar_parameters, None)
        yield _measured_row("", name, IMAGENET, published.imagenet_parameters, published.imagenet_multiply_adds)
    for name in names:
        yield ""
        yield f"{name}: {PUBLISHED_GENOTYPES[name].source}"
        yield f"  published figures: {PUBLISHED_SIZES[name].source}"
        if PUBLISHED_SIZES[name].note:
            yield f"  note: {PUBLISHED_SIZES[name].note}"


def _measured_row(
    title: str, name: str, network: EvaluationConfig, parameters: float | None, multiply_adds: float | None
) -> str:
    """Returns a network's row: its title, and what is measured of it beside what is published, in millions."""
    described = describe_network(dataclasses.replace(network, genotype=name))
    return _row(
        (
            title,
            network.stem,
            *_beside(described["parameters"], parameters),
            *_beside(described["multiply_adds"], multiply_adds),
        )
    )


def _beside(measured: int, published: float | None) -> tuple[str, str, str]:
    """Returns the measured number, the published one in millions, and their difference in percent of the latter."""
    if published is None:
        return f"{measured:,}", "-", "-"
    return f"{measured:,}", f"{published} M", f"{100 * (measured / (published * MILLION) - 1):+.1f} %"


def _row(texts: Iterable[str]) -> str:
    cells = (text.ljust(-width) if width < 0 else text.rjust(width) for text, width in zip(texts, WIDTHS, strict=True))
    return "  ".join(cells).rstrip()
