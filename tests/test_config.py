import dataclasses
import json

import pytest
from setting_cases import CONFIGS, FIELDS, PAPER_EVALUATION, PAPER_SEARCH, method_with

from eoinas_tf.config import EvaluationConfig, SearchConfig
from eoinas_tf.errors import ConfigurationError

# Settings that may have another value when a run is continued.
MAY_CHANGE = {
    "run_dir",
    "data_dir",
    "download",
    "hours",
    "max_steps",
    "calibration_images",
    "latency_threads",
    "steps_per_call",
    "checkpoint_every_epochs",
    "checkpoint_every_steps",
    "keep_checkpoints",
    "tensorboard",
    "quiet",
    "describe",
    "measure",
    "list_genotypes",
    "json",
    "num_classes",
    "export_formats",
}
# Settings that are not in the paper's flagfile, with the values that leave its training unchanged.
NOT_IN_THE_PAPER = {
    "learning_rate_updates": "step",
    "warmup_epochs": 0,
    "label_smoothing": 0.0,
    "resize_side": None,
    "color_jitter": 0.0,
    "hue_jitter": 0.0,
    "normalization": None,
    "optimizer": "sgd",
    "weight_decay": 0.0,
    "ema_decay": 0.0,
    "randaugment_layers": 0,
    "random_erasing_probability": 0.0,
    "mixup_alpha": 0.0,
    "cutmix_alpha": 0.0,
    "validation_fraction": 0.0,
    "keep_best": False,
    "initial_weights": None,
    "freeze_backbone_epochs": 0,
    "early_stopping_epochs": 0,
    "max_parameters": 0,
    "max_multiply_adds": 0,
    "max_peak_memory_mib": 0.0,
    "max_latency_ms": 0.0,
    "measure": False,
}


@pytest.mark.parametrize(
    ("config_class", "expected"),
    [(SearchConfig, PAPER_SEARCH), (EvaluationConfig, {**PAPER_EVALUATION, **NOT_IN_THE_PAPER})],
)
def test_defaults_are_the_papers(config_class, expected):
    config = config_class()
    assert {name: getattr(config, name) for name in expected} == expected


@pytest.mark.parametrize(("config_class", "field"), FIELDS)
def test_every_setting_is_described(config_class, field):
    assert field.metadata["help"].endswith((".", "no limit.", "none."))
    minimum, maximum = field.metadata["minimum"], field.metadata["maximum"]
    assert minimum is None or maximum is None or minimum < maximum
    number = field.type in (int, float, int | None, float | None)
    assert not number or minimum is not None, "a number needs a smallest value"


def wrong_values(field):
    """Yields values that a setting must refuse: out of bounds, not finite, of another type, empty, not a choice."""
    yield object()
    yield {}
    yield b"bytes"
    yield [1, 2]
    yield () if field.type is str else ("a", 1)
    if field.type is bool:
        yield from ("yes", 1, None)
        return
    yield True
    if field.default is not None:
        yield None
    kinds = str(field.type)
    if "str" in kinds:
        yield from (3, 0.5, " ", "a\0b", "\udcff")
        if field.default != "":
            yield ""
        if field.metadata["choices"]:
            yield "nonsense"
            yield (field.metadata["choices"][0], "nonsense")
        return
    yield "12"
    if "float" not in kinds:
        yield 1.5
    if "tuple" in kinds:
        if "float" not in kinds:
            yield (1.5, 2.5)
        yield from ((8,), (8, 8, 8), 8)
        yield (field.metadata["minimum"] - 1,) * 2
        yield (field.metadata["maximum"] + 1,) * 2
        return
    yield from (float("nan"), float("inf"), float("-inf"), 1e39)
    if field.metadata["minimum"] is not None:
        yield type(field.metadata["minimum"])(field.metadata["minimum"] - 1)
    if field.metadata["maximum"] is not None:
        yield field.metadata["maximum"] + 1


@pytest.mark.parametrize(("config_class", "field"), FIELDS)
def test_every_setting_refuses_wrong_values_by_name(config_class, field):
    for value in wrong_values(field):
        with pytest.raises(ConfigurationError, match=rf"^--{field.name} .*Received: ") as refusal:
            config_class(**{field.name: value}, **method_with(field))
        assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(("config_class", "field"), FIELDS)
def test_every_number_accepts_its_bounds(config_class, field):
    # One bound of each of these contradicts the default of a related setting; that is tested below.
    partners = {
        "temperature_start": 0.001,
        "temperature_end": 5.0,
        "weights_learning_rate": 0.0,
        "resize_side": 4,
        "accumulation_steps": 1,
    }
    for bound in (field.metadata["minimum"], field.metadata["maximum"]):
        if bound is not None and "tuple" not in str(field.type) and field.name not in partners:
            assert getattr(config_class(**{field.name: bound}, **method_with(field)), field.name) == bound


def test_image_sizes_accept_their_bounds():
    assert SearchConfig(image_size=(4, 4096)).image_size == (4, 4096)
    for side in (4, 4096):
        assert EvaluationConfig(image_size=(side, side), resize_side=side).resize_side == side


