import sys

import numpy as np
import pytest
from PIL import Image

from eoinas_tf.commands import automatic_run
from eoinas_tf.config import EvaluationConfig, SearchConfig
from eoinas_tf.data import suggested_size
from eoinas_tf.errors import RunDirectoryError
from eoinas_tf.experiment import export_formats
from eoinas_tf.experiment.run_directory import RunDirectory
from eoinas_tf.flag_definitions import config_from_arguments


@pytest.fixture
def start(monkeypatch, capsys, tmp_path):
    """Runs the command with stand-ins for the processes; returns its status, their command lines, and the output."""

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
    assert output.splitlines()[-1].startswith("eoinas eval ")  # That command itself prints the next one.


@pytest.mark.parametrize(
    ("sizes", "given", "expected"),
    [
        ([(30, 50), (40, 33)] * 2, None, (24, 24)),
        ([(90, 90)] * 4, None, (64, 64)),
        ([(30, 50), (40, 33)] * 2, "20,28", (20, 28)),
    ],
)
def test_images_get_a_size_that_is_said(start, tmp_path, sizes, given, expected):
    write_folder(tmp_path / "images", sizes)
    _, commands, output, _ = start("images", *([f"--image_size={given}"] if given else []))
    for kind, command in zip((SearchConfig, EvaluationConfig), commands, strict=True):
        assert config_from_arguments(kind, command[1:]).image_size == expected
    assert ("images are resized to 24x24 pixels" in output) == (expected == (24, 24))
    assert ("images are resized to" in output) == (given is None)


def test_a_search_that_fails_ends_it_with_its_status(start, tmp_path):
    write_folder(tmp_path / "images", [(9, 7)] * 5)
    code, commands, _, errors = start("images", statuses=(42,))
    assert (code, len(commands)) == (42, 1)
    assert errors == "error: eoinas search ended with status 42; see above\n"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--train_flags=--learning_rat=0.1"], "Unknown command line flag 'learning_rat'"),
        (["--train_flags=--epochs=40", "--hours=3"], "leave out --hours or --epochs"),
        (["--train_flags=--cutout_length=40"], "--cutout_length would blank every training image completely"),
        (["--train_flags=--resize_side=40"], "--resize_side needs an --image_size that fits into it"),
        (["--train_flags=--preset=quick"], "--preset must be one of"),
        (["--train_flags=--batch_size=81"], "--batch_size=81 is larger than the 8 images to draw from"),
        (["--train_flags=--batch_size=6 --validation_fraction=0.5"], "--batch_size=6 is larger than the 4 images"),
        (["--train_flags=--flagfile=nowhere"], "the flagfile nowhere cannot be read: No such file"),
        (["--train_flags=--class_weights=nowhere.json"], "nowhere.json, which cannot be read: No such file"),
        (["--train_flags=--class_weights={weights}"], "lacks a weight for: 'b'"),
        (["--train_flags=--normalization=cifar10"], "--normalization=cifar10 is for images of 3 channels"),
        (["--train_flags=--steps_per_epoch=99"], "--steps_per_epoch must be at most 2, the batches of 4"),
        (["--train_flags=--initial_weights=cifar10_small"], "with eoinas eval --initial_weights=cifar10_small"),
        (["--train_flags=--accumulation_steps=3"], "--batch_size must be a multiple of --accumulation_steps"),
        (["--train_flags=--accumulation_steps=4"], "--batch_size must be at least 8 to be divided into 4"),
        (["--train_flags=--batch_size=1"], "--batch_size must be at least 2, for normalization needs 2 images"),
        (["--train_flags=--dataset=folder:/large --batch_size=1"], "--batch_size must be at least 2, for"),
        (
            ["--train_flags=--stem=imagenet --init_channels=1"],
            "--init_channels must be at least 2 with --stem=imagenet",
        ),
        (["--train_flags=--run_dir=x"], "the training is runs/images/network; give --run_dir outside of the further"),
        (["--search_flags=--run_dir x"], "the search is runs/images/search; give --run_dir outside of the further"),
        (["--train_flags=--run_dir='x"], "--train_flags: No closing quotation. Received: --run_dir='x"),
        (['--search_flags="'], "--search_flags: No closing quotation"),
    ],
)
def test_a_training_that_would_be_refused_is_refused_before_the_search(start, tmp_path, flags, message):
    write_folder(tmp_path / "images", [(9, 7)] * 5)
    (tmp_path / "weights.json").write_text('{"a": 1.5}')
    code, commands, _, errors = start("images", *(flag.format(weights=tmp_path / "weights.json") for flag in flags))
    assert (code, commands, errors.count("\n")) == (1, [], 1)
    assert message in errors


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--batch_size=3", "--batch_size=3 is larger than the 2 images to draw from"),
        ("--batch_size=2 --validation_fraction=0.5", "no images could be held out, for no class has two"),
    ],
)
def test_the_images_left_to_train_on_are_counted_by_class(start, tmp_path, flags, message):
    write_folder(tmp_path / "images", [(9, 7)] * 2)  # A class keeps one image of two.
    code, commands, _, errors = start("images", f"--train_flags={flags}")
    assert (code, commands, errors.count("\n")) == (1, [], 1)
    assert message in errors


