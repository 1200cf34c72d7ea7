"""Two finished runs that the tests in this folder share and only read."""

import pytest
from small_runs import write_search, write_training


@pytest.fixture(scope="module")
def search(tmp_path_factory):
    return write_search(tmp_path_factory.mktemp("runs") / "search")


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    return write_training(tmp_path_factory.mktemp("runs") / "training")
