import hashlib
import json
import logging
import os
import resource
import shutil
import signal
import time

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_disk import PAGE, fill, in_child, mount_small_disk

from eoinas_tf.config import SearchConfig
from eoinas_tf.errors import StorageError
from eoinas_tf.experiment.checkpointing import FOLDER_NAME, Checkpoints
from eoinas_tf.experiment.run_directory import RunDirectory


class Training:
    """A model, its optimizer and a counter: the state that a run has to save."""

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
    assert_one_warning(caplog, f"ckpt-00000002: {file} ")


def with_manifest(folder, change):
    """Changes the manifest and corrects its own digest."""
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


def assert_one_warning(caplog, damage):
    (message,) = (record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING)
    assert damage in message
    assert message.endswith("; continuing from ckpt-00000001")
    assert "\n" not in message


def no_file_left(newest, older):
    for path in newest.iterdir():
        path.unlink()


def a_file_instead(newest, older):
    shutil.rmtree(newest)
    newest.write_text("recovered by fsck")


def folder_in_place_of_a_file(newest, older):
    (newest / "state.json").unlink()
    (newest / "state.json").mkdir()


def variables_of_the_older_one(newest, older):
    shutil.copy(older / "variables.data-00000-of-00001", newest)


def manifest_of_the_older_one(newest, older):
    shutil.copy(older / "manifest.json", newest)


def manifest_of_another_kind(newest, older):
    (newest / "manifest.json").write_text("[1, 2]")


def a_disk_that_cannot_be_read(newest, older):
    # Its first byte cannot be read: Input/output error.
    (newest / "variables.index").unlink()
    (newest / "variables.index").symlink_to("/proc/self/mem")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (no_file_left, "manifest.json is missing"),
        (a_file_instead, "manifest.json is missing"),
        (folder_in_place_of_a_file, "state.json is missing"),
        (variables_of_the_older_one, "variables.data-00000-of-00001 is damaged"),
        (manifest_of_the_older_one, "is damaged"),
        (manifest_of_another_kind, "manifest.json is missing or damaged"),
        (a_disk_that_cannot_be_read, "variables.index cannot be read (Input/output error)"),
    ],
)
def test_other_damage_to_the_newest_checkpoint_falls_back_too(two_checkpoints, tmp_path, caplog, damage, words):
    folder, snapshots, training = two_checkpoints
    copy = shutil.copytree(folder, tmp_path / "copy")
    damage(copy / "ckpt-00000002", copy / "ckpt-00000001")
    checkpoints = Checkpoints(copy, training.state())
    assert checkpoints.restore_latest() == {"epoch": 1}
    assert training.bytes() == snapshots[1]
    assert_one_warning(caplog, words)
    checkpoints.save(2, {"epoch": 2})
    assert Checkpoints(copy, training.state()).restore_latest() == {"epoch": 2}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("how", ["empty", "half", "last bytes missing", "bit flip", "zeros", "delete"])
def test_no_whole_checkpoint_is_an_error_not_a_fresh_start(two_checkpoints, tmp_path, file, how):
    folder, _, training = two_checkpoints
    copy = shutil.copytree(folder, tmp_path / "copy")
    for name in ("ckpt-00000001", "ckpt-00000002"):
        damaged(copy / name / file, how)
    before = training.bytes()
    with pytest.raises(StorageError, match=r"no checkpoint in .* is whole .*ckpt-00000002.*ckpt-00000001") as error:
        Checkpoints(copy, training.state()).restore_latest()
    assert training.bytes() == before
    assert error.value.exit_status == 5
    assert "\n" not in str(error.value)


def without_the_folder(folder):
    shutil.rmtree(folder)


def with_an_empty_folder(folder):
    shutil.rmtree(folder)
    folder.mkdir()


def with_half_a_checkpoint(folder):
    (folder / "ckpt-00000001").rename(folder / "ckpt-00000001.tmp")


@pytest.mark.parametrize("lose", [without_the_folder, with_an_empty_folder, with_half_a_checkpoint])
def test_lost_checkpoints_are_an_error_not_a_fresh_start_from_the_first_one_on(tmp_path, lose):
    folder, state = tmp_path / "checkpoints", {"counter": [tf.Variable(1)]}
    assert Checkpoints(folder, state).restore_latest() is None
    Checkpoints(folder, state).save(1, {})
    lose(folder)
    with pytest.raises(StorageError, match=r"checkpoints has no checkpoint, but had one \(.*checkpoints\.json\)"):
        Checkpoints(folder, state).restore_latest()


def test_a_kill_in_the_first_save_is_no_loss(tmp_path, monkeypatch):
    folder, state = tmp_path / "checkpoints", {"counter": [tf.Variable(1)]}

    class Killed(BaseException):
        pass

    def kill(folder):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("eoinas_tf.experiment.checkpointing.sync_folder", kill)
        with pytest.raises(Killed):
            Checkpoints(folder, state).save(1, {})
    assert os.listdir(folder) == ["ckpt-00000001.tmp"]
    assert Checkpoints(folder, state).restore_latest() is None


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


