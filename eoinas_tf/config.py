"""The settings of a search and of an evaluation, as frozen dataclasses that do not depend on flags.

Each field carries its help text, its bounds and whether it changes the result. The
command-line flags are generated from the fields (`flag_definitions.py`), so that every
flag has a setting and every setting a flag.
"""

import dataclasses
import json
import re
import types
import typing
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

from eoinas_tf.errors import ConfigurationError
from eoinas_tf.learning_rate_shapes import CONSTANT, LEARNING_RATE_SHAPES
from eoinas_tf.search_methods import SEARCH_METHODS, methods_with
from eoinas_tf.setting_paths import FOLDER_PREFIX, expanded_paths

# Of float32, the type that settings are computed in.
LARGEST_FLOAT = 3.4e38
LARGEST_SEED = 2**31 - 1
# The value of --dataset of a run that was given arrays in Python.
ARRAYS = "arrays"
# The value of --class_weights that needs no file.
BALANCED = "balanced"
# The value of --network for a network of a genotype's cells.
CELLS = "cells"
# Settings that say which operations a genotype may name.
SETTINGS_OF_CELLS = ("operation_modules",)
# Settings that default to a part of the epochs of a search that drops operations.
SCHEDULE_SETTINGS = ("warmup_epochs", "pruning_after_epoch", "pruning_every_epochs")
# Settings that belong to the images and are not applied to others.
IMAGE_SETTINGS = (
    "data_dir",
    "image_size",
    "on_bad_image",
    "crop_padding",
    "horizontal_flip",
    "normalization",
)
# The value of --genotype of a run that was given the cells in Python; its folder holds them under this name.
CELLS_IN_PYTHON = "genotype.json"
# Settings that lower the width of a final network.
BUDGETS = ("max_parameters", "max_multiply_adds", "max_peak_memory_mib", "max_latency_ms")
# NUL, which no path can contain, and surrogates, which represent bytes that are not UTF-8 and cannot be printed.
NO_TEXT = re.compile("[\0\ud800-\udfff]")


def method_setting(method_default: Any, help: str, **bounds: Any) -> Any:
    """Declares a setting that only some search methods have; `SEARCH_METHODS` lists it for each of them.

    Args:
        method_default: Default value with these methods, or a function that computes it from the config.
        help: Its description, with its unit.
        **bounds: `minimum`, `maximum` and `choices`, as for `setting`.

    Returns:
        A dataclass field.
    """
    return setting(None, help, method_default=method_default, **bounds)


