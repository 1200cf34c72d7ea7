import copy
import json

import pytest

from eoinas_tf.config import SearchConfig
from eoinas_tf.errors import RunDirectoryError
from eoinas_tf.experiment.dataset_record import fingerprint_changes, keep_dataset
from eoinas_tf.experiment.run_directory import RunDirectory


def part(*classes):
    """A part with (number of images, digest) for each class."""
    return {
        "images": sum(count for count, _ in classes),
        "digest": " ".join(digest for _, digest in classes),
        "images_by_class": [count for count, _ in classes],
        "digests_by_class": [digest for _, digest in classes],
    }


FINGERPRINT = {
    "class_names": ["ant", "bee", "cow"],
    "source": {"test part": "test"},
    "parts": {"train": part((5, "a"), (5, "b"), (5, "c")), "test": part((2, "ta"), (2, "tb"), (2, "tc"))},
}


def fingerprint(names=("ant", "bee", "cow"), train=None, test=None, **source):
    parts = {**FINGERPRINT["parts"], **({"train": train} if train else {}), **({"test": test} if test else {})}
    return {"class_names": list(names), "source": {**FINGERPRINT["source"], **source}, "parts": parts}


CHANGES = [
    (fingerprint(names=("ant", "bee", "dog")), ["class 'cow' was renamed to 'dog'"]),
    (
        # A new name can change the order, and with it all labels.
        fingerprint(("bee", "cow", "zebra"), part((5, "b"), (5, "c"), (5, "a")), part((2, "tb"), (2, "tc"), (2, "ta"))),
        ["class 'ant' was renamed to 'zebra'", "the classes have another order"],
    ),
    (
        fingerprint(("ant", "bat", "bee", "cow"), part((5, "a"), (9, "x"), (5, "b"), (5, "c")),
                    part((2, "ta"), (0, ""), (2, "tb"), (2, "tc"))),
        ["class 'bat' was added", "train: 9 images more"],
    ),
    (
        fingerprint(("ant", "cow"), part((5, "a"), (5, "c")), part((2, "ta"), (2, "tc"))),
        ["class 'bee' was removed", "train: 5 images fewer", "test: 2 images fewer"],
    ),
    (fingerprint(test=part((2, "ta"), (1, "x"), (2, "tc"))), ["test: 1 image fewer, in class 'bee'"]),
    (fingerprint(train=part((6, "x"), (7, "y"), (5, "c"))), ["train: 3 images more, in class 'ant' and 1 more"]),
    (fingerprint(train=part((5, "a"), (5, "b"), (5, "x"))), ["train: other images, in class 'cow'"]),
    (
        fingerprint(train={**FINGERPRINT["parts"]["train"], "digest": "another"}),
        ["train: the images have another order"],
    ),
    (fingerprint(**{"test part": "a fifth of train"}), ["test part: test -> a fifth of train"]),
    (fingerprint(version="3.0.2"), ["version: None -> 3.0.2"]),
]  # fmt: skip


@pytest.mark.parametrize(("now", "expected"), CHANGES)
def test_a_change_is_named(now, expected):
    changes = fingerprint_changes(FINGERPRINT, now)
    if now["class_names"] == ["ant", "bat", "bee", "cow"]:
        assert changes[:2] == expected
    else:
        assert changes == expected


def test_the_same_images_have_no_change():
    # Comparing equal fingerprints does not give an empty list of reasons by accident.
    assert fingerprint_changes(FINGERPRINT, copy.deepcopy(FINGERPRINT)) == ["its fingerprint"]


@pytest.fixture
def config(tmp_path):
    return SearchConfig(run_dir=str(tmp_path / "run"))


def begin(config):
    with RunDirectory(config) as run:
        keep_dataset(run, FINGERPRINT)
        run.metrics.write_text("")
        return run


def test_the_same_images_are_taken_and_nothing_is_written(config):
    run = begin(config)
    before = run.dataset.stat().st_mtime_ns
    with RunDirectory(config) as run:
        keep_dataset(run, copy.deepcopy(FINGERPRINT))
    assert json.loads(run.dataset.read_text()) == FINGERPRINT
    assert run.dataset.stat().st_mtime_ns == before


@pytest.mark.parametrize(("now", "expected"), CHANGES)
def test_other_images_are_refused_in_one_line_with_the_status_of_changed_settings(config, now, expected):
    begin(config)
    with RunDirectory(config) as run, pytest.raises(RunDirectoryError) as error:
        keep_dataset(run, now)
    assert error.value.exit_status == 4
    assert f"holds a run with other images ({expected[0]}" in str(error.value)
    assert "\n" not in str(error.value)
    assert json.loads(run.dataset.read_text()) == FINGERPRINT


def test_many_changes_are_named_in_part(config):
    begin(config)
    names = [f"new {number}" for number in range(1000)]
    now = fingerprint(names, part(*[(1, f"x{number}") for number in range(1000)]))
    now["parts"]["test"] = now["parts"]["train"]
    with RunDirectory(config) as run, pytest.raises(RunDirectoryError, match=r"; and 1001 changes more\)"):
        keep_dataset(run, now)


def test_a_run_of_an_earlier_version_takes_the_images_of_now(config):
    run = begin(config)
    run.dataset.unlink()
    with RunDirectory(config) as run:
        keep_dataset(run, FINGERPRINT)
    assert json.loads(run.dataset.read_text()) == FINGERPRINT


def test_a_run_that_ended_before_it_trained_can_begin_with_other_images_and_settings(config):
    with RunDirectory(config) as run:
        keep_dataset(run, FINGERPRINT)
    other = fingerprint(names=("ant", "bee", "dog"))
    with RunDirectory(SearchConfig(run_dir=config.run_dir, seed=3)) as run:
        keep_dataset(run, other)
    assert json.loads(run.dataset.read_text()) == other


def test_a_file_of_the_user_s_makes_no_run_folder(config, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "dataset.json").write_text("mine")
    with pytest.raises(RunDirectoryError, match=r"not a run folder: it holds 'dataset\.json'"):
        RunDirectory(config).__enter__()


@pytest.mark.parametrize("content", ["{", "[]", "{}", "[" * 100_000, '{"class_names": 3, "source": {}, "parts": {}}'])
def test_a_damaged_record_is_refused(config, content):
    begin(config).dataset.write_text(content)
    with RunDirectory(config) as run, pytest.raises(RunDirectoryError, match=r"dataset\.json cannot be read"):
        keep_dataset(run, FINGERPRINT)


def test_a_worker_that_only_helps_writes_nothing(config):
    with RunDirectory(config, is_writer=False) as run:
        keep_dataset(run, FINGERPRINT)
    assert not run.path.exists()