SEARCH_CONTRADICTIONS = [
    (
        {"num_seeds": 2, "strategy": "multi_worker"},
        "--num_seeds must be 1 with --strategy=multi_worker: run a search for each --seed, one after the other and "
        "each with a --run_dir of its own, then choose by --select_from. Received: 2",
    ),
    ({"temperature_end": 6.0}, "--temperature_end must not be above --temperature_start. Received: 6.0 and 5.0"),
    (
        {"weights_learning_rate": 0.0005},
        "--weights_learning_rate_end must not be above --weights_learning_rate. Received: 0.001 and 0.0005",
    ),
    ({"image_size": (32,)}, "--image_size must be two numbers, height and width. Received: 32"),
    (
        {"method": "pdarts", "skip_dropout": (0.1, 0.2)},
        "--skip_dropout must be 3 numbers with commas between. Received: 0.1,0.2",
    ),
    (
        {"method": "pdarts", "operations_kept": (3, 5)},
        "--operations_kept must not rise from stage to stage. Received: 3,5",
    ),
]
EVALUATION_CONTRADICTIONS = [
    (
        {"accumulation_steps": 3},
        "--batch_size must be a multiple of --accumulation_steps. Received: 128 and 3",
    ),
    (
        {"stem": "imagenet", "init_channels": 1},
        "--init_channels must be at least 2 with --stem=imagenet. Received: 1",
    ),
    ({"learning_rate_end": 0.5}, "--learning_rate_end must not be above --learning_rate. Received: 0.5 and 0.025"),
    ({"warmup_epochs": 7, "epochs": 7}, "--warmup_epochs must be below --epochs. Received: 7 and 7"),
    ({"resize_side": 8}, "--resize_side needs an --image_size that fits into it. Received: 8 and none"),
    (
        {"resize_side": 8, "image_size": (4, 9)},
        "--resize_side needs an --image_size that fits into it. Received: 8 and 4,9",
    ),
    (
        {"freeze_backbone_epochs": 2},
        "--freeze_backbone_epochs needs --initial_weights: a backbone of random weights must train. Received: 2",
    ),
    (
        {"freeze_backbone_epochs": 9, "epochs": 8, "initial_weights": "runs/a"},
        "--freeze_backbone_epochs must not be above --epochs. Received: 9 and 8",
    ),
    (
        {"initial_weights": "runs/a", "pytorch_weights": "w.npz"},
        "--initial_weights cannot be combined with --pytorch_weights, which trains nothing; leave one of them out. "
        "Received: --pytorch_weights=w.npz",
    ),
    *(
        (
            {weights: "runs/a", budget: 5},
            f"--{weights} cannot be combined with --{budget}, for the weights are of one width; leave one of them out. "
            f"Received: --{budget}=5",
        )
        for weights in ("initial_weights", "pytorch_weights")
        for budget in ("max_parameters", "max_multiply_adds", "max_peak_memory_mib", "max_latency_ms")
    ),
    (
        {"max_latency_ms": 2.5, "strategy": "multi_worker"},
        "--max_latency_ms needs a single process, since each worker would measure other times; give "
        "--max_multiply_adds. Received: --strategy=multi_worker",
    ),
    (
        {"keep_best": True},
        "--keep_best chooses by validation images, and none are held out; add --validation_fraction=0.1. Received: "
        "--keep_best=True",
    ),
    (
        {"early_stopping_epochs": 3},
        "--early_stopping_epochs chooses by validation images, and none are held out; add --validation_fraction=0.1. "
        "Received: --early_stopping_epochs=3",
    ),
    (
        {"mixed_precision": "bfloat16", "pytorch_weights": "w.npz"},
        "--mixed_precision belongs to a training, and --pytorch_weights trains nothing; leave one of them out. "
        "Received: bfloat16",
    ),
    (
        {"class_weights": "balanced", "pytorch_weights": "w.npz"},
        "--class_weights belongs to a training, and --pytorch_weights trains nothing; leave one of them out. "
        "Received: balanced",
    ),
    (
        {"validation_fraction": 0.25, "pytorch_weights": "w.npz"},
        "--validation_fraction belongs to a training, and --pytorch_weights trains nothing; leave one of them out. "
        "Received: 0.25",
    ),
]
CONTRADICTIONS = [
    (config_class, settings, message)
    for config_class, cases in ((SearchConfig, SEARCH_CONTRADICTIONS), (EvaluationConfig, EVALUATION_CONTRADICTIONS))
    for settings, message in cases
]


@pytest.mark.parametrize(("config_class", "settings", "message"), CONTRADICTIONS)
def test_contradictions_are_refused(config_class, settings, message):
    with pytest.raises(ConfigurationError) as refusal:
        config_class(**settings)
    assert str(refusal.value) == message


def test_the_split_follows_the_seed_where_it_is_not_given():
    assert SearchConfig(seed=5).split_seed == 5
    assert SearchConfig(seed=5, split_seed=0).split_seed == 0
    # As with --num_seeds: the halves stay those of the first search.
    assert dataclasses.replace(SearchConfig(seed=5), seed=6).split_seed == 5