def test_a_search_that_max_steps_ends_is_not_followed_by_a_training_without_cells(start, tmp_path):
    write_folder(tmp_path / "images", [(9, 7)] * 5)
    code, commands, output, errors = start("images", "--search_flags=--max_steps=3")
    assert (code, [command[0] for command in commands], errors) == (0, ["search"], "")
    assert output.endswith("there is no cell to train yet; without --max_steps, the same command finishes both\n")


def test_a_missing_package_of_an_export_is_reported_before_the_search(start, tmp_path, monkeypatch):
    write_folder(tmp_path / "images", [(9, 7)] * 5)
    monkeypatch.setattr(export_formats.importlib.util, "find_spec", lambda name: None)
    code, commands, _, errors = start("images", "--train_flags=--export_formats=onnx")
    assert (code, commands) == (1, [])
    assert "--export_formats=onnx needs packages that are not installed" in errors


def test_a_training_is_checked_with_what_it_takes_from_the_search(start, tmp_path):
    write_folder(tmp_path / "images", [(50, 40)] * 5)
    flags = ["--search_flags=--image_size=32 --nohorizontal_flip", "--train_flags=--resize_side=40 --cutout_length=16"]
    code, commands, _, errors = start("images", *flags)
    assert (code, len(commands), errors) == (0, 2, "")


@pytest.mark.parametrize("hours", [None, 3])
@pytest.mark.parametrize(
    ("flags", "searched", "trained"),
    [
        ("--search_flags=--image_size=32", (32, 32), (32, 32)),
        ("--image_size=24", (24, 24), (24, 24)),
        ("--train_flags=--genotype=DARTS_V2", (64, 64), (64, 64)),
        ("--train_flags=--dataset=folder:/others", (64, 64), (64, 64)),
        ("--train_flags=--image_size=40,48", (64, 64), (40, 48)),
    ],
)
def test_a_size_among_the_flags_of_the_search_is_that_of_the_training_too(
    start, tmp_path, hours, flags, searched, trained
):
    write_folder(tmp_path / "images", [(90, 70), (80, 80)] * 3)
    code, (search, training), output, errors = start("images", flags, *([f"--hours={hours}"] if hours else []))
    assert (code, errors) == (0, "")
    assert config_from_arguments(SearchConfig, search[1:]).image_size == searched
    assert config_from_arguments(EvaluationConfig, training[1:]).image_size == trained
    if hours:
        height, width = trained
        assert f"training in 2 of 3 hours, for 9 training images of {height}x{width} pixels" in output


@pytest.mark.parametrize(
    "flags",
    [
        "--preset=auto", "-preset=auto", "--preset auto", "--flagfile=own.flags", "--verbosity=1", "--batch_size=8",
        "--dataset=folder:/large --cutout_length=40 --batch_size=64",
    ],
)  # fmt: skip
def test_what_the_training_accepts_is_not_refused(start, tmp_path, flags):
    write_folder(tmp_path / "images", [(9, 7)] * 5)
    # With the mark that some editors put first.
    (tmp_path / "own.flags").write_text("\ufeff--preset=auto\n--epochs=3\n", encoding="utf-8")
    code, commands, _, errors = start("images", f"--train_flags={flags}")
    assert (code, len(commands), errors) == (0, 2, "")


