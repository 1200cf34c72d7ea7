import gc

from eoinas_tf.commands import automatic_preset, search
from eoinas_tf.config import SearchConfig
from eoinas_tf.search import search_loop, seed_selection


def test_the_command_runs_the_searches_of_its_settings(monkeypatch):
    received = []
    monkeypatch.setattr(seed_selection, "search_seeds", lambda *arguments: received.append(arguments))
    search.search(SearchConfig(epochs=9))
    assert received == [(SearchConfig(epochs=9), search.run_one_search)]


def test_each_search_begins_without_what_it_does_not_need(monkeypatch):
    """With several seeds, other processes look up the function by its name."""
    received = []

    def run(config, seconds_before):
        assert seconds_before > 0  # Imports count towards a time budget.
        received.append((config, gc.get_freeze_count() > 0))

    monkeypatch.setattr(search_loop, "run_search", run)
    gc.unfreeze()
    config = SearchConfig(epochs=9)
    search.run_one_search(config)
    gc.unfreeze()
    assert received == [(config, True)]
    assert getattr(search, search.run_one_search.__qualname__) is search.run_one_search


def test_the_command_has_the_flags_of_a_search(monkeypatch):
    received = []
    monkeypatch.setattr(search, "run_command", lambda *arguments, **more: received.append((arguments, more)))
    search.main()
    assert received == [
        (
            (SearchConfig, search.search, search.ABOUT),
            {"inherit": search.inherit, "complete_automatically": automatic_preset.for_search},
        )
    ]


def test_a_choice_among_searches_takes_their_images_and_a_search_takes_none(monkeypatch):
    taken = []
    monkeypatch.setattr(seed_selection, "with_images_of_choice", lambda *arguments: taken.append(arguments))
    alone = {"select_from": None}, {"epochs"}
    assert search.inherit(*alone) == alone
    assert taken == []
    search.inherit({"select_from": ("a",)}, {"select_from"})
    assert taken == [({"select_from": ("a",)}, {"select_from"})]
