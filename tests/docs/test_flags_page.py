"""docs/flags.md is the output of `python docs/make_flags_page.py`, and covers every setting."""

import pytest
from setting_cases import FIELDS


@pytest.fixture(scope="module")
def page(load_program):
    return load_program("make_flags_page").page()


def test_the_committed_page_is_up_to_date(page, docs_folder):
    committed = (docs_folder / "flags.md").read_text(encoding="utf-8")
    assert committed == page, "run `make docs-sources` and commit docs/flags.md"


@pytest.mark.parametrize(("config_class", "field"), FIELDS)
def test_every_setting_has_one_line(page, config_class, field):
    starts = [f"| `--{field.name}=", f"| `--[no]{field.name}`"]
    assert sum(line.startswith(tuple(starts)) for line in page.splitlines()) == 1


def test_defaults_of_both_commands_stand_side_by_side(page):
    assert "| `--epochs=INTEGER` | `160` | `600` | Passes over" in page
    assert "| `--drop_path=NUMBER` | - | `0.3` | " in page
    assert "| `--[no]tensorboard` | `yes` | `yes` | " in page
    assert "In a search: Epochs at the start that train the weights only" in page
    assert "In a training: Epochs at the start in which the learning rate rises" in page


def test_tables_are_whole(page):
    for line in page.splitlines():
        if line.startswith("| "):
            assert line.replace("\\|", "").count("|") in (4, 5), line
