"""Every operation in every format, at an odd image size, where stride 2 and padding are hardest."""

import importlib.util
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.data.image_split import ImageDataset, ImageSplit
from eoinas_tf.data.input_pipelines import Preprocessing
from eoinas_tf.errors import StorageError
from eoinas_tf.evaluation import network_exports
from eoinas_tf.evaluation.evaluation_network import EvaluationNetwork
from eoinas_tf.evaluation.full_precision_network import full_precision_network
from eoinas_tf.evaluation.network_exports import check_exports, drawn_images, export_network, export_test
from eoinas_tf.experiment import export_check
from eoinas_tf.experiment.export_formats import EXPORT_FORMATS
from eoinas_tf.experiment.export_measurement import ExportCost, ExportMeasurement
from eoinas_tf.experiment.exported_predictions import LOADERS, export_outputs
from eoinas_tf.optimization.precision import computing_in
from eoinas_tf.space import convolution_blocks
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.operation_names import NONE, OPERATION_NAMES, SKIP_CONNECT

# All operations that a genotype can name, at the cell's inputs, where they have stride 2 in a reduction cell.
OPERATIONS = (*(name for name in OPERATION_NAMES if name != NONE), SKIP_CONNECT)
EDGES = tuple((operation, position % 2) for position, operation in enumerate(OPERATIONS))
CLASSES = ("a", "b", "c")
IMAGE_SHAPE = (11, 9, 3)
# The classes of 12 test images are 0, 1, 2, 0, ...: the last three predictions are wrong.
PREDICTED = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2, 1, 2, 0])


@pytest.fixture(scope="module")
def dataset():
    images = np.random.default_rng(0).integers(0, 256, (12, *IMAGE_SHAPE), dtype=np.uint8)
    split = ImageSplit.from_pixels(images, np.arange(12) % 3)
    return ImageDataset("random", CLASSES, IMAGE_SHAPE, split, split)


@pytest.fixture(scope="module")
def preprocessing():
    return Preprocessing(np.array([120.0, 121, 122], np.float32), np.array([60.0, 61, 62], np.float32))


def exporting(formats, **settings):
    return EvaluationConfig(export_formats=tuple(formats), **settings)


def build(stem):
    keras.utils.set_random_seed(0)
    genotype = Genotype(normal=EDGES, normal_concat=(2, 3, 4, 5), reduce=EDGES, reduce_concat=(2, 3, 4, 5))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(convolution_blocks, "NORMALIZATION_MOMENTUM", 0.0)
        network = EvaluationNetwork(genotype, len(CLASSES), cells=3, init_channels=4, stem=stem)
        network.build((None, *IMAGE_SHAPE))
        # As after training: statistics of images, and predictions that differ from image to image.
        network(tf.random.stateless_normal([16, *IMAGE_SHAPE], [1, 2]), training=True)
    network.classifier.kernel.assign(10 * network.classifier.kernel)
    return network


@pytest.fixture(scope="module")
def network():
    """A network that exports only read, so that one serves all tests."""
    return build("cifar")


def expected(network, dataset, preprocessing):
    """Returns the probabilities of all test images, normalized by hand."""
    images = dataset.test.load_batch(tf.range(len(dataset.test), dtype=tf.int64)).numpy()
    normalized = (images.astype(np.float32) - preprocessing.mean) / preprocessing.standard_deviation
    return images, tf.nn.softmax(network(normalized, training=False)).numpy()


