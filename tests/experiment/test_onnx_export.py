import numpy as np
import pytest

from eoinas_tf.experiment.onnx_export import write_onnx

onnx = pytest.importorskip("onnx", reason="the extra `onnx` is not installed")
onnxruntime = pytest.importorskip("onnxruntime", reason="the extra `onnx` is not installed")
pytest.importorskip("tf2onnx", reason="the extra `onnx` is not installed")


@pytest.fixture(scope="module")
def file(tiny, tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnx")
    write_onnx(tiny.classifier, folder)
    assert [path.name for path in folder.iterdir()] == ["model.onnx"]
    return folder / "model.onnx"


@pytest.fixture(scope="module")
def session(file):
    return onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])


def test_it_is_valid_and_of_the_operator_set_that_older_runtimes_know(file):
    model = onnx.load(str(file))
    onnx.checker.check_model(model)
    assert {entry.domain: entry.version for entry in model.opset_import if entry.domain == ""} == {"": 17}


def test_it_takes_raw_images_of_the_networks_size(session):
    (image,) = session.get_inputs()
    assert (image.name, image.type, image.shape[1:]) == ("image", "tensor(uint8)", [8, 6, 3])
    assert not isinstance(image.shape[0], int)
    assert {output.name for output in session.get_outputs()} == {"probabilities", "label"}


@pytest.mark.parametrize("count", [1, 5, 2])
def test_it_says_what_the_network_says_of_any_batch(session, tiny, count):
    probabilities, label = session.run(["probabilities", "label"], {"image": tiny.images[:count]})
    np.testing.assert_allclose(probabilities, tiny.probabilities[:count], atol=1e-6)
    np.testing.assert_array_equal(label, tiny.probabilities[:count].argmax(-1))