def test_a_run_on_its_way_to_its_first_step_keeps_the_hours(start, tmp_path):
    write_folder(tmp_path / "images", [(9, 7)] * 5)
    start("images", "--hours=3")
    runs = tmp_path / "runs" / "images"
    choice = (runs / "auto.json").read_bytes()
    (runs / "search").mkdir()
    (runs / "search" / "metrics.jsonl").write_text("")
    with RunDirectory(EvaluationConfig(run_dir=str(runs / "network"))):
        code, commands, _, errors = start("images", "--hours=5")
    assert (code, commands) == (RunDirectoryError.exit_status, [])
    assert "holds runs with --hours=3" in errors
    assert (runs / "auto.json").read_bytes() == choice


def test_an_optimizer_that_is_named_after_the_search_gets_its_learning_rate(start, tmp_path):
    write_folder(tmp_path / "images", [(9, 7)] * 5)
    start("images", "--hours=3")
    (tmp_path / "runs" / "images" / "search").mkdir()
    (tmp_path / "runs" / "images" / "search" / "metrics.jsonl").write_text("")
    (tmp_path / "own.flags").write_text("--optimizer=adamw\n")
    for flags in ("--optimizer=adamw", "--flagfile=own.flags"):
        _, (_, training), _, _ = start("images", "--hours=3", f"--train_flags={flags}")
        assert config_from_arguments(EvaluationConfig, training[1:]).learning_rate == 0.001


def test_another_optimizer_gets_its_own_learning_rate(start, tmp_path):
    write_folder(tmp_path / "images", [(9, 7)] * 5)
    for hours in ([], ["--hours=3"]):
        _, (_, training), _, _ = start("images", "--train_flags=--optimizer=adamw", *hours)
        trained = config_from_arguments(EvaluationConfig, training[1:])
        assert (trained.learning_rate, trained.weight_decay, trained.drop_path) == (0.001, 0.05, 0.1)
        _, (_, training), _, _ = start("images", "--train_flags=--optimizer sgd", *hours)
        assert config_from_arguments(EvaluationConfig, training[1:]).learning_rate == 0.05


def test_the_home_folder_may_hold_the_runs(start, tmp_path, monkeypatch):
    write_folder(tmp_path / "images", [(9, 7)] * 5)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    start("images", "--hours=3", "--run_dir=~/mine")
    assert (tmp_path / "home" / "mine" / "auto.json").exists()
    assert not (tmp_path / "~").exists()


def test_what_is_no_folder_is_one_line(start, tmp_path):
    code, commands, _, errors = start("nowhere")
    assert (code, commands) == (1, [])
    assert errors == f"error: FOLDER must be a folder of class folders. Received: {tmp_path / 'nowhere'}\n"


def test_without_hours_nothing_is_chosen_or_written(start, tmp_path):
    write_folder(tmp_path / "images", [(9, 7)] * 5)
    _, (search, _), _, _ = start("images")
    assert search[:7] == [
        "search", "--epochs=16", "--cells=5", "--init_channels=16", "--architecture_learning_rate=0.003",
        "--importance_iterations=relative", f"--dataset=folder:{tmp_path / 'images'}",
    ]  # fmt: skip
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("hours", [[], ["--hours=3"]])
@pytest.mark.parametrize(
    "flags", ["--seed=3 --method=gdas", "--method gdas --seed 3", "--method=darts --method=gdas --seed=3"]
)
def test_another_method_gets_its_own_recipe(start, tmp_path, flags, hours):
    write_folder(tmp_path / "images", [(9, 7)] * 5)
    _, (search, training), _, _ = start("images", f"--search_flags={flags}", *hours)
    searched = config_from_arguments(SearchConfig, search[1:])  # Refuses a setting that the method does not have.
    assert (searched.method, searched.seed, searched.importance_iterations) == ("gdas", 3, None)
    assert searched.architecture_learning_rate == 3e-4
    assert config_from_arguments(EvaluationConfig, training[1:]).drop_path == 0.1