def setting(
    default: Any,
    help: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] | None = None,
    changes_result: bool = True,
    method_default: Any = None,
    path_prefix: str | None = None,
    is_size: bool = False,
    usual: Any = None,
) -> Any:
    """Declares one setting.

    Args:
        default: Default value. `None` means that the data or other settings determine the value.
        help: Its description, with its unit.
        minimum: Smallest value allowed.
        maximum: Largest value allowed.
        choices: The words allowed.
        changes_result: Whether a run with another value is a different run. A run can be
            continued only if all settings that change the result are the same.
        method_default: For a setting that only some search methods have: its default value with these methods, or a
            function that computes it from the config. `default` is then None, which is also its value with every
            other method.
        path_prefix: Text before a path; empty if the whole setting is one or more paths; None if it is not a path.
        is_size: Whether it is a height and a width, which can also be given as HxW or as one number on a command line.
        usual: Default value if no other setting determines it; `default` is then None.

    Returns:
        A dataclass field.
    """
    metadata = {
        "help": help,
        "minimum": minimum,
        "maximum": maximum,
        "choices": choices,
        "changes_result": changes_result,
        "method_default": method_default,
        "path_prefix": path_prefix,
        "is_size": is_size,
        "usual": usual,
    }
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunConfig:
    """The settings that a search and an evaluation have in common.

    If `hours` is given and `epochs` is not, `epochs` and all settings derived from it are None until the run has timed
    its steps; `dataclasses.replace` with the chosen epochs then sets them all.
    """

    run_dir: str = setting(
        "",
        "Folder that receives everything the run writes. The same command continues the run in it.",
        changes_result=False,
        path_prefix="",
    )
    dataset: str = setting(
        "cifar10",
        "Images to use: the name of a TensorFlow Datasets image classification set, `digits` (ships with "
        "scikit-learn), or `folder:PATH`, a folder of class folders or of train/ and test/ with class folders.",
        path_prefix=FOLDER_PREFIX,
    )
    data_dir: str | None = setting(
        None,
        "Folder of prepared TensorFlow Datasets; by default TFDS_DATA_DIR or ~/tensorflow_datasets.",
        changes_result=False,
        path_prefix="",
    )
    download: bool = setting(
        False, "Download and prepare the data set where it is not there yet.", changes_result=False
    )
    image_size: tuple[int, int] | None = setting(
        None,
        "Height and width in pixels, as H,W or HxW or one number for both, to which images are resized; by default "
        "images keep their size.",
        minimum=4,
        maximum=4096,
        is_size=True,
    )
    on_bad_image: str = setting(
        "error",
        "What to do about files of a folder that are no images, damaged or not readable: error (end before anything is "
        "trained and name the first) or skip (leave them out, at most 1 % of all).",
        choices=("error", "skip"),
    )
    class_weights: str | None = setting(
        None,
        "Weights of the classes in the training's losses: balanced (the fewer training images, the larger) or a JSON "
        "file of a positive weight for each class name; by default all have the same weight.",
        path_prefix="",
    )
    operation_modules: tuple[str, ...] | None = setting(
        None,
        "Python modules to import first, comma-separated, which register operations of your own "
        "(eoinas_tf.register_operation).",
    )
    batch_size: int = setting(64, "Images in a training batch.", minimum=1, maximum=65536)
    cells: int = setting(8, "Cells in the network.", minimum=3, maximum=1000)
    init_channels: int = setting(16, "Channels C of the first cell.", minimum=1, maximum=4096)
    epochs: int = setting(
        None,
        "Passes over the training images; with hours as many as fit.",
        minimum=1,
        maximum=1_000_000,
        usual=160,
    )
    steps_per_epoch: int | None = setting(
        None,
        "Steps of an epoch, which then uses only a part of the training images, each epoch another one; by default as "
        "many as use all of them.",
        minimum=1,
        maximum=1_000_000_000,
    )
    hours: float | None = setting(
        None,
        "Time budget in hours of wall clock, from the start of the process to its end: a new run times some steps and "
        "chooses the epochs that fit, where they are few also steps_per_epoch, and a run that is continued keeps them. "
        "Leave out epochs.",
        minimum=0.001,
        maximum=100_000.0,
        changes_result=False,
    )
    seed: int = setting(0, "Seed of every random number of the run.", minimum=0, maximum=LARGEST_SEED)
    crop_padding: int = setting(
        4, "Pixels of zero padding around an image before a random crop to its size; 0: no crop.", minimum=0, maximum=64
    )
    horizontal_flip: bool = setting(True, "Flip half of the training images left to right.")
    gradient_clip_norm: float = setting(
        5.0, "Largest global norm of the weights' gradient; larger ones are scaled down to it.", minimum=1e-6
    )
    max_steps: int = setting(
        0,
        "End early after this many steps (a search's step is a weight step with its architecture step). They are "
        "saved: the same command without it continues after them; 0: no limit.",
        minimum=0,
        changes_result=False,
    )
    checkpoint_every_epochs: int = setting(
        1, "Epochs between two checkpoints.", minimum=1, maximum=1_000_000, changes_result=False
    )
    checkpoint_every_steps: int = setting(
        0,
        "Steps between two checkpoints within an epoch; 0: none but at the ends of epochs.",
        minimum=0,
        changes_result=False,
    )
    steps_per_call: int = setting(
        1,
        "Steps that one call of TensorFlow runs; more of them save Python's overhead in short steps, as on a fast GPU. "
        "SIGTERM, SIGINT and SIGHUP wait for the end of a call.",
        minimum=1,
        maximum=10_000,
        changes_result=False,
    )
    keep_checkpoints: int = setting(
        2, "Newest checkpoints that are kept.", minimum=1, maximum=1000, changes_result=False
    )
    tensorboard: bool = setting(True, "Write TensorBoard event files.", changes_result=False)
    quiet: bool = setting(
        False, "Print only warnings, errors and, at the end, the result and where it is.", changes_result=False
    )
    strategy: str = setting(
        "one",
        "Where to compute: one (one device), mirrored (all GPUs of this machine), or multi_worker (the machines that "
        "TF_CONFIG lists). The batch is divided among the devices.",
        choices=("one", "mirrored", "multi_worker"),
    )
    logical_cpus: int = setting(
        2,
        "Devices that the CPU is divided into with --strategy=mirrored on a machine without GPUs, to try it out.",
        minimum=1,
        maximum=64,
    )
    deterministic: bool = setting(
        False,
        "Let TensorFlow use only operations that give the same bits each time on the same machine, which costs speed "
        "on GPUs; on CPUs they do so anyway.",
    )
    mixed_precision: str = setting(
        "float32",
        "Type that layers compute in; weights stay float32. float16 scales the loss so that small gradients survive.",
        choices=("float32", "bfloat16", "float16"),
    )

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = expanded_setting(field, getattr(self, field.name))
            if value is None and self.hours is None:
                value = field.metadata["usual"]
            object.__setattr__(self, field.name, value)
            check_setting(field, value)
        if self.hours is not None and self.strategy == "multi_worker":
            raise ConfigurationError(
                "--hours needs a single process, since each worker would choose other epochs; give --epochs. Received: "
                f"--strategy={self.strategy}"
            )
        if self.image_size is not None and len(self.image_size) != 2:
            raise ConfigurationError(
                f"--image_size must be two numbers, height and width. Received: {','.join(map(str, self.image_size))}"
            )

    def _refuse_rise(self, start: str, end: str) -> None:
        """Raises a ConfigurationError if a falling schedule would end above its start."""
        if getattr(self, start) is not None and getattr(self, end) > getattr(self, start):
            raise ConfigurationError(
                f"--{end} must not be above --{start}. Received: {getattr(self, end)} and {getattr(self, start)}"
            )

    def to_json(self) -> str:
        """Returns the settings as one JSON object, one setting per line."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    def result_settings(self) -> dict[str, Any]:
        """Returns the settings that change the result, as JSON represents them (tuples become lists)."""
        changing = {field.name for field in dataclasses.fields(self) if field.metadata["changes_result"]}
        return {name: value for name, value in json.loads(self.to_json()).items() if name in changing}


# How edges compare once drops have left one operation on each.
EDGE_RANKINGS = END, LAST_DECISION = "end", "last_decision"
# Of the epochs of a search, in the paper: a warm-up and one part before each of its seven drops.
FEWEST_PARTS = 8


Config = TypeVar("Config", bound=RunConfig)


def schedule_parts(operations: Sequence[str] | None) -> int:
    """Returns into how many equal parts the default schedule divides a search's epochs: one for each candidate.

    Args:
        operations: The candidate operations; None: the paper's eight.
    """
    return max(FEWEST_PARTS, len(operations or ()))


def _part_of_epochs(config: "SearchConfig") -> int | None:
    """Returns an eighth of `epochs`, as the paper's 20 of 160, or less if a method has more than seven drops."""
    if config.epochs is None:
        return None
    drops = "pruning_every_epochs" in SEARCH_METHODS[config.method].settings
    return config.epochs // (schedule_parts(config.operations) if drops else FEWEST_PARTS)


