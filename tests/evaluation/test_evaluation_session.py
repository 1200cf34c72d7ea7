import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from small_trained_run import CELLS, write_trained_run

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.data.image_split import ImageDataset, ImageSplit
from eoinas_tf.distribution.replicas import Replicas
from eoinas_tf.errors import ConfigurationError, NonFiniteError, RunDirectoryError
from eoinas_tf.evaluation import evaluation_step
from eoinas_tf.evaluation.configured_network import build_network
from eoinas_tf.evaluation.evaluation_loop import run_evaluation
from eoinas_tf.evaluation.evaluation_session import EvaluationSession
from eoinas_tf.evaluation.evaluation_step import EvaluationStep
from eoinas_tf.evaluation.final_networks import backbone_layers
from eoinas_tf.evaluation.frozen_backbone import FrozenBackboneStep
from eoinas_tf.evaluation.initial_weights import weights_digest
from eoinas_tf.evaluation.model_cost import count_parameters
from eoinas_tf.evaluation.trained_network import restore_network
from eoinas_tf.experiment.checkpointing import Checkpoints
from eoinas_tf.experiment.json_lines import JsonLines
from eoinas_tf.random_seeds import initial_weights_seed
from eoinas_tf.space.genotype import Genotype
from eoinas_tf.training import run_session

pytestmark = pytest.mark.usefixtures("pictures_are_not_drawn")

EDGES = (("skip_connect", 0), ("max_pool_3x3", 1))
GENOTYPE = Genotype(normal=EDGES, normal_concat=(2,), reduce=EDGES, reduce_concat=(2,))
SPLIT = ImageSplit.from_pixels(np.zeros((9, 8, 8, 3), np.uint8), np.arange(9) % 2)
DATASET = ImageDataset("small", ("dark", "bright"), (8, 8, 3), SPLIT, SPLIT.subset(np.arange(5)))


@pytest.fixture
def config(tmp_path):
    return EvaluationConfig(
        genotype="genotype.json", run_dir=str(tmp_path / "run"), cells=3, init_channels=4, batch_size=3, epochs=2,
        tensorboard=False, cutout_length=0,
    )  # fmt: skip


def test_images_that_would_all_be_blank_are_refused_before_anything_is_trained(config):
    config = dataclasses.replace(config, cutout_length=EvaluationConfig().cutout_length)
    with pytest.raises(ConfigurationError, match="would blank every training image completely"):
        EvaluationSession(config, GENOTYPE, DATASET).__enter__()


@pytest.mark.parametrize("settings", [{"batch_size": 1}, {"batch_size": 8, "accumulation_steps": 8}])
def test_single_images_are_not_normalized_by_themselves(config, settings):
    with pytest.raises(ConfigurationError, match="for normalization needs 2 images or more at a time"):
        EvaluationSession(dataclasses.replace(config, **settings), GENOTYPE, DATASET).__enter__()


def test_workers_agree_on_all_that_is_read_from_files(config, monkeypatch):
    """Each of them may have a file of its own under the same name."""
    asked = []
    monkeypatch.setattr(Replicas, "check_agreement", lambda self, what, text: asked.append((what, text)))
    other = dataclasses.replace(GENOTYPE, normal=(("skip_connect", 0), ("avg_pool_3x3", 1)))
    for number, (genotype, weights) in enumerate([(GENOTYPE, None), (other, None), (GENOTYPE, "balanced")]):
        own = dataclasses.replace(config, run_dir=f"{config.run_dir}{number}", class_weights=weights)
        with EvaluationSession(own, genotype, DATASET):
            pass
    texts = {what: [text for kind, text in asked if kind == what] for what, _ in asked}
    assert texts["cells"][0] == texts["cells"][2] != texts["cells"][1]
    assert texts["class weights"][0] == texts["class weights"][1] != texts["class weights"][2]
    assert not any("\n" in text for _, text in asked)


def test_a_run_is_continued_on_as_many_replicas(config, monkeypatch, caplog):
    with EvaluationSession(config, GENOTYPE, DATASET) as session:
        environment = json.loads(session.run.environment.read_text())
        assert (environment["replicas"], environment["device"]) == (1, "CPU")
        session.run.metrics.write_text("")
    with EvaluationSession(config, GENOTYPE, DATASET):
        pass
    assert "began" not in caplog.text
    monkeypatch.setattr(run_session, "has_gpu", lambda: True)
    with EvaluationSession(config, GENOTYPE, DATASET):
        pass
    assert "this run began on a CPU: its bits may differ from now on" in caplog.text
    session.run.environment.write_text(json.dumps({**environment, "replicas": 4}))
    with pytest.raises(RunDirectoryError, match=r"holds a run with 4 replicas, .* Received: 1"):
        EvaluationSession(config, GENOTYPE, DATASET).__enter__()
    # A finished training can be exported anywhere.
    session.run.keep_devices(2, "CPU", is_done=True)


