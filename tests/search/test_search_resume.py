"""A search saves exactly what it needs: with all of it, it resumes bit for bit; without any one item it does not."""

import hashlib

import pytest

STOP, END = 3, 6
ITEMS = [
    "network_weights",
    "weights_optimizer",
    "operation_logits",
    "living_operations",
    "architecture_optimizer",
    "statistics",
    "weight_results",
    "architecture_results",
]


def go_on(search, first_step, last_step):
    """Runs pairs of steps; operations are dropped after the second and the fifth."""
    for number in range(first_step, last_step):
        search.update_weights(number)
        search.update_architecture(number)
        if number in (1, 4):
            search.drop()


def digest(search):
    content = hashlib.sha256()
    for name, arrays in search.values().items():
        content.update(name.encode() + b"".join(array.tobytes() for array in arrays))
    return content.hexdigest()


def restore(search, values, missing=None):
    search.reset()
    for name, variables in search.state.variables().items():
        for variable, value in zip(variables, values[name], strict=True):
            if name != missing:
                variable.assign(value)


@pytest.fixture(scope="module")
def stopped(shared_tiny_search):
    """The state after STOP steps, and the digest after END steps."""
    shared_tiny_search.reset()
    go_on(shared_tiny_search, 0, STOP)
    values = shared_tiny_search.values()
    go_on(shared_tiny_search, STOP, END)
    return values, digest(shared_tiny_search)


def test_with_all_items_it_goes_on_bit_for_bit(search, stopped):
    values, expected = stopped
    restore(search, values)
    go_on(search, STOP, END)
    assert digest(search) == expected


@pytest.mark.parametrize("missing", ITEMS)
def test_without_an_item_it_does_not(search, stopped, missing):
    values, expected = stopped
    restore(search, values, missing)
    go_on(search, STOP, END)
    assert digest(search) != expected


@pytest.mark.parametrize(("first_step", "last_step"), [(STOP + 1, END + 1), (STOP, END - 1)])
def test_from_another_step_it_does_not(search, stopped, first_step, last_step):
    values, expected = stopped
    restore(search, values)
    go_on(search, first_step, last_step)
    assert digest(search) != expected


def test_every_item_is_tried(search):
    # In float32 the loss scales have no variables.
    assert [name for name, variables in search.state.variables().items() if variables] == ITEMS


def test_the_items_hold_all_variables_there_are(search):
    state = search.state
    everything = [
        *state.network.variables, *state.weights.optimizer.variables, *search.method.architecture.variables,
        *search.method.architecture.optimizer.variables, search.method.living_operations,
        *search.method.statistics.variables, *state.weight_results.variables, *state.architecture_results.variables,
    ]  # fmt: skip
    saved = {id(variable) for variables in state.variables().values() for variable in variables}
    assert {id(variable) for variable in everything} <= saved
