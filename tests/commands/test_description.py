import sys

import pytest

from eoinas_tf.commands import description
from eoinas_tf.commands.automatic_preset import for_training
from eoinas_tf.config import EvaluationConfig
from eoinas_tf.evaluation.inherited_settings import with_inherited_settings


@pytest.mark.parametrize("word", ["DARTS_V2", "--genotype=DARTS_V2"])
def test_the_genotype_needs_no_flag(monkeypatch, word):
    received = []
    monkeypatch.setattr(sys, "argv", ["eoinas describe", word, "--cells=3"])
    monkeypatch.setattr(description, "run_command", lambda *arguments: received.append(arguments))
    description.main()
    assert sys.argv == ["eoinas describe", "--genotype=DARTS_V2", "--cells=3"]
    assert received == [
        (EvaluationConfig, description.describe, description.ABOUT, with_inherited_settings, for_training)
    ]


def test_the_size_is_printed(monkeypatch):
    printed = []
    monkeypatch.setattr(description, "print_description", printed.append)
    config = EvaluationConfig(genotype="DARTS_V2")
    description.describe(config)
    assert printed == [config]
