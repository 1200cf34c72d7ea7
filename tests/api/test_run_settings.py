import pytest

from eoinas_tf.api.run_settings import make_config
from eoinas_tf.config import EvaluationConfig, SearchConfig
from eoinas_tf.errors import ConfigurationError


def test_settings_have_the_flags_names_and_lists_stand_for_tuples(tmp_path):
    config = make_config(SearchConfig, "search", tmp_path, "digits", {"epochs": 16, "image_size": [8, 9]})
    assert (config.dataset, config.run_dir, config.epochs, config.image_size) == ("digits", str(tmp_path), 16, (8, 9))
    assert config.warmup_epochs == 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epoch": 3}, "epoch is not a setting of a search; is it epochs"),
        ({"dataset": "digits"}, "dataset is not a setting"),
        ({"learning_rate": 0.1}, "learning_rate is not a setting of a search"),
        ({"epochs": 0}, "--epochs must be at least 1"),
        ({"deterministic": True}, "deterministic would change this process beyond the run"),
        ({"strategy": "mirrored"}, "strategy would change this process beyond the run"),
    ],
)
def test_a_wrong_setting_is_refused_before_a_folder_is_made(settings, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=message):
        make_config(SearchConfig, "search", None, "arrays", settings)
    assert not list(tmp_path.iterdir())


def test_each_run_without_a_folder_gets_a_new_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folders = [make_config(EvaluationConfig, "training", None, "arrays", {}).run_dir for _ in range(2)]
    assert folders == ["runs/training_1", "runs/training_2"]
    assert (tmp_path / "runs" / "training_2").is_dir()


def test_hours_and_epochs_are_refused_together(tmp_path):
    config = make_config(EvaluationConfig, "training", tmp_path / "a", "digits", {"hours": 2, "epochs": None})
    assert (config.hours, config.epochs) == (2, None)
    with pytest.raises(ConfigurationError, match="leave out --hours or --epochs"):
        make_config(EvaluationConfig, "training", tmp_path / "b", "digits", {"hours": 2, "epochs": 3})
