"""Writes docs/flags.md, the reference of all settings, from the configs: `python docs/make_flags_page.py`."""

import dataclasses
import typing
from pathlib import Path

from eoinas_tf.config import EvaluationConfig, RunConfig, SearchConfig
from eoinas_tf.flag_help import SETTING_GROUPS, setting_default, setting_form, setting_paragraphs
from eoinas_tf.search_methods import SEARCH_METHODS

PAGE = Path(__file__).parent / "flags.md"
COMMANDS: dict[str, type[RunConfig]] = {"search": SearchConfig, "training": EvaluationConfig}
ABSENT = "-"
NO_DEFAULT = "not set"
INTRODUCTION = """<!-- Made by `python docs/make_flags_page.py` from eoinas_tf/config.py; change that. -->
# All settings

Every setting is a flag of `eoinas search` (the same as `run_search.py`), of `eoinas eval` (`run_eval.py`), or of both.
In Python, most are also arguments of the same name (`eoinas_tf.search(..., epochs=16)`); `dataset` and `genotype` are
positional there. For commands only are `deterministic`, `strategy`, `max_steps`, `select_from`, `describe`, `measure`,
`list_genotypes` and `pytorch_weights`.

The tables give the defaults of both commands; `-` means that the command does not have the setting, "not set" that
there is no default: the text says what then happens, or else the setting has no effect. Two of these must be given:
`--run_dir` for every run (Python makes a new folder without it), and `--genotype` for a training of cells without
`--initial_weights`.

Settings can stand in a file, one `--name=value` a line: `--flagfile=FILE` reads it, and flags that come later on the
command line win. `--preset=NAME` reads one of the files that come with the package, listed in
[flags/README.md](../flags/README.md); `--preset=auto` is no file and chooses sizes for the images
([Choosing settings](choosing_settings.md#sizes-auto---hours-and---presetauto)).
"""


def page() -> str:
    """Returns the page as Markdown."""
    parts = [INTRODUCTION]
    for group, names in SETTING_GROUPS.items():
        parts.append(f"\n## {group.capitalize()}\n\n| flag | search | training | what it is |\n{'| --- ' * 4}|\n")
        parts += [_row(name) for name in names]
    parts.append(f"\n## Search methods\n\n| method | what it does | settings that it has |\n{'| --- ' * 3}|\n")
    for name, entry in SEARCH_METHODS.items():
        own = ", ".join(f"`{setting}`" for setting in entry.settings)
        parts.append(f"| `{name}` | {_cell(entry.summary)} | {own or ABSENT} |\n")
    return "".join(parts)


def _row(name: str) -> str:
    """Returns a setting's line, with both commands' texts where they differ."""
    forms, defaults, texts = set(), [], {}
    for command, config_class in COMMANDS.items():
        field = next((field for field in dataclasses.fields(config_class) if field.name == name), None)
        if field is None:
            defaults.append(ABSENT)
            continue
        forms.add(setting_form(field, typing.get_type_hints(config_class)[name]))
        default = setting_default(field)
        defaults.append(f"`{default}`" if default else NO_DEFAULT)
        texts[command] = setting_paragraphs(config_class, field)[0]
    (form,) = forms
    if len(set(texts.values())) > 1:
        text = " ".join(f"In a {command}: {text}" for command, text in texts.items())
    else:
        text = next(iter(texts.values()))
    return f"| `{form}` | {' | '.join(defaults)} | {_cell(text)} |\n"


def _cell(text: str) -> str:
    """Returns text as a table's cell: with what Markdown would take for markup escaped."""
    for character in "|<*":
        text = text.replace(character, f"\\{character}")
    return text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