def test_hours_are_shared_out_and_choose_sizes(start, tmp_path):
    # 8 training images of 9x7 pixels: three cells and at most 16 channels.
    write_folder(tmp_path / "images", [(9, 7)] * 5)
    code, (search, training), output, _ = start("images", "--hours=1.5")
    assert code == 0
    searched = config_from_arguments(SearchConfig, search[1:])
    trained = config_from_arguments(EvaluationConfig, training[1:])
    assert (searched.hours, trained.hours) == (0.5, 1.0)
    for config in (searched, trained):
        assert (config.epochs, config.cells, config.init_channels) == (None, 3, 16)
        assert config.batch_size == 4
    assert searched.crop_padding == 0
    assert (searched.importance_iterations, trained.drop_path) == ("relative", 0.1)
    assert "search in 0.5 of 1.5 hours, for 8 training images of 9x7 pixels in 2 classes: 3 cells" in output


def test_the_choice_is_kept_for_the_same_hours_only(start, tmp_path, monkeypatch):
    write_folder(tmp_path / "images", [(9, 7)] * 5)
    _, commands, _, _ = start("images", "--hours=1.5", statuses=(42,))
    search = tmp_path / "runs" / "images" / "search"
    search.mkdir()
    (search / "metrics.jsonl").write_text("")
    # As on another machine, which would choose differently.
    monkeypatch.setattr(automatic_run, "recommended_settings", lambda *arguments: {"cells": 9})
    _, again, _, _ = start("images", "--hours=1.5")
    assert again[0] == commands[0]
    code, commands, _, errors = start("images", "--hours=0.5")  # What the search alone has.
    assert (code, commands) == (RunDirectoryError.exit_status, [])
    assert errors == (
        "error: runs/images holds runs with --hours=1.5; repeat it to continue them, or name another --run_dir. "
        "Received: 0.5\n"
    )
    for content in ("", "[]", '{"hours": 1.5, "search": {}, "training": {}}'):
        (tmp_path / "runs" / "images" / "auto.json").write_text(content)
        _, commands, _, errors = start("images", "--hours=1.5")
        assert (commands, errors.count("\n")) == ([], 1)
        assert "auto.json cannot be read as a choice of settings" in errors


def test_a_call_that_was_refused_decides_nothing_for_the_next(start, tmp_path):
    write_folder(tmp_path / "images", [(9, 7)] * 5)
    start("images", "--hours=0.1", statuses=(1,))
    for folder in ("search", "network"):
        (tmp_path / "runs" / "images" / folder).mkdir()
        (tmp_path / "runs" / "images" / folder / "config.json").write_text("{}")
    code, (search, training), _, errors = start("images", "--hours=3", "--search_flags=--method=darts")
    assert (code, errors) == (0, "")
    searched = config_from_arguments(SearchConfig, search[1:])
    assert (searched.hours, searched.method) == (1.0, "darts")
    assert (searched.importance_iterations, searched.architecture_learning_rate) == (None, 3e-4)
    assert config_from_arguments(EvaluationConfig, training[1:]).hours == 2.0
    (tmp_path / "runs" / "images" / "network" / "metrics.jsonl").write_text("")
    code, commands, _, errors = start("images", "--hours=4")
    assert (code, commands) == (RunDirectoryError.exit_status, [])
    assert "holds runs with --hours=3" in errors


