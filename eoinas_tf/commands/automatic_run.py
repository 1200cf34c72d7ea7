"""The command `eoinas auto FOLDER`: searches, trains and exports with settings chosen for a folder of images."""

import argparse
import dataclasses
import itertools
import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eoinas_tf.command_line import with_flagfiles
from eoinas_tf.commands.argument_parser import CommandParser, run_parsed
from eoinas_tf.commands.automatic_preset import fitting_size
from eoinas_tf.commands.dispatch import TRAINING as TRAINING_COMMAND
from eoinas_tf.commands.lean_imports import lean_imports
from eoinas_tf.config import BALANCED, IMAGE_SETTINGS, EvaluationConfig, SearchConfig, check_setting
from eoinas_tf.distribution.batch_division import FEWEST_IMAGES, check_batch_size
from eoinas_tf.errors import ConfigurationError, EoinasError, RunDirectoryError, StoppedError
from eoinas_tf.experiment.atomic_files import make_folder, write_json
from eoinas_tf.experiment.report.settings_as_flags import flag_text, given_settings
from eoinas_tf.experiment.run_directory import has_only_begun, is_in_use
from eoinas_tf.flag_definitions import config_from_arguments
from eoinas_tf.preset_files import AUTOMATIC, FLAG
from eoinas_tf.training.automatic_sizes import (
    SEARCH,
    SHARES,
    TRAINING,
    Images,
    batch_size,
    recipe,
    recommended_settings,
)

ABOUT = "Searches a cell for a folder of class folders, trains it and exports it. The same command continues."
# Small enough for a few CPU cores; flags for either command override them.
SEARCH_FLAGS = ("--epochs=16", "--cells=5", "--init_channels=16")
TRAINING_FLAGS = ("--epochs=40", "--cells=8", "--init_channels=16")
COMMANDS = {SEARCH: "search", TRAINING: TRAINING_COMMAND}
FOLDERS = {SEARCH: "search", TRAINING: "network"}
# Stores the settings that a time budget gave both runs, in their parent folder.
CHOICE_FILE = "auto.json"
SHORTEST_HOURS, LONGEST_HOURS = 0.01, 100_000


def run_all(options: argparse.Namespace) -> None:
    """Searches, trains and exports, each in a process of its own.

    Args:
        options: `folder`, `run_dir`, `image_size`, `hours`, `search_flags` and `train_flags`.

    Raises:
        EoinasError: It is not a folder of images, or a step failed; its process has printed the reason.
    """
    root = Path(options.folder).expanduser().resolve()
    run_dir = Path(options.run_dir or Path("runs", root.name)).expanduser()
    further = {SEARCH: _words("search_flags", options), TRAINING: _words("train_flags", options)}
    for kind, words in further.items():
        if own_dir := _given("run_dir", words):
            raise ConfigurationError(
                f"the folder of the {kind} is {run_dir / FOLDERS[kind]}; give --run_dir outside of the further flags "
                f"for another one. Received: --run_dir={own_dir}"
            )
    search_size = _given("image_size", further[SEARCH]) or options.image_size
    size = fitting_size(root)
    if size is not None and not search_size:
        search_size = ",".join(map(str, size))
        shape = "x".join(map(str, size))
        print(f"images are resized to {shape} pixels; --image_size=H,W takes another size", flush=True)
    common = [f"--dataset=folder:{root}", *([f"--image_size={search_size}"] if search_size else [])]
    images = dict.fromkeys(SHARES, folder_images(root, search_size))
    if training_size := _given("image_size", further[TRAINING]):
        images[TRAINING] = folder_images(root, training_size)
    shares = dict.fromkeys(SHARES, "")
    if options.hours is None:
        batch = f"--batch_size={batch_size(images[SEARCH].training_images)}"
        own = {
            kind: [
                *flags,
                *itertools.starmap(flag_text, recipe(kind, **_recipe_of(further[kind])).items()),
                *common,
                batch,
            ]
            for kind, flags in ((SEARCH, SEARCH_FLAGS), (TRAINING, TRAINING_FLAGS))
        }
    else:
        choice = _choice_for_hours(images, run_dir, options.hours, further)
        of_all = f"of --hours={options.hours:g}"
        shares = {kind: f"; it has {choice[kind]['hours'] / options.hours:.0%} {of_all}" for kind in SHARES}
        # The training takes these from its search, which `--search_flags` may have given others.
        for name in IMAGE_SETTINGS:
            choice[TRAINING].pop(name, None)
        own = {kind: [*itertools.starmap(flag_text, choice[kind].items()), *common] for kind in SHARES}
    search_dir, training_dir = (run_dir / FOLDERS[kind] for kind in (SEARCH, TRAINING))
    search_words = [*own[SEARCH], f"--run_dir={search_dir}", *further[SEARCH]]
    own[TRAINING].append(f"--genotype={search_dir / 'genotype.json'}")
    training_words = [*own[TRAINING], f"--run_dir={training_dir}", *further[TRAINING]]
    _check_settings(search_words, training_words, images[TRAINING], root)
    _run(SEARCH, search_words, shares[SEARCH])
    if _given("max_steps", further[SEARCH]) and not (search_dir / "genotype.json").exists():
        print("there is no cell to train yet; without --max_steps, the same command finishes both", flush=True)
        return
    _run(TRAINING, training_words, shares[TRAINING])


