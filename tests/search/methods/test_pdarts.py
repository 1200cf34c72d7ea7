import contextlib
import json
import shutil
from typing import NamedTuple

import keras
import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.config import SearchConfig
from eoinas_tf.data.image_split import ImageDataset, ImageSplit
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.experiment import checkpointing
from eoinas_tf.optimization.precision import NoLossScale
from eoinas_tf.search import search_session
from eoinas_tf.search.methods.pdarts import PDarts
from eoinas_tf.search.search_loop import run_search
from eoinas_tf.search.search_method import SearchProblem, Stage
from eoinas_tf.search.updater import Updater
from eoinas_tf.space.operation_names import OPERATION_NAMES, SKIP_CONNECT
from eoinas_tf.supernet.candidate_operations import CandidateOperations
from eoinas_tf.supernet.choice import Mixed, OperationMixture, SkipDropout

pytestmark = pytest.mark.usefixtures("pictures_are_not_drawn")

SKIP = OPERATION_NAMES.index(SKIP_CONNECT)
WRITTEN = {"genotype", "metrics", "pruning", "summary", "final_evidence"}
SCHEDULE = {"skip_dropout": tf.constant(0.5)}


def settings(**others):
    return SearchConfig(method="pdarts", **{"epochs": 75, "cells": 5, **others})


def new_method(stage=0, **others):
    method = PDarts(SearchProblem(settings(**others), OPERATION_NAMES, steps_per_epoch=5))
    method.begin_stage(stage)
    return method


def array(variable):
    return keras.ops.convert_to_numpy(variable).copy()


def values_of(variables):
    return [array(variable) for variable in variables]


def step(number):
    return tf.constant(number, tf.int64)


def test_the_paper_s_stages_and_settings():
    assert PDarts.stages(settings()) == (Stage(25, 5), Stage(25, 11), Stage(25, 17))
    config = settings()
    assert (config.architecture_learning_rate, config.max_skip_connections) == (6e-4, 2)
    assert (config.operations_kept, config.skip_dropout) == ((5, 3), (0.0, 0.4, 0.7))
    # Another method keeps its own value.
    assert (SearchConfig().architecture_learning_rate, SearchConfig().max_skip_connections) == (3e-4, None)


@pytest.mark.parametrize(
    ("epochs", "cells", "growth", "expected"),
    [
        (6, 3, (2.2, 3.4), ((2, 3), (2, 7), (2, 10))),
        (3, 3, (1.3, 1.7), ((1, 3), (1, 4), (1, 5))),
        (160, 8, (1.0, 2.0), ((54, 8), (53, 8), (53, 16))),
        (161, 8, (1.0, 2.0), ((54, 8), (54, 8), (53, 16))),
    ],
)
def test_stages_of_other_sizes(epochs, cells, growth, expected):
    stages = PDarts.stages(settings(epochs=epochs, cells=cells, depth_growth=growth))
    assert tuple((stage.epochs, stage.cells) for stage in stages) == expected


def test_fewer_epochs_than_stages_are_refused():
    with pytest.raises(ConfigurationError) as refusal:
        PDarts.stages(settings(epochs=2))
    assert str(refusal.value) == (
        "--epochs must be at least 3 with --method=pdarts, which searches in 3 stages. Received: 2"
    )


@pytest.mark.parametrize(
    ("epochs", "part", "expected"),
    [
        (75, 0.4, {*range(1, 11), *range(26, 36), *range(51, 61)}),
        (6, 0.4, {1, 3, 5}),
        (6, 0.0, set()),
        (6, 0.99, {1, 3, 5}),
        (3, 0.4, set()),
    ],
)
def test_each_stage_begins_with_a_warm_up(epochs, part, expected):
    method = new_method(epochs=epochs, stage_warmup=part)
    assert {epoch for epoch in range(1, epochs + 1) if method.is_warmup(epoch)} == expected


