"""`eoinas_tf.train`: from a genotype and images to a trained, tested and exported network, in this process."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eoinas_tf.api.image_sources import find_images
from eoinas_tf.api.run_folders import Run, TrainingRun
from eoinas_tf.api.run_settings import checked_config, make_config, size_of
from eoinas_tf.config import ARRAYS, CELLS, CELLS_IN_PYTHON, EvaluationConfig
from eoinas_tf.data.class_weights import class_weights
from eoinas_tf.data.image_datasets import ImageDataset
from eoinas_tf.data.input_pipelines import steps_per_epoch
from eoinas_tf.data.validation_part import with_validation_part
from eoinas_tf.distribution.batch_division import FEWEST_IMAGES, check_batch_size
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.evaluation.evaluation_images import check_cutout, choose_preprocessing
from eoinas_tf.evaluation.evaluation_loop import run_evaluation
from eoinas_tf.evaluation.inherited_settings import SETTINGS_OF_SEARCH, with_inherited_settings
from eoinas_tf.evaluation.weight_source import read_weight_source
from eoinas_tf.experiment.export_formats import check_packages
from eoinas_tf.published_weights import weights_setting
from eoinas_tf.random_seeds import kept_generators
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.published_genotypes import PUBLISHED_GENOTYPES, load_genotype
from eoinas_tf.training.automatic_sizes import kept_settings

COMMANDS_ONLY = ("describe", "measure", "list_genotypes", "pytorch_weights", "max_steps")


def train(
    genotype: Genotype | Run | str | Path | None,
    data: Any,
    *,
    test_data: Any = None,
    class_names: Sequence[str] | None = None,
    run_dir: str | Path | None = None,
    initial_weights: TrainingRun | str | Path | None = None,
    **settings: Any,
) -> TrainingRun:
    """Trains a genotype's network with the paper's recipe, as `run_eval.py` does; the same call resumes a stopped run.

    Args:
        genotype: A `Genotype`, the result of `search`, a published name such as `DARTS_V2`, or a genotype.json; None to
            use the genotype of `initial_weights`, or for a `network` that is not made of cells.
        data: Images with labels; see `eoinas_tf.search`.
        test_data: Test images; by default a fifth of each class is held out.
        class_names: A name for each class (arrays or `tf.data`).
        run_dir: Folder that receives everything the run writes; by default a new one, `runs/training_1` and so on.
        initial_weights: A trained network to begin with, which gets a new classifier: the result of `train`, its run
            folder, a .keras file of this package, or a published network such as `cifar10_small`. Network settings and
            the images' size are by default its own.
        **settings: Any setting of `run_eval.py`, by its flag's name, such as `epochs=20` or `init_channels=16`, or
            `hours=2` for as many epochs as fit into two hours. Without sizes and epochs, they are the paper's.

    Returns:
        The finished run: `trained.model`, `trained.test_accuracy`, `trained.run_dir`.

    Raises:
        EoinasError: A setting, the genotype or the images are wrong, or the run failed or was stopped.

    Example:
        trained = eoinas_tf.train(found, (x, y), epochs=40, cells=8, init_channels=16)
        tuned = eoinas_tf.train(None, (few_x, few_y), initial_weights=trained, epochs=10)
    """
    if initial_weights is not None:
        settings = with_source_settings({**settings, "initial_weights": setting_of_weights(initial_weights)})
    elif genotype is None and settings.get("network", CELLS) == CELLS:
        raise ConfigurationError("genotype must be given unless initial_weights bring cells. Received: None")
    cells = None if genotype is None else as_genotype(genotype)
    name = "" if cells is None else _name_of(cells)
    settings = _with_settings_of_search(genotype, data, run_dir, settings)
    _checked(settings, name)  # Before images are read and resized.
    dataset, images = _images_of(data, test_data, class_names, settings)
    config = make_config(EvaluationConfig, "training", run_dir, dataset, {**settings, "genotype": name})
    with kept_generators():
        run_evaluation(config, images, cells)
    return TrainingRun(config.run_dir)


def check_training(
    data: Any, *, test_data: Any = None, class_names: Sequence[str] | None = None, **settings: Any
) -> None:
    """Refuses what `train` would refuse for the cells of a search, so that no search has to come first.

    Args:
        data: As for `train`.
        test_data: Likewise.
        class_names: Likewise.
        **settings: Likewise.

    Raises:
        EoinasError: A setting or the images are wrong, or an export needs a package that is not installed.
    """
    config = _checked(settings, CELLS_IN_PYTHON)
    check_packages(config.export_formats)
    check_batch_size(config.batch_size, config.accumulation_steps, FEWEST_IMAGES)
    _, images = _images_of(data, test_data, class_names, settings)
    if images is not None:
        check_cutout(config.cutout_length, images.image_shape)
        class_weights(config.class_weights, images)
        if config.normalization is not None:
            choose_preprocessing(config, images)
        images = with_validation_part(images, config.validation_fraction, config.seed)
        steps_per_epoch(len(images.train), config.batch_size, config.steps_per_epoch)


def _checked(settings: dict[str, Any], genotype: str) -> EvaluationConfig:
    for name in COMMANDS_ONLY:
        if settings.get(name):
            raise ConfigurationError(f"{name} is for run_eval.py. Received: {name}={settings[name]!r}")
    return checked_config(EvaluationConfig, "training", ARRAYS, {**settings, "genotype": genotype})


def _images_of(
    data: Any, test_data: Any, class_names: Sequence[str] | None, settings: dict[str, Any]
) -> tuple[str, ImageDataset | None]:
    return find_images(
        data,
        test_data=test_data,
        class_names=class_names,
        image_size=size_of(settings.get("image_size")),
        resize_side=settings.get("resize_side"),
    )


def _with_settings_of_search(
    genotype: Genotype | Run | str | Path | None, data: Any, run_dir: str | Path | None, settings: dict[str, Any]
) -> dict[str, Any]:
    """Fills in settings of the images from the run of the genotype, if that had the same folder or data set."""
    if genotype is None or isinstance(genotype, Genotype) or not isinstance(data, (str, os.PathLike)):
        return settings
    dataset, _ = find_images(data)
    file = Path(genotype.run_dir) / "genotype.json" if isinstance(genotype, Run) else genotype
    values = {field.name: field.default for field in dataclasses.fields(EvaluationConfig)}
    values |= {**settings, "dataset": dataset, "genotype": str(file), "initial_weights": None}
    filled, _ = with_inherited_settings(values, {*settings, "dataset"})
    taken = {name: filled[name] for name in SETTINGS_OF_SEARCH if filled[name] != values[name]}
    return {**settings, **kept_settings(run_dir, taken)}  # Earlier versions took nothing over.


def setting_of_weights(initial_weights: Run | str | Path) -> str:
    """Returns the setting `initial_weights` for what a user gives.

    Args:
        initial_weights: A run, its folder, a .keras file, or the name of a published network.
    """
    return weights_setting(Path(initial_weights.run_dir) if isinstance(initial_weights, Run) else initial_weights)


def with_source_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Fills in settings that were not given from the network that the weights belong to.

    Args:
        settings: The given settings, including `initial_weights`.

    Raises:
        EoinasError: The weights are missing, or a setting differs from that of their network.
    """
    source = read_weight_source(settings["initial_weights"])
    return {**source.missing_settings({name: _as_given(value) for name, value in settings.items()}), **settings}


def _as_given(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def as_genotype(genotype: Genotype | Run | str | Path) -> Genotype:
    """Returns the genotype that a user refers to.

    Args:
        genotype: A genotype, a run that has one, a published name, or a file.

    Raises:
        GenotypeError: It is none of these.
    """
    if isinstance(genotype, Genotype):
        return genotype
    return genotype.genotype if isinstance(genotype, Run) else load_genotype(os.path.expanduser(genotype))


def _name_of(genotype: Genotype) -> str:
    return next((name for name, known in PUBLISHED_GENOTYPES.items() if known == genotype), CELLS_IN_PYTHON)
