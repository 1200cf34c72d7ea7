import dataclasses
import typing
from pathlib import Path

import pytest
from absl import flags

from eoinas_tf.config import EvaluationConfig, SearchConfig
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.flag_definitions import config_from_flags, define_flags

CONFIGS = (SearchConfig, EvaluationConfig)
FIELDS = [
    pytest.param(config_class, field, id=f"{config_class.__name__}-{field.name}")
    for config_class in CONFIGS
    for field in dataclasses.fields(config_class)
]
PRESETS = sorted((Path(__file__).parent.parent / "flags").glob("*.flags"))
LARGER_THAN_ANY = 10**15


def defined_flags(config_class):
    flag_values = flags.FlagValues()
    define_flags(config_class, flag_values)
    return flag_values


def parse(config_class, *arguments):
    """Returns the config and what is left of the command line."""
    flag_values = defined_flags(config_class)
    rest = flag_values(["command", *arguments])
    return config_from_flags(config_class, flag_values), rest[1:]


def element_type(field):
    """Returns int, float, str or bool, and whether the setting is a tuple of them."""
    options = [option for option in typing.get_args(field.type) if option is not type(None)]
    kind = options[0] if options and typing.get_origin(field.type) is not tuple else field.type
    return (typing.get_args(kind)[0], True) if typing.get_origin(kind) is tuple else (kind, False)


def wrong_texts(field):
    """Texts that a flag must refuse, made from its setting, so that a new flag cannot be forgotten."""
    kind, is_tuple = element_type(field)
    if kind is bool:
        return ["maybe", "", "2", "-1", "nan", "inf", "None"]
    if kind is str:
        texts = [" "] if field.default == "" else ["", " "]
        texts += ["nonsense", "epochs,steps", "3", "nan"] if field.metadata["choices"] else []
        return [*texts, "a,,b", "a,", ","] if is_tuple else texts
    texts = ["", " ", "nonsense", "nan", "inf", "-inf", "1e999", "0x10", "1;2", "None", "true", "9" * 5000]
    if kind is int:
        texts += ["1.5", "1e3"]
    minimum, maximum = field.metadata["minimum"], field.metadata["maximum"]
    if minimum is not None:
        texts += [str(-LARGER_THAN_ANY), str(minimum - 1)]
        texts += [str(minimum - 1e-9)] if kind is float else []
    if maximum is not None:
        texts += [str(LARGER_THAN_ANY), str(maximum + 1)]
    else:
        texts.remove("9" * 5000)
    if is_tuple:
        texts += [f"{minimum},", f",{minimum}", str(minimum), ",".join([str(minimum)] * 3), f"{minimum},{minimum - 1}"]
    else:
        texts += ["1,2"]
    return texts


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
def test_every_flag_refuses_wrong_texts_by_name(config_class, field):
    texts = wrong_texts(field)
    assert texts
    for text in texts:
        with pytest.raises((flags.Error, ConfigurationError), match=field.name) as refusal:
            parse(config_class, f"--{field.name}={text}")
        assert len(str(refusal.value).splitlines()) == 1, text


@pytest.mark.parametrize(("config_class", "field"), FIELDS)
def test_every_flag_reaches_its_setting(config_class, field):
    kind, is_tuple = element_type(field)
    if kind is bool:
        text, value = str(not field.default).lower(), not field.default
    elif field.metadata["choices"]:
        text = ",".join(field.metadata["choices"]) if is_tuple else field.metadata["choices"][-1]
        value = field.metadata["choices"] if is_tuple else text
    elif kind is str:
        text, value = ("a,b", ("a", "b")) if is_tuple else ("a b", "a b")
    elif is_tuple:
        text, value = "8, 16", (8, 16)
    else:
        low = field.metadata["minimum"]
        value = kind(low + 1 if kind is int else (low + (field.metadata["maximum"] or 1.0)) / 2)
        text = str(value)
    settings = {field.name: value}
    if field.name == "temperature_start":
        settings["temperature_end"] = value
    if field.name == "learning_rate_end":
        settings["learning_rate"] = value
    if field.name == "weights_learning_rate_end":
        settings["weights_learning_rate"] = value
    if field.name == "resize_side":
        settings["image_size"] = (4, 4)
    others = [f"--{name}={other}" for name, other in settings.items() if name != field.name and name != "image_size"]
    others += ["--image_size=4,4"] if field.name == "resize_side" else []
    config, rest = parse(config_class, f"--{field.name}={text}", *others)
    assert (config, rest) == (config_class(**settings), [])
    assert type(getattr(config, field.name)) is type(value)


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
    with pytest.raises(flags.Error, match=line.split("=")[0].strip("-")):
        parse(SearchConfig, f"--flagfile={flagfile}")


