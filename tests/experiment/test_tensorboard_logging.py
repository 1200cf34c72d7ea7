import logging
import os

import numpy as np
import pytest
import tensorflow as tf
from small_disk import PAGE, fill, in_child, mount_small_disk
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import api as hparams
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from eoinas_tf.experiment.curve_plots import new_figure
from eoinas_tf.experiment.figure_files import figure_to_png
from eoinas_tf.experiment.tensorboard_logging import TensorBoardLogger


def events(folder):
    """Returns (tag, step) -> value of everything in a folder, and fails if a pair occurs twice."""
    found = {}
    for path in sorted(folder.glob("events.out.tfevents.*")):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            for value in event.summary.value:
                assert (value.tag, event.step) not in found
                found[value.tag, event.step] = tf.make_ndarray(value.tensor)
    return found


def test_scalars_histograms_pictures_and_settings_can_be_read_back(tmp_path):
    logger = TensorBoardLogger(tmp_path)
    logger.scalars(3, {"loss": 0.5})
    logger.histograms(3, {"weights": np.arange(10.0)})
    logger.image(3, "cell", new_figure(1, 1))
    logger.hyperparameters({"seed": 1, "size": (1, 2), "name": None}, "search", "search: runs/a")
    logger.text(3, "genotype", "some *text*")
    logger.layout({"losses": ["^loss$"]})
    logger.close()
    found = events(tmp_path)
    assert found["loss", 3] == 0.5
    assert found["weights", 3][:, 2].sum() == 10
    assert found["cell", 3][2].startswith(b"\x89PNG")
    assert ("_hparams_/session_start_info", 0) in found
    assert found["genotype", 3] == b"some *text*"
    layout = layout_pb2.Layout.FromString(found["custom_scalars__config__", 0].item())
    (chart,) = layout.category[0].chart
    assert (chart.title, list(chart.multiline.tag)) == ("losses", ["^loss$"])


def test_settings_are_a_text_and_named_columns_of_their_kind_without_empty_ones(tmp_path):
    for kind in ("search", "training"):
        logger = TensorBoardLogger(tmp_path / kind)
        logger.hyperparameters({"seed": 1, "size": (1, 2), "name": None, "data": "a|b_c"}, kind, f"{kind}: runs/a")
        logger.close()
        value = summaries(tmp_path / kind)["_hparams_/session_start_info", 0]
        content = HParamsPluginData.FromString(value.metadata.plugin_data.content).session_start_info
        assert set(content.hparams) == {f"{kind}.seed", f"{kind}.size", f"{kind}.data"}
        assert content.hparams[f"{kind}.size"].string_value == "1,2"
        assert content.group_name == f"{kind}: runs/a"
        text = events(tmp_path / kind)[f"{kind}/settings", 0].item().decode()
        assert text.splitlines()[2:] == ["| seed | 1 |", "| size | 1,2 |", "| name | None |", r"| data | a\|b\_c |"]


@pytest.mark.parametrize("cut", [False, True], ids=["whole file", "cut off by a kill"])
def test_a_resumed_run_writes_no_value_twice(tmp_path, cut):
    logger = TensorBoardLogger(tmp_path)
    for step in (1, 2, 3):
        logger.scalars(step, {"loss": float(step)})
    logger.close()
    if cut:
        (path,) = tmp_path.glob("events.*")
        path.write_bytes(path.read_bytes()[:-3])
    logger = TensorBoardLogger(tmp_path, last_step=1)
    for step in (2, 3):
        logger.scalars(step, {"loss": 10.0 * step})
    logger.close()
    assert events(tmp_path) == {("loss", 1): 1.0, ("loss", 2): 20.0, ("loss", 3): 30.0}


def test_disabled_it_writes_nothing(tmp_path):
    logger = TensorBoardLogger(tmp_path / "folder", enabled=False)
    logger.scalars(1, {"loss": 1.0})
    logger.image(1, "cell", new_figure(1, 1))
    logger.hyperparameters({}, "search", "a")
    logger.close()
    assert not (tmp_path / "folder").exists()


def test_a_run_that_starts_over_leaves_nothing_of_its_first_start(tmp_path):
    for seed in (1, 2):
        logger = TensorBoardLogger(tmp_path, last_step=0)
        logger.hyperparameters({"seed": seed}, "search", "a")
        logger.scalars(1, {"loss": float(seed)})
        logger.close()
    found = events(tmp_path)
    assert sorted(found) == [("_hparams_/session_start_info", 0), ("loss", 1), ("search/settings", 0)]
    assert found["loss", 1] == 2.0


