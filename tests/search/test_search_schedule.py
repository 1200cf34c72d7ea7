import itertools
import json

import pytest

from eoinas_tf.commands.search import run_one_search
from eoinas_tf.config import SearchConfig
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.search.operation_pruning import is_pruning_epoch
from eoinas_tf.search.search_schedule import check_pruning_schedule, schedule_faults
from eoinas_tf.search.seed_selection import search_seeds

NAMES = ("warmup_epochs", "pruning_after_epoch", "pruning_every_epochs")


def schedule(*values):
    return dict(zip(NAMES, values, strict=True))


def schedule_of(config):
    return tuple(getattr(config, name) for name in NAMES)


def drop_epochs(config):
    return [
        epoch
        for epoch in range(1, config.epochs + 1)
        if is_pruning_epoch(epoch, config.pruning_after_epoch, config.pruning_every_epochs)
    ]


@pytest.mark.parametrize(
    ("epochs", "expected"), [(160, (20, 20, 20)), (8, (1, 1, 1)), (9, (1, 1, 1)), (50, (6, 6, 6)), (3, (0, 0, 1))]
)
def test_what_is_not_given_is_an_eighth_of_the_epochs(epochs, expected):
    config = SearchConfig(epochs=epochs)
    assert schedule_of(config) == expected
    assert [json.loads(config.to_json())[name] for name in NAMES] == list(expected)
    assert not config.gives_whole_schedule
    assert SearchConfig(epochs=epochs, **schedule(*expected)) == config
    assert SearchConfig(epochs=epochs, **schedule(*expected)).gives_whole_schedule


def test_what_is_given_stays_and_the_rest_follows():
    config = SearchConfig(epochs=80, warmup_epochs=0)
    assert schedule_of(config) == (0, 10, 10)
    assert not config.gives_whole_schedule


@pytest.mark.parametrize("epochs", [*range(8, 40), 100, 159, 160, 161])
def test_any_number_of_epochs_from_8_on_learns_before_it_drops_and_leaves_one_operation(epochs):
    config = SearchConfig(epochs=epochs)
    drops = drop_epochs(config)
    assert len(drops) >= 7
    assert config.warmup_epochs < drops[0]
    assert check_pruning_schedule(config) == ()


@pytest.mark.parametrize("candidates", [9, 10, 12, 17])
def test_with_more_candidates_all_but_one_are_dropped_in_any_number_of_epochs(candidates):
    operations = tuple(f"operation_{number}" for number in range(candidates))
    for epochs in [*range(candidates, 70), 159, 160, 161]:
        config = SearchConfig(epochs=epochs, operations=operations)
        drops = drop_epochs(config)
        assert len(drops) >= candidates - 1
        assert config.warmup_epochs < drops[0]
        assert check_pruning_schedule(config) == ()
    with pytest.raises(ConfigurationError, match=f"use at least {candidates} epochs.*default to 1/{candidates} of"):
        check_pruning_schedule(SearchConfig(epochs=candidates - 1, operations=operations))


def test_the_warm_up_of_a_method_that_drops_nothing_stays_an_eighth():
    operations = tuple(f"operation_{number}" for number in range(10))
    assert SearchConfig(method="gdas", operations=operations).warmup_epochs == 20
    assert SearchConfig(method="gdas_pruning", operations=operations).warmup_epochs == 16


@pytest.mark.parametrize("epochs", range(1, 8))
def test_fewer_than_8_epochs_are_refused_with_what_to_do(epochs):
    with pytest.raises(ConfigurationError) as refusal:
        check_pruning_schedule(SearchConfig(epochs=epochs))
    message = str(refusal.value)
    left = f"{8 - epochs} of 8 operations are left on each edge at the end; " if epochs < 7 else ""
    assert message.startswith(left.removesuffix("; "))
    assert "fewer than 8 epochs leave no epoch for the warm-up" in message
    assert f"Received: --epochs={epochs}, --warmup_epochs=0, " in message
    assert "use at least 8 epochs" in message
    assert "\n" not in message


def test_the_drops_that_are_counted_are_those_that_happen():
    """Checks all small schedules against the rule that the search itself follows."""
    for epochs, warmup, after, every in itertools.product(range(1, 13), range(4), range(5), range(1, 4)):
        config = SearchConfig(epochs=epochs, **schedule(warmup, after, every))
        drops, faults = drop_epochs(config), schedule_faults(config)
        assert any("are left" in fault for fault in faults) == (len(drops) < 7)
        learns = range(warmup + 1, epochs + 1)
        assert any("is never trained" in fault for fault in faults) == (not learns)
        early = bool(learns) and bool(drops) and drops[0] not in learns
        assert any("before the architecture is trained" in fault for fault in faults) == early


def test_a_part_of_a_schedule_that_cannot_learn_is_refused():
    with pytest.raises(ConfigurationError, match="first drop is at the end of epoch 20, the warm-up takes 20 epochs"):
        check_pruning_schedule(SearchConfig(pruning_after_epoch=0))
    with pytest.raises(ConfigurationError, match="6 of 8 operations are left"):
        check_pruning_schedule(SearchConfig(pruning_every_epochs=60))
    with pytest.raises(ConfigurationError, match="the warm-up takes 160 of 160 epochs"):
        check_pruning_schedule(SearchConfig(warmup_epochs=160))


def test_a_whole_schedule_is_the_user_s_own_and_warned_of():
    # Eight times the same pooling, by the order of the list.
    (warning,) = check_pruning_schedule(SearchConfig(epochs=9, **schedule(9, 2, 1)))
    assert warning.startswith("the architecture is never trained: the warm-up takes 9 of 9 epochs")
    never_trained, left = check_pruning_schedule(SearchConfig(epochs=3, **schedule(20, 20, 20)))
    assert never_trained.startswith("the architecture is never trained")
    assert left == "8 of 8 operations are left on each edge at the end: 3 epochs have 0 drops, 7 are needed"
    assert check_pruning_schedule(SearchConfig(**schedule(20, 20, 20))) == ()


def test_a_method_without_a_warm_up_needs_no_epoch_for_it():
    config = SearchConfig(epochs=7)
    object.__setattr__(config, "warmup_epochs", None)
    assert check_pruning_schedule(config) == schedule_faults(config) == ()
    object.__setattr__(config, "epochs", 6)
    with pytest.raises(ConfigurationError, match="2 of 8 operations are left on each edge") as refusal:
        check_pruning_schedule(config)
    assert "warm" not in str(refusal.value)


def test_a_try_is_not_refused():
    (warning,) = check_pruning_schedule(SearchConfig(epochs=1, max_steps=20))
    assert "operations are left" in warning
    assert check_pruning_schedule(SearchConfig(max_steps=20)) == ()


@pytest.mark.parametrize("num_seeds", [1, 2])
def test_the_refusal_comes_before_anything_is_written(tmp_path, num_seeds):
    with pytest.raises(ConfigurationError, match="use at least 8 epochs"):
        search_seeds(SearchConfig(run_dir=str(tmp_path / "run"), epochs=3, num_seeds=num_seeds), run_one_search)
    assert not (tmp_path / "run").exists()
