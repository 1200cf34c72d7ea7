import json
import sys

import pytest
from absl import flags

from eoinas_tf import command_line
from eoinas_tf.commands import evaluation
from eoinas_tf.config import EvaluationConfig
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.evaluation import evaluation_loop
from eoinas_tf.evaluation.genotype_table import genotype_table

SMALL = {"genotype": "darts-v2", "cells": 3, "init_channels": 4, "describe": True}


def test_the_command_trains_what_its_settings_describe(monkeypatch):
    received = []

    def run(config, seconds_before):
        assert seconds_before > 0  # Imports count towards a time budget.
        received.append(config)

    monkeypatch.setattr(evaluation_loop, "run_evaluation", run)
    evaluation.evaluate(EvaluationConfig(genotype="DARTS_V2"))
    assert received == [EvaluationConfig(genotype="DARTS_V2")]


def test_the_list_is_a_table_or_one_json_line(capsys):
    evaluation.evaluate(EvaluationConfig(list_genotypes=True))
    assert capsys.readouterr().out.splitlines() == list(genotype_table())
    evaluation.evaluate(EvaluationConfig(list_genotypes=True, json=True))
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)[1]["name"] == "DARTS_V2"


def test_the_command_takes_what_is_not_given_from_the_search(monkeypatch, tmp_path):
    (tmp_path / "genotype.json").write_text("{}")
    (tmp_path / "config.json").write_text('{"kind": "SearchConfig", "dataset": "digits", "crop_padding": 1}')
    received = []
    monkeypatch.setattr(evaluation, "evaluate", received.append)
    monkeypatch.setattr("sys.argv", ["run_eval.py", f"--genotype={tmp_path / 'genotype.json'}", "--epochs=3"])
    monkeypatch.setattr(command_line.app, "run", lambda main, flags_parser: main(flags_parser(sys.argv)))
    monkeypatch.setattr(command_line, "choose_threads", lambda: None)
    monkeypatch.setattr(command_line, "turn_on_onednn", lambda: None)
    flag_values = flags.FlagValues()
    monkeypatch.setattr(command_line.flags, "FLAGS", flag_values)
    define, read = command_line.define_flags, command_line.config_from_flags
    monkeypatch.setattr(command_line, "define_flags", lambda kind: define(kind, flag_values))
    monkeypatch.setattr(command_line, "config_from_flags", lambda kind, complete: read(kind, flag_values, complete))
    evaluation.main()
    (config,) = received
    assert (config.dataset, config.crop_padding, config.epochs) == ("digits", 1, 3)


def test_measure_is_for_a_description():
    for settings in ({}, {"list_genotypes": True}):
        with pytest.raises(ConfigurationError, match=r"^--measure describes a network that is not trained; add --desc"):
            evaluation.evaluate(EvaluationConfig(genotype="DARTS_V2", measure=True, **settings))


@pytest.mark.parametrize(("is_terminal", "as_json"), [(False, False), (False, True), (True, True)])
def test_programs_get_one_json_line(monkeypatch, capsys, is_terminal, as_json):
    monkeypatch.setattr("sys.stdout.isatty", lambda: is_terminal)
    evaluation.evaluate(EvaluationConfig(**SMALL, json=as_json, dataset="digits"))
    (line,) = capsys.readouterr().out.splitlines()
    description = json.loads(line)
    assert (description["image_shape"], description["num_classes"]) == ([8, 8, 1], 10)
    assert {"parameters", "auxiliary_parameters", "multiply_adds", "peak_memory_bytes"} <= set(description)


def test_people_get_lines(monkeypatch, capsys):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    evaluation.evaluate(EvaluationConfig(**SMALL))
    lines = capsys.readouterr().out.splitlines()
    assert "network               cells of darts-v2" in lines
    assert "images                32x32 pixels, colour" in lines
    assert any(line.startswith("multiply-adds         ") and line.endswith(" for an image") for line in lines)