@pytest.mark.parametrize("config_class", CONFIGS)
def test_a_config_is_frozen_and_takes_keywords_only(config_class):
    config = config_class()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.epochs = 3
    with pytest.raises(TypeError):
        config_class("runs/a")


@pytest.mark.parametrize("config_class", CONFIGS)
def test_json_round_trip(config_class):
    config = config_class(run_dir="runs/\u00e4", image_size=(16, 24), epochs=7, gradient_clip_norm=0.5)
    entries = json.loads(config.to_json())
    assert list(entries) == [field.name for field in dataclasses.fields(config_class)]
    assert config.to_json().count("\n") >= len(entries)
    tuples = {name: tuple(value) if isinstance(value, list) else value for name, value in entries.items()}
    assert config_class(**tuples) == config


@pytest.mark.parametrize("config_class", CONFIGS)
def test_result_settings_leave_out_what_may_change(config_class):
    config = config_class(image_size=(16, 24))
    names = {field.name for field in dataclasses.fields(config_class)}
    assert set(config.result_settings()) == names - MAY_CHANGE
    assert config.result_settings()["image_size"] == [16, 24]
    assert config.result_settings() == config_class(image_size=(16, 24), run_dir="b", download=True).result_settings()
    assert config.result_settings() != config_class(image_size=(16, 24), seed=1).result_settings()
    assert json.loads(json.dumps(config.result_settings())) == config.result_settings()


@pytest.mark.parametrize("flag", ["genotype", "pytorch_weights"])
def test_what_belongs_to_cells_is_refused_with_a_hand_designed_network(flag):
    with pytest.raises(ConfigurationError, match=f"--{flag} belongs to networks of cells.*--network=residual"):
        EvaluationConfig(network="residual", **{flag: "a"})


def test_an_optimizer_brings_its_rates_where_they_are_not_given():
    def rates(**settings):
        config = EvaluationConfig(**settings)
        return config.learning_rate, config.l2, config.weight_decay

    assert rates() == (0.025, 3e-4, 0.0)
    assert rates(optimizer="adamw") == (0.001, 0.0, 0.05)
    given = {"learning_rate": 0.5, "l2": 0.125, "weight_decay": 0.25}
    for optimizer in ("sgd", "adamw"):
        assert rates(optimizer=optimizer, **given) == (0.5, 0.125, 0.25)
        assert rates(optimizer=optimizer, l2=0.0, weight_decay=0.0)[1:] == (0.0, 0.0)
    with pytest.raises(ConfigurationError, match="--learning_rate_end must not be above --learning_rate"):
        EvaluationConfig(optimizer="adamw", learning_rate_end=0.002)


def test_a_constant_learning_rate_has_no_end():
    search = {"weights_learning_rate": 0.0005, "weights_learning_rate_schedule": "constant"}
    assert SearchConfig(**search).weights_learning_rate == 0.0005
    training = {"learning_rate": 0.0005, "learning_rate_end": 0.001}
    assert EvaluationConfig(**training, learning_rate_schedule="constant").learning_rate == 0.0005
    with pytest.raises(ConfigurationError, match="--learning_rate_end must not be above"):
        EvaluationConfig(**training, learning_rate_schedule="linear")


def test_with_hours_the_epochs_and_what_follows_are_open():
    open_ones = ("epochs", "warmup_epochs", "pruning_after_epoch", "pruning_every_epochs")
    config = SearchConfig(hours=2.0)
    assert [getattr(config, name) for name in open_ones] == [None] * 4
    chosen = dataclasses.replace(config, epochs=47)
    assert [getattr(chosen, name) for name in open_ones] == [47, 5, 5, 5]
    assert not chosen.gives_whole_schedule
    assert EvaluationConfig(hours=2.0, warmup_epochs=700).epochs is None


def test_the_last_of_several_seeds_is_a_seed():
    assert SearchConfig(seed=2**31 - 4, num_seeds=4).num_seeds == 4
    with pytest.raises(ConfigurationError, match=r"--seed must be at most 2147483644 with --num_seeds=4"):
        SearchConfig(seed=2**31 - 3, num_seeds=4)


@pytest.mark.parametrize(
    ("config_class", "settings", "message"),
    [
        (SearchConfig, {"method": "random"}, "leave it out with --method=random"),
        (SearchConfig, {"select_from": ("a",)}, "leave it out with --select_from"),
        (EvaluationConfig, {"pytorch_weights": "a.pt"}, "leave it out with --pytorch_weights"),
        (SearchConfig, {"strategy": "multi_worker"}, "--hours needs a single process"),
        (EvaluationConfig, {"strategy": "multi_worker"}, "--hours needs a single process"),
    ],
)
def test_hours_are_for_what_trains_in_one_process(config_class, settings, message):
    config_class(**settings)
    with pytest.raises(ConfigurationError, match=rf"{message}.*Received: ") as refusal:
        config_class(hours=1.0, **settings)
    assert "\n" not in str(refusal.value)
