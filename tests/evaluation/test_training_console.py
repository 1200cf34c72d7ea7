import json

import numpy as np
import pytest
from shell_words import words_of

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.data.image_split import ImageDataset, ImageSplit
from eoinas_tf.evaluation.evaluation_network import EvaluationNetwork
from eoinas_tf.evaluation.training_console import (
    epoch_titles,
    epoch_values,
    stop_message,
    training_header,
    training_result,
)
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.space.genotype import Genotype

EDGES = (("sep_conv_3x3", 0), ("skip_connect", 1))
RESULT = {
    "test_accuracy": 0.75, "test_top_5_accuracy": 0.99, "parameters": 11_849_738, "multiply_adds": 588_000_000,
    "saved_model": "saved_model", "onnx": "onnx/model.onnx", "finished": True,
}  # fmt: skip


def header(**settings):
    split = ImageSplit.from_pixels(np.zeros((6, 8, 8, 1), np.uint8), np.array([0, 1, 0] * 2))
    dataset = ImageDataset("small", ("a", "b"), (8, 8, 1), split, split)
    settings = {"genotype": "DARTS_V2", **settings}
    config = EvaluationConfig(cells=3, init_channels=2, batch_size=2, epochs=40, **settings)
    network = EvaluationNetwork(Genotype(EDGES, (2,), EDGES, (2,)), 2, cells=3, init_channels=2)
    network.build((None, 8, 8, 1))
    return training_header(config, dataset, network, 3, "a budget" if "max_parameters" in settings else "")


def test_the_header_says_what_is_trained():
    first, rows = header()
    assert first == "small: 6 training images, 6 test images, 2 classes"
    text = " ".join(rows.split())
    assert "network cells of DARTS_V2: 3 cells, 2 channels, stem cifar" in text
    assert "epochs 40, each of 3 steps of 2 images; seed 0" in text
    assert " multiply-adds an image" in text
    assert all(len(line) < 80 for line in rows.splitlines())
    assert header(max_parameters=10**6)[1] == "a budget"


def test_a_hand_designed_network_has_no_cells():
    rows = " ".join(header(network="mobilenet_v2", genotype="")[-1].split())
    assert "network mobilenet_v2: 2 channels, stem cifar" in rows
    assert "3 cells" not in rows


def test_a_row_has_a_text_under_each_title():
    record = {"epoch": 3, "train_accuracy": 0.5, "train_cross_entropy": 1.25, "test_accuracy": 0.25, "test_loss": 2.0}
    values = epoch_values(record, "test", 40, {"images_per_second": 123.4}, "0:01:00")
    assert len(values) == len(epoch_titles("test"))
    assert values == ("3/40", "50.00", "1.2500", "25.00", "2.0000", "123", "0:01:00")


def test_with_validation_images_a_row_says_so():
    record = {"epoch": 3, "train_accuracy": 0.5, "train_cross_entropy": 1.25}
    record |= {"validation_accuracy": 0.25, "validation_loss": 2.0}
    values = epoch_values(record, "validation", 40, {"images_per_second": 123.4}, "0:01:00")
    assert dict(zip(epoch_titles("validation"), values, strict=True))["valid %"] == "25.00"
    assert "test %" not in epoch_titles("validation")
    message = "the validation accuracy has not risen since epoch 2: the training ends after epoch 5"
    assert stop_message(5, 2) == message


@pytest.fixture
def run(tmp_path):
    with RunDirectory(EvaluationConfig(run_dir=str(tmp_path / "run"), dataset="digits")) as run:
        yield run


def result(run, num_classes=10, **changes):
    summary = {**RESULT, **changes}
    figures = {"test_accuracy": 0.75, "test_images": 400, "latency_threads": 1, "latency_milliseconds": 2.5}
    run.exports.write_text(
        json.dumps({name: {**figures, "size_bytes": 1_234_567} for name in ("saved_model", "onnx", "tflite_int8")})
    )
    run.summary.write_text(json.dumps(summary))
    return training_result(run, summary, num_classes)


@pytest.mark.parametrize(("classes", "has_top_5"), [(2, False), (5, False), (6, True)])
def test_top_5_is_said_where_it_says_something(run, classes, has_top_5):
    first = result(run, classes).splitlines()[0]
    assert first == "test accuracy 75.00 %" + " (top 5: 99.00 %)" * has_top_5


def test_a_user_is_told_sizes_where_everything_is_and_what_to_type_next(run):
    text = result(run)
    assert "  size          11.8 M parameters, 588 M multiply-adds an image" in text
    for path in (run.report, run.path / "saved_model", run.path / "onnx/model.onnx", run.keras_model, run.plots):
        assert str(path) in text
    assert "tflite" not in text
    command = words_of(text[text.index("  python -m eoinas_tf ") :])
    assert command == ["python", "-m", "eoinas_tf", "predict", f"--model={run.path}", "IMAGE"]


def test_each_export_is_told_with_its_accuracy_size_and_latency_and_what_it_lost(run):
    text = " ".join(result(run, tflite_int8="tflite_int8/model.tflite", warnings=["it lost 25 points"]).split())
    figures = "75.00 % of 400 test images, 1.23 MB, 2.5 ms an image on 1 thread"
    assert f"tflite_int8 {run.path / 'tflite_int8/model.tflite'}: {figures}" in text
    assert "warning: it lost 25 points" in text


def test_the_peak_memory_is_told_where_it_had_a_budget(run):
    text = " ".join(result(run, peak_memory_bytes=3 * 2**19).split())
    assert "multiply-adds an image, 1.5 MiB peak memory of its activations report" in text
    assert "peak memory" not in result(run)


def test_every_class_counts_alike_where_classes_are_uneven(run):
    first = result(run, 2, test_balanced_accuracy=0.5, test_macro_f1=0.4286).splitlines()[0]
    assert first == ("test accuracy 75.00 %; all classes weighted equally: balanced accuracy 50.00 %, macro F1 42.86 %")


def test_a_training_that_ended_early_names_the_command_that_continues_it(run):
    _, words, command = result(run, finished=False).partition("Go on with the training, which --max_steps ended:\n")
    assert words
    assert words_of(command)[:5] == ["python", "-m", "eoinas_tf", "eval", f"--run_dir={run.path}"]


def test_the_chosen_epoch_is_said_with_its_validation_accuracy(run):
    choice = {"chosen_epoch": 7, "validation_accuracy": 0.625, "validation_images": 200, "epochs": 10}
    assert "  weights       of epoch 7 of 10: 62.50 % of 200 validation images\n" in result(run, **choice)
    assert "validation images" not in result(run, **{**choice, "chosen_epoch": None})
