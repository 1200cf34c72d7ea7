import gc
import os
import subprocess
import sys

import pytest

from eoinas_tf.commands.lean_imports import EXTRAS_OF_KERAS, hidden, lean_imports

UNUSED_MODULE = "this"


@pytest.fixture(autouse=True)
def as_before():
    yield
    gc.unfreeze()
    gc.enable()


def test_nothing_is_collected_inside_and_what_was_made_is_left_out_afterwards():
    frozen = gc.get_freeze_count()
    with lean_imports():
        assert not gc.isenabled()
        kept = [[] for _ in range(10_000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= frozen + len(kept)


def test_keras_runs_on_tensorflow_whatever_the_environment_says(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with lean_imports():
        assert os.environ["KERAS_BACKEND"] == "tensorflow"


def test_it_ends_with_an_exception_and_leaves_a_disabled_collector_alone():
    with pytest.raises(ValueError, match="any"), lean_imports():
        raise ValueError("any")
    assert gc.isenabled()
    gc.disable()
    with lean_imports():
        pass
    assert not gc.isenabled()


def test_a_hidden_package_cannot_be_imported_until_the_end():
    sys.modules.pop(UNUSED_MODULE, None)
    with pytest.raises(ImportError), hidden((UNUSED_MODULE,)):
        __import__(UNUSED_MODULE)
    assert __import__(UNUSED_MODULE).__name__ == UNUSED_MODULE


def test_a_package_that_is_imported_already_is_left_alone():
    with hidden(("gc",)):
        assert sys.modules["gc"] is gc
    assert sys.modules["gc"] is gc


def test_a_search_begins_without_the_extras_which_can_be_imported_afterwards():
    program = (
        "import sys\n"
        "from eoinas_tf.commands.lean_imports import lean_imports\n"
        "with lean_imports():\n"
        "    import eoinas_tf.search.search_loop\n"
        "assert 'keras' in sys.modules\n"
        f"assert not sys.modules.keys() & {set(EXTRAS_OF_KERAS)}\n"
        "import matplotlib.figure, sklearn.datasets\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


@pytest.mark.parametrize(("given", "expected"), [(None, "3"), ("0", "0")])
def test_tensorflow_logs_errors_only_unless_the_user_wants_more(monkeypatch, given, expected):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    if given:
        monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", given)
    with lean_imports():
        assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == expected
