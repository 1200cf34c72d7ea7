"""docs/architecture.md: it covers every folder, every file that it names exists, and a program draws its picture."""

import re

import networkx
import pytest


@pytest.fixture(scope="module")
def page(docs_folder):
    return (docs_folder / "architecture.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def package(docs_folder):
    return docs_folder.parent / "eoinas_tf"


def test_the_table_has_every_folder(page, package):
    table = page.split("## Where a new thing goes")[0]
    named = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert sorted(named) == sorted(path.parent.name for path in package.glob("*/__init__.py"))


def test_every_file_that_is_named_exists(page, package):
    named = [name for name in re.findall(r"`([\w/]+\.py)`", page) if "NAME" not in name]
    assert len(named) > 15
    missing = [name for name in named if not ((package / name).exists() or (package.parent / name).exists())]
    assert missing == []


def test_the_picture_has_the_arrows_of_the_code(docs_folder, load_program):
    graph = load_program("make_architecture_figure").folder_imports()
    drawn = (docs_folder / "images" / "architecture.svg").read_text(encoding="utf-8")
    arrows = {tuple(names) for names in re.findall(r'id="(\w+) imports (\w+)"', drawn)}
    assert arrows == set(networkx.transitive_reduction(graph).edges), "run make docs-sources"


def test_who_imports_stands_above_whom_it_imports(load_program):
    graph = load_program("make_architecture_figure").folder_imports()
    assert ("search", "supernet") in graph.edges
    assert ("supernet", "search") not in graph.edges
    assert graph.out_degree("kernels") == 0