def test_the_dropout_falls_in_a_line_and_then_exponentially():
    """The values of the public code: p * (24 - e) / 25 for e < 10, then p * exp(-0.2 * (e - 10)), e from 0."""
    rates = [new_method().schedule(epoch)["skip_dropout"] for epoch in range(1, 76)]
    assert rates[:25] == [0.0] * 25
    for rate, stage in ((0.4, rates[25:50]), (0.7, rates[50:])):
        np.testing.assert_allclose(stage[:10], [rate * (24 - epoch) / 25 for epoch in range(10)])
        np.testing.assert_allclose(stage[10:], [rate * np.exp(-0.2 * epoch) for epoch in range(15)])
    assert rates[25:27] == pytest.approx([0.384, 0.368])
    assert rates[35:37] == pytest.approx([0.4, 0.3274923])


def test_a_stage_begins_with_new_alpha_and_a_new_optimizer():
    method = new_method()
    optimizer = method.architecture.optimizer
    first, new = array(method.operation_logits), values_of(optimizer.variables)
    assert first.shape == (2, 14, 8)
    # 224 draws with deviation 0.001.
    assert 0.0008 < first.std() < 0.0012
    assert abs(first.mean()) < 0.0003
    optimizer.apply([tf.ones((2, 14, 8))], method.architecture.variables)
    assert any(np.any(before != after) for before, after in zip(new, values_of(optimizer.variables), strict=True))
    method.begin_stage(1)
    for before, after in zip(new, values_of(optimizer.variables), strict=True):
        np.testing.assert_array_equal(before, after)
    assert float(optimizer.learning_rate) == pytest.approx(6e-4)
    second = array(method.operation_logits)
    assert not np.isin(second, first).any()
    # Only seed and stage matter.
    np.testing.assert_array_equal(second, new_method(stage=1).operation_logits)
    assert np.any(second != array(new_method(stage=1, seed=1).operation_logits))


def test_gradients_of_alpha_are_clipped_before_the_decay():
    method = new_method(architecture_l2=0.5, gradient_clip_norm=5.0)
    gradient = np.zeros((2, 14, 8), np.float32)
    gradient[0, 0, :2] = 30, 40
    (clipped,), norm = method.architecture.clipped_and_decayed([tf.constant(gradient)])
    assert float(norm) == 50
    np.testing.assert_allclose(clipped, gradient / 10 + 0.5 * array(method.operation_logits), rtol=1e-6)


def test_edges_weigh_their_living_operations_by_softmax():
    method = new_method(stage=1)
    logits = np.random.default_rng(0).normal(size=(2, 14, 8)).astype(np.float32)
    method.operation_logits.assign(logits)
    dropped = np.zeros((2, 14, 8), bool)
    dropped[..., [0, 5]] = True
    method.drop(dropped)
    expected = np.where(dropped, 0, np.exp(logits))
    expected /= expected.sum(axis=-1, keepdims=True)
    for choose in (method.weight_choice, method.architecture_choice):
        choice = choose(step(3), SCHEDULE)
        np.testing.assert_allclose(choice.weights, expected, rtol=1e-5)
        np.testing.assert_array_equal(choice.living_operations, ~dropped)
    np.testing.assert_allclose(method.evidence().scores[..., 1], expected[..., 1], rtol=1e-5)


def test_what_was_dropped_has_no_gradient_and_the_others_have_softmax_s():
    method = new_method(stage=1)
    dropped = np.zeros((2, 14, 8), bool)
    dropped[..., 2:] = True
    method.drop(dropped)
    method.operation_logits.assign(np.zeros((2, 14, 8)))
    with tf.GradientTape() as tape:
        tape.watch(method.operation_logits.value)
        weights = method.architecture_choice(step(0), SCHEDULE).weights
        first = tf.reduce_sum(weights[..., 0])
    gradient = tape.gradient(first, method.operation_logits.value)
    # beta (1 - beta) and -beta^2 at beta = 1/2.
    np.testing.assert_allclose(gradient, np.broadcast_to([0.25, -0.25, 0, 0, 0, 0, 0, 0], (2, 14, 8)), rtol=1e-6)


