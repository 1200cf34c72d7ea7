import hashlib
import json
import os
import shutil
import signal
import time

import keras
import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.errors import StorageError
from eoinas_tf.experiment.checkpointing import Checkpoints


class Training:
    """A model, its optimizer and a counter: what a run has to save."""

    def __init__(self, seed, units=3):
        keras.utils.set_random_seed(seed)
        self.model = keras.Sequential([keras.layers.Dense(units), keras.layers.BatchNormalization()])
        self.model.build((None, 2))
        self.optimizer = keras.optimizers.Adam()
        self.optimizer.build(self.model.trainable_variables)
        self.counter = tf.Variable(seed, dtype=tf.int64)

    def state(self):
        return {"model": self.model.variables, "optimizer": self.optimizer.variables, "counter": [self.counter]}

    def step(self):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(self.model(tf.ones([4, 2]), training=True) ** 2 * tf.range(4.0)[:, None])
        gradients = tape.gradient(loss, self.model.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.model.trainable_variables, strict=True))
        self.counter.assign_add(1)

    def bytes(self):
        return [np.asarray(variable).tobytes() for variables in self.state().values() for variable in variables]


def saved_twice(folder):
    """Returns the state's bytes at checkpoints 1 and 2."""
    training = Training(seed=1)
    checkpoints = Checkpoints(folder, training.state())
    snapshots = {}
    for number in (1, 2):
        training.step()
        checkpoints.save(number, {"epoch": number})
        snapshots[number] = training.bytes()
    return snapshots


def test_a_restored_state_is_the_saved_one_bit_for_bit(tmp_path):
    snapshots = saved_twice(tmp_path)
    other = Training(seed=2)
    assert other.bytes() != snapshots[2]
    assert Checkpoints(tmp_path, other.state()).restore_latest() == {"epoch": 2}
    assert other.bytes() == snapshots[2]


def test_without_a_checkpoint_nothing_is_restored(tmp_path):
    training = Training(seed=1)
    before = training.bytes()
    assert Checkpoints(tmp_path / "none", training.state()).restore_latest() is None
    assert training.bytes() == before


def damaged(path, how):
    content = path.read_bytes()
    if how == "delete":
        path.unlink()
    else:
        middle = len(content) // 2
        changed = {
            "empty": b"",
            "half": content[:middle],
            "last bytes missing": content[:-2],
            "bit flip": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
            "zeros": bytes(len(content)),
        }
        path.write_bytes(changed[how])


FILES = ["variables.data-00000-of-00001", "variables.index", "state.json", "manifest.json"]


@pytest.fixture(scope="module")
def two_checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints")
    return folder, saved_twice(folder), Training(seed=2)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("how", ["empty", "half", "last bytes missing", "bit flip", "zeros", "delete"])
def test_a_damaged_newest_checkpoint_falls_back_and_says_so(two_checkpoints, tmp_path, caplog, file, how):
    folder, snapshots, training = two_checkpoints
    copy = shutil.copytree(folder, tmp_path / "copy")
    damaged(copy / "ckpt-00000002" / file, how)
    assert Checkpoints(copy, training.state()).restore_latest() == {"epoch": 1}
    assert training.bytes() == snapshots[1]
    assert "ckpt-00000002" in caplog.text
    assert "ckpt-00000001" in caplog.text


def with_manifest(folder, change):
    """Changes what the manifest says, and makes its own digest right again."""
    path = folder / "manifest.json"
    content = json.loads(path.read_text())["content"]
    change(content)
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    path.write_text(json.dumps({"sha256": digest, "content": content}))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda content: content["files"].update({"../ckpt-00000001/state.json": "0"}), "names other files"),
        (lambda content: content["files"].update({"/dev/zero": "0"}), "names other files"),
        (lambda content: content["files"].update({"state.json\n": "0"}), "names other files"),
        (lambda content: content["files"].pop("state.json"), "names other files"),
        (lambda content: content["files"].pop("variables.index"), "names other files"),
        (lambda content: content["files"].update({"variables.data-00001-of-00002": "0"}), "00002 is missing"),
        (lambda content: content.update(files=[]), "is damaged"),
        (lambda content: content.update(variables=[]), "is damaged"),
        (lambda content: content.pop("variables"), "is missing or damaged"),
    ],
)
def test_a_manifest_of_other_things_than_a_checkpoint_s_falls_back(two_checkpoints, tmp_path, caplog, change, problem):
    folder, snapshots, training = two_checkpoints
    copy = shutil.copytree(folder, tmp_path / "copy")
    with_manifest(copy / "ckpt-00000002", change)
    assert Checkpoints(copy, training.state()).restore_latest() == {"epoch": 1}
    assert training.bytes() == snapshots[1]
    assert problem in caplog.text


def test_a_manifest_that_nests_without_end_falls_back(two_checkpoints, tmp_path):
    folder, _, training = two_checkpoints
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "ckpt-00000002" / "manifest.json").write_text("[" * 100_000)
    assert Checkpoints(copy, training.state()).restore_latest() == {"epoch": 1}


def test_no_whole_checkpoint_is_an_error_not_a_fresh_start(two_checkpoints, tmp_path):
    folder, _, training = two_checkpoints
    copy = shutil.copytree(folder, tmp_path / "copy")
    for name in ("ckpt-00000001", "ckpt-00000002"):
        damaged(copy / name / "variables.index", "half")
    with pytest.raises(StorageError, match=r"no checkpoint in .* is whole .*ckpt-00000002.*ckpt-00000001"):
        Checkpoints(copy, training.state()).restore_latest()