STATE = {"number": 2, "text": "x" * PAGE}
# Pages that a checkpoint of one small variable and `STATE` takes: data, index (TensorFlow writes it twice and removes
# the first), state (2), manifest. With fewer pages, the next of these cannot be written.
WRITES = {0: ".data-", 1: "part-00000-of-00001.index", 2: "variables.index", 3: "state.json", 4: "manifest.json"}


def save_on_a_full_disk(tmp_path, pages_left, tries_without_room):
    """Saves 1, fills the disk, and saves 2; some tries later, space is freed.

    Returns messages, the files of the checkpoint at the last failure, free bytes before and after, and the restored
    state.
    """

    def fill_and_save():
        disk = tmp_path / "disk"
        mount_small_disk(disk, pages=64)
        messages, files = [], []
        handler = logging.Handler()
        handler.emit = lambda record: messages.append(record.getMessage())
        logging.getLogger("eoinas_tf").addHandler(handler)

        def pause(seconds):
            if len(messages) == tries_without_room:
                filler.unlink()

        variable = tf.Variable([1.0, 2.0])
        checkpoints = Checkpoints(disk / "checkpoints", {"state": [variable]}, pause=pause)
        checkpoints.save(1, {"number": 1})
        sweep = checkpoints._sweep_temporary

        def recording_sweep():
            files.append(sorted(path.name for path in disk.glob("checkpoints/*.tmp/**/*") if path.is_file()))
            sweep()

        checkpoints._sweep_temporary = recording_sweep
        filler = fill(disk, pages_left)
        free = shutil.disk_usage(disk).free
        try:
            checkpoints.save(2, STATE)
        except StorageError as error:
            messages.append(str(error))
        after = shutil.disk_usage(disk).free
        restored = Checkpoints(disk / "checkpoints", {"state": [variable]}).restore_latest()
        return [messages, files[-1], free, after, restored]

    return in_child(fill_and_save)


@pytest.mark.parametrize("pages_left", WRITES)
def test_a_disk_that_is_full_at_any_write_is_one_line_and_leaves_the_earlier_checkpoint(tmp_path, pages_left):
    messages, files, free, after, restored = save_on_a_full_disk(tmp_path, pages_left, tries_without_room=3)
    assert len(messages) == 3
    assert all(message.endswith("; trying again in 5 seconds") for message in messages[:2])
    assert messages[2].startswith(
        f"checkpoint {tmp_path / 'disk' / 'checkpoints' / 'ckpt-00000002'} could not be written: "
    )
    assert messages[2].endswith(
        f"No space left on device; at least 8 bytes are needed, {pages_left * PAGE} are free; make room and repeat the "
        "command"
    )
    assert not any("\n" in message or "{{" in message for message in messages)
    # This write failed: TensorFlow names its own file; among ours it is the last one begun.
    begun = " ".join([messages[2], *files])
    assert [pages for pages, name in WRITES.items() if name in begun and pages >= pages_left] == [pages_left]
    assert after == free
    assert restored == {"number": 1}


def test_with_one_page_more_it_is_saved(tmp_path):
    messages, _, _, after, restored = save_on_a_full_disk(tmp_path, pages_left=5, tries_without_room=3)
    assert (messages, after, restored) == ([], 0, STATE)


@pytest.mark.parametrize("tries", [1, 2])
def test_with_room_made_between_two_tries_it_is_saved(tmp_path, tries):
    messages, _, _, _, restored = save_on_a_full_disk(tmp_path, pages_left=1, tries_without_room=tries)
    assert len(messages) == tries
    assert restored == STATE


def test_a_file_larger_than_it_may_be_is_one_line_too(tmp_path):
    def limit_and_save():
        variable = tf.Variable(tf.range(1000.0))
        checkpoints = Checkpoints(tmp_path, {"state": [variable]}, pause=lambda seconds: None)
        checkpoints.save(1, {"number": 1})
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
        with pytest.raises(StorageError) as error:
            checkpoints.save(2, {"number": 2})
        return [str(error.value), Checkpoints(tmp_path, {"state": [variable]}).restore_latest()]

    message, restored = in_child(limit_and_save)
    assert message.startswith(f"checkpoint {tmp_path / 'ckpt-00000002'} could not be written: ")
    assert "File too large; at least 4000 bytes are needed, " in message
    assert restored == {"number": 1}
    assert os.listdir(tmp_path) == ["ckpt-00000001"]


