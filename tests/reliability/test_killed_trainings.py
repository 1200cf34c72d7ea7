"""A training run of a final network that is killed or stopped ends as if nothing had happened, including its export."""

import json

import numpy as np
import pytest
import tensorflow as tf
from tiny_runs import (
    GENOTYPE,
    KILLED,
    STOPPED,
    TRAINING,
    chosen_by_hours,
    kill_at_random,
    run_through,
    stop_at_random,
    what_a_run_leaves,
)

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.evaluation.trained_network import restore_network

# In the order in which a run passes them, with the exit status and the step from which it is then resumed.
KILLS = [
    ("after_run_folder_opened:0:SIGINT", STOPPED, None),
    ("after_training_step:2", KILLED, 1),
    ("after_test:1", KILLED, 3),
    ("before_checkpoint_has_its_name:5", KILLED, 4),
    ("after_training_step:5:SIGINT", STOPPED, 5),
    ("after_metrics_line:2", KILLED, 6),
    ("after_checkpoint:8", KILLED, 8),
    # The last step is done, but the epoch is not tested yet.
    ("after_training_step:9:SIGINT", STOPPED, 9),
    ("after_test:3", KILLED, 9),
]
MODERN = (
    "--optimizer=adamw", "--ema_decay=0.9", "--randaugment_layers=1", "--random_erasing_probability=0.5",
    "--mixup_alpha=0.4", "--cutmix_alpha=1",
)  # fmt: skip


@pytest.fixture(scope="module")
def flags(tmp_path_factory):
    genotype = tmp_path_factory.mktemp("genotype") / "genotype.json"
    genotype.write_text(json.dumps(GENOTYPE))
    return [*TRAINING, f"--genotype={genotype}"]


@pytest.fixture(scope="module")
def uninterrupted(zygote, flags, tmp_path_factory):
    """A training run that saves only at its end, and its seconds."""
    folder = tmp_path_factory.mktemp("training") / "uninterrupted"
    status, output, seconds = zygote.run("run_eval", *flags, f"--run_dir={folder}", "--checkpoint_every_epochs=3")
    assert status == 0, output
    return folder, seconds


def served(folder):
    images = tf.constant(np.random.default_rng(0).integers(0, 256, size=(5, 8, 8, 1), dtype=np.uint8))
    signature = tf.saved_model.load(str(folder / "saved_model")).signatures["serving_default"]
    return signature(image=images)["probabilities"].numpy().tobytes()


def test_killed_and_stopped_at_every_named_place_it_ends_as_if_uninterrupted(zygote, flags, uninterrupted, tmp_path):
    folder, _ = uninterrupted
    run_through(zygote, ("run_eval", *flags), tmp_path / "run", KILLS)
    assert what_a_run_leaves(tmp_path / "run") == what_a_run_leaves(folder)
    assert served(tmp_path / "run") == served(folder)


@pytest.mark.slow
def test_with_hours_it_keeps_the_epochs_that_it_has_chosen(zygote, flags, uninterrupted, tmp_path):
    folder, _ = uninterrupted
    by_hours = chosen_by_hours(EvaluationConfig, flags, tmp_path / "run", epochs=3)
    run_through(zygote, ("run_eval", *by_hours), tmp_path / "run", [("after_test:1", KILLED, 3)])
    assert what_a_run_leaves(tmp_path / "run") == what_a_run_leaves(folder)
    assert served(tmp_path / "run") == served(folder)


@pytest.mark.slow
def test_with_class_weights_it_ends_as_if_uninterrupted(zygote, flags, tmp_path):
    weights = tmp_path / "weights.json"
    weights.write_text(json.dumps({str(digit): 1.0 + digit for digit in range(10)}))
    command = ("run_eval", *flags, f"--class_weights={weights}", "--accumulation_steps=2", "--epochs=2")
    status, output, _ = zygote.run(*command, f"--run_dir={tmp_path / 'whole'}")
    assert status == 0, output
    run_through(zygote, command, tmp_path / "run", [("after_training_step:2", KILLED, 1), ("after_test:1", KILLED, 3)])
    assert what_a_run_leaves(tmp_path / "run") == what_a_run_leaves(tmp_path / "whole")
    summary = json.loads((tmp_path / "whole" / "summary.json").read_text())
    assert set(summary["test_recall_by_class"]) == set(map(str, range(10)))
    weights.write_text(json.dumps({str(digit): 1.0 for digit in range(10)}))
    status, output, _ = zygote.run(*command, f"--run_dir={tmp_path / 'run'}")
    assert status not in (0, KILLED)
    assert "holds other weights than those" in output


@pytest.mark.slow
def test_with_epochs_on_a_part_of_the_images_it_ends_as_if_uninterrupted(zygote, flags, tmp_path):
    """Each epoch has two of the three batches that the images make."""
    command = ("run_eval", *flags, "--steps_per_epoch=2", "--epochs=2")
    status, output, _ = zygote.run(*command, f"--run_dir={tmp_path / 'whole'}")
    assert status == 0, output
    run_through(zygote, command, tmp_path / "run", [("after_training_step:2", KILLED, 1), ("after_test:1", KILLED, 2)])
    assert what_a_run_leaves(tmp_path / "run") == what_a_run_leaves(tmp_path / "whole")
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["steps"] == 4


