import dataclasses

import pytest

from eoinas_tf.config import SearchConfig
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.search.search_method import load_method
from eoinas_tf.search_methods import SEARCH_METHODS, methods_with

METHOD_SETTINGS = {
    field.name: default(SearchConfig()) if callable(default) else default
    for field in dataclasses.fields(SearchConfig)
    if (default := field.metadata["method_default"]) is not None
}


def test_every_listed_setting_belongs_to_methods_and_every_such_setting_is_listed():
    listed = {setting for entry in SEARCH_METHODS.values() for setting in entry.settings}
    assert listed == set(METHOD_SETTINGS)


@pytest.mark.parametrize("method", SEARCH_METHODS)
def test_a_method_s_own_settings_have_their_defaults_and_those_of_others_are_refused(method):
    config, (_, own, _, defaults, _) = SearchConfig(method=method), SEARCH_METHODS[method]
    for setting, default in METHOD_SETTINGS.items():
        if setting in own:
            assert getattr(config, setting) == defaults.get(setting, default), setting
        else:
            assert getattr(config, setting) is None, setting
            with pytest.raises(ConfigurationError, match=rf"^--{setting} is a setting of --method=.*Received: "):
                SearchConfig(method=method, **{setting: default})
    # A config whose method settings are already set keeps them.
    assert dataclasses.replace(config, init_channels=4) == SearchConfig(method=method, init_channels=4)


def test_methods_with_a_setting():
    assert methods_with("importance_weight") == ("eoinas",)
    assert set(methods_with("pruning_every_epochs")) == {"eoinas", "gdas_pruning"}


@pytest.mark.parametrize("method", SEARCH_METHODS)
def test_a_method_is_said_to_train_where_it_has_stages(method):
    stages = load_method(method).stages(SearchConfig(method=method))
    assert SEARCH_METHODS[method].trains == bool(stages)