def _words(name: str, options: argparse.Namespace) -> list[str]:
    """Returns the flags that an argument holds."""
    text = getattr(options, name)
    try:
        return shlex.split(text)
    except ValueError as error:
        raise ConfigurationError(f"--{name}: {error}. Received: {text}") from None


def _from_files(words: Sequence[str]) -> list[str]:
    """Returns flags with those of presets and flagfiles in place of their names.

    `--preset=auto`, which only the commands themselves replace, is left out.
    """
    return [word for word in with_flagfiles(list(words)) if word != f"--{FLAG}={AUTOMATIC}"]


def _recipe_of(words: Sequence[str]) -> dict[str, str | None]:
    """Returns the search method and the optimizer that flags name, by which `recipe` chooses."""
    return {name: _given(name, words) for name in ("method", "optimizer")}


def _given(name: str, words: Sequence[str]) -> str | None:
    """Returns the value that flags give a setting; None if they do not name it."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument(f"--{name}", nargs="?")
    return getattr(parser.parse_known_args(_from_files(words))[0], name)


def _check_settings(search_words: Sequence[str], training_words: Sequence[str], images: Images, root: Path) -> None:
    """Refuses wrong settings of both steps before the search, so that those of the training do not cost its hours.

    Args:
        search_words: The flags of the search.
        training_words: The flags of the training run.
        images: The images of the folder, as the training takes them.
        root: The folder.

    Raises:
        EoinasError: A setting is unknown or wrong, or does not fit the others or the images, a file that it names
            cannot be used, or the package of an export is not installed.
    """
    searched = config_from_arguments(SearchConfig, _from_files(search_words), (FLAG,))
    words = _from_files(training_words)
    trained = config_from_arguments(EvaluationConfig, words, (FLAG,))
    found = Path(searched.run_dir, "genotype.json")
    are_other = trained.dataset != searched.dataset  # Then nothing is known of them here.
    if trained.genotype == str(found) and not are_other:
        given = given_settings(searched)
        inherited = [flag_text(name, value) for name, value in given.items() if name in IMAGE_SETTINGS]
        trained = config_from_arguments(EvaluationConfig, [*inherited, *words], (FLAG,))
    if trained.initial_weights and trained.genotype == str(found) and not found.exists():
        raise ConfigurationError(
            "--initial_weights are of a network whose cells are known, and this command searches for others; fine-tune "
            f"that network with eoinas eval --initial_weights={trained.initial_weights}, or leave them out"
        )
    check_batch_size(trained.batch_size, trained.accumulation_steps, FEWEST_IMAGES)
    height, width = trained.image_size or (images.height, images.width)
    # Both parts that may be held out are known to within one image for each class.
    fewest_images = (images.training_images - images.classes) * (1 - trained.validation_fraction) - images.classes
    is_small = trained.batch_size * (trained.steps_per_epoch or 1) > fewest_images
    has_file = trained.class_weights not in (None, BALANCED)
    is_unusual = is_small or has_file or trained.cutout_length > min(height, width) or trained.normalization is not None
    if trained.export_formats == EvaluationConfig.export_formats and (are_other or not is_unusual):
        return
    with lean_imports():  # Only now, because these import TensorFlow.
        from eoinas_tf.data.channel_normalization import published_statistics
        from eoinas_tf.data.class_weights import weights_of_file
        from eoinas_tf.data.image_folder_layout import find_layout
        from eoinas_tf.data.input_pipelines import steps_per_epoch
        from eoinas_tf.data.split_indices import held_out_fifth, held_out_fraction
        from eoinas_tf.data.suggested_size import MOST_HEADERS, header_shapes
        from eoinas_tf.evaluation.evaluation_images import check_cutout
        from eoinas_tf.experiment.export_formats import check_packages
    check_packages(trained.export_formats)
    if are_other:
        return
    check_cutout(trained.cutout_length, (height, width, 1))
    layout = find_layout(root)
    labels = layout.parts[0].labels
    if not layout.test_name:
        labels = labels[held_out_fifth(labels)[0]]
    if trained.validation_fraction:
        labels = labels[held_out_fraction(labels, trained.validation_fraction, trained.seed)[0]]
    steps_per_epoch(len(labels), trained.batch_size, trained.steps_per_epoch)
    if has_file:
        weights_of_file(str(trained.class_weights), layout.class_names)
    paths = [path for part in layout.parts for path in part.paths]
    # Of more images only a sample would be looked at, and a single one in colour makes all of them so.
    if trained.normalization is not None and len(paths) <= MOST_HEADERS and (shapes := header_shapes(paths)):
        published_statistics(trained.normalization, max(shape[2] for shape in shapes), trained.dataset)


def folder_images(root: Path, image_size: str | None) -> Images:
    """Returns the number, size and classes of the images in a folder.

    Args:
        root: The folder.
        image_size: Height and width in pixels, in the format of the flag; None: the images' own.

    Raises:
        EoinasError: It is not a folder of images.
    """
    from eoinas_tf.data.image_folder_layout import find_layout
    from eoinas_tf.data.suggested_size import header_shapes

    layout = find_layout(root)
    shape = check_size(image_size) if image_size else next(iter(header_shapes(layout.parts[0].paths)), (1, 1, 1))
    return Images(layout.training_images, shape[0], shape[1], len(layout.class_names))


def check_size(text: str) -> tuple[int, int]:
    """Returns the height and width of a size given in the format of the flag `--image_size`.

    Args:
        text: For example `32,32`, `32x32` or `32`.

    Raises:
        ConfigurationError: It is not a size.
    """
    parts = text.lower().replace("x", ",").split(",")
    try:
        height, width = (int(part) for part in (parts * 2 if len(parts) == 1 else parts))
    except ValueError:
        raise ConfigurationError(f"--image_size must be H,W, two whole numbers. Received: {text}") from None
    field = next(field for field in dataclasses.fields(SearchConfig) if field.name == "image_size")
    check_setting(field, (height, width))
    return height, width


def _choice_for_hours(
    images: dict[str, Images], run_dir: Path, hours: float, further: dict[str, list[str]]
) -> dict[str, dict[str, Any]]:
    """Returns the settings of both runs for a time budget: those in the file of the first call, if a run has begun.

    A training that has not begun gets all the time that another budget leaves to it, so that one that was refused as
    too short does not cost the search.
    """
    file = run_dir / CHOICE_FILE
    # A call that was refused, such as one with too few hours, decides nothing.
    if file.exists() and not all(_can_change(run_dir / folder) for folder in FOLDERS.values()):
        choice = _read_choice(file)
        if choice["hours"] != hours:
            left_hours = round(hours - choice[SEARCH]["hours"], 6)
            if left_hours <= 0 or not _can_change(run_dir / FOLDERS[TRAINING]):
                raise RunDirectoryError(
                    f"{run_dir} holds runs with --hours={choice['hours']:g}; repeat it to continue them, or name "
                    f"another --run_dir. Received: {hours:g}"
                )
            choice = {**choice, "hours": hours, TRAINING: _own_choice(TRAINING, images[TRAINING], left_hours, further)}
            write_json(file, choice)
        elif _can_change(run_dir / FOLDERS[TRAINING]):  # Its flags may name another optimizer now.
            choice = {**choice, TRAINING: {**choice[TRAINING], **recipe(TRAINING, **_recipe_of(further[TRAINING]))}}
            write_json(file, choice)
    else:
        choice = {"hours": hours, "images": dataclasses.asdict(images[SEARCH])}
        for kind, share in SHARES.items():
            choice[kind] = _own_choice(kind, images[kind], round(share * hours, 6), further)
        make_folder(run_dir)
        write_json(file, choice)
    for kind in SHARES:
        own = choice[kind]
        print(
            f"{kind} in {own['hours']:g} of {hours:g} hours, for {images[kind]}: {own['cells']} cells, "
            f"{own['init_channels']} channels, batches of {own['batch_size']}; the epochs follow from timed steps",
            flush=True,
        )
    return {kind: choice[kind] for kind in SHARES}


def _can_change(folder: Path) -> bool:
    """Returns whether a run has kept no step, and is not on its way to the first one in another process."""
    return has_only_begun(folder) and not is_in_use(folder)


def _own_choice(kind: str, images: Images, own_hours: float, further: dict[str, list[str]]) -> dict[str, Any]:
    return {
        "hours": own_hours,
        **recommended_settings(
            kind, images, own_hours, **_recipe_of(further[kind]), stem=_given("stem", further[kind])
        ),
    }


def _read_choice(file: Path) -> dict[str, Any]:
    try:
        choice = json.loads(file.read_text(encoding="utf-8"))
        float(choice["hours"])
        if all({"hours", "cells", "init_channels", "batch_size"} <= choice[kind].keys() for kind in SHARES):
            return choice
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        pass
    raise RunDirectoryError(f"{file} cannot be read as a choice of settings; name another --run_dir")


def _run(kind: str, flags: Sequence[str], share: str) -> None:
    """Runs a subcommand in a process of its own; its memory is free afterwards.

    Args:
        kind: `search` or `training`.
        flags: Its flags.
        share: What an error adds: its share of the time budget, if there is one.
    """
    word = COMMANDS[kind]
    print(f"\neoinas {shlex.join([word, *flags])}", flush=True)
    process = subprocess.Popen([sys.executable, "-m", "eoinas_tf", word, *flags])
    try:
        status = process.wait()
    except StoppedError:
        process.terminate()  # It saves its state, too.
        process.wait()
        raise
    if status:
        error = EoinasError(f"eoinas {word} ended with status {status}; see above{share}")
        error.exit_status = status if status > 0 else 128 - status
        raise error


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        raise ConfigurationError(f"--hours must be a number. Received: {text}") from None
    if not SHORTEST_HOURS <= hours <= LONGEST_HOURS:
        raise ConfigurationError(f"--hours must be from {SHORTEST_HOURS} to {LONGEST_HOURS}. Received: {text}")
    return hours


def main() -> None:
    """Reads the command line and runs all steps."""
    parser = CommandParser(ABOUT)
    parser.add_argument("folder", metavar="FOLDER", help="class folders, or train/ and test/ with class folders")
    parser.add_argument("--run_dir", help="receives the runs in search/ and network/ (default: runs/NAME OF FOLDER)")
    parser.add_argument("--image_size", metavar="H,W", help="pixels (default: the images' own, at most 64)")
    parser.add_argument(
        "--hours",
        type=_hours,
        help="time budget in hours of wall clock for both runs, by which sizes and epochs are chosen (default: none)",
    )
    parser.add_argument("--search_flags", default="", help="further flags of the search, in one argument")
    parser.add_argument("--train_flags", default="", help="further flags of the training, in one argument")
    run_parsed(parser, run_all)
