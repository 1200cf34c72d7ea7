"""`eoinas_tf.search`: from images to a cell, in this process."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eoinas_tf.api.image_sources import find_images
from eoinas_tf.api.run_folders import SearchRun
from eoinas_tf.api.run_settings import checked_config, make_config, size_of
from eoinas_tf.config import ARRAYS, SearchConfig
from eoinas_tf.errors import ConfigurationError
from eoinas_tf.experiment.run_directory import SEED_FOLDER, RunDirectory
from eoinas_tf.random_seeds import kept_generators
from eoinas_tf.search.search_loop import run_search
from eoinas_tf.search.search_schedule import check_pruning_schedule
from eoinas_tf.search.seed_selection import choose_best, keep_first_epochs, seed_config


def search(
    data: Any,
    *,
    test_data: Any = None,
    class_names: Sequence[str] | None = None,
    run_dir: str | Path | None = None,
    **settings: Any,
) -> SearchRun:
    """Searches for a cell, as `run_search.py` does; the same call with the same `run_dir` resumes a stopped search.

    A search only uses the training images; test images are set aside for `train`. Interrupting it (Ctrl-C, a notebook's
    stop button) saves its state and raises a `StoppedError`.

    Args:
        data: Images with labels: arrays `(x, y)` with x [n, height, width(, 1 or 3)] of whole numbers from 0 to 255 and
            y [n] of integers or strings; a finite `tf.data.Dataset` of (image, label), batched or not, which is read
            into memory, in an order that follows from the pixels, so that it may be shuffled; a folder of class
            folders; `digits` or a name from TensorFlow Datasets.
        test_data: Test images, likewise (arrays or `tf.data`); by default a fifth of each class is held out.
        class_names: A name for each class (arrays or `tf.data`).
        run_dir: Folder that receives everything the search writes; by default a new one, `runs/search_1` and so on.
        **settings: Any setting of `run_search.py`, by its flag's name, such as `epochs=16`, or `hours=0.5` for as many
            epochs as fit into half an hour. Without sizes and epochs, they are the paper's.

    Returns:
        The finished search: `found.genotype`, `found.plot()`, `found.run_dir`.

    Raises:
        EoinasError: A setting or the images are wrong, or the search failed or was stopped.

    Example:
        found = eoinas_tf.search((x, y), epochs=16, cells=5, init_channels=16)
    """
    if settings.get("select_from") is not None or settings.get("max_steps"):
        raise ConfigurationError("select_from and max_steps find no cell here; run run_search.py for them")
    checked_config(SearchConfig, "search", ARRAYS, settings)  # Before images are read and resized.
    dataset, images = find_images(
        data, test_data=test_data, class_names=class_names, image_size=size_of(settings.get("image_size"))
    )
    config = make_config(SearchConfig, "search", run_dir, dataset, settings)
    check_pruning_schedule(config)
    if config.num_seeds == 1:
        with kept_generators():
            run_search(config, images)
        return SearchRun(config.run_dir)
    with kept_generators(), RunDirectory(config) as run:
        folders = []
        for seed in range(config.seed, config.seed + config.num_seeds):
            folders.append(run.path / f"{SEED_FOLDER}{seed}")
            run_search(seed_config(run, seed, folders[-1]), images)
            keep_first_epochs(run, folders[-1])
        choose_best(folders).keep(run)
    return SearchRun(config.run_dir)
