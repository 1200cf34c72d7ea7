import csv

import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.data.image_split import ImageDataset, ImageSplit
from eoinas_tf.evaluation import prediction_report
from eoinas_tf.evaluation.class_measures import ClassMeasures
from eoinas_tf.evaluation.prediction_report import recall_table, write_prediction_report
from eoinas_tf.evaluation.predictions import Predictions
from eoinas_tf.experiment.run_directory import RunDirectory

NAMES = ("a", "b", "c", "d", "e", "f")


@pytest.fixture
def dataset():
    images = np.arange(4, dtype=np.uint8)[:, None, None, None] * np.ones((1, 5, 5, 1), np.uint8)
    split = ImageSplit.from_pixels(images, np.array([0, 1, 1, 5]))
    return ImageDataset("small", NAMES, (5, 5, 1), split, split)


def answers(dataset, predicted):
    ranked = np.array([[label, *(rest for rest in range(6) if rest != label)][:5] for label in predicted], np.int32)
    return Predictions(
        dataset.test.labels, ranked, np.linspace(0.5, 0.8, 4, dtype=np.float32), np.zeros(4, np.float32), 6
    )


def summaries(folder):
    """Returns (step, tag) of everything in the event files of a folder."""
    found = []
    for path in folder.glob("events.out.tfevents.*"):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            found += [(event.step, value.tag) for value in event.summary.value]
    return sorted(found)


def test_tables_and_pictures_are_written_and_written_anew(dataset, tmp_path, monkeypatch):
    drawn = []
    draw = prediction_report.draw_confusions
    monkeypatch.setattr(
        prediction_report, "draw_confusions", lambda confusions, count: drawn.append(confusions) or draw(confusions, 6)
    )
    with RunDirectory(EvaluationConfig(run_dir=str(tmp_path / "run"))) as run:
        for predicted in ([0, 1, 1, 5], [0, 0, 0, 5]):
            write_prediction_report(run, dataset, answers(dataset, predicted), epoch=3)
        with open(run.class_accuracy, encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert [row["class"] for row in rows] == list(NAMES)
        assert (rows[1]["correct"], rows[1]["most_often_taken_for"]) == ("0", "a")
        for name in ("confusion_matrix", "worst_confusions"):
            assert min(tf.io.decode_png((run.plots / f"{name}.png").read_bytes()).shape[:2]) > 100
        # Once each, although the report was written twice.
        assert summaries(run.tensorboard / "test_report") == [
            (3, "result/confusion_matrix"), (3, "result/recall_by_class"), (3, "result/test_balanced_accuracy"),
            (3, "result/test_macro_f1"), (3, "result/test_top_5_accuracy"), (3, "result/worst_confusions"),
        ]  # fmt: skip
    perfect, (confusion,) = drawn
    assert perfect == []
    assert confusion.title == "b taken for a\n2 of 2 images"
    assert (confusion.true_class, confusion.predicted_class) == ("b", "a")
    # The more confident mistake is the third image.
    np.testing.assert_array_equal(confusion.images[:, 0, 0, 0], [2, 1])
    np.testing.assert_allclose(confusion.probabilities, [0.7, 0.6], rtol=1e-6)


def test_without_tensorboard_there_is_no_event_file(dataset, tmp_path):
    with RunDirectory(EvaluationConfig(run_dir=str(tmp_path / "run"), tensorboard=False)) as run:
        write_prediction_report(run, dataset, answers(dataset, [0, 1, 1, 5]), epoch=1)
        assert not run.tensorboard.exists()
        assert (run.plots / "worst_confusions.png").exists()


def test_the_table_of_recalls_marks_classes_without_test_images():
    table = recall_table(ClassMeasures(0.5, 0.5, {"a|b": 0.25, "c": None}))
    assert table.splitlines() == ["| class | recall |", "| --- | --- |", "| a\\|b | 25.00 % |", "| c | - |"]