def test_what_is_read_back_otherwise_than_written_is_a_failed_try(two_checkpoints, tmp_path, monkeypatch):
    folder, snapshots, training = two_checkpoints
    copy = shutil.copytree(folder, tmp_path / "copy")

    def losing_bytes(path):
        if path.name == "variables.index":
            damaged(path, "last bytes missing")

    monkeypatch.setattr("eoinas_tf.experiment.checkpointing.sync_file", losing_bytes)
    pauses = []
    with pytest.raises(StorageError, match=r"ckpt-00000003 could not be written: variables\.index is damaged"):
        Checkpoints(copy, training.state(), pause=pauses.append).save(3, {})
    assert len(pauses) == 2
    assert Checkpoints(copy, training.state()).restore_latest() == {"epoch": 2}
    assert training.bytes() == snapshots[2]


def test_all_is_durable_before_it_has_its_name_and_the_name_before_the_return(tmp_path, disk_calls):
    folder = tmp_path / "checkpoints"
    Checkpoints(folder, {"counter": [tf.Variable(1)]}).save(1, {})
    assert disk_calls[-1] == ("sync", tmp_path.name)
    assert disk_calls[-3:-1] == [
        ("sync", "checkpoints.json.tmp"),
        ("rename", "checkpoints.json.tmp", "checkpoints.json"),
    ]
    del disk_calls[-3:]
    renamed = disk_calls.index(("rename", "ckpt-00000001.tmp", "ckpt-00000001"))
    # Its folder's name, its files in any order, their names.
    assert disk_calls[0] == ("sync", tmp_path.name)
    assert sorted(disk_calls[1 : renamed - 1]) == sorted(("sync", file) for file in FILES)
    assert disk_calls[renamed - 1 :] == [
        ("sync", "ckpt-00000001.tmp"), ("rename", "ckpt-00000001.tmp", "ckpt-00000001"), ("sync", "checkpoints"),
    ]  # fmt: skip


@pytest.mark.parametrize("kills", [6, pytest.param(50, marks=pytest.mark.slow)])
def test_kills_while_saving_always_leave_the_last_acknowledged_checkpoint(tmp_path, kills):
    generator = np.random.default_rng(0)
    training = Training(seed=1)
    config = SearchConfig(run_dir=str(tmp_path / "run"))
    keep = 2
    with RunDirectory(config) as run:
        folder = run.checkpoints
    for _ in range(kills):
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.close(read_end)
                with RunDirectory(config):
                    checkpoints = Checkpoints(folder, training.state(), keep)
                    first = (checkpoints.restore_latest() or {"number": 0})["number"] + 1
                    for number in range(first, first + 10_000):
                        training.counter.assign(number)
                        checkpoints.save(number, {"number": number})
                        os.write(write_end, number.to_bytes(8, "big"))
            finally:
                os._exit(1)
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
        # The next start.
        with RunDirectory(config):
            restored = Checkpoints(folder, training.state()).restore_latest()
            found = os.listdir(folder)
        assert restored["number"] >= int.from_bytes(acknowledged[-8:], "big")
        assert training.counter.numpy() == restored["number"]
        assert all(FOLDER_NAME.fullmatch(name) for name in found), found
        assert len(found) <= keep + 1, found


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


@pytest.mark.parametrize("keep", [1, 2])
def test_kills_before_surplus_ones_are_removed_do_not_add_up(tmp_path, monkeypatch, keep):
    for number in range(1, 6):
        checkpoints = Checkpoints(tmp_path, {"counter": [tf.Variable(number)]}, keep)
        checkpoints.restore_latest()
        removed = []

        def sweep(checkpoints=checkpoints, removed=removed, real=checkpoints._sweep):
            # As if the process were killed at the second one, which comes after the checkpoint has its name.
            if not removed:
                real()
            removed.append(True)

        monkeypatch.setattr(checkpoints, "_sweep", sweep)
        checkpoints.save(number, {"number": number})
        assert len(removed) == 2
        assert len(os.listdir(tmp_path)) <= keep + 1
        assert checkpoints.restore_latest() == {"number": number}


def test_without_its_folder_a_checkpoint_is_saved_all_the_same(tmp_path):
    """Deleting checkpoints to free space does not end the run."""
    checkpoints = Checkpoints(tmp_path / "checkpoints", {"counter": [tf.Variable(1)]})
    checkpoints.save(1, {"number": 1})
    shutil.rmtree(tmp_path / "checkpoints")
    checkpoints.save(2, {"number": 2})
    assert checkpoints.restore_latest() == {"number": 2}


def test_numbers_of_nine_digits_are_newer_than_those_of_eight(tmp_path):
    training = Training(seed=1)
    checkpoints = Checkpoints(tmp_path, training.state(), keep=2)
    for number in (99_999_998, 99_999_999, 100_000_000, 100_000_001):
        checkpoints.save(number, {"number": number})
    assert sorted(os.listdir(tmp_path)) == ["ckpt-100000000", "ckpt-100000001"]
    assert Checkpoints(tmp_path, training.state()).restore_latest() == {"number": 100_000_001}
