import dataclasses
import io
import itertools
import json
import os
import signal

import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.config import SearchConfig
from eoinas_tf.errors import DatasetError, NonFiniteError, StoppedError
from eoinas_tf.search import search_session
from eoinas_tf.search.search_loop import run_search, train_epoch
from eoinas_tf.search.search_session import SearchSession
from eoinas_tf.stop_signals import StopSignals
from eoinas_tf.training.epoch_steps import StepRunner
from eoinas_tf.training.progress import Progress
from eoinas_tf.training.step_saves import StepSaves

pytestmark = pytest.mark.usefixtures("pictures_are_not_drawn")


@pytest.fixture
def batches(search):
    return [((search.images, search.labels), (search.images, search.labels))] * 3


def train(search, batches, number, first_step=0, config=None, shown=None, saves=None, run_end=None):
    epoch = dataclasses.replace(search.epoch(number, batches, first_step), run_end=run_end)
    return train_epoch(search.step, epoch, StepRunner(config or search.config, shown or progress(), saves))


def progress():
    return Progress(100, io.StringIO(), itertools.count().__next__, seconds_between_lines=5)


def test_the_warm_up_trains_weights_only(search, batches):
    timing = train(search, batches, 20)
    counts = search.method.statistics.counts()
    assert counts.weight_steps.sum() == 3 * 28
    assert counts.architecture_steps.sum() == 0
    assert not np.any(search.method.operation_logits)
    assert timing["images_per_second"] > 0


def test_after_the_warm_up_each_iteration_has_both_steps(search, batches):
    train(search, batches, 21)
    counts = search.method.statistics.counts()
    assert counts.weight_steps.sum() == 3 * 28
    assert counts.architecture_steps.sum() == 3 * 28
    assert np.any(search.method.operation_logits)


def test_the_global_step_decides_the_samples(search, batches):
    def counts_from(first_step):
        search.reset()
        train(search, batches, 1, first_step)
        return search.method.statistics.counts().weight_steps

    np.testing.assert_array_equal(counts_from(0), counts_from(0))
    assert np.any(counts_from(0) != counts_from(3))


def test_a_loss_that_is_not_finite_ends_the_epoch_with_its_step(search, batches):
    bad = (search.images * float("nan"), search.labels)
    quiet = Progress(100, io.StringIO(), itertools.count().__next__, seconds_between_lines=1000)
    train(search, [*batches, (bad, bad)], 1, first_step=50, shown=quiet)
    with pytest.raises(NonFiniteError, match=r"weight step.*step 53 \(epoch 1\)"):
        search.state.weight_results.means(1)


def poison_weight_batch(search, pair):
    return ((search.images * float("nan"), search.labels), pair[1])


def poison_architecture_batch(search, pair):
    return (pair[0], (search.images * float("nan"), search.labels))


def poison_a_weight(search, pair):
    variable = search.network.trainable_variables[0]
    variable.assign(np.asarray(variable) * float("inf"))
    return pair


def poison_weight_gradient(search, pair):
    # The loss stays finite, but its gradient's norm does not.
    kernel = search.network.trainable_variables[-2]
    kernel.assign(np.asarray(kernel) * 1e30)
    return pair


def poison_operation_logits(search, pair):
    search.method.operation_logits.assign(search.method.operation_logits * 0 + float("nan"))
    return pair


@pytest.mark.parametrize(
    ("poison", "kind"),
    [
        (poison_weight_batch, "weight"),
        (poison_architecture_batch, "architecture"),
        (poison_a_weight, "weight"),
        (poison_weight_gradient, "weight"),
        (poison_operation_logits, "architecture"),
    ],
)
def test_whatever_stops_being_finite_is_named_with_its_step_and_not_saved(search, batches, poison, kind):
    class Poisoned(list):
        def __iter__(self):
            for number, pair in enumerate(batches):
                yield poison(search, pair) if number == 1 else pair

    saves = StepSaves(
        search.config, StopSignals(), lambda done, epoch_began: search.state.check_finite(done), lambda own, done: False
    )
    quiet = Progress(100, io.StringIO(), itertools.count().__next__, seconds_between_lines=1000)
    train(search, Poisoned(batches), 21, first_step=60, shown=quiet, saves=saves)
    with pytest.raises(NonFiniteError, match=rf"the {kind} step's loss or gradient.* at step 61 \(epoch 21\)"):
        search.state.check_finite(21)


def test_max_steps_ends_an_epoch(search, batches):
    config = dataclasses.replace(search.config, max_steps=2)
    assert train(search, batches, 21, config=config, run_end=2) is None
    assert search.method.statistics.counts().weight_steps.sum() == 2 * 28