@pytest.mark.parametrize("missing", ["model", "optimizer", "counter"])
def test_a_state_that_lacks_an_item_is_refused(two_checkpoints, missing):
    folder, _, training = two_checkpoints
    incomplete = {name: variables for name, variables in training.state().items() if name != missing}
    with pytest.raises(StorageError, match=f"does not fit: {missing}/00000"):
        Checkpoints(folder, incomplete).restore_latest()


def test_another_network_s_checkpoint_is_refused(two_checkpoints):
    folder, _, _ = two_checkpoints
    with pytest.raises(StorageError, match=r"does not fit: model/00000 is \['float32', \[2, 3\]\] in it"):
        Checkpoints(folder, Training(seed=2, units=4).state()).restore_latest()


def test_only_the_newest_are_kept_and_remains_of_a_kill_are_swept(tmp_path):
    (tmp_path / "ckpt-00000009.tmp").mkdir(parents=True)
    (tmp_path / "ckpt-00000009.tmp" / "variables.index").write_text("cut")
    training = Training(seed=1)
    checkpoints = Checkpoints(tmp_path, training.state(), keep=2)
    for number in range(1, 5):
        checkpoints.save(number, {})
    assert sorted(os.listdir(tmp_path)) == ["ckpt-00000003", "ckpt-00000004"]


def test_a_full_disk_is_one_line_and_leaves_the_earlier_checkpoint(two_checkpoints, tmp_path, monkeypatch):
    folder, snapshots, training = two_checkpoints
    copy = shutil.copytree(folder, tmp_path / "copy")
    checkpoints = Checkpoints(copy, training.state())

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("eoinas_tf.experiment.checkpointing.sync_file", full)
    with pytest.raises(StorageError, match=r"ckpt-00000003 could not be written \(No space left on device\).*free$"):
        checkpoints.save(3, {})
    assert Checkpoints(copy, training.state()).restore_latest() == {"epoch": 2}
    assert training.bytes() == snapshots[2]


def test_kills_while_saving_always_leave_the_last_acknowledged_checkpoint(tmp_path):
    generator = np.random.default_rng(0)
    training = Training(seed=1)
    for _ in range(6):
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read_end)
            checkpoints = Checkpoints(tmp_path, training.state())
            first = (checkpoints.restore_latest() or {"number": 0})["number"] + 1
            for number in range(first, first + 10_000):
                training.counter.assign(number)
                checkpoints.save(number, {"number": number})
                os.write(write_end, number.to_bytes(8, "big"))
            os._exit(0)
        os.close(write_end)
        # The first save is waited for, however busy the machine is; the kill falls into a later one.
        acknowledged = os.read(read_end, 8)
        time.sleep(generator.uniform(0, 0.5))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        while block := os.read(read_end, 2**16):
            acknowledged += block
        os.close(read_end)
        assert acknowledged
        restored = Checkpoints(tmp_path, training.state()).restore_latest()
        assert restored["number"] >= int.from_bytes(acknowledged[-8:], "big")
        assert training.counter.numpy() == restored["number"]


@pytest.mark.parametrize("keep", [1, 2])
def test_a_damaged_checkpoint_with_a_higher_number_does_not_push_out_the_new_ones(tmp_path, keep):
    state = {"counter": [tf.Variable(0)]}
    Checkpoints(tmp_path, state).save(10, {"epoch": 10})
    Checkpoints(tmp_path, state).save(20, {"epoch": 20})
    damaged(tmp_path / "ckpt-00000020" / "variables.index", "empty")
    checkpoints = Checkpoints(tmp_path, state, keep=keep)
    assert checkpoints.restore_latest() == {"epoch": 10}
    for epoch in (11, 12):
        checkpoints.save(epoch, {"epoch": epoch})
    assert sorted(os.listdir(tmp_path)) == ["ckpt-00000011", "ckpt-00000012"][-keep:]
    assert Checkpoints(tmp_path, state).restore_latest() == {"epoch": 12}


def test_a_kill_while_a_number_is_saved_again_loses_neither(tmp_path, monkeypatch):
    counter = tf.Variable(1)
    checkpoints = Checkpoints(tmp_path, {"counter": [counter]}, keep=1)
    checkpoints.save(1, {"attempt": 1})

    class Killed(BaseException):
        pass

    real_rename = type(tmp_path).rename

    def rename(path, target):
        if path.name.endswith(".tmp"):
            raise Killed
        return real_rename(path, target)

    counter.assign(2)
    with monkeypatch.context() as patch:
        patch.setattr(type(tmp_path), "rename", rename)
        with pytest.raises(Killed):
            checkpoints.save(1, {"attempt": 2})
    assert checkpoints.restore_latest() == {"attempt": 1}
    assert counter.numpy() == 1
    checkpoints.save(1, {"attempt": 3})
    assert checkpoints.restore_latest() == {"attempt": 3}
    assert os.listdir(tmp_path) == ["ckpt-00000001"]


def test_a_failed_save_gives_its_space_back(tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path, {"counter": [tf.Variable(1)]})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("eoinas_tf.experiment.checkpointing.sync_file", full)
    with pytest.raises(StorageError):
        checkpoints.save(1, {})
    assert os.listdir(tmp_path) == []
