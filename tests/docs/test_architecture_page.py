"""docs/architecture.md: it has every folder, every file that it names exists, a program draws its picture."""

import re

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


def test_the_picture_is_what_the_program_draws(docs_folder, load_program):
    program = load_program("make_architecture_figure")
    drawn = program.figure_to_svg(program.architecture_figure())
    assert drawn == (docs_folder / "images" / "architecture.svg").read_bytes(), "run make docs-sources"


def test_who_imports_stands_above_whom_it_imports(load_program):
    graph = load_program("make_architecture_figure").folder_imports()
    assert ("search", "supernet") in graph.edges
    assert ("supernet", "search") not in graph.edges
    assert graph.out_degree("kernels") == 0