@pytest.mark.parametrize("epoch", [1, 21])
def test_several_steps_in_a_call_change_no_bit(search, epoch):
    generator = np.random.default_rng(1)
    images = generator.normal(size=(7, 4, 8, 8, 1)).astype(np.float32)
    halves = tf.data.Dataset.from_tensor_slices((images, generator.integers(0, 3, (7, 4)).astype(np.int32)))
    pairs = tf.data.Dataset.zip((halves, halves.skip(1).concatenate(halves.take(1))))
    results, saved = [], []
    for steps_per_call in (1, 3):
        search.reset()
        settings = {"steps_per_call": steps_per_call, "checkpoint_every_steps": 5}
        config = dataclasses.replace(search.config, **settings)
        saved.append([])
        saves = StepSaves(
            config,
            StopSignals(),
            lambda done, _, steps=saved[-1]: steps.append(done),
            lambda own, done: False,
        )
        train(search, pairs, epoch, config=config, saves=saves)
        results.append(search.values())
    assert saved == [[5], [5]]
    assert search.method.statistics.counts().weight_steps.sum() == 7 * 28
    for name, arrays in results[0].items():
        for once, repeated in zip(arrays, results[1][name], strict=True):
            np.testing.assert_array_equal(once, repeated, err_msg=name)


def test_batches_may_come_from_tf_data(search):
    images = tf.data.Dataset.from_tensors((search.images, search.labels)).repeat(2)
    pairs = tf.data.Dataset.zip((images, images))
    train(search, pairs, 1)
    assert search.method.statistics.counts().weight_steps.sum() == 2 * 28


@pytest.mark.parametrize(
    ("on_bad_image", "message"),
    [("error", "^not an image: .*bee.1.png is empty"), ("skip", "^more than 1 % of 4 files .*bee.1.png is empty")],
)
def test_a_bad_image_ends_a_search_before_anything_is_built(tmp_path, on_bad_image, message):
    for class_name in ("ant", "bee"):
        for number in range(2):
            path = tmp_path / "images" / class_name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(tf.io.encode_png(np.zeros([8, 8, 3], np.uint8)).numpy())
    path.write_bytes(b"")
    run_dir = tmp_path / "run"
    config = SearchConfig(run_dir=str(run_dir), dataset=f"folder:{tmp_path / 'images'}", on_bad_image=on_bad_image)
    with pytest.raises(DatasetError, match=message):
        run_search(config)
    assert sorted(entry.name for entry in run_dir.iterdir()) == ["config.json", "environment.json", "lock"]


def test_the_split_seed_divides_the_images(tmp_path, monkeypatch):
    class Divided(Exception):
        pass

    def divide(labels, seed):
        raise Divided(len(labels), seed)

    monkeypatch.setattr(search_session, "class_balanced_halves", divide)
    with pytest.raises(Divided) as divided:
        run_search(SearchConfig(run_dir=str(tmp_path / "run"), dataset="digits", seed=3, split_seed=9))
    assert divided.value.args[1] == 9


@pytest.mark.usefixtures("untraced")
def test_a_signal_between_two_epochs_loses_none(tmp_path, monkeypatch):
    prepared = SearchSession.epoch

    def interrupted(session, number):
        if number == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return prepared(session, number)

    monkeypatch.setattr(SearchSession, "epoch", interrupted)
    config = SearchConfig(
        run_dir=str(tmp_path), dataset="digits", cells=3, init_channels=2, batch_size=220, epochs=3, steps_per_epoch=1,
        crop_padding=1, tensorboard=False, checkpoint_every_epochs=10, operations=("none", "skip_connect"),
    )  # fmt: skip
    with pytest.raises(StoppedError, match="saved after step 2"):
        run_search(config)


@pytest.mark.usefixtures("untraced")
def test_a_search_that_max_steps_ends_is_saved_and_continued_to_the_same_bytes(tmp_path, capsys):
    config = SearchConfig(
        run_dir=str(tmp_path / "whole"), dataset="digits", cells=3, init_channels=2, batch_size=220, epochs=2,
        steps_per_epoch=2, warmup_epochs=1, pruning_after_epoch=0, pruning_every_epochs=1, crop_padding=1,
        tensorboard=False, operations=("none", "skip_connect", "sep_conv_3x3"),
    )  # fmt: skip
    # Two steps per epoch, of the three that the images make: it ends within the second epoch, and the limit is then the
    # search's own end.
    run_search(config)
    capsys.readouterr()
    pieces = dataclasses.replace(config, run_dir=str(tmp_path / "pieces"))
    assert run_search(dataclasses.replace(pieces, max_steps=3)) is None
    assert "ended by --max_steps=3 after 3 of 4 steps, which are saved" in capsys.readouterr().out
    assert run_search(dataclasses.replace(pieces, max_steps=4)) is not None
    assert "continuing after epoch 1 of 2, step 3" in capsys.readouterr().out
    timing = [json.loads(line) for line in (tmp_path / "pieces" / "timing.jsonl").read_text().splitlines()]
    assert [(line["epoch"], line.get("step")) for line in timing] == [(1, None), (2, 3), (2, None), (2, None)]
    assert timing[-1]["scored_cells"] == 1
    for name in ("metrics.jsonl", "pruning.jsonl", "genotype.json", "summary.json"):
        assert (tmp_path / "pieces" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