def _part_or_one(config: "SearchConfig") -> int | None:
    part = _part_of_epochs(config)
    return None if part is None else max(1, part)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SearchConfig(RunConfig):
    """The settings of a search; the defaults are the paper's (section 4.2).

    Creating a config sets the warm-up, the first drop and the distance between drops to integers derived from its
    `epochs`, and `split_seed` to its `seed`, if they are not given; `dataclasses.replace` keeps them.

    Attributes:
        gives_whole_schedule: Whether all of `SCHEDULE_SETTINGS` that the method has were given, so that none was
            derived from `epochs`.
    """

    gives_whole_schedule: ClassVar[bool] = False  # Set by each config; not a setting, so not a field.

    method: str = setting("eoinas", "Search method.", choices=tuple(SEARCH_METHODS))
    operations: tuple[str, ...] | None = setting(
        None, "Candidate operations of every edge, comma-separated; by default the paper's eight."
    )
    warmup_epochs: int = method_setting(
        _part_of_epochs,
        "Epochs at the start that train the weights only; by default an eighth of epochs, or 1/n if the "
        "method drops operations and has n > 8 of them.",
        minimum=0,
    )
    pruning_after_epoch: int = method_setting(
        _part_of_epochs,
        "No operation is dropped at the end of this epoch or an earlier one; by default an eighth of epochs, "
        "or 1/n with n > 8 operations.",
        minimum=0,
    )
    pruning_every_epochs: int = method_setting(
        _part_or_one,
        "An operation is dropped on every edge at the end of each epoch that this number divides; by default an "
        "eighth of epochs, or 1/n with n > 8 operations.",
        minimum=1,
    )
    weights_learning_rate: float = setting(0.025, "SGD's learning rate for the weights at the start.", minimum=0.0)
    weights_learning_rate_end: float = setting(
        0.001, "SGD's learning rate for the weights at the end of its schedule.", minimum=0.0
    )
    weights_learning_rate_schedule: str = setting(
        "cosine",
        "Course of the weights' learning rate, step by step, from its start to its end.",
        choices=tuple(LEARNING_RATE_SHAPES),
    )
    weights_momentum: float = setting(0.9, "SGD's momentum.", minimum=0.0, maximum=1.0)
    weights_l2: float = setting(
        3e-4, "L2 weight decay of the weights, added to the gradient (not decoupled).", minimum=0.0
    )
    architecture_learning_rate: float = method_setting(3e-4, "Adam's learning rate for alpha.", minimum=0.0)
    architecture_beta_1: float = method_setting(
        0.5, "Adam's decay of the first moment for alpha.", minimum=0.0, maximum=0.999999
    )
    architecture_beta_2: float = method_setting(
        0.999, "Adam's decay of the second moment for alpha.", minimum=0.0, maximum=0.999999
    )
    architecture_l2: float = method_setting(1e-3, "L2 weight decay of alpha, added to the gradient.", minimum=0.0)
    temperature_start: float = method_setting(
        5.0, "Temperature of the Gumbel softmax in the first epoch.", minimum=1e-3
    )
    temperature_end: float = method_setting(0.1, "Temperature of the Gumbel softmax in the last epoch.", minimum=1e-3)
    importance_weight: float = method_setting(
        0.5,
        "Lambda in I = beta + lambda * C; 0 judges operations by their architecture weight alone.",
        minimum=0.0,
    )
    importance_iterations: str = method_setting(
        "epochs",
        "Unit of the training iterations Ce in C = Ca / Ce: epochs, relative (to the edge's mean), or steps.",
        choices=("epochs", "relative", "steps"),
    )
    edge_ranking: str = method_setting(
        "end",
        "How edges are ranked once one operation is left on each: by the scores of the last_decision, when one rival "
        "was still there, or by those at the end, when beta is 1 on every edge (the paper's).",
        choices=EDGE_RANKINGS,
    )
    stage_warmup: float = method_setting(
        0.4,
        "Fraction of each stage's epochs, from its first on, that train the weights only; one epoch at least does not.",
        minimum=0.0,
        maximum=0.99,
    )
    depth_growth: tuple[float, float] = method_setting(
        (2.2, 3.4),
        "Cells of the second and the third stage's network, as multiples of cells, rounded; the default makes 11 and "
        "17 of 5.",
        minimum=1.0,
        maximum=100.0,
    )
    operations_kept: tuple[int, int] = method_setting(
        (5, 3), "Operations left on each edge at the end of the first and the second stage.", minimum=1, maximum=1000
    )
    skip_dropout: tuple[float, float, float] = method_setting(
        (0.0, 0.4, 0.7),
        "Probability that an element of an identity's output becomes 0, by stage, at its start; it falls from there.",
        minimum=0.0,
        maximum=0.99,
    )
    probability_learning_rate: float = method_setting(
        0.01,
        "Step by which an operation's probability moves for each operation of its edge that it beats, or that beats "
        "it, in an epoch.",
        minimum=0.0,
        maximum=1.0,
    )
    random_search_cells: int = method_setting(
        100,
        "Random cells to score in the trained super network, each with a pass over the validation half; the best one "
        "is kept.",
        minimum=1,
        maximum=1_000_000,
    )
    max_skip_connections: int | None = setting(
        None,
        "Most identity operations in the found normal cell, as P-DARTS limits them; by default no limit.",
        minimum=0,
        maximum=8,
    )
    split_seed: int = setting(
        None,
        "Seed that divides the training images into the half for the weights and the half for alpha and the score; "
        "by default seed, with num_seeds that of the first search, so that all are scored on the same images.",
        minimum=0,
        maximum=LARGEST_SEED,
    )
    num_seeds: int = setting(
        1,
        "Searches to run, with seeds seed, seed + 1, ...; the best cell by validation is kept.",
        minimum=1,
        maximum=1000,
    )
    select_from: tuple[str, ...] | None = setting(
        None,
        "Run folders of finished searches, comma-separated: search nothing and keep their best cell.",
        path_prefix="",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        schedule = [name for name in SCHEDULE_SETTINGS if name in SEARCH_METHODS[self.method].settings]
        object.__setattr__(self, "gives_whole_schedule", all(getattr(self, name) is not None for name in schedule))
        if self.split_seed is None:
            object.__setattr__(self, "split_seed", self.seed)
        self._resolve_method_settings()
        for name, count in (("depth_growth", 2), ("operations_kept", 2), ("skip_dropout", 3)):
            values = getattr(self, name)
            if values is not None and len(values) != count:
                received = ",".join(map(str, values))
                raise ConfigurationError(f"--{name} must be {count} numbers with commas between. Received: {received}")
        if self.operations_kept is not None and self.operations_kept[1] > self.operations_kept[0]:
            raise ConfigurationError(
                "--operations_kept must not rise from stage to stage. Received: "
                f"{','.join(map(str, self.operations_kept))}"
            )
        if self.num_seeds > 1 and not SEARCH_METHODS[self.method].trains:
            raise ConfigurationError(
                f"--num_seeds must be 1 with --method={self.method}, which trains nothing that could rank the cells; "
                f"give each --seed a --run_dir of its own. Received: {self.num_seeds}"
            )
        if self.num_seeds > 1 and self.strategy == "multi_worker":
            raise ConfigurationError(
                "--num_seeds must be 1 with --strategy=multi_worker: run a search for each --seed, one after the other "
                f"and each with a --run_dir of its own, then choose by --select_from. Received: {self.num_seeds}"
            )
        if self.seed + self.num_seeds - 1 > LARGEST_SEED:
            raise ConfigurationError(
                f"--seed must be at most {LARGEST_SEED + 1 - self.num_seeds} with --num_seeds={self.num_seeds}. "
                f"Received: {self.seed}"
            )
        if self.hours is not None and (self.select_from is not None or not SEARCH_METHODS[self.method].trains):
            cause = "--select_from" if self.select_from is not None else f"--method={self.method}"
            raise ConfigurationError(f"--hours is for what trains; leave it out with {cause}. Received: {self.hours}")
        self._refuse_rise("temperature_start", "temperature_end")
        if self.weights_learning_rate_schedule != CONSTANT:
            self._refuse_rise("weights_learning_rate", "weights_learning_rate_end")

    def changed(self, **changes: Any) -> "SearchConfig":
        """Returns the config with other settings; a schedule that was derived still counts as derived.

        Args:
            **changes: New values by name.
        """
        config = dataclasses.replace(self, **changes)
        object.__setattr__(config, "gives_whole_schedule", self.gives_whole_schedule)
        return config

    def _resolve_method_settings(self) -> None:
        """Sets the method's own settings that were not given, and refuses those of other methods."""
        entry = SEARCH_METHODS[self.method]
        for field in dataclasses.fields(self):
            value, method_default = getattr(self, field.name), field.metadata["method_default"]
            if field.name in entry.defaults or field.name in entry.settings:
                if value is None:
                    default = entry.defaults.get(field.name, method_default)
                    object.__setattr__(self, field.name, default(self) if callable(default) else default)
            elif method_default is not None and value is not None:
                raise ConfigurationError(
                    f"--{field.name} is a setting of --method={', '.join(methods_with(field.name))} and not of "
                    f"{self.method}; leave it out. Received: {value}"
                )


# Default values for each value of --optimizer.
OPTIMIZER_DEFAULTS: dict[str, dict[str, float]] = {
    "sgd": {"learning_rate": 0.025, "l2": 3e-4, "weight_decay": 0.0},
    "adamw": {"learning_rate": 0.001, "l2": 0.0, "weight_decay": 0.05},
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationConfig(RunConfig):
    """The settings of a final network's training; the defaults are the paper's for CIFAR (section 4.3).

    Creating a config sets the learning rate, L2 and weight decay to the defaults of its `optimizer`, if they are not
    given; `dataclasses.replace` keeps them.
    """

    genotype: str = setting(
        "",
        "A genotype.json file, a file with Genotype(...) in Python's notation, or the name of a published genotype "
        "such as DARTS_V2.",
        path_prefix="",
    )
    network: str = setting(
        CELLS,
        "What is trained: cells (a stack of the genotype's cells) or, to compare with, a hand-designed network without "
        "genotype and auxiliary head: residual (`cells` basic blocks of two convolutions) or mobilenet_v2 (17 blocks, "
        "all widths times init_channels / 32).",
        choices=(CELLS, "residual", "mobilenet_v2"),
    )
    batch_size: int = setting(128, "Images in a training batch.", minimum=1, maximum=65536)
    cells: int = setting(20, "Cells in the network.", minimum=3, maximum=1000)
    init_channels: int = setting(36, "Channels C of the first cell.", minimum=1, maximum=4096)
    epochs: int = setting(
        None,
        "Passes over the training images; with hours as many as fit.",
        minimum=1,
        maximum=1_000_000,
        usual=600,
    )
    stem: str = setting(
        "cifar",
        "First layers: cifar (one convolution) or imagenet (three convolutions of stride 2).",
        choices=("cifar", "imagenet"),
    )
    crop: str = setting(
        "pad",
        "Random crop of a training image: pad (crop_padding pixels of padding, cut back to its size) or "
        "random_resized (8 to 100 % of its area, width to height 3/4 to 4/3, resized to image_size).",
        choices=("pad", "random_resized"),
    )
    resize_side: int | None = setting(
        None,
        "Pixels to which the shorter side of a test image is resized before its middle of image_size is cut out; "
        "by default, height and width are resized to image_size independently.",
        minimum=4,
        maximum=4096,
    )
    color_jitter: float = setting(
        0.0,
        "Largest relative change of a training image's brightness, contrast and saturation; 0: none.",
        minimum=0.0,
        maximum=1.0,
    )
    hue_jitter: float = setting(
        0.0,
        "Largest turn of a training image's hues, as a part of the full circle of hues; 0: none.",
        minimum=0.0,
        maximum=0.5,
    )
    randaugment_layers: int = setting(
        0,
        "RandAugment: random changes of shape and colours that a training image goes through, one after the other; 0: "
        "none.",
        minimum=0,
        maximum=10,
    )
    randaugment_magnitude: float = setting(
        9.0,
        "Strength of RandAugment's changes; 10 is the strongest, 0 changes nothing but contrast.",
        minimum=0.0,
        maximum=10.0,
    )
    random_erasing_probability: float = setting(
        0.0,
        "Probability that a rectangle of 2 to 33 % of a training image's area is replaced by noise; 0: none.",
        minimum=0.0,
        maximum=1.0,
    )
    mixup_alpha: float = setting(
        0.0,
        "Mixup: each training image is blended with another one of the batch, by shares drawn from Beta(alpha, alpha), "
        "and so is its label; 0: none. With cutmix_alpha, every image has one of the two, with equal chances.",
        minimum=0.0,
        maximum=100.0,
    )
    cutmix_alpha: float = setting(
        0.0,
        "CutMix: a rectangle of each training image is replaced by that of another one of the batch; the rest's share "
        "of the area is drawn from Beta(alpha, alpha), and the labels are blended by the areas; 0: none.",
        minimum=0.0,
        maximum=100.0,
    )
    optimizer: str = setting("sgd", "Optimizer: sgd with momentum, or adamw.", choices=tuple(OPTIMIZER_DEFAULTS))
    learning_rate: float = setting(
        None,
        "Learning rate at the start, after the warm-up; by default 0.025, with --optimizer=adamw 0.001.",
        minimum=0.0,
    )
    learning_rate_end: float = setting(0.0, "Learning rate at the end of its schedule.", minimum=0.0)
    learning_rate_schedule: str = setting(
        "cosine",
        "Course of the learning rate from learning_rate to learning_rate_end.",
        choices=tuple(LEARNING_RATE_SHAPES),
    )
    learning_rate_updates: str = setting(
        "step",
        "When the learning rate changes: after each step, or after each epoch, as in the paper's training on ImageNet; "
        "then the last epoch still trains with a rate above learning_rate_end.",
        choices=("step", "epoch"),
    )
    warmup_epochs: int = setting(
        0, "Epochs at the start in which the learning rate rises linearly up to learning_rate; 0: none.", minimum=0
    )
    momentum: float = setting(0.9, "SGD's momentum; adamw has none.", minimum=0.0, maximum=1.0)
    l2: float = setting(
        None,
        "L2 weight decay, added to the gradient (not decoupled); by default 0.0003, with --optimizer=adamw 0.",
        minimum=0.0,
    )
    weight_decay: float = setting(
        None,
        "Decoupled weight decay: a step lowers each weight, but no normalization's scale or shift and no bias, by the "
        "learning rate times this part of it; by default 0, with --optimizer=adamw 0.05.",
        minimum=0.0,
    )
    ema_decay: float = setting(
        0.0,
        "Decay of an exponential moving average of the weights and of the moving statistics, which is what is then "
        "tested and exported; it rises to this value with the steps; 0: no average.",
        minimum=0.0,
        maximum=0.999999,
    )
    cutout_length: int = setting(
        16, "Side in pixels of the square that is blanked in a training image; 0: none.", minimum=0, maximum=4096
    )
    drop_path: float = setting(
        0.3,
        "Largest probability of dropping a path; it rises linearly from 0 over the training.",
        minimum=0.0,
        maximum=0.95,
    )
    label_smoothing: float = setting(
        0.0,
        "Fraction of an image's label that is spread evenly over all classes, in the training's losses only; 0: none.",
        minimum=0.0,
        maximum=0.999999,
    )
    auxiliary_weight: float = setting(
        0.4, "Weight of the auxiliary head's loss; 0: no auxiliary head.", minimum=0.0, maximum=100.0
    )
    accumulation_steps: int = setting(
        1,
        "Pieces that a device's share of the batch is divided into and computed one after the other, to save memory; "
        "normalization uses each piece's own statistics.",
        minimum=1,
        maximum=65536,
    )
    max_parameters: int = setting(
        0,
        "Lower init_channels until the network without its auxiliary head has at most this many parameters; 0: no "
        "limit.",
        minimum=0,
    )
    max_multiply_adds: int = setting(
        0,
        "Lower init_channels until the network takes at most this many multiply-adds for an image (convolutions and "
        "dense layers); 0: no limit.",
        minimum=0,
    )
    max_peak_memory_mib: float = setting(
        0.0,
        "Lower init_channels until the activations of one image take at most this many MiB at the same time, in "
        "float32 and computed, weights not counted; 0: no limit.",
        minimum=0.0,
    )
    max_latency_ms: float = setting(
        0.0,
        "Lower init_channels until the network's TensorFlow Lite model in float32, exported with random weights, takes "
        "at most this many milliseconds for one image on this machine (the median of several runs, with "
        "latency_threads). A new run measures and a run that is continued keeps the choice; 0: no limit.",
        minimum=0.0,
    )
    pytorch_weights: str | None = setting(
        None,
        "Train nothing: test and export the network with the weights in this file, the state_dict of a PyTorch network "
        "of DARTS's or P-DARTS's code (.pt, .pth, .tar with PyTorch installed; .npz, .safetensors without).",
        path_prefix="",
    )
    initial_weights: str | None = setting(
        None,
        "Begin with the weights of a trained network and a new classifier: the run folder of a finished training, a "
        ".keras file of this package, or a published network such as cifar10_small. By default, network settings and "
        "image_size are its own.",
        path_prefix="",
    )
    freeze_backbone_epochs: int = setting(
        0,
        "Epochs at the start in which only the classifier and the auxiliary head train; weights and moving statistics "
        "of all other layers stay as they are; 0: none. Needs initial_weights.",
        minimum=0,
    )
    validation_fraction: float = setting(
        0.0,
        "Fraction of each class's training images that is held out for validation, drawn by the seed. Epochs are then "
        "measured on these images, and the test images are used once, at the end; 0: epochs are measured on the test "
        "images.",
        minimum=0.0,
        maximum=0.9,
    )
    keep_best: bool = setting(
        False,
        "Test and export the weights of the epoch with the highest validation accuracy, the first of several, instead "
        "of the last epoch's. Needs validation_fraction.",
    )
    early_stopping_epochs: int = setting(
        0,
        "End the training after this many epochs in a row without a new best validation accuracy; 0: train all epochs. "
        "Needs validation_fraction.",
        minimum=0,
    )
    normalization: str | None = setting(
        None,
        "Means and deviations that images are normalized with: those of published PyTorch recipes; by default "
        "they are measured on the training images.",
        choices=("cifar10", "cifar100", "imagenet"),
    )
    num_classes: int | None = setting(
        None,
        "Classes of the network that --describe describes; the data set's own elsewhere.",
        minimum=1,
        maximum=1_000_000,
        changes_result=False,
    )
    export_formats: tuple[str, ...] = setting(
        ("saved_model",),
        "What the trained network is exported to, comma-separated.",
        choices=("saved_model", "tflite", "onnx", "tflite_float16", "tflite_int8"),
        changes_result=False,
    )
    calibration_images: int = setting(
        256,
        "Training images, drawn by the seed and not augmented, by which tflite_int8 finds the ranges of its integers.",
        minimum=1,
        maximum=100_000,
        changes_result=False,
    )
    latency_threads: int = setting(
        1,
        "Threads that each export's runtime uses while it classifies the test images and is timed, also for "
        "max_latency_ms and measure.",
        minimum=1,
        maximum=1024,
        changes_result=False,
    )
    describe: bool = setting(
        False,
        "Train nothing: print the network's size, for the images of dataset; as one JSON line where it is piped.",
        changes_result=False,
    )
    measure: bool = setting(
        False,
        "With describe: export the network with random weights and print each export's size in bytes and its median "
        "latency in ms for one image on this machine, with latency_threads. Exported are tflite and what "
        "export_formats names, but no SavedModel.",
        changes_result=False,
    )
    list_genotypes: bool = setting(
        False,
        "Train nothing: print the published genotypes with their networks' sizes.",
        changes_result=False,
    )
    json: bool = setting(
        False, "Print what describe and list_genotypes print as JSON, for programs.", changes_result=False
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, value in OPTIMIZER_DEFAULTS[self.optimizer].items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)
        if self.learning_rate_schedule != CONSTANT:
            self._refuse_rise("learning_rate", "learning_rate_end")
        if self.batch_size % self.accumulation_steps:
            raise ConfigurationError(
                "--batch_size must be a multiple of --accumulation_steps. "
                f"Received: {self.batch_size} and {self.accumulation_steps}"
            )
        if self.stem == "imagenet" and self.init_channels < 2:
            raise ConfigurationError(
                f"--init_channels must be at least 2 with --stem=imagenet. Received: {self.init_channels}"
            )
        if self.network != CELLS and (self.genotype or self.pytorch_weights):
            flag = "genotype" if self.genotype else "pytorch_weights"
            raise ConfigurationError(
                f"--{flag} belongs to networks of cells; leave it out, or --network. Received: --network={self.network}"
            )
        if self.hours is not None and self.pytorch_weights is not None:
            raise ConfigurationError(
                f"--hours is for what trains; leave it out with --pytorch_weights. Received: {self.hours}"
            )
        if self.epochs is not None and self.warmup_epochs and self.warmup_epochs >= self.epochs:
            raise ConfigurationError(
                f"--warmup_epochs must be below --epochs. Received: {self.warmup_epochs} and {self.epochs}"
            )
        if self.resize_side is not None and self.resize_side < max(self.image_size or (self.resize_side + 1,)):
            size = ",".join(map(str, self.image_size)) if self.image_size else "none"
            raise ConfigurationError(
                f"--resize_side needs an --image_size that fits into it. Received: {self.resize_side} and {size}"
            )
        self._check_validation()
        self._check_budgets()
        self._check_initial_weights()
        self._check_pytorch_weights()

    def _check_budgets(self) -> None:
        """Raises a ConfigurationError if a budget would have no effect, or a different effect in each process."""
        for name in BUDGETS:
            if getattr(self, name) and self.pytorch_weights:
                raise ConfigurationError(
                    f"--pytorch_weights cannot be combined with --{name}, for the weights are of one width; leave one "
                    f"of them out. Received: --{name}={getattr(self, name)}"
                )
        if self.max_latency_ms and self.strategy == "multi_worker":
            raise ConfigurationError(
                "--max_latency_ms needs a single process, since each worker would measure other times; give "
                f"--max_multiply_adds. Received: --strategy={self.strategy}"
            )

    def _check_initial_weights(self) -> None:
        """Raises a ConfigurationError if settings do not fit the initial weights."""
        if self.freeze_backbone_epochs and not self.initial_weights:
            raise ConfigurationError(
                "--freeze_backbone_epochs needs --initial_weights: a backbone of random weights must train. Received: "
                f"{self.freeze_backbone_epochs}"
            )
        if self.epochs is not None and self.freeze_backbone_epochs > self.epochs:
            raise ConfigurationError(
                f"--freeze_backbone_epochs must not be above --epochs. Received: {self.freeze_backbone_epochs} and "
                f"{self.epochs}"
            )
        for name, why in (
            ("pytorch_weights", "which trains nothing"),
            *((budget, "for the weights are of one width") for budget in BUDGETS),
        ):
            if self.initial_weights and getattr(self, name):
                raise ConfigurationError(
                    f"--initial_weights cannot be combined with --{name}, {why}; leave one of them out. Received: "
                    f"--{name}={getattr(self, name)}"
                )

    def _check_validation(self) -> None:
        """Raises a ConfigurationError if a choice depends on validation images and there are none."""
        for name in ("keep_best", "early_stopping_epochs"):
            value = getattr(self, name)
            if value and not self.validation_fraction:
                raise ConfigurationError(
                    f"--{name} chooses by validation images, and none are held out; add --validation_fraction=0.1. "
                    f"Received: --{name}={value}"
                )

    def _check_pytorch_weights(self) -> None:
        """Raises a ConfigurationError if settings of a training are combined with weights that are only tested."""
        if not self.pytorch_weights:
            return
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        for name in ("validation_fraction", "class_weights", "mixed_precision", "strategy"):
            value = getattr(self, name)
            if value != defaults[name]:
                raise ConfigurationError(
                    f"--{name} belongs to a training, and --pytorch_weights trains nothing; leave one of them out. "
                    f"Received: {value}"
                )


def config_of(kind: type[Config], stored: Mapping[str, Any]) -> Config:
    """Makes a config from the contents of a run's config.json.

    Args:
        kind: The kind of config.
        stored: Its settings, as JSON represents them; those that this version does not know are left out.

    Raises:
        ConfigurationError: A setting is not valid any more.
        TypeError: A setting is not of its type.
    """
    names = {field.name for field in dataclasses.fields(kind)}
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in stored.items() if name in names
    }
    return kind(**values)


def refuse_epochs_beside_hours(given: Collection[str]) -> None:
    """Refuses epochs and a time budget that are both given by the user; the config of a run may have both.

    Args:
        given: The settings that the user gave.

    Raises:
        ConfigurationError: Both are among them.
    """
    if "hours" in given and "epochs" in given:
        raise ConfigurationError(
            "--hours chooses the epochs: leave out --hours or --epochs, which may also stand in a preset or flagfile. "
            "Received: both"
        )


def expanded_setting(field: dataclasses.Field, value: Any) -> Any:
    """Returns a setting's value with its paths expanded: `~`, and the relative path of a data set.

    Args:
        field: A field made by `setting`.
        value: The value as a user gave it, or as an earlier version stored it.

    Raises:
        ConfigurationError: It names the home folder of a user that does not exist.
    """
    prefix = field.metadata["path_prefix"]
    return value if prefix is None else expanded_paths(field.name, value, prefix)


def check_setting(field: dataclasses.Field, value: Any) -> None:
    """Checks one value against its field's type, bounds and choices.

    Args:
        field: A field made by `setting`.
        value: The value to check.

    Raises:
        ConfigurationError: The value is not allowed; the message names the flag.
    """
    if value is None and field.default is None:
        return
    if not _has_type(value, field.type):
        kind = getattr(field.type, "__name__", field.type)
        raise ConfigurationError(f"--{field.name} must be of type {kind}. Received: {value!r}")
    choices = field.metadata["choices"]
    elements = value if isinstance(value, tuple) else (value,)
    for word in elements if choices is not None else ():
        if word not in choices:
            raise ConfigurationError(f"--{field.name} must be one of {', '.join(choices)}. Received: {word}")
    for number in elements:
        if isinstance(number, str) and not number.strip() and value != field.default:
            raise ConfigurationError(f"--{field.name} must not be empty. Received: {number!r}")
        if isinstance(number, str) and NO_TEXT.search(number):
            raise ConfigurationError(f"--{field.name} must be UTF-8 text. Received: {number!r}")
        if isinstance(number, bool) or not isinstance(number, (int, float)):
            continue
        if isinstance(number, float) and not abs(number) <= LARGEST_FLOAT:
            raise ConfigurationError(f"--{field.name} must be a finite number below 3.4e38. Received: {number}")
        minimum, maximum = field.metadata["minimum"], field.metadata["maximum"]
        if minimum is not None and number < minimum:
            raise ConfigurationError(f"--{field.name} must be at least {minimum}. Received: {number}")
        if maximum is not None and number > maximum:
            raise ConfigurationError(f"--{field.name} must be at most {maximum}. Received: {number}")


def _has_type(value: Any, hint: Any) -> bool:
    """Returns whether a value has a field's type; an integer is also a float, a bool is not a number."""
    if isinstance(hint, types.UnionType):
        return any(_has_type(value, option) for option in typing.get_args(hint))
    if typing.get_origin(hint) is tuple:
        return isinstance(value, tuple) and all(_has_type(item, typing.get_args(hint)[0]) for item in value)
    if isinstance(value, bool):
        return hint is bool
    return isinstance(value, (int, float) if hint is float else hint)