# Section 4.2 of the paper; the batch size is that of the framework it builds on.
PAPER_SEARCH_FLAGS = {
    "dataset": "cifar10",
    "init_channels": 16,
    "cells": 8,
    "batch_size": 64,
    "epochs": 160,
    "warmup_epochs": 20,
    "pruning_after_epoch": 20,
    "pruning_every_epochs": 20,
    "weights_learning_rate": 0.025,
    "weights_learning_rate_end": 0.001,
    "weights_momentum": 0.9,
    "weights_l2": 0.0003,
    "gradient_clip_norm": 5.0,
    "architecture_learning_rate": 0.0003,
    "architecture_beta_1": 0.5,
    "architecture_beta_2": 0.999,
    "architecture_l2": 0.001,
    "temperature_start": 5.0,
    "temperature_end": 0.1,
    "importance_weight": 0.5,
    "importance_iterations": "epochs",
    "crop_padding": 4,
    "horizontal_flip": True,
    "num_seeds": 4,
}
# Section 4.3.
PAPER_EVALUATION_FLAGS = {
    "dataset": "cifar10",
    "stem": "cifar",
    "cells": 20,
    "init_channels": 36,
    "batch_size": 128,
    "epochs": 600,
    "learning_rate": 0.025,
    "learning_rate_end": 0.0,
    "learning_rate_schedule": "cosine",
    "momentum": 0.9,
    "l2": 0.0003,
    "gradient_clip_norm": 5.0,
    "crop": "pad",
    "crop_padding": 4,
    "horizontal_flip": True,
    "cutout_length": 16,
    "drop_path": 0.3,
    "auxiliary_weight": 0.4,
}

# Section 4.4; what it does not say (crops, colours, clipping) is that of the frameworks it builds on.
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
        ("search_cifar10.flags", SearchConfig, PAPER_SEARCH_FLAGS),
        ("eval_cifar10.flags", EvaluationConfig, PAPER_EVALUATION_FLAGS),
        ("eval_cifar100.flags", EvaluationConfig, {**PAPER_EVALUATION_FLAGS, "dataset": "cifar100"}),
        ("eval_imagenet.flags", EvaluationConfig, PAPER_IMAGENET_FLAGS),
    ],
)
def test_preset_states_the_papers_numbers_and_nothing_else(preset, config_class, expected):
    path = next(path for path in PRESETS if path.name == preset)
    flag_values = defined_flags(config_class)
    flag_values(["command", f"--flagfile={path}"])
    names = [field.name for field in dataclasses.fields(config_class)]
    # What the file itself states, so that a default that changes later does not change the paper's run.
    assert {name: flag_values[name].value for name in names if flag_values[name].present} == expected


def test_presets_exist():
    assert PRESETS


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.name)
def test_every_preset_parses_for_its_command(preset):
    kind, *_ = preset.name.split("_")
    config_class = {"search": SearchConfig, "eval": EvaluationConfig}[kind]
    config, rest = parse(config_class, f"--flagfile={preset}")
    assert rest == [], "an indented comment, or a line that is no flag"
    assert config != config_class() or preset.name in ("search_cifar10.flags", "eval_cifar10.flags")
    assert config.run_dir == ""


def test_help_names_the_type():
    help_text = defined_flags(SearchConfig).get_help()
    assert "comma-separated int" in help_text
    assert "Images in a training batch." in help_text
