"""Holds for every method: killed and resumed, it ends with the same bytes; it runs on two replicas and in float16."""

import json

import pytest
from tiny_runs import KILLED, run_through, what_a_run_leaves

from eoinas_tf.search_methods import SEARCH_METHODS
from eoinas_tf.space.genotype import Genotype

SETTINGS = (
    "--dataset=digits", "--cells=3", "--init_channels=2", "--batch_size=330", "--epochs=3",
    "--crop_padding=1", "--nohorizontal_flip", "--operations=none,skip_connect,sep_conv_3x3",
)  # fmt: skip
GRADIENT = ("--architecture_learning_rate=0.01", "--warmup_epochs=1")
PRUNING = ("--pruning_after_epoch=1", "--pruning_every_epochs=1")
# Settings of each method in addition to `SETTINGS`; few operations, because commands run eagerly here.
CASES = {
    "eoinas": (*GRADIENT, *PRUNING),
    "gdas_pruning": (*GRADIENT, *PRUNING),
    "gdas": GRADIENT,
    "snas": GRADIENT,
    "darts": GRADIENT,
    "darts_second_order": GRADIENT,
    "pdarts": ("--depth_growth=1.3,1.7", "--operations_kept=2,1"),
    "mdenas": ("--warmup_epochs=0",),
    "random_search": ("--random_search_cells=3",),
    "random": (),
}
# Commands run eagerly here, so methods that run all operations of an edge would take minutes: they get small operations
# and one step per epoch.
FEWER = ("--operations=none,skip_connect,max_pool_3x3", "--batch_size=660")
# None is killed in every run of the tests: tests/reliability/test_killed_searches.py kills eoinas at every named place,
# and tests/search/test_search_method.py checks that the state of each method is complete.
QUICK = ()
SMALL_ENOUGH = ("eoinas", "gdas_pruning", "gdas", "snas", "mdenas")
# A method that trains nothing has nothing to resume.
TRAINED = [method for method in CASES if SEARCH_METHODS[method].trains]


def slow_but(quick):
    """Returns the trained methods; those that are not among the quick ones are marked slow."""
    return [pytest.param(method, marks=[] if method in quick else pytest.mark.slow) for method in TRAINED]


KILLS = [
    ("after_weight_step:2", KILLED, 1),
    ("after_drops:2", KILLED, 4),
    ("after_checkpoint:5", KILLED, 5),
]
# All methods share one loop and its checkpoints, and tests/search/test_search_method.py checks that each one's state is
# complete: after the first method, one kill in the middle is enough.
ONE_KILL = KILLS[1:2]
ONE_KILL_OF_FEWER = [("after_drops:2", KILLED, 2)]


def search(zygote, method, folder, *flags):
    status, output, _ = zygote.run(
        "run_search", *SETTINGS, *CASES[method], f"--method={method}", f"--run_dir={folder}", *flags
    )
    assert status == 0, output
    return output


def test_every_method_has_a_case():
    assert set(CASES) == set(SEARCH_METHODS)


@pytest.mark.parametrize("method", slow_but(QUICK))
def test_killed_and_continued_it_ends_as_if_uninterrupted(zygote, method, tmp_path):
    flags = (*CASES[method], *(() if method in SMALL_ENOUGH else FEWER), f"--method={method}")
    kills = KILLS if method == TRAINED[0] else ONE_KILL if method in SMALL_ENOUGH else ONE_KILL_OF_FEWER
    search(zygote, method, tmp_path / "whole", *flags)
    command = ("run_search", *SETTINGS, *flags)
    run_through(zygote, command, tmp_path / "killed", kills)
    assert what_a_run_leaves(tmp_path / "killed") == what_a_run_leaves(tmp_path / "whole")
    assert len(Genotype.read(tmp_path / "whole" / "genotype.json").normal) == 8
    summary = json.loads((tmp_path / "whole" / "summary.json").read_text())
    assert summary["method"] == method
    assert 0 <= summary["validation_accuracy"] <= 1


@pytest.mark.parametrize("method", [method for method in TRAINED if method not in QUICK])
def test_with_small_operations_and_few_steps_it_runs_through(zygote, method, tmp_path):
    """Methods that run all operations of an edge, in the time that they take when not killed."""
    search(zygote, method, tmp_path, *FEWER)
    assert Genotype.read(tmp_path / "genotype.json").normal
    records = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [record["epoch"] for record in records] == [1, 2, 3]


@pytest.mark.slow
def test_with_class_weights_it_ends_as_if_uninterrupted(zygote, tmp_path):
    search(zygote, "eoinas", tmp_path / "whole", "--class_weights=balanced")
    command = ("run_search", *SETTINGS, *CASES["eoinas"], "--class_weights=balanced")
    run_through(zygote, command, tmp_path / "killed", KILLS)
    assert what_a_run_leaves(tmp_path / "killed") == what_a_run_leaves(tmp_path / "whole")
    weights = json.loads((tmp_path / "killed" / "class_weights.json").read_text())
    assert list(weights) == [str(digit) for digit in range(10)]


@pytest.mark.parametrize("method", slow_but(["eoinas"]))
def test_on_two_replicas_in_float16_it_finds_a_cell(zygote, method, tmp_path):
    replicas = ("--strategy=mirrored", "--logical_cpus=2", "--mixed_precision=float16")
    # In every run of the tests with small operations; gdas, which is slow, has the same super network with all of them.
    has_all = method in SMALL_ENOUGH and method != "eoinas"
    search(zygote, method, tmp_path / "run", *(() if has_all else FEWER), *replicas)
    assert len(Genotype.read(tmp_path / "run" / "genotype.json").reduce) == 8
    records = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [record["epoch"] for record in records] == [1, 2, 3]
    assert all(0 < record["weights_loss"] < 20 for record in records)


def test_what_trains_nothing_draws_the_same_cell_again(zygote, tmp_path):
    for folder in ("once", "again"):
        search(zygote, "random", tmp_path / folder)
    first, again = (Genotype.read(tmp_path / folder / "genotype.json") for folder in ("once", "again"))
    assert first == again
