import dataclasses
import json

import pytest
from small_study import write_study

from eoinas_tf.config import EvaluationConfig, SearchConfig
from eoinas_tf.study.study_file import read_study
from eoinas_tf.study.study_plan import plan_study
from eoinas_tf.study.time_estimate import SECONDS_BESIDE_EPOCHS, TimeEstimate, formula_seconds, measured_seconds
from eoinas_tf.training.time_formula import SEARCH_FACTOR, most_seconds_of_an_image, seconds_of_an_image


@pytest.fixture
def plan(tmp_path):
    return plan_study(read_study(write_study(tmp_path)), tmp_path / "runs")


def log(run, seconds):
    run.folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"epoch": number, "seconds": value}) for number, value in enumerate(seconds)]
    (run.folder / "timing.jsonl").write_text("\n".join(lines) + '\n{"epoch": 9, "sec')
    (run.folder / "metrics.jsonl").write_text("{}\n" * len(seconds))


@pytest.mark.parametrize(
    ("settings", "pixels"),
    [({"image_size": (16, 8)}, 128), ({"dataset": "cifar10"}, 1024), ({"dataset": "fashion_mnist"}, 784)],
)
@pytest.mark.parametrize(
    ("kind", "settings_of_the_kind", "factor"),
    [("training", EvaluationConfig, 1.0), ("search", SearchConfig, SEARCH_FACTOR)],
)
def test_the_formula_counts_every_image_of_every_epoch(plan, kind, settings_of_the_kind, factor, settings, pixels):
    run = next(run for run in plan if run.kind == kind)
    config = settings_of_the_kind(epochs=5, cells=4, init_channels=16, **settings)
    seconds = formula_seconds(dataclasses.replace(run, config=config, images=50_000)) - SECONDS_BESIDE_EPOCHS
    assert seconds == pytest.approx(5 * 50_000 * factor * seconds_of_an_image(4, 16, pixels))
    assert formula_seconds(dataclasses.replace(run, config=config, images=None)) is None


def test_the_first_layers_for_imagenet_leave_an_eighth_of_each_side(plan):
    run = dataclasses.replace(next(run for run in plan if run.kind == "training"), images=1_000)
    seconds = {}
    for stem, side in (("imagenet", 224), ("cifar", 28)):
        config = EvaluationConfig(stem=stem, image_size=(side, side))
        seconds[stem] = formula_seconds(dataclasses.replace(run, config=config))
    assert seconds["imagenet"] == seconds["cifar"]


@pytest.mark.parametrize(("kind", "images"), [("search", 2 * 5 * 64), ("training", 5 * 64)])
def test_short_epochs_count_the_images_of_their_steps(plan, kind, images):
    run = dataclasses.replace(next(run for run in plan if run.kind == kind), images=50_000)
    short = dataclasses.replace(run, config=dataclasses.replace(run.config, batch_size=64, steps_per_epoch=5))
    expected = formula_seconds(dataclasses.replace(run, images=images))
    assert formula_seconds(short) == pytest.approx(expected)
    many = dataclasses.replace(run, config=dataclasses.replace(run.config, batch_size=64, steps_per_epoch=10**6))
    assert formula_seconds(many) == formula_seconds(run)


def test_drawing_a_cell_takes_no_epochs(plan):
    run = next(run for run in plan if run.kind == "search")
    drawn = dataclasses.replace(run, config=SearchConfig(method="random", epochs=160), images=50_000)
    assert formula_seconds(drawn) == SECONDS_BESIDE_EPOCHS


@pytest.mark.parametrize(("budget", "is_narrower"), [(1_000_000, True), (10**12, False)])
def test_a_budget_of_multiply_adds_bounds_the_time_of_an_image(plan, budget, is_narrower):
    run = next(run for run in plan if run.kind == "training")
    config = EvaluationConfig(dataset="cifar10", epochs=3, cells=5, init_channels=64)
    whole = formula_seconds(dataclasses.replace(run, config=config, images=50_000))
    within = dataclasses.replace(config, max_multiply_adds=budget)
    seconds = formula_seconds(dataclasses.replace(run, config=within, images=50_000))
    bound = SECONDS_BESIDE_EPOCHS + 3 * 50_000 * most_seconds_of_an_image(budget)
    assert seconds == pytest.approx(bound if is_narrower else whole)
    assert (bound < whole) is is_narrower


def test_seconds_are_those_of_all_whole_lines(plan):
    log(plan[0], [2.5, 3.5])
    assert measured_seconds(plan[0]) == 6.0


def test_equal_runs_are_expected_to_take_as_long_and_others_in_proportion(plan):
    first, second, other = [run for run in plan if run.kind == "search"]
    log(first, [100.0] * 6)
    estimate = TimeEstimate(1, [first])
    assert estimate.whole_seconds(second) == 600 + SECONDS_BESIDE_EPOCHS
    ratio = (600 + SECONDS_BESIDE_EPOCHS) / formula_seconds(first)
    assert estimate.whole_seconds(other) == pytest.approx(ratio * formula_seconds(other))
    training = next(run for run in plan if run.kind == "training")
    assert estimate.whole_seconds(training) == formula_seconds(training)


def test_what_is_left_counts_what_is_begun_and_is_shared_by_the_jobs(plan):
    first, second, _ = [run for run in plan if run.kind == "search"]
    log(first, [95.0] * 6)
    log(second, [1.0] * 3)
    estimate = TimeEstimate(1, [first])
    assert estimate.seconds_left([second]) == (375, True)
    assert TimeEstimate(2, [first]).seconds_left([second, second, second, second]) == (750, True)
    assert TimeEstimate(8, [first]).seconds_left([second]) == (375, True)
    unknown = dataclasses.replace(second, images=None, contestant="another", kind="training")
    assert estimate.seconds_left([second, unknown]) == (375, False)


@pytest.mark.parametrize(
    ("jobs", "cpus", "factor"), [(1, 2, 1), (2, 2, 2), (4, 2, 4), (4, 64, 1), (3, 4, 1.5), (1, 1, 2)]
)
def test_runs_at_a_time_share_the_cpus_of_the_formula(plan, monkeypatch, jobs, cpus, factor):
    monkeypatch.setattr("eoinas_tf.study.time_estimate.usable_cpus", lambda: cpus)
    first, second, other = [run for run in plan if run.kind == "search"]
    estimate = TimeEstimate(jobs)
    assert estimate.whole_seconds(other) == pytest.approx(factor * formula_seconds(other))
    log(first, [100.0] * 6)
    estimate.add(first)
    assert estimate.whole_seconds(second) == 600 + SECONDS_BESIDE_EPOCHS
    ratio = (600 + SECONDS_BESIDE_EPOCHS) / formula_seconds(first)
    assert estimate.whole_seconds(other) == pytest.approx(ratio * formula_seconds(other))


def test_a_random_cell_tells_nothing_about_searches(plan, monkeypatch):
    monkeypatch.setattr("eoinas_tf.study.time_estimate.usable_cpus", lambda: 2)
    first, second, _ = [run for run in plan if run.kind == "search"]
    config = SearchConfig(method="random", epochs=6, run_dir=first.config.run_dir)
    drawn = dataclasses.replace(first, contestant="random", config=config)
    estimate = TimeEstimate(2, [drawn])
    assert estimate.whole_seconds(second) == pytest.approx(2 * formula_seconds(second))
