"""Fingerprints as `dataset_fingerprint` makes them, of arrays in which single images differ."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest
from fake_study import fake_command
from small_study import SMALL, write_study

from eoinas_tf.data.dataset_fingerprint import dataset_fingerprint
from eoinas_tf.data.image_arrays import images_from_arrays
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.stop_signals import StopSignals
from eoinas_tf.study.run_images import RunImages
from eoinas_tf.study.study_file import read_study
from eoinas_tf.study.study_plan import plan_study
from eoinas_tf.study.study_runner import StudyRunner


def fingerprint(changed=None, source="3.0.2"):
    images = np.random.default_rng(0).integers(0, 255, (6, 4, 4, 3), np.uint8)
    if changed is not None:
        images[changed] += 1
    labels = np.array(["cat", "dog"] * 3)
    dataset = images_from_arrays(images, labels, test=(images[:4], labels[:4]))
    return {**dataset_fingerprint(dataset), "source": {"version": source}}


@pytest.fixture
def plan(tmp_path):
    """A search, its training run, and training runs of a network at two scales."""
    study = copy.deepcopy(SMALL)
    study["methods"] = study["methods"][:1]
    scale = study["scales"][0]
    scale.update(seeds=[1], networks=["DARTS_V2"], method_seeds={}, derived_cells=[])
    scale["trainings"] = [{key: value for key, value in scale["trainings"][0].items() if key != "more_seeds"}]
    study["scales"] = [scale, {**copy.deepcopy(scale), "name": "other"}]
    return plan_study(read_study(write_study(tmp_path, study)), tmp_path / "runs")


def record(run, content):
    run.folder.mkdir(parents=True, exist_ok=True)
    (run.folder / "dataset.json").write_text(content if isinstance(content, str) else json.dumps(content))


def test_equal_images_are_accepted_wherever_they_came_from(plan):
    images = RunImages()
    for number, run in enumerate(plan):
        record(run, fingerprint(source=f"3.0.{number}"))
        images.check(run)


def test_other_images_are_named_with_both_folders(plan):
    images = RunImages()
    first, second = plan[0], next(run for run in plan if run.contestant == "DARTS_V2")
    record(first, fingerprint())
    record(second, fingerprint(changed=5))
    images.check(first)
    with pytest.raises(ConfigurationError) as refusal:
        images.check(second)
    assert str(refusal.value) == (
        f"{second.folder} was run on other images than {first.folder} (train: other images, in class 'dog'); find out "
        "which of the two is right and delete the folders of the other, or name another --study_dir"
    )


def test_other_scales_may_have_other_images(plan):
    images = RunImages()
    for run in plan:
        record(run, fingerprint(changed=None if run.scale == "other" else 2))
        images.check(run)


@pytest.mark.parametrize("content", ["", "[]", '{"class_names": []}'])
def test_a_run_without_a_record_of_its_images_is_not_compared(plan, content):
    images = RunImages()
    record(plan[0], content)
    images.check(plan[0])
    images.check(plan[1])  # It has no folder yet.


def test_a_damaged_record_is_one_line(plan):
    images = RunImages()
    record(plan[0], fingerprint())
    record(plan[1], {"class_names": ["cat"], "parts": {"train": {}}})
    images.check(plan[0])
    with pytest.raises(ConfigurationError, match=r"was run on other images than .* \(a dataset.json is damaged\)"):
        images.check(plan[1])


def test_each_seed_of_a_search_is_compared(plan):
    for seed, changed in ((1, None), (2, 0)):
        folder = plan[0].folder / f"seed_{seed}"
        folder.mkdir(parents=True)
        (folder / "dataset.json").write_text(json.dumps(fingerprint(changed)))
    with pytest.raises(ConfigurationError, match=r"seed_2 was run on other images than .*seed_1 \(train: other images"):
        RunImages().check(plan[0])


def test_a_study_ends_at_the_first_run_on_other_images(plan, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    record(plan[0], fingerprint())
    record(plan[1], fingerprint(changed=1))
    for again in (plan, plan):  # When the run ends, and before anything else runs.
        runner = StudyRunner(again, tmp_path / "runs", 1, fake_command, lambda line: None)
        with StopSignals() as stop, pytest.raises(ConfigurationError, match="was run on other images than"):
            runner.run(stop)
        assert [run.is_finished() for run in plan] == [True, True, *[False] * (len(plan) - 2)]
