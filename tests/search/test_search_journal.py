import dataclasses
import json

import numpy as np
import pytest

from eoinas_tf.errors import NonFiniteError
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.optimization.step_results import Means
from eoinas_tf.search.discretization import derive_cells
from eoinas_tf.search.judgement import judge_operations
from eoinas_tf.search.search_journal import SearchJournal
from eoinas_tf.search.search_loop import drop_operations
from eoinas_tf.search.search_records import metrics_record
from eoinas_tf.space.genotype import Genotype

TIMING = {"seconds": 1.0, "images_per_second": 8.0}


@pytest.fixture
def config(search, tmp_path):
    return dataclasses.replace(search.config, run_dir=str(tmp_path / "run"), checkpoint_every_epochs=2)


def add_epoch(journal, search, epoch, drop=False):
    search.update_weights(epoch)
    judgement = judge_operations(search.state, search.config, 5)
    record = metrics_record(
        epoch, 1.0, 0.1, Means(1.0, 0.5), Means(None, None), judgement.operation_weights, judgement.importance
    )
    drops = drop_operations(epoch, search.state, judgement) if drop else []
    journal.add_epoch(record, drops, judgement, TIMING)


def test_a_run_continues_after_its_last_checkpoint_and_forgets_what_came_later(search, config):
    with RunDirectory(config) as run:
        journal = SearchJournal(run, config, search.state, epoch_steps=5)
        assert journal.finished_epochs == 0
        add_epoch(journal, search, 1)
        add_epoch(journal, search, 2, drop=True)
        at_checkpoint = search.values()
        add_epoch(journal, search, 3, drop=True)
    search.reset()
    with RunDirectory(config) as run:
        journal = SearchJournal(run, config, search.state, epoch_steps=5)
        assert journal.finished_epochs == 2
        assert {record["epoch"] for record in journal.drops} == {2}
        assert len(journal.drops) == 28
        assert len(run.metrics.read_text().splitlines()) == 2
        assert len(run.pruning.read_text().splitlines()) == 28
    restored = search.values()
    for name, arrays in at_checkpoint.items():
        for old, new in zip(arrays, restored[name], strict=True):
            np.testing.assert_array_equal(old, new, err_msg=name)


def test_a_step_that_went_wrong_is_not_saved(search, config):
    with RunDirectory(config) as run:
        journal = SearchJournal(run, config, search.state, epoch_steps=5)
        search.update_weights(1)
        journal.save_step(1)
        search.state.weight_results.first_bad_step.assign(2)
        with pytest.raises(NonFiniteError, match=r"step 2 \(epoch 1\)"):
            journal.save_step(3)
        assert [path.name for path in run.checkpoints.iterdir()] == ["ckpt-00000001"]


def test_the_end_writes_genotype_pictures_and_summary(search, config):
    with RunDirectory(config) as run:
        journal = SearchJournal(run, config, search.state, epoch_steps=5)
        for epoch in (1, 2, 3, 4):
            add_epoch(journal, search, epoch, drop=epoch > 1)
        last = judge_operations(search.state, config, 5)
        cells = derive_cells(
            last.importance, last.living_operations, np.zeros((2, 14, 8), int), journal.operation_names, "here"
        )
        summary = journal.finish(cells, 0.625)
        assert json.loads(run.summary.read_text()) == summary
        assert summary["validation_accuracy"] == 0.625
        assert summary["dropped_operations"] == 3 * 28
        assert summary["operations_left_at_most_on_an_edge"] == 5
        assert Genotype.read(run.genotype) == cells.genotype
        assert len(list(run.plots.glob("*.png"))) == 6
        assert [json.loads(line)["epoch"] for line in run.timing.read_text().splitlines()] == [1, 2, 3, 4]
        assert list(run.tensorboard.glob("events*"))
