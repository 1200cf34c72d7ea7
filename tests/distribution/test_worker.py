import json

import pytest

from eoinas_tf.distribution.worker import EXAMPLE, Worker, this_worker
from eoinas_tf.errors import ConfigurationError


def tf_config(**changes):
    content = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}}
    return json.dumps({**content, **changes})


@pytest.mark.parametrize("strategy", ["one", "mirrored"])
def test_without_several_machines_there_is_one_worker_whatever_the_environment_says(strategy, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", tf_config())
    assert this_worker(strategy) == Worker(0, 1)
    assert this_worker(strategy).is_chief


def test_the_environment_says_which_worker_it_is(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", tf_config())
    assert this_worker("multi_worker") == Worker(1, 2)
    assert not this_worker("multi_worker").is_chief
    assert this_worker("multi_worker", EXAMPLE) == Worker(0, 2)
    assert this_worker("multi_worker", EXAMPLE).is_chief


def test_a_missing_environment_is_an_error_that_shows_what_it_looks_like(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(ConfigurationError, match=r"--strategy=multi_worker needs .* TF_CONFIG in .*host0:12345"):
        this_worker("multi_worker")


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "7",
        "{}",
        tf_config(cluster={"worker": "a:1"}),
        tf_config(cluster={"worker": ["a:1"], "ps": ["b:1"]}),
        tf_config(task={"type": "chief", "index": 0}),
        tf_config(task={"type": "worker", "index": 2}),
        tf_config(task={"type": "worker", "index": -1}),
        tf_config(task={"type": "worker", "index": "0"}),
        tf_config(task={"type": "worker", "index": True}),
        tf_config(task=None),
    ],
)
def test_what_names_no_worker_is_an_error(text):
    with pytest.raises(ConfigurationError, match="TF_CONFIG must list the workers"):
        this_worker("multi_worker", text)
