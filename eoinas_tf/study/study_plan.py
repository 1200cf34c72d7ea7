"""From a study to its runs: every search, and every training run of everything that is found or given."""

import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from eoinas_tf.config import CELLS, EvaluationConfig, RunConfig, SearchConfig
from eoinas_tf.errors import ConfigurationError, GenotypeError
from eoinas_tf.flag_definitions import config_from_arguments
from eoinas_tf.search.search_schedule import check_pruning_schedule
from eoinas_tf.space.candidate_names import candidate_names
from eoinas_tf.space.operation_modules import import_operations
from eoinas_tf.space.published_genotypes import load_genotype
from eoinas_tf.study.derived_cells import derived_labels
from eoinas_tf.study.planned_run import FIXED, FOUND, SEARCH, TRAINING, PlannedRun
from eoinas_tf.study.study_file import RANDOM, Contestant, DataSet, Scale, Study, TrainingRecipe, folder_name
from eoinas_tf.study.study_section import Flags

# Training images of well-known data sets, for estimates of time.
IMAGES = {
    "cifar10": 50_000,
    "cifar100": 50_000,
    "mnist": 60_000,
    "fashion_mnist": 60_000,
    "digits": 1_437,
    "imagenet2012": 1_281_167,
}
# One draw per seed rather than the best of several.
RANDOM_CELL = Contestant(RANDOM, (("method", "random"), ("num_seeds", "1")))
# Curves of a hundred runs are read from the tables; the study file can still request anything that changes no result.
USUAL_FLAGS: Flags = (("tensorboard", "false"),)


def plan_study(study: Study, study_dir: Path) -> list[PlannedRun]:
    """Plans all runs of a study; every setting of every run is checked here.

    Args:
        study: The study.
        study_dir: Folder that receives everything.

    Returns:
        The runs, each after the one that it needs.

    Raises:
        ConfigurationError: A run's settings are wrong; the message names the study file and the run.
    """
    runs: list[PlannedRun] = []
    for scale in study.scales:
        for data_set in scale.data_sets:
            place = _Place(study, study_dir, scale, data_set)
            searches = list(place.searches())
            trainings = [run for recipe in scale.trainings for run in place.trainings(recipe, searches)]
            # Requests of derived cells may have some in common.
            derived = {run.title: run for run in place.derived(searches)}
            runs += _in_rounds([*searches, *trainings, *derived.values()])
    return runs


def _in_rounds(runs: list[PlannedRun]) -> list[PlannedRun]:
    """Orders a scale's runs so that a study stopped early can compare everything that it has.

    First come one search of each contestant and one training run of its result with the first recipe; then those of the
    other search seeds, spread evenly if a contestant has many; then everything else in the given order.

    Args:
        runs: The runs of one scale on one data set, each search before the training runs of its cells.
    """
    seeds: dict[str, list[int]] = {}
    first: dict[str, PlannedRun] = {}  # The first training run of each cell.
    for run in runs:
        if run.kind == SEARCH:
            seeds.setdefault(run.contestant, []).append(run.seed)
        elif run.role in (FOUND, FIXED):
            first.setdefault(run.cell, run)
    contestants = list(dict.fromkeys(run.contestant for run in runs))

    def place_in_line(run: PlannedRun) -> tuple[bool, Fraction, int]:
        search = run if run.kind == SEARCH else run.search
        if run.kind != SEARCH and run is not first.get(run.cell):
            return True, Fraction(0), 0
        own = seeds.get(run.contestant)
        waits = Fraction(own.index(search.seed), len(own)) if own and search else Fraction(0)
        return False, waits, contestants.index(run.contestant)

    return sorted(runs, key=place_in_line)


