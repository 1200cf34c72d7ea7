"""Cells that papers report, as genotypes with their source."""

import difflib
import fnmatch
import os.path

from eoinas_tf.errors import GenotypeError
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.python_genotype import genotype_from_text

PUBLISHED_GENOTYPES = {
    "DARTS_V1": Genotype(
        normal=(
            ("sep_conv_3x3", 1),
            ("sep_conv_3x3", 0),
            ("skip_connect", 0),
            ("sep_conv_3x3", 1),
            ("skip_connect", 0),
            ("sep_conv_3x3", 1),
            ("sep_conv_3x3", 0),
            ("skip_connect", 2),
        ),
        normal_concat=(2, 3, 4, 5),
        reduce=(
            ("max_pool_3x3", 0),
            ("max_pool_3x3", 1),
            ("skip_connect", 2),
            ("max_pool_3x3", 0),
            ("max_pool_3x3", 0),
            ("skip_connect", 2),
            ("skip_connect", 2),
            ("avg_pool_3x3", 0),
        ),
        reduce_concat=(2, 3, 4, 5),
        source="DARTS, first order (arXiv 1806.09055; github.com/quark0/darts, cnn/genotypes.py)",
    ),
    "DARTS_V2": Genotype(
        normal=(
            ("sep_conv_3x3", 0),
            ("sep_conv_3x3", 1),
            ("sep_conv_3x3", 0),
            ("sep_conv_3x3", 1),
            ("sep_conv_3x3", 1),
            ("skip_connect", 0),
            ("skip_connect", 0),
            ("dil_conv_3x3", 2),
        ),
        normal_concat=(2, 3, 4, 5),
        reduce=(
            ("max_pool_3x3", 0),
            ("max_pool_3x3", 1),
            ("skip_connect", 2),
            ("max_pool_3x3", 1),
            ("max_pool_3x3", 0),
            ("skip_connect", 2),
            ("skip_connect", 2),
            ("max_pool_3x3", 1),
        ),
        reduce_concat=(2, 3, 4, 5),
        source="DARTS, second order (arXiv 1806.09055; github.com/quark0/darts, cnn/genotypes.py)",
    ),
    "GDAS_V1": Genotype(
        normal=(
            ("skip_connect", 0),
            ("skip_connect", 1),
            ("skip_connect", 0),
            ("sep_conv_5x5", 2),
            ("sep_conv_3x3", 3),
            ("skip_connect", 0),
            ("sep_conv_5x5", 4),
            ("sep_conv_3x3", 3),
        ),
        normal_concat=(2, 3, 4, 5),
        reduce=(
            ("sep_conv_5x5", 0),
            ("sep_conv_3x3", 1),
            ("sep_conv_5x5", 2),
            ("sep_conv_5x5", 1),
            ("dil_conv_5x5", 2),
            ("sep_conv_3x3", 1),
            ("sep_conv_5x5", 0),
            ("sep_conv_5x5", 1),
        ),
        reduce_concat=(2, 3, 4, 5),
        source="GDAS (arXiv 1910.04465; github.com/D-X-Y/AutoDL-Projects, nas_infer_model/DXYs/genotypes.py)",
    ),
    "SNAS": Genotype(
        normal=(
            ("sep_conv_3x3", 0),
            ("sep_conv_3x3", 1),
            ("skip_connect", 0),
            ("dil_conv_3x3", 1),
            ("skip_connect", 0),
            ("skip_connect", 1),
            ("skip_connect", 0),
            ("sep_conv_3x3", 1),
        ),
        normal_concat=(2, 3, 4, 5),
        reduce=(
            ("max_pool_3x3", 0),
            ("max_pool_3x3", 1),
            ("max_pool_3x3", 1),
            ("skip_connect", 2),
            ("max_pool_3x3", 1),
            ("skip_connect", 2),
            ("max_pool_3x3", 0),
            ("dil_conv_5x5", 2),
        ),
        reduce_concat=(2, 3, 4, 5),
        source="SNAS, mild constraint (arXiv 1812.09926; github.com/SNAS-Series/SNAS-Series, SNAS/genotypes.py)",
    ),
    "PDARTS": Genotype(
        normal=(
            ("skip_connect", 0),
            ("dil_conv_3x3", 1),
            ("skip_connect", 0),
            ("sep_conv_3x3", 1),
            ("sep_conv_3x3", 1),
            ("sep_conv_3x3", 3),
            ("sep_conv_3x3", 0),
            ("dil_conv_5x5", 4),
        ),
        normal_concat=(2, 3, 4, 5),
        reduce=(
            ("avg_pool_3x3", 0),
            ("sep_conv_5x5", 1),
            ("sep_conv_3x3", 0),
            ("dil_conv_5x5", 2),
            ("max_pool_3x3", 0),
            ("dil_conv_3x3", 1),
            ("dil_conv_3x3", 1),
            ("dil_conv_5x5", 3),
        ),
        reduce_concat=(2, 3, 4, 5),
        source="P-DARTS (arXiv 1904.12760; github.com/chenxin061/pdarts, genotypes.py)",
    ),
    "PC_DARTS_cifar": Genotype(
        normal=(
            ("sep_conv_3x3", 1),
            ("skip_connect", 0),
            ("sep_conv_3x3", 0),
            ("dil_conv_3x3", 1),
            ("sep_conv_5x5", 0),
            ("sep_conv_3x3", 1),
            ("avg_pool_3x3", 0),
            ("dil_conv_3x3", 1),
        ),
        normal_concat=(2, 3, 4, 5),
        reduce=(
            ("sep_conv_5x5", 1),
            ("max_pool_3x3", 0),
            ("sep_conv_5x5", 1),
            ("sep_conv_5x5", 2),
            ("sep_conv_3x3", 0),
            ("sep_conv_3x3", 3),
            ("sep_conv_3x3", 1),
            ("sep_conv_3x3", 2),
        ),
        reduce_concat=(2, 3, 4, 5),
        source="PC-DARTS, searched on CIFAR-10 (arXiv 1907.05737; github.com/yuhuixu1993/PC-DARTS, genotypes.py)",
    ),
    "PC_DARTS_image": Genotype(
        normal=(
            ("skip_connect", 1),
            ("sep_conv_3x3", 0),
            ("sep_conv_3x3", 0),
            ("skip_connect", 1),
            ("sep_conv_3x3", 1),
            ("sep_conv_3x3", 3),
            ("sep_conv_3x3", 1),
            ("dil_conv_5x5", 4),
        ),
        normal_concat=(2, 3, 4, 5),
        reduce=(
            ("sep_conv_3x3", 0),
            ("skip_connect", 1),
            ("dil_conv_5x5", 2),
            ("max_pool_3x3", 1),
            ("sep_conv_3x3", 2),
            ("sep_conv_3x3", 1),
            ("sep_conv_5x5", 0),
            ("sep_conv_3x3", 3),
        ),
        reduce_concat=(2, 3, 4, 5),
        source="PC-DARTS, searched on ImageNet (arXiv 1907.05737; github.com/yuhuixu1993/PC-DARTS, genotypes.py)",
    ),
    "MdeNAS": Genotype(
        normal=(
            ("sep_conv_5x5", 1),
            ("sep_conv_3x3", 0),
            ("skip_connect", 0),
            ("sep_conv_5x5", 1),
            ("sep_conv_5x5", 3),
            ("sep_conv_3x3", 1),
            ("dil_conv_5x5", 3),
            ("max_pool_3x3", 4),
        ),
        normal_concat=(2, 3, 4, 5),
        reduce=(
            ("max_pool_3x3", 0),
            ("sep_conv_5x5", 1),
            ("skip_connect", 0),
            ("skip_connect", 1),
            ("sep_conv_3x3", 3),
            ("skip_connect", 2),
            ("dil_conv_3x3", 3),
            ("sep_conv_5x5", 0),
        ),
        reduce_concat=(2, 3, 4, 5),
        source="MdeNAS (arXiv 1905.07529; github.com/tanglang96/MDENAS, run_darts_cifar.sh)",
    ),
    "NASNet_A": Genotype(
        normal=(
            ("sep_conv_5x5", 1),
            ("sep_conv_3x3", 0),
            ("sep_conv_5x5", 0),
            ("sep_conv_3x3", 0),
            ("avg_pool_3x3", 1),
            ("skip_connect", 0),
            ("avg_pool_3x3", 0),
            ("avg_pool_3x3", 0),
            ("sep_conv_3x3", 1),
            ("skip_connect", 1),
        ),
        normal_concat=(2, 3, 4, 5, 6),
        reduce=(
            ("sep_conv_5x5", 1),
            ("sep_conv_7x7", 0),
            ("max_pool_3x3", 1),
            ("sep_conv_7x7", 0),
            ("avg_pool_3x3", 1),
            ("sep_conv_5x5", 0),
            ("skip_connect", 3),
            ("avg_pool_3x3", 2),
            ("sep_conv_3x3", 2),
            ("max_pool_3x3", 1),
        ),
        reduce_concat=(4, 5, 6),
        source="NASNet-A in DARTS's form (arXiv 1707.07012; github.com/quark0/darts, cnn/genotypes.py: NASNet)",
    ),
    "AmoebaNet_A": Genotype(
        normal=(
            ("avg_pool_3x3", 0),
            ("max_pool_3x3", 1),
            ("sep_conv_3x3", 0),
            ("sep_conv_5x5", 2),
            ("sep_conv_3x3", 0),
            ("avg_pool_3x3", 3),
            ("sep_conv_3x3", 1),
            ("skip_connect", 1),
            ("skip_connect", 0),
            ("avg_pool_3x3", 1),
        ),
        normal_concat=(4, 5, 6),
        reduce=(
            ("avg_pool_3x3", 0),
            ("sep_conv_3x3", 1),
            ("max_pool_3x3", 0),
            ("sep_conv_7x7", 2),
            ("sep_conv_7x7", 0),
            ("avg_pool_3x3", 1),
            ("max_pool_3x3", 0),
            ("max_pool_3x3", 1),
            ("conv_7x1_1x7", 0),
            ("sep_conv_3x3", 5),
        ),
        reduce_concat=(3, 4, 6),
        source="AmoebaNet-A in DARTS's form (arXiv 1802.01548; github.com/quark0/darts, cnn/genotypes.py: AmoebaNet)",
    ),
}