def test_an_epoch_holds_what_is_left_of_it(config):
    with EvaluationSession(config, GENOTYPE, DATASET) as session:
        assert (session.epoch_steps, session.total_steps) == (3, 6)
        assert list(session.epochs_left()) == [1, 2]
        epoch = session.epoch(2)
        assert (epoch.number, epoch.first_step, epoch.last_step) == (2, 3, 6)
        images, labels = next(iter(epoch.batches))
        assert (images.shape, labels.shape) == ((3, 8, 8, 3), (3,))
        assert len(session.tests) == 2


def validated(config, **settings):
    return dataclasses.replace(config, validation_fraction=0.25, **settings)


def test_with_validation_images_the_test_images_wait(config, capsys):
    with EvaluationSession(validated(config, batch_size=2), GENOTYPE, DATASET) as session:
        epoch = session.epoch(1)
        # Of the 5 and the 4 images of the two classes, 1.25 and 1, rounded.
        assert (len(session.dataset.train), len(session.dataset.validation), session.epoch_steps) == (7, 2, 3)
        assert sum(float(weights.numpy().sum()) for _, _, weights in session.tests) == 2
        session.write_epoch(epoch, evaluation_step.TestMeans(2.0, 0.5, 1.0), {"seconds": 1.0, "images_per_second": 9.0})
        (record,) = JsonLines(session.run.metrics).read()
        assert (record["validation_loss"], record["validation_accuracy"], record["validation_top_5_accuracy"]) == (
            2.0, 0.5, 1.0,
        )  # fmt: skip
        assert not [name for name in record if name.startswith("test")]
        assert json.loads(session.run.dataset.read_text())["parts"]["train"]["images"] == 9


def accuracies_of_epochs(session, accuracies):
    """Records epochs with these validation accuracies; the network's bias is the epoch's number at its end."""
    for number in session.epochs_left():
        epoch = session.epoch(number)
        session.step.state.network.classifier.bias.assign([number, number])
        if not epoch.is_whole:
            return
        means = evaluation_step.TestMeans(2.0, accuracies[number - 1], 1.0)
        session.write_epoch(epoch, means, {"seconds": 1.0, "images_per_second": 9.0})


@pytest.mark.parametrize(
    ("settings", "epochs", "chosen"),
    [
        ({}, 5, 5),
        ({"keep_best": True}, 5, 2),
        ({"early_stopping_epochs": 2}, 4, 4),
        ({"keep_best": True, "early_stopping_epochs": 2, "checkpoint_every_epochs": 10}, 4, 2),
    ],
)
def test_the_chosen_epoch_is_tested_and_a_second_start_chooses_it_too(
    config, settings, epochs, chosen, capsys, nothing_is_exported
):
    config = validated(config, epochs=5, **settings)
    with EvaluationSession(config, GENOTYPE, DATASET) as session:
        accuracies_of_epochs(session, [0.25, 0.75, 0.75, 0.5, 0.5])
        summary = session.finish()
        biases = session.step.state.network.classifier.bias.numpy().tolist()
    assert biases == [chosen, chosen]
    assert (summary["epochs"], summary["steps"], summary["finished"]) == (epochs, 2 * epochs, True)
    assert (summary["chosen_epoch"], summary["validation_images"]) == (chosen, 2)
    assert summary["validation_accuracy"] == [0.25, 0.75, 0.75, 0.5, 0.5][chosen - 1]
    stopped = "the validation accuracy has not risen since epoch 2: the training ends after epoch 4"
    assert (stopped in capsys.readouterr().out) == (epochs == 4)
    assert restore_network(config.run_dir).network.classifier.bias.numpy().tolist() == [chosen, chosen]
    report = (Path(config.run_dir) / "report.html").read_text()
    assert f"by the weights of epoch {chosen}; of the 2 validation images" in report
    # No step is left, so the number of replicas makes no difference.
    environment = Path(config.run_dir) / "environment.json"
    environment.write_text(json.dumps({**json.loads(environment.read_text()), "replicas": 4}))
    with EvaluationSession(config, GENOTYPE, DATASET) as session:
        assert list(session.epochs_left()) == []
        assert session.finish() == summary


