import json
import os
import sys

import pytest
import tensorflow as tf

from eoinas_tf.experiment import run_environment as module
from eoinas_tf.experiment.run_environment import VARIABLES, run_environment

X86 = "processor\t: 0\nmodel name\t: Fast 9000\nflags\t\t: fpu avx2 fma\n\nprocessor\t: 1\nmodel name\t: other\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n"


@pytest.fixture
def cpu_file(tmp_path, monkeypatch):
    """The file in which the system describes its CPUs, for a test to write."""
    path = tmp_path / "cpuinfo"
    monkeypatch.setattr(module, "CPU_FILE", path)
    return path


def test_versions_and_cpus_of_this_process():
    environment = run_environment()
    assert environment["tensorflow"] == tf.__version__
    assert environment["python"] == sys.version.split()[0]
    assert environment["usable_cpus"] == len(os.sched_getaffinity(0))
    assert json.loads(json.dumps(environment)) == environment


@pytest.mark.parametrize("variable", VARIABLES)
def test_the_variables_that_tensorflow_reads(monkeypatch, variable):
    monkeypatch.delenv(variable, raising=False)
    assert run_environment()[variable] is None
    monkeypatch.setenv(variable, "3")
    assert run_environment()[variable] == "3"


@pytest.mark.parametrize(
    ("text", "model", "reordered", "other"),
    [
        (X86, "Fast 9000", ("avx2 fma", "fma avx2"), ("avx2", "avx512f")),
        (ARM, "0x41 0xd0c", ("fp asimd", "asimd fp"), ("asimd", "sve")),
    ],
    ids=["x86", "arm"],
)
def test_the_cpu_s_model_and_instruction_sets(cpu_file, text, model, reordered, other):
    cpu_file.write_text(text)
    before = run_environment()
    assert before["cpu"] == model
    assert len(before["instruction_sets"]) == 16
    cpu_file.write_text(text.replace(*reordered))
    assert run_environment() == before
    cpu_file.write_text(text.replace(*other))
    assert run_environment()["instruction_sets"] != before["instruction_sets"]


def test_what_the_system_does_not_tell_is_none(cpu_file):
    assert run_environment()["instruction_sets"] is None
    cpu_file.write_text("processor : 0\n")
    environment = run_environment()
    assert (environment["cpu"], environment["instruction_sets"]) == (None, None)
