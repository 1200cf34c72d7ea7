"""A study as one JSON file: which methods search on what, and how everything found is trained."""

import dataclasses
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eoinas_tf.errors import ConfigurationError
from eoinas_tf.study.study_section import Flags, Section

FORMAT = "eoinas-study/1"
# The contestant that consists of random cells, with which all others are compared.
RANDOM = "random"
# Kinds of cell that analyses derive from a finished search, in addition to the found one; see `derived_cells.py`.
DERIVED_KINDS = ("candidates", "drops", "edge_rankings")
# The study sets these itself, or they would end a run early or replace it.
FORBIDDEN_FLAGS = {
    "run_dir",
    "seed",
    "select_from",
    "max_steps",
    "describe",
    "measure",
    "list_genotypes",
    "json",
    "pytorch_weights",
}


@dataclasses.dataclass(frozen=True)
class Contestant:
    """A method, or a network that needs no search, with its flags.

    Args:
        name: Its name in tables.
        flags: The flags of a method's searches, or of a network's training runs.
    """

    name: str
    flags: Flags


@dataclasses.dataclass(frozen=True)
class DataSet:
    """A data set of the study.

    Args:
        name: Its name in tables.
        images: Training images, for estimates of time only; None: the usual number for well-known sets.
        flags: Flags of searches and training runs on it.
    """

    name: str
    images: int | None
    flags: Flags


@dataclasses.dataclass(frozen=True)
class TrainingRecipe:
    """A way in which cells and networks are trained from scratch.

    Args:
        name: Its name in tables.
        flags: The flags of the training runs, `flagfile` first if there is one.
        seeds: Training seeds of everything that is trained this way.
        of: Contestants that are trained this way; None for all.
        more_seeds: Training seeds in addition to `seeds`, by contestant or by single cell (`NAME/SEED`).
    """

    name: str
    flags: Flags
    seeds: tuple[int, ...]
    of: tuple[str, ...] | None
    more_seeds: Mapping[str, tuple[int, ...]]


@dataclasses.dataclass(frozen=True)
class DerivedCellsRequest:
    """Further cells of some searches to train.

    Args:
        kind: One of `DERIVED_KINDS`.
        methods: The methods whose searches they come from.
        seeds: The search seeds; if there are none, those of the method.
        training: Name of the recipe.
        training_seeds: Seeds of their training runs.
        cell: `normal` or `reduce`, the cell in which `candidates` replaces an operation.
        pair: The replaced (operation, node) pair's position in that cell, counted from 0.
    """

    kind: str
    methods: tuple[str, ...]
    seeds: tuple[int, ...]
    training: str
    training_seeds: tuple[int, ...]
    cell: str = "normal"
    pair: int = 0


@dataclasses.dataclass(frozen=True)
class Scale:
    """One size of searches and training runs.

    Args:
        name: Its name in tables.
        data_sets: The data sets that it runs on.
        search_flags: Flags of every search.
        methods: The methods.
        seeds: Search seeds by the methods' names.
        random_cells: Number of random cells to train.
        networks: Published cells and hand-designed networks.
        trainings: The recipes.
        derived: Further cells of the searches.
    """

    name: str
    data_sets: tuple[DataSet, ...]
    search_flags: Flags
    methods: tuple[Contestant, ...]
    seeds: Mapping[str, tuple[int, ...]]
    random_cells: int
    networks: tuple[Contestant, ...]
    trainings: tuple[TrainingRecipe, ...]
    derived: tuple[DerivedCellsRequest, ...]

    def contestant_names(self) -> tuple[str, ...]:
        """Returns the names of everything that is compared, in the order of the file."""
        random = (RANDOM,) if self.random_cells else ()
        return (*(one.name for one in self.methods), *random, *(one.name for one in self.networks))


@dataclasses.dataclass(frozen=True)
class Study:
    """The contents of a study file.

    Args:
        path: The file.
        title: Title of its tables.
        scales: Its sizes.
    """

    path: Path
    title: str
    scales: tuple[Scale, ...]


