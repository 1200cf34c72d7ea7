"""`eoinas_tf.train`: from a genotype and images to a trained, tested and exported network, in this process."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eoinas_tf.api.image_sources import find_images
from eoinas_tf.api.run_folders import Run, TrainingRun
from eoinas_tf.api.run_settings import make_config
from eoinas_tf.config import EvaluationConfig
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.evaluation.evaluation_loop import run_evaluation
from eoinas_tf.random_seeds import kept_generators
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.space.published_genotypes import PUBLISHED_GENOTYPES, load_genotype

# What a run's settings name as its genotype where it was given as an object; the run folder holds the genotype itself.
IN_PYTHON = "genotype.json"


def train(
    genotype: Genotype | Run | str | Path,
    data: Any,
    *,
    test_data: Any = None,
    class_names: Sequence[str] | None = None,
    run_dir: str | Path | None = None,
    **settings: Any,
) -> TrainingRun:
    """Trains a genotype's network by the paper's recipe, as `run_eval.py` does; the same call continues a stopped one.

    Args:
        genotype: A `Genotype`, what `search` returned, a published name such as `DARTS_V2`, or a genotype.json.
        data: Images with labels; see `eoinas_tf.search`.
        test_data: Test images; a fifth of each class is held out where not given.
        class_names: A name for each class (arrays or `tf.data`).
        run_dir: Folder that receives everything the training writes; a new one, `runs/training_1` and so on, where not
            given.
        **settings: Any setting of `run_eval.py`, by its flag's name, such as `epochs=20` or `init_channels=16`, or
            `hours=2`: as many epochs as fit into two hours.

    Returns:
        The finished training: `trained.model`, `trained.test_accuracy`, `trained.run_dir`.

    Raises:
        EoinasError: A setting, the genotype or the images are wrong, or the training failed or was stopped.

    Example:
        trained = eoinas_tf.train(found.genotype, (x, y), epochs=20)
    """
    for name in ("describe", "list_genotypes", "pytorch_weights", "max_steps", "genotype"):
        if settings.get(name):
            raise ConfigurationError(f"{name} is for run_eval.py. Received: {name}={settings[name]!r}")
    size = settings.get("image_size")
    dataset, images = find_images(
        data,
        test_data=test_data,
        class_names=class_names,
        image_size=None if size is None else tuple(size),
        resize_side=settings.get("resize_side"),
    )
    cells = as_genotype(genotype)
    config = make_config(EvaluationConfig, "training", run_dir, dataset, {**settings, "genotype": _name_of(cells)})
    with kept_generators():
        run_evaluation(config, images, cells)
    return TrainingRun(config.run_dir)


def as_genotype(genotype: Genotype | Run | str | Path) -> Genotype:
    """Returns the genotype that a user means.

    Args:
        genotype: A genotype, a run that holds one, a published name, or a file.

    Raises:
        GenotypeError: It is none.
    """
    if isinstance(genotype, Genotype):
        return genotype
    return genotype.genotype if isinstance(genotype, Run) else load_genotype(str(genotype))


def _name_of(genotype: Genotype) -> str:
    return next((name for name, known in PUBLISHED_GENOTYPES.items() if known == genotype), IN_PYTHON)
