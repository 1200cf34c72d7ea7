from eoinas_tf.commands import search
from eoinas_tf.config import SearchConfig
from eoinas_tf.search import seed_selection


def test_the_command_runs_the_searches_of_its_settings(monkeypatch):
    received = []
    monkeypatch.setattr(seed_selection, "search_seeds", received.append)
    search.search(SearchConfig(epochs=9))
    assert received == [SearchConfig(epochs=9)]


def test_the_command_has_the_flags_of_a_search(monkeypatch):
    received = []
    monkeypatch.setattr(search, "run_command", lambda *arguments: received.append(arguments))
    search.main()
    assert received == [(SearchConfig, search.search, search.ABOUT)]