# The stem of ImageNet adds no kind of operation, and tests/reliability/test_stopped_imagenet_training.py exports it.
@pytest.mark.parametrize("stem", ["cifar", pytest.param("imagenet", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["tflite", "onnx"])
def test_every_operation_survives_the_conversion(network, dataset, preprocessing, tmp_path, name, stem):
    if not all(importlib.util.find_spec(package) for package in EXPORT_FORMATS[name].packages):
        pytest.skip(f"the extra `{name}` is not installed")
    if stem != "cifar":
        network = build(stem)
    exports = export_network(network, exporting((name,)), dataset, preprocessing, tmp_path, PREDICTED)
    assert exports.paths == {name: f"{name}/model.{name}"}
    assert exports.measurements[name].network_accuracy == 0.75
    images, probabilities = expected(network, dataset, preprocessing)
    assert np.ptp(probabilities, axis=0).max() > 0.05
    # More images than the export was compared on.
    assert len(images) > network_exports.IMAGES_COMPARED
    outputs = LOADERS[name](tmp_path / name)(images)
    np.testing.assert_allclose(outputs["probabilities"], probabilities, atol=1e-5)


def test_the_exports_are_compared_with_the_network_and_named(network, dataset, preprocessing, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(network_exports, "export_classifier", lambda *arguments: calls.append(arguments))
    formats = ("onnx", "saved_model", "onnx")
    exports = export_network(network, exporting(formats), dataset, preprocessing, tmp_path, PREDICTED)
    assert exports.paths == {"onnx": "onnx/model.onnx", "saved_model": "saved_model"}
    images, probabilities = expected(network, dataset, preprocessing)
    assert [(name, folder) for _, name, folder, *_ in calls] == [
        ("onnx", tmp_path / "onnx"), ("saved_model", tmp_path / "saved_model"),
    ]  # fmt: skip
    for classifier, _, _, compared, said, test, _ in calls:
        assert classifier.calibration_images is None
        np.testing.assert_array_equal(test.images, images)
        assert test.network_accuracy == 0.75
        assert classifier.class_names == CLASSES
        np.testing.assert_array_equal(compared, images[:8])
        np.testing.assert_allclose(said, probabilities[:8], atol=1e-6)
        outputs = classifier.classify_resized(tf.constant(images))
        np.testing.assert_allclose(outputs["probabilities"], probabilities, atol=1e-6)


def test_a_network_that_trained_in_bfloat16_is_exported_in_float32(dataset, preprocessing, tmp_path, monkeypatch):
    monkeypatch.setattr(export_check, "run_export", export_outputs)
    with computing_in("bfloat16"):
        trained = build("cifar")
    exports = export_network(trained, exporting(("tflite", "saved_model")), dataset, preprocessing, tmp_path, PREDICTED)
    assert all(measurement.difference < 1e-5 for measurement in exports.measurements.values())
    _, probabilities = expected(full_precision_network(trained, IMAGE_SHAPE), dataset, preprocessing)
    images, rounded = expected(trained, dataset, preprocessing)
    for name in ("tflite", "saved_model"):
        outputs = LOADERS[name](tmp_path / name)(images)
        np.testing.assert_allclose(outputs["probabilities"], probabilities, atol=1e-5)
    assert np.abs(rounded - probabilities).max() > 1e-3


def test_every_operation_has_its_integer_counterpart(network, dataset, preprocessing, tmp_path):
    config = exporting(("tflite_int8", "tflite_float16"), latency_threads=2)
    _, probabilities = expected(network, dataset, preprocessing)
    exports = export_network(network, config, dataset, preprocessing, tmp_path, probabilities.argmax(-1))
    assert set(exports.paths.values()) == {"tflite_int8/model.tflite", "tflite_float16/model.tflite"}
    interpreter = tf.lite.Interpreter(str(tmp_path / "tflite_int8" / "model.tflite"))
    interpreter.allocate_tensors()
    floats = [detail["name"] for detail in interpreter.get_tensor_details() if detail["dtype"] is np.float32]
    assert floats == [detail["name"] for detail in interpreter.get_output_details() if detail["dtype"] is np.float32]
    for name, fewest in (("tflite_int8", 10), ("tflite_float16", 12)):
        outputs = LOADERS[name](tmp_path / name)(expected(network, dataset, preprocessing)[0])
        assert np.sum(outputs["label"] == probabilities.argmax(-1)) >= fewest
        assert exports.measurements[name].cost.latency_threads == 2


def test_an_export_that_lost_accuracy_is_kept_with_a_warning(network, dataset, preprocessing, tmp_path, monkeypatch):
    measurement = ExportMeasurement(0.5, 0.5, 12, 0.75, ExportCost(1000, 1.0, 1))
    monkeypatch.setattr(network_exports, "export_classifier", lambda *_: measurement)
    config = exporting(("saved_model", "tflite_int8"))
    exports = export_network(network, config, dataset, preprocessing, tmp_path, PREDICTED)
    (warning,) = exports.warnings
    assert "tflite_int8 export classifies 50.00 %" in warning
    assert "25.00 percentage points less" in warning


def test_calibration_images_are_drawn_by_the_seed_from_the_training_images_as_they_are(dataset):
    images, positions = drawn_images(dataset.train, 5, 3, "calibration images")
    again, _ = drawn_images(dataset.train, 5, 3, "calibration images")
    others, _ = drawn_images(dataset.train, 5, 4, "calibration images")
    assert images.shape == (5, *IMAGE_SHAPE)
    assert sorted(set(positions.tolist())) == positions.tolist()
    np.testing.assert_array_equal(images, dataset.train.load_batch(tf.constant(positions)))
    np.testing.assert_array_equal(images, again)
    assert not np.array_equal(images, others)
    everything, _ = drawn_images(dataset.train, 100, 3, "calibration images")
    np.testing.assert_array_equal(everything, dataset.train.load_batch(tf.range(12, dtype=tf.int64)))


def test_of_many_large_test_images_a_sample_is_tested_on(dataset, monkeypatch):
    monkeypatch.setattr(network_exports, "LARGEST_TEST_BYTES", 10 * 11 * 9 * 3)
    test = export_test(exporting(("tflite",), seed=1, latency_threads=4), dataset, PREDICTED)
    assert len(test.images) == len(test.labels) == 10
    assert test.threads == 4
    assert len(export_test(exporting(("tflite",), seed=1), dataset, PREDICTED, most=11).images) == 10
    assert len(export_test(exporting(("tflite",), seed=1), dataset, PREDICTED, most=9).images) == 9
    chosen = [
        position
        for image in test.images
        for position in range(12)
        if np.array_equal(image, dataset.test.load_batch(tf.constant([position], tf.int64))[0])
    ]
    np.testing.assert_array_equal(test.labels, np.array(chosen) % 3)
    assert test.network_accuracy == np.mean(PREDICTED[chosen] == test.labels)


def test_exact_exports_are_tested_on_a_sample_and_beside_a_quantized_one_on_all_images(
    network, dataset, preprocessing, tmp_path, monkeypatch
):
    tested = []

    def measured(classifier, name, folder, images, probabilities, test, resize_side):
        tested.append((name, len(test.images)))
        return ExportMeasurement(0.0, 0.75, len(test.images), 0.75, ExportCost(1, 1.0, 1))

    monkeypatch.setattr(network_exports, "IMAGES_OF_EXACT_EXPORTS", 7)
    monkeypatch.setattr(network_exports, "export_classifier", measured)
    for formats in (("saved_model", "tflite"), ("tflite", "tflite_float16")):
        export_network(network, exporting(formats), dataset, preprocessing, tmp_path, PREDICTED)
    assert tested == [("saved_model", 7), ("tflite", 7), ("tflite", 12), ("tflite_float16", 12)]


def test_the_auxiliary_head_is_in_no_export(network, dataset, preprocessing, tmp_path, monkeypatch):
    kept = {}
    monkeypatch.setattr(network_exports, "export_classifier", lambda classifier, *_: kept.update(found=classifier))
    export_network(network, exporting(("tflite",)), dataset, preprocessing, tmp_path, PREDICTED)
    head = network.auxiliary_head.variables
    assert len(kept["found"].variables_of_network) == len(network.variables) - len(head)


def test_other_sizes_are_fitted_as_in_the_test(network, dataset, preprocessing, tmp_path, monkeypatch):
    kept = {}
    monkeypatch.setattr(
        network_exports, "export_classifier", lambda classifier, *others: kept.update(found=classifier, last=others[-1])
    )
    config = exporting(["saved_model"], resize_side=12, image_size=(11, 9))
    export_network(network, config, dataset, preprocessing, tmp_path, PREDICTED)
    assert kept["last"] == 12
    images = np.random.default_rng(1).integers(0, 256, (2, 24, 30, 3), dtype=np.uint8)
    # The shorter side, 24, becomes 12; the centre is cropped after (12 - 11) // 2 rows and (15 - 9) // 2 columns.
    fitted = np.round(tf.image.resize(images, [12, 15], antialias=True))[:, 0:11, 3:12]
    normalized = (fitted - preprocessing.mean) / preprocessing.standard_deviation
    probabilities = tf.nn.softmax(network(normalized.astype(np.float32), training=False))
    np.testing.assert_allclose(kept["found"].classify(tf.constant(images))["probabilities"], probabilities, atol=1e-4)


def test_a_folder_that_is_no_export_is_refused_before_any_work(tmp_path):
    check_exports(tmp_path, ("saved_model", "onnx"))
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "mine.txt").write_text("mine")
    with pytest.raises(StorageError, match="onnx"):
        check_exports(tmp_path, ("saved_model", "onnx"))


def test_an_export_of_another_networks_answers_is_refused(network, dataset, preprocessing, tmp_path, monkeypatch):
    real = network_exports.normalize_channels
    monkeypatch.setattr(
        network_exports, "normalize_channels", lambda images, mean, deviation: 2 * real(images, mean, deviation)
    )
    with pytest.raises(StorageError, match="differs from the network"):
        export_network(network, exporting(("saved_model",)), dataset, preprocessing, tmp_path, PREDICTED)
    assert list(tmp_path.iterdir()) == []


LOAD = "import sys, tensorflow as tf\ntf.saved_model.load(sys.argv[1])"


def test_an_export_holds_plain_operations_and_is_written_and_loaded_without_a_warning(
    network, dataset, preprocessing, tmp_path, caplog, recwarn
):
    export_network(network, exporting(["saved_model", "tflite"]), dataset, preprocessing, tmp_path, PREDICTED)
    assert [message for message in caplog.messages if "gradient" in message] == []
    command = [sys.executable, "-W", "error", "-c", LOAD, str(tmp_path / "saved_model")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    # TensorFlow itself reports on standard error that there is no GPU.
    assert "WARNING:absl:" not in run.stderr
    assert "gradient" not in run.stderr