def load_genotype(name_or_path: str) -> Genotype:
    """Returns a published genotype by its name, or reads one from a file.

    Args:
        name_or_path: A key of `PUBLISHED_GENOTYPES`, ignoring case, `-` and `_`; or the path of a genotype.json or of a
            file that holds a genotype in Python notation.

    Returns:
        The genotype.

    Raises:
        GenotypeError: It is neither, or the file is not a genotype.
    """
    name = published_name(name_or_path)
    if name is not None and (name == name_or_path or not os.path.exists(name_or_path)):
        return PUBLISHED_GENOTYPES[name]
    if not os.path.exists(name_or_path):
        raise GenotypeError(
            f"--genotype must be a file or one of {', '.join(PUBLISHED_GENOTYPES)}. Received: {name_or_path!r}"
            f"{_nearest(name_or_path)}"
        )
    return Genotype.read(name_or_path, genotype_from_text)


def published_name(text: str) -> str | None:
    """Returns the key of `PUBLISHED_GENOTYPES` that a text matches, ignoring case, `-` and `_`.

    Args:
        text: The user's text.

    Returns:
        The key; None if there is no match.
    """
    return {_letters(name): name for name in PUBLISHED_GENOTYPES}.get(_letters(text))


def _letters(name: str) -> str:
    """Returns the part of a name that is compared."""
    return name.lower().replace("-", "").replace("_", "")


def _nearest(text: str) -> str:
    """Returns the end of a message that names the genotypes with similar names; empty if there are none."""
    names = {_letters(name): name for name in PUBLISHED_GENOTYPES}
    close = [names[key] for key in difflib.get_close_matches(_letters(text), names, n=2)]
    return f"; did you mean {' or '.join(close)}?" if close else ""


def list_genotypes(pattern: str = "*") -> list[str]:
    """Returns the names of published genotypes, sorted.

    Args:
        pattern: As for file names, such as `*DARTS*`; case is ignored.

    Example:
        for name in list_genotypes("*darts*"):
            print(name, PUBLISHED_GENOTYPES[name].source)
    """
    return sorted(name for name in PUBLISHED_GENOTYPES if fnmatch.fnmatchcase(name.lower(), pattern.lower()))
