"""A long run takes no more memory, disk or open files than a short one."""

import json
import os

import pytest
from tiny_runs import GENOTYPE

from eoinas_tf.config import EvaluationConfig
from eoinas_tf.evaluation.evaluation_loop import run_evaluation

pytestmark = pytest.mark.usefixtures("pictures_are_not_drawn")

SHORT, LONG = 20, 120


@pytest.mark.slow
def test_memory_disk_and_open_files_are_bounded(tmp_path):
    genotype = tmp_path / "genotype.json"
    genotype.write_text(json.dumps(GENOTYPE))

    def run(name, epochs):
        config = EvaluationConfig(
            dataset="digits", image_size=(8, 8), cells=3, init_channels=2, batch_size=440, epochs=epochs, drop_path=0.3,
            genotype=str(genotype), run_dir=str(tmp_path / name), checkpoint_every_steps=2,
            cutout_length=2,
        )  # fmt: skip
        run_evaluation(config)
        return len(os.listdir("/proc/self/fd"))

    # The first run opens everything that the process keeps open.
    assert run("short", SHORT) == run("long", LONG)
    lines = [json.loads(line) for line in (tmp_path / "long" / "timing.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == list(range(1, LONG + 1))
    assert lines[-1]["peak_memory_gib"] < 1.05 * lines[SHORT - 1]["peak_memory_gib"]
    assert len(list((tmp_path / "long" / "checkpoints").iterdir())) == 2
    seconds = sum(line["seconds"] for line in lines)
    print(f"peak memory {lines[SHORT - 1]['peak_memory_gib']} -> {lines[-1]['peak_memory_gib']} GiB in {seconds:.0f} s")
