import json
import sys

from eoinas_tf.commands import genotype_list
from eoinas_tf.evaluation.genotype_table import genotype_records, genotype_table


def test_the_list_is_the_table_or_its_records(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["eoinas list"])
    genotype_list.main()
    assert capsys.readouterr().out.splitlines() == list(genotype_table())
    monkeypatch.setattr(sys, "argv", ["eoinas list", "--json"])
    genotype_list.main()
    assert json.loads(capsys.readouterr().out) == genotype_records()
