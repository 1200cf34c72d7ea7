import inspect

import pytest

import eoinas_tf
from eoinas_tf.api import cell_search
from eoinas_tf.errors import ConfigurationError, DatasetError

pytestmark = pytest.mark.usefixtures("pictures_are_not_drawn")

SEARCH = {"operations": ["skip_connect", "max_pool_3x3"], "warmup_epochs": 0, "pruning_after_epoch": 0,
          "pruning_every_epochs": 1, "epochs": 1}  # fmt: skip


@pytest.fixture
def searches(monkeypatch):
    """Records the (settings, images) of searches, and runs none of them."""
    calls = []
    monkeypatch.setattr(cell_search, "run_search", lambda config, images: calls.append((config, images)))
    return calls


def test_the_package_of_the_same_name_is_the_function(searches, tmp_path):
    assert inspect.ismodule(eoinas_tf.search)
    found = eoinas_tf.search("digits", run_dir=tmp_path / "a", **SEARCH)
    assert found.run_dir == tmp_path / "a"
    ((config, images),) = searches
    assert (config.dataset, config.epochs, config.operations, images) == (
        "digits", 1, ("skip_connect", "max_pool_3x3"), None,
    )  # fmt: skip


def test_arrays_are_resized_and_handed_over(searches, arrays, tmp_path):
    eoinas_tf.search(arrays, run_dir=tmp_path / "a", image_size=[6, 4], class_names=["dark", "bright"], **SEARCH)
    ((config, images),) = searches
    assert (config.dataset, config.image_size) == ("arrays", (6, 4))
    assert (images.image_shape, images.class_names) == ((6, 4, 1), ("dark", "bright"))


def test_seeds_are_searched_in_turn_with_one_division_of_the_images(searches, arrays, tmp_path, monkeypatch):
    chosen = []

    class Choice:
        def __init__(self, folders):
            self.folders = folders

        def keep(self, run):
            chosen.append((self.folders, run.path))

    monkeypatch.setattr(cell_search, "choose_best", Choice)
    eoinas_tf.search(arrays, run_dir=tmp_path / "a", num_seeds=2, seed=3, **SEARCH)
    folders = [tmp_path / "a" / "seed_3", tmp_path / "a" / "seed_4"]
    assert chosen == [(folders, tmp_path / "a")]
    made = [(config.seed, config.num_seeds, config.split_seed, config.run_dir) for config, _ in searches]
    assert made == [(3, 1, 3, str(folders[0])), (4, 1, 3, str(folders[1]))]


@pytest.mark.parametrize(
    ("data", "settings", "error", "message"),
    [
        ("digits", {"max_steps": 3}, ConfigurationError, "find no cell here"),
        ("digits", {"select_from": ["a"]}, ConfigurationError, "find no cell here"),
        ("digits", {"epochs": 5}, ConfigurationError, "use at least 8 epochs"),
        (None, {}, DatasetError, "Received: NoneType"),
    ],
)
def test_what_cannot_be_searched_is_refused_before_anything_is_written(
    data, settings, error, message, searches, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        eoinas_tf.search(data, run_dir=tmp_path / "a", **settings)
    assert not searches
    assert not list(tmp_path.iterdir())
