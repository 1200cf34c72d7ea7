import dataclasses
import re

import pytest
from setting_cases import CONFIGS, FIELDS

from eoinas_tf.config import EvaluationConfig, SearchConfig
from eoinas_tf.flag_help import SETTING_GROUPS, command_help
from eoinas_tf.search_methods import SEARCH_METHODS

GROUPED = [name for names in SETTING_GROUPS.values() for name in names]


@pytest.mark.parametrize(("config_class", "field"), FIELDS)
def test_every_setting_stands_in_one_group(config_class, field):
    assert GROUPED.count(field.name) == 1


def test_there_is_nothing_else_in_the_groups():
    assert set(GROUPED) == {field.name for config_class in CONFIGS for field in dataclasses.fields(config_class)}


def test_groups_are_those_that_users_know():
    assert list(SETTING_GROUPS) == ["data", "size", "schedule", "method", "hardware", "output"]


@pytest.mark.parametrize(("config_class", "field"), FIELDS)
def test_help_holds_every_setting_with_its_text(config_class, field):
    text = " ".join(command_help(config_class, "command", "").split())
    assert len(re.findall(rf"--(?:\[no\])?{field.name}(?:=| )", text)) >= 1
    assert " ".join(field.metadata["help"].split()) in text
    for choice in field.metadata["choices"] or ():
        assert choice in text


@pytest.mark.parametrize("width", [72, 80, 100])
def test_lines_fit(width):
    for config_class in CONFIGS:
        assert all(
            len(line) <= width for line in command_help(config_class, "eoinas", "Does this.", width).splitlines()
        )


def test_defaults_bounds_and_groups_are_shown():
    lines = command_help(EvaluationConfig, "run_eval.py", "Trains.", 100).splitlines()
    assert lines[0] == "Trains."
    assert [line for line in lines if line.endswith(":") and not line.startswith(" ")] == [
        "data:",
        "size:",
        "schedule:",
        "hardware:",
        "output:",
    ]
    start = lines.index("  --crop_padding=INTEGER  (default: 4)")
    assert "From 0 to 64." in " ".join(" ".join(lines[start : start + 4]).split())
    assert "  --[no]horizontal_flip  (default: yes)" in lines
    assert "  --image_size=H,W" in lines
    assert "  --resize_side=INTEGER" in lines


def test_every_method_is_explained_with_its_defaults():
    text = " ".join(command_help(SearchConfig, "run_search.py", "").split())
    for name, entry in SEARCH_METHODS.items():
        assert f"{name}: {entry.summary}" in text
    assert "--temperature_start=NUMBER (default: 5.0)" in text
    assert "Default with --method=pdarts: 0.0006." in text
