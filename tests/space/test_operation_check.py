import keras
import pytest
import tensorflow as tf

from eoinas_tf.config import EvaluationConfig, SearchConfig
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.evaluation import evaluation_session, training_rehearsal
from eoinas_tf.evaluation.evaluation_loop import run_evaluation
from eoinas_tf.search import search_rehearsal, search_session
from eoinas_tf.search.search_loop import run_search
from eoinas_tf.space import operation_names
from eoinas_tf.space.convolution_blocks import normalization_layer
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.operation_check import check_own_operations
from eoinas_tf.space.operation_names import OPERATION_NAMES
from eoinas_tf.space.operations import OPERATIONS, Operation


class Scaling(Operation):
    """One trained factor for all elements, then normalization; at stride 2, of every second pixel."""

    def build(self, input_shape):
        self.factor_initializer = keras.initializers.Ones()
        self.factor = self.add_weight(name="factor", shape=(), initializer=self.factor_initializer)
        self.normalization = normalization_layer(self.affine)
        self.normalization.build(self.compute_output_shape(input_shape))

    def call(self, inputs, training=None):
        outputs = self.factor * inputs[:, :: self.stride, :: self.stride]
        return self.normalization(outputs, training=training) if self.affine else self.normalization(outputs)


class WithoutInitializer(Scaling):
    def build(self, input_shape):
        super().build(input_shape)
        del self.factor_initializer


class WithoutStride(Scaling):
    def call(self, inputs, training=None):
        return self.factor * inputs


class AlwaysAffine(Scaling):
    def __init__(self, channels, stride, affine, **kwargs):
        super().__init__(channels, stride, True, **kwargs)


class BuiltWhenCalled(Scaling):
    def build(self, input_shape):
        super().build(input_shape)
        self.pointwise = keras.layers.Conv2D(self.channels, 1)

    def call(self, inputs, training=None):
        return super().call(self.pointwise(inputs), training)


class Raising(Scaling):
    def call(self, inputs, training=None):
        return tf.reshape(inputs, [7])


def without_affine(channels, stride, name):
    return Scaling(channels, stride, name=name)


CASES = {
    "without_initializer": (
        WithoutInitializer,
        "does not keep the initializer of tried/factor as the attribute factor_initializer of the layer that makes it",
        "stride=1, affine=False",
    ),
    "without_stride": (
        WithoutStride,
        r"must map \[2, 5, 5, 4\] to \[2, 3, 3, 4\], and its output is \[2, 5, 5, 4\]; correct it",
        "stride=2, affine=",
    ),
    "always_affine": (
        AlwaysAffine,
        r"must hold no untrained variables with affine=False, and has tried/batch_normalization\w*/moving_mean",
        "stride=1, affine=False",
    ),
    "built_when_called": (BuiltWhenCalled, "must create its variables in `build`", "stride=1, affine="),
    "without_affine": (
        without_affine,
        "must take channels, stride, affine and name: .* unexpected keyword argument 'affine'",
        "stride=1, affine=",
    ),
    "no_layer": (lambda **arguments: tf.identity, "must be a Keras layer, and is <function", "stride=1, affine="),
}


@pytest.fixture
def own(monkeypatch):
    """Returns a function that makes an operation known until the end of the test."""

    def register(name, build):
        monkeypatch.setitem(OPERATIONS, name, build)

    return register


@pytest.mark.parametrize("in_supernet", [True, False])
def test_an_operation_that_keeps_the_rules_is_accepted(own, in_supernet):
    own("scaling", Scaling)
    check_own_operations(["scaling", "none"], in_supernet)


@pytest.mark.parametrize("name", CASES)
def test_an_operation_that_breaks_a_rule_is_named_with_the_rule(own, name):
    build, rule, received = CASES[name]
    own(name, build)
    with pytest.raises(ConfigurationError, match=rule) as refusal:
        check_own_operations(["skip_connect", name], in_supernet=True)
    assert f"the operation {name}" in str(refusal.value)
    assert f"Received: {name}(channels=4, {received}" in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("build", [WithoutInitializer, AlwaysAffine])
def test_a_final_network_does_not_ask_for_what_only_a_super_network_needs(own, build):
    own("scaling", build)
    check_own_operations(["scaling"], in_supernet=False)


def test_a_final_network_needs_variables_that_are_there_before_the_first_step(own):
    own("scaling", BuiltWhenCalled)
    with pytest.raises(ConfigurationError, match="must create its variables in `build`"):
        check_own_operations(["scaling"], in_supernet=False)


def test_what_an_operation_raises_itself_is_not_hidden(own):
    own("raising", Raising)
    with pytest.raises(tf.errors.InvalidArgumentError):
        check_own_operations(["raising"], in_supernet=False)


def test_operations_of_this_package_are_not_tried(monkeypatch):
    for name in OPERATION_NAMES:
        monkeypatch.setitem(OPERATIONS, name, None)
    check_own_operations(OPERATION_NAMES, in_supernet=True)


def test_a_search_tries_its_candidates_before_it_reads_images(own, monkeypatch, tmp_path):
    own("without_stride", WithoutStride)
    monkeypatch.setattr(operation_names, "_REGISTERED", ["without_stride"])
    monkeypatch.setattr(search_session, "load_search_images", not_reached)
    config = SearchConfig(run_dir=str(tmp_path), dataset="digits", operations=("none", "without_stride"))
    with pytest.raises(ConfigurationError, match="the operation without_stride must map"):
        run_search(config)


def test_a_training_run_tries_the_operations_of_its_cells_before_it_reads_images(own, monkeypatch, tmp_path):
    own("without_stride", WithoutStride)
    monkeypatch.setattr(operation_names, "_REGISTERED", ["without_stride"])
    monkeypatch.setattr(evaluation_session, "load_images", not_reached)
    cell = (("skip_connect", 0), ("without_stride", 1)), (2,)
    (tmp_path / "genotype.json").write_text(Genotype(*cell, *cell).to_json())
    config = EvaluationConfig(
        run_dir=str(tmp_path / "run"), dataset="digits", genotype=str(tmp_path / "genotype.json"), cells=3
    )
    with pytest.raises(ConfigurationError, match="the operation without_stride must map"):
        run_evaluation(config)


@pytest.mark.parametrize("run", ["search", "training"])
def test_a_time_budget_reads_no_images_before_it_either(own, monkeypatch, tmp_path, run):
    own("without_stride", WithoutStride)
    monkeypatch.setattr(operation_names, "_REGISTERED", ["without_stride"])
    monkeypatch.setattr(search_rehearsal, "read_search_images", not_reached)
    monkeypatch.setattr(training_rehearsal, "load_images", not_reached)
    shared = {"run_dir": str(tmp_path / "run"), "dataset": "digits", "epochs": None, "hours": 1.0, "cells": 3}
    cell = (("skip_connect", 0), ("without_stride", 1)), (2,)
    (tmp_path / "genotype.json").write_text(Genotype(*cell, *cell).to_json())
    begin, config = {
        "search": (run_search, SearchConfig(**shared, operations=("none", "without_stride"))),
        "training": (run_evaluation, EvaluationConfig(**shared, genotype=str(tmp_path / "genotype.json"))),
    }[run]
    with pytest.raises(ConfigurationError, match="the operation without_stride must map"):
        begin(config)


def not_reached(*arguments, **settings):
    raise AssertionError("images were read")
