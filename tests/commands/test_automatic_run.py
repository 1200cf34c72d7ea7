import sys

import numpy as np
import pytest
from PIL import Image

from eoinas_tf.commands import automatic_run
from eoinas_tf.config import EvaluationConfig, SearchConfig
from eoinas_tf.flag_definitions import config_from_arguments


@pytest.fixture
def start(monkeypatch, capsys, tmp_path):
    """Runs the command with stand-ins for the processes; returns status, their command lines, and what was printed."""

    def run(*arguments, statuses=(0, 0)):
        commands, left = [], list(statuses)

        class Process:
            def __init__(self, command):
                assert command[:3] == [sys.executable, "-m", "eoinas_tf"]
                commands.append(command[3:])

            def wait(self):
                return left.pop(0)

        monkeypatch.setattr(automatic_run.subprocess, "Popen", Process)
        monkeypatch.setattr(sys, "argv", ["eoinas auto", *map(str, arguments)])
        monkeypatch.chdir(tmp_path)
        code = 0
        try:
            automatic_run.main()
        except SystemExit as exit_:
            code = exit_.code
        output = capsys.readouterr()
        return code, commands, output.out, output.err

    return run


def write_folder(root, sizes):
    for name in ("a", "b"):
        (root / name).mkdir(parents=True)
        for number, (height, width) in enumerate(sizes):
            Image.fromarray(np.zeros((height, width), np.uint8)).save(root / name / f"{number}.png")
    return root


def test_a_search_is_followed_by_the_training_of_what_it_finds(start, tmp_path):
    folder = write_folder(tmp_path / "images", [(9, 7)] * 5)
    code, (search, training), output, errors = start("images", "--train_flags=--epochs=3 --seed=4")
    assert (code, errors) == (0, "")
    assert (search[0], training[0]) == ("search", "eval")
    searched = config_from_arguments(SearchConfig, search[1:])
    trained = config_from_arguments(EvaluationConfig, training[1:])
    assert searched.dataset == trained.dataset == f"folder:{folder}"
    assert (searched.run_dir, trained.run_dir) == ("runs/images/search", "runs/images/network")
    assert trained.genotype == "runs/images/search/genotype.json"
    assert (searched.image_size, trained.image_size) == (None, None)
    assert (trained.epochs, trained.seed, searched.seed) == (3, 4, 0)
    assert output.splitlines()[-1].startswith("eoinas eval ")  # Which itself says what to type next.


@pytest.mark.parametrize(
    ("sizes", "given", "expected"),
    [
        ([(30, 50), (40, 33)], None, (24, 24)),
        ([(90, 90)] * 2, None, (64, 64)),
        ([(30, 50), (40, 33)], "20,28", (20, 28)),
    ],
)
def test_images_get_a_size_that_is_said(start, tmp_path, sizes, given, expected):
    write_folder(tmp_path / "images", sizes)
    _, commands, output, _ = start("images", *([f"--image_size={given}"] if given else []))
    for kind, command in zip((SearchConfig, EvaluationConfig), commands, strict=True):
        assert config_from_arguments(kind, command[1:]).image_size == expected
    assert ("images are resized to 24x24 pixels" in output) == (expected == (24, 24) or given is not None)


@pytest.mark.parametrize(("images", "batch"), [(10, 4), (100, 4), (200, 8), (900, 32), (50000, 64)])
def test_small_sets_get_small_batches(images, batch):
    assert automatic_run.batch_size(images) == batch


def test_a_search_that_fails_ends_it_with_its_status(start, tmp_path):
    write_folder(tmp_path / "images", [(9, 7)] * 5)
    code, commands, _, errors = start("images", statuses=(42,))
    assert (code, len(commands)) == (42, 1)
    assert errors == "error: eoinas search ended with status 42; see above\n"


def test_what_is_no_folder_is_one_line(start, tmp_path):
    code, commands, _, errors = start("nowhere")
    assert (code, commands) == (1, [])
    assert errors == f"error: FOLDER must be a folder of class folders. Received: {tmp_path / 'nowhere'}\n"
