import re
from pathlib import Path

import numpy as np
import pytest

import eoinas_tf
from eoinas_tf import published_weights
from eoinas_tf.data.image_datasets import load_image_dataset

ROOT = Path(__file__).parent.parent


def test_a_published_name_is_a_file_and_any_other_text_itself(monkeypatch, tmp_path):
    monkeypatch.setattr(published_weights, "FOLDERS", (tmp_path / "missing", tmp_path))
    (tmp_path / "small.keras").touch()
    (tmp_path / "other.txt").touch()
    assert published_weights.published_weights() == ["small"]
    assert published_weights.weights_location("small") == str(tmp_path / "small.keras")
    for path in ("./small", "small.keras", "runs/small", "other"):
        assert published_weights.weights_location(path) == path


def test_a_path_object_is_never_a_name(monkeypatch, tmp_path):
    monkeypatch.setattr(published_weights, "FOLDERS", (tmp_path,))
    (tmp_path / "small.keras").touch()
    setting = published_weights.weights_setting
    assert (setting("small"), setting("./small"), setting("~/small")) == ("small", "./small", f"{Path.home()}/small")
    assert (setting(Path("small")), setting(Path("runs/small"))) == ("./small", "runs/small")
    assert published_weights.weights_location(setting(Path("./small"))) == "./small"


@pytest.mark.parametrize("name", published_weights.published_weights())
def test_a_published_network_is_small_and_as_accurate_as_the_page_says(name, tfds_data_dir):
    file = Path(published_weights.weights_location(name))
    assert file.stat().st_size < 2 * 2**20
    (row,) = re.findall(rf"^\| `{name}` \|.*", (ROOT / "docs" / "transfer.md").read_text("utf-8"), re.MULTILINE)
    *_, parameters, _, _, accuracy, _ = (cell.strip() for cell in row.split("|"))
    model = eoinas_tf.build_model(weights=name, auxiliary_weight=0)
    assert sum(weight.shape.num_elements() for weight in model.trainable_weights) == int(parameters.replace(",", ""))
    height, width = model.input_shape[1:3]
    split = load_image_dataset("cifar10", data_dir=tfds_data_dir, download=False, image_size=(height, width)).test
    probabilities = model.predict(split.load_batch(range(len(split))), batch_size=500, verbose=0)
    found = np.mean(probabilities.argmax(axis=1) == split.labels)
    assert found == pytest.approx(float(accuracy.removesuffix("%")) / 100, abs=0.0005)