def test_a_training_that_max_steps_ended_within_an_epoch_has_no_chosen_epoch(config, nothing_is_exported):
    for settings, epochs, chosen in (({}, 1, None), ({"keep_best": True}, 1, 1), ({"keep_best": True}, 0, None)):
        run_dir = f"{config.run_dir}{epochs}{len(settings)}"
        cut = validated(config, max_steps=2 * epochs + 1, run_dir=run_dir, **settings)
        with EvaluationSession(cut, GENOTYPE, DATASET) as session:
            accuracies_of_epochs(session, [0.5])
            summary = session.finish()
        assert (summary["finished"], summary["epochs"], summary["chosen_epoch"]) == (False, epochs, chosen)


def test_a_training_begins_with_the_weights_that_it_names(config, tmp_path, capsys):
    source = write_trained_run(tmp_path / "source", classes=4)
    config = dataclasses.replace(
        config, init_channels=2, initial_weights=str(tmp_path / "source"), freeze_backbone_epochs=1
    )
    with EvaluationSession(config, CELLS, DATASET) as session:
        network = session.step.state.network
        for layer, other in zip(backbone_layers(network), backbone_layers(source), strict=True):
            for value, expected in zip(layer.get_weights(), other.get_weights(), strict=True):
                np.testing.assert_array_equal(value, expected)
        with initial_weights_seed(config.seed):
            drawn = build_network(config, CELLS, (8, 8, 3), 2)
        # The new classifier is that of a run with this seed and random initial weights.
        np.testing.assert_array_equal(network.classifier.kernel.numpy(), drawn.classifier.kernel.numpy())
        assert isinstance(session.training_step(1), FrozenBackboneStep)
        assert session.training_step(1) is session.training_step(1)
        assert session.training_step(2) is session.step
        record = {"initial_weights": config.initial_weights, "initial_weights_sha256": weights_digest(source)}
        assert json.loads(session.run.initial_weights.read_text()) == record
        text = " ".join(capsys.readouterr().out.split())
        assert f"of {config.initial_weights}, all but the classifier's; frozen in the first 1 epochs" in text


def test_a_run_whose_initial_weights_changed_is_not_continued(config, tmp_path, nothing_is_exported):
    write_trained_run(tmp_path / "source", classes=4)
    config = dataclasses.replace(config, init_channels=2, initial_weights=str(tmp_path / "source"), max_steps=1)
    summary = run_evaluation(config, DATASET, CELLS)
    digest = json.loads((tmp_path / "run" / "initial_weights.json").read_text())["initial_weights_sha256"]
    assert (summary["initial_weights"], summary["initial_weights_sha256"]) == (config.initial_weights, digest)
    network = build_network(dataclasses.replace(config, auxiliary_weight=0.0), CELLS, (8, 8, 3), 4)
    Checkpoints(tmp_path / "source" / "checkpoints", {"network": network.variables}).save(8, {"epoch": 2})
    with pytest.raises(RunDirectoryError, match=r"holds other weights than those that the run in .* began with"):
        run_evaluation(dataclasses.replace(config, max_steps=0), DATASET, CELLS)


def test_a_budget_decides_the_network_and_is_said(config, capsys):
    with EvaluationSession(dataclasses.replace(config, max_parameters=1000), GENOTYPE, DATASET) as session:
        written = capsys.readouterr().out
        assert "--max_parameters=1000: --init_channels lowered from 4 to " in written
        assert count_parameters(session.step.state.network)[0] <= 1000


def test_a_test_loss_that_is_not_finite_is_named_with_its_step(config, monkeypatch):
    monkeypatch.setattr(
        EvaluationStep, "test_all", lambda step, batches: evaluation_step.TestMeans(float("nan"), 0.0, 0.0)
    )
    with (
        EvaluationSession(config, GENOTYPE, DATASET) as session,
        pytest.raises(NonFiniteError, match=r"test loss .* after step 3 \(epoch 1\)"),
    ):
        session.test(session.epoch(1))


def test_an_epoch_is_written_down_and_shown(config, capsys):
    with EvaluationSession(config, GENOTYPE, DATASET) as session:
        epoch = session.epoch(1)
        capsys.readouterr()
        session.write_epoch(epoch, evaluation_step.TestMeans(2.0, 0.5, 1.0), {"seconds": 1.0, "images_per_second": 9.0})
        (record,) = JsonLines(session.run.metrics).read()
        assert (record["epoch"], record["test_loss"], record["test_accuracy"]) == (1, 2.0, 0.5)
        titles, row = capsys.readouterr().out.splitlines()[1:]
        assert titles.split()[:2] == ["epoch", "train"]
        assert row.split() == ["1/2", "-", "-", "50.00", "2.0000", "9.0", "-"]
