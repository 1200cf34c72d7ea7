import pytest

from eoinas_tf.errors import ConfigurationError
from eoinas_tf.experiment.genotype_settings import settings_beside


@pytest.fixture
def genotype(tmp_path):
    (tmp_path / "genotype.json").write_text("{}")
    return str(tmp_path / "genotype.json")


def test_the_settings_beside_a_genotype_are_read(genotype, tmp_path):
    (tmp_path / "config.json").write_text('{"kind": "SearchConfig", "seed": 3}')
    assert settings_beside(genotype) == (tmp_path / "config.json", {"kind": "SearchConfig", "seed": 3})


@pytest.mark.parametrize("content", ["[]", "{}", '{"kind": "other", "dataset": "mnist"}'])
def test_another_program_s_file_holds_none(genotype, tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    assert settings_beside(genotype) == (tmp_path / "config.json", {})


@pytest.mark.parametrize("content", ["{", "[" * 100_000])
def test_a_damaged_file_is_one_line(genotype, tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(ConfigurationError, match=r"config\.json, beside --genotype, cannot be read"):
        settings_beside(genotype)


def test_without_a_file_there_are_none(genotype, tmp_path, monkeypatch):
    assert settings_beside(genotype) is None
    (tmp_path / "config.json").write_text('{"kind": "SearchConfig"}')
    monkeypatch.chdir(tmp_path)
    for other in ("", "DARTS_V2", "no/such.json"):
        assert settings_beside(other) is None
