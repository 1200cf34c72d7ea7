import dataclasses
import json

import numpy as np
import pytest

from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.optimization.step_results import Means
from eoinas_tf.search.discretization import derive_cells
from eoinas_tf.search.search_journal import SearchJournal
from eoinas_tf.search.search_records import metrics_record
from eoinas_tf.space.genotype import Genotype

TIMING = {"seconds": 1.0, "images_per_second": 8.0}


@pytest.fixture
def config(search, tmp_path):
    return dataclasses.replace(search.config, run_dir=str(tmp_path / "run"), checkpoint_every_epochs=2)


def open_journal(run, search, config):
    return SearchJournal(run, config, search.method, search.state.variables(), epoch_steps=5)


def add_epoch(journal, search, epoch, drop=False):
    search.update_weights(epoch)
    evidence, dropped = search.method.evidence(), np.zeros((2, 14, 8), bool)
    schedule = {"temperature": 1.0}
    record = metrics_record(
        epoch, schedule, 0.1, Means(1.0, 0.5), Means(None, None), evidence, search.method.problem.operation_names
    )
    if drop:
        evidence, dropped = search.drop()
    journal.add_epoch(record, schedule, evidence, dropped, TIMING, is_last=epoch == 4)


def test_a_run_continues_after_its_last_checkpoint_and_forgets_what_came_later(search, config):
    with RunDirectory(config) as run:
        journal = open_journal(run, search, config)
        assert journal.finished_epochs == 0
        add_epoch(journal, search, 1)
        add_epoch(journal, search, 2, drop=True)
        at_checkpoint = search.values()
        add_epoch(journal, search, 3, drop=True)
    search.reset()
    with RunDirectory(config) as run:
        journal = open_journal(run, search, config)
        assert journal.finished_epochs == 2
        assert sorted(set(journal.drop_epochs.ravel())) == [0, 2]
        assert (journal.drop_epochs == 2).sum() == 28
        assert len(run.metrics.read_text().splitlines()) == 2
        assert len(run.pruning.read_text().splitlines()) == 28
    restored = search.values()
    for name, arrays in at_checkpoint.items():
        for old, new in zip(arrays, restored[name], strict=True):
            np.testing.assert_array_equal(old, new, err_msg=name)


def test_the_end_writes_genotype_pictures_and_summary(search, config):
    with RunDirectory(config) as run:
        journal = open_journal(run, search, config)
        for epoch in (1, 2, 3, 4):
            add_epoch(journal, search, epoch, drop=epoch > 1)
        last = search.method.evidence()
        cells = derive_cells(last.scores, last.living_operations, journal.drop_epochs, journal.operation_names, "here")
        journal.add_scoring([])
        journal.add_scoring([1.5, 2.25])
        summary = journal.finish(cells, last, 0.625)
        assert json.loads(run.summary.read_text()) == summary
        assert summary["validation_accuracy"] == 0.625
        assert summary["dropped_operations"] == 3 * 28
        assert summary["operations_left_at_most_on_an_edge"] == 5
        assert Genotype.read(run.genotype) == cells.genotype
        final = json.loads(run.final_evidence.read_text())
        assert final["score"] == "importance"
        assert final["operations"] == list(journal.operation_names)
        importance = np.array([final["importance"][cell] for cell in ("normal", "reduce")], float)
        np.testing.assert_array_equal(importance, last.scores)
        assert final["labels"]["importance"] == "importance I"
        assert len(list(run.plots.glob("*.png"))) == len(list(run.plots.glob("*.svg"))) == 6
        assert "62.50 % of the validation half" in run.report.read_text(encoding="utf-8")
        timing = [json.loads(line) for line in run.timing.read_text().splitlines()]
        assert [line["epoch"] for line in timing] == [1, 2, 3, 4, 4]
        assert timing[-1] == {"epoch": 4, "scored_cells": 2, "seconds": 3.75}
        for folder in (".", "training", "result"):
            assert list((run.tensorboard / folder).glob("events*"))