def test_masks_follow_seed_kind_of_step_and_step():
    method = new_method(stage=1)

    def seed(choose, number):
        return tuple(choose(step(number), SCHEDULE).skip_dropout.seed.numpy())

    seeds = [seed(choose, number) for choose in (method.weight_choice, method.architecture_choice) for number in (3, 4)]
    assert len(set(seeds)) == 4
    assert seed(method.weight_choice, 3) == seeds[0]
    assert seed(new_method(stage=1, seed=1).weight_choice, 3) != seeds[0]
    assert float(method.weight_choice(step(3), SCHEDULE).skip_dropout.rate) == 0.5


def test_a_stage_without_dropout_draws_no_mask():
    assert new_method().weight_choice(step(3), SCHEDULE).skip_dropout is None
    assert new_method(skip_dropout=(0.1, 0.0, 0.0)).weight_choice(step(3), SCHEDULE).skip_dropout is not None


class ThirdReplica:
    """Like `Replicas` inside a replica, with seeds that are marked."""

    def own_seed(self, seed):
        return seed + tf.constant([0, 1000], tf.int64)


class RecordingNetwork:
    trainable_variables = ()

    def __call__(self, images, choice, train_weights):
        self.choice = choice
        return images


def test_each_replica_draws_masks_of_its_own():
    method, network = new_method(stage=2), RecordingNetwork()
    batch = tf.zeros([2, 3]), tf.constant([0, 1])
    updater = Updater(network, ThirdReplica(), NoLossScale(), None)
    updater.gradients(batch, lambda: method.weight_choice(step(7), SCHEDULE))
    expected = method.weight_choice(step(7), SCHEDULE)
    assert (network.choice.skip_dropout.seed - expected.skip_dropout.seed).numpy().tolist() == [0, 1000]
    assert network.choice.skip_dropout.rate is SCHEDULE["skip_dropout"]
    np.testing.assert_array_equal(network.choice.weights, expected.weights)
    # Nothing is drawn, nothing is changed.
    plain = Mixed(expected.weights, expected.living_operations)
    updater.gradients(batch, lambda: plain)
    assert network.choice is plain


@pytest.mark.parametrize("stride", [1, 2])
def test_dropout_touches_identities_only(stride):
    candidates = CandidateOperations(2, stride)
    generator = np.random.default_rng(0)
    inputs = tf.constant(generator.normal(size=(4, 8, 8, 2)), tf.float32)
    weights = tf.constant(generator.normal(size=candidates.weight_count), tf.float32)
    living = tf.ones([8], tf.bool)

    def run(operation, rate):
        dropout = SkipDropout(tf.constant(rate), tf.constant([1, 2], tf.int64))
        return candidates.mix(inputs, weights, OperationMixture(tf.one_hot(operation, 8), living, dropout)).numpy()

    for operation in range(1, 8):
        if (operation, stride) != (SKIP, 1):
            np.testing.assert_array_equal(run(operation, 0.75), run(operation, 0.0))
    if stride == 1:
        outputs = run(SKIP, 0.75)
        kept = outputs != 0
        # 512 draws with deviation 0.019.
        assert 0.17 < kept.mean() < 0.33
        np.testing.assert_allclose(outputs[kept], 4 * inputs.numpy()[kept], rtol=1e-6)
        # Element by element: images and channels are neither kept nor dropped as a whole.
        for axes in ((1, 2, 3), (0, 1, 2), (0, 3)):
            parts = kept.mean(axis=axes)
            assert parts.min() >= 0
            assert parts.max() < 1
            assert (parts > 0).mean() > 0.8


