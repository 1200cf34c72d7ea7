"""Training runs on two devices of one machine and on two processes, from the real command line."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from eoinas_tf.space.genotype import Genotype

ROOT = Path(__file__).parents[2]
FLAGS = (
    "--dataset=digits", "--cells=3", "--init_channels=2", "--batch_size=256", "--image_size=8,8",
    "--cutout_length=2", "--drop_path=0.2", "--nohorizontal_flip", "--notensorboard", "--seed=3",
)  # fmt: skip
ALL_STEPS = 2 * 5  # 1,347 training images: five batches an epoch


EDGES = (("sep_conv_3x3", 0), ("max_pool_3x3", 1))
GENOTYPE = Genotype(normal=EDGES, normal_concat=(2,), reduce=EDGES, reduce_concat=(2,))


@pytest.fixture(scope="module")
def genotype(tmp_path_factory):
    path = tmp_path_factory.mktemp("genotype") / "genotype.json"
    path.write_text(GENOTYPE.to_json())
    return f"--genotype={path}"


def start(strategy, run_dir, *flags, workers=None, index=0, fault=""):
    environment = {**os.environ, "EOINAS_FAULT": fault}
    if workers:
        environment["TF_CONFIG"] = json.dumps(
            {"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}
        )
    return subprocess.Popen(
        [sys.executable, str(ROOT / "run_eval.py"), *FLAGS, f"--strategy={strategy}", f"--run_dir={run_dir}", *flags],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait(*processes):
    outputs = []
    try:
        for process in processes:
            outputs.append(process.communicate(timeout=400))
    finally:
        for process in processes:
            process.kill()
    return outputs


def loopback_addresses(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = [f"127.0.0.1:{entry.getsockname()[1]}" for entry in sockets]
    for entry in sockets:
        entry.close()
    return addresses


def metrics(run_dir):
    return [json.loads(line) for line in (run_dir / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory, genotype):
    run_dir = tmp_path_factory.mktemp("mirrored") / "run"
    process = start("mirrored", run_dir, genotype, "--logical_cpus=2", "--epochs=2")
    ((_, errors),) = wait(process)
    assert process.returncode == 0, errors
    return run_dir


def test_two_logical_cpus_train_test_and_export(mirrored):
    summary = json.loads((mirrored / "summary.json").read_text())
    assert summary["steps"] == ALL_STEPS
    assert summary["finished"]
    assert (mirrored / "saved_model" / "saved_model.pb").exists()
    assert metrics(mirrored)[1]["train_loss"] < metrics(mirrored)[0]["train_loss"]


def test_two_workers_do_what_two_devices_do(mirrored, genotype, tmp_path):
    run_dir, hosts = tmp_path / "run", loopback_addresses(2)
    processes = [start("multi_worker", run_dir, genotype, "--epochs=2", workers=hosts, index=index) for index in (0, 1)]
    outputs = wait(*processes)
    assert [process.returncode for process in processes] == [0, 0], outputs
    for found, expected in zip(metrics(run_dir), metrics(mirrored), strict=True):
        assert found == pytest.approx(expected, rel=1e-3, abs=1e-3)
    assert (run_dir / "saved_model" / "saved_model.pb").exists()


@pytest.mark.slow
def test_a_worker_that_is_told_to_stop_stops_all_of_them_and_they_continue(genotype, tmp_path):
    def run(folder, faults):
        hosts = loopback_addresses(2)
        processes = [
            start("multi_worker", folder, genotype, "--epochs=6", workers=hosts, index=index, fault=fault)
            for index, fault in enumerate(faults)
        ]
        outputs = wait(*processes)
        return [process.returncode for process in processes], [errors for _, errors in outputs]

    assert run(tmp_path / "whole", ("", ""))[0] == [0, 0]
    statuses, errors = run(tmp_path / "stopped", ("", "after_training_step:12:SIGTERM"))
    assert statuses == [42, 42], errors
    assert "stopped: another worker was told to stop; saved after step 20" in errors[0]
    assert "stopped: SIGTERM received; saved after step 20" in errors[1]
    assert run(tmp_path / "stopped", ("", ""))[0] == [0, 0]
    summaries = [json.loads((tmp_path / folder / "summary.json").read_text()) for folder in ("whole", "stopped")]
    assert [summary["steps"] for summary in summaries] == [30, 30]
    for found, expected in zip(metrics(tmp_path / "stopped"), metrics(tmp_path / "whole"), strict=True):
        assert found == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_workers_without_tf_config_are_told_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    process = start("multi_worker", tmp_path / "run", "--genotype=DARTS_V2", "--epochs=1")
    ((_, errors),) = wait(process)
    assert process.returncode == 1
    assert "error: --strategy=multi_worker needs the environment variable TF_CONFIG" in errors
    assert "Traceback" not in errors
    assert not (tmp_path / "run").exists()
