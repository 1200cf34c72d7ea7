import gc

import pytest

from eoinas_tf.garbage_collection import without_collections


@pytest.fixture(autouse=True)
def as_before():
    yield
    gc.unfreeze()
    gc.enable()


def test_nothing_is_collected_inside_and_what_was_made_is_left_out_afterwards():
    frozen = gc.get_freeze_count()
    with without_collections():
        assert not gc.isenabled()
        kept = [[] for _ in range(10_000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= frozen + len(kept)


def test_it_ends_with_an_exception_and_leaves_a_disabled_collector_alone():
    with pytest.raises(ValueError, match="any"), without_collections():
        raise ValueError("any")
    assert gc.isenabled()
    gc.disable()
    with without_collections():
        pass
    assert not gc.isenabled()