def test_the_lowest_weights_go_at_the_ends_of_the_first_two_stages():
    method = new_method()
    logits = np.random.default_rng(0).normal(size=(2, 14, 8))
    order = np.argsort(logits, axis=-1)
    method.operation_logits.assign(logits)
    evidence = method.evidence()
    assert [epoch for epoch in range(1, 76) if method.drops(epoch, evidence).any()] == [25, 50]
    dropped = method.drops(25, evidence)
    assert (dropped.sum(axis=-1) == 3).all()
    assert np.take_along_axis(dropped, order[..., :3], axis=-1).all()
    method.drop(dropped)
    # The new alpha ranks what is left; a dropped operation does not come back, however high its alpha.
    method.operation_logits.assign(-logits)
    dropped = method.drops(50, method.evidence())
    assert (dropped.sum(axis=-1) == 2).all()
    assert np.take_along_axis(dropped, order[..., 6:], axis=-1).all()
    method.drop(dropped)
    living = array(method.living_operations)
    assert (living.sum(axis=-1) == 3).all()
    assert np.take_along_axis(living, order[..., 3:6], axis=-1).all()


@pytest.mark.parametrize(("kept", "expected"), [((8, 1), (8, 1)), ((2, 2), (2, 2)), ((1000, 4), (8, 4))])
def test_other_numbers_of_operations_are_kept(kept, expected):
    method = new_method(operations_kept=kept)
    for epoch, count in zip((25, 50), expected, strict=True):
        method.drop(method.drops(epoch, method.evidence()))
        assert (array(method.living_operations).sum(axis=-1) == count).all()


def derived(logits, living, **others):
    method = new_method(stage=2, **others)
    method.operation_logits.assign(logits)
    method.drop(~living)
    return method.derive(method.evidence(), np.where(living, 0, 25), None, "a source")


class Case(NamedTuple):
    logits: np.ndarray
    living: np.ndarray


@pytest.fixture
def identities_lead():
    """On each edge `none` leads, then an identity, then sep_conv_3x3; identities are stronger on later edges."""
    logits = np.full((2, 14, 8), -5.0)
    logits[..., 0] = 3.0
    logits[..., SKIP] = np.linspace(1.0, 2.3, 14)
    logits[..., 2] = 0.0
    return Case(logits, np.broadcast_to(np.isin(np.arange(8), [0, SKIP, 2]), (2, 14, 8)))


def test_derivation_by_hand(identities_lead):
    cells = derived(*identities_lead)
    # Each node keeps its two strongest edges, its last ones, with the strongest operation other than `none`.
    assert cells.genotype.reduce == tuple((SKIP_CONNECT, node) for node in (1, 0, 2, 1, 3, 2, 4, 3))
    # Two identities stay in the normal cell: those of the strongest edges. The other edges take what is left, and an
    # edge whose identity was ruled out is as strong as its sep_conv_3x3: weaker than one with an identity.
    operations = [operation for operation, _ in cells.genotype.normal]
    assert operations.count(SKIP_CONNECT) == 2
    assert operations[-2:] == [SKIP_CONNECT, SKIP_CONNECT]
    assert set(operations[:-2]) == {"sep_conv_3x3"}


@pytest.mark.parametrize(("limit", "expected"), [(0, 0), (1, 1), (3, 3), (8, 8)])
def test_the_limit_on_identities_can_be_another(identities_lead, limit, expected):
    cells = derived(*identities_lead, max_skip_connections=limit)
    counts = [
        sum(operation == SKIP_CONNECT for operation, _ in pairs)
        for pairs in (cells.genotype.normal, cells.genotype.reduce)
    ]
    assert counts == [expected, 8]


def test_none_takes_part_in_the_softmax_that_compares_edges(identities_lead):
    logits, living = identities_lead.logits.copy(), identities_lead.living
    # The last node's edge from node 0 has the highest alpha of an identity, and loses most of its weight to `none`.
    logits[1, 9, SKIP], logits[1, 9, 0] = 4.0, 9.0
    assert derived(logits, living).genotype.reduce[-2:] == ((SKIP_CONNECT, 4), (SKIP_CONNECT, 3))
    logits[1, 9, 0] = 3.0
    assert derived(logits, living).genotype.reduce[-2:] == ((SKIP_CONNECT, 0), (SKIP_CONNECT, 4))


FEW_OPERATIONS = ("none", SKIP_CONNECT, "sep_conv_3x3", "max_pool_3x3")