def read_study(path: Path) -> Study:
    """Reads and checks a study file; flags are checked when the runs are planned.

    Args:
        path: The file.

    Returns:
        The study.

    Raises:
        ConfigurationError: The file cannot be read or has invalid content; the message names the file and the place in
            it.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_unique_keys)
    except OSError as error:
        raise ConfigurationError(f"study file {path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"study file {path}: not valid JSON ({error})") from None
    top = Section(content, str(path))
    if (written := top.text("format")) != FORMAT:
        top.refuse(f'"format" must be "{FORMAT}"', written)
    title = top.text("title")
    methods = [_contestant(section) for section in top.sections("methods", default=[])]
    data_sets = [_data_set(section) for section in top.sections("datasets", default=[])]
    _refuse_repeated(top, "methods", [contestant.name for contestant in methods])
    _refuse_repeated(top, "datasets", [data_set.name for data_set in data_sets])
    scales = tuple(_scale(section, methods, data_sets) for section in top.sections("scales"))
    _refuse_repeated(top, "scales", [scale.name for scale in scales])
    top.end()
    return Study(path, title, scales)


def folder_name(name: str) -> str:
    """Returns a name in the study as the name of a folder."""
    return re.sub(r"[^A-Za-z0-9.-]+", "_", name).strip("_.") or "_"


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def _contestant(section: Section) -> Contestant:
    return Contestant(section.name(), section.flags(FORBIDDEN_FLAGS | {"genotype"}))


def _data_set(section: Section) -> DataSet:
    return DataSet(section.name(), section.whole("images", None), section.flags(FORBIDDEN_FLAGS | {"genotype"}))


def _network(section: Section) -> Contestant:
    return Contestant(section.name(), section.flags(FORBIDDEN_FLAGS))


def _scale(section: Section, methods: list[Contestant], data_sets: list[DataSet]) -> Scale:
    name = section.name()
    data_set_names = section.texts("datasets", tuple(one.name for one in data_sets))
    chosen_sets = tuple(_chosen(section, "datasets", data_set_names, data_sets)) or (DataSet("", None, ()),)
    search = section.sections("search", default=[{}])
    search_flags = search[0].flags(FORBIDDEN_FLAGS | {"genotype"})
    method_names = section.texts("methods", tuple(one.name for one in methods))
    chosen = tuple(_chosen(section, "methods", method_names, methods))
    seeds = section.seeds("seeds", (0,))
    own_seeds = section.seeds_by_name("method_seeds")
    _refuse_unknown(section, "method_seeds", list(own_seeds), [contestant.name for contestant in chosen])
    networks = [_network(part) for part in section.sections("networks", default=[], text_as="genotype")]
    random_cells = section.whole("random_cells", 0) or 0
    recipes = tuple(_recipe(part) for part in section.sections("trainings", default=[]))
    _refuse_repeated(section, "trainings", [recipe.name for recipe in recipes])
    derived = tuple(_derived(part) for part in section.sections("derived_cells", default=[]))
    section.end()
    scale = Scale(
        name,
        chosen_sets,
        search_flags,
        chosen,
        {contestant.name: own_seeds.get(contestant.name, seeds) for contestant in chosen},
        random_cells,
        tuple(networks),
        recipes,
        derived,
    )
    _check_references(section, scale)
    return scale


def _recipe(section: Section) -> TrainingRecipe:
    name, seeds = section.name(), section.seeds("seeds", (0,))
    of = section.texts("of", None)
    more_seeds = section.seeds_by_name("more_seeds")
    return TrainingRecipe(name, section.flags(FORBIDDEN_FLAGS | {"genotype"}), seeds, of, more_seeds)


def _derived(section: Section) -> DerivedCellsRequest:
    request = DerivedCellsRequest(
        kind=section.text("kind"),
        methods=section.texts("methods", ()) or (),
        seeds=section.seeds("seeds", ()),
        training=section.text("training"),
        training_seeds=section.seeds("training_seeds", (0,)),
        cell=section.text("cell", "normal"),
        pair=section.whole("pair", 0) or 0,
    )
    section.end()
    if request.kind not in DERIVED_KINDS:
        section.refuse(f'"kind" must be one of {", ".join(DERIVED_KINDS)}', request.kind)
    if request.cell not in ("normal", "reduce"):
        section.refuse('"cell" must be normal or reduce', request.cell)
    if request.pair > 7:
        section.refuse('"pair" must be a position from 0 to 7', request.pair)
    return request


def _check_references(section: Section, scale: Scale) -> None:
    """Refuses names that occur twice, and references to names that do not exist."""
    names = list(scale.contestant_names())
    _refuse_repeated(section, "methods, random cells and networks", names)
    for recipe in scale.trainings:
        _refuse_unknown(section, f"trainings, {recipe.name}, of", list(recipe.of or ()), names)
        owners = [name if name in names else name.rpartition("/")[0] for name in recipe.more_seeds]
        _refuse_unknown(section, f"trainings, {recipe.name}, more_seeds", owners, names)
        for cell, owner in zip(recipe.more_seeds, owners, strict=True):
            if cell not in names and not _is_searched(scale, owner, cell.rpartition("/")[2]):
                section.refuse(f'"more_seeds" of {recipe.name}: {owner} is not searched with this seed', cell)
            if recipe.of is not None and owner not in recipe.of:
                section.refuse(f'"more_seeds" of {recipe.name}: {owner} is not among those that "of" names', cell)
    for request in scale.derived:
        if not request.methods:
            section.refuse('"derived_cells" needs "methods", the searches to start from', request.kind)
        recipes = [recipe.name for recipe in scale.trainings]
        _refuse_unknown(section, "derived_cells, training", [request.training], recipes)
        _refuse_unknown(section, "derived_cells, methods", list(request.methods), [one.name for one in scale.methods])
        for contestant in request.methods:
            missing = set(request.seeds) - set(scale.seeds[contestant])
            if missing:
                section.refuse(f'"derived_cells": {contestant} is not searched with this seed', min(missing))


def _is_searched(scale: Scale, contestant: str, seed: str) -> bool:
    seeds = range(scale.random_cells) if contestant == RANDOM else scale.seeds.get(contestant, ())
    return seed in map(str, seeds)


def _chosen(section: Section, key: str, names: tuple[str, ...] | None, known: list) -> list:
    _refuse_unknown(section, key, list(names or ()), [one.name for one in known])
    return [one for one in known if one.name in (names or ())]


def _refuse_unknown(section: Section, key: str, names: list[str], known: list[str]) -> None:
    for name in names:
        if name not in known:
            section.refuse(f'"{key}" must be among {", ".join(known) or "nothing, for there is none"}', name)


def _refuse_repeated(section: Section, key: str, names: list[str]) -> None:
    folders = [folder_name(name) for name in names]
    for position, folder in enumerate(folders):
        if folder in folders[:position]:
            section.refuse(f'names in "{key}" must differ, also as names of folders', names[position])
