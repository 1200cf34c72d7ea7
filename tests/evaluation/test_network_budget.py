import pytest

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.evaluation.model_cost import NetworkSize
from eoinas_tf.evaluation.network_budget import fit_to_budget


def measure(channels):
    """10 C^2 parameters and 1000 C multiply-adds; the auxiliary head counts for nothing."""
    return NetworkSize(10 * channels**2, 10**9, 1000 * channels)


def measure_with_memory(channels):
    """A quarter of a MiB of activations per channel, in addition to `measure`."""
    return measure(channels)._replace(peak_memory_bytes=channels * 2**18)


def in_words(channels):
    return f"{10 * channels**2} parameters and {1000 * channels} multiply-adds"


def in_words_with_memory(channels):
    memory = f"{channels / 4:.4g} MiB of activations"
    return f"{10 * channels**2} parameters, {1000 * channels} multiply-adds and {memory}"


@pytest.mark.parametrize(
    ("budget", "channels"),
    [
        ({"max_parameters": 1000}, 10),
        ({"max_parameters": 999}, 9),
        ({"max_parameters": 10}, 1),
        ({"max_parameters": 12_250}, 35),
        ({"max_multiply_adds": 20_000}, 20),
        ({"max_multiply_adds": 20_999}, 20),
        ({"max_parameters": 1000, "max_multiply_adds": 20_000}, 10),
        ({"max_parameters": 9000, "max_multiply_adds": 20_000}, 20),
        ({"max_peak_memory_mib": 2.0}, 8),
        ({"max_peak_memory_mib": 1.99}, 7),
        ({"max_parameters": 250, "max_peak_memory_mib": 2.0}, 5),
        ({"max_parameters": 250_000, "max_peak_memory_mib": 2.0}, 8),
    ],
)
def test_the_largest_number_of_channels_within_the_budget(budget, channels):
    has_memory = "max_peak_memory_mib" in budget
    config = EvaluationConfig(init_channels=36, **budget)
    fitted, message = fit_to_budget(config, measure_with_memory if has_memory else measure)
    assert fitted == EvaluationConfig(init_channels=channels, **budget)
    flags = " ".join(f"--{name}={value}" for name, value in budget.items())
    words = (in_words_with_memory if has_memory else in_words)(channels)
    assert message == f"{flags}: --init_channels lowered from 36 to {channels}, {words}"


def test_a_network_within_the_budget_keeps_its_channels():
    config = EvaluationConfig(init_channels=36, max_parameters=12_960, max_multiply_adds=36_000)
    fitted, message = fit_to_budget(config, measure)
    assert fitted == config
    assert message == (
        "--max_parameters=12960 --max_multiply_adds=36000: --init_channels=36 keeps to it with 12960 parameters and "
        "36000 multiply-adds"
    )


def test_the_only_width_is_measured_once():
    measured = []
    with pytest.raises(ConfigurationError, match="even --init_channels=1 takes 10 parameters"):
        fit_to_budget(
            EvaluationConfig(init_channels=1, max_parameters=9),
            lambda channels: measured.append(channels) or measure(channels),
        )
    assert measured == [1]


def test_no_budget_measures_nothing():
    config = EvaluationConfig(init_channels=36)
    assert fit_to_budget(config, None) == (config, "")


@pytest.mark.parametrize(
    ("stem", "budget", "narrowest"),
    [("cifar", {"max_parameters": 9}, 1), ("imagenet", {"max_multiply_adds": 1999}, 2)],
)
def test_a_budget_under_the_narrowest_network_is_one_line(stem, budget, narrowest):
    with pytest.raises(ConfigurationError) as refusal:
        fit_to_budget(EvaluationConfig(stem=stem, **budget), measure)
    ((flag, value),) = budget.items()
    assert str(refusal.value) == (
        f"--{flag}={value} is too little: even --init_channels={narrowest} takes {10 * narrowest**2} parameters and "
        f"{1000 * narrowest} multiply-adds; allow more, or lower --cells"
    )


def test_a_few_networks_are_measured_and_not_all():
    measured = []
    fit_to_budget(
        EvaluationConfig(init_channels=4096, max_parameters=10 * 1000**2),
        lambda channels: measured.append(channels) or measure(channels),
    )
    assert len(measured) <= 14
