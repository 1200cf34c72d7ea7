import shlex

import pytest

from eoinas_tf.config import EvaluationConfig, SearchConfig
from eoinas_tf.experiment.report.settings_as_flags import command_line, flag_text, given_settings
from eoinas_tf.flag_definitions import config_from_arguments


def test_flags_are_written_as_they_are_typed():
    assert flag_text("download", True) == "--download"
    assert flag_text("download", False) == "--nodownload"
    assert flag_text("image_size", [8, 9]) == "--image_size=8,9"
    assert flag_text("dataset", "folder:a b") == "--dataset=folder:a b"


def test_a_shell_gets_back_what_was_written():
    command = command_line("eval", {"dataset": "folder:my photos", "download": True})
    assert shlex.split(command) == ["python", "-m", "eoinas_tf", "eval", "--dataset=folder:my photos", "--download"]


@pytest.mark.parametrize(
    ("kind", "settings", "names"),
    [
        (SearchConfig, {}, set()),
        (SearchConfig, {"seed": 3, "epochs": 80}, {"seed", "epochs"}),
        # The epochs alone determine a schedule at eighths; another warm-up needs the rest of it.
        (
            SearchConfig,
            {"epochs": 80, "warmup_epochs": 5, "pruning_after_epoch": 10, "pruning_every_epochs": 10},
            {"epochs", "warmup_epochs", "pruning_after_epoch", "pruning_every_epochs"},
        ),
        # The data set determines the number that equals its default.
        (EvaluationConfig, {"dataset": "imagenet2012"}, {"dataset"}),
    ],
)
def test_the_smallest_set_of_settings_makes_the_same_config(kind, settings, names):
    config = kind(run_dir="runs/a", **settings)
    given = given_settings(config)
    assert set(given) == names
    assert kind(run_dir="runs/a", **given) == config
    arguments = ["--run_dir=runs/a", *(flag_text(name, value) for name, value in given.items())]
    assert config_from_arguments(kind, arguments) == config
