import dataclasses
import json
import os
import re
import signal
import subprocess
import sys

import pytest
from setting_cases import FIELDS, other_settings
from small_disk import fill, in_child, mount_small_disk

from eoinas_tf.config import EvaluationConfig, SearchConfig
from eoinas_tf.errors import ConfigurationError, RunDirectoryError, StorageError
from eoinas_tf.experiment.run_directory import RunDirectory, has_only_begun, is_in_use


def config(folder, **changes):
    return SearchConfig(run_dir=str(folder), **changes)


def begin(run_config):
    """A run that has written more than its settings."""
    with RunDirectory(run_config) as run:
        run.metrics.write_text("")


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "lock"}


def test_a_new_run_writes_its_settings(tmp_path):
    with RunDirectory(config(tmp_path / "deep" / "run", seed=3)) as run:
        stored = json.loads(run.config_file.read_text())
        assert stored["kind"] == "SearchConfig"
        assert stored["seed"] == 3
        assert json.loads(run.environment.read_text())["tensorflow"].startswith("2.")


def test_the_same_settings_open_it_again_and_change_nothing(tmp_path, caplog):
    begin(config(tmp_path))
    before = content(tmp_path)
    with RunDirectory(config(tmp_path)):
        pass
    assert content(tmp_path) == before
    assert caplog.messages == []


def test_a_run_that_is_continued_elsewhere_is_warned_and_remembers_where_it_began(tmp_path, caplog, monkeypatch):
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "3")
    begin(config(tmp_path))
    before = content(tmp_path)
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "4")
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(999))
    with RunDirectory(config(tmp_path)):
        pass
    (message,) = caplog.messages
    assert "this run began elsewhere" in message
    assert "TF_NUM_INTRAOP_THREADS: 3 -> 4" in message
    assert re.search(r"usable_cpus: \d+ -> 999;", message)
    assert content(tmp_path) == before


def test_changed_settings_are_listed_and_nothing_is_overwritten(tmp_path):
    begin(config(tmp_path))
    before = content(tmp_path)
    changed = config(tmp_path, seed=1, image_size=(16, 16))
    changes = r"\(--image_size: None -> 16,16; --seed: 0 -> 1; --split_seed: 0 -> 1\);"
    with pytest.raises(RunDirectoryError, match=changes):
        RunDirectory(changed).__enter__()
    assert content(tmp_path) == before


def test_a_setting_that_an_earlier_version_did_not_have_was_its_default(tmp_path):
    first = EvaluationConfig(run_dir=str(tmp_path), genotype="DARTS_V2")
    begin(first)
    stored = json.loads((tmp_path / "config.json").read_text())
    del stored["validation_fraction"], stored["export_formats"], stored["keep_best"]
    (tmp_path / "config.json").write_text(json.dumps(stored))
    begin(first)
    with pytest.raises(RunDirectoryError, match=r"\(--validation_fraction: 0.0 -> 0.25\)"):
        RunDirectory(dataclasses.replace(first, validation_fraction=0.25)).__enter__()


def test_a_setting_that_an_earlier_version_did_not_have_followed_from_the_others(tmp_path):
    """Settings of a method have no default of their own, and the division of the images follows from the seed."""
    first = SearchConfig(run_dir=str(tmp_path), method="gdas_pruning", seed=3, epochs=16)
    begin(first)
    stored = json.loads((tmp_path / "config.json").read_text())
    assert (stored["edge_ranking"], stored["split_seed"]) == ("end", 3)
    del stored["edge_ranking"], stored["split_seed"], stored["pruning_every_epochs"]
    (tmp_path / "config.json").write_text(json.dumps(stored))
    begin(first)
    for name, other, message in (
        ("edge_ranking", "last_decision", "end -> last_decision"),
        ("split_seed", 0, "3 -> 0"),
    ):
        with pytest.raises(RunDirectoryError, match=rf"\(--{name}: {message}\)"):
            RunDirectory(dataclasses.replace(first, **{name: other})).__enter__()


