"""The commands that these tests start choose their number of threads as they do for a user."""

import pytest


@pytest.fixture(autouse=True, scope="module")
def own_threads():
    """Undoes, for commands, the settings with which `make test` keeps its own processes to one thread per operation."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
        yield
