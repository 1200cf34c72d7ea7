"""A run saves exactly what it needs: with all of it, it resumes bit for bit; without any one item it does not."""

import hashlib

import keras
import pytest
import tensorflow as tf

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.evaluation.evaluation_network import EvaluationNetwork
from eoinas_tf.evaluation.evaluation_step import AVERAGES, EvaluationStep, build_evaluation_state
from eoinas_tf.space.genotype import Genotype

EDGES = (("sep_conv_3x3", 0), ("skip_connect", 1))
GENOTYPE = Genotype(normal=EDGES, normal_concat=(2,), reduce=EDGES, reduce_concat=(2,))
STOP, END = 2, 4
ITEMS = ["network", "optimizer", "results"]
MODERN = {"optimizer": "adamw", "ema_decay": 0.9, "mixup_alpha": 0.4, "cutmix_alpha": 1.0}


class TinyTraining:
    """A network with drop path and an auxiliary head, on 8x8 images, and a copy of its first state."""

    def __init__(self, **settings):
        keras.utils.set_random_seed(0)
        config = EvaluationConfig(
            genotype="unused", drop_path=0.5, auxiliary_weight=0.4, label_smoothing=0.1, **settings
        )
        networks = [EvaluationNetwork(GENOTYPE, 3, cells=3, init_channels=2, auxiliary=True) for _ in range(2)]
        for network in networks:
            network.build((None, 8, 8, 1))
        self.state = build_evaluation_state(config, networks[0], END, networks[1] if config.ema_decay else None)
        self.step = EvaluationStep(self.state, config, END)
        self.images = tf.random.stateless_normal([4, 8, 8, 1], [1, 2])
        self.labels = tf.constant([0, 1, 2, 0])
        self.first = self.values()

    def values(self):
        return {
            name: [tf.convert_to_tensor(variable).numpy() for variable in variables]
            for name, variables in self.state.variables().items()
        }

    def restore(self, values, missing=None):
        for name, variables in self.state.variables().items():
            for variable, value in zip(variables, (self.first if name == missing else values)[name], strict=True):
                variable.assign(value)

    def go_on(self, first_step, last_step):
        for number in range(first_step, last_step):
            self.step.train(self.images, self.labels, tf.constant(number, tf.int64))

    def digest(self):
        content = b"".join(array.tobytes() for arrays in self.values().values() for array in arrays)
        return hashlib.sha256(content).hexdigest()


@pytest.fixture(scope="module")
def training():
    return TinyTraining()


@pytest.fixture(scope="module")
def stopped(training):
    """The state after STOP steps, and the digest after END steps."""
    training.go_on(0, STOP)
    values = training.values()
    training.go_on(STOP, END)
    return values, training.digest()


def test_with_all_items_it_goes_on_bit_for_bit(training, stopped):
    values, expected = stopped
    training.restore(values)
    training.go_on(STOP, END)
    assert training.digest() == expected


@pytest.mark.parametrize("missing", ITEMS)
def test_without_an_item_it_does_not(training, stopped, missing):
    values, expected = stopped
    training.restore(values, missing)
    training.go_on(STOP, END)
    assert training.digest() != expected


def test_without_the_sum_of_the_bare_cross_entropy_its_mean_is_another(training, stopped):
    values, _ = stopped
    training.restore(values)
    training.go_on(STOP, END)
    expected = training.state.results.mean_cross_entropy()
    training.restore(values)
    training.state.results.cross_entropy_sum.assign(0.0)
    training.go_on(STOP, END)
    assert training.state.results.mean_cross_entropy() != expected


@pytest.mark.parametrize(("first_step", "last_step"), [(STOP + 1, END + 1), (STOP, END - 1)])
def test_from_another_step_it_does_not(training, stopped, first_step, last_step):
    values, expected = stopped
    training.restore(values)
    training.go_on(first_step, last_step)
    assert training.digest() != expected


def test_every_item_is_tried_and_holds_all_there_is(training):
    items = training.state.variables()
    # In float32 the loss scale has no variables.
    assert [name for name, variables in items.items() if variables] == ITEMS
    saved = {id(variable) for variables in items.values() for variable in variables}
    state = training.state
    everything = [*state.network.variables, *state.optimizer.variables, *state.results.variables]
    assert {id(variable) for variable in everything} <= saved


def test_several_steps_in_a_call_change_no_bit(training, stopped):
    _, expected = stopped
    training.restore(training.first)
    same_batch = tf.data.Dataset.from_tensors((training.images, training.labels)).repeat()
    training.step.train_repeatedly(iter(same_batch), tf.constant(0, tf.int64), tf.constant(3, tf.int64))
    training.step.train_repeatedly(iter(same_batch), tf.constant(3, tf.int64), tf.constant(END - 3, tf.int64))
    assert training.digest() == expected


@pytest.fixture(scope="module")
def modern():
    """A run with everything in today's recipe that has state or draws in a step: its state after STOP, and its end."""
    training = TinyTraining(**MODERN)
    training.go_on(0, STOP)
    values = training.values()
    training.go_on(STOP, END)
    return training, values, training.digest()


def test_a_recipe_of_today_goes_on_bit_for_bit(modern):
    training, values, expected = modern
    training.restore(values)
    training.go_on(STOP, END)
    assert training.digest() == expected
    training.restore(values)
    training.go_on(STOP + 1, END + 1)
    assert training.digest() != expected


@pytest.mark.parametrize("missing", [*ITEMS, AVERAGES])
def test_without_an_item_of_it_it_does_not(modern, missing):
    training, values, expected = modern
    assert [name for name, variables in training.state.variables().items() if variables] == [*ITEMS, AVERAGES]
    training.restore(values, missing)
    training.go_on(STOP, END)
    assert training.digest() != expected