def test_more_hours_go_to_a_training_that_was_refused(start, tmp_path):
    write_folder(tmp_path / "images", [(9, 7)] * 5)
    runs = tmp_path / "runs" / "images"
    _, (first_search, _), _, errors = start("images", "--hours=0.3", statuses=(0, 1))
    assert errors == "error: eoinas eval ended with status 1; see above; it has 67% of --hours=0.3\n"
    for folder in ("search", "network"):
        (runs / folder).mkdir()
        (runs / folder / "config.json").write_text("{}")
    (runs / "search" / "genotype.json").write_text("{}")
    code, (search, training), output, errors = start("images", "--hours=2")
    assert (code, errors, search) == (0, "", first_search)
    assert config_from_arguments(EvaluationConfig, training[1:]).hours == 1.9
    assert "search in 0.1 of 2 hours" in output
    assert "training in 1.9 of 2 hours" in output
    (runs / "network" / "metrics.jsonl").write_text("")
    _, (_, again), _, _ = start("images", "--hours=2")
    assert again == training
    assert "holds runs with --hours=2" in start("images", "--hours=3")[3]
    _, _, _, errors = start("images", "--hours=2", statuses=(0, 1))
    assert errors.endswith("it has 95% of --hours=2\n")


@pytest.mark.parametrize("hours", [[], ["--hours=1.5"]])
def test_the_training_takes_the_padding_from_its_search(start, tmp_path, hours):
    write_folder(tmp_path / "images", [(32, 32)] * 5)
    _, (search, training), _, _ = start("images", "--search_flags=--crop_padding=2", *hours)
    assert config_from_arguments(SearchConfig, search[1:]).crop_padding == 2
    # Inherited from the search's config.json, as it is not given.
    assert not any(flag.startswith("--crop_padding") for flag in training)
    _, (_, training), _, _ = start("images", "--train_flags=--crop_padding=3", "--run_dir=other", *hours)
    assert config_from_arguments(EvaluationConfig, training[1:]).crop_padding == 3


def test_a_share_that_is_too_small_is_put_into_relation(start, tmp_path):
    write_folder(tmp_path / "images", [(9, 7)] * 5)
    _, _, _, errors = start("images", "--hours=0.1", statuses=(1,))
    assert errors == "error: eoinas search ended with status 1; see above; it has 33% of --hours=0.1\n"


@pytest.mark.parametrize("hours", ["0", "-1", "nan", "inf", "two", ""])
def test_wrong_hours_are_one_line(start, tmp_path, hours):
    write_folder(tmp_path / "images", [(9, 7)] * 5)
    code, commands, _, errors = start("images", f"--hours={hours}")
    assert (code, commands, errors.count("\n")) == (1, [], 1)
    assert errors.startswith("error: --hours must be ")


@pytest.mark.parametrize("size", ["8,9", "8x9", "8X9"])
def test_a_given_size_counts_for_the_choice(start, tmp_path, size):
    write_folder(tmp_path / "images", [(90, 70)] * 5)
    _, (search, _), output, _ = start("images", "--hours=1.5", f"--image_size={size}")
    assert "of 8x9 pixels" in output
    assert config_from_arguments(SearchConfig, search[1:]).image_size == (8, 9)
    _, commands, _, errors = start("images", "--hours=1.5", "--image_size=large", "--run_dir=other")
    assert (commands, errors) == ([], "error: --image_size must be H,W, two whole numbers. Received: large\n")


def test_weights_of_the_cells_that_were_found_are_accepted(start, tmp_path):
    write_folder(tmp_path / "images", [(9, 7)] * 5)
    found = tmp_path / "runs" / "images" / "search" / "genotype.json"
    found.parent.mkdir(parents=True)
    found.write_text("{}")
    code, commands, _, errors = start("images", "--train_flags=--initial_weights=runs/earlier")
    assert (code, len(commands), errors) == (0, 2, "")


def test_one_image_in_colour_among_many_makes_all_of_them_so(start, tmp_path, monkeypatch):
    write_folder(tmp_path / "images", [(9, 7)] * 5)
    Image.new("RGB", (7, 9)).save(tmp_path / "images" / "a" / "9.png")
    assert start("images", "--train_flags=--normalization=cifar10")[0] == 0
    (tmp_path / "images" / "a" / "9.png").unlink()
    assert start("images", "--train_flags=--normalization=cifar10")[0] == 1
    monkeypatch.setattr(suggested_size, "MOST_HEADERS", 3)  # Then it is not known.
    assert start("images", "--train_flags=--normalization=cifar10")[0] == 0
