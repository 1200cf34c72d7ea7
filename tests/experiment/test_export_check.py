import os
import tempfile

import numpy as np
import pytest
from small_disk import fill, in_child, mount_small_disk

from eoinas_tf.errors import StorageError
from eoinas_tf.experiment import export_check
from eoinas_tf.experiment.export_check import check_export, run_export

PROBABILITIES = np.array([[0.25, 0.75], [0.9, 0.1]], np.float32)
IMAGES = np.zeros((2, 4, 4, 1), np.uint8)

# Stands in for `exported_predictions.py`, so that a test takes no second.
PROGRAM = """
import os, sys
import numpy as np
_, format_name, folder, images, outputs = sys.argv
assert not [name for name in sys.modules if name == "eoinas_tf" or name.startswith("eoinas_tf.")]
assert "tensorflow" not in sys.modules
given = np.load(folder + "/" + format_name + ".npz")
assert np.load(images).shape == (2, 4, 4, 1)
assert os.environ["CUDA_VISIBLE_DEVICES"] == "-1"
assert os.path.dirname(outputs) == os.getcwd() != folder
np.savez(outputs, **given)
"""


@pytest.fixture
def export(tmp_path, monkeypatch):
    """A function that makes an export which says what it is told."""
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
    assert check_export("kind", folder, IMAGES, PROBABILITIES) == pytest.approx(8e-4, rel=1e-2)


@pytest.mark.parametrize("wrong", [2e-3, 0.5, np.nan, np.inf])
def test_an_export_that_says_something_else_is_refused(export, wrong):
    said = PROBABILITIES.copy()
    said[1, 1] += wrong
    with pytest.raises(StorageError, match=r"differs from the network by (0\.002|0\.5|nan|inf) in a probability"):
        check_export("kind", export(said), IMAGES, PROBABILITIES)


def test_missing_images_and_wrong_labels_are_refused(export):
    with pytest.raises(StorageError, match=r"returns \(1, 2\), the network \(2, 2\)"):
        check_export("kind", export(PROBABILITIES[:1]), IMAGES, PROBABILITIES)
    with pytest.raises(StorageError, match="labels that are not its most probable"):
        check_export("kind", export(label=[1, 1]), IMAGES, PROBABILITIES)


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
