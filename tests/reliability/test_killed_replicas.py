"""Two replicas on two logical CPUs that are killed between checkpoints end as if nothing had happened."""

import json
import signal

import pytest
from tiny_runs import GENOTYPE, TRAINING, what_a_run_leaves

KILLS = ["after_training_step:1", "after_training_step:5", "after_test:2", "after_metrics_line:2", "after_checkpoint:9"]


@pytest.mark.slow
def test_two_replicas_killed_five_times_end_as_if_uninterrupted(zygote, tmp_path):
    genotype = tmp_path / "genotype.json"
    genotype.write_text(json.dumps(GENOTYPE))
    flags = [*TRAINING, f"--genotype={genotype}", "--strategy=mirrored", "--logical_cpus=2"]
    status, output, _ = zygote.run("run_eval", *flags, f"--run_dir={tmp_path / 'whole'}")
    assert status == 0, output
    for fault in KILLS:
        status, output, _ = zygote.run("run_eval", *flags, f"--run_dir={tmp_path / 'killed'}", fault=fault)
        assert status == -signal.SIGKILL, (fault, output)
    status, output, _ = zygote.run("run_eval", *flags, f"--run_dir={tmp_path / 'killed'}")
    assert status == 0, output
    assert what_a_run_leaves(tmp_path / "killed") == what_a_run_leaves(tmp_path / "whole")
