"""`eoinas_tf.train`: from a genotype and images to a trained, tested and exported network, in this process."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eoinas_tf.api.image_sources import find_images
from eoinas_tf.api.run_folders import Run, TrainingRun
from eoinas_tf.api.run_settings import make_config, size_of
from eoinas_tf.config import CELLS, EvaluationConfig
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.evaluation.evaluation_loop import run_evaluation
from eoinas_tf.evaluation.weight_source import read_weight_source
from eoinas_tf.published_weights import weights_setting
from eoinas_tf.random_seeds import kept_generators
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.published_genotypes import PUBLISHED_GENOTYPES, load_genotype

# The genotype's name in the settings of a run that was given an object; the run folder holds the genotype itself.
IN_PYTHON = "genotype.json"


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
        trained = eoinas_tf.train(found.genotype, (x, y), epochs=40, cells=8, init_channels=16)
        tuned = eoinas_tf.train(None, (few_x, few_y), initial_weights=trained, epochs=10)
    """
    for name in ("describe", "measure", "list_genotypes", "pytorch_weights", "max_steps", "genotype"):
        if settings.get(name):
            raise ConfigurationError(f"{name} is for run_eval.py. Received: {name}={settings[name]!r}")
    if initial_weights is not None:
        weights = Path(initial_weights.run_dir) if isinstance(initial_weights, Run) else initial_weights
        settings = with_source_settings({**settings, "initial_weights": weights_setting(weights)})
    elif genotype is None and settings.get("network", CELLS) == CELLS:
        raise ConfigurationError("genotype must be given unless initial_weights bring cells. Received: None")
    dataset, images = find_images(
        data,
        test_data=test_data,
        class_names=class_names,
        image_size=size_of(settings.get("image_size")),
        resize_side=settings.get("resize_side"),
    )
    cells = None if genotype is None else as_genotype(genotype)
    name = "" if cells is None else _name_of(cells)
    config = make_config(EvaluationConfig, "training", run_dir, dataset, {**settings, "genotype": name})
    with kept_generators():
        run_evaluation(config, images, cells)
    return TrainingRun(config.run_dir)


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
    return genotype.genotype if isinstance(genotype, Run) else load_genotype(str(genotype))


def _name_of(genotype: Genotype) -> str:
    return next((name for name, known in PUBLISHED_GENOTYPES.items() if known == genotype), IN_PYTHON)