def shown(value):
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def of_other_method(field):
    """Returns, as None, the settings that disappear when the changed setting is the method."""
    own = [one.name for one in dataclasses.fields(SearchConfig) if one.metadata["method_default"] is not None]
    return dict.fromkeys(own) if field.name == "method" else {}


@pytest.mark.parametrize(("config_class", "field"), FIELDS)
def test_every_setting_that_changes_the_result_must_stay_and_every_other_may_change(tmp_path, config_class, field):
    other = other_settings(field)
    partners = {name: value for name, value in other.items() if name != field.name}
    first = config_class(**{"run_dir": str(tmp_path / "run"), **partners})
    changed = dataclasses.replace(first, **of_other_method(field), **{field.name: other[field.name]})
    begin(first)
    before = content(tmp_path / "run")
    if field.name == "run_dir":  # Another folder is another run, but moving this one is not.
        (tmp_path / "run").rename(tmp_path / "moved")
        changed = dataclasses.replace(first, run_dir=str(tmp_path / "moved"))
    again = RunDirectory(changed)
    if field.metadata["changes_result"]:
        with pytest.raises(RunDirectoryError) as error:
            again.__enter__()
        assert error.value.exit_status == 4
        line = f"(--{field.name}: {shown(getattr(first, field.name))} -> {shown(other[field.name])}"
        # A method's own settings change with it.
        assert line + ("; " if of_other_method(field) else ");") in str(error.value)
    else:
        with again:
            pass
    assert content(again.path) == before


def test_another_kind_of_run_is_refused(tmp_path):
    begin(config(tmp_path))
    with pytest.raises(RunDirectoryError, match="kind: SearchConfig -> EvaluationConfig"):
        RunDirectory(EvaluationConfig(run_dir=str(tmp_path))).__enter__()


def test_a_run_that_ended_before_it_read_its_images_can_begin_with_other_settings(tmp_path):
    """As after mistyping a data set's name."""
    for changes in ({"dataset": "cifar11"}, {"dataset": "cifar10", "cells": 5}):
        with RunDirectory(config(tmp_path, **changes)) as run:
            stored = json.loads(run.config_file.read_text())
            assert {name: stored[name] for name in changes} == changes


@pytest.mark.parametrize("has_begun", [False, True])
def test_until_a_step_is_kept_the_last_command_says_where_the_images_are(tmp_path, has_begun):
    """As after a first command that was refused, because no images were there."""
    with RunDirectory(config(tmp_path, data_dir="/wrong")) as run:
        if has_begun:
            run.metrics.write_text("")
    with RunDirectory(config(tmp_path, data_dir="/right")) as run:
        assert json.loads(run.config_file.read_text())["data_dir"] == ("/wrong" if has_begun else "/right")


def test_the_records_of_the_beginning_are_no_run_yet(tmp_path):
    with RunDirectory(config(tmp_path)) as run:
        for path in (run.dataset, run.class_weights, run.initial_weights, run.latency_budget):
            path.write_text("{}")
        assert run.only_begun()
        run.metrics.write_text("")
        assert not run.only_begun()


@pytest.mark.parametrize(("kind", "expected"), [(EvaluationConfig, True), (SearchConfig, False)])
def test_a_training_s_cells_and_tensorboard_s_settings_are_no_run_yet(tmp_path, kind, expected):
    """As after too little memory for the first step, or a refused batch size."""
    with RunDirectory(kind(run_dir=str(tmp_path))) as run:
        run.tensorboard.mkdir()
        (run.tensorboard / "events").write_text("")
        assert run.only_begun()
        run.genotype.write_text("{}")
        assert run.only_begun() == expected
        run.checkpoints.mkdir()
        assert not run.only_begun()