# tests/evaluation/test_evaluation_resume.py continues such a recipe in every run of the tests.
@pytest.mark.slow
def test_with_a_recipe_of_today_it_ends_as_if_uninterrupted(zygote, flags, tmp_path):
    command = ("run_eval", *flags, *MODERN, "--epochs=2")
    status, output, _ = zygote.run(*command, f"--run_dir={tmp_path / 'whole'}")
    assert status == 0, output
    run_through(zygote, command, tmp_path / "run", [("after_training_step:4", KILLED, 3)])
    assert what_a_run_leaves(tmp_path / "run") == what_a_run_leaves(tmp_path / "whole")
    assert served(tmp_path / "run") == served(tmp_path / "whole")
    images = np.random.default_rng(0).integers(0, 256, size=(5, 8, 8, 1), dtype=np.uint8).astype(np.float32)
    trained = restore_network(tmp_path / "run")
    logits = trained.network((images - trained.mean) / trained.standard_deviation)
    exported = np.frombuffer(served(tmp_path / "run"), np.float32).reshape(5, 10)
    np.testing.assert_allclose(exported, tf.nn.softmax(logits), atol=1e-4, err_msg="exported are not the averages")


# tests/evaluation/test_evaluation_session.py starts such a training a second time in every run of the tests.
@pytest.mark.slow
def test_with_validation_images_and_the_best_weights_it_ends_as_if_uninterrupted(zygote, flags, tmp_path):
    """The learning rate is so high that the accuracy falls after the first epochs."""
    choice = ("--validation_fraction=0.2", "--keep_best", "--early_stopping_epochs=2", "--learning_rate=0.4")
    command = ("run_eval", *flags, *choice, "--epochs=6")
    status, output, _ = zygote.run(*command, f"--run_dir={tmp_path / 'whole'}")
    assert status == 0, output
    summary = json.loads((tmp_path / "whole" / "summary.json").read_text())
    lines = [json.loads(line) for line in (tmp_path / "whole" / "metrics.jsonl").read_text().splitlines()]
    accuracies = [line["validation_accuracy"] for line in lines]
    assert summary["chosen_epoch"] == int(np.argmax(accuracies)) + 1
    assert summary["chosen_epoch"] < len(lines), accuracies
    assert not [name for name in lines[0] if name.startswith("test")]
    # Before the best epoch is kept, and in an epoch after it.
    kept = 2 * summary["chosen_epoch"]
    kills = [(f"after_test:{kept // 2}", KILLED, kept), (f"after_training_step:{kept + 1}:SIGINT", STOPPED, kept + 1)]
    run_through(zygote, command, tmp_path / "run", kills)
    assert what_a_run_leaves(tmp_path / "run") == what_a_run_leaves(tmp_path / "whole")
    assert served(tmp_path / "run") == served(tmp_path / "whole")


@pytest.mark.slow
def test_fine_tuned_with_a_frozen_backbone_it_ends_as_if_uninterrupted(zygote, uninterrupted, tmp_path):
    source, _ = uninterrupted
    others = [flag for flag in TRAINING if not flag.startswith(("--cells", "--init_channels", "--image_size"))]
    weights = (f"--initial_weights={source}", "--freeze_backbone_epochs=1")
    command = ("run_eval", *others, *weights, "--seed=3", "--validation_fraction=0.2", "--keep_best", "--ema_decay=0.9")
    status, output, _ = zygote.run(*command, f"--run_dir={tmp_path / 'whole'}")
    assert status == 0, output
    assert f"from {source}: " in output
    kills = [("after_training_step:1", KILLED, None), ("after_training_step:2", KILLED, 1), ("after_test:1", KILLED, 2)]
    kills += [("after_training_step:3", KILLED, 2), ("after_metrics_line:2", KILLED, 4)]
    run_through(zygote, command, tmp_path / "run", kills)
    assert what_a_run_leaves(tmp_path / "run") == what_a_run_leaves(tmp_path / "whole")
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["initial_weights"] == str(source)
    status, output, _ = zygote.run(*command, f"--run_dir={tmp_path / 'run'}", "--cells=4")
    assert status not in (0, KILLED)
    assert f"--cells contradicts --initial_weights={source}, whose network has 3" in output


@pytest.mark.slow
def test_deterministic_operations_give_the_same_bytes_each_time(zygote, flags, tmp_path):
    for name in ("first", "second"):
        status, output, _ = zygote.run(
            "run_eval", *flags, f"--run_dir={tmp_path / name}", "--epochs=1", "--warmup_epochs=0", "--deterministic"
        )
        assert status == 0, output
    assert what_a_run_leaves(tmp_path / "first") == what_a_run_leaves(tmp_path / "second")


@pytest.mark.slow
def test_stopped_ten_times_at_random_it_ends_as_if_uninterrupted(zygote, flags, uninterrupted, tmp_path, chance):
    folder, whole_seconds = uninterrupted
    stop_at_random(zygote, ("run_eval", *flags), tmp_path / "run", whole_seconds, chance)
    assert what_a_run_leaves(tmp_path / "run") == what_a_run_leaves(folder)


@pytest.mark.slow
def test_killed_twenty_times_at_random_it_ends_as_if_uninterrupted(zygote, flags, uninterrupted, tmp_path, chance):
    folder, whole_seconds = uninterrupted
    kill_at_random(zygote, ("run_eval", *flags), tmp_path / "run", whole_seconds, chance, what_a_run_leaves(folder))
    assert what_a_run_leaves(tmp_path / "run") == what_a_run_leaves(folder)
