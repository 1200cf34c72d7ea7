"""Shared by the tests of the documentation: its folder, and its programs."""

import importlib.util

import pytest
from docs_pages import ROOT

DOCS = ROOT / "docs"


@pytest.fixture(scope="session")
def docs_folder():
    return DOCS


@pytest.fixture(scope="session")
def load_program():
    """Returns a function that imports a program in docs/ by its name."""

    def load(name):
        specification = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        return module

    return load
