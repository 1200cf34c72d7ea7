import dataclasses
from pathlib import Path

import pytest
from absl import flags
from setting_cases import CONFIGS, FIELDS, PAPER_EVALUATION, PAPER_SEARCH, other_settings

from eoinas_tf.config import EvaluationConfig, SearchConfig
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.flag_definitions import config_from_arguments, config_from_flags, define_flags

PRESETS = sorted((Path(__file__).parent.parent / "flags").glob("*.flags"))


def defined_flags(config_class):
    flag_values = flags.FlagValues()
    define_flags(config_class, flag_values)
    return flag_values


def parse(config_class, *arguments):
    """Returns the config and the rest of the command line."""
    flag_values = defined_flags(config_class)
    rest = flag_values(["command", *arguments])
    return config_from_flags(config_class, flag_values), rest[1:]


def text_of(value):
    """Returns a setting's value in the form that follows a flag's name."""
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


@pytest.mark.parametrize(("config_class", "field"), FIELDS)
def test_every_setting_has_its_flag(config_class, field):
    flag = defined_flags(config_class)[field.name]
    assert flag.name == field.name
    assert flag.default == field.default
    assert type(flag.default) is type(field.default)
    assert flag.help.startswith(field.metadata["help"])
    for choice in field.metadata["choices"] or ():
        assert choice in flag.help


@pytest.mark.parametrize("config_class", CONFIGS)
def test_there_is_no_other_flag(config_class):
    without = {name for name in flags.FlagValues()}
    assert set(defined_flags(config_class)) - without - {"flagfile", "undefok"} == {
        field.name for field in dataclasses.fields(config_class)
    }


@pytest.mark.parametrize("config_class", CONFIGS)
def test_no_flag_gives_the_default_config(config_class):
    assert parse(config_class) == (config_class(), [])


@pytest.mark.parametrize(("config_class", "field"), FIELDS)
def test_every_flag_reaches_its_setting(config_class, field):
    settings = other_settings(field)
    config, rest = parse(config_class, *(f"--{name}={text_of(value)}" for name, value in settings.items()))
    assert (config, rest) == (config_class(**settings), [])
    assert config != config_class()
    assert type(getattr(config, field.name)) is type(settings[field.name])


@pytest.mark.parametrize("text", ["16,24", "16x24", "16X24", " 16, 24"])
def test_an_image_size_may_be_written_with_a_comma_or_an_x(text):
    assert parse(SearchConfig, f"--image_size={text}")[0].image_size == (16, 24)


def test_one_number_is_the_size_of_a_square():
    assert parse(EvaluationConfig, "--image_size=32")[0].image_size == (32, 32)


@pytest.mark.parametrize("name", ["download", "horizontal_flip", "tensorboard"])
def test_switches_have_a_negative(name):
    assert getattr(parse(SearchConfig, f"--{name}")[0], name) is True
    assert getattr(parse(SearchConfig, f"--no{name}")[0], name) is False


@pytest.mark.parametrize("config_class", CONFIGS)
def test_flags_written_as_text_give_the_same_config(config_class, tmp_path):
    own = {SearchConfig: "--select_from=runs/a,runs/b", EvaluationConfig: "--nodescribe"}
    flag_values = defined_flags(config_class)
    flag_values(["command", "--image_size=16,24", "--nohorizontal_flip", "--dataset=folder:a b", own[config_class]])
    flagfile = tmp_path / "settings.flags"
    flagfile.write_text(flag_values.flags_into_string())
    assert parse(config_class, f"--flagfile={flagfile}")[0] == config_from_flags(config_class, flag_values)


def test_later_flags_override_a_flagfile(tmp_path):
    flagfile = tmp_path / "settings.flags"
    flagfile.write_text("# a comment\n--epochs=5\n--nohorizontal_flip\n\n--cells=3\n")
    config, _ = parse(SearchConfig, f"--flagfile={flagfile}", "--epochs=7")
    assert (config.epochs, config.cells, config.horizontal_flip) == (7, 3, False)
    config, _ = parse(SearchConfig, "--epochs=7", f"--flagfile={flagfile}")
    assert config.epochs == 5


@pytest.mark.parametrize("line", ["--epoch=5", "--learning_rate=0.1", "--epochs=0", "--epochs=5 # a comment"])
def test_wrong_line_of_a_flagfile_is_refused(tmp_path, line):
    flagfile = tmp_path / "settings.flags"
    flagfile.write_text(f"{line}\n")
    with pytest.raises((flags.Error, ConfigurationError), match=line.split("=")[0].strip("-")):
        parse(SearchConfig, f"--flagfile={flagfile}")