def test_settings_that_take_the_place_of_a_refused_run_s_take_its_records_away(tmp_path):
    with RunDirectory(EvaluationConfig(run_dir=str(tmp_path))) as run:
        for path in (run.dataset, run.genotype, run.latency_budget):
            path.write_text("{}")
    with RunDirectory(EvaluationConfig(run_dir=str(tmp_path))) as run:
        assert run.genotype.exists()  # The same run begins again.
        assert run.dataset.exists()
    with RunDirectory(config(tmp_path)) as run:
        assert set(content(tmp_path)) == {"config.json", "environment.json"}
        assert run.only_begun()


def test_a_run_folder_is_in_use_while_a_process_holds_it(tmp_path):
    assert not is_in_use(tmp_path / "none")
    with RunDirectory(config(tmp_path)):
        assert is_in_use(tmp_path)
    assert not is_in_use(tmp_path)


def test_of_several_searches_none_has_begun_until_one_takes_a_step(tmp_path):
    assert has_only_begun(tmp_path / "none")
    with RunDirectory(config(tmp_path)) as run:
        seed_folder = tmp_path / "seed_0"
        seed_folder.mkdir()
        (seed_folder / "config.json").write_text("{}")
        assert run.only_begun()
        (seed_folder / "metrics.jsonl").write_text("")
        assert not run.only_begun()


def test_epochs_chosen_for_other_settings_are_not_kept_by_a_run_that_took_no_step(tmp_path):
    with RunDirectory(config(tmp_path, epochs=None, hours=1.0, cells=5)) as run:
        run.keep_epochs(40, None)
    for cells, epochs in ((5, 40), (3, None)):
        with RunDirectory(config(tmp_path, epochs=None, hours=1.0, cells=cells)) as run:
            assert run.config.epochs == json.loads(run.config_file.read_text())["epochs"] == epochs


def test_another_program_s_settings_are_left_alone(tmp_path):
    (tmp_path / "config.json").write_text('{"cells": 5}')
    with pytest.raises(RunDirectoryError, match="--run_dir"):
        RunDirectory(config(tmp_path)).__enter__()
    assert (tmp_path / "config.json").read_text() == '{"cells": 5}'


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("do not touch")
    with pytest.raises(RunDirectoryError, match=r"not a run folder: it holds 'thesis\.txt'"):
        RunDirectory(config(tmp_path)).__enter__()
    assert os.listdir(tmp_path) == ["thesis.txt"]


def test_a_path_that_cannot_be_a_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(RunDirectoryError, match="cannot be used as a run folder"):
            RunDirectory(config(path)).__enter__()


def test_no_folder_is_refused():
    with pytest.raises(ConfigurationError, match="--run_dir is missing"):
        RunDirectory(SearchConfig())


@pytest.mark.parametrize("name", ["config.json", "environment.json"])
@pytest.mark.parametrize("content", ["{", "[" * 100_000, "9" * 5000])
def test_damaged_settings_are_refused(tmp_path, name, content):
    with RunDirectory(config(tmp_path)):
        pass
    (tmp_path / name).write_text(content)
    with pytest.raises(RunDirectoryError, match=rf"{name} cannot be read"):
        RunDirectory(config(tmp_path)).__enter__()


