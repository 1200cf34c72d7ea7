import dataclasses
import json

import pytest
from small_search import GENOTYPE, write_search
from small_study import write_study

from eoinas_tf.space.genotype import Genotype
from eoinas_tf.study.derived_cells import DERIVED, is_done, settle_derived
from eoinas_tf.study.study_file import read_study
from eoinas_tf.study.study_plan import plan_study


@pytest.fixture
def plan(tmp_path):
    return plan_study(read_study(write_study(tmp_path)), tmp_path / "runs")


def candidates(plan):
    return {run.label: run for run in plan if run.role == "candidates"}


def test_a_derived_cell_is_trained_in_a_folder_named_after_it(plan):
    """Pair 2 is already a separable convolution: that candidate is the found cell, and shares its training run."""
    runs = candidates(plan)
    write_search(runs["skip_connect"].search.folder)
    settled = {label: settle_derived(run) for label, run in runs.items()}
    assert len({run.folder for run in settled.values()}) == 7
    found = next(run for run in plan if run.role == "found" and run.training == "short" and run.cell == "eoinas/1")
    assert settled["sep_conv_3x3"].folder == found.folder
    assert settled["sep_conv_3x3"].config.result_settings() == found.config.result_settings()
    for label, run in settled.items():
        assert Genotype.read(run.config.genotype).normal[2] == (label, 0)
        assert run.arguments[-2:] == (f"--genotype={run.config.genotype}", f"--run_dir={run.folder}")
    assert {run.folder for run in map(settle_derived, runs.values())} == {run.folder for run in settled.values()}


def test_equal_cells_share_one_folder(plan):
    run = candidates(plan)["skip_connect"]
    write_search(run.search.folder)
    other = dataclasses.replace(run, label="skip_connect", role="candidates", options=("normal", 2))
    assert settle_derived(run).folder == settle_derived(other).folder


def test_done_is_what_is_finished_or_cannot_be(plan):
    run = candidates(plan)["skip_connect"]
    assert not is_done(run)
    write_search(run.search.folder)
    assert not is_done(run)
    settled = settle_derived(run)
    settled.folder.mkdir(parents=True)
    (settled.folder / "summary.json").write_text(json.dumps({"finished": True}))
    assert is_done(run)
    assert is_done(dataclasses.replace(run, role="drops", label="5"))
    assert is_done(dataclasses.replace(run, options=("normal", 9)))


def test_other_runs_stay_as_they_are(plan):
    assert settle_derived(plan[0]) is plan[0]
    assert set(DERIVED) == {"candidates", "drops", "edge_rankings"}
    assert GENOTYPE.source == "made up"


def test_of_several_seeds_the_best_ones_cell_is_changed(plan):
    run = candidates(plan)["skip_connect"]
    folder = run.search.folder
    write_search(folder)
    for seed in (0, 1):
        write_search(folder / f"seed_{seed}")
    pairs = (("max_pool_3x3", 1), *GENOTYPE.normal[1:])
    best = dataclasses.replace(GENOTYPE, normal=pairs)
    (folder / "seed_1" / "genotype.json").write_text(best.to_json())
    (folder / "summary.json").write_text(json.dumps({"validation_accuracy": 0.5, "best": str(folder / "seed_1")}))
    assert Genotype.read(settle_derived(run).config.genotype).normal[:3] == (*pairs[:2], ("skip_connect", 0))
