from pathlib import Path

import pytest

from eoinas_tf import preset_files
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.preset_files import preset_names, preset_path, with_preset_files

FLAGS = Path(__file__).parent.parent / "flags"


def test_names_are_those_of_the_flagfiles():
    assert preset_names() == sorted(path.stem for path in FLAGS.glob("*.flags"))
    assert preset_path("search_cifar10") == FLAGS / "search_cifar10.flags"
    assert preset_path("search_cifar10.flags") == FLAGS / "search_cifar10.flags"


def test_installed_presets_come_first(tmp_path, monkeypatch):
    (tmp_path / "only.flags").write_text("--epochs=3\n")
    monkeypatch.setattr(preset_files, "FOLDERS", (tmp_path, FLAGS))
    assert preset_names() == ["only"]


@pytest.mark.parametrize("name", ["search_cifar1", "nonsense", "", "../setup", "README.md"])
def test_a_wrong_name_is_answered_with_the_names(name):
    with pytest.raises(ConfigurationError, match=r"--preset must be one of eval_cifar10, .* Received: ") as caught:
        preset_path(name)
    hint = "did you mean search_cifar10 or search_cifar10_cpu?"
    assert str(caught.value).endswith(hint) == (name == "search_cifar1")


@pytest.mark.parametrize("words", [["--preset=eval_digits"], ["--preset", "eval_digits"], ["-preset=eval_digits"]])
def test_a_preset_is_its_flagfile_in_the_same_place(words):
    flagfile = f"--flagfile={FLAGS / 'eval_digits.flags'}"
    assert with_preset_files(["--epochs=3", *words, "--cells=4"]) == ["--epochs=3", flagfile, "--cells=4"]


def test_behind_the_end_of_flags_nothing_is_a_preset():
    arguments = ["--epochs=3", "--", "--preset=eval_digits"]
    assert with_preset_files(arguments) == arguments
