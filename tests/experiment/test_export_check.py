import os
import tempfile

import numpy as np
import pytest
from small_disk import fill, in_child, mount_small_disk

from eoinas_tf.errors import StorageError
from eoinas_tf.experiment import export_check
from eoinas_tf.experiment.export_check import check_export, run_export, time_export
from eoinas_tf.experiment.export_measurement import ExportTest

PROBABILITIES = np.array([[0.25, 0.75], [0.9, 0.1]], np.float32)
IMAGES = np.zeros((2, 4, 4, 1), np.uint8)
# The stand-in predicts an image's first pixel as its class: three of four are right.
TEST = ExportTest(np.array([0, 1, 0, 1], np.uint8).reshape(4, 1, 1, 1), np.array([0, 1, 1, 1]), 0.875, threads=3)

# Replaces `exported_predictions.py`, so that a test takes less than a second.
PROGRAM = """
import os, sys
import numpy as np
_, format_name, folder, images, outputs, *test = sys.argv
assert not [name for name in sys.modules if name == "eoinas_tf" or name.startswith("eoinas_tf.")]
assert "tensorflow" not in sys.modules
given = np.load(folder + "/" + format_name + ".npz")
assert np.load(images).shape == (2, 4, 4, 1)
assert os.environ["CUDA_VISIBLE_DEVICES"] == "-1"
assert os.path.dirname(outputs) == os.getcwd() != folder
given = dict(given)
if test:
    images, threads = test
    assert os.environ["TF_NUM_INTRAOP_THREADS"] == os.environ["TF_NUM_INTEROP_THREADS"] == threads == "3"
    given.update(test_label=np.load(images)[:, 0, 0, 0], milliseconds=[3.0, 1.0, 2.5])
np.savez(outputs, **given)
"""


@pytest.fixture
def export(tmp_path, monkeypatch):
    """A function that makes an export with given outputs."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    monkeypatch.setattr(export_check, "PROGRAM", program)

    def make(probabilities=PROBABILITIES, label=None):
        label = probabilities.argmax(-1) if label is None else np.array(label)
        np.savez(tmp_path / "kind.npz", probabilities=probabilities, label=label)
        return tmp_path

    return make


def test_the_difference_is_the_largest_of_all_probabilities(export):
    folder = export(PROBABILITIES + np.array([[0, 4e-4], [-8e-4, 0]], np.float32))
    found = check_export("kind", folder, IMAGES, PROBABILITIES, TEST)
    assert found.difference == pytest.approx(8e-4, rel=1e-2)


def test_accuracy_size_and_the_median_time_are_measured_with_the_threads_given(export):
    folder = export()
    (folder / "export.json").write_text("not counted")
    (folder / "more").mkdir()
    (folder / "more" / "weights").write_bytes(b"1234567")
    found = check_export("kind", folder, IMAGES, PROBABILITIES, TEST)
    expected_size = 7 + (folder / "kind.npz").stat().st_size + (folder / "program.py").stat().st_size
    assert found.figures() == {
        "test_accuracy": 0.75,
        "test_images": 4,
        "network_accuracy": 0.875,
        "size_bytes": expected_size,
        "latency_milliseconds": 2.5,
        "latency_threads": 3,
    }


def test_an_export_that_is_only_timed_may_say_anything(export):
    folder = export(PROBABILITIES[::-1], label=[0, 0])
    assert time_export("kind", folder, IMAGES, 3)[1:] == (2.5, 3)


def test_a_quantized_export_may_differ_and_its_label_may_be_any_of_equal_classes(export):
    said = np.array([[0.5, 0.5], [0.5, 0.5]], np.float32)
    assert check_export("kind", export(said, label=[1, 0]), IMAGES, PROBABILITIES, TEST, is_exact=False)[0] > 0.2
    with pytest.raises(StorageError, match="differs from the network"):
        check_export("kind", export(said, label=[1, 0]), IMAGES, PROBABILITIES, TEST)
    with pytest.raises(StorageError, match="differs from the network by nan"):
        check_export("kind", export(said * np.nan), IMAGES, PROBABILITIES, TEST, is_exact=False)
    with pytest.raises(StorageError, match="labels that are not its most probable"):
        check_export("kind", export(label=[0, 0]), IMAGES, PROBABILITIES, TEST, is_exact=False)


@pytest.mark.parametrize("wrong", [2e-3, 0.5, np.nan, np.inf])
def test_an_export_that_says_something_else_is_refused(export, wrong):
    said = PROBABILITIES.copy()
    said[1, 1] += wrong
    with pytest.raises(StorageError, match=r"differs from the network by (0\.002|0\.5|nan|inf) in a probability"):
        check_export("kind", export(said), IMAGES, PROBABILITIES, TEST)


def test_missing_images_and_wrong_labels_are_refused(export):
    with pytest.raises(StorageError, match=r"returns \(1, 2\), the network \(2, 2\)"):
        check_export("kind", export(PROBABILITIES[:1]), IMAGES, PROBABILITIES, TEST)
    with pytest.raises(StorageError, match="labels that are not its most probable"):
        check_export("kind", export(label=[1, 1]), IMAGES, PROBABILITIES, TEST)


def test_an_export_that_cannot_be_run_is_named_with_the_reason(export):
    folder = export()
    with pytest.raises(StorageError, match=r"cannot be run and was not kept: FileNotFoundError.*other\.npz"):
        run_export("other", folder, IMAGES)


def test_an_export_that_hangs_is_given_up(export, monkeypatch):
    folder = export()
    export_check.PROGRAM.write_text("import time\ntime.sleep(60)")
    monkeypatch.setattr(export_check, "LONGEST_RUN_SECONDS", 0.5)
    with pytest.raises(StorageError, match=r"no answer for 0\.5 seconds"):
        run_export("kind", folder, IMAGES)


def test_the_modules_beside_the_program_cannot_be_imported(export, tmp_path):
    folder = export()
    (tmp_path / "numpy.py").write_text("raise ImportError('the wrong numpy')")
    assert set(run_export("kind", folder, IMAGES)) == {"probabilities", "label"}


def test_a_full_folder_of_temporary_files_is_named(export, tmp_path, monkeypatch):
    folder = export()

    def run_on_a_full_disk():
        disk = tmp_path / "disk"
        mount_small_disk(disk, pages=8)
        fill(disk, pages_left=1)
        monkeypatch.setattr(tempfile, "tempdir", str(disk))
        with pytest.raises(StorageError) as error:
            run_export("kind", folder, np.zeros((100, 10, 10, 1), np.uint8))
        return [str(error.value), os.listdir(disk)]

    message, left = in_child(run_on_a_full_disk)
    assert message.startswith(f"{tmp_path / 'disk'}/")
    assert "/images.npy could not be written: " in message
    assert message.endswith("; at least 10000 bytes are needed, 0 are free")
    assert left == ["filler"]
