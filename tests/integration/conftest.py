"""The commands that these tests start choose how many threads they compute with, as a user's do."""

import pytest


@pytest.fixture(autouse=True, scope="module")
def own_threads():
    """Undoes for commands what `make test` sets to keep its own processes to one thread an operation."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
        yield
