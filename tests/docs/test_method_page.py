"""docs/method.md: the code computes its example, its table has all methods, and a program draws its pictures."""

import re

import numpy as np
import pytest
from docs_pages import cells_of

from eoinas_tf.config import SearchConfig
from eoinas_tf.search.operation_importance import operation_importance
from eoinas_tf.search.operation_statistics import OperationCounts
from eoinas_tf.search_methods import SEARCH_METHODS


@pytest.fixture(scope="module")
def page(docs_folder):
    return (docs_folder / "method.md").read_text(encoding="utf-8")


def rows(page, header):
    """Returns the cells of a table's lines."""
    lines = page.split(header)[1].splitlines()[2:]
    return [cells_of(line) for line in lines[: lines.index("")]]


def test_the_table_has_each_method_once_in_the_registrys_order(page):
    names = [row[0].strip("`") for row in rows(page, "| method | an edge runs | how it decides | what it costs |")]
    assert names == list(SEARCH_METHODS)


def test_the_example_is_what_the_code_computes(page):
    table = rows(page, "| operation | beta | Ca | Ce | Ca / Ce | I |")
    beta, accuracy, epochs, ratio, importance = np.array([row[1:] for row in table], float).T
    np.testing.assert_allclose(ratio, accuracy / epochs, atol=5e-4)
    # 100 architecture steps per operation, and 10 weight steps per epoch.
    counts = OperationCounts((10 * epochs).round(), np.full(3, 100), 100 * accuracy)
    computed = operation_importance(
        np.log(beta), np.ones(3, bool), counts, importance_weight=SearchConfig().importance_weight, unit="epochs",
        steps_per_epoch=10,
    )  # fmt: skip
    np.testing.assert_allclose(importance, computed, atol=6e-4)
    names = [row[0] for row in table]
    assert f"By beta, {names[beta.argmin()]} would be dropped. By I it is {names[importance.argmin()]}," in page


def test_the_drops_are_those_of_the_default_settings(page):
    config = SearchConfig()
    assert (config.epochs, config.warmup_epochs, config.pruning_every_epochs) == (160, 20, 20)
    assert "after epochs 40, 60, ..., 160 of the paper's 160: seven drops" in " ".join(page.split())


def test_every_picture_is_drawn_by_the_program(page, docs_folder, load_program):
    program = load_program("make_method_figures")
    assert set(re.findall(r"images/(method_\w+)\.svg", page)) == set(program.FIGURES)
    for name in program.FIGURES:
        assert (docs_folder / "images" / f"{name}.svg").read_text(encoding="utf-8").startswith("<?xml")
    drops = [text.get_text() for text in program.schedule().axes[0].texts if "dropped" in text.get_text()]
    assert len(drops) == 7