def test_a_second_process_is_refused_and_a_killed_one_s_lock_is_free_at_once(tmp_path):
    code = (
        "import time\nfrom eoinas_tf.config import SearchConfig\n"
        "from eoinas_tf.experiment.run_directory import RunDirectory\n"
        f"with RunDirectory(SearchConfig(run_dir={str(tmp_path)!r})):\n"
        "    print('open', flush=True)\n    time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"open\n"
    with pytest.raises(RunDirectoryError, match=f"in use by process {process.pid} on ") as error:
        RunDirectory(config(tmp_path)).__enter__()
    assert error.value.exit_status == 4
    assert process.poll() is None  # Refused while the other still runs, without a wait for it.
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    with RunDirectory(config(tmp_path)):
        pass


def test_another_program_s_lock_is_left_alone(tmp_path):
    (tmp_path / "lock").write_text("pid=17, precious")
    with pytest.raises(RunDirectoryError, match="not a run folder: it holds 'lock'"):
        RunDirectory(config(tmp_path)).__enter__()
    assert (tmp_path / "lock").read_text() == "pid=17, precious"


@pytest.mark.parametrize("lock_text", ["", "process 17 on somewhere\n"])
def test_a_run_killed_before_it_wrote_its_settings_can_be_started_again(tmp_path, lock_text):
    (tmp_path / "lock").write_text(lock_text)
    (tmp_path / "environment.json").write_text("{}")
    assert RunDirectory(config(tmp_path)).__enter__().config_file.exists()


def test_a_lock_does_not_make_a_run_folder_of_any_folder(tmp_path):
    (tmp_path / "lock").write_text("process 17 on somewhere\n")
    (tmp_path / "holiday.jpg").write_text("beach")
    with pytest.raises(RunDirectoryError, match=r"it holds 'holiday\.jpg'"):
        RunDirectory(config(tmp_path)).__enter__()


def test_what_a_kill_left_half_written_is_swept_and_nothing_else(tmp_path):
    """Only by its writer, because others may open it while it writes."""
    begin(config(tmp_path))
    for folder in ("plots", "checkpoints", "checkpoints/ckpt-00000002", "checkpoints/ckpt-00000003.tmp"):
        (tmp_path / folder).mkdir()
    half = [
        "metrics.jsonl.tmp", "pruning.jsonl.tmp", "timing.jsonl.tmp", "genotype.json.tmp", "summary.json.tmp",
        "class_accuracy.csv.tmp", "config.json.tmp", "environment.json.tmp", "exports.json.tmp",
        "class_weights.json.tmp", "latency_budget.json.tmp", "plots/training.png.tmp",
        "plots/training.svg.tmp", "report.html.tmp",
        "checkpoints.json.tmp", "checkpoints/ckpt-00000003.tmp/variables.index",
    ]  # fmt: skip
    others = ["plots/training.png", "plots/mine.tmp", "checkpoints/ckpt-00000002/state.json", "notes.tmp"]
    for name in half + others:
        (tmp_path / name).write_text("text")
    before = sorted(tmp_path.rglob("*"))
    with RunDirectory(config(tmp_path), is_writer=False):
        assert sorted(tmp_path.rglob("*")) == before
    with RunDirectory(config(tmp_path)):
        swept = set(before) - set(tmp_path.rglob("*"))
    assert swept == {tmp_path / name for name in [*half, "checkpoints/ckpt-00000003.tmp"]}


def test_a_process_that_does_not_write_refuses_what_the_writer_refuses(tmp_path):
    begin(config(tmp_path))
    before = content(tmp_path)
    with RunDirectory(config(tmp_path, quiet=True), is_writer=False):
        pass
    with pytest.raises(RunDirectoryError, match=r"other settings \(--batch_size: 64 -> 32\)"):
        RunDirectory(config(tmp_path, batch_size=32), is_writer=False).__enter__()
    assert content(tmp_path) == before


def test_a_process_that_does_not_write_leaves_a_run_without_a_step_to_the_writer(tmp_path):
    with RunDirectory(config(tmp_path)):
        pass
    before = content(tmp_path)
    with RunDirectory(config(tmp_path, batch_size=32), is_writer=False):
        assert content(tmp_path) == before


@pytest.mark.parametrize("pages_left", [0, 1])
def test_a_full_disk_is_one_line_of_storage(tmp_path, pages_left):
    """At the lock, and at the settings."""

    def fill_and_begin():
        disk = tmp_path / "disk"
        mount_small_disk(disk, pages=4)
        fill(disk, pages_left)
        with pytest.raises(StorageError) as error:
            RunDirectory(config(disk / "run")).__enter__()
        return str(error.value)

    message = in_child(fill_and_begin)
    path = tmp_path / "disk" / "run" / ("environment.json" if pages_left else "")
    assert message.startswith(f"{path} could not be written: No space left on device; ")
    assert message.endswith("0 bytes are free; make room and repeat the command" if not pages_left else "command")
