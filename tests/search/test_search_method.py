import keras
import numpy as np
import pytest
import tensorflow as tf

from eoinas_tf.config import SearchConfig
from eoinas_tf.search.discretization import derive_cells
from eoinas_tf.search.methods.eoinas import Eoinas
from eoinas_tf.search.search_method import Evidence, SearchMethod, SearchProblem, Stage, load_method
from eoinas_tf.search_methods import SEARCH_METHODS
from eoinas_tf.space.operation_names import OPERATION_NAMES

SHAPE = (2, 14, 8)


def problem(**settings):
    return SearchProblem(SearchConfig(**settings), OPERATION_NAMES, steps_per_epoch=5)


def test_every_name_leads_to_a_method_with_a_title_and_labels():
    for name in SEARCH_METHODS:
        method = load_method(name)
        assert issubclass(method, SearchMethod), name
        assert method.title, name
    assert load_method("eoinas") is Eoinas


def test_what_is_dropped_stays_dropped():
    method = SearchMethod(problem())
    first, second = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    first[0, 3, 2] = second[1, 5, 7] = True
    method.drop(first)
    method.drop(second)
    np.testing.assert_array_equal(np.asarray(method.living_operations), ~(first | second))


def test_most_methods_have_one_stage_a_warm_up_and_no_drops():
    config = SearchConfig(epochs=12, cells=5, warmup_epochs=4)
    assert SearchMethod.stages(config) == (Stage(epochs=12, cells=5),)
    method = SearchMethod(problem(warmup_epochs=4))
    assert [method.is_warmup(epoch) for epoch in (1, 4, 5)] == [True, True, False]
    assert not method.drops(40, Evidence({}, "none", np.ones(SHAPE, bool))).any()


def test_cells_are_derived_from_the_scores_with_the_limit_of_the_settings():
    scores = np.random.default_rng(0).uniform(size=SHAPE)
    scores[..., OPERATION_NAMES.index("skip_connect")] += 1
    living, never = np.ones(SHAPE, bool), np.zeros(SHAPE, int)
    method = SearchMethod(problem(max_skip_connections=2))
    cells = method.derive(Evidence({"x": scores}, "x", living), never, lambda index: 0.0, "here")
    assert cells.genotype == derive_cells(scores, living, never, OPERATION_NAMES, "here", 2).genotype
    assert sum(operation == "skip_connect" for operation, _ in cells.genotype.normal) == 2


@pytest.mark.parametrize("name", SEARCH_METHODS)
def test_everything_that_a_method_keeps_is_in_its_state(name):
    """A variable missing from the state manifest would start afresh after a kill."""
    created = []

    def creator(following, **options):
        created.append(following(**options))
        return created[-1]

    with tf.variable_creator_scope(creator):
        method = load_method(name)(problem(method=name, epochs=80))
        for stage in range(len(method.stages(method.config))):
            method.begin_stage(stage)
    state = [variable for variables in method.state().values() for variable in variables]
    saved = {id(variable.value if isinstance(variable, keras.Variable) else variable) for variable in state}
    assert [variable for variable in created if id(variable) not in saved] == []
    assert len(created) == len(state) > 0