# Section 4.4; settings that it does not state (crops, colours, clipping) follow the frameworks it builds on.
PAPER_IMAGENET_FLAGS = {
    "dataset": "imagenet2012",
    "image_size": (224, 224),
    "resize_side": 256,
    "normalization": "imagenet",
    "stem": "imagenet",
    "cells": 14,
    "init_channels": 48,
    "batch_size": 128,
    "epochs": 250,
    "learning_rate": 0.1,
    "learning_rate_end": 0.0,
    "learning_rate_schedule": "linear",
    "learning_rate_updates": "epoch",
    "momentum": 0.9,
    "l2": 0.00003,
    "gradient_clip_norm": 5.0,
    "label_smoothing": 0.1,
    "auxiliary_weight": 0.4,
    "crop": "random_resized",
    "horizontal_flip": True,
    "color_jitter": 0.4,
    "hue_jitter": 0.2,
    "cutout_length": 0,
    "drop_path": 0.0,
}


@pytest.mark.parametrize(
    ("preset", "config_class", "expected"),
    [
        ("search_cifar10.flags", SearchConfig, {**PAPER_SEARCH, "num_seeds": 4}),
        ("eval_cifar10.flags", EvaluationConfig, PAPER_EVALUATION),
        ("eval_cifar100.flags", EvaluationConfig, {**PAPER_EVALUATION, "dataset": "cifar100"}),
        ("eval_imagenet.flags", EvaluationConfig, PAPER_IMAGENET_FLAGS),
    ],
)
def test_preset_states_the_papers_numbers_and_nothing_else(preset, config_class, expected):
    path = next(path for path in PRESETS if path.name == preset)
    flag_values = defined_flags(config_class)
    flag_values(["command", f"--flagfile={path}"])
    names = [field.name for field in dataclasses.fields(config_class)]
    # Only the values in the file itself, so that a later change of a default does not change the paper's run.
    assert {name: flag_values[name].value for name in names if flag_values[name].present} == expected


def test_presets_exist():
    assert PRESETS


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.name)
def test_every_preset_parses_for_its_command(preset):
    kind, *_ = preset.name.split("_")
    config_class = {"search": SearchConfig, "eval": EvaluationConfig, "modern.flags": EvaluationConfig}[kind]
    config, rest = parse(config_class, f"--flagfile={preset}")
    assert rest == [], "an indented comment, or a line that is no flag"
    assert config != config_class() or preset.name in ("search_cifar10.flags", "eval_cifar10.flags")
    assert config.run_dir == ""


MODERN_FLAGS = {
    "optimizer": "adamw",
    "learning_rate": 0.001,
    "learning_rate_end": 0.0,
    "learning_rate_schedule": "cosine",
    "learning_rate_updates": "step",
    "warmup_epochs": 1,
    "l2": 0.0,
    "weight_decay": 0.05,
    "ema_decay": 0.999,
    "label_smoothing": 0.1,
    "randaugment_layers": 2,
    "randaugment_magnitude": 9.0,
    "random_erasing_probability": 0.25,
    "mixup_alpha": 0.2,
    "cutmix_alpha": 1.0,
    "cutout_length": 0,
    "drop_path": 0.2,
}


@pytest.mark.parametrize("other", ["eval_cifar10", "eval_cifar10_cpu", "eval_imagenet"])
def test_the_modern_preset_changes_another_one_s_recipe_and_nothing_else(other):
    files = [next(path for path in PRESETS if path.stem == name) for name in (other, "modern")]
    one, both = (
        dataclasses.asdict(parse(EvaluationConfig, *(f"--flagfile={path}" for path in some))[0])
        for some in (files[:1], files)
    )
    assert {name: both[name] for name in MODERN_FLAGS} == MODERN_FLAGS
    assert {name for name in both if both[name] != one[name]} <= set(MODERN_FLAGS)


def test_help_names_the_type():
    help_text = defined_flags(SearchConfig).get_help()
    assert "comma-separated int" in help_text
    assert "Images in a training batch." in help_text


def test_a_command_line_becomes_a_config_and_leaves_the_processs_own_flags_alone(tmp_path):
    flagfile = tmp_path / "a.flags"
    flagfile.write_text("--epochs=7\n--cells=9\n")
    config = config_from_arguments(SearchConfig, [f"--flagfile={flagfile}", "--cells=3", "--nohorizontal_flip"])
    assert config == SearchConfig(epochs=7, cells=3, horizontal_flip=False)
    assert "cells" not in flags.FLAGS


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--epochs=0"], "--epochs"),
        (["--colour=1"], "colour"),
        (["--flagfile=nowhere.flags"], "nowhere.flags"),
        (["epochs=3"], "unexpected argument 'epochs=3'"),
    ],
)
def test_a_wrong_command_line_is_refused(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        config_from_arguments(SearchConfig, arguments)
