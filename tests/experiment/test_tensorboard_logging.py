import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.experiment.curve_plots import new_figure
from eoinas_tf.experiment.tensorboard_logging import TensorBoardLogger


def events(folder):
    """Returns (tag, step) -> value of everything in a folder, and fails where a pair stands twice."""
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
    logger.hyperparameters({"seed": 1, "size": (1, 2), "name": None})
    logger.close()
    found = events(tmp_path)
    assert found["loss", 3] == 0.5
    assert found["weights", 3][:, 2].sum() == 10
    assert found["cell", 3][2].startswith(b"\x89PNG")
    assert ("_hparams_/session_start_info", 0) in found


def test_one_value_for_each_edge_and_operation(tmp_path):
    logger = TensorBoardLogger(tmp_path)
    values = np.array([[[0.25, np.nan], [0.5, 0.75]]])
    logger.per_edge(2, "beta", values, ["normal"], ["0-2", "1-2"], ["none", "skip"])
    logger.close()
    assert events(tmp_path) == {
        ("beta/normal/edge_0-2/none", 2): 0.25,
        ("beta/normal/edge_1-2/none", 2): 0.5,
        ("beta/normal/edge_1-2/skip", 2): 0.75,
    }


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
    logger.hyperparameters({})
    logger.close()
    assert not (tmp_path / "folder").exists()


def test_a_run_that_starts_over_leaves_nothing_of_its_first_start(tmp_path):
    for seed in (1, 2):
        logger = TensorBoardLogger(tmp_path, last_step=0)
        logger.hyperparameters({"seed": seed})
        logger.scalars(1, {"loss": float(seed)})
        logger.close()
    found = events(tmp_path)
    assert sorted(found) == [("_hparams_/session_start_info", 0), ("loss", 1)]
    assert found["loss", 1] == 2.0
