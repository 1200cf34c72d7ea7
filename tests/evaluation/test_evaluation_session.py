import dataclasses

import numpy as np
import pytest

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.data.image_split import ImageDataset, ImageSplit
from eoinas_tf.errors import NonFiniteError
from eoinas_tf.evaluation import evaluation_step
from eoinas_tf.evaluation.evaluation_session import EvaluationSession
from eoinas_tf.evaluation.evaluation_step import EvaluationStep
from eoinas_tf.evaluation.model_cost import count_parameters
from eoinas_tf.experiment.json_lines import JsonLines
from eoinas_tf.space.genotype import Genotype

EDGES = (("skip_connect", 0), ("max_pool_3x3", 1))
GENOTYPE = Genotype(normal=EDGES, normal_concat=(2,), reduce=EDGES, reduce_concat=(2,))
SPLIT = ImageSplit.from_pixels(np.zeros((9, 8, 8, 3), np.uint8), np.arange(9) % 2)
DATASET = ImageDataset("small", ("dark", "bright"), (8, 8, 3), SPLIT, SPLIT.subset(np.arange(5)))


@pytest.fixture
def config(tmp_path):
    return EvaluationConfig(
        genotype="genotype.json", run_dir=str(tmp_path / "run"), cells=3, init_channels=4, batch_size=3, epochs=2,
        tensorboard=False,
    )  # fmt: skip


def test_an_epoch_holds_what_is_left_of_it(config):
    with EvaluationSession(config, GENOTYPE, DATASET) as session:
        assert (session.epoch_steps, session.total_steps) == (3, 6)
        assert list(session.epochs_left()) == [1, 2]
        with session.epoch(2) as epoch:
            assert (epoch.number, epoch.first_step, epoch.last_step) == (2, 3, 6)
            images, labels = next(iter(epoch.batches))
            assert (images.shape, labels.shape) == ((3, 8, 8, 3), (3,))
        assert len(session.tests) == 2


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
        session.epoch(1) as epoch,
        pytest.raises(NonFiniteError, match=r"test loss .* after step 3 \(epoch 1\)"),
    ):
        session.test(epoch)


def test_an_epoch_is_written_down_and_shown(config, capsys):
    with EvaluationSession(config, GENOTYPE, DATASET) as session, session.epoch(1) as epoch:
        capsys.readouterr()
        session.write_epoch(epoch, evaluation_step.TestMeans(2.0, 0.5, 1.0), {"seconds": 1.0, "images_per_second": 9.0})
        (record,) = JsonLines(session.run.metrics).read()
        assert (record["epoch"], record["test_loss"], record["test_accuracy"]) == (1, 2.0, 0.5)
        titles, row = capsys.readouterr().out.splitlines()[1:]
        assert titles.split()[:2] == ["epoch", "train"]
        assert row.split() == ["1/2", "-", "-", "50.00", "2.0000", "9.0", "-"]