def summaries(folder):
    """Returns (tag, step) -> value of everything in a folder, as stored."""
    return {
        (value.tag, event.step): value
        for path in folder.glob("events.out.tfevents.*")
        for event in map(tf.compat.v1.Event.FromString, tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
        for value in event.summary.value
    }


def test_what_is_written_is_what_tensorflow_would_write(tmp_path):
    values, figure = np.arange(10.0) ** 2, new_figure(2, 1)
    logger = TensorBoardLogger(tmp_path / "ours")
    logger.scalars(3, {"loss": 1 / 3})
    logger.histograms(3, {"weights": values})
    logger.image(3, "cell", figure)
    logger.hyperparameters({"seed": 1}, "search", "a")
    with tf.summary.create_file_writer(str(tmp_path / "theirs")).as_default(3):
        tf.summary.scalar("loss", 1 / 3)
        tf.summary.histogram("weights", values)
        tf.summary.image("cell", tf.io.decode_png(figure_to_png(figure), channels=3)[None])
        hparams.hparams({"seed": 1})
        tf.summary.flush()
    ours, theirs = summaries(tmp_path / "ours"), summaries(tmp_path / "theirs")
    for tag in ("loss", "weights", "cell"):
        assert ours[tag, 3].metadata == theirs[tag, 3].metadata
    for tag in ("loss", "weights"):
        np.testing.assert_allclose(*(tf.make_ndarray(each[tag, 3].tensor) for each in (ours, theirs)), rtol=1e-6)
    (width, height, picture), expected = (tf.make_ndarray(each["cell", 3].tensor) for each in (ours, theirs))
    assert (width, height) == tuple(expected[:2])
    np.testing.assert_array_equal(tf.io.decode_png(picture, channels=3), tf.io.decode_png(expected[2], channels=3))
    tag = "_hparams_/session_start_info"
    assert set(ours) == {*theirs, ("search/settings", 0)}
    assert ours[tag, 0].metadata.plugin_data.plugin_name == theirs[tag, 0].metadata.plugin_data.plugin_name


def test_tensorboard_reads_it(tmp_path):
    logger = TensorBoardLogger(tmp_path)
    logger.scalars(1, {"loss": 0.5})
    logger.image(1, "cell", new_figure(1, 1))
    found = EventAccumulator(str(tmp_path)).Reload()
    assert set(found.Tags()["tensors"]) == {"loss", "cell"}
    assert found.file_version == 2.0


def on_a_full_disk(tmp_path, write):
    """Writes step 1, fills the disk, lets `write` write, frees space, and writes step 9; returns warnings and steps."""

    def fill_and_write():
        disk = tmp_path / "disk"
        mount_small_disk(disk, pages=64)
        messages = []
        handler = logging.Handler()
        handler.emit = lambda record: messages.append(record.getMessage())
        logging.getLogger("eoinas_tf").addHandler(handler)
        logger = TensorBoardLogger(disk / "tensorboard")
        logger.scalars(1, {"loss": 1.0})
        filler = fill(disk, pages_left=0)
        write(logger)
        filler.unlink()
        logger.scalars(9, {"loss": 9.0})
        logger.close()
        return [messages, {path.name: path.read_bytes().hex() for path in (disk / "tensorboard").iterdir()}]

    messages, files = in_child(fill_and_write)
    # Read here, because the child lacks the threads with which TensorFlow reads.
    for name, content in files.items():
        (tmp_path / name).write_bytes(bytes.fromhex(content))
    return messages, sorted(step for tag, step in events(tmp_path) if tag == "loss")


def write_many_scalars(logger):
    for step in (2, 3, 4):
        logger.scalars(step, {"loss": 1.0, **{f"tag {number}": 1.0 for number in range(100)}})


def write_a_large_record(logger):
    for step in (2, 3):
        logger.histograms(step, {"t" * 3 * PAGE: np.arange(10.0)})


@pytest.mark.parametrize("write", [write_many_scalars, write_a_large_record])
def test_a_full_disk_is_one_warning_and_the_file_holds_whole_values_only(tmp_path, write):
    messages, steps = on_a_full_disk(tmp_path, write)
    (message,) = messages
    assert message.startswith(
        f"{tmp_path / 'disk' / 'tensorboard'} could not be written: No space left on device; at least "
    )
    assert " bytes are needed, 0 are free; " in message
    assert message.endswith("the run goes on, and TensorBoard lacks values that are in metrics.jsonl")
    assert "\n" not in message
    assert steps == [1, 9]


def test_a_folder_that_cannot_be_made_is_one_warning(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    logger = TensorBoardLogger(tmp_path / "file" / "tensorboard")
    for step in (1, 2):
        logger.scalars(step, {"loss": 1.0})
    logger.close()
    assert [record.getMessage().partition(";")[0] for record in caplog.records] == [
        f"{tmp_path / 'file' / 'tensorboard'} could not be written: Not a directory"
    ]


def test_old_values_that_cannot_be_removed_are_not_written_a_second_time(tmp_path, caplog, monkeypatch):
    logger = TensorBoardLogger(tmp_path)
    for step in (1, 2):
        logger.scalars(step, {"loss": 1.0})
    logger.close()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        logger = TensorBoardLogger(tmp_path, last_step=1)
    logger.scalars(2, {"loss": 2.0})
    logger.close()
    (message,) = (record.getMessage() for record in caplog.records)
    assert "No space left on device" in message
    assert message.endswith("the run goes on without TensorBoard")
    assert events(tmp_path) == {("loss", 1): 1.0, ("loss", 2): 1.0}


def test_what_a_kill_left_of_a_rewritten_file_is_removed(tmp_path):
    logger = TensorBoardLogger(tmp_path)
    logger.scalars(1, {"loss": 1.0})
    logger.close()
    (path,) = tmp_path.iterdir()
    (tmp_path / f"{path.name}.tmp").write_bytes(path.read_bytes()[:50])
    TensorBoardLogger(tmp_path, last_step=1).close()
    assert list(tmp_path.iterdir()) == [path]
