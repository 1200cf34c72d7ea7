import os
import subprocess
import sys

import pytest

from eoinas_tf.command_line import choose_threads
from eoinas_tf.cpu_threads import FEW_CPUS, THREADS_OF_AN_OPERATION, usable_cpus


@pytest.fixture
def threads_after(monkeypatch):
    """Chooses threads on a machine with this many CPUs; returns the resulting value of the variable."""

    def choose(cpus, said=None):
        monkeypatch.setattr(os, "sched_getaffinity", lambda process: range(cpus))
        # Always set, so that the choice made here is undone after the test.
        monkeypatch.setenv(THREADS_OF_AN_OPERATION, said or "")
        if said is None:
            monkeypatch.delenv(THREADS_OF_AN_OPERATION)
        choose_threads()
        return os.environ.get(THREADS_OF_AN_OPERATION)

    return choose


def test_cpus_that_this_process_may_not_use_do_not_count(monkeypatch):
    assert usable_cpus() == len(os.sched_getaffinity(0))
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 5, 6})
    assert usable_cpus() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    assert usable_cpus() == os.cpu_count()


def test_few_cpus_share_no_operation(threads_after):
    assert threads_after(1) == threads_after(FEW_CPUS) == "1"


def test_many_cpus_are_left_to_tensorflow(threads_after, monkeypatch):
    assert threads_after(FEW_CPUS + 1) is None
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    monkeypatch.delattr(os, "sched_getaffinity")
    choose_threads()
    assert THREADS_OF_AN_OPERATION not in os.environ


def test_what_a_user_says_stands(threads_after):
    assert threads_after(FEW_CPUS, said="2") == "2"


def test_tensorflow_starts_as_many_threads_as_it_is_told(monkeypatch):
    program = (
        "import os; os.sched_getaffinity = lambda process: range(2)\n"
        "from eoinas_tf.command_line import choose_threads; choose_threads()\n"
        "import tensorflow as tf; tf.zeros([])\n"
        "print(len(os.listdir('/proc/self/task')))\n"
    )
    counts = []
    for said in (None, "5"):
        if said:
            monkeypatch.setenv(THREADS_OF_AN_OPERATION, said)
        else:
            monkeypatch.delenv(THREADS_OF_AN_OPERATION, raising=False)
        run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        counts.append(int(run.stdout))
    assert counts[1] - counts[0] == 5 - 1