class _Place:
    """A scale on a data set, for which runs are planned."""

    def __init__(self, study: Study, study_dir: Path, scale: Scale, data_set: DataSet) -> None:
        self.study = study
        self.scale = scale
        self.data_set = data_set
        parts = [part for part in (scale.name, data_set.name) if part]
        self.path = study_dir.joinpath(*map(folder_name, parts))

    def searches(self) -> Iterator[PlannedRun]:
        """Yields the searches, including random cells."""
        searched = [(contestant, self.scale.seeds[contestant.name]) for contestant in self.scale.methods]
        if self.scale.random_cells:
            searched.append((RANDOM_CELL, tuple(range(self.scale.random_cells))))
        for contestant, seeds in searched:
            shared = 0
            for seed in seeds:
                folder = self.path / "searches" / folder_name(contestant.name) / f"seed_{seed}"
                arguments = self._arguments(self.scale.search_flags, contestant.flags, seed, folder)
                config = self._config(SearchConfig, arguments, f"search {contestant.name}, seed {seed}")
                shared = max(shared, config.num_seeds)
                yield PlannedRun(
                    SEARCH, self.data_set.name, self.scale.name, contestant.name, seed, config, arguments,
                    self._images(config.dataset),
                )  # fmt: skip
            self._check_seeds(contestant.name, seeds, shared)

    def trainings(self, recipe: TrainingRecipe, searches: list[PlannedRun]) -> Iterator[PlannedRun]:
        """Yields a recipe's training runs of found cells and of networks that need no search."""
        for search in searches:
            if recipe.of is None or search.contestant in recipe.of:
                cell = f"{search.contestant}/{search.seed}"
                flags = (("genotype", str(search.folder / "genotype.json")),)
                for seed in self._training_seeds(recipe, search.contestant, cell):
                    yield self._training(recipe, search.contestant, flags, seed, FOUND, search=search)
        for network in self.scale.networks:
            if recipe.of is None or network.name in recipe.of:
                for seed in self._training_seeds(recipe, network.name, network.name):
                    yield self._training(recipe, network.name, network.flags, seed, FIXED)

    def derived(self, searches: list[PlannedRun]) -> Iterator[PlannedRun]:
        """Yields the training runs of cells that analyses derive from searches."""
        recipes = {recipe.name: recipe for recipe in self.scale.trainings}
        for request in self.scale.derived:
            for search in searches:
                seeds = request.seeds or self.scale.seeds.get(search.contestant, ())
                if search.contestant not in request.methods or search.seed not in seeds:
                    continue
                for label in derived_labels(request.kind, getattr(search.config, "operations", None)):
                    for seed in request.training_seeds:
                        # A placeholder: neither the cell nor its folder is known before the search is finished.
                        flags = (("genotype", "to be derived"),)
                        recipe, options = recipes[request.training], (request.cell, request.pair)
                        yield self._training(
                            recipe,
                            search.contestant,
                            flags,
                            seed,
                            request.kind,
                            search=search,
                            label=label,
                            options=options,
                        )

    def _training(
        self,
        recipe: TrainingRecipe,
        contestant: str,
        flags: Flags,
        seed: int,
        role: str,
        *,
        search: PlannedRun | None = None,
        label: str = "",
        options: tuple[str, int] = ("normal", 0),
    ) -> PlannedRun:
        """Plans one training run."""
        cell = folder_name(contestant) + (f"/seed_{search.seed}" if search else "")
        folder = self.path / "trainings" / folder_name(recipe.name) / cell / f"training_{seed}"
        if label:  # A folder that does not exist until the cell is derived.
            folder = folder / folder_name(f"{role} {label}")
        if search is not None and search.config.operation_modules:  # Its cells may name operations of these.
            flags = (*flags, ("operation_modules", ",".join(search.config.operation_modules)))
        arguments = self._arguments(recipe.flags, flags, seed, folder)
        config = self._config(EvaluationConfig, arguments, f"training {recipe.name} of {contestant}")
        if role == FIXED:
            self._check_genotype(config, contestant)
        if search is not None:
            self._check_data_set(recipe, config, search)
        return PlannedRun(
            TRAINING, self.data_set.name, self.scale.name, contestant, seed, config, arguments,
            self._images(config.dataset), search, recipe.name, role, label, options,
        )  # fmt: skip

    def _training_seeds(self, recipe: TrainingRecipe, contestant: str, cell: str) -> tuple[int, ...]:
        more = recipe.more_seeds
        return tuple(dict.fromkeys((*recipe.seeds, *more.get(contestant, ()), *more.get(cell, ()))))

    def _arguments(self, recipe: Flags, own: Flags, seed: int, folder: Path) -> tuple[str, ...]:
        """Returns a command line in which more specific flags come later and so take precedence."""
        # absl puts the flags of a file where the file stands; flags of the study itself come after those of all files.
        given = (*self.data_set.flags, *recipe, *own)
        files = [pair for pair in (*recipe, *self.data_set.flags, *own) if pair[0] == "flagfile"]
        flags = (*USUAL_FLAGS, *files, *(pair for pair in given if pair[0] != "flagfile"))
        return (*(f"--{name}={value}" for name, value in flags), f"--seed={seed}", f"--run_dir={folder}")

    def _config(self, config_class: type, arguments: tuple[str, ...], what: str):
        try:
            config: RunConfig = config_from_arguments(config_class, arguments)
            if config.hours is not None:
                raise ConfigurationError(
                    "--hours would choose other epochs for each run, which could not be compared; give --epochs. "
                    f"Received: --hours={config.hours}"
                )
            import_operations(config.operation_modules)  # The study reads the genotypes that name them.
            if isinstance(config, SearchConfig):  # A search would find these faults, but after hours of earlier runs.
                candidate_names(config.operations, config.max_skip_connections)
                check_pruning_schedule(config)
            return config
        except ConfigurationError as error:
            raise ConfigurationError(f"{self.study.path}: {self.scale.name}, {what}: {error}") from None

    def _check_genotype(self, config: EvaluationConfig, contestant: str) -> None:
        if config.network != CELLS:
            return
        try:
            load_genotype(config.genotype)
        except GenotypeError as error:
            raise ConfigurationError(f"{self.study.path}: {self.scale.name}, network {contestant}: {error}") from None

    def _check_data_set(self, recipe: TrainingRecipe, config: EvaluationConfig, search: PlannedRun) -> None:
        """Refuses a training run on the usual data set where the search has another: most likely one was forgotten."""
        is_usual = config.dataset == EvaluationConfig.dataset
        if is_usual and config.dataset != search.config.dataset and "dataset" not in dict(recipe.flags):
            raise ConfigurationError(
                f"{self.study.path}: {self.scale.name}, training {recipe.name}: it would be on {config.dataset}, where "
                f"{search.contestant} searches on {search.config.dataset}; name the data set and its settings under "
                f'"datasets" for both, or give "dataset" in the training'
            )

    def _check_seeds(self, contestant: str, seeds: Sequence[int], searches: int) -> None:
        """Refuses searches that count as independent but would share some of their own seeds."""
        for first, second in itertools.pairwise(sorted(seeds)):
            if second - first < searches:
                raise ConfigurationError(
                    f"{self.study.path}: {self.scale.name}, search {contestant}: with --num_seeds={searches}, seed "
                    f"{first} stands for the seeds {first} to {first + searches - 1}, so that the next must be at "
                    f"least {first + searches}. Received: {second}"
                )

    def _images(self, dataset: str) -> int | None:
        return self.data_set.images or IMAGES.get(dataset)
