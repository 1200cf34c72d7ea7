import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.config import SearchConfig
from eoinas_tf.errors import RunDirectoryError
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.search.search_images import load_search_images
from eoinas_tf.search.search_loop import run_search


@pytest.fixture
def config(tmp_path):
    for label, name in enumerate(("ant", "bee")):
        for number in range(5):
            path = tmp_path / "images" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(tf.io.encode_png(np.full((8, 8, 1), 100 * label + number, np.uint8)).numpy())
    return SearchConfig(dataset=f"folder:{tmp_path / 'images'}", run_dir=str(tmp_path / "run"), image_size=(16, 12))


def test_images_have_the_size_asked_for_and_the_run_keeps_their_fingerprint(config):
    with RunDirectory(config) as run:
        dataset = load_search_images(config, run)
    assert dataset.image_shape == (16, 12, 1)
    assert json.loads(run.dataset.read_text())["class_names"] == ["ant", "bee"]


def test_a_class_that_was_renamed_is_refused_when_a_search_goes_on_and_when_it_is_finished(config, tmp_path):
    with RunDirectory(config) as run:
        load_search_images(config, run)
        run.metrics.write_text("")
    shutil.move(tmp_path / "images" / "bee", tmp_path / "images" / "cow")
    line = "class 'bee' was renamed to 'cow'"
    with RunDirectory(config) as run, pytest.raises(RunDirectoryError, match=line):
        load_search_images(config, run)
    with pytest.raises(RunDirectoryError, match=line):
        run_search(config)
    run.summary.write_text("{}")
    with pytest.raises(RunDirectoryError, match=line):
        run_search(config)
    shutil.move(tmp_path / "images" / "cow", tmp_path / "images" / "bee")
    assert run_search(config) == {}