class Killed(Exception):
    """Ends a search at a point that a test chooses."""


@pytest.fixture
def few_images(monkeypatch):
    """24 images of two classes instead of the digits, two steps per epoch."""
    generator = np.random.default_rng(0)
    split = ImageSplit.from_pixels(generator.integers(0, 256, (24, 8, 8, 1), np.uint8), np.arange(24) % 2)
    dataset = ImageDataset("digits", ("even", "odd"), (8, 8, 1), split, split)
    monkeypatch.setattr(search_session, "load_search_images", lambda config, run: dataset)


def search(run_dir, monkeypatch, copies=None, kill_at=None):
    """Searches, and returns the numbers of the checkpoints written.

    Args:
        run_dir: The run folder.
        monkeypatch: Of pytest.
        copies: Folders that receive a copy of the run folder, as a kill would leave it, by the checkpoint just
            written: its number and how often it was written.
        kill_at: The checkpoint at which the search ends.
    """
    written = []

    def fault_point(name, number):
        if name == "after_checkpoint":
            written.append(number)
            place = number, written.count(number)
            if place in (copies or {}):
                shutil.copytree(run_dir, copies[place])
            if place == kill_at:
                raise Killed

    monkeypatch.setattr(checkpointing, "fault_point", fault_point)
    config = settings(
        run_dir=str(run_dir), dataset="digits", cells=3, depth_growth=(1.3, 1.7), operations_kept=(3, 2), epochs=3,
        init_channels=2, batch_size=6, crop_padding=1, architecture_learning_rate=0.1, tensorboard=False,
        checkpoint_every_steps=1, checkpoint_every_epochs=100, operations=FEW_OPERATIONS,
    )  # fmt: skip
    with pytest.raises(Killed) if kill_at else contextlib.nullcontext():
        run_search(config)
    return written


def what_it_leaves(folder):
    """Returns all that must be the same whether a search was stopped or not, with the newest checkpoint's values."""
    files = [path for path in folder.iterdir() if path.suffix in {".json", ".jsonl"}]
    found = {path.name: path.read_bytes() for path in files if path.stem in WRITTEN}
    newest = max((folder / "checkpoints").iterdir())
    values = tf.train.load_checkpoint(str(newest / "variables"))
    names = [name for name in values.get_variable_to_shape_map() if not name.startswith("_")]
    assert len(names) > 100
    found.update({name: np.asarray(values.get_tensor(name)).tobytes() for name in names})
    return found


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.slow
def test_a_search_killed_between_and_in_its_stages_ends_in_the_same_bytes(few_images, tmp_path, monkeypatch):
    whole, between, within = tmp_path / "whole", tmp_path / "between", tmp_path / "within"
    # After the first stage's last epoch, and between the second stage's two steps.
    copies = {(2, 2): between, (3, 1): within}
    # Each step, and the ends of stages, whatever --checkpoint_every_epochs is.
    assert search(whole, monkeypatch, copies) == [1, 2, 2, 3, 4, 4, 5, 6, 6]
    assert search(between, monkeypatch, kill_at=(3, 1)) == [3]
    assert what_it_leaves(between) == what_it_leaves(within)
    assert search(within, monkeypatch) == [4, 4, 5, 6, 6]
    assert what_it_leaves(within) == what_it_leaves(whole)

    records = lines(whole / "metrics.jsonl")
    assert [record["skip_dropout"] for record in records] == [0.0, 0.4, 0.7]
    # Each stage's schedule of the learning rate ends with the stage.
    assert [record["learning_rate"] for record in records] == pytest.approx([0.001] * 3)
    counts = [np.isfinite(np.array(record["operation_weight"]["normal"], float)).sum(axis=-1) for record in records]
    assert [set(count.tolist()) for count in counts] == [{4}, {3}, {2}]
    drops = lines(whole / "pruning.jsonl")
    assert [sum(drop["epoch"] == epoch for drop in drops) for epoch in (1, 2, 3)] == [28, 28, 0]
